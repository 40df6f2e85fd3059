"""The Node host finds faces in photos as facedge does: the same pixels, crops and decisions."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("onnx")
from node_host import node, require_node, run_module
from PIL import Image

import facedge
from facedge.faces.crop import find_crop
from facedge.faces.yunet import find_model
from facedge.imaging import load_rgb

pytestmark = pytest.mark.usefixtures("node_bundle")


CROPS = """
const { openFinderAt, readPhoto } = await import('HOST/facedge.js');
const { createHash } = await import('node:crypto');
const sha256 = (image) => image && createHash('sha256').update(image.data).digest('hex');
const [detector, ...paths] = process.argv.slice(1);
const find = await openFinderAt(detector);
const found = [];
for (const path of paths) {
  const photo = await readPhoto(path);
  const { crop, reason, face, faces, turned, stretch } = await find(photo);
  const landmarks = face?.landmarks ?? null;
  found.push({ pixels: sha256(photo), crop: sha256(crop), reason, landmarks, faces: faces.length, turned, stretch });
}
console.log(JSON.stringify(found));
"""


@pytest.mark.real
def test_photos_and_crops_are_facedges_to_the_byte(shared_data: Path, tmp_path: Path, detector: None) -> None:
    require_node("sharp")
    photos = sorted((shared_data / "photos").rglob("*.*")) + sorted((shared_data / "non_face").glob("*"))[:5]
    for degrees in (90, 180):
        photos.append(tmp_path / f"{degrees}.png")
        Image.fromarray(np.rot90(load_rgb(photos[0]), degrees // 90)).save(photos[-1])
    found = run_module(CROPS, find_model(), *photos)
    assert len(found) == len(photos) > 15

    def digest(array: np.ndarray | None) -> str | None:
        return None if array is None else hashlib.sha256(np.ascontiguousarray(array)).hexdigest()

    for path, here in zip(photos, found, strict=True):
        pixels = load_rgb(path)
        mine = find_crop(pixels)
        landmarks = None if mine.landmarks is None else [list(point) for point in mine.landmarks]
        assert here == {
            "pixels": digest(pixels),
            "crop": digest(mine.crop),
            "reason": mine.reason,
            "landmarks": landmarks,
            "faces": len(mine.faces),
            "turned": mine.turned,
            "stretch": mine.stretch,
        }, path.name


@pytest.mark.real
def test_whole_photos_are_decided_as_by_facedge(shared_data: Path, tmp_path: Path, detector: None) -> None:
    me, others = shared_data / "photos" / "me", sorted((shared_data / "photos" / "others").iterdir())
    enrolled = facedge.enroll([me / "obama.jpg", me / "obama2.jpg"]).save(tmp_path / "ana.facedge").path
    probes = [me / "obama3.jpg", *others, sorted((shared_data / "non_face").iterdir())[0]]
    done = node("verify.js", enrolled, "--detector", find_model(), *probes)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 1 and len(said) == len(probes), done.stderr
    ours = facedge.load(enrolled)
    for probe, here in zip(probes, said, strict=True):
        mine = ours.verify(probe)
        assert (here["decision"] == "accept", here["reason"]) == (mine.accepted, mine.reason)
        assert (here["score"] is None) == (mine.score is None)
        assert here["score"] is None or abs(here["score"] - (mine.score or 0)) < 1e-3
    assert [s["decision"] for s in said].count("accept") == 1


def test_a_wrong_detector_and_a_photo_without_one_are_errors(node_bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "yunet.onnx").write_bytes(b"another file")
    done = node("verify.js", node_bundle, "--detector", tmp_path / "yunet.onnx", tmp_path / "none.jpg")
    assert done.returncode == 2 and "face_detection_yunet_2023mar.onnx" in done.stderr
    script = (
        "const { load } = await import('HOST/facedge.js'); const v = await load(process.argv[1]);"
        "const photo = { data: new Uint8Array(12), height: 2, width: 2 };"
        "console.log(JSON.stringify(await v.verifyPhoto(photo).catch((e) => e.message)));"
    )
    assert "needs a detector" in run_module(script, node_bundle)
