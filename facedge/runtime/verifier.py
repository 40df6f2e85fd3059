"""Is it me? A bundle, a photo, a decision."""

from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facedge.bundle import Bundle, read_bundle
from facedge.errors import InputError
from facedge.runtime.decision import Decision, Reason
from facedge.runtime.embedder import Embedder, Floats
from facedge.runtime.locate import Located, locate
from facedge.runtime.quality import too_poor
from facedge.runtime.session import FLOAT, Port, check_ports, open_session
from facedge.runtime.threshold import Threshold, choose_threshold

if TYPE_CHECKING:
    from facedge.detection import Policy

Photo = str | Path | bytes | NDArray[np.uint8]


def load(
    path: str | Path | Bundle,
    *,
    threshold: float | None = None,
    far: float | None = None,
    faces: "Policy" = "largest",
    threads: int = 1,
    precision: str | None = None,
) -> "Verifier":
    """Open a bundle: read it, check every byte, and make its models ready.

    path       a bundle directory NAME.facedge, or a Bundle from read_bundle
    threshold  use this score instead of the bundle's threshold
    far        use the bundle's threshold for this FAR
    faces      which face of several counts: "largest", "center", or "only" to refuse several
    threads    CPU threads
    precision  "fp32" or "int8"; None takes the bundle's own choice

    Raises BundleError for a bundle that is damaged, edited, too new or of another spec.
    """
    bundle = path if isinstance(path, Bundle) else read_bundle(path)
    return Verifier(bundle, threshold=threshold, far=far, faces=faces, threads=threads, precision=precision)


class Verifier:
    """A loaded bundle. Safe to call from several threads. See `load` for the parameters."""

    def __init__(
        self,
        bundle: Bundle,
        *,
        threshold: float | None = None,
        far: float | None = None,
        faces: "Policy" = "largest",
        threads: int = 1,
        precision: str | None = None,
    ) -> None:
        """Make the models of a checked bundle ready."""
        self.bundle = bundle
        self.faces = faces
        self._threshold: Threshold | None = None
        if bundle.manifest.enrolled or threshold is not None or far is not None:
            self._threshold = choose_threshold(bundle.manifest, threshold=threshold, far=far)
        self.embedder = Embedder(bundle, threads=threads, precision=precision)
        self._head = open_session("head.onnx", bundle.files["head.onnx"], threads=1)
        embedding = Port("embedding", FLOAT, (None, bundle.manifest.embedding_size))
        check_ports("head.onnx", self._head, [embedding], [Port("probability", FLOAT, (None, 1))])

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """Names of the columns of `attributes`."""
        return self.embedder.attribute_names

    @property
    def threshold(self) -> float:
        """The score from which on a probe is accepted; BundleError when nobody is enrolled."""
        return self._decider().value

    def verify(self, photo: Photo, *, aligned: bool | None = None) -> Decision:
        """Decide about one photo: a path, the bytes of an image file, or uint8 RGB (H, W, 3) or grey (H, W).

        aligned  True: the photo is a crop in CelebA geometry; False: find the face in it; None: 178x218 and 89x109
                 pixels count as aligned

        Raises BundleError when nobody is enrolled, ImageError when the photo cannot be read. It never accepts by
        accident: a score that is no number is a rejection.
        """
        decider = self._decider()
        start = perf_counter()
        image = read_photo(photo)
        decode_ms = 1000 * (perf_counter() - start)
        found = locate(image, faces=self.faces, aligned=aligned)
        times = {"decode": decode_ms, "detect": found.detect_ms, "align": found.align_ms}
        if found.crop is None:
            return _rejected(found, found.reason, decider, times)
        start = perf_counter()
        tensor = self.embedder.prepare(found.crop[None])
        times["preprocess"] = 1000 * (perf_counter() - start)
        if too_poor(tensor):
            return _rejected(found, "low_quality", decider, times)
        start = perf_counter()
        embedding, attributes = self.embedder.infer(tensor)
        score = float(self.score(embedding)[0])
        times["infer"] = 1000 * (perf_counter() - start)
        named = dict(zip(self.attribute_names, (float(p) for p in attributes[0]), strict=True))
        return _decided(found, score, decider, named, times)

    def embed(self, crops: NDArray[np.uint8]) -> Floats:
        """Aligned uint8 (N, H, W, 3) or (N, H, W) in CelebA geometry -> float32 (N, D), L2-normalised."""
        return self.embedder.embed(crops)

    def attributes(self, crops: NDArray[np.uint8]) -> Floats:
        """Aligned uint8 (N, H, W, 3) or (N, H, W) in CelebA geometry -> float32 (N, A), probabilities."""
        return self.embedder.attributes(crops)

    def score(self, embeddings: Floats) -> Floats:
        """Embeddings float32 (N, D) -> scores float32 (N,) in 0..1, higher is more alike."""
        (probability,) = self._head.run(["probability"], {"embedding": np.ascontiguousarray(embeddings, np.float32)})
        return np.asarray(probability, np.float32)[:, 0]

    def _decider(self) -> Threshold:
        return self._threshold or choose_threshold(self.bundle.manifest)


def read_photo(photo: Photo) -> NDArray[np.uint8]:
    """A photo as uint8 RGB (H, W, 3) or grey (H, W); InputError for an array that is neither."""
    if isinstance(photo, str | Path | bytes):
        from facedge.imaging import load_rgb  # late: arrays need no Pillow

        return load_rgb(photo)
    image = np.asarray(photo)
    if (
        image.dtype != np.uint8
        or not (image.ndim == 2 or (image.ndim == 3 and image.shape[2] == 3))
        or 0 in image.shape
    ):
        raise InputError(f"photo: expected uint8 RGB (H, W, 3) or grey (H, W), got {image.dtype} {image.shape}")
    return image


def _rejected(found: Located, reason: Reason | None, decider: Threshold, times: dict[str, float]) -> Decision:
    return Decision(False, None, decider.value, reason, found.box, found.landmarks, {}, times, decider.far)


def _decided(
    found: Located, score: float, decider: Threshold, attributes: dict[str, float], times: dict[str, float]
) -> Decision:
    number = 0.0 <= score <= 1.0  # False for NaN too: a head that answers nonsense accepts nobody
    accepted = number and score >= decider.value
    reason: Reason | None = None if accepted else "below_threshold"
    shown = score if number else None
    named = attributes if all(p == p for p in attributes.values()) else {}
    return Decision(accepted, shown, decider.value, reason, found.box, found.landmarks, named, times, decider.far)
