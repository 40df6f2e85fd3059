"""Fitting a person: head and numpy agree, the threshold holds, what the cohort cannot support is refused."""

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")

from live_bundle import picture, write_template
from tiny_bundle import embedding_of

import facedge
from facedge.bundle import read_bundle
from facedge.bundle.head_onnx import read_head
from facedge.enrollment import store
from facedge.enrollment.calibration import Linear, head_bytes, template
from facedge.enrollment.fit import Impostors, calibrate, fit
from facedge.errors import BundleError, InputError


def embeddings(person: int, takes: range) -> np.ndarray:
    return np.stack([embedding_of(picture(person, take)) for take in takes])


@pytest.fixture
def base(tmp_path: Path) -> facedge.Bundle:
    return write_template(tmp_path / "base.facedge")


def write(base: facedge.Bundle, target: Path, enrolled: np.ndarray, **options: object) -> facedge.Bundle:
    found = fit(base, enrolled, **options)
    return store.write_personal(target, store.personal_bundle(base, found, enrolled, name="ana"))


def test_a_linear_score_is_exact_in_the_head() -> None:
    rng = np.random.default_rng(0)
    logit = Linear(rng.normal(size=16), 0.7)
    weights = read_head(head_bytes(logit, 40))
    x = rng.normal(size=(50, 16)).astype(np.float32)
    hidden = np.maximum(x @ weights.hidden_weight.T + weights.hidden_bias, 0)
    assert np.abs(hidden @ weights.output_weight[0] + weights.output_bias[0] - logit.score(x)).max() < 1e-5


def test_the_template_is_the_mean_direction_and_opposites_are_refused() -> None:
    x = np.eye(4)[:2]
    assert np.allclose(template(x).score(x), np.sqrt(0.5))
    with pytest.raises(InputError, match="nothing in common"):
        template(np.array([[1.0, 0.0], [-1.0, 0.0]]))


def test_the_person_is_accepted_and_others_are_not(base: facedge.Bundle, tmp_path: Path) -> None:
    made = write(base, tmp_path / "ana.facedge", embeddings(0, range(8)))
    verifier = facedge.load(made.path)
    mine = verifier.embed(np.stack([picture(0, take) for take in range(20, 40)]))
    others = verifier.embed(np.stack([picture(person, 0) for person in range(2000, 2200)]))
    assert (verifier.score(mine) >= verifier.threshold).mean() > 0.9
    assert (verifier.score(others) >= verifier.threshold).mean() < 0.01
    assert made.manifest.calibration is not None
    assert made.manifest.calibration.identities == 90
    figures = made.manifest.metrics["enrollment"]
    assert figures["samples"] == 8
    assert 0 <= figures["calibration_error"] < 0.1


def test_only_embeddings_are_kept_and_only_for_its_owner(base: facedge.Bundle, tmp_path: Path) -> None:
    made = write(base, tmp_path / "ana.facedge", embeddings(0, range(3)))
    assert made.path.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in made.path.iterdir()} == {0o600}
    assert store.enrolled_before(made).shape == (3, 16)
    with pytest.raises(BundleError, match="cannot be updated"):
        store.enrolled_before(base)


def test_a_far_below_what_the_cohort_supports_is_refused_with_the_number_needed(base: facedge.Bundle) -> None:
    with pytest.raises(InputError, match=r"far: a FAR of 1e-06 needs at least 2449 impostor identities"):
        fit(base, embeddings(0, range(3)), far=1e-6)


def test_without_a_far_the_lowest_usual_one_is_taken(tmp_path: Path) -> None:
    few = write_template(tmp_path / "few.facedge", people=20)  # 190 pairs: 3/190 is 1.6 %
    found = fit(few, embeddings(0, range(3)))
    assert found.point.target >= 2e-3
    assert found.calibrated.identities == 20


def test_too_few_people_and_no_cohort_are_refused(tmp_path: Path, tiny_bundle: Path) -> None:
    with pytest.raises(BundleError, match="at least 8"):
        fit(write_template(tmp_path / "few.facedge", people=5), embeddings(0, range(3)))
    with pytest.raises(BundleError, match="carries no cohort"):
        fit(read_bundle(tiny_bundle), embeddings(0, range(3)))


def test_one_sample_has_no_held_out_rate(base: facedge.Bundle) -> None:
    assert fit(base, embeddings(0, range(1))).frr is None


def test_own_impostors_join_the_cohort_and_raise_the_threshold(base: facedge.Bundle, tmp_path: Path) -> None:
    """Photos of the person, given as those of an impostor: all pass, until the threshold is raised above them."""
    mine, twin = embeddings(0, range(5)), embeddings(0, range(50, 53))
    impostors = Impostors(twin, np.zeros(3, np.int32))
    without, found = fit(base, mine), fit(base, mine, impostors=impostors)
    assert (found.own_impostors, found.own_raised, found.own_passed) == (3, 3, 0)
    assert found.threshold > without.threshold
    assert found.point.frr > found.frr_before
    assert found.point.high95 <= without.point.high95
    assert min(point.threshold for point in found.evidence.points) >= found.threshold
    assert found.source.harder is not None
    assert found.source.harder > 1
    assert "your impostors score" in found.source.warnings()[0]
    personal = store.personal_bundle(base, found, mine, name="ana", impostors=impostors)
    made = store.write_personal(tmp_path / "ana.facedge", personal)
    verifier = facedge.load(made.path)
    assert (verifier.score(twin) < verifier.threshold).all()
    for far in (1e-3, 5e-2):
        at_far = facedge.load(made.path, far=far)
        assert not any(at_far.verify(picture(0, take)).accepted for take in range(50, 53))
    assert fit(made, mine).own_impostors == 3  # an update keeps them
    assert fit(made, mine, impostors=impostors).own_impostors == 3  # and counts none twice


def test_impostors_who_do_not_pass_change_nothing(base: facedge.Bundle) -> None:
    others = Impostors(
        np.concatenate([embeddings(7, range(2)), embeddings(8, range(2))]), np.array([0, 0, 1, 1], np.int32)
    )
    found = fit(base, embeddings(0, range(5)), impostors=others)
    assert (found.own_impostors, found.own_raised, found.own_passed) == (4, 0, 0)
    assert found.point.frr == found.frr_before


def test_samples_that_mostly_refuse_each_other(base: facedge.Bundle) -> None:
    strangers = np.concatenate([embeddings(person, range(1)) for person in range(20, 25)])
    assert fit(base, strangers).mostly_refused
    assert not fit(base, strangers[:3]).mostly_refused  # three prove nothing
    assert not fit(base, embeddings(0, range(5))).mostly_refused


def test_the_threshold_of_a_person_lies_between_the_same_and_others(base: facedge.Bundle) -> None:
    mine, least = embeddings(0, range(6)), calibrate(base, 16).chosen.cosine
    towards = template(mine[:5])
    assert towards.score(mine[5:])[0] > least > towards.score(embeddings(9, range(1)))[0]


def test_the_same_samples_give_the_same_bytes(base: facedge.Bundle, tmp_path: Path) -> None:
    one = write(base, tmp_path / "one.facedge", embeddings(0, range(4)))
    two = write(base, tmp_path / "two.facedge", embeddings(0, range(4)))
    assert one.sha256 == two.sha256
