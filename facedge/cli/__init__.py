"""The `facedge` command: one file a command, each importing its stage only when it runs.

Exit codes: 0 accepted or done, 1 not accepted, 2 error, 130 interrupted.
"""

import sys
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperArgument, TyperCommand, TyperGroup

from facedge.cli import _console
from facedge.cli._examples import epilog
from facedge.errors import FacedgeError, InputError

HELP = "Is it me? Train a small face verifier, export it as one bundle, run it anywhere."
EVERYDAY, MODEL, TOOLS = "Everyday", "A model of your own", "Tools"
GROUPS = {
    "train": (MODEL, "Train the backbone, or a face head on a frozen backbone."),
    "bundle": (TOOLS, "Show a bundle, check it against the format, or bring an older one up to date."),
}
GROUP_CLASSES = {"train": "train:TrainGroup"}
PLACEHOLDERS = {"int": "N", "int range": "N", "float": "NUMBER", "float range": "NUMBER", "path": "PATH", "str": "TEXT"}
# The words of a command: its panel in the help, and where its function is. A command's module imports typer and the
# standard library only; its stage is imported when it runs.
COMMANDS = {
    "enroll": (EVERYDAY, "enroll:enroll"),
    "verify": (EVERYDAY, "verify:verify"),
    "compare": (EVERYDAY, "compare:compare"),
    "list": (EVERYDAY, "people:list_people"),
    "forget": (EVERYDAY, "people:forget"),
    "cameras": (EVERYDAY, "cameras:cameras"),
    "attributes": (EVERYDAY, "attributes:attributes"),
    "prepare": (MODEL, "prepare:prepare"),
    "train all": (MODEL, "train:train"),
    "train backbone": (MODEL, "train:backbone"),
    "train head": (MODEL, "train:head"),
    "export": (MODEL, "export:export"),
    "adopt": (MODEL, "adopt:adopt"),
    "eval": (MODEL, "evaluate:evaluate"),
    "demo": (MODEL, "demo:demo"),
    "bundle show": (TOOLS, "bundle:show"),
    "bundle check": (TOOLS, "bundle:check"),
    "bundle convert": (TOOLS, "bundle:convert"),
    "bench": (TOOLS, "bench:bench"),
    "doctor": (TOOLS, "doctor:doctor"),
}


class Commands(TyperGroup):
    """The command line's top: its commands are listed in the order of COMMANDS."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The first words of COMMANDS that are there."""
        first_words = dict.fromkeys(words.split()[0] for words in COMMANDS)
        return [word for word in first_words if word in super(Commands, self).list_commands(ctx)]


class Command(TyperCommand):
    """A command whose help has whole paragraphs, and N or PATH where Typer would write <int range> or <path>."""

    def __init__(self, name: str | None, **settings: Any) -> None:
        """Join the lines of each paragraph, and name what every option without a name of its own takes."""
        super().__init__(name, **settings)
        self.help = "\n\n".join(" ".join(paragraph.split()) for paragraph in (self.help or "").split("\n\n"))
        for parameter in self.params:
            if parameter.metavar is None and isinstance(parameter, TyperArgument):
                parameter.metavar = str(parameter.name).upper()
            elif parameter.metavar is None and not getattr(parameter, "is_flag", False):
                parameter.metavar = PLACEHOLDERS.get(parameter.type.name)


def application(first_word: str = "") -> typer.Typer:
    """The command line: the commands that begin with `first_word` where there are any, so that a start imports one."""
    asked = [words for words in COMMANDS if words.split()[0] == first_word] or list(COMMANDS)
    settings: dict[str, Any] = {"help_option_names": ["-h", "--help"]}
    app = typer.Typer(
        name="facedge",
        cls=Commands,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        help=HELP,
        context_settings=settings,
    )
    app.callback()(_global_options)
    groups: dict[str, typer.Typer] = {}
    for words in asked:
        panel, place = COMMANDS[words]
        *group, name = words.split()
        if group and group[0] not in groups:
            group_panel, text = GROUPS[group[0]]
            groups[group[0]] = typer.Typer(
                cls=_named(GROUP_CLASSES[group[0]]) if group[0] in GROUP_CLASSES else TyperGroup,
                no_args_is_help=True,
                help=text,
                context_settings=settings,
            )
            app.add_typer(groups[group[0]], name=group[0], rich_help_panel=group_panel)
        target = groups[group[0]] if group else app
        panel_of_top = None if group else panel
        target.command(name, cls=Command, rich_help_panel=panel_of_top, epilog=epilog(words))(_named(place))
    return app


def _named(place: str) -> Any:
    module, name = place.split(":")
    return getattr(import_module(f"facedge.cli.{module}"), name)


def _print_version(wanted: bool) -> None:
    if wanted:
        import facedge

        print(f"facedge {facedge.__version__}")
        raise typer.Exit


def _global_options(
    verbose: bool = typer.Option(False, "-v", "--verbose", help="Print more, and tracebacks of errors."),
    quiet: bool = typer.Option(False, "-q", "--quiet", help="Print results and errors only."),
    version: bool = typer.Option(
        False, "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
    ),
) -> None:
    _console.set_verbosity(verbose=verbose, quiet=quiet)


def hoist_verbosity(argv: list[str]) -> list[str]:
    """Move `-v` and `-q` to the front: they mean the same after the command's name, and Click wants them before it."""
    end = argv.index("--") if "--" in argv else len(argv)
    flags = {"-v", "--verbose", "-q", "--quiet"}
    front = [a for a in argv[:end] if a in flags]
    return front + [a for a in argv[:end] if a not in flags] + argv[end:]


def refuse_empty(args: list[str]) -> None:
    """InputError for an argument or an option's value that is empty: as a path it would mean the working folder."""
    for before, text in zip(["", *args], args, strict=False):
        option, assigned, value = text.partition("=") if text.startswith("--") else (before, "=", text)
        if assigned and not value.strip():
            where = f"after {option}" if option.startswith("-") else "as an argument"
            raise InputError(f"expected a value, got an empty value {where}: leave it out or give one")


def main(argv: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    _console.prepare_streams()
    args = hoist_verbosity(sys.argv[1:] if argv is None else argv)
    words = [word for word in args if not word.startswith("-")]
    try:
        refuse_empty(args)
        code = application(words[0] if words else "")(args=args, prog_name="facedge", standalone_mode=False)
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
        _console.trace(problem)
    _console.error(sentence)
    return 2


def _report_unexpected(problem: Exception) -> int:
    message = getattr(problem, "format_message", None)  # a usage error of Click
    context = getattr(problem, "ctx", None)
    if callable(message) and type(problem).__name__ == "NoArgsIsHelpError":
        print(message())
        return 2
    if callable(message):
        hint = f" ({context.command_path} -h shows what it takes)" if context is not None else ""
        _console.error(message().rstrip(". ") + hint)
        return 2
    if isinstance(problem, OSError) and problem.strerror:
        where = problem.filename or "stdout"
        return _report(
            problem, f"{where}: {problem.strerror}: check the path, its permissions and the room on its disk"
        )
    return _report(problem, f"unexpected {type(problem).__name__}: {problem} (run again with -v for the traceback)")


def _close_stdout() -> int:
    """The reader of our output is gone (`facedge ... | head`): end without a message."""
    sys.stdout = None
    return 2
