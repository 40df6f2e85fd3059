"""`facedge prepare`: decode every image of a dataset once, into a folder that opens in milliseconds.

Images are decoded by several processes and appended in the dataset's order by this one, so the bytes on disk do not
depend on the number of workers or on interruptions. What is not an image is skipped, counted and listed.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from facedge.dataset import splits
from facedge.dataset.celeba import CelebA, read_celeba
from facedge.dataset.celeba_layout import ATTRIBUTE_NAMES, PARTITIONS
from facedge.dataset.crops import crop_of
from facedge.dataset.faces import FORMAT, INFO_FILE, Faces
from facedge.dataset.image_store import ImageStore
from facedge.dataset.ordered_map import ordered_map
from facedge.dataset.unfinished import Skip, Unfinished
from facedge.detection import input_side
from facedge.detection.model import SHA256, find_model
from facedge.errors import DatasetError, ImageError, InputError
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH, resize_grey

CHUNK: Final = 64  # images a worker decodes at a time: 2.4 MB of frames

Bytes = NDArray[np.uint8]
Decode = Callable[[list[str]], tuple[Bytes, list[Skip]]]
Track = Callable[[Iterator[Any], int], Iterator[Any]]


@dataclass(frozen=True)
class Prepared:
    """What `prepare_faces` did."""

    faces: Faces
    skipped: tuple[Skip, ...]  # image name, reason
    notes: tuple[str, ...]  # what a person should know about this copy of the dataset
    resumed_at: int  # listed images that an earlier run had done


def prepare_faces(
    celeba: str | Path,
    out: str | Path,
    *,
    workers: int = 1,
    max_bad: float = 0.01,
    limit: int | None = None,
    min_face: float | None = None,
    track: Track = lambda items, _count: items,
) -> Prepared:
    """Decode the CelebA in folder `celeba` into the folder `out`, or go on where an interrupted run stopped.

    max_bad: the share of listed images that may be missing or broken before it is an error.
    limit: at most so many images: whole people, each partition in proportion.
    min_face: None: the images are aligned crops. Otherwise photos, whose largest face is found and aligned; the width
        of the smallest to look for, as in facedge.detect.
    track: wraps the work to show progress; called with an iterator over chunks of 64 images and their number.

    KeyboardInterrupt leaves a folder that the next call takes up. Raises DatasetError, also where the disk is full.
    """
    if not 0 <= max_bad <= 1:
        raise InputError(f"expected max_bad as a share from 0 to 1, got {max_bad}")
    if min_face is not None:
        input_side(FRAME_HEIGHT, min_face)
        find_model()  # absent: say so before any work
    dataset = read_celeba(celeba)
    if limit is not None:
        dataset = dataset.take(splits.choose_subset(dataset.identities, dataset.partition, limit))
    fingerprint = _fingerprint(dataset, sizes := dataset.store.sizes(), min_face)
    if faces := _finished_before(Path(out), fingerprint):
        return Prepared(faces, _skips(faces), dataset.notes, resumed_at=len(dataset.names))
    allowed = int(max_bad * len(dataset.names) + 1e-9)  # 29 % of 100 is 28.999999999999996
    _check_bad([(name, "missing") for name in dataset.names if name not in sizes], allowed, len(dataset.names))
    with Unfinished(Path(out), fingerprint, len(dataset.names)) as unfinished:
        resumed_at = unfinished.reached.done
        decode = partial(decode_chunk, dataset.store, min_face=min_face)
        _decode_all(dataset.names, decode, unfinished, allowed, workers, track)
        _finish(dataset, unfinished, fingerprint, min_face)
    return Prepared(Faces.open(out), unfinished.reached.skipped, dataset.notes, resumed_at)


def _decode_all(
    listed: list[str], decode: Decode, unfinished: Unfinished, allowed: int, workers: int, track: Track
) -> None:
    names = listed[unfinished.reached.done :]
    chunks = [names[start : start + CHUNK] for start in range(0, len(names), CHUNK)]
    with closing(ordered_map(decode, chunks, workers)) as decoded:
        for frames, skipped in track(decoded, len(chunks)):
            unfinished.append(frames, skipped)
            _check_bad(unfinished.reached.skipped, allowed, len(listed))


def decode_chunk(store: ImageStore, names: list[str], *, min_face: float | None = None) -> tuple[Bytes, list[Skip]]:
    """The grey frames of the good images, uint8 (K, 218, 178), in their order; and the others with a reason."""
    frames = np.empty((len(names), FRAME_HEIGHT, FRAME_WIDTH), dtype=np.uint8)
    good, skipped = 0, []
    for name in names:
        try:
            crop = crop_of(store.read(name), min_face)
            resize_grey(crop, (FRAME_HEIGHT, FRAME_WIDTH), out=frames[good : good + 1])
            good += 1
        except (ImageError, DatasetError) as problem:
            skipped.append((name, _reason(problem)))
    return frames[:good], skipped


def _reason(problem: Exception) -> str:
    """The error without the name it did not know, and without its advice."""
    return str(problem).replace("the image in memory ", "").rsplit(": ", 1)[0]


def _check_bad(skipped: Sequence[Skip], allowed: int, total: int) -> None:
    if len(skipped) <= allowed:
        return
    first = "; ".join(f"{name}: {reason}" for name, reason in skipped[:3])
    raise DatasetError(
        f"{len(skipped):,} or more of {total:,} listed images are missing or broken and --max-bad allows {allowed:,} "
        f"({first}): complete the dataset, or raise --max-bad"
    )


def _fingerprint(dataset: CelebA, sizes: dict[str, int], min_face: float | None) -> str:
    """Changes with the labels, the list, or the size of any listed image: then an interrupted run is not taken up."""
    digest = hashlib.sha256(f"{FORMAT} {dataset.name} {dataset.partition_kind}".encode())
    digest.update("\n".join(f"{name} {sizes.get(name, -1)}" for name in dataset.names).encode())
    if min_face is not None:
        digest.update(f"detected {min_face} {SHA256}".encode())
    for array in (dataset.attributes, dataset.identities, dataset.partition):
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _finished_before(out: Path, fingerprint: str) -> Faces | None:
    if not (out / INFO_FILE).is_file():
        return None
    faces = Faces.open(out)
    if faces.info.get("fingerprint") != fingerprint:
        raise DatasetError(f"{out} holds other prepared faces already: give another folder, or remove this one")
    return faces


def _skips(faces: Faces) -> tuple[Skip, ...]:
    return tuple((str(entry["name"]), str(entry["reason"])) for entry in faces.info["skipped"])


def _finish(dataset: CelebA, unfinished: Unfinished, fingerprint: str, min_face: float | None) -> None:
    left_out = {name for name, _ in unfinished.reached.skipped}
    rows = np.array([row for row, name in enumerate(dataset.names) if name not in left_out], dtype=np.int64)
    if len(rows) == 0:
        raise DatasetError(f"none of the {len(dataset.names):,} listed images could be read: nothing was prepared")
    kept = dataset.take(rows)
    arrays: dict[str, NDArray[Any]] = {
        "attributes": kept.attributes,
        "identities": kept.identities,
        "partition": kept.partition,
        "names": np.array(kept.names, dtype=np.str_),
    }
    unfinished.finish(arrays, {**_info(kept, unfinished.reached.skipped, fingerprint), "min_face": min_face})


def _info(kept: CelebA, skipped: Sequence[Skip], fingerprint: str) -> dict[str, Any]:
    counts = {}
    for side, name in enumerate(PARTITIONS):
        people = np.unique(kept.identities[(kept.partition == side) & (kept.identities >= 0)])
        counts[name] = {"images": int((kept.partition == side).sum()), "identities": len(people)}
    return {
        "format": FORMAT,
        "images": len(kept.names),
        "counts": counts,
        "name": kept.name,
        "licence": kept.licence,
        "partition": kept.partition_kind,
        "notes": list(kept.notes),
        "source": str(kept.folder.resolve()),
        "attribute_names": list(ATTRIBUTE_NAMES),
        "skipped": [{"name": name, "reason": reason} for name, reason in skipped],
        "fingerprint": fingerprint,
    }
