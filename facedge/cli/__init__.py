"""The `facedge` command: one file a command, each importing its stage only when it runs.

Exit codes: 0 accepted or done, 1 not accepted, 2 error, 130 interrupted.
"""

import sys
import traceback

import typer

from facedge.cli import _console
from facedge.errors import FacedgeError

app = typer.Typer(
    name="facedge",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Is it me? Train a small face verifier, export it as one bundle, run it anywhere.",
)
train_app = typer.Typer(no_args_is_help=True, help="Train the backbone, or a face head on a frozen backbone.")
bundle_app = typer.Typer(no_args_is_help=True, help="Look into a bundle, or check it.")
app.add_typer(train_app, name="train")
app.add_typer(bundle_app, name="bundle")


@app.callback()
def _options(
    verbose: bool = typer.Option(False, "-v", "--verbose", help="Say more, and show tracebacks."),
    quiet: bool = typer.Option(False, "-q", "--quiet", help="Say nothing but results and errors."),
) -> None:
    """Is it me? Train a small face verifier, export it as one bundle, run it anywhere."""
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
        code = app(args=args, prog_name="facedge", standalone_mode=False)
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


# One line a command. A command's module imports typer and the standard library only; its stage comes when it runs.
from facedge.cli import attributes as _attributes  # noqa: E402
from facedge.cli import bench as _bench  # noqa: E402
from facedge.cli import bundle as _bundle  # noqa: E402
from facedge.cli import cameras as _cameras  # noqa: E402
from facedge.cli import demo as _demo  # noqa: E402
from facedge.cli import doctor as _doctor  # noqa: E402
from facedge.cli import enroll as _enroll  # noqa: E402
from facedge.cli import evaluate as _evaluate  # noqa: E402
from facedge.cli import export as _export  # noqa: E402
from facedge.cli import forget as _forget  # noqa: E402
from facedge.cli import prepare as _prepare  # noqa: E402
from facedge.cli import train as _train  # noqa: E402
from facedge.cli import verify as _verify  # noqa: E402

app.command("prepare")(_prepare.prepare)
train_app.command("backbone")(_train.backbone)
train_app.command("head")(_train.head)
app.command("export")(_export.export)
app.command("cameras")(_cameras.cameras)
app.command("enroll")(_enroll.enroll)
app.command("forget")(_forget.forget)
app.command("verify")(_verify.verify)
app.command("attributes")(_attributes.attributes)
app.command("eval")(_evaluate.evaluate)
app.command("bench")(_bench.bench)
app.command("demo")(_demo.demo)
app.command("doctor")(_doctor.doctor)
bundle_app.command("show")(_bundle.show)
bundle_app.command("check")(_bundle.check)
