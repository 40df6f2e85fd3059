"""Real photos through the whole runtime: found, aligned, decided; the model is the tiny bundle's."""

from pathlib import Path

import pytest

pytest.importorskip("onnx")

from facedge.faces.options import FaceOptions
from facedge.runtime.verifier import Verifier, load

pytestmark = pytest.mark.usefixtures("detector")


@pytest.fixture
def verifier(tiny_bundle: Path) -> Verifier:
    return load(tiny_bundle)


def photos(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file())


@pytest.mark.real
@pytest.mark.parametrize("who", ["me", "others"])
def test_every_portrait_gets_a_score(verifier: Verifier, shared_data: Path, who: str) -> None:
    for photo in photos(shared_data / "photos" / who):
        decision = verifier.verify(photo)
        assert decision.score is not None, photo.name
        assert not decision.accepted, photo.name  # the tiny bundle knows nobody
        assert decision.box is not None
        assert decision.landmarks is not None
        x0, y0, x1, y1 = decision.box
        assert all(x0 - 0.3 * (x1 - x0) < x < x1 + 0.3 * (x1 - x0) for x, _ in decision.landmarks)
        assert all(y0 < y < y1 for _, y in decision.landmarks)
        assert all(decision.ms[stage] > 0 for stage in ("decode", "detect", "align", "preprocess", "infer"))


@pytest.mark.real
def test_two_people_are_many_faces_where_one_is_asked(tiny_bundle: Path, shared_data: Path) -> None:
    verifier = load(tiny_bundle, options=FaceOptions(policy="only"))
    for photo in photos(shared_data / "photos" / "group"):
        decision = verifier.verify(photo)
        assert (decision.accepted, decision.reason, decision.score) == (False, "many_faces", None)


@pytest.mark.real
def test_things_are_no_faces(verifier: Verifier, shared_data: Path) -> None:
    reasons = [verifier.verify(photo).reason for photo in photos(shared_data / "non_face")[:60]]
    assert "no_face" in reasons
    assert reasons.count("no_face") >= 0.8 * len(reasons)
