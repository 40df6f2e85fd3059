"""Does the detector find the faces, and where do the aligned crops lie? One table on real data.

    python benchmarks/detection.py [--data FOLDER] [--images N] [--json FILE]

The folder holds celeba/, lfw/, photos/, video/ and non_face/ (FACEDGE_DATA, or ../shared/data beside the checkout).
Found: the share of images with a face, with detect()'s defaults. Tilt and geometry: CelebA images of the training
part, each put into a 640x480 frame at a random place and size, found again and brought back to the crop.
"""

import argparse
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from facedge.faces.align import TARGET, fit_similarity, sample, sampling_for
from facedge.faces.boxes import fit_letterbox, input_planes
from facedge.faces.detect import detect
from facedge.faces.landmarks import refine
from facedge.faces.yunet import default_detector
from facedge.image_files import find_images
from facedge.imaging import load_rgb

Bytes = npt.NDArray[np.uint8]
MIDDLE = complex(89, 124)  # of a face in CelebA's crop


def files_of(data: Path) -> dict[str, list[Path]]:
    """The image files of each set."""
    celeba = data / "celeba"
    rows = [line.split() for line in (celeba / "list_eval_partition.txt").read_text().splitlines()]
    return {
        "LFW, development images": find_images(data / "lfw" / "lfw"),
        "CelebA, test partition": [celeba / "img_align_celeba" / name for name, part in rows if part == "2"],
        "photos (all)": find_images(data / "photos"),
        "non_face (lower is better)": find_images(data / "non_face"),
    }


def frames(video: Path) -> Iterator[Bytes]:
    reader = cv2.VideoCapture(str(video))
    while True:
        good, frame = reader.read()
        if not good:
            return
        yield frame[:, :, ::-1]


def found_rows(data: Path, images: int | None) -> list[dict[str, object]]:
    """How many images of each set have a face, and which have none."""
    rows: list[dict[str, object]] = []
    for name, files in files_of(data).items():
        chosen = files[:: max(1, len(files) // images)] if images else files
        counts = [len(detect(load_rgb(file))) for file in chosen]
        missed = [file.name for file, count in zip(chosen, counts, strict=True) if not count]
        rows.append({"set": name, "images": len(chosen), "found": len(chosen) - len(missed), "missed": missed[:20]})
    counts = [len(detect(frame)) for frame in frames(data / "video" / "one_face_960x540.mp4")]
    rows.append({"set": "video, one face", "images": len(counts), "found": sum(count > 0 for count in counts)})
    groups = [len(detect(load_rgb(file))) for file in find_images(data / "photos" / "group")]
    rows.append({"set": "photos/group, two or more", "images": len(groups), "found": sum(n >= 2 for n in groups)})
    return rows


def placed(image: Bytes, degrees: float, scale: float, at: complex) -> tuple[Bytes, complex, complex]:
    """The image in a 640x480 frame, its borders stretched, and image -> frame as m z + t."""
    m = scale * complex(np.exp(1j * np.deg2rad(degrees)))
    t = at - m * MIDDLE
    return sample(image, sampling_for(m, t), np.empty((480, 640, 3), np.uint8)), m, t


def back_in_crop(landmarks: npt.NDArray[np.float32], m: complex, t: complex) -> tuple[complex, complex]:
    """Where the aligned crop lies in the image: (1, 0) is the image itself."""
    z = (landmarks[:, 0] + 1j * landmarks[:, 1] - t) / m
    return fit_similarity(np.stack([z.real, z.imag], axis=1), TARGET)


def geometry_rows(data: Path, images: int) -> list[dict[str, float]]:
    """Scale, turn and shift of crops against CelebA's own, without and with landmark refinement, by tilt."""
    celeba, random = data / "celeba", np.random.default_rng(0)
    lines = (celeba / "list_eval_partition.txt").read_text().splitlines()
    names = [line.split()[0] for line in lines if line.endswith(" 0")][10_000:]
    rows = []
    for degrees in (0.0, 10.0, 20.0, 30.0):
        maps: dict[str, list[tuple[complex, complex]]] = {"detected": [], "refined": []}
        for name in names[:: len(names) // images][:images]:
            image = load_rgb(celeba / "img_align_celeba" / name)
            sign, at = random.choice([-1, 1]), complex(random.uniform(220, 420), random.uniform(200, 280))
            frame, m, t = placed(image, sign * degrees, random.uniform(0.9, 2.0), at)
            if not (faces := detect(frame)):
                continue
            first = faces[0].landmarks
            for stage, points in (("detected", first), ("refined", refine(frame, first).landmarks)):
                c, shift = back_in_crop(points, m, t)
                if sign < 0:  # so that a remaining tilt counts towards the given one
                    c = c.conjugate()
                maps[stage].append((c, shift))
        rows += [{"tilt": degrees, "landmarks": stage} | spread(pairs) for stage, pairs in maps.items()]
    return rows


def spread(pairs: list[tuple[complex, complex]]) -> dict[str, float]:
    """Means and standard deviations of scale and turn."""
    m = np.array([pair[0] for pair in pairs])
    turn = np.rad2deg(np.angle(m))
    return {
        "images": len(pairs),
        "scale": float(abs(m).mean()),
        "scale_sd": float(abs(m).std()),
        "turn": float(turn.mean()),
        "turn_sd": float(turn.std()),
    }


def times(data: Path) -> dict[str, float]:
    """Milliseconds (CPU, one thread, median) of the stages for a 1280x720 photo."""
    photo = load_rgb(data / "photos" / "me" / "obama-720p.jpg")
    detector, face = default_detector(), detect(photo)[0]
    box = fit_letterbox(720, 1280, 320)
    planes = input_planes(photo, box)
    jobs = {
        "resize to 320": lambda: input_planes(photo, box),
        "network at 320x192": lambda: detector.run(planes),
        "detect": lambda: detect(photo),
        "refined": lambda: refine(photo, face.landmarks),
    }
    spent: dict[str, list[float]] = {name: [] for name in jobs}
    for _ in range(41):
        for name, job in jobs.items():
            start = time.thread_time()
            job()
            spent[name].append(1000 * (time.thread_time() - start))
    return {name: float(np.median(values)) for name, values in spent.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    beside = Path(__file__).resolve().parents[2] / "shared" / "data"
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FACEDGE_DATA", beside)))
    parser.add_argument("--images", type=int, help="only about so many of each set")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    result = {
        "ms": times(options.data),
        "found": found_rows(options.data, options.images),
        "geometry": geometry_rows(options.data, options.images or 300),
    }
    for name, ms in result["ms"].items():
        print(f"{name:30}{ms:8.2f} ms")
    print()
    for row in result["found"]:
        share = 100 * row["found"] / row["images"]
        print(f"{row['set']:30}{row['found']:6} of {row['images']:6}{share:9.2f} %")
    print(f"\n{'tilt':>5}  {'':12}{'scale':>8}{'sd':>8}{'turn':>8}{'sd':>8}")
    for row in result["geometry"]:
        print(
            f"{row['tilt']:5.0f}  {row['landmarks']:12}{row['scale']:8.3f}{row['scale_sd']:8.3f}"
            f"{row['turn']:8.2f}{row['turn_sd']:8.2f}"
        )
    if options.json:
        options.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
