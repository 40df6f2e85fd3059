"""Rounded weights: nearly the same outputs, and files that compress."""

import zlib

import numpy as np
import torch
from torch import nn

from facedge.export.onnx import backbone_onnx
from facedge.export.rounding import rounded_array, rounded_backbone
from facedge.train.architectures import Edge, Mirrored


def trained() -> nn.Module:
    torch.manual_seed(2)
    module = Edge(32, 5)
    for layer in module.modules():
        if isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(layer.weight, 0.5, 1.5)
            nn.init.uniform_(layer.bias, -0.3, 0.3)
    for _ in range(3):
        module.train()(torch.randn(32, 1, 32, 32))
    return Mirrored(module).eval()


def test_a_rounded_backbone_is_nearly_the_same_and_folds_every_batch_norm() -> None:
    module, x = trained(), torch.randn(8, 1, 32, 32)
    rounded = rounded_backbone(module)
    assert not any(isinstance(layer, nn.BatchNorm1d | nn.BatchNorm2d) for layer in rounded.modules())
    for parameter in rounded.parameters():
        if parameter.ndim > 1:
            assert torch.equal(parameter, parameter.to(torch.bfloat16).float())
    with torch.no_grad():
        cosine = (module(x)[0] * rounded(x)[0]).sum(1)
    assert cosine.min() > 0.999
    assert cosine.min() < 1 - 1e-7  # it was rounded
    assert any(isinstance(layer, nn.BatchNorm2d) for layer in module.modules())  # the original is as it was


def test_the_exported_weights_stay_rounded_and_compress_to_about_half() -> None:
    plain, rounded = trained(), rounded_backbone(trained())
    sizes = [len(zlib.compress(backbone_onnx(module, 32))) for module in (plain, rounded)]
    assert sizes[1] < 0.6 * sizes[0]


def test_embeddings_are_rounded_to_eleven_bits() -> None:
    values = np.random.default_rng(0).uniform(-1, 1, (40, 8)).astype(np.float32)
    rounded = rounded_array(values)
    assert rounded.dtype == np.float32
    np.testing.assert_allclose(rounded, values, rtol=2**-11)
    assert not (rounded.view(np.uint32) & 0x1FFF).any()
