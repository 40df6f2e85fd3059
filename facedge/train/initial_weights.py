"""Initial weights of a backbone from another run or from a bundle, so that training goes on where that one stopped."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from facedge.bundle.format import BACKBONES, MANIFEST
from facedge.errors import RunError
from facedge.train import run_folder
from facedge.train.architectures import Residual
from facedge.train.augment import centre_crop

BACKBONE = BACKBONES["fp32"]
BatchNorm = nn.BatchNorm1d | nn.BatchNorm2d
STATISTICS = 2048  # training images over which batch-norm statistics are measured
_BATCH = 256


def source_sha256(source: Path) -> str:
    """The sha256 of the weights in a run folder, or of a bundle's backbone.onnx; RunError where there is neither."""
    if not (source / MANIFEST).is_file():
        return run_folder.weights_sha256(source)
    return hashlib.sha256(_backbone_file(source)).hexdigest()


def load_initial_weights(module: nn.Module, source: Path, patches: Tensor, size: int) -> None:
    """Load a run's weights into a module of the same architecture, or those of a bundle's backbone.onnx.

    patches: training images (N, P, P) uint8. In an exported graph batch norm is folded into the layer before it. It is
    taken apart again with the statistics of these images, so that the module computes the same as the graph and trains
    on as one with batch norm. Residual blocks that the graph lacks stay as initialised, where they change nothing (a
    deeper network that begins as the same function: Chen et al. 2016, "Net2Net"). Raises RunError where the weights do
    not fit.
    """
    if not (source / MANIFEST).is_file():
        run_folder.load_weights(module, source)
        return
    tensors, state = _initializers(source), module.state_dict()
    for name in state:
        if name in tensors and tensors[name].shape == state[name].shape:
            state[name] = tensors[name]
        elif name in tensors or not (_of_batch_norm(module, name) or _of_residual(module, name)):
            raise _other_architecture(source, name)
    module.load_state_dict(state)
    biases = {norm: tensors[bias] for norm, bias in _folded_biases(module) if bias in tensors}
    for norm, bias in biases.items():
        _reset(norm, bias)
    _measure(module, list(biases), centre_crop(patches[:: max(1, len(patches) // STATISTICS)][:STATISTICS], size))


def _backbone_file(bundle: Path) -> bytes:
    try:
        return (bundle / BACKBONE).read_bytes()
    except OSError as problem:
        raise RunError(
            f"{bundle / BACKBONE} cannot be read ({problem.strerror}): pass a run or a whole bundle"
        ) from None


def _initializers(bundle: Path) -> dict[str, Tensor]:
    """The graph's tensors by the names that the module's parameters have; `NAME_bias` is a folded bias."""
    import onnx
    from onnx import numpy_helper

    try:
        graph = onnx.load_from_string(_backbone_file(bundle)).graph
    except Exception as problem:  # the protobuf implementation decides which
        raise RunError(f"{bundle / BACKBONE} is no ONNX file ({type(problem).__name__}): export it again") from problem
    arrays = {tensor.name: np.array(numpy_helper.to_array(tensor)) for tensor in graph.initializer}
    return {_own_name(name): torch.from_numpy(array) for name, array in arrays.items() if array.ndim}


def _own_name(name: str) -> str:
    """Without the wrappers that export adds around the module."""
    while name.startswith("backbone."):
        name = name.removeprefix("backbone.")
    return name


def _of_batch_norm(module: nn.Module, name: str) -> bool:
    return isinstance(module.get_submodule(name.rpartition(".")[0]), BatchNorm)


def _of_residual(module: nn.Module, name: str) -> bool:
    parts = name.split(".")
    return any(isinstance(module.get_submodule(".".join(parts[:k])), Residual) for k in range(1, len(parts)))


def _folded_biases(module: nn.Module) -> Iterator[tuple[BatchNorm, str]]:
    """Each batch norm with the graph's name for the bias that it was folded into: of the layer defined before it."""
    before = ""
    for name, layer in module.named_modules():
        if isinstance(layer, nn.Conv2d) or (isinstance(layer, nn.Linear) and layer.bias is None):
            before = name
        elif isinstance(layer, BatchNorm):
            yield layer, f"{before}.weight_bias"


@torch.no_grad()
def _reset(norm: BatchNorm, bias: Tensor) -> None:
    """A batch norm that adds the folded bias and changes nothing else."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.weight.fill_(1)
    norm.bias.copy_(bias)
    norm.running_mean.zero_()
    norm.running_var.fill_(1 - norm.eps)


@torch.no_grad()
def _measure(module: nn.Module, norms: list[BatchNorm], x: Tensor) -> None:
    """Give each of the batch norms the statistics of its input, and the scale and shift that keep its output."""
    sums = {norm: torch.zeros(3, norm.num_features, dtype=torch.float64, device=x.device) for norm in norms}
    was_training = module.training
    with _recording(sums):
        module.eval()
        for start in range(0, len(x), _BATCH):
            module(x[start : start + _BATCH])
    module.train(was_training)
    for norm, (count, total, squares) in sums.items():
        mean = total / count
        take_statistics(norm, mean, (squares / count - mean.square()).clamp(min=1e-8))
        norm.bias.add_(mean.to(norm.bias.dtype))


@torch.no_grad()
def take_statistics(norm: BatchNorm, mean: Tensor, variance: Tensor, channels: slice = slice(None)) -> None:
    """Give channels of a batch norm the statistics of their input, and the scale that only subtracts the mean."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean[channels] = mean.to(norm.running_mean)
    norm.running_var[channels] = variance.to(norm.running_var)
    norm.weight[channels] = (variance + norm.eps).sqrt().to(norm.weight)


@contextmanager
def _recording(sums: dict[BatchNorm, Tensor]) -> Iterator[None]:
    """Add to each batch norm's (count, sum, sum of squares) per channel what passes through it."""

    def record(norm: nn.Module, inputs: tuple[Tensor, ...], _output: Tensor) -> None:
        assert isinstance(norm, BatchNorm)
        values = inputs[0].double().transpose(0, 1).flatten(1)  # (C, N * positions)
        sums[norm] += torch.stack(
            [torch.full_like(values[:, 0], values.shape[1]), values.sum(1), values.square().sum(1)]
        )

    handles = [norm.register_forward_hook(record) for norm in sums]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _other_architecture(source: Path, name: str) -> RunError:
    return RunError(
        f"{source / BACKBONE} does not fit this architecture ({name}): use the --arch and --size of its run"
    )
