"""A recogniser in ONNX as a torch module, which runs on the training device with as many images at once as it holds.

Only the operators that face recognisers use, as opset 20 defines them (https://onnx.ai/onnx/operators/), and graphs
whose first axis is the batch everywhere: facedge/train/recogniser.py brings a file to both.
"""

from collections.abc import Callable, Sequence
from typing import Any

import onnx
import torch
import torch.nn.functional as F
from onnx import helper, numpy_helper
from torch import Tensor, nn

from facedge.errors import RunError

Operator = Callable[[Sequence[Any], dict[str, Any]], Any]


class OnnxModule(nn.Module):
    """The graph as a module: its input (N, ...) -> its first output (N, ...).

    dtype: of the weights, and so of products with them; means, powers and softmax are always computed in float32.
    Raises RunError for an operator that is not in OPERATORS; when called, ValueError, TypeError or IndexError for a
    form of one that is not known.
    """

    def __init__(self, graph: onnx.GraphProto, name: str, dtype: torch.dtype = torch.float32) -> None:
        super().__init__()
        unknown = sorted({node.op_type for node in graph.node} - {*OPERATORS, "Constant"})
        if unknown:
            raise RunError(f"{name} has operators that do not run on the training device: {', '.join(unknown)}")
        self.port, self.result = graph.input[0].name, graph.output[0].name
        tensors = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant":
                tensors[node.output[0]] = numpy_helper.to_array(node.attribute[0].t)
        self.constants: dict[str, Any] = {"": None}  # numbers that shape the computation, on the host
        self.buffer_of: dict[str, str] = {}
        for number, (key, array) in enumerate(tensors.items()):
            if array.dtype.kind != "f":
                self.constants[key] = array.tolist()
                continue
            self.buffer_of[key] = f"weight_{number}"
            tensor = torch.tensor(array)
            fits = array.ndim > 0 and bool(((tensor.to(dtype) != 0) == (tensor != 0)).all())
            # Such as the epsilon of a layer norm, which would be 0 in float16. A scalar does not decide the dtype.
            self.register_buffer(self.buffer_of[key], tensor.to(dtype if fits else torch.float32))
        nodes = [node for node in graph.node if node.op_type != "Constant"]
        last_use = {name: number for number, node in enumerate(nodes) for name in node.input}
        self.steps = [
            (node.op_type, list(node.input), list(node.output), _attributes(node), _done_with(node, number, last_use))
            for number, node in enumerate(nodes)
        ]

    def forward(self, x: Tensor) -> Tensor:
        values: dict[str, Any] = {self.port: x, **self.constants}
        values |= {key: getattr(self, buffer) for key, buffer in self.buffer_of.items()}
        del x
        for kind, inputs, outputs, attributes, unused in self.steps:
            found = OPERATORS[kind]([values[key] for key in inputs], attributes)
            values.update(zip(outputs, found if isinstance(found, tuple) else (found,), strict=True))
            for name in unused:  # all of them, of 1,024 images, would be some 40 GB
                if name != self.result:
                    del values[name]
        return values[self.result]  # type: ignore[no-any-return]


def _done_with(node: onnx.NodeProto, number: int, last_use: dict[str, int]) -> list[str]:
    """The inputs of a node that no later one takes."""
    return [name for name in sorted({*node.input}) if last_use[name] == number]


def _attributes(node: onnx.NodeProto) -> dict[str, Any]:
    return {attribute.name: helper.get_attribute_value(attribute) for attribute in node.attribute}


def _alike(*tensors: Tensor) -> tuple[Tensor, ...]:
    """All in the narrowest of their dtypes, which is that of the weights where one is a weight."""
    dtype = min((tensor.dtype for tensor in tensors), key=lambda each: each.itemsize)
    return tuple(tensor.to(dtype) for tensor in tensors)


def _conv(inputs: Sequence[Any], attributes: dict[str, Any]) -> Tensor:
    x, weight = _alike(*inputs[:2])
    top, left, bottom, right = attributes.get("pads", [0] * 4)
    x = F.pad(x, [left, right, top, bottom])
    bias = inputs[2] if len(inputs) > 2 else None
    return F.conv2d(
        x, weight, bias, attributes.get("strides", 1), 0, attributes.get("dilations", 1), attributes.get("group", 1)
    )


def _max_pool(inputs: Sequence[Any], attributes: dict[str, Any]) -> Tensor:
    if attributes.get("ceil_mode") or any(side != 1 for side in attributes.get("dilations", ())):
        raise ValueError("neither ceil_mode nor dilations are known")
    top, left, bottom, right = attributes.get("pads", [0] * 4)
    x = F.pad(inputs[0], [left, right, top, bottom], value=float("-inf"))
    return F.max_pool2d(x, attributes["kernel_shape"], attributes.get("strides", 1))


def _gemm(inputs: Sequence[Any], attributes: dict[str, Any]) -> Tensor:
    a, b = _alike(*inputs[:2])
    a, b = (a.T if attributes.get("transA") else a), (b.T if attributes.get("transB") else b)
    product: Tensor = attributes.get("alpha", 1.0) * (a @ b)
    return product + attributes.get("beta", 1.0) * inputs[2] if len(inputs) > 2 else product


