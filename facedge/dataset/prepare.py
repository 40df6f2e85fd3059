"""`facedge prepare`: decode every image of a data set once, into a folder that opens in milliseconds.

Several processes decode; this one appends the frames in the data set's order, so the bytes on disk depend neither on
the number of workers nor on interruptions. Images that cannot be decoded are skipped, counted and listed.
"""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

import numpy as np

from facedge.dataset import splits
from facedge.dataset.attribute_names import ATTRIBUTE_NAMES
from facedge.dataset.celeba import CelebA, read_celeba
from facedge.dataset.images import ImageStore, crop_of
from facedge.dataset.parallel import ordered_map
from facedge.dataset.prepared import FORMAT, INFO_FILE, Faces
from facedge.dataset.prepared_writer import PreparedWriter, Skip, open_writer
from facedge.dataset.unlabelled import read_unlabelled
from facedge.errors import DatasetError, ImageError, InputError
from facedge.faces.detect import input_side
from facedge.faces.yunet import SHA256, find_model
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH, resize_grey
from facedge.types import AnyArray, Track, UInt8Array, untracked

CHUNK: Final = 64  # images that a worker decodes at a time: 2.4 MB of frames

Decode = Callable[[list[str]], tuple[UInt8Array, list[Skip]]]


@dataclass(frozen=True)
class PrepareResult:
    """What `prepare_faces` did."""

    faces: Faces
    skipped: tuple[Skip, ...]  # image name, reason
    notes: tuple[str, ...]  # what is unusual about this copy of the data set, as sentences
    resumed_at: int  # listed images that an earlier run had done


@dataclass(frozen=True)
class Unlabelled:
    """The data set is any folder or zip of faces, as `read_unlabelled` lists it, with these lists of labels."""

    attributes: Path | None = None
    identities: Path | None = None


def prepare_faces(
    source: str | Path,
    out: str | Path,
    *,
    unlabelled: Unlabelled | None = None,
    workers: int = 1,
    max_bad: float = 0.01,
    limit: int | None = None,
    min_face: float | None = None,
    track: Track = untracked,
) -> PrepareResult:
    """Decode the CelebA in folder `source` into the folder `out`, or resume an interrupted run.

    unlabelled: `source` is no CelebA but a folder or zip of faces, all for training.
    max_bad: the share of listed images that may be missing or broken before it is an error.
    limit: at most so many images: whole people, each partition in proportion.
    min_face: None: the images are aligned crops. Otherwise photos, whose largest face is found and aligned; the width
        of the smallest to look for, as in facedge.detect.
    track: shows progress over the chunks of 64 images.

    KeyboardInterrupt leaves a folder that the next call resumes. Raises DatasetError, also where the disk is full.
    """
    if not 0 <= max_bad <= 1:
        raise InputError(f"expected max_bad as a share from 0 to 1, got {max_bad}")
    if min_face is not None:
        input_side(FRAME_HEIGHT, min_face)
        find_model()  # raises before any work where it is absent
    if unlabelled is None:
        dataset = read_celeba(source)
    else:
        dataset = read_unlabelled(source, unlabelled.attributes, unlabelled.identities)
    if limit is not None:
        dataset = dataset.take(splits.choose_subset(dataset.identities, dataset.partition, limit))
    fingerprint = _fingerprint(dataset, sizes := dataset.store.sizes(), min_face)
    if faces := _finished_before(Path(out), fingerprint):
        return PrepareResult(faces, _skips(faces), dataset.notes, resumed_at=len(dataset.names))
    allowed = int(max_bad * len(dataset.names) + 1e-9)  # 29 % of 100 is 28.999999999999996
    _check_suffix(dataset, sizes)
    _check_bad([(name, "missing") for name in dataset.names if name not in sizes], allowed, len(dataset.names))
    with open_writer(Path(out), fingerprint, len(dataset.names)) as writer:
        resumed_at = writer.reached.done
        decode = partial(decode_chunk, dataset.store, min_face=min_face)
        _decode_all(dataset.names, decode, writer, allowed, workers, track)
        _finish(dataset, writer, fingerprint, {"min_face": min_face, **_origin(unlabelled)})
    return PrepareResult(Faces.open(out), writer.reached.skipped, dataset.notes, resumed_at)


def _decode_all(
    listed: list[str], decode: Decode, writer: PreparedWriter, allowed: int, workers: int, track: Track
) -> None:
    names = listed[writer.reached.done :]
    chunks = [names[start : start + CHUNK] for start in range(0, len(names), CHUNK)]
    with closing(ordered_map(decode, chunks, workers)) as decoded:
        for frames, skipped in track(decoded, "decoding", len(chunks)):
            writer.append(frames, skipped)
            _check_bad(writer.reached.skipped, allowed, len(listed))


def decode_chunk(
    store: ImageStore, names: list[str], *, min_face: float | None = None
) -> tuple[UInt8Array, list[Skip]]:
    """The grey frames of the images that decode, uint8 (K, 218, 178), in their order; and the others with a reason."""
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
    """The error without the name of the source (bytes have none) and without its advice."""
    return str(problem).replace("the image in memory ", "").rsplit(": ", 1)[0]


def _check_suffix(dataset: CelebA, sizes: dict[str, int]) -> None:
    """DatasetError where the images were converted: 000001.png in place of the listed 000001.jpg."""
    first = PurePosixPath(dataset.names[0])
    if any(name in sizes for name in dataset.names):
        return
    if found := next((name for name in sizes if PurePosixPath(name).stem == first.stem), None):
        raise DatasetError(
            f"{dataset.store.place} holds {found} where the labels list {first}: use the original images, or write "
            f"the names with {PurePosixPath(found).suffix} in the label files"
        )


def _check_bad(skipped: Sequence[Skip], allowed: int, total: int) -> None:
    if len(skipped) <= allowed:
        return
    first = "; ".join(f"{name}: {reason}" for name, reason in skipped[:3])
    raise DatasetError(
        f"{len(skipped):,} or more of {total:,} listed images are missing or broken and --max-bad allows {allowed:,} "
        f"({first}): complete the dataset, or raise --max-bad"
    )


def _fingerprint(dataset: CelebA, sizes: dict[str, int], min_face: float | None) -> str:
    """A digest of the labels, the names and the sizes of the listed images: a run resumes only the same data set."""
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


def _origin(unlabelled: Unlabelled | None) -> dict[str, bool]:
    """How the images are found again, and whether identities are numbered as in the data set they are added to."""
    if unlabelled is None:
        return {}
    return {"unlabelled": True, "listed_identities": unlabelled.identities is not None}


def _finish(dataset: CelebA, writer: PreparedWriter, fingerprint: str, origin: dict[str, Any]) -> None:
    left_out = {name for name, _ in writer.reached.skipped}
    rows = np.array([row for row, name in enumerate(dataset.names) if name not in left_out], dtype=np.int64)
    if len(rows) == 0:
        raise DatasetError(f"none of the {len(dataset.names):,} listed images could be read: nothing was prepared")
    kept = dataset.take(rows)
    arrays: dict[str, AnyArray] = {
        "attributes": kept.attributes,
        "identities": kept.identities,
        "partition": kept.partition,
        "names": np.array(kept.names, dtype=np.str_),
    }
    writer.finish(arrays, {**_info(kept, writer.reached.skipped, fingerprint), **origin})


def _info(kept: CelebA, skipped: Sequence[Skip], fingerprint: str) -> dict[str, Any]:
    counts = {}
    for side, name in enumerate(splits.PARTITIONS):
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
