"""facedge.hpp: enrolling and zips in C++ give what facedge gives; errors are exceptions, and everything is closed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

pytest.importorskip("onnx")
from enrollment_in_c import PEOPLE, assert_same, crops
from libfacedge import HOST
from zips import DEFLATED, build, entries_of

from facedge.bundle.resolve import pretrained
from facedge.enrollment.enroll import enroll
from facedge.runtime.verifier import load

# A zip from memory, an enrollment that is refused and one that goes out of scope unsaved.
CHECKS = """
#include <facedge.hpp>
#include <fstream>
#include <iostream>
#include <iterator>
#include <utility>
#include <vector>

int main(int, char **words) {
    std::ifstream file(words[1], std::ios::binary);
    std::vector<char> zip((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    facedge_cpp::Verifier opened(zip.data(), zip.size()), moved(std::move(opened));
    facedge_cpp::Enrollment person(moved);
    try {
        person.save(words[2]);
        return 1;
    } catch (const facedge_cpp::Error &error) {
        if (error.status != FACEDGE_NO_SAMPLES) return 1;
    }
    try {
        facedge_cpp::Verifier cut(zip.data(), zip.size() - 1);
        return 1;
    } catch (const std::exception &error) {
        std::cout << error.what() << std::endl;
    }
    return facedge_size(moved.get()) == 64 ? 0 : 1;
}
"""


def compiled(source: Path, built: Path, folder: Path) -> Path:
    if not shutil.which("c++"):
        pytest.skip("needs a C++ compiler (apt install g++)")
    warnings = ["-Wall", "-Wextra", "-Werror"]
    library = [str(built / "libfacedge.so.0"), f"-Wl,-rpath,{built}"]
    program = folder / source.stem
    command = ["c++", "-std=c++11", *warnings, f"-I{HOST}", str(source), "-o", str(program), *library]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return program


def run(program: Path, *words: object, engine: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "FACEDGE_ONNXRUNTIME": engine}
    return subprocess.run([str(program), *map(str, words)], capture_output=True, text=True, env=environment)


def test_the_example_enrolls_as_facedge_does(built: Path, engine: str, tmp_path: Path) -> None:
    photos = crops(PEOPLE[0], 6)
    paths = [tmp_path / f"{number}.rgb" for number in range(len(photos))]
    for path, photo in zip(paths, photos, strict=True):
        path.write_bytes(photo.tobytes())
    program = compiled(HOST / "examples" / "enroll.cpp", built, tmp_path)
    ours = tmp_path / "ana.facedge"
    done = run(program, ours, pretrained(), 178, 218, *paths, paths[0], engine=engine)
    assert done.returncode == 0, done.stderr
    assert done.stderr == f"left out: {paths[0]}: copy\n"
    theirs = enroll(photos).save(tmp_path / "their" / "ana.facedge").path
    assert_same(ours, theirs, [*crops(PEOPLE[0], 2, first=8), *crops(PEOPLE[1], 2)])
    samples, threshold = done.stdout.split(" samples, threshold ")
    assert int(samples) == len(photos) and float(threshold) == pytest.approx(load(ours).threshold, abs=1e-6)
    done = run(program, ours, pretrained(), 178, 218, *paths, engine=engine)
    assert done.returncode == 2 and "enrolled" in done.stderr


def test_zips_from_memory_and_errors(built: Path, engine: str, tmp_path: Path) -> None:
    (tmp_path / "edge.facedge.zip").write_bytes(build(entries_of(pretrained(), b"edge.facedge/", DEFLATED)))
    (tmp_path / "checks.cpp").write_text(CHECKS)
    program = compiled(tmp_path / "checks.cpp", built, tmp_path)
    done = run(program, tmp_path / "edge.facedge.zip", tmp_path / "new.facedge", engine=engine)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "zip" in done.stdout and not (tmp_path / "new.facedge").exists()
