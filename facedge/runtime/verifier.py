"""Is it me? A bundle, a photo, a decision."""

from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from facedge.bundle import Bundle, read_bundle
from facedge.runtime.contract import open_head
from facedge.runtime.decision import Decision
from facedge.runtime.embedder import Embedder, Floats
from facedge.runtime.seeing import Photo, Seen, see
from facedge.runtime.threshold import Threshold, choose_threshold

if TYPE_CHECKING:
    from facedge.detection import Policy


def load(
    path: str | Path | Bundle,
    *,
    threshold: float | None = None,
    far: float | None = None,
    faces: "Policy" = "largest",
    min_face: float | None = None,
    threads: int = 1,
    precision: str | None = None,
) -> "Verifier":
    """Open a bundle: read it, check every byte, and make its models ready.

    path       a bundle directory NAME.facedge, or a Bundle from read_bundle
    threshold  use this score instead of the bundle's threshold
    far        use the bundle's threshold for this FAR
    faces      which face of several counts: "largest", "center", or "only" to refuse several
    min_face   the smallest face to look for in photos, as in facedge.detect; None takes its default
    threads    CPU threads
    precision  "fp32" or "int8"; None takes the bundle's own choice

    Raises BundleError for a bundle that is damaged, edited, too new or of another spec.
    """
    bundle = path if isinstance(path, Bundle) else read_bundle(path)
    return Verifier(
        bundle, threshold=threshold, far=far, faces=faces, min_face=min_face, threads=threads, precision=precision
    )


class Verifier:
    """A loaded bundle. Safe to call from several threads. See `load` for the parameters."""

    def __init__(
        self,
        bundle: Bundle,
        *,
        threshold: float | None = None,
        far: float | None = None,
        faces: "Policy" = "largest",
        min_face: float | None = None,
        threads: int = 1,
        precision: str | None = None,
    ) -> None:
        """Make the models of a checked bundle ready."""
        self.bundle = bundle
        self.faces, self.min_face = faces, min_face
        self._threshold: Threshold | None = None
        if bundle.manifest.enrolled or threshold is not None or far is not None:
            self._threshold = choose_threshold(bundle.manifest, threshold=threshold, far=far)
        self.embedder = Embedder(bundle, threads=threads, precision=precision)
        self._head = open_head(bundle)

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
        self._decider()  # before any work: nobody enrolled is an error, not a rejection
        return self.decide(see(self.embedder, photo, faces=self.faces, aligned=aligned, min_face=self.min_face))

    def decide(self, seen: Seen) -> Decision:
        """The decision about what `see` found in a photo."""
        decider = self._decider()
        if seen.embedding is None:
            return _rejected(seen, decider)
        start = perf_counter()
        score = float(self.score(seen.embedding[None])[0])
        seen.ms["infer"] += 1000 * (perf_counter() - start)
        sound = 0.0 <= score <= 1.0  # False for NaN too: a head that answers nonsense accepts nobody
        accepted = sound and score >= decider.value
        return replace(
            _rejected(seen, decider),
            accepted=accepted,
            score=score if sound else None,
            reason=None if accepted else "below_threshold",
        )

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


def _rejected(seen: Seen, decider: Threshold) -> Decision:
    """Every answer starts as a rejection; only a sound score at or above the threshold turns it."""
    found = seen.located
    return Decision(
        accepted=False,
        score=None,
        threshold=decider.value,
        reason=seen.reason,
        box=found.box,
        landmarks=found.landmarks,
        attributes=seen.attributes,
        ms=seen.ms,
        far=decider.far,
    )
