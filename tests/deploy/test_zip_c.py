"""NAME.facedge.zip in the C host: opened from a path and from memory, and refused where facedge refuses it."""

import ctypes
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.importorskip("onnx")
import tiny_bundle
from bundle_mutations import fresh, mutations
from libfacedge import BAD_BUNDLE, HOST, NO_ENGINE, OK, Library, photo_of
from zips import DEFLATED, bad_zips, build, entries_of, sound_zips

from facedge.bundle import Bundle, read_bundle, write_bundle
from facedge.errors import BundleError
from facedge.runtime.golden import golden_files

Read = Callable[[bytes], tuple[int, str]]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "tiny.facedge"
    files, manifest = tiny_bundle.files(), tiny_bundle.manifest()
    return write_bundle(path, files | golden_files(Bundle(path, manifest, files, "")), manifest).path


@pytest.fixture(scope="module")
def read(built: Path) -> Read:
    """facedge_open_zip without an engine: NO_ENGINE for a sound bundle, BAD_BUNDLE with a sentence for others."""
    library = Library(built / "libfacedge.so.0", "/nowhere/libonnxruntime.so", None)

    def status_of(data: bytes) -> tuple[int, str]:
        handle = ctypes.c_void_p()
        options, place = ctypes.byref(library.options), ctypes.byref(handle)
        status = library.c.facedge_open_zip(data, ctypes.c_size_t(len(data)), options, place, library.why, 512)
        return status, library.why.value.decode(errors="replace")

    return status_of


def test_zips_of_several_programs_are_the_bundle(read: Read, bundle: Path) -> None:
    for name, data in sound_zips(bundle).items():
        status, why = read(data)
        assert (status, "FACEDGE_ONNXRUNTIME" in why) == (NO_ENGINE, True), f"{name}: {why}"


def test_bad_zips_are_refused_in_one_sentence(read: Read, bundle: Path) -> None:
    wrong = []
    for name, data in bad_zips(bundle):
        status, why = read(data)
        if status != BAD_BUNDLE or "\n" in why or not why:
            wrong.append(f"{name}: {status} {why}")
    assert wrong == []


@pytest.mark.slow
def test_bad_bundles_are_refused_as_zips_too(read: Read, bundle: Path, tmp_path: Path) -> None:
    wrong = []
    for number, mutation in enumerate(mutations(bundle, 20)):
        folder = fresh(bundle, tmp_path / "damaged" / "tiny.facedge")
        mutation.spoil(folder)
        status, why = read(build(entries_of(folder, b"tiny.facedge/", DEFLATED if number % 2 else 0)))
        if status != BAD_BUNDLE and not re.search("should be|expected input", mutation.sentence):
            wrong.append(f"{mutation.name}: {status} {why}")  # shapes of the models are checked with an engine
    assert wrong == []


def test_paths_and_memory_give_the_same_decision(library: Library, bundle: Path, tmp_path: Path) -> None:
    image = photo_of(tiny_bundle.crop(0))
    expected = library.verify(library.open(bundle), image)
    assert expected.accepted == 1
    for number, data in enumerate(sound_zips(bundle).values()):
        path = tmp_path / f"{number}.facedge.zip"
        path.write_bytes(data)
        handle = ctypes.c_void_p()
        options, place = ctypes.byref(library.options), ctypes.byref(handle)
        status = library.c.facedge_open_zip(data, ctypes.c_size_t(len(data)), options, place, library.why, 512)
        assert status == OK, library.why.value
        for opened in (library.open(path), handle):
            assert library.verify(opened, image).score == expected.score


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("absent.facedge.zip", "No such file"),
        ("pipe.facedge.zip", "expected a bundle"),
        ("plain.facedge", "expected a bundle, NAME.facedge or NAME.facedge.zip"),
    ],
)
def test_other_paths_are_refused(built: Path, bundle: Path, tmp_path: Path, name: str, reason: str) -> None:
    """A zip is known by its name, as in facedge: whatever else lies there is no bundle."""
    os.mkfifo(tmp_path / "pipe.facedge.zip")
    (tmp_path / "plain.facedge").write_bytes(sound_zips(bundle)["stored"])
    command = [str(built / "facedge-golden"), str(tmp_path / name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30)
    assert done.returncode == 2 and reason in done.stderr and len(done.stderr.splitlines()) == 1


def test_golden_vectors_out_of_a_zip(built: Path, bundle: Path, engine: str, tmp_path: Path) -> None:
    (tmp_path / "tiny.facedge.zip").write_bytes(sound_zips(bundle)["deflated"])
    environment = {**os.environ, "FACEDGE_ONNXRUNTIME": engine}
    command = [str(built / "facedge-golden"), str(tmp_path / "tiny.facedge.zip")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr


# What zipfile looks at and a bundle's hashes make needless.
PYTHON_ONLY = "Bad CRC-32|zip file version|codec can't decode|is not valid|Corrupt extra field"


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_spoiled_zips_are_opened_by_both_or_by_neither(
    read: Read, bundle: Path, tmp_path: Path, data: st.DataObject
) -> None:
    """Bytes of the headers are changed: the same zips stay sound for facedge and for the C host."""
    spoiled = bytearray(sound_zips(bundle)[data.draw(st.sampled_from(["stored", "with further fields"]))])
    places = [at for at in range(len(spoiled) - 3) if spoiled[at : at + 2] == b"PK"]
    for _ in range(data.draw(st.integers(1, 2))):
        at = data.draw(st.sampled_from(places)) + data.draw(st.integers(0, 60))
        if at < len(spoiled):
            spoiled[at] = data.draw(st.sampled_from([0, 1, 2, 8, 0x7F, 0x80, 0xFF]) | st.integers(0, 255))
    path = tmp_path / "tiny.facedge.zip"
    path.write_bytes(spoiled)
    status, why = read(bytes(spoiled))
    try:
        read_bundle(path)
        assert status == NO_ENGINE, why
    except BundleError as problem:
        python_only = status == NO_ENGINE and any(part in str(problem) for part in PYTHON_ONLY.split("|"))
        assert status == BAD_BUNDLE or python_only, str(problem)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["stored", "deflated"])
def test_random_bytes_under_the_sanitizers(bundle: Path, tmp_path: Path, kind: str) -> None:
    (tmp_path / "x.zip").write_bytes(sound_zips(bundle)[kind])
    flags = ["-std=c99", "-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover", f"-I{HOST}"]
    sources = [Path(__file__).parent / "spoil_zips.c", HOST / "zip.c", HOST / "inflate.c"]
    command = ["cc", *flags, "-o", "spoil", *map(str, sources), "-ldl"]
    if subprocess.run(command, cwd=tmp_path).returncode:
        pytest.skip("this compiler has no address sanitizer")
    done = subprocess.run(["./spoil", "x.zip", "4000"], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    assert 0 < int(done.stdout) < 3600
