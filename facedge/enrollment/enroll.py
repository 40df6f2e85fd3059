"""Enrolling a person: the public `facedge.enroll`, and the Enrollment it returns.

Photos are checked (capture), the most varied of one person become samples (selection, consistency, duplicates), the
template is fitted and calibrated on the cohort of a bundle (fit, calibration), and `Enrollment.save` writes the
person's bundle (store).
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
    CheckedPhoto,
    Photos,
    check_photos,
    embed_impostors,
    stack_embeddings,
    stretch_of,
)
from facedge.enrollment.conditions import REFUSED_IF_DOUBTFUL
from facedge.enrollment.fit import FittedScore, Impostors, find_enrolled, fit, whole_cohort
from facedge.enrollment.selection import refuse_implausible, refuse_mismatched, refuse_useless, select_samples
from facedge.errors import BundleError, InputError
from facedge.faces.options import FaceOptions
from facedge.faces.plausible import DOUBT, REFUSAL, squeeze_fault
from facedge.runtime.embedder import Embedder
from facedge.runtime.verifier import Verifier
from facedge.types import Float32Array, Track, untracked


@dataclass(frozen=True)
class Base:
    """What a person is enrolled with: a bundle's models and cohort.

    Attributes:
        bundle: the bundle
        embedder: its backbone, ready
        onto: the path of the enrolled person whose bundle this is, where samples are added; None for a new person
        earlier: the embeddings that person was enrolled with, float32 (K, D); K is 0 for a new person
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

    Attributes:
        used: the names of the photos that became samples: paths, file names, or "photo 3" for the third one
        skipped: (name, reason) of the other photos
        fitted: the score, its threshold and the figures behind it
        base: the models, cohort and earlier samples it was made with
        samples: embeddings of the used photos, float32 (K, D)
        impostors: people the user knows, added to the cohort
        far: the FAR that was asked for
        path: where it was saved; None before
        doubt: why the photos may be squeezed or stretched, a sentence; "" where they are not
    """

    used: tuple[str, ...]
    skipped: tuple[tuple[str, str], ...]
    fitted: FittedScore
    base: Base
    samples: Float32Array
    impostors: Impostors | None = None
    far: float | None = None
    path: Path | None = None
    doubt: str = ""

    @cached_property
    def verifier(self) -> Verifier:
        """A Verifier of the person, ready to use; nothing has to be saved for it."""
        return Verifier(self._bundle("enrolled"), threads=self.base.embedder.threads)

    @property
    def warnings(self) -> list[str]:
        """What is wrong with the photos, a sentence each; empty where nothing is."""
        doubts = [self.doubt] if self.doubt else []
        return [*doubts, *self.fitted.warnings]

    @property
    def calibration(self) -> Calibration:
        """The evidence for the threshold: FAR with its interval, counts, and other operating points."""
        return self.fitted.evidence

    def figures(self) -> dict[str, Any]:
        """The figures that the manifest keeps, as plain JSON."""
        return self.fitted.figures()

    def save(self, where: str | Path, *, replace: bool = False, name: str | None = None) -> "Enrollment":
        """Write the person's bundle, whole or not at all, and return the enrollment as it was written.

        Args:
            where: a person's name, for the private data directory, or a path NAME.facedge
            replace: True to replace somebody who is enrolled there; needless for the person whose samples were added to
            name: what the bundle is called inside; None takes it from `where`

        Raises:
            InputError: where somebody is enrolled there already
            BundleError: where something else is there
            StorageError: when the disk cannot be written

        Samples that another process added to the same person meanwhile are kept.
        """
        target = bundle_path(where)
        updates = self.base.onto is not None and target.resolve() == self.base.onto.resolve()
        store.refuse_occupied(target, replace=replace or updates)  # before a lock file is made
        with store.person_lock(target):
            latest = self._on_latest(target) if updates else self
            store.refuse_occupied(target, replace=replace or updates)
            store.remove_leftovers(target)
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
        known = find_enrolled(self.samples, base.earlier, *whole_cohort(now))
        samples = np.delete(self.samples, known, axis=0)
        used = tuple(name for number, name in enumerate(self.used) if number not in known)
        refuse_mismatched(now, samples, used, base.earlier)
        fitted = fit(now, np.concatenate([base.earlier, samples]), far=self.far, impostors=self.impostors)
        refuse_useless(fitted)
        return dataclasses.replace(self, base=base, samples=samples, used=used, fitted=fitted)


def enroll(
    photos: Photos,
    *,
    far: float | None = None,
    bundle: str | Path | Bundle | None = None,
    impostors: Photos | None = None,
    onto: str | Path | None = None,
    without: Sequence[str | Path] = (),
    options: FaceOptions = ONE_PERSON,
    samples: int = MOST_SAMPLES,
    threads: int = 1,
    track: Track = untracked,
) -> Enrollment:
    """Enroll a person from photos: choose good and varied ones, fit the score, set a threshold with evidence.

    Args:
        photos: a folder, or photos: paths, bytes of image files, PIL images, or uint8 arrays (H, W, 3) or (H, W)
        far: the FAR to set the threshold for; None takes 0.001, or the lowest usual one that the cohort supports
        bundle: the models and the cohort: a path, a name, or a Bundle; None takes the bundle inside the package
        impostors: photos of people the user knows: a folder with a folder for each person, or photos; they join the
            cohort, and the threshold is raised above the scores of all of them
        onto: add to this enrolled person, a name or path, instead of enrolling a new one
        without: photos to leave out, by path, file name, or "photo 3" for the third one
        options: which faces count; by default a photo with several faces is left out
        samples: photos that become samples at most
        threads: CPU threads
        track: reports progress over the photos

    Raises:
        InputError: where no photo is good enough, where photos do not match the others, where the person would mostly
            be refused, where a photo is also an impostor's or no threshold separates the two, and for a FAR that the
            cohort does not support
        BundleError: for a bundle that is damaged or carries no cohort
        MissingDependencyError: without a face detector

    A photo that comes twice counts once.
    """
    base = open_base(bundle, onto=onto, threads=threads)
    checked = check_photos(base.embedder, photos, options, track)
    where = f"{photos}: " if isinstance(photos, str | Path) else ""
    return enroll_checked(base, checked, far=far, impostors=impostors, samples=samples, without=without, where=where)


def enroll_checked(
    base: Base,
    checked: Sequence[CheckedPhoto],
    *,
    far: float | None = None,
    impostors: Photos | None = None,
    samples: int = MOST_SAMPLES,
    without: Sequence[str | Path] = (),
    where: str = "",
    frames: bool = False,
) -> Enrollment:
    """`enroll` for photos or a camera's `frames` that were checked already; `where` begins the error message."""
    stretched = stretch_of(checked, frames=frames)
    if squeezed := squeeze_fault(stretched, REFUSAL):
        raise InputError(f"{where}{squeezed}")
    refuse_implausible(checked, where)
    known = embed_impostors(base.embedder, impostors) if impostors is not None else None
    selected = select_samples(
        base.bundle, checked, base.earlier, known, most=samples, without=without, where=where, frames=frames
    )
    new = stack_embeddings(selected.kept)
    fitted = fit(base.bundle, np.concatenate([base.earlier, new]), far=far, impostors=known)
    refuse_useless(fitted, where)
    doubt = squeeze_fault(stretched, DOUBT)
    if doubt and fitted.condition in REFUSED_IF_DOUBTFUL:
        raise InputError(f"{where}{doubt}")
    return Enrollment(
        used=tuple(sample.source for sample in selected.kept),
        skipped=selected.skipped,
        fitted=fitted,
        base=base,
        samples=new,
        impostors=known,
        far=far,
        doubt=doubt,
    )
