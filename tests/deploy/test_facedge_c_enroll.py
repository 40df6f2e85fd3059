"""`facedge-c enroll`: as `facedge enroll`, and whole or not at all where the disk is full or it is killed."""

import json
import os
import re
import resource
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from enrollment_in_c import PEOPLE, assert_same, between, crops, drawn

from facedge.bundle import read_bundle
from facedge.bundle.resolve import pretrained
from facedge.enrollment.enroll import enroll
from facedge.faces.yunet import find_model
from facedge.imaging import load_rgb
from facedge.runtime.verifier import load


@pytest.fixture(scope="module")
def ppm(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    for number, crop in enumerate(crops(PEOPLE[0], 3)):
        (folder / f"{number}.ppm").write_bytes(b"P6 178 218 255\n" + crop.tobytes())
    return sorted(folder.iterdir())


def command(
    built: Path, engine: str, target: Path, photos: Sequence[Path], *more: str, **options: Any
) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "FACEDGE_ONNXRUNTIME": engine, **options.pop("env", {})}
    words = [built / "facedge-c", "enroll", target, "--from", *photos, "-b", pretrained(), *more]
    return subprocess.run(list(map(str, words)), env=env, capture_output=True, text=True, check=False, **options)


def test_the_command_enrolls_as_facedge_does(built: Path, engine: str, ppm: list[Path], tmp_path: Path) -> None:
    done = command(built, engine, tmp_path / "c.facedge", ppm)
    assert done.returncode == 0, done.stderr
    made = enroll(crops(PEOPLE[0], 3)).save(tmp_path / "p.facedge")
    printed = json.loads(done.stdout)
    assert printed["threshold"] == pytest.approx(made.fitted.threshold, abs=1e-6)
    assert printed["samples"] == 3 and printed["bundle"] == str(tmp_path / "c.facedge")
    assert_same(tmp_path / "c.facedge", tmp_path / "p.facedge", crops(PEOPLE[0], 2, 8))
    assert command(built, engine, tmp_path / "c.facedge", ppm).returncode == 2
    assert command(built, engine, tmp_path / "c.facedge", ppm, "--replace").returncode == 0
    assert command(built, engine, tmp_path / "d.facedge", [tmp_path / "none.ppm"]).returncode == 2
    golden = subprocess.run(
        [str(built / "facedge-golden"), str(tmp_path / "c.facedge")],
        env={**os.environ, "FACEDGE_ONNXRUNTIME": engine},
        capture_output=True,
        check=False,
    )
    assert golden.returncode == 0, golden.stderr


@pytest.mark.parametrize("rate", ["abc", "0", "-1", "1.5", "0,001", "0.1 %", "nan", ""])
def test_a_rate_that_is_none_is_refused(built: Path, engine: str, ppm: list[Path], tmp_path: Path, rate: str) -> None:
    done = command(built, engine, tmp_path / "c.facedge", ppm, "--far", rate)
    assert done.returncode == 2
    assert "expected --far above 0 and at most 1, such as 0.001 or 0.1%, got " + rate in done.stderr
    assert not (tmp_path / "c.facedge").exists()


def test_a_rate_in_percent(built: Path, engine: str, ppm: list[Path], tmp_path: Path) -> None:
    done = command(built, engine, tmp_path / "c.facedge", ppm, "--far", "1%")
    assert json.loads(done.stdout)["far_target"] == 0.01


def test_an_option_that_is_unknown_or_without_a_value_is_no_photo(built: Path, engine: str, ppm: list[Path]) -> None:
    for words in (("--frm",), ("--far",)):
        done = command(built, engine, ppm[0].parent / "c.facedge", ppm, *words)
        assert done.returncode == 2
        assert f"{words[0]} has no value, or is no option" in done.stderr and "usage" in done.stderr


