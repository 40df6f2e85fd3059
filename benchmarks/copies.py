"""Copies of a photo: how many are noticed, and how many different photos of one person are taken for copies.

    python benchmarks/copies.py CELEBA_DIR [--photos 24] [--people 100] [--video FILE ...]

Photos of validation identities are copied in fifteen ways (FRAMES) and compared with their originals as enrolling does:
by the aligned faces, and by embeddings alone, as with samples that are enrolled already. Then all pairs of photos of
one person, and pairs of frames of a video.
"""

import argparse
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from facedge.bundle import read_bundle
from facedge.bundle.cohort import read_cohort
from facedge.bundle.resolve import pretrained
from facedge.camera.streams import open_camera
from facedge.dataset.celeba import CelebA, read_celeba
from facedge.enrollment.capture import Sample, check_photo
from facedge.enrollment.duplicates import copy_cosine
from facedge.imaging import load_rgb
from facedge.runtime.embedder import Embedder

BICUBIC = Image.Resampling.BICUBIC
Copy = Callable[[Image.Image], Image.Image]


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    """Encoded and decoded again."""
    file = BytesIO()
    image.save(file, "JPEG", quality=quality)
    return Image.open(file).convert("RGB")


def cut(image: Image.Image, left: float, top: float, right: float, bottom: float) -> Image.Image:
    """Without these shares of its width and height."""
    width, height = image.size
    box = (left * width, top * height, (1 - right) * width, (1 - bottom) * height)
    return image.crop(tuple(round(value) for value in box))  # type: ignore[arg-type]


def warm(image: Image.Image) -> Image.Image:
    """In yellower light."""
    return Image.fromarray(np.clip(np.asarray(image) * (1.12, 1.0, 0.82), 0, 255).astype(np.uint8))


def screenshot(image: Image.Image) -> Image.Image:
    """Between dark borders, smaller, encoded again."""
    width, height = image.size
    framed = ImageOps.expand(image, (width // 3, height // 2), (20, 20, 24))
    return jpeg(ImageOps.scale(framed, 0.8), 75)


def everything(image: Image.Image) -> Image.Image:
    """Turned, cut, with more contrast, warmer, smaller and encoded again."""
    turned = cut(image.rotate(3, BICUBIC), 0.08, 0.06, 0.08, 0.06)
    return jpeg(ImageOps.scale(warm(ImageEnhance.Contrast(turned).enhance(1.15)), 0.7), 70)


FRAMES: dict[str, Copy] = {
    "JPEG 30": lambda image: jpeg(image, 30),
    "half size": lambda image: ImageOps.scale(image, 0.5, BICUBIC),
    "1.5 times the size": lambda image: ImageOps.scale(image, 1.5, BICUBIC),
    "cut by 5 %": lambda image: cut(image, 0.05, 0.03, 0.02, 0.05),
    "cut by 12 %": lambda image: cut(image, 0.12, 0.08, 0.1, 0.12),
    "turned by 4": lambda image: image.rotate(4, BICUBIC),
    "turned by 10": lambda image: image.rotate(-10, BICUBIC),
    "mirrored": ImageOps.mirror,
    "mirrored, cut, JPEG 60": lambda image: jpeg(cut(ImageOps.mirror(image), 0.08, 0.05, 0.03, 0.06), 60),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.25),
    "more contrast": lambda image: ImageEnhance.Contrast(image).enhance(1.4),
    "warmer": warm,
    "grey": lambda image: ImageOps.grayscale(image).convert("RGB"),
    "screenshot": screenshot,
    "turned, cut, warmer, smaller, JPEG 70": everything,
}


def main() -> None:
    """Run the benchmark from the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("celeba", type=Path)
    parser.add_argument("--photos", type=int, default=24)
    parser.add_argument("--people", type=int, default=100)
    parser.add_argument("--video", type=Path, nargs="*", default=[])
    args = parser.parse_args()
    bundle = read_bundle(pretrained())
    embedder, cohort = Embedder(bundle), read_cohort(bundle.files)
    assert cohort is not None
    closer = copy_cosine(*cohort)
    print(f"an enrolled sample is closer than a cosine of {closer:.3f}")
    data = read_celeba(args.celeba)
    originals = dict(photos(data, args.celeba, embedder, args.photos))
    for name, copy in FRAMES.items():
        pairs = [(sample, seen(embedder, copy(image))) for image, sample in originals.values()]
        report(name, [(one, other) for one, other in pairs if other is not None], closer)
    report("photos of one person", same_person(data, args.celeba, embedder, args.people), closer)
    for video in args.video:
        for low, high in ((0, 0.6), (0.6, 2), (2, 10)):
            report(f"{video.name}, {low:g} to {high:g} s apart", frames_apart(video, embedder, low, high), closer)


def report(name: str, pairs: list[tuple[Sample, Sample]], closer: float) -> None:
    """How many of the pairs are one photo by their faces, and by their embeddings."""
    by_face = by_embedding = 0
    for one, other in pairs:
        assert one.fingerprint is not None and other.fingerprint is not None
        by_face += one.fingerprint.same_photo(other.fingerprint)
        cosine = max(one.embedding @ x for x in (other.embedding, other.fingerprint.mirrored))
        by_embedding += bool(cosine > closer)
    print(f"{name:40} {by_face:6d} of {len(pairs):6d} by the face {by_embedding:6d} by the embedding", flush=True)


def seen(embedder: Embedder, image: Image.Image) -> Sample | None:
    """A photo as enrolling checks it; None where it is refused."""
    return check_photo(embedder, np.asarray(image), "").sample


def photos(
    data: CelebA, folder: Path, embedder: Embedder, most: int
) -> Iterator[tuple[str, tuple[Image.Image, Sample]]]:
    """Random validation photos at twice their size, by name, with their samples."""
    found = 0
    for row in np.random.default_rng(1).permutation(np.flatnonzero(data.partition == 1)):
        image = Image.fromarray(load_rgb(folder / "img_align_celeba" / data.names[row]))
        sample = seen(embedder, image.resize((356, 436), BICUBIC)) if image.height > 200 and found < most else None
        if sample is not None:
            found += 1
            yield data.names[row], (image.resize((356, 436), BICUBIC), sample)


def same_person(data: CelebA, folder: Path, embedder: Embedder, most: int) -> list[tuple[Sample, Sample]]:
    """All pairs of aligned photos of one validation identity."""
    pairs = []
    for person in np.unique(data.identities[data.partition == 1])[:most]:
        paths = [folder / "img_align_celeba" / data.names[row] for row in np.flatnonzero(data.identities == person)]
        images = [Image.fromarray(load_rgb(path)).resize((178, 218), BICUBIC) for path in paths]
        samples = [sample for image in images if (sample := seen(embedder, image)) is not None]
        pairs += [(one, other) for number, one in enumerate(samples) for other in samples[:number]]
    return pairs


def frames_apart(video: Path, embedder: Embedder, low: float, high: float) -> list[tuple[Sample, Sample]]:
    """Every twelfth frame of a video with later ones within these seconds."""
    found: list[tuple[float, Sample]] = []
    with open_camera(str(video)) as camera:
        while (frame := camera.next()) is not None:
            sample = check_photo(embedder, frame.image, "").sample if frame.number % 12 == 0 else None
            found += [(frame.seconds, sample)] if sample is not None else []
    return [(one, other) for at, one in found for later, other in found if low < later - at <= high]


if __name__ == "__main__":
    main()