def _batch_norm(inputs: Sequence[Any], attributes: dict[str, Any]) -> Tensor:
    x, scale, bias, mean, variance = (tensor.float() for tensor in inputs)
    return F.batch_norm(x, mean, variance, scale, bias, eps=attributes.get("epsilon", 1e-5))


def _prelu(inputs: Sequence[Any], _: dict[str, Any]) -> Tensor:
    x, slope = _alike(*inputs)
    return torch.where(x < 0, x * slope, x)


def _reduced(inputs: Sequence[Any], attributes: dict[str, Any]) -> tuple[Tensor, list[int], bool]:
    return inputs[0].float(), list(inputs[1]), bool(attributes.get("keepdims", 1))


def _mean(inputs: Sequence[Any], attributes: dict[str, Any]) -> Tensor:
    x, axes, keep = _reduced(inputs, attributes)
    return x.mean(axes, keepdim=keep)


def _length(inputs: Sequence[Any], attributes: dict[str, Any]) -> Tensor:
    x, axes, keep = _reduced(inputs, attributes)
    length: Tensor = torch.linalg.vector_norm(x, dim=axes, keepdim=keep)
    return length


def _reshape(inputs: Sequence[Any], _: dict[str, Any]) -> Tensor:
    x, shape = inputs
    return x.reshape([x.shape[k] if side == 0 else side for k, side in enumerate(shape)])  # type: ignore[no-any-return]


def _flatten(inputs: Sequence[Any], attributes: dict[str, Any]) -> Tensor:
    axis = attributes.get("axis", 1)
    if axis != 1:
        raise ValueError(f"expected axis 1, after the batch, got {axis}")
    return inputs[0].flatten(1)  # type: ignore[no-any-return]


def _slice(inputs: Sequence[Any], _: dict[str, Any]) -> Tensor:
    x, starts, ends = inputs[:3]
    axes = inputs[3] if len(inputs) > 3 and inputs[3] is not None else range(len(starts))
    steps = inputs[4] if len(inputs) > 4 else [1] * len(starts)
    place = [slice(None)] * x.ndim
    for axis, start, end, step in zip(axes, starts, ends, steps, strict=True):
        place[axis] = slice(start, end, step)
    return x[tuple(place)]  # type: ignore[no-any-return]


def _squeeze(inputs: Sequence[Any], _: dict[str, Any]) -> Tensor:
    x, axes = inputs
    return x.squeeze(tuple(axes))  # type: ignore[no-any-return]


def _split(inputs: Sequence[Any], attributes: dict[str, Any]) -> tuple[Tensor, ...]:
    x, axis = inputs[0], attributes.get("axis", 0)
    if len(inputs) > 1:
        return torch.split(x, inputs[1], axis)
    parts = attributes["num_outputs"]
    return torch.split(x, -(-x.shape[axis] // parts), axis)  # the last one smaller


def _clip(inputs: Sequence[Any], _: dict[str, Any]) -> Tensor:
    x, low, high = (*inputs, None, None)[:3]
    x = x if low is None else torch.maximum(x, low.to(x.dtype))
    return x if high is None else torch.minimum(x, high.to(x.dtype))


def _expand(inputs: Sequence[Any], _: dict[str, Any]) -> Tensor:
    x, shape = inputs
    return x.expand(torch.broadcast_shapes(x.shape, tuple(shape)))  # type: ignore[no-any-return,no-untyped-call]


OPERATORS: dict[str, Operator] = {
    "Add": lambda t, _: t[0] + t[1],
    "Sub": lambda t, _: t[0] - t[1],
    "Mul": lambda t, _: t[0] * t[1],
    "Div": lambda t, _: t[0] / t[1],
    "Pow": lambda t, _: t[0].float() ** t[1],
    "Sqrt": lambda t, _: torch.sqrt(t[0]),
    "Erf": lambda t, _: torch.erf(t[0]),
    "Identity": lambda t, _: t[0],
    "Relu": lambda t, _: torch.relu(t[0]),
    "Sigmoid": lambda t, _: torch.sigmoid(t[0]),
    "MatMul": lambda t, _: torch.matmul(*_alike(*t)),
    "Transpose": lambda t, a: t[0].permute(a["perm"]),
    "Concat": lambda t, a: torch.cat(_alike(*t), a["axis"]),
    "Softmax": lambda t, a: torch.softmax(t[0].float(), a.get("axis", -1)),
    "GlobalAveragePool": lambda t, _: t[0].float().mean((2, 3), keepdim=True),
    "Flatten": _flatten,
    "Conv": _conv,
    "Gemm": _gemm,
    "MaxPool": _max_pool,
    "BatchNormalization": _batch_norm,
    "PRelu": _prelu,
    "ReduceMean": _mean,
    "ReduceL2": _length,
    "Reshape": _reshape,
    "Slice": _slice,
    "Squeeze": _squeeze,
    "Split": _split,
    "Clip": _clip,
    "Expand": _expand,
}
