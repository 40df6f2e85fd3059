"""Image files from anywhere: decoded as Pillow does, within bounds of time and memory, and never with a traceback.

    python benchmarks/wild_images.py BUNDLE FOLDER [FOLDER ...] [--limit 20] [-o RESULT.json]

Each file under the folders, whatever its name, is decoded by `load_rgb`, verified against the bundle (of an enrolled
person), and decoded by Pillow alone, with the same rules: upright, over white, 16-bit grey rounded. Files are judged
one by one in a worker process, which is ended and replaced where it hangs (Pillow's own time does not count). Peak
memory is the worker's, interpreter and models included, set back before each file; a file above the bound is judged
again in a fresh worker, since memory that an earlier file left behind counts too. Exit code 1 where a file raised
anything but one sentence, hung, ended the worker, took more than 400 MB, or was decoded to other pixels.

Test images of the libraries are in their source packages: `apt-get source --download-only pillow opencv vips exiv2`.
"""

import argparse
import json
import multiprocessing
import os
import random
import resource
import sys
import time
import traceback
import warnings
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageOps

from facedge.errors import ImageError
from facedge.imaging import REDUCTIONS, load_rgb
from facedge.runtime.verifier import load

LIMIT = 20.0  # seconds of processor time, and six times as many in all: a busy machine is no fault of the file
MOST_MEMORY = 400_000_000  # bytes
RUNAWAY = 4 << 30  # bytes that a worker may allocate, so that no file takes the machine along
AGAIN = 200  # files after which a worker is replaced