def test_the_command_warns_as_facedge_does(built: Path, engine: str, ppm: list[Path], tmp_path: Path) -> None:
    crop, alike = drawn(PEOPLE[0], 0), between(PEOPLE[0], 0, 9)
    (tmp_path / "alike.ppm").write_bytes(b"P6 178 218 255\n" + alike.tobytes())
    done = command(built, engine, tmp_path / "c.facedge", [ppm[0], tmp_path / "alike.ppm"])
    assert done.returncode == 0, done.stderr
    expected = enroll([crop, alike]).fitted.source.warnings()
    assert any("nearly the same picture" in warning for warning in expected)
    assert [line.split(":")[1].strip() for line in done.stderr.splitlines()] == [
        warning.split(":")[0] for warning in expected
    ]


@pytest.mark.parametrize("limit", [0, 20_000, 2_000_000])
@pytest.mark.parametrize("there", [False, True])
def test_a_full_disk_leaves_what_was_there(
    built: Path, engine: str, ppm: list[Path], limit: int, there: bool, tmp_path: Path
) -> None:
    target = tmp_path / "ana.facedge"
    if there:
        assert command(built, engine, target, ppm[:2]).returncode == 0
    before = (target / "manifest.json").read_bytes() if there else b""

    def small_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    done = command(built, engine, target, ppm, "--replace", preexec_fn=small_files)
    assert done.returncode == 2 and "cannot be written (File too large)" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == (["ana.facedge"] if there else [])
    if there:
        assert (target / "manifest.json").read_bytes() == before and load(target)


KILLER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>
static void step(void) {
    static int done;
    const char *at = getenv("KILL_AT");
    if (at && ++done == atoi(at)) kill(getpid(), SIGKILL);
}
int fsync(int f) { step(); return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(f); }
int rename(const char *a, const char *b) {
    step();
    int found = ((int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename"))(a, b);
    step();
    return found;
}
int renameat2(int f, const char *a, int t, const char *b, unsigned g) {
    step();
    int found = ((int (*)(int, const char *, int, const char *, unsigned))dlsym(RTLD_NEXT, "renameat2"))(f, a, t, b, g);
    step();
    return found;
}
"""


@pytest.mark.slow
@pytest.mark.parametrize("there", [False, True])
def test_a_kill_leaves_the_old_or_the_new(
    built: Path, engine: str, ppm: list[Path], there: bool, tmp_path: Path
) -> None:
    (tmp_path / "killer.c").write_text(KILLER)
    subprocess.run(["cc", "-shared", "-fPIC", "killer.c", "-o", "killer.so", "-ldl"], cwd=tmp_path, check=True)
    seen = set()
    for number in range(1, 40):
        folder = tmp_path / str(number)
        folder.mkdir()
        target = folder / "ana.facedge"
        if there:
            assert command(built, engine, target, ppm[:2]).returncode == 0
        env = {"LD_PRELOAD": str(tmp_path / "killer.so"), "KILL_AT": str(number)}
        done = command(built, engine, target, ppm, "--replace", env=env)
        if done.returncode == 0:
            break
        assert done.returncode == -9, done.stderr
        found = read_bundle(target).manifest.metrics["enrollment"]["samples"] if target.exists() else 0
        assert found in ((2, 3) if there else (0, 3))
        seen.add(found)
        rest = [path.name for path in folder.iterdir() if path != target]
        assert all(re.fullmatch(r"\.ana\.facedge\.[0-9a-f]{12}\.tmp", name) for name in rest)
    assert number > 15 and seen == ({2, 3} if there else {0, 3})


@pytest.mark.real
@pytest.mark.usefixtures("detector")
def test_the_command_takes_whole_photos(built: Path, engine: str, shared_data: Path, tmp_path: Path) -> None:
    image = load_rgb(shared_data / "photos" / "me" / "obama-720p.jpg")
    (tmp_path / "me.ppm").write_bytes(b"P6 %d %d 255\n" % image.shape[1::-1] + image.tobytes())
    env = {"FACEDGE_DETECTOR": str(find_model())}
    done = command(built, engine, tmp_path / "c.facedge", [tmp_path / "me.ppm"], env=env)
    assert done.returncode == 0, done.stderr
    enroll([image]).save(tmp_path / "p.facedge")
    assert_same(tmp_path / "c.facedge", tmp_path / "p.facedge", [image])
