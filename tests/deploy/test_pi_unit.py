"""The Pi's service: its command is one that facedge has, and its rights are the least."""

import re
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).resolve().parents[2] / "deploy" / "pi" / "facedge@.service"


def settings() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in UNIT.read_text().splitlines():
        if "=" in line and not line.startswith("#"):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found


def test_its_command_is_one_that_facedge_understands() -> None:
    from typer.testing import CliRunner

    from facedge.cli import application

    command = shlex.split(settings()["ExecStart"][0])
    assert command[:2] == ["/opt/facedge/bin/facedge", "verify"]
    help_text = re.sub(
        r"\x1b\[[0-9;]*m", "", CliRunner().invoke(application(), ["verify", "--help"], env={"COLUMNS": "200"}).output
    )
    for option in (word for word in command if word.startswith("--")):
        assert option in help_text


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("User", "facedge"),
        ("PrivateNetwork", "yes"),
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("ProtectSystem", "strict"),
        ("ProtectHome", "yes"),
        ("DevicePolicy", "closed"),
        ("StateDirectoryMode", "0700"),
        ("UMask", "0077"),
    ],
)
def test_its_rights_are_the_least(key: str, value: str) -> None:
    assert settings()[key] == [value]


def test_systemd_understands_it(tmp_path: Path) -> None:
    tool = shutil.which("systemd-analyze")
    if tool is None:
        pytest.skip("systemd-analyze is not installed")
    unit = tmp_path / "facedge@ana.service"
    unit.write_text(UNIT.read_text().replace("/opt/facedge/bin/facedge", "/bin/true"))
    done = subprocess.run([tool, "verify", str(unit)], capture_output=True, text=True, check=False)
    assert "Unknown" not in done.stderr, done.stderr
