"""Two hundred damaged or edited bundles: each is refused with its own sentence, before any graph runs."""

import re
from pathlib import Path

import pytest

pytest.importorskip("onnx")

from bundle_mutations import fresh, mutations, sound_texts

from facedge.bundle import read_bundle
from facedge.errors import BundleError
from facedge.runtime.check import check_bundle
from facedge.runtime.verifier import load

FLIPS = 100


def test_every_mutation_is_refused_with_its_sentence(tiny_bundle: Path, tmp_path: Path) -> None:
    read_bundle(tiny_bundle)
    wrong, count = [], 0
    for mutation in mutations(tiny_bundle, FLIPS):
        count += 1
        folder = fresh(tiny_bundle, tmp_path / "damaged" / "tiny.facedge")
        mutation.spoil(folder)
        try:
            load(folder)
        except BundleError as problem:
            sentence = str(problem)
            if not re.search(mutation.sentence, sentence) or "\n" in sentence or len(sentence) > 420:
                wrong.append(f"{mutation.name}: {sentence}")
        else:
            wrong.append(f"{mutation.name}: loaded")
        if all(finding.ok for finding in check_bundle(folder)):
            wrong.append(f"{mutation.name}: passed bundle check")
    assert wrong == []
    assert count >= 200


def test_the_undamaged_bundle_passes(tiny_bundle: Path) -> None:
    assert load(tiny_bundle).threshold == 0.5
    assert [finding.message for finding in check_bundle(tiny_bundle) if not finding.ok] == []


def test_other_texts_of_numbers_are_read(tiny_bundle: Path, tmp_path: Path) -> None:
    for name, folder in sound_texts(tiny_bundle, tmp_path / "sound" / "tiny.facedge"):
        assert 0 <= (load(folder).threshold or 0) <= 1, name
