"""Options and help: rates as people write them, examples that are valid, and one spelling for one option."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from command_line import command_of, run
from PIL import Image

from facedge.cli import COMMANDS, main
from facedge.cli._examples import EXAMPLES
from facedge.cli._options import names_of_people, rate


@pytest.mark.parametrize(
    ("text", "value"),
    [("1%", 0.01), ("0.5%", 0.005), ("0.1 %", 0.001), ("0.02", 0.02), ("1e-3", 1e-3), ("0", 0.0), ("100%", 1.0)],
)
def test_rates(text: str, value: float) -> None:
    assert rate(text) == pytest.approx(value)


@pytest.mark.parametrize("text", ["", "%", "1", "1.0", "5", "-1%", "101%", "nan", "inf%", "one", "1 percent"])
def test_what_is_no_rate(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"expected a rate such as 0\.1% or 0\.001"):
        rate(text)


def parameters(words: str) -> dict[str, Any]:
    return {option: parameter for parameter in command_of(words)[0].params for option in parameter.opts}


def test_every_command_has_examples() -> None:
    assert set(EXAMPLES) == set(COMMANDS)
    assert all(2 <= len(examples) <= 3 for examples in EXAMPLES.values())


@pytest.mark.parametrize(("words", "example"), [(words, line) for words, lines in EXAMPLES.items() for line in lines])
def test_an_example_is_valid(words: str, example: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its options exist and their values are converted; nothing runs."""
    command, path = command_of(words)
    typed = [word for word in path if word != "all"]  # the default of `train`
    assert shlex.split(example)[: len(typed) + 1] == ["facedge", *typed]
    command.make_context(words, shlex.split(example)[len(typed) + 1 :])


@pytest.mark.parametrize("words", COMMANDS)
@pytest.mark.parametrize("flag", ["-h", "--help"])
def test_help_ends_with_the_examples(words: str, flag: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main([*words.split(), flag])
    assert stop.value.code == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert shown.endswith(" ".join(("Examples:", *EXAMPLES[words])))


@pytest.mark.parametrize("words", COMMANDS)
def test_one_option_has_one_spelling(words: str) -> None:
    found = parameters(words)
    assert "--out" not in found
    assert found.get("-o") is found.get("--output")
    assert found.get("-b") is found.get("--bundle")


@pytest.mark.parametrize(("words", "option"), [(w, o) for w in COMMANDS for o in ("--far", "--max-bad")])
def test_rates_are_read_alike_everywhere(words: str, option: str) -> None:
    parameter = parameters(words).get(option)
    if parameter is not None:
        assert parameter.type.convert("0.5%", parameter, None) == pytest.approx(0.005)
        assert parameter.metavar == "RATE"


@pytest.mark.parametrize(
    ("words", "option", "choices"),
    [
        ("train backbone", "--arch", ["edge", "plain"]),
        ("train all", "--device", ["auto", "cpu", "cuda"]),
        ("eval", "--partition", ["train", "validation", "test"]),
        ("enroll", "--faces", ["largest", "center", "only"]),
        ("verify", "--faces", ["largest", "center", "only", "any"]),
    ],
)
def test_choices_are_choices(words: str, option: str, choices: list[str]) -> None:
    assert list(parameters(words)[option].type.choices) == choices


def shown_help(words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    with pytest.raises(SystemExit):
        main([*words.split(), "-h"])
    return capsys.readouterr().out


@pytest.mark.parametrize("words", ["", *COMMANDS])
def test_help_fits_80_columns_and_names_what_each_option_takes(
    words: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = shown_help(words, monkeypatch, capsys)
    assert max(map(len, text.splitlines())) <= 80
    assert not re.search(r"--[a-z-]+ .*<(path|str|int|float|int range|float range)>", text)
    if words:
        command, _ = command_of(words)
        assert all(parameter.help for parameter in command.params)


def test_the_everyday_commands_come_first(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    text = shown_help("", monkeypatch, capsys)
    places = [text.index(f"│ {word} ") for word in dict.fromkeys(words.split()[0] for words in COMMANDS)]
    assert places == sorted(places)
    assert text.index(" Everyday ") < text.index(" A model of your own ") < text.index(" Tools ")


def test_the_shell_completes_names_of_people(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ana", "anton", "bea"):
        (tmp_path / f"{name}.facedge").mkdir()
        (tmp_path / f"{name}.facedge" / "manifest.json").write_text("{}")
    monkeypatch.setattr("facedge.bundle.resolve.data_home", lambda: tmp_path)
    assert names_of_people("an") == ["ana", "anton"]


@pytest.mark.parametrize(
    "args", ["verfy", "verify --nope", "verify --far 7", "train backbone x", "verify a --threads 0"]
)
def test_a_wrong_call_is_one_sentence_with_the_way_to_the_help(args: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        main(args.split())
    shown = capsys.readouterr()
    assert (stop.value.code, shown.out) == (2, "")
    assert shown.err.startswith("facedge: error: ") and shown.err.endswith("-h shows what it takes)\n")
    assert shown.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "where"),
    [
        ("enroll ana --from {}", "after --from"),
        ("enroll ana --from photos --impostors {}", "after --impostors"),
        ("enroll ana --from photos -o {}", "after -o"),
        ("enroll {} --from photos", "as an argument"),
        ("verify photo.jpg -b {}", "after -b"),
        ("compare a.jpg {}", "as an argument"),
        ("attributes {}", "as an argument"),
        ("forget {} --yes", "as an argument"),
        ("prepare {} -o faces", "as an argument"),
        ("train backbone {} -o run", "as an argument"),
        ("export {} -o x.facedge", "as an argument"),
        ("bundle show {}", "as an argument"),
        ("bench --photo {}", "after --photo"),
        ("demo -o {}", "after -o"),
        ("doctor -- {}", "after --"),
    ],
)
@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_value_is_never_the_working_folder(
    words: str,
    where: str,
    empty: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(*(empty if word == "{}" else word for word in words.split())) == 2
    shown = capsys.readouterr()
    assert f"got an empty value {where}: " in shown.err
    assert shown.err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_option_may_be_empty_after_an_equals_sign_either(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("enroll", "ana", "--from=") == 2
    assert "got an empty value after --from" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        "verify photo.png -b nobody",
        "verify --camera 0 -b nobody",
        "attributes photo.png -b nobody",
        "compare photo.png photo.png -b nobody",
        "enroll ana --from . -b nobody",
        "enroll nobody --from . --update",
        "bundle show nobody",
        "bundle check nobody",
        "bundle convert nobody -o x.facedge",
        "bench -b nobody",
        "eval nobody --faces faces -o report",
    ],
)
def test_every_command_takes_a_person_s_name(
    words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A folder of that name in the working folder is never meant."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    monkeypatch.delenv("FACEDGE_BUNDLE", raising=False)
    (tmp_path / "nobody").mkdir()
    Image.new("RGB", (178, 218)).save(tmp_path / "photo.png")
    assert run(*words.split()) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.search(r"nobody called 'nobody' is enrolled|nobody\.facedge: expected a bundle directory", shown.err)
