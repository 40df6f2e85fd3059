"""The `facedge` command: one file a command, each importing its stage only when it runs.

Exit codes: 0 accepted or done, 1 not accepted, 2 error, 130 interrupted.
"""

import sys
import traceback
from importlib import import_module

import typer

from facedge.cli import _console
from facedge.errors import FacedgeError

HELP = "Is it me? Train a small face verifier, export it as one bundle, run it anywhere."
GROUPS = {
    "train": "Train the backbone, or a face head on a frozen backbone.",
    "bundle": "Look into a bundle, or check it.",
}
# One line a command: its words, and where its function is. A command's module imports typer and the standard library
# only; its stage comes when it runs.
COMMANDS = {
    "prepare": "prepare:prepare",
    "train backbone": "train:backbone",
    "train head": "train:head",
    "export": "export:export",
    "cameras": "cameras:cameras",
    "enroll": "enroll:enroll",
    "forget": "forget:forget",
    "verify": "verify:verify",
    "attributes": "attributes:attributes",
    "eval": "evaluate:evaluate",
    "bench": "bench:bench",
    "demo": "demo:demo",
    "doctor": "doctor:doctor",
    "bundle show": "bundle:show",
    "bundle check": "bundle:check",
}


def application(first_word: str = "") -> typer.Typer:
    """The command line: what begins with `first_word` where that is a command, so that a start pays for it alone."""
    asked = [words for words in COMMANDS if words.split()[0] == first_word] or list(COMMANDS)
    app = typer.Typer(
        name="facedge", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=HELP
    )
    app.callback()(_verbosity)
    groups = {name: typer.Typer(no_args_is_help=True, help=text) for name, text in GROUPS.items()}
    for name in dict.fromkeys(words.split()[0] for words in asked):
        if name in groups:
            app.add_typer(groups[name], name=name)
    for words in asked:
        module, function = COMMANDS[words].split(":")
        *group, name = words.split()
        place = groups[group[0]] if group else app
        place.command(name)(getattr(import_module(f"facedge.cli.{module}"), function))
    return app


def _verbosity(
    verbose: bool = typer.Option(False, "-v", "--verbose", help="Say more, and show tracebacks."),
    quiet: bool = typer.Option(False, "-q", "--quiet", help="Say nothing but results and errors."),
) -> None:
    _console.set_verbosity(verbose=verbose, quiet=quiet)


def hoist_verbosity(argv: list[str]) -> list[str]:
    """`-v` and `-q` mean the same before and after the command's name; Click wants them before it."""
    end = argv.index("--") if "--" in argv else len(argv)
    flags = {"-v", "--verbose", "-q", "--quiet"}
    front = [a for a in argv[:end] if a in flags]
    return front + [a for a in argv[:end] if a not in flags] + argv[end:]


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    args = hoist_verbosity(sys.argv[1:] if argv is None else argv)
    try:
        code = application(args[0] if args else "")(args=args, prog_name="facedge", standalone_mode=False)
    except typer.Exit as stop:
        code = stop.exit_code
    except (typer.Abort, KeyboardInterrupt):  # Click turns ctrl-C into Abort
        _console.error("interrupted")
        code = 130
    except FacedgeError as problem:
        code = _report(problem, str(problem))
    except BrokenPipeError:
        code = _close_stdout()
    except Exception as problem:
        code = _report_unexpected(problem)
    sys.exit(code if isinstance(code, int) else 0)


def _report(problem: BaseException, sentence: str) -> int:
    if _console.verbose():
        traceback.print_exception(problem)
    _console.error(sentence)
    return 2


def _report_unexpected(problem: Exception) -> int:
    show = getattr(problem, "show", None)  # a Click usage error knows how to print itself
    if callable(show):
        show()
        return 2
    if isinstance(problem, OSError) and problem.strerror:
        where = f" ({problem.filename})" if problem.filename else ""
        return _report(problem, f"{problem.strerror}{where}")
    return _report(problem, f"unexpected {type(problem).__name__}: {problem} (run again with -v for the traceback)")


def _close_stdout() -> int:
    """The reader of our output went away (`facedge ... | head`): stop quietly."""
    sys.stdout = None
    return 2
