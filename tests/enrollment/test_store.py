"""Where people are kept, and that forgetting leaves nothing."""

from pathlib import Path

import pytest

pytest.importorskip("onnx")

from live_bundle import write_template
from tiny_bundle import write_tiny

from facedge.errors import BundleError, InputError
from facedge.runtime.enrollment import home


@pytest.fixture(autouse=True)
def own_data_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "xdg"))
    return tmp_path / "xdg" / "facedge"


def test_the_home_is_private(own_data_home: Path) -> None:
    assert home.private_home() == own_data_home
    assert own_data_home.stat().st_mode & 0o777 == 0o700
    own_data_home.chmod(0o755)
    home.private_home()
    assert own_data_home.stat().st_mode & 0o777 == 0o700


def test_a_relative_xdg_directory_is_ignored(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    assert home.data_home() == Path.home() / ".local" / "share" / "facedge"


@pytest.mark.parametrize("name", ["", "..", "../ana", "a/b", ".hidden", "-x", "a\0b", "x" * 200])
def test_names_that_could_lead_astray_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="expected a name"):
        home.bundle_of(name)


def test_names_of_any_script() -> None:
    assert home.bundle_of("Åsa 2").name == "Åsa 2.facedge"
    assert home.bundle_of("ana.facedge").name == "ana.facedge"


def test_a_person_is_found_by_name_or_as_the_only_one() -> None:
    assert home.resolve(None) is None
    ana = write_tiny(home.bundle_of("ana")).path
    assert home.resolve(None) == ana
    assert home.resolve(Path("ana")) == ana
    assert home.resolve(Path("nobody")) == Path("nobody")
    write_tiny(home.bundle_of("ben"))
    assert home.resolve(None) is None


def test_forgetting_deletes_everything_and_says_so() -> None:
    ana = write_tiny(home.bundle_of("ana")).path
    attempts = home.attempts_file(ana)
    attempts.write_text("{}")
    deleted = home.forget(ana)
    assert not ana.exists()
    assert not attempts.exists()
    assert {path.name for path in deleted} >= {"ana.facedge", "head.onnx", attempts.name}


def test_only_people_can_be_forgotten(tmp_path: Path) -> None:
    template = write_template(tmp_path / "t.facedge", people=8).path
    with pytest.raises(BundleError, match="nobody is enrolled"):
        home.forget(template)
    with pytest.raises(BundleError, match="no personal bundle there"):
        home.forget(tmp_path / "nothing.facedge")
    (tmp_path / "link.facedge").symlink_to(template)
    with pytest.raises(BundleError, match="no personal bundle there"):
        home.forget(tmp_path / "link.facedge")
    assert template.exists()


def test_a_damaged_person_can_still_be_forgotten() -> None:
    ana = write_tiny(home.bundle_of("ana")).path
    (ana / "manifest.json").write_text("{}")
    home.forget(ana)
    assert not ana.exists()
