"""Does training carry the whole of CelebA? A prepared set of that size, drawn at random, through the real training.

    python benchmarks/whole_celeba.py [--images 202599] [--part 24856] [--folder DIR] [--seconds S] [--threads 1]

Writes prepared folders with CelebA's shares (80 % train, 10 % validation, 10 % test; 20 images a person) and random
pixels, 7.9 GB for all 202,599 images, and trains `edge` on each in a process of its own. Prints the peak memory, the
time until the first step, images/s over `--seconds` of steps, and both in ratio to the part. Resuming is checked on
`--resume-images` images: stopped after an epoch and begun again, training goes on from there. The folders are removed.
"""

import argparse
import contextlib
import dataclasses
import json
import multiprocessing
import shutil
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

CHUNK = 2048
PHOTOS_EACH = 20
ATTRIBUTES = 40


def write_prepared(folder: Path, images: int) -> Path:
    """A folder as `facedge prepare` leaves it; a block of random pixels repeats, since drawing 8 GB takes longer."""
    rng = np.random.default_rng(0)
    folder.mkdir(parents=True)
    block = rng.integers(0, 256, (CHUNK, 218, 178), dtype=np.uint8)
    store = np.lib.format.open_memmap(folder / "images.npy", mode="w+", dtype=np.uint8, shape=(images, 218, 178))
    for start in range(0, images, CHUNK):
        store[start : start + CHUNK] = block[: min(CHUNK, images - start)]
    store.flush()
    del store
    person = np.arange(images) // PHOTOS_EACH
    share = person / (person[-1] + 1)
    np.save(folder / "attributes.npy", rng.integers(0, 2, (images, ATTRIBUTES), dtype=np.uint8))
    np.save(folder / "identities.npy", person.astype(np.int32))
    np.save(folder / "partition.npy", ((share >= 0.8).astype(np.uint8) + (share >= 0.9)).astype(np.uint8))
    np.save(folder / "names.npy", np.array([f"{k:06d}.jpg" for k in range(1, images + 1)]))
    info = {
        "format": 1, "images": images, "attribute_names": [f"Attribute_{k}" for k in range(ATTRIBUTES)],
        "source": "nowhere", "name": "random pixels", "licence": "none needed", "partition": "by identity",
    }  # fmt: skip
    (folder / "faces.json").write_text(json.dumps(info), encoding="utf-8")
    return folder


class EnoughError(Exception):
    """The measurement is over."""


def measure(faces: Path, run: Path, seconds: float, threads: int) -> dict[str, float]:
    """Train for `seconds` after the first step; the start counts from here, torch's import included."""
    start = time.perf_counter()
    first: list[float] = []

    def tick(now: Any) -> None:
        if not first:
            first.append(time.perf_counter())
            tick.begin = now.step  # type: ignore[attr-defined]
        elif time.perf_counter() - first[0] >= seconds:
            steps = now.step - tick.begin  # type: ignore[attr-defined]
            measured.update(steps=steps, images_per_second=steps * batch / (time.perf_counter() - first[0]))
            raise EnoughError

    from facedge.train.backbone import train_backbone
    from facedge.train.config import BackboneRequest, recipe_of

    batch = recipe_of("edge", taught=False).batch
    measured: dict[str, float] = {}
    with contextlib.suppress(EnoughError):
        train_backbone(BackboneRequest(faces, run, epochs=1, device="cpu", threads=threads), tick=tick)
    if not measured:
        raise SystemExit(f"{faces.name}: an epoch ended within {seconds:g} s: measure more images or fewer seconds")
    own, mapped = peaks()
    return {**measured, "first_step_s": first[0] - start, "own_mb": own, "peak_mb": mapped}


def peaks() -> tuple[float, float]:
    """MB: the process's own memory now (not the images that the system maps and can drop), and the peak of all."""
    fields = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines() if ":" in line)
    own, peak = (int(fields[name].split()[0]) / 1024 for name in ("RssAnon", "VmHWM"))
    return own, peak


def resumed(faces: Path, run: Path, threads: int) -> list[int]:
    """Epochs in the metrics of a run that was stopped after its first one and resumed."""
    from facedge.train.backbone import train_backbone
    from facedge.train.config import BackboneRequest
    from facedge.train.run_folder import read_metrics

    request = BackboneRequest(faces, run, epochs=2, size=32, device="cpu", threads=threads)

    def stop(now: Any) -> None:
        if now.epoch == 2:
            raise EnoughError

    with contextlib.suppress(EnoughError):
        train_backbone(request, tick=stop)
    if len(read_metrics(run)) != 1:
        raise SystemExit("the run did not stop after its first epoch")
    train_backbone(dataclasses.replace(request, resume=True))
    return [int(line["epoch"]) for line in read_metrics(run)]


def apart(work: Any, *arguments: Any) -> Any:
    """The result of a function run in a fresh process, so that its peak memory is its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, arguments)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=202_599)
    parser.add_argument("--part", type=int, default=24_856)
    parser.add_argument("--resume-images", type=int, default=2_000)
    parser.add_argument("--folder", type=Path, help="a folder with enough space; default: the temporary folder")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    needed = 1.1 * 218 * 178 * (options.images + options.part)
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        folder = Path(name)
        if shutil.disk_usage(folder).free < needed:
            raise SystemExit(f"{folder} has less than {needed / 1e9:.1f} GB free: choose another --folder")
        found = []
        for images in (options.part, options.images):
            faces = write_prepared(folder / f"faces-{images}", images)
            found.append(apart(measure, faces, folder / f"run-{images}", options.seconds, options.threads))
            shutil.rmtree(faces)
            print(f"{images:,} images: " + ", ".join(f"{k} {v:,.1f}" for k, v in found[-1].items()), flush=True)
        ratios = {key: found[1][key] / found[0][key] for key in found[0] if key != "steps"}
        print("in ratio: " + ", ".join(f"{key} {value:.2f}" for key, value in ratios.items()))
        faces = write_prepared(folder / "faces-resume", options.resume_images)
        epochs = apart(resumed, faces, folder / "run-resume", options.threads)
        print(f"resumed after epoch 1 of 2: epochs {epochs}")


if __name__ == "__main__":
    main()
