"""Enrolling a person: the public `facedge.enroll`, and the Enrollment it returns.

Photos are checked (capture), the most varied become samples, the template is fitted and calibrated on the cohort of a
bundle (fit, calibration), and `Enrollment.save` writes the person's bundle (store).
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from facedge.bundle import Bundle, Calibration, read_bundle
from facedge.bundle.format import SUFFIX
from facedge.bundle.resolve import bundle_path, resolve_bundle
from facedge.enrollment import store
from facedge.enrollment.capture import (
    MOST_SAMPLES,
    ONE_PERSON,
    TOO_ALIKE,
    CheckedPhoto,
    Photos,
    Sample,
    check_photos,
    embed_impostors,
    select_varied,
    stack_embeddings,
    summarise_faults,
)
from facedge.enrollment.fit import FittedScore, Impostors, fit
from facedge.enrollment.source_check import FaceStatistics, condition_warnings
from facedge.errors import BundleError, InputError
from facedge.faces.options import FaceOptions
from facedge.runtime.embedder import Embedder
from facedge.runtime.verifier import Verifier
from facedge.types import Float32Array, Track, untracked


@dataclass(frozen=True)
class Base:
    """What a person is enrolled with: a bundle's models and cohort.

    onto     the path of the enrolled person whose bundle this is, where samples are added; None for a new person
    earlier  the embeddings that person was enrolled with, float32 (K, D); K is 0 for a new person
    """

    bundle: Bundle
    embedder: Embedder
    onto: Path | None
    earlier: Float32Array


def open_base(bundle: str | Path | Bundle | None = None, *, onto: str | Path | None = None, threads: int = 1) -> Base:
    """The base of an enrollment; see `enroll` for the parameters and errors."""
    if onto is not None:
        if bundle is not None:
            raise InputError("give a bundle or the person to add to, not both: the person's bundle has its own models")
        path = resolve_bundle(onto)
        found = read_bundle(path)
        return Base(found, Embedder(found, threads=threads), path, store.enrolled_before(found))
    found = bundle if isinstance(bundle, Bundle) else read_bundle(resolve_bundle(bundle))
    nothing = np.empty((0, found.manifest.embedding_size), np.float32)
    return Base(found, Embedder(found, threads=threads), None, nothing)


@dataclass(frozen=True, eq=False)
class Enrollment:
    """An enrolled person, in memory until `save`.

    used       the names of the photos that became samples: paths, file names, or "photo 3" for the third one
    skipped    (name, reason) of the other photos
    fitted     the score, its threshold and the figures behind it
    base       the models, cohort and earlier samples it was made with
    samples    embeddings of the used photos, float32 (K, D)
    impostors  people the user knows, added to the cohort
    far        the FAR that was asked for
    path       where it was saved; None before
    statistics of the faces in the used photos
    """

    used: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    fitted: FittedScore
    base: Base
    samples: Float32Array
    impostors: Impostors | None = None
    far: float | None = None
    path: Path | None = None
    statistics: tuple[FaceStatistics, ...] = ()

    @cached_property
    def verifier(self) -> Verifier:
        """A Verifier of the person, ready to use; nothing has to be saved for it."""
        return Verifier(self._bundle("enrolled"), threads=self.base.embedder.threads)

    @property
    def warnings(self) -> list[str]:
        """What is wrong with the photos, a sentence each; empty where nothing is."""
        return [*condition_warnings(self.statistics), *self.fitted.source.warnings()]

    @property
    def calibration(self) -> Calibration:
        """The evidence for the threshold: FAR with its interval, counts, and other operating points."""
        return self.fitted.evidence

    def figures(self) -> dict[str, Any]:
        """The figures that the manifest keeps, as plain JSON."""
        return self.fitted.figures()

    def save(self, where: str | Path, *, replace: bool = False, name: str | None = None) -> "Enrollment":
        """Write the person's bundle, whole or not at all, and return the enrollment as it was written.

        where    a person's name, for the private data directory, or a path NAME.facedge
        replace  True to replace somebody who is enrolled there; needless for the person whose samples were added to
        name     what the bundle is called inside; None takes it from `where`

        Samples that another process added to the same person meanwhile are kept. Raises InputError where somebody is
        enrolled there already, BundleError where something else is, StorageError when the disk cannot be written.
        """
        target = bundle_path(where)
        updates = self.base.onto is not None and target.resolve() == self.base.onto.resolve()
        store.refuse_occupied(target, replace=replace or updates)  # before a lock file is made
        with store.person_lock(target):
            latest = self._on_latest(target) if updates else self
            store.refuse_occupied(target, replace=replace or updates)
            written = store.write_personal(target, latest._bundle(name or target.name.removesuffix(SUFFIX)))
        return dataclasses.replace(latest, path=written.path)

    def _bundle(self, name: str) -> Bundle:
        embeddings = np.concatenate([self.base.earlier, self.samples])
        return store.personal_bundle(self.base.bundle, self.fitted, embeddings, name=name, impostors=self.impostors)

    def _on_latest(self, target: Path) -> "Enrollment":
        """The same with the samples that the person's bundle holds now; BundleError where it cannot be added to."""
        if not target.is_dir():
            raise BundleError(f"{target} was deleted meanwhile, so nothing was added: enroll again without --update")
        now = read_bundle(target)
        if now.sha256 == self.base.bundle.sha256:
            return self
        if now.manifest.files["backbone.onnx"] != self.base.bundle.manifest.files["backbone.onnx"]:
            raise BundleError(f"{target} was replaced by one with another backbone meanwhile: run the command again")
        base = dataclasses.replace(self.base, bundle=now, earlier=store.enrolled_before(now))
        embeddings = np.concatenate([base.earlier, self.samples])
        return dataclasses.replace(self, base=base, fitted=fit(now, embeddings, far=self.far, impostors=self.impostors))


