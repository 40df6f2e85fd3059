"""The C host: built with one command, it gives the golden vectors, decides, and refuses spoiled bundles."""

import json
import os
import resource
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
import tiny_bundle
from bundle_mutations import fresh, mutations, sound_texts
from emulated_pi import emulated
from libfacedge import build
from wrong_vectors import with_undefined_output, with_wrong_vector
from zips import bad_zips

from facedge.bundle import Bundle, write_bundle
from facedge.runtime.golden import golden_files
from facedge.runtime.verifier import load


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("bundle") / "tiny.facedge"
    files, manifest = tiny_bundle.files(), tiny_bundle.manifest()
    kit = golden_files(Bundle(path, manifest, files, ""))
    return write_bundle(path, files | kit, manifest).path


def run(program: Path, *arguments: object, engine: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FACEDGE_ONNXRUNTIME": engine}
    return subprocess.run([str(program), *map(str, arguments)], capture_output=True, text=True, env=environment)


def verify(built: Path, bundle: Path, *photos: Path, engine: str) -> subprocess.CompletedProcess[str]:
    return run(built / "facedge-c", "verify", *photos, "-b", bundle, "--aligned", engine=engine)


def ppm(path: Path, image: np.ndarray) -> Path:
    path.write_bytes(b"P6\n# a comment\n%d %d\n255\n" % (image.shape[1], image.shape[0]) + image.tobytes())
    return path


def assert_golden(done: subprocess.CompletedProcess[str]) -> None:
    assert done.returncode == 0, done.stderr
    cases = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(cases) >= 3
    for case in cases:
        assert case["tensor_values_off"] == 0 and case["outputs_off"] <= 1e-4


def test_golden_vectors(built: Path, bundle: Path, engine: str) -> None:
    assert_golden(run(built / "facedge-golden", bundle, engine=engine))


@pytest.mark.parametrize("what", ["attributes", "embedding", "probability", "tensor"])
def test_a_wrong_golden_vector_is_noticed(built: Path, bundle: Path, engine: str, tmp_path: Path, what: str) -> None:
    other = with_wrong_vector(bundle, tmp_path / "other.facedge", what, 2e-4)
    done = run(built / "facedge-golden", other, engine=engine)
    cases = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1
    assert [case["tensor_values_off"] for case in cases] == ([0, 1, 0] if what == "tensor" else [0, 0, 0])
    assert (cases[1]["outputs_off"] > 1e-4) == (what != "tensor") and cases[0]["outputs_off"] <= 1e-4


def test_an_output_that_is_no_number_is_noticed(built: Path, bundle: Path, engine: str, tmp_path: Path) -> None:
    done = run(built / "facedge-golden", with_undefined_output(bundle, tmp_path / "nan.facedge"), engine=engine)
    assert done.returncode == 1, (done.stdout, done.stderr)
    assert all(json.loads(line)["outputs_off"] > 1e300 for line in done.stdout.splitlines())


def test_decisions_are_those_of_facedge(built: Path, bundle: Path, engine: str, tmp_path: Path) -> None:
    verifier = load(bundle)
    for seed, size in [(0, (218, 178)), (1, (218, 178)), (2, (109, 89)), (3, (300, 245)), (4, (7, 6))]:
        image = tiny_bundle.crop(seed, *size)
        done = verify(built, bundle, ppm(tmp_path / f"{seed}.ppm", image), engine=engine)
        said = json.loads(done.stdout)
        score = float(verifier.score(verifier.embed(image[None]))[0])
        assert abs(said["score"] - score) < 1e-6 and said["threshold"] == 0.5
        assert said["decision"] == ("accept" if score >= 0.5 else "reject")
        assert done.returncode == (0 if score >= 0.5 else 1)
    assert score < 0.5  # and the first one, crop(0), is "me"


def test_an_almost_flat_image_is_refused_as_facedge_refuses_it(
    built: Path, bundle: Path, engine: str, tmp_path: Path
) -> None:
    """Its score alone would accept it."""
    verifier = load(bundle)
    flat = (128 + 0.05 * (tiny_bundle.crop(0).astype(float) - 128)).astype(np.uint8)
    assert float(verifier.score(verifier.embed(flat[None]))[0]) > verifier.threshold
    assert verifier.verify(flat, aligned=True).reason == "low_quality"
    for image in (flat, np.full((1, 1, 3), 90, np.uint8)):
        done = verify(built, bundle, ppm(tmp_path / "flat.ppm", image), engine=engine)
        said = json.loads(done.stdout)
        assert done.returncode == 1
        assert (said["decision"], said["score"], said["reason"]) == ("reject", None, "low_quality")


def test_exit_code_of_several_probes_is_the_worst(built: Path, bundle: Path, engine: str, tmp_path: Path) -> None:
    me, other = (ppm(tmp_path / f"{k}.ppm", tiny_bundle.crop(k)) for k in (0, 1))
    assert verify(built, bundle, me, me, engine=engine).returncode == 0
    done = verify(built, bundle, me, other, engine=engine)
    assert done.returncode == 1 and len(done.stdout.splitlines()) == 2
    assert verify(built, bundle, me, tmp_path / "none.ppm", engine=engine).returncode == 2


def test_nobody_enrolled_is_an_error(built: Path, engine: str, tmp_path: Path) -> None:
    path = tiny_bundle.write_tiny(tmp_path / "t.facedge", enrolled=False, threshold=None, calibration=None).path
    done = verify(built, path, ppm(tmp_path / "0.ppm", tiny_bundle.crop(0)), engine=engine)
    assert done.returncode == 2 and "nobody is enrolled" in done.stderr and done.stdout == ""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"P7\n1 1\n255\n\0",
        b"P5\n1 2\n255\n\0",
        b"P6\n9 9\n255\nshort",
        b"P6\n0 1\n255\n",
        b"P6\n1 1\n65535\n123456",
        b"P6 x",
    ],
)
def test_other_images_are_refused(built: Path, bundle: Path, engine: str, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.ppm").write_bytes(data)
    done = verify(built, bundle, tmp_path / "x.ppm", engine=engine)
    assert done.returncode == 2 and "expected an image file" in done.stderr


def test_without_the_library_it_says_what_to_set(built: Path, bundle: Path) -> None:
    done = run(built / "facedge-golden", bundle, engine="/nowhere/libonnxruntime.so")
    assert done.returncode == 2 and "set FACEDGE_ONNXRUNTIME" in done.stderr


@pytest.mark.parametrize(
    ("mutation", "sentence"),
    [
        ("external data /etc/passwd", "head.onnx keeps weights in another file, which a bundle never does"),
        ("external data ../secret", "head.onnx keeps weights in another file, which a bundle never does"),
        ("external data below", "head.onnx keeps weights in another file, which a bundle never does"),
        ("custom operator", "head.onnx uses an operator outside standard ONNX, which a bundle never does"),
        ("opset 21", "backbone.onnx has no operators, or an opset outside 1 to 20"),
        ("text as head", "head.onnx is not an ONNX file"),
        ("half a head", "head.onnx is not an ONNX file"),
    ],
)
def test_graphs_that_break_the_format_never_reach_the_engine(
    built: Path, bundle: Path, tmp_path: Path, mutation: str, sentence: str
) -> None:
    """Refused without an engine to load: the sentence is the host's own."""
    folder = fresh(bundle, tmp_path / "spoiled" / "tiny.facedge")
    next(m for m in mutations(bundle, 0) if m.name == mutation).spoil(folder)
    done = run(built / "facedge-golden", folder, engine="/nowhere/libonnxruntime.so")
    assert done.returncode == 2 and done.stderr == f"facedge: error: {sentence}\n"


def test_other_texts_of_numbers_are_read(built: Path, bundle: Path, tmp_path: Path) -> None:
    """As far as to the engine, which is not there: FORMAT.md, section 2, says which numbers are the same."""
    for name, folder in sound_texts(bundle, tmp_path / "tiny.facedge"):
        done = run(built / "facedge-golden", folder, engine="/nowhere/libonnxruntime.so")
        assert "set FACEDGE_ONNXRUNTIME" in done.stderr, f"{name}: {done.stderr}"


def bounded() -> None:
    """For `preexec_fn`: a second of processor time, 200 MB of memory."""
    resource.setrlimit(resource.RLIMIT_CPU, (1, 1))
    resource.setrlimit(resource.RLIMIT_DATA, (200_000_000, 200_000_000))


@pytest.mark.slow
def test_spoiled_bundles_are_refused_within_a_second_and_200_mb(
    built: Path, bundle: Path, engine: str, tmp_path: Path
) -> None:
    environment, wrong = {**os.environ, "FACEDGE_ONNXRUNTIME": engine}, []
    for mutation in mutations(bundle, 0):
        folder = fresh(bundle, tmp_path / "spoiled" / "tiny.facedge")
        mutation.spoil(folder)
        command = [str(built / "facedge-golden"), str(folder)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, preexec_fn=bounded)
        if done.returncode != 2 or "memory" in done.stderr or "Error" in done.stderr:
            wrong.append(f"{mutation.name}: {done.returncode} {done.stderr[-200:]}")
    assert wrong == []


@pytest.mark.slow
def test_spoiled_bundles_are_refused_under_the_sanitizers(bundle: Path, engine: str, tmp_path: Path) -> None:
    """An error of the sanitizers ends the program with another exit code than 2."""
    flags = "-fsanitize=address,undefined -fno-sanitize-recover"
    try:
        target = build(tmp_path / "asan", f"CFLAGS=-O1 -g {flags}", f"LDFLAGS={flags}")
    except subprocess.CalledProcessError:
        pytest.skip("this compiler has no address sanitizer")
    assert_golden(run(target / "facedge-golden", bundle, engine=engine))
    wrong, count = [], 0
    for mutation in mutations(bundle, 60):
        count += 1
        folder = fresh(bundle, tmp_path / "spoiled" / "tiny.facedge")
        mutation.spoil(folder)
        done = run(target / "facedge-golden", folder, engine=engine)
        if done.returncode != 2:
            wrong.append(f"{mutation.name}: {done.returncode} {done.stderr[-200:]}")
    for name, data in bad_zips(bundle):
        (tmp_path / "tiny.facedge.zip").write_bytes(data)
        done = run(target / "facedge-golden", tmp_path / "tiny.facedge.zip", engine=engine)
        if done.returncode != 2:
            wrong.append(f"zip, {name}: {done.returncode} {done.stderr[-200:]}")
    assert wrong == [] and count >= 250


@pytest.mark.slow
def test_aarch64_gives_the_golden_vectors_under_qemu(bundle: Path, tmp_path: Path) -> None:
    compiler = "aarch64-linux-gnu-gcc"
    if not shutil.which(compiler):
        pytest.skip(f"no {compiler}: apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross")
    target = build(tmp_path / "arm", f"CC={compiler}")
    command, why_not = emulated(target / "facedge-golden", tmp_path)
    foreign = os.environ.get("FACEDGE_ONNXRUNTIME_AARCH64")
    if why_not or not foreign:
        pytest.skip(
            f"built; to run it: {why_not or 'FACEDGE_ONNXRUNTIME_AARCH64=libonnxruntime.so of the aarch64 wheel'}"
        )
    environment = {**os.environ, "FACEDGE_ONNXRUNTIME": foreign}
    assert_golden(subprocess.run([*command, str(bundle)], capture_output=True, text=True, env=environment))
