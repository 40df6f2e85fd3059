"""The pages: every block prints what is printed there, every figure is a measured one, every link leads somewhere."""

import hashlib
import json
import re
import runpy
import shlex
import tomllib
from pathlib import Path

import pytest
from command_line import command_of
from figures import MARKER, fill
from pages import ROOT, Place, abridged, blocks, commands, fits, pages, run_page, same_line

from facedge.cli import COMMANDS

REPOSITORY = re.compile(r"https://github\.com/facedge/facedge/(?:tree|blob)/main/([^)\s#]*)")
LINK = re.compile(r"\]\(([^)\s]+)\)")
CARD = "facedge/models/MODEL_CARD.md"
NAMES = [path.relative_to(ROOT).as_posix() for path in pages()]


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_page_prints_what_its_blocks_print(name: str, tmp_path: Path, detector: None) -> None:
    """Where it does not, `python docs/scripts/pages.py PAGE --write` brings today's output into the page."""
    page = (ROOT / name).read_text(encoding="utf-8")
    if not any(block.language in ("console", "python") for block in blocks(page)):
        return
    pytest.importorskip("cv2")
    assert run_page(page, Place(tmp_path)) == page


@pytest.mark.parametrize("name", [*NAMES, CARD])
def test_figures_are_those_of_the_measurements(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    assert fill(page) == page


def test_the_model_card_is_of_the_models_that_are_shipped() -> None:
    """A new calibration table changes the bundle's sha256 and no figure, so the card names the backbone's."""
    card = (ROOT / CARD).read_text(encoding="utf-8")
    backbone = (ROOT / "facedge" / "models" / "edge.facedge" / "backbone.int8.onnx").read_bytes()
    found = re.search(r"whose `backbone\.int8\.onnx` has the sha256 `([0-9a-f]{16})`", " ".join(card.split()))
    assert found is not None
    assert hashlib.sha256(backbone).hexdigest().startswith(found[1])


@pytest.mark.parametrize("name", NAMES)
def test_lists_and_paragraphs_are_not_broken_in_two(name: str) -> None:
    """Python-Markdown ends a paragraph before a line that begins with a comment, and joins a list to one before it."""
    page = (ROOT / name).read_text(encoding="utf-8")
    assert not re.findall(r"^.*\S.*\n<!--from.*", page, flags=re.MULTILINE)
    assert not re.findall(r"^- .*\n(?:  .*\n)*\n1\. .*", page, flags=re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_every_command_of_a_page_exists(name: str) -> None:
    """Options are checked by the command line itself; nothing runs."""
    page = (ROOT / name).read_text(encoding="utf-8")
    for block in blocks(page):
        if block.language not in ("sh", "console", "ini"):
            continue
        text = "\n".join(re.sub(r"^\$ ", "", line) for line in block.text.splitlines() if typed(line, block.language))
        for command in commands(text):
            check_command(command)


def typed(line: str, language: str) -> bool:
    """Whether a line of a block is a command, and no output of one."""
    return language == "sh" or line.startswith("$ ")


def check_command(command: str) -> None:
    words = [word for word in shlex.split(command)[1:] if word not in ("-v", "-q")]
    if not words or words[0].startswith("-"):
        assert words in (["--version"], ["-h"], ["--install-completion"], []), command
        return
    depth = next((n for n in (2, 1) if " ".join(words[:n]) in COMMANDS), 0)
    path = " ".join(words[:depth]) if depth else f"{words[0]} all"
    assert path in COMMANDS, f"no such command: {command}"
    found, _ = command_of(path)
    found.make_context(path, words[max(1, depth) :])


@pytest.mark.parametrize("name", NAMES)
def test_links_lead_somewhere(name: str) -> None:
    path = ROOT / name
    page = path.read_text(encoding="utf-8")
    for target in REPOSITORY.findall(page):
        assert (ROOT / target).exists(), target
    for target in LINK.findall(page):
        if "://" in target or target.startswith("#"):
            continue
        file, _, heading = target.partition("#")
        linked = path.parent / file
        made = ("docs/command-line.md", "docs/pictures/web.jpg")
        if linked.resolve().relative_to(ROOT).as_posix() in made:
            continue
        assert linked.exists(), target
        if heading and linked.suffix == ".md":
            assert heading in anchors(linked.read_text(encoding="utf-8")), target


def anchors(page: str) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site make them."""
    titles = re.findall(r"^#+ (.*)$", page, flags=re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def test_the_repository_is_named_alike_everywhere() -> None:
    site = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    module = json.loads((ROOT / "deploy" / "node" / "package.json").read_text())  # npm compares it with the provenance
    assert site["repo_url"] == package["urls"]["Repository"]
    assert module["repository"]["url"] == f"git+{site['repo_url']}.git"


def test_every_page_is_in_the_navigation() -> None:
    site = (ROOT / "zensical.toml").read_text()
    listed = set(re.findall(r'"([\w-]+\.md)"', site))
    assert listed == {path.name for path in (ROOT / "docs").glob("*.md")} | {"command-line.md"}


def test_figures_are_found_by_row_and_column(tmp_path: Path) -> None:
    page = "x <!--from benchmarks/results/conditions.md: clean / FRR of scored-->0 %<!--/--> y"
    assert re.fullmatch(r"x <!--from [^>]*-->[\d.]+ %<!--/--> y", fill(page))
    with pytest.raises(LookupError, match="no row with"):
        fill("<!--from benchmarks/results/conditions.md: nothing / FRR of scored-->0 %<!--/-->")
    assert MARKER.search(page)


def test_a_photo_has_one_score_in_all_pages() -> None:
    """Each block allows for other JPEG decoders; a reader compares the blocks, and asks why two scores differ."""
    scores: dict[str, set[str]] = {}
    for name in NAMES:
        for block in blocks((ROOT / name).read_text(encoding="utf-8")):
            for line in re.findall(r"^(?:accept|reject)  (\d.*)", block.text, flags=re.MULTILINE):
                score, probe, *notes = re.split(r"  +", line)
                if not any(re.match(r"face [2-9] of", note) for note in notes):
                    scores.setdefault(probe, set()).add(score)
    assert scores["photo.jpg"]
    assert not {probe: found for probe, found in scores.items() if len(found) > 1}


def test_output_is_compared_to_the_letter_but_for_small_numbers() -> None:
    assert same_line("accept  0.9999  a.jpg", "accept  0.9981  a.jpg")
    assert not same_line("accept  0.9999  a.jpg", "accept  0.8  a.jpg")
    assert not same_line("accept  0.9999  a.jpg", "reject  0.9999  a.jpg")
    assert same_line("36.1 ms an image", "120.0 ms an image")
    assert not same_line("accept  0.9999  a.jpg", "accept  0.9981  a.jpg", exact=True)
    assert same_line("36.1 ms an image", "120.0 ms an image", exact=True)
    assert abridged("accept  0.9999  a.jpg\n", "accept  0.9981  a.jpg\n", exact=True) == "accept  0.9981  a.jpg\n"
    assert fits(["a", "...", "z"], ["a", "b", "c", "z"])
    assert not fits(["a", "...", "z"], ["a", "b"])
    assert not fits(["a"], ["a", "b"]) and not fits(["a", "b"], ["a"])


def test_commands_in_a_text() -> None:
    text = "facedge enroll ana --from a \\\n  --far 1%  # a comment\n. x && facedge verify p -b ana && echo yes\n"
    assert list(commands('facedge verify p; echo "exit code $?"')) == ["facedge verify p"]
    assert list(commands(text)) == ["facedge enroll ana --from a --far 1%", "facedge verify p -b ana"]


def test_one_version_in_every_package() -> None:
    """The release workflow compares them with the tag."""
    package = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

    def once(pairs: list[tuple[str, object]]) -> dict[str, object]:
        assert len({key for key, _ in pairs}) == len(pairs), "a key stands twice"
        return dict(pairs)

    module = json.loads((ROOT / "deploy" / "node" / "package.json").read_text(), object_pairs_hook=once)
    assert module["version"] == package
    assert "private" not in module  # it is published


@pytest.mark.parametrize("name", ["README.md", "docs/quickstart.md"])
def test_what_a_reader_draws_is_ignored_by_git(name: str) -> None:
    page = (ROOT / name).read_text(encoding="utf-8")
    folders = re.findall(r"^python docs/scripts/drawn_photos\.py (\S+) && cd \1\b", page, flags=re.MULTILINE)
    assert len(folders) == 1
    assert f"/{folders[0]}/" in (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()


def test_drawing_needs_a_folder_and_no_camera_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import drawn_photos

    assert drawn_photos.main([]) == 2
    assert "FOLDER" in capsys.readouterr().err
    monkeypatch.setattr(drawn_photos, "find_spec", lambda _: None)
    assert drawn_photos.main([str(tmp_path / "faces")]) == 0
    assert "facedge[camera]" in capsys.readouterr().out
    assert not (tmp_path / "faces" / "clip.avi").exists()
    assert len(list((tmp_path / "faces" / "photos" / "ana").iterdir())) == len(drawn_photos.ENROLLED[drawn_photos.ANA])


def test_the_page_on_the_package_index_has_no_relative_link(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("Cython")
    monkeypatch.chdir(ROOT)
    page = runpy.run_path(str(ROOT / "setup.py"), run_name="facedge_setup")["index_page"]()
    links = LINK.findall(page)
    assert len(links) == len(LINK.findall((ROOT / "README.md").read_text(encoding="utf-8"))) > 20
    assert all(link.startswith("https://") for link in links), links
    assert "](https://github.com/facedge/facedge/raw/main/docs/pictures/live.svg)" in page
    assert all((ROOT / target).exists() for target in REPOSITORY.findall(page))
    assert "<!--" not in page