def enroll(
    photos: Photos,
    *,
    far: float | None = None,
    bundle: str | Path | Bundle | None = None,
    impostors: Photos | None = None,
    onto: str | Path | None = None,
    options: FaceOptions = ONE_PERSON,
    samples: int = MOST_SAMPLES,
    threads: int = 1,
    track: Track = untracked,
) -> Enrollment:
    """Enroll a person from photos: choose good and varied ones, fit the score, set a threshold with evidence.

    photos     a folder, or photos: paths, bytes of image files, PIL images, or uint8 arrays (H, W, 3) or (H, W)
    far        the FAR to set the threshold for; None takes 0.001, or the lowest usual one that the cohort supports
    bundle     the models and the cohort: a path, a name, or a Bundle; None takes the bundle inside the package
    impostors  photos of people the user knows: a folder with a folder for each person, or photos; they join the cohort
    onto       add to this enrolled person, a name or path, instead of enrolling a new one
    options    which faces count; by default a photo with several faces is left out
    samples    photos that become samples at most
    threads    CPU threads
    track      reports progress over the photos

    Raises InputError where no photo is good enough or the cohort does not support the FAR, BundleError for a bundle
    that is damaged or carries no cohort, MissingDependencyError without a face detector.
    """
    base = open_base(bundle, onto=onto, threads=threads)
    checked = check_photos(base.embedder, photos, options, track)
    where = f"{photos}: " if isinstance(photos, str | Path) else ""
    return enroll_checked(base, checked, far=far, impostors=impostors, samples=samples, where=where)


def enroll_checked(
    base: Base,
    checked: Sequence[CheckedPhoto],
    *,
    far: float | None = None,
    impostors: Photos | None = None,
    samples: int = MOST_SAMPLES,
    where: str = "",
) -> Enrollment:
    """`enroll` for photos or frames that were checked already; `where` begins the error message."""
    good = [photo.sample for photo in checked if photo.sample is not None]
    if not good:
        raise InputError(
            f"{where}no photo is good enough to enroll with ({summarise_faults(checked)}): add other photos"
        )
    kept = select_varied(good, samples)
    known = embed_impostors(base.embedder, impostors) if impostors is not None else None
    new = stack_embeddings(kept)
    fitted = fit(base.bundle, np.concatenate([base.earlier, new]), far=far, impostors=known)
    return Enrollment(
        used=tuple(sample.source for sample in kept),
        skipped=tuple(_skipped(checked, kept)),
        fitted=fitted,
        base=base,
        samples=new,
        impostors=known,
        far=far,
        statistics=tuple(sample.statistics for sample in kept if sample.statistics is not None),
    )


def _skipped(checked: Sequence[CheckedPhoto], kept: Sequence[Sample]) -> list[tuple[str, str]]:
    """(name, reason) of the photos that are not among the samples kept."""
    found = []
    for photo in checked:
        if photo.sample is None:
            found.append((photo.source, photo.advice))
        elif not any(photo.sample is sample for sample in kept):
            found.append((photo.source, _not_needed(photo.sample, kept)))
    return found


def _not_needed(sample: Sample, kept: Sequence[Sample]) -> str:
    cosines = [float(sample.embedding @ other.embedding) for other in kept]
    nearest = int(np.argmax(cosines))
    if cosines[nearest] > TOO_ALIKE:
        return f"nearly the same as {kept[nearest].source}"
    return f"not among the {len(kept)} most varied photos"
