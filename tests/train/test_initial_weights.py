"""Weights of a bundle as the start of a training: the same function, with batch norm taken apart again."""

import json
from pathlib import Path

import pytest
import torch

from facedge.errors import RunError
from facedge.export.onnx import backbone_onnx
from facedge.train.architectures import Edge, Mirrored, Residual
from facedge.train.augment import centre_crop
from facedge.train.initial_weights import load_initial_weights, source_sha256

PATCHES = torch.randint(0, 256, (96, 48, 48), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


class Shallow(Edge):
    widths = (8, 12, 16, 20)
    depths = (1, 0, 1, 0)


class Deep(Shallow):
    depths = (1, 2, 2, 1)


@pytest.fixture(scope="module")
def trained() -> Shallow:
    """A network whose batch norms have other than their initial values, the residual ones too."""
    torch.manual_seed(5)
    module = Shallow(32, 6)
    for layer in module.modules():
        if isinstance(layer, torch.nn.BatchNorm1d | torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(layer.weight, 0.5, 1.5)
            torch.nn.init.uniform_(layer.bias, -0.3, 0.3)
    for _ in range(20):
        module.train()(centre_crop(PATCHES, 32))
    return module.eval()


@pytest.fixture(scope="module")
def bundle(trained: Shallow, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained.facedge")
    (folder / "backbone.onnx").write_bytes(backbone_onnx(Mirrored(trained), 32))
    (folder / "manifest.json").write_text(json.dumps({}))
    return folder


@pytest.mark.parametrize("kind", [Shallow, Deep])
def test_the_module_computes_what_the_bundle_does(trained: Shallow, bundle: Path, kind: type[Edge]) -> None:
    module = kind(32, 6)
    load_initial_weights(module, bundle, PATCHES, 32)
    x = centre_crop(PATCHES[:7], 32)
    with torch.no_grad():
        for mine, wanted in zip(module.eval()(x), trained(x), strict=True):
            torch.testing.assert_close(mine, wanted, atol=2e-5, rtol=1e-4)


def test_batch_norm_has_the_statistics_of_the_images(bundle: Path) -> None:
    module = Shallow(32, 6)
    load_initial_weights(module, bundle, PATCHES, 32)
    x = centre_crop(PATCHES, 32)
    module.dropout.p = 0.0
    with torch.no_grad():
        apart = module.eval()(x)[0], module.train()(x)[0]
    assert (apart[0] * apart[1]).sum(1).min() > 0.999  # the same function by the batch's own statistics


def test_deeper_blocks_begin_as_the_identity_and_can_learn(bundle: Path) -> None:
    module = Deep(32, 6)
    load_initial_weights(module, bundle, PATCHES, 32)
    added = module.get_submodule("trunk.1.2")
    assert isinstance(added, Residual)
    embedding, _ = module.train()(centre_crop(PATCHES, 32))
    embedding[:, 0].sum().backward()
    assert added.norm.weight.grad is not None
    assert added.norm.weight.grad.abs().max() > 0


def test_another_architecture_is_refused(bundle: Path) -> None:
    wide = type("Wide", (Shallow,), {"widths": (8, 12, 16, 24)})(32, 6)
    with pytest.raises(RunError, match=r"does not fit this architecture \(trunk\.3\.0\.0\.weight\)"):
        load_initial_weights(wide, bundle, PATCHES, 32)


def test_a_damaged_graph_is_refused(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{}")
    with pytest.raises(RunError, match="pass a run or a whole bundle"):
        source_sha256(tmp_path)
    (tmp_path / "backbone.onnx").write_bytes(b"\x08no graph")
    with pytest.raises(RunError, match="no ONNX file"):
        load_initial_weights(Shallow(32, 6), tmp_path, PATCHES, 32)
