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
from facedge.enrollment.fit import Impostors, fit
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
    with pytest.raises(InputError, match=r"--far: a FAR of 1e-06 needs at least 2449 impostor identities"):
        fit(base, embeddings(0, range(3)), far=1e-6)


def test_without_a_far_the_lowest_usual_one_is_taken(tmp_path: Path) -> None:
    few = write_template(tmp_path / "few.facedge", people=20)  # 190 pairs: 3/190 is 1.6 %
    found = fit(few, embeddings(0, range(3)))
    assert found.point.target >= 2e-3
    assert found.point.estimate.identities == 20


def test_too_few_people_and_no_cohort_are_refused(tmp_path: Path, tiny_bundle: Path) -> None:
    with pytest.raises(BundleError, match="at least 8"):
        fit(write_template(tmp_path / "few.facedge", people=5), embeddings(0, range(3)))
    with pytest.raises(BundleError, match="carries no cohort"):
        fit(read_bundle(tiny_bundle), embeddings(0, range(3)))


def test_one_sample_has_no_held_out_rate(base: facedge.Bundle) -> None:
    assert fit(base, embeddings(0, range(1))).frr is None


def test_own_impostors_join_the_cohort_and_are_counted(base: facedge.Bundle, tmp_path: Path) -> None:
    mine, twin = embeddings(0, range(5)), embeddings(0, range(50, 53))
    impostors = Impostors(twin, np.zeros(3, np.int32))
    found = fit(base, mine, impostors=impostors)
    assert (found.own_impostors, found.own_passed) == (3, 3)
    assert found.source.harder is not None
    assert found.source.harder > 1
    assert "your impostors score" in found.source.warnings()[0]
    personal = store.personal_bundle(base, found, mine, name="ana", impostors=impostors)
    made = store.write_personal(tmp_path / "ana.facedge", personal)
    assert fit(made, mine).own_impostors == 3  # an update keeps them


def test_the_same_samples_give_the_same_bytes(base: facedge.Bundle, tmp_path: Path) -> None:
    one = write(base, tmp_path / "one.facedge", embeddings(0, range(4)))
    two = write(base, tmp_path / "two.facedge", embeddings(0, range(4)))
    assert one.sha256 == two.sha256
