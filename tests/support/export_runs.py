"""Run folders and prepared faces for export's tests: real formats, tiny contents, no training."""

import json
from pathlib import Path

import numpy as np
import torch

from facedge.export.parity import drawn_face
from facedge.preprocessing import PreprocessSpec, resize_grey
from facedge.train.architectures import build
from facedge.train.config import BackboneConfig, DataCard, HeadConfig, Recipe
from facedge.train.face_head import FaceHead
from facedge.train.run_folder import save_weights, weights_sha256, write_config

NAMES = tuple(f"Attribute_{k}" for k in range(40))
SPEC = PreprocessSpec(size=32)


def write_faces(folder: Path, people: tuple[int, int, int] = (6, 40, 6), each: int = 2) -> Path:
    """Drawn faces: so many people in train, validation and test, `each` noisy images of everyone."""
    rng = np.random.default_rng(0)
    count = sum(people) * each
    identities = np.repeat(np.arange(sum(people), dtype=np.int32), each)
    greys = [np.asarray(resize_grey(drawn_face(k)[None], (218, 178)))[0] for k in range(sum(people))]
    noise = rng.integers(-20, 21, (count, 218, 178))
    arrays = {
        "images": np.clip(np.stack(greys)[identities] + noise, 0, 255).astype(np.uint8),
        "attributes": rng.integers(0, 2, (count, 40), dtype=np.uint8),
        "identities": identities,
        "partition": np.repeat(np.arange(3, dtype=np.uint8), np.array(people) * each),
        "names": np.array([f"{k:06}.png" for k in range(count)]),
    }
    folder.mkdir(parents=True)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    info = {"format": 1, "images": count, "attribute_names": NAMES, "source": "drawn"}
    info |= {"name": "drawn faces", "licence": "free", "partition": "by person"}
    (folder / "faces.json").write_text(json.dumps(info))
    return folder


def write_backbone(run: Path, seed: int = 0) -> Path:
    """A backbone run with random weights whose batch norms have seen drawn faces."""
    torch.manual_seed(seed)
    module = build("edge", SPEC.size, len(NAMES)).train()
    with torch.no_grad():
        for _ in range(4):
            module(torch.randn(16, 1, SPEC.size, SPEC.size))
    data = DataCard("drawn faces", "free", "by person", 12, 6)
    config = BackboneConfig("edge", SPEC, module.embedding_size, NAMES, data, Recipe(), seed)
    run.mkdir(parents=True)
    write_config(run, config)
    save_weights(run, module.state_dict())
    return run


def write_head(run: Path, backbone: Path, seed: int = 0) -> Path:
    """A head run with random weights on that backbone."""
    torch.manual_seed(seed)
    head = FaceHead(128)
    with torch.no_grad():
        head.hidden.weight.mul_(2)
        head.output.weight.mul_(40)  # or it would say nearly the same of every face
    photos = {"training": 4, "validation": 1}
    config = HeadConfig(weights_sha256(backbone), 128, 40, 0.4, 1, 1e-3, 1, seed, photos, photos, "little")
    run.mkdir(parents=True)
    write_config(run, config)
    save_weights(run, head.state_dict())
    return run