def pillow_pixels(file: Path, *, scale: int = 1) -> np.ndarray:
    """The file as Pillow alone decodes it, uint8 RGB (H, W, 3); raises whatever Pillow raises.

    scale: by which a JPEG decoder scales it down.
    """
    Image.MAX_IMAGE_PIXELS = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        image = Image.open(file)
        if scale > 1:
            image.draft(None, (max(1, image.width // scale), max(1, image.height // scale)))
        image.load()
        if image.mode.startswith("I"):
            wide = np.asarray(ImageOps.exif_transpose(image)).astype(np.int64)
            return np.repeat(((np.clip(wide, 0, 65535) + 128) // 257).astype(np.uint8)[..., None], 3, axis=2)
        upright = ImageOps.exif_transpose(image)
        if upright.has_transparency_data:
            layer = upright.convert("RGBA")
            upright = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
        return np.asarray(upright.convert("RGB"))


def judge(file: Path, verifier: Any) -> tuple[dict[str, Any], np.ndarray | None]:
    """What became of one file: an outcome, its time and peak memory; and its pixels."""
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak back, proc(5)
    began, found = time.process_time(), dict[str, Any]()
    pixels = None
    try:
        pixels = load_rgb(file)
        found["size"] = list(pixels.shape[:2])
        found["decision"] = verifier.verify(file).reason or "accepted"
    except ImageError as problem:
        found["refused"] = str(problem).replace(str(file), "FILE")
    except Exception:
        found["traceback"] = traceback.format_exc()
    found["seconds"], found["memory"] = time.process_time() - began, peak()
    return found, pixels


def compared(file: Path, pixels: np.ndarray | None) -> str:
    """How facedge's pixels, or None where it refuses the file, compare with Pillow's."""
    try:
        expected = pillow_pixels(file)
        if pixels is None:
            return "read by Pillow only"
        scale = round(expected.shape[0] / pixels.shape[0])
        if scale in REDUCTIONS[1:]:
            expected = pillow_pixels(file, scale=scale)
    except Exception:
        return "both refuse" if pixels is None else "read by facedge only"
    if pixels.shape != expected.shape:
        return "another size"
    if not np.array_equal(pixels, expected):
        return "other bits"
    return "same bits" if scale == 1 else f"same bits at 1/{scale}"


def peak() -> int:
    """Bytes of resident memory at most since it was set back."""
    status = Path("/proc/self/status").read_text()
    return 1024 * int(status.split("VmHWM:")[1].split()[0])


def processor_seconds(process: int) -> float:
    """Processor time that a process has used."""
    user, system = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def work(bundle: str, pipe: Connection) -> None:
    """A worker: judges the files whose names it gets, until None comes."""
    resource.setrlimit(resource.RLIMIT_DATA, (RUNAWAY, RUNAWAY))
    verifier = load(bundle)
    verifier.verify(np.full((320, 320, 3), 128, np.uint8))  # loads the detector
    pipe.send("ready")
    while (name := pipe.recv()) is not None:
        found, pixels = judge(Path(name), verifier)
        pipe.send(found)
        pipe.send(compared(Path(name), pixels))


class Worker:
    """A worker process that is started when it is needed and replaced when it hangs or ends."""

    def __init__(self, bundle: str, limit: float) -> None:
        self._bundle, self._limit, self._files = bundle, limit, 0
        self._process: Any = None

    def judge(self, file: Path, *, fresh: bool = False) -> dict[str, Any]:
        """What became of the file; "hang" or "died" where the worker gave no answer."""
        if self._process is None or fresh or self._files >= AGAIN:
            self.close()
            self._start()
        self._files += 1
        self._pipe.send(str(file))
        try:
            found: dict[str, Any] = self._answer() or {"hang": self._limit}
            if "hang" not in found:
                found["pillow"] = self._answer() or "Pillow takes longer than the limit"
        except EOFError:
            self._process.join()
            found = {"died": self._process.exitcode}
            self.close()
        return found

    def _answer(self) -> Any:
        """What the worker sends within the limit; None, and no worker any more, where nothing comes."""
        used, until = processor_seconds(self._process.pid), time.monotonic() + 6 * self._limit
        while not self._pipe.poll(0.5):
            if processor_seconds(self._process.pid) - used > self._limit or time.monotonic() > until:
                self.close()
                return None
        return self._pipe.recv()

    def close(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._process = None

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=work, args=(self._bundle, theirs), daemon=True)
        self._process.start()
        theirs.close()
        assert self._pipe.recv() == "ready"
        self._files = 0


def failure(found: dict[str, Any]) -> str:
    """What is wrong with an outcome, or ""."""
    for kind in ("traceback", "hang", "died"):
        if kind in found:
            return kind
    if found["memory"] > MOST_MEMORY:
        return "memory"
    return str(found["pillow"]) if found["pillow"] in ("other bits", "another size") else ""


def run(bundle: str, files: list[Path], limit: float) -> dict[str, Any]:
    """Judge all files; the record that is written."""
    worker, outcomes = Worker(bundle, limit), dict[str, dict[str, Any]]()
    for number, file in enumerate(files):
        found = worker.judge(file)
        if found.get("memory", 0) > MOST_MEMORY:
            found = worker.judge(file, fresh=True)
        outcomes[str(file)] = found
        if failure(found):
            print(f"{failure(found)}: {file} {found}", file=sys.stderr, flush=True)
        if number % 500 == 499:
            print(f"{number + 1:,} of {len(files):,}", file=sys.stderr, flush=True)
    worker.close()
    return {"summary": summary(outcomes), "files": outcomes}


def summary(outcomes: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Counts over all files."""
    measured = [found for found in outcomes.values() if "memory" in found]
    return {
        "files": len(outcomes),
        "failures": dict(Counter(filter(None, map(failure, outcomes.values())))),
        "against Pillow": dict(Counter(found.get("pillow", "no answer") for found in outcomes.values())),
        "decisions": dict(Counter(found["decision"] for found in measured if "decision" in found)),
        "most memory": max((found["memory"] for found in measured), default=0),
        "most processor seconds": round(max((found["seconds"] for found in measured), default=0.0), 2),
    }


def main() -> None:
    """Judge the files of the folders and print the summary."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", help="an enrolled person's name, or a bundle's path")
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--limit", type=float, default=LIMIT, help="seconds for one file")
    parser.add_argument("--sample", type=int, help="judge so many files only, drawn at random")
    parser.add_argument("-o", "--output", type=Path)
    options = parser.parse_args()
    files = sorted(path for folder in options.folders for path in folder.rglob("*") if path.is_file())
    if options.sample is not None and options.sample < len(files):
        files = sorted(random.Random(0).sample(files, options.sample))
    found = run(options.bundle, files, options.limit)
    print(json.dumps(found["summary"], indent=2))
    if options.output:
        options.output.write_text(json.dumps(found, indent=1, ensure_ascii=True) + "\n")
    sys.exit(1 if found["summary"]["failures"] else 0)


if __name__ == "__main__":
    main()
