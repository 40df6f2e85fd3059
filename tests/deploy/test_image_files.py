"""facedge-c reads image files as Python does, and what is no image file ends in one sentence, whatever its bytes."""

import io
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tiny_bundle
from PIL import Image

from facedge.imaging import load_rgb

HOST = Path(__file__).resolve().parents[2] / "deploy" / "c"
DRIVER = """
#include <stdio.h>
#include <stdlib.h>
#include "image.h"
int main(int argc, char **argv) {
    for (int k = 1; k < argc; k++) {
        char why[256];
        facedge_photo photo;
        unsigned char *pixels = image_read(argv[k], &photo, why, sizeof why);
        if (pixels) {
            printf("%lld %lld %d ", (long long)photo.height, (long long)photo.width, photo.rotation);
            int channels = photo.format == FACEDGE_GREY ? 1 : 3;
            unsigned long sum = 0;
            long long count = photo.height * photo.width * channels;
            for (long long n = 0; n < count; n++) sum = (sum * 31 + pixels[n]) & 0xFFFFFFFF;
            printf("%lu\\n", sum);
        } else {
            printf("refused\\n");
        }
        free(pixels);
    }
    return 0;
}
"""


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program that reads the files of its command line, under the sanitizers."""
    if not shutil.which("cc"):
        pytest.skip("needs a C compiler")
    folder = tmp_path_factory.mktemp("reader")
    (folder / "main.c").write_text(DRIVER)
    command = ["cc", "-std=c99", "-g", "-O1", "-Wall", "-Werror", f"-I{HOST}", "main.c", str(HOST / "image.c")]
    sanitizers = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
    jpeg = ["-DFACEDGE_JPEG", "-lturbojpeg"] if Path("/usr/include/turbojpeg.h").is_file() else []
    done = subprocess.run([*command, *sanitizers, *jpeg, "-o", "reader"], cwd=folder, capture_output=True, text=True)
    if done.returncode and "cannot find" in done.stderr:
        pytest.skip("the compiler has no sanitizers")
    assert done.returncode == 0, done.stderr
    return folder / "reader"


def read(reader: Path, files: list[bytes], folder: Path) -> list[list[str]]:
    """For each file its height, width, rotation and sum, or the one word "refused"."""
    paths = []
    for number, data in enumerate(files):
        paths.append(folder / str(number))
        paths[-1].write_bytes(data)
    done = subprocess.run([str(reader), *map(str, paths)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    return [line.split() for line in done.stdout.splitlines()]


def total(pixels: np.ndarray) -> int:
    found = 0
    for value in pixels.ravel().tolist():
        found = (found * 31 + value) & 0xFFFFFFFF
    return found


def jpeg(image: np.ndarray, orientation: int | None = None, **options: object) -> bytes:
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    out = io.BytesIO()
    Image.fromarray(image).save(out, "JPEG", exif=exif, **options)
    return out.getvalue()


def needs_jpeg() -> None:
    if not Path("/usr/include/turbojpeg.h").is_file():
        pytest.skip("needs libturbojpeg0-dev")


PICTURE = np.ascontiguousarray(tiny_bundle.crop(3, 61, 47))


@pytest.mark.parametrize("orientation", [None, *range(9)])
def test_orientations_are_those_of_python(reader: Path, tmp_path: Path, orientation: int | None) -> None:
    needs_jpeg()
    data = jpeg(PICTURE, orientation, quality=90)
    (line,) = read(reader, [data], tmp_path)
    height, width, rotation = map(int, line[:3])
    expected = load_rgb(tmp_path / "0")
    lying = np.rot90(expected, rotation // 90)  # as the file has it, mirrored where the orientation does so
    assert (height, width) == lying.shape[:2]
    assert int(line[3]) == total(lying)


@pytest.mark.parametrize("options", [{"quality": 60}, {"subsampling": 0}, {"progressive": True}])
def test_jpegs_give_the_pixels_of_python(reader: Path, tmp_path: Path, options: dict[str, object]) -> None:
    needs_jpeg()
    grey = np.ascontiguousarray(PICTURE[..., 1])
    lines = read(reader, [jpeg(PICTURE, **options), jpeg(grey, **options)], tmp_path)
    for number, line in enumerate(lines):
        assert int(line[3]) == total(load_rgb(tmp_path / str(number)))


def test_ppm_and_pgm(reader: Path, tmp_path: Path) -> None:
    colour = b"P6\n# made by hand\n 47\t61 #\n255\n" + PICTURE.tobytes()
    grey = b"P5 47 61 255\n" + PICTURE[..., 0].tobytes() + b"more"
    assert read(reader, [colour, grey], tmp_path) == [
        ["61", "47", "0", str(total(PICTURE))],
        ["61", "47", "0", str(total(PICTURE[..., 0]))],
    ]


def test_damaged_files_are_refused_or_read_and_nothing_else(reader: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    sound = [b"P6 47 61 255\n" + PICTURE.tobytes(), jpeg(PICTURE, 6), b"P5 9 9 255\n" + bytes(81)]
    files = [b"", b"P", b"P6", b"P6 1 1 255", b"P6 99999999999999999999 1 255\n", b"\xff\xd8", b"\xff\xd8\xff\xe1\x00"]
    for data in sound:
        files += [data[: int(rng.integers(len(data)))] for _ in range(40)]
        for _ in range(120):
            bad = bytearray(data)
            for at in rng.integers(0, min(len(bad), 200), int(rng.integers(1, 6))):
                bad[at] = int(rng.integers(256))
            files.append(bytes(bad))
    lines = read(reader, files, tmp_path)
    assert len(lines) == len(files)
    assert all(line == ["refused"] or len(line) == 4 for line in lines)
    assert lines[:7] == [["refused"]] * 7
