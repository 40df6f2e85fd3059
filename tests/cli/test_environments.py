"""`facedge` in poor environments: closed streams, odd encodings, few packages."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from PIL import Image
from tiny_bundle import crop

from facedge.errors import RunError, StorageError
from facedge.report.render import write_report
from facedge.train.run_folder import writing

ROOT = Path(__file__).resolve().parents[2]
BASE_ONLY = """
import importlib.util, sys
absent = {"torch", "onnx", "onnxscript", "cv2", "matplotlib", "safetensors", "picamera2", "pillow_heif"}
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in absent:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, package=None: None if name.split(".")[0] in absent else find_spec(name, package)
"""


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    Image.fromarray(crop(0)).save(tmp_path / "me.png")
    return tmp_path / "me.png"


def facedge(*args: object, shell: str = "", **env: str) -> subprocess.CompletedProcess[bytes]:
    """Run the command line as a process: with redirections of a shell, in another environment."""
    words = [sys.executable, "-m", "facedge", *map(str, args)]
    command = ["sh", "-c", f"{shlex.join(words)} {shell}"] if shell else words
    environment = dict(os.environ) | env
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (env.get("PYTHONPATH"), str(ROOT))))
    return subprocess.run(command, capture_output=True, env=environment, check=False)


@pytest.mark.parametrize(
    ("shell", "code"), [(">&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 0), ("-b no/such.facedge >&- 2>&-", 2)]
)
def test_closed_streams(tiny_bundle: Path, photo: Path, shell: str, code: int) -> None:
    done = facedge("verify", photo, "-b", tiny_bundle, shell=shell)
    assert done.returncode == code, done.stderr
    assert b"Traceback" not in done.stderr and b"unexpected" not in done.stderr


def test_messages_of_a_closed_stderr_are_not_in_stdout(tiny_bundle: Path, tmp_path: Path) -> None:
    done = facedge("verify", tmp_path / "absent.png", "-b", tiny_bundle, "--json", shell="2>&-")
    assert (done.returncode, done.stdout) == (2, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    ("shell", "code", "message"),
    [
        ("> /dev/full", 2, b"facedge: error: stdout: No space left on device: check the path"),
        ("--json > /dev/full", 2, b"facedge: error: stdout: No space left on device: check the path"),
        ("2> /dev/full", 0, b""),  # messages are lost, the answer is not
        ("> /dev/full 2>&1", 2, b""),
        ("-b no/such.facedge 2> /dev/full", 2, b""),
    ],
)
def test_streams_that_cannot_be_written(tiny_bundle: Path, photo: Path, shell: str, code: int, message: bytes) -> None:
    done = facedge("verify", photo, "-b", tiny_bundle, shell=shell)
    assert done.returncode == code
    assert message in done.stderr and b"Traceback" not in done.stderr
    assert (b"accept" in done.stdout) == (code == 0)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_help_and_lists_that_cannot_be_written(tmp_path: Path) -> None:
    for words in (["--help"], ["--version"], ["list"]):
        done = facedge(*words, shell="> /dev/full", XDG_DATA_HOME=str(tmp_path))
        assert done.returncode == (1 if words == ["list"] else 2), words  # nobody is enrolled, and nothing is printed
        assert b"Traceback" not in done.stderr


IN_PROC = pytest.mark.skipif(not Path("/proc/self").exists(), reason="/proc is the folder in which nothing can be made")


@IN_PROC
@pytest.mark.parametrize(
    "words", ["bundle convert tiny.facedge -o /proc/x.facedge", "demo -o /proc/demo", "demo -o /dev/null/demo"]
)
def test_an_output_that_cannot_be_written_is_one_sentence(tiny_bundle: Path, words: str) -> None:
    done = facedge(*(word.replace("tiny.facedge", str(tiny_bundle)) for word in words.split()))
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(b"facedge: error: cannot write to /")


@IN_PROC
def test_folders_of_reports_and_runs_that_cannot_be_made() -> None:
    for place in ("/proc/x", "/dev/null/x"):
        with pytest.raises(StorageError, match=f"cannot write to {place}"):
            write_report({}, place)
        with pytest.raises(RunError, match=f"cannot write to {place}"), writing(Path(place)):
            pass


@pytest.mark.parametrize(
    "env",
    [
        {"PYTHONIOENCODING": "cp1252"},
        {"PYTHONIOENCODING": "ascii"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
        {"TERM": "dumb"},
    ],
)
def test_file_names_of_any_bytes_in_every_encoding(tiny_bundle: Path, photo: Path, env: dict[str, str]) -> None:
    folder = photo.parent / "odd"
    folder.mkdir()
    for name in (b"a\xff.png", b"b\naccept  0.9999  c.png", b"d\x1b[31m.png", "日本.png".encode()):
        (folder / os.fsdecode(name)).write_bytes(photo.read_bytes())
    done = facedge("verify", folder, "-b", tiny_bundle, **env)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.decode("latin-1").splitlines()
    assert len(lines) == 4 and all(line.startswith("accept  0.8808  ") for line in lines)
    assert b"\x1b" not in done.stdout + done.stderr
    records = [
        json.loads(line) for line in facedge("verify", folder, "-b", tiny_bundle, "--json", **env).stdout.splitlines()
    ]
    ascii_names = "PYTHONUTF8" in env  # Python then reads no byte of a name as UTF-8
    assert [Path(record["probe"]).name for record in records] == [
        "a\\xff.png",
        "b\naccept  0.9999  c.png",
        "d\x1b[31m.png",
        r"\xe6\x97\xa5\xe6\x9c\xac.png" if ascii_names else "日本.png",
    ]


@pytest.mark.parametrize(
    ("words", "package", "extra"),
    [
        ("train faces", "torch", "train"),
        ("train backbone faces -o x", "torch", "train"),
        ("train head run --me a --others b -o x", "torch", "train"),
        ("export run -o x.facedge", "torch", "train"),
        ("demo -o x", "torch", "train"),
        ("eval run --faces faces -o x", "torch", "train"),
        ("cameras", "cv2", "camera"),
        ("verify --camera http://127.0.0.1:9/ -b tiny.facedge", "OpenCV", "camera"),
        ("verify photo.heic -b tiny.facedge", "HEIC", "heic"),
    ],
)
def test_missing_packages_are_named_with_their_pip_line(
    tiny_bundle: Path, tmp_path: Path, words: str, package: str, extra: str
) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(BASE_ONLY)
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.json").write_text("{}")
    (tmp_path / "photo.heic").write_bytes(b"\0\0\0\x18ftypheic" + bytes(20))
    args = [word.replace("tiny.facedge", str(tiny_bundle)) for word in words.split()]
    args = [str(tmp_path / word) if word in ("run", "photo.heic") else word for word in args]
    done = facedge(*args, PYTHONPATH=str(tmp_path / "site"))
    assert done.returncode == 2
    error = done.stderr.decode().splitlines()[0]
    assert package in error and f"pip install 'facedge[{extra}]'" in error, error
