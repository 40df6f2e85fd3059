"""Verify (1:1): an enrolled bundle and a photo -> a Decision."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np

from facedge.bundle import Bundle, read_bundle
from facedge.bundle.resolve import resolve_bundle
from facedge.faces.crop import LARGEST_FACE, Photo, find_crop, find_crops, since
from facedge.faces.options import FaceOptions
from facedge.runtime.decision import Decision, Reason, Threshold, choose_threshold
from facedge.runtime.embedder import Embedder, FaceEmbedding, embed_crop, open_head
from facedge.types import Float32Array, UInt8Array


def load(
    value: str | Path | Bundle | None = None,
    *,
    threshold: float | None = None,
    far: float | None = None,
    options: FaceOptions = LARGEST_FACE,
    threads: int = 1,
    precision: str | None = None,
) -> "Verifier":
    """Open a bundle: read it, check every byte, and make its models ready.

    Args:
        value: the name of an enrolled person, the path of a bundle directory NAME.facedge, or a Bundle from
            read_bundle; None is the bundle inside the package. Text with a slash or ending in .facedge is a path.
        threshold: use this score instead of the bundle's threshold
        far: use the bundle's threshold for this FAR
        options: which of several faces is meant, and the smallest face to look for
        threads: CPU threads
        precision: "fp32" or "int8"; None takes the bundle's own choice

    Raises:
        BundleError: for a bundle that is damaged, edited, too new or of another spec, and for a name that nobody is
            enrolled under
        InputError: for an empty value
    """
    bundle = value if isinstance(value, Bundle) else read_bundle(resolve_bundle(value))
    return Verifier(bundle, threshold=threshold, far=far, options=options, threads=threads, precision=precision)


class Verifier:
    """A loaded bundle. See `load` for the parameters.

    Safe to call from several threads. Can be pickled: the copy carries the bundle's bytes and opens its own sessions.
    """

    def __init__(
        self,
        bundle: Bundle,
        *,
        threshold: float | None = None,
        far: float | None = None,
        options: FaceOptions = LARGEST_FACE,
        threads: int = 1,
        precision: str | None = None,
    ) -> None:
        """Make the models of a checked bundle ready."""
        self._remake = partial(
            Verifier, threshold=threshold, far=far, options=options, threads=threads, precision=precision
        )
        self.bundle = bundle
        self.options = options
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
        return self._in_force().value

    def verify(self, photo: Photo, *, aligned: bool | None = None) -> Decision:
        """Decide about one photo.

        Args:
            photo: a path, the bytes of an image file, a PIL image, or a uint8 array, RGB (H, W, 3) or grey (H, W)
            aligned: True: the photo is a crop in CelebA geometry; False: find the face in it; None: 178x218 and 89x109
                pixels count as aligned

        Raises:
            BundleError: when nobody is enrolled
            ImageError: when the photo cannot be read
            InputError: for an array of another kind

        It fails closed: a score that is no number is a rejection.
        """
        self._in_force()  # before any work: nobody enrolled is an error, not a rejection
        return self.decide(embed_crop(self.embedder, find_crop(photo, self.options, aligned=aligned)))

    def verify_each(self, photo: Photo, *, aligned: bool | None = None) -> list[Decision]:
        """A decision about every face in a photo, the largest first; photo, aligned and errors as in `verify`.

        The person is in the photo where any is accepted. That has another FAR: see FarEvidence.of_faces.
        """
        self._in_force()
        located = find_crops(photo, self.options, aligned=aligned)
        return [replace(self.decide(embed_crop(self.embedder, one)), not_judged=()) for one in located]

    def decide(self, found: FaceEmbedding) -> Decision:
        """The decision about an embedded face."""
        in_force, ms = self._in_force(), dict(found.ms)
        score: float | None = None
        reason: Reason | None = found.reason
        accepted = False
        if found.embedding is not None:
            start = perf_counter()
            value = float(self.score(found.embedding[None])[0])
            ms["infer"] += since(start)
            score = value if 0.0 <= value <= 1.0 else None  # None for NaN too
            accepted = score is not None and score >= in_force.value
            reason = None if accepted else "below_threshold"
        return Decision(
            accepted=accepted,
            score=score,
            threshold=in_force.value,
            reason=reason,
            box=found.located.box,
            landmarks=found.located.landmarks,
            attributes=found.attributes,
            ms=ms,
            far=in_force.far,
            turned=found.located.turned,
            stretch=found.located.stretch,
            faces=len(found.located.faces) if found.located.face is not None or found.located.crop is None else None,
            not_judged=tuple(face.box for face in found.located.faces if face.box != found.located.box),
        )

    def embed(self, crops: UInt8Array) -> Float32Array:
        """Aligned uint8 (N, H, W, 3) or (N, H, W) in CelebA geometry -> float32 (N, D), L2-normalised."""
        return self.embedder.embed(crops)

    def attributes(self, crops: UInt8Array) -> Float32Array:
        """Aligned uint8 (N, H, W, 3) or (N, H, W) in CelebA geometry -> float32 (N, A), probabilities."""
        return self.embedder.attributes(crops)

    def score(self, embeddings: Float32Array) -> Float32Array:
        """Embeddings float32 (N, D) -> scores float32 (N,) in 0..1, higher is more alike."""
        (probability,) = self._head.run(["probability"], {"embedding": np.ascontiguousarray(embeddings, np.float32)})
        return np.asarray(probability, np.float32)[:, 0]

    def __reduce__(self) -> tuple[Any, ...]:
        """Sessions cannot be pickled: the copy is made anew from the same bundle and arguments."""
        return self._remake, (self.bundle,)

    def _in_force(self) -> Threshold:
        return self._threshold or choose_threshold(self.bundle.manifest)
