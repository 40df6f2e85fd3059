"""libfacedge as it is installed: its exports, its files, and programs outside the tree that use them."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import tiny_bundle
from libfacedge import HOST, Library, photo_of, run, score_of

from facedge.faces.yunet import find_model
from facedge.runtime.verifier import load
from facedge.types import UInt8Array

EXAMPLES = HOST / "examples"


@pytest.fixture(scope="module")
def installed(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where `make install` put it, moved by DESTDIR as a packager does."""
    place = tmp_path_factory.mktemp("installed")
    subprocess.run(
        ["make", "-s", "install", f"OUT={built}", f"DESTDIR={place}", "PREFIX=/opt/facedge"], cwd=HOST, check=True
    )
    return place / "opt" / "facedge"


def environment(prefix: Path, engine: str, **more: str) -> dict[str, str]:
    """What a program outside the tree needs to find the installed library."""
    return {
        **os.environ,
        "PKG_CONFIG_PATH": str(prefix / "lib" / "pkgconfig"),
        "PKG_CONFIG_SYSROOT_DIR": str(prefix.parents[1]),
        "LD_LIBRARY_PATH": str(prefix / "lib"),
        "FACEDGE_ONNXRUNTIME": engine,
        **more,
    }


def symbols(path: Path, *options: str) -> set[str]:
    printed = subprocess.run(["nm", *options, "--defined-only", str(path)], capture_output=True, text=True, check=True)
    found = {line.split()[-1].split("@")[0] for line in printed.stdout.splitlines() if len(line.split()) == 3}
    return found - {"FACEDGE_0"}


def test_only_the_interface_is_exported(built: Path) -> None:
    if not shutil.which("nm"):
        pytest.skip("needs nm (apt install binutils)")
    declared = set(re.findall(r"FACEDGE_API [^;(]*?\*?(facedge_\w+)\(", (HOST / "facedge.h").read_text()))
    assert len(declared) > 10
    assert symbols(built / "libfacedge.so.0", "-D") == declared
    assert symbols(built / "libfacedge.a", "-g") == declared


def test_install_brings_what_pkg_config_and_cmake_look_for(installed: Path) -> None:
    library = installed / "lib" / "libfacedge.so"
    assert library.is_symlink() and library.resolve().name == "libfacedge.so.0.1.0"
    for name in ("include/facedge.h", "include/facedge.hpp", "bin/facedge-c", "lib/libfacedge.a"):
        assert (installed / name).is_file()
    dynamic = subprocess.run(["readelf", "-d", str(library)], capture_output=True, text=True, check=True).stdout
    assert "[libfacedge.so.0]" in dynamic
    assert "onnxruntime" not in dynamic  # it is loaded when a bundle is opened


def test_the_amalgamation_is_the_library(built: Path, tiny: Path, engine: str, tmp_path: Path) -> None:
    subprocess.run(["make", "-s", "amalgamation", f"OUT={built}"], cwd=HOST, check=True)
    for name in (built / "facedge-amalgamated.c", HOST / "facedge.h"):
        shutil.copy(name, tmp_path)
    flags = ["-O1", "-std=c99", "-Wall", "-Wextra", "-Werror", "-ffp-contract=off", "-fno-strict-aliasing"]
    command = ["cc", *flags, "-shared", "-fPIC", "facedge-amalgamated.c", "-o", "one.so", "-ldl", "-lm", "-lpthread"]
    subprocess.run(command, cwd=tmp_path, check=True)
    one = Library(tmp_path / "one.so", engine, None)
    result = one.verify(one.open(tiny), photo_of(tiny_bundle.crop(0)))
    assert result.score == pytest.approx(score_of(load(tiny), tiny_bundle.crop(0)), abs=1e-6)


