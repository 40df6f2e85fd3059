"""Weights rounded to 8 significant bits, so that a bundle's float32 files compress to about half in a wheel or a zip.

bfloat16 keeps float32's range and its first 8 significant bits; a float32 that holds such a value ends in two zero
bytes. Training under autocast multiplies with weights so rounded already. Nothing else about the files changes: no
engine has to know bfloat16.
"""

import copy
from itertools import pairwise

import numpy as np
import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval, fuse_linear_bn_eval

from facedge.types import Float32Array


def rounded_backbone(backbone: nn.Module) -> nn.Module:
    """A copy in eval mode with batch norm folded and every weight of more than one axis rounded to bfloat16.

    Folding comes first: it scales the weights, so rounded ones would not stay so. A batch norm is folded into the
    convolution or dense layer that its parent module defines directly before it.
    """
    module = copy.deepcopy(backbone).eval()
    for parent in list(module.modules()):
        _fold_children(parent)
    with torch.no_grad():
        for parameter in module.parameters():
            if parameter.ndim > 1:
                parameter.copy_(parameter.to(torch.bfloat16))
    return module


def _fold_children(parent: nn.Module) -> None:
    children = list(parent.named_children())
    for (name, layer), (norm_name, norm) in pairwise(children):
        if isinstance(layer, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            setattr(parent, name, fuse_conv_bn_eval(layer, norm))
        elif isinstance(layer, nn.Linear) and isinstance(norm, nn.BatchNorm1d):
            setattr(parent, name, fuse_linear_bn_eval(layer, norm))
        else:
            continue
        setattr(parent, norm_name, nn.Identity())


def rounded_array(values: Float32Array) -> Float32Array:
    """The nearest values with 11 significant bits (float16), as float32: for embeddings, whose range is -1..1."""
    return values.astype(np.float16).astype(np.float32)