@pytest.mark.real
@pytest.mark.usefixtures("detector")
def test_a_program_of_thirty_lines_goes_from_a_jpeg_to_a_decision(
    installed: Path, engine: str, tiny: Path, shared_data: Path, tmp_path: Path
) -> None:
    """With the flags of pkg-config alone."""
    if not shutil.which("pkg-config") or not Path("/usr/include/turbojpeg.h").is_file():
        pytest.skip("needs pkg-config and libturbojpeg0-dev")
    assert len((EXAMPLES / "verify.c").read_text().splitlines()) <= 34
    env = environment(installed, engine, FACEDGE_DETECTOR=str(find_model()))
    shutil.copy(EXAMPLES / "verify.c", tmp_path)
    facedge_flags = run(["pkg-config", "--cflags", "--libs", "facedge"], env, tmp_path).stdout.split()
    jpeg_flags = run(["pkg-config", "--cflags", "--libs", "libturbojpeg"], dict(os.environ), tmp_path).stdout.split()
    built = run(["cc", "-Wall", "-Werror", "verify.c", "-o", "verify", *facedge_flags, *jpeg_flags], env, tmp_path)
    assert built.returncode == 0, built.stderr
    photo = shared_data / "photos" / "me" / "obama.jpg"
    done = run([tmp_path / "verify", tiny, photo], env, tmp_path)
    decision = load(tiny).verify(photo)
    assert done.stdout.split()[0] == ("accept" if decision.accepted else "reject"), done.stderr
    assert float(done.stdout.split()[1]) == pytest.approx(decision.score, abs=1e-5)


BINDINGS = {
    "c++": (
        "verify.cpp",
        ["c++", "-std=c++11", "-Wall", "-Werror", "verify.cpp", "-o", "verify", "@FLAGS"],
        ["./verify"],
    ),
    "go": ("verify.go", ["go", "build", "-o", "verify", "verify.go"], ["./verify"]),
    "rustc": ("verify.rs", ["rustc", "-L", "native=@LIB", "verify.rs", "-o", "verify"], ["./verify"]),
    "mcs": ("verify.cs", ["mcs", "-out:verify.exe", "verify.cs"], ["mono", "verify.exe"]),
}


@pytest.mark.slow
@pytest.mark.real
@pytest.mark.usefixtures("detector")
@pytest.mark.parametrize("tool", BINDINGS)
def test_bindings(tool: str, installed: Path, engine: str, tiny: Path, person: UInt8Array, tmp_path: Path) -> None:
    source, build, start = BINDINGS[tool]
    for needed in (tool, start[0] if start[0] != "./verify" else tool):
        if not shutil.which(needed):
            pytest.skip(f"no {needed} here (apt install g++, golang-go, rustc or mono-mcs and mono-runtime)")
    shutil.copy(EXAMPLES / source, tmp_path)
    (tmp_path / "photo.rgb").write_bytes(person.tobytes())
    env = environment(
        installed, engine, FACEDGE_DETECTOR=str(find_model()), GOCACHE=str(tmp_path / "cache"), GO111MODULE="off"
    )
    flags = run(["pkg-config", "--cflags", "--libs", "facedge"], env, tmp_path).stdout.split()
    command = [part.replace("@LIB", str(installed / "lib")) for part in build if part != "@FLAGS"]
    done = run([*command, *(flags if "@FLAGS" in build else [])], env, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    done = run([*start, tiny, "photo.rgb", person.shape[1], person.shape[0]], env, tmp_path)
    decision = load(tiny).verify(person)
    assert done.stdout.split()[:1] == ["accept" if decision.accepted else "reject"], done.stderr
    assert float(done.stdout.split()[1]) == pytest.approx(decision.score, abs=1e-5)


def test_cmake_finds_it(installed: Path, tmp_path: Path) -> None:
    if not shutil.which("cmake"):
        pytest.skip("no cmake here")
    (tmp_path / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.16)\nproject(user C)\nfind_package(facedge 0.1 REQUIRED)\n"
        "add_executable(shared main.c)\ntarget_link_libraries(shared facedge::facedge)\n"
        "add_executable(static main.c)\ntarget_link_libraries(static facedge::static)\n"
    )
    (tmp_path / "main.c").write_text(
        "#include <facedge.h>\n#include <string.h>\n"
        "int main(void) { return strcmp(facedge_version(), FACEDGE_VERSION); }\n"
    )
    for command in (["cmake", "-S", ".", "-B", "b", f"-DCMAKE_PREFIX_PATH={installed}"], ["cmake", "--build", "b"]):
        done = run(command, dict(os.environ), tmp_path)
        assert done.returncode == 0, done.stdout + done.stderr
    for program in ("shared", "static"):
        assert run([tmp_path / "b" / program], dict(os.environ), tmp_path).returncode == 0
