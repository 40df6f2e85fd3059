"""verifier.onnx: preprocessing, backbone and head in one file, for apps that embed one file.

Input `image` uint8 (N, H, W, 3), RGB, an aligned crop of any size; outputs `embedding` float32 (N, D), `attributes`
float32 (N, A), `probability` float32 (N, 1), and `quality` float32 (N, 1): the contrast of the network's input in grey
levels (facedge.faces.quality.input_contrast), so that an app refuses the flat images that facedge refuses. Detection,
alignment and the choice of a face are left to the app.

The preprocessing nodes give the same bits as facedge.preprocessing. Their names follow its reference implementation,
which explains the formula; the reference's two cases of an axis are one here: with lengths doubled, an axis covers
`length = 2 max(span, 256 S)` around each output's centre. Weights are computed inside the graph, in int64, from the
image's shape; they and all sums stay below 2^24, so the float32 MatMuls are exact in any order. Only the pixels that
the box covers are read, so the cost of a tight crop is that of its area.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from facedge.bundle import Manifest
from facedge.bundle.format import BACKBONES
from facedge.bundle.onnx_file import IR_VERSION, MOST_OPSET
from facedge.faces.quality import HALF_RANGE
from facedge.preprocessing.reference import GREY_MIDDLE, GREY_SCALE, LUMA_ONE, WEIGHT_ONE
from facedge.preprocessing.spec import FRACTION, FRAME_HEIGHT, FRAME_WIDTH, LUMA, PreprocessSpec
from facedge.runtime.embedder import HEAD
from facedge.runtime.verifier_onnx import verifier_properties

OUTPUTS = ("embedding", "attributes", "probability", "quality")


def verifier_onnx(
    backbone: bytes, head: bytes, spec: PreprocessSpec, properties: Mapping[str, str], *, debug: bool = False
) -> bytes:
    """Join a backbone (float32 or int8) and head.onnx behind the preprocessing of `spec`.

    properties: metadata_props of the file, from `facedge.runtime.verifier_onnx.verifier_properties`.
    debug: also give the backbone's input as output `tensor` float32 (N, 1, S, S), to compare bits.
    """
    first, second = onnx.load_from_string(backbone).graph, onnx.load_from_string(head).graph
    g = GraphBuilder("preprocess")
    tensor = add_preprocessing(g, spec, "image", to="tensor")
    g.include(first, prefix="backbone", rename={"image": tensor, "embedding": "embedding", "attributes": "attributes"})
    g.include(second, prefix="head", rename={"embedding": "embedding", "probability": "probability"})
    add_contrast(g, tensor, to="quality")
    columns = {value.name: _columns(value) for value in [*first.output, *second.output]} | {"quality": 1}
    outputs = [_value(name, ["N", columns[name]]) for name in OUTPUTS]
    if debug:
        outputs.append(_value("tensor", ["N", 1, spec.size, spec.size]))
    image = helper.make_tensor_value_info("image", TensorProto.UINT8, ["N", "H", "W", 3])
    model = g.model("facedge_verifier", [image], outputs)
    helper.set_model_props(model, dict(sorted(properties.items())))
    return bytes(model.SerializeToString(deterministic=True))


def joined_verifier(manifest: Manifest, files: Mapping[str, bytes], *, debug: bool = False) -> bytes:
    """verifier.onnx of a bundle: of its head, and of its backbone in the precision that the manifest names."""
    return verifier_onnx(
        files[BACKBONES[manifest.precision]],
        files[HEAD],
        manifest.preprocess_spec(),
        verifier_properties(manifest, files),
        debug=debug,
    )


def _columns(value: onnx.ValueInfoProto) -> int:
    return int(value.type.tensor_type.shape.dim[1].dim_value)


def _value(name: str, shape: list[str | int]) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)


class GraphBuilder:
    """Nodes and initializers of one graph; every name it makes starts with `prefix`."""

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.nodes: list[onnx.NodeProto] = []
        self.initializers: list[onnx.TensorProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}

    def op(self, kind: str, *inputs: str, to: str | None = None, **attributes: Any) -> str:
        """Add a node and return the name of its output: `to`, or one made from the operator's name."""
        output = to or f"{self.prefix}/{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], name=output, **attributes))
        return output

    def cast(self, value: str, dtype: type[np.generic]) -> str:
        """`value` as another dtype; not through `op`, whose `to` would hide Cast's attribute of that name."""
        output = f"{self.prefix}/cast_{len(self.nodes)}"
        kind = helper.np_dtype_to_tensor_dtype(np.dtype(dtype))
        self.nodes.append(helper.make_node("Cast", [value], [output], name=output, to=kind))
        return output

    def const(self, value: Any, dtype: type[np.generic]) -> str:
        """The name of an initializer that holds `value`; equal constants share one."""
        array = np.asarray(value, dtype=dtype)
        key = (array.dtype.str, array.shape, array.tobytes())
        if key not in self._constants:
            name = f"{self.prefix}/const_{len(self._constants)}"
            self.initializers.append(numpy_helper.from_array(array, name))
            self._constants[key] = name
        return self._constants[key]

    def i64(self, value: Any) -> str:
        """An int64 constant, a scalar unless `value` is a list."""
        return self.const(value, np.int64)

    def f32(self, value: Any) -> str:
        """A float32 constant."""
        return self.const(value, np.float32)

    def include(self, graph: onnx.GraphProto, *, prefix: str, rename: dict[str, str]) -> None:
        """Copy another graph in; names in `rename` are replaced, every other name gets `prefix`."""
        names = {name: rename.get(name, f"{prefix}/{name}") for name in _names_of(graph)}
        names[""] = ""  # an optional input left out
        for tensor in graph.initializer:
            copy = onnx.TensorProto()
            copy.CopyFrom(tensor)
            copy.name = names[tensor.name]
            self.initializers.append(copy)
        for node in graph.node:
            renamed = onnx.NodeProto()
            renamed.CopyFrom(node)
            renamed.name = f"{prefix}/{node.name}"
            renamed.input[:] = [names[name] for name in node.input]
            renamed.output[:] = [names[name] for name in node.output]
            self.nodes.append(renamed)

    def model(
        self, name: str, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        """The finished model: opset 20, IR 10."""
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.initializers)
        opset = [helper.make_opsetid("", MOST_OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="facedge")


def _names_of(graph: onnx.GraphProto) -> list[str]:
    made = [name for node in graph.node for name in (*node.input, *node.output) if name]
    return [*made, *(t.name for t in graph.initializer), *(v.name for v in [*graph.input, *graph.output])]


@dataclass(frozen=True)
class _Axis:
    """One axis of the image, as names in the graph (all int64)."""

    first: str  # () the pixels [first, last) carry weight
    last: str  # ()
    unit: str  # () length of a pixel
    start: str  # (1, S) where each output begins
    length: str  # () of what an output covers


def add_preprocessing(g: GraphBuilder, spec: PreprocessSpec, image: str, *, to: str) -> str:
    """`image` uint8 (N, H, W, 3) -> `to` float32 (N, 1, S, S), as preprocess(image, spec) gives it."""
    shape = g.op("Shape", image)
    x0, y0, x1, y1 = spec.crop
    rows = _axis(g, spec.size, g.op("Gather", shape, g.i64(1)), (y0, y1), FRAME_HEIGHT)
    columns = _axis(g, spec.size, g.op("Gather", shape, g.i64(2)), (x0, x1), FRAME_WIDTH)
    vertical = g.op("Transpose", _weights(g, spec.size, rows, colour=False), perm=[1, 0])  # (S, h)
    horizontal = _weights(g, spec.size, columns, colour=True)  # (w * 3, S)
    lines = g.cast(_lines(g, image, rows, columns), np.float32)  # (N, h, w * 3)
    v = g.op("MatMul", vertical, lines)  # (N, S, w * 3), at most 255 * 4096
    m = g.op("Floor", g.op("Mul", g.op("Add", v, g.f32(128)), g.f32(1 / 256)))  # (v + 128) >> 8
    total = g.op("MatMul", m, horizontal)  # (N, S, S), grey times 65536
    normal = g.op("Mul", g.op("Sub", total, g.f32(GREY_MIDDLE)), g.f32(GREY_SCALE))
    return g.op("Unsqueeze", normal, g.i64([1]), to=to)


def add_contrast(g: GraphBuilder, tensor: str, *, to: str) -> str:
    """`tensor` float32 (N, 1, S, S) -> `to` float32 (N, 1): standard deviation of each image, in grey levels."""
    every_pixel = g.i64([1, 2, 3])
    off = g.op("Sub", tensor, g.op("ReduceMean", tensor, every_pixel, keepdims=1))
    variance = g.op("ReduceMean", g.op("Mul", off, off), every_pixel, keepdims=0)  # (N,)
    levels = g.op("Mul", g.op("Sqrt", variance), g.f32(HALF_RANGE))
    return g.op("Unsqueeze", levels, g.i64([1]), to=to)


def _axis(g: GraphBuilder, size: int, pixels: str, crop: tuple[int, int], frame: int) -> _Axis:
    """The geometry of one axis of `pixels` (): PreprocessSpec.box_for, then where each of `size` outputs begins."""
    begin, end = (_corner(g, pixels, corner, frame) for corner in crop)
    span = g.op("Sub", end, begin)
    unit = g.i64(2 * FRACTION * size)
    length = g.op("Mul", g.op("Max", span, g.i64(FRACTION * size)), g.i64(2))
    centres = g.op("Mul", span, g.i64([[2 * o + 1 for o in range(size)]]))  # (1, S), less the box's corner
    corner = g.op("Mul", begin, g.i64(2 * size))
    start = g.op("Sub", g.op("Add", centres, corner), g.op("Div", length, g.i64(2)))
    farthest = g.op("Sub", g.op("Mul", pixels, unit), length)
    start = g.op("Clip", start, g.i64(0), farthest)  # taps beyond the border take the border's pixel
    first = g.op("Div", g.op("Gather", g.op("Squeeze", start, g.i64([0])), g.i64(0)), unit)
    end_of_last = g.op("Add", g.op("Gather", g.op("Squeeze", start, g.i64([0])), g.i64(size - 1)), length)
    last = g.op("Div", g.op("Add", end_of_last, g.i64(2 * FRACTION * size - 1)), unit)
    return _Axis(first, last, unit, start, length)


def _corner(g: GraphBuilder, pixels: str, corner: int, frame: int) -> str:
    """round(corner * pixels / frame), halves up, in 1/256 pixel."""
    return g.op("Div", g.op("Add", g.op("Mul", pixels, g.i64(2 * corner)), g.i64(frame)), g.i64(2 * frame))


def _weights(g: GraphBuilder, size: int, axis: _Axis, *, colour: bool) -> str:
    """float32 ((last - first) * channels, S): the weight of each channel of each pixel in each output."""
    edges = g.op("Range", axis.first, g.op("Add", axis.last, g.i64(1)), g.i64(1))
    at = g.op("Unsqueeze", g.op("Mul", edges, axis.unit), g.i64([1]))  # (n + 1, 1)
    covered = g.op("Clip", g.op("Sub", at, axis.start), g.i64(0), axis.length)  # (n + 1, S)
    doubled = g.op("Mul", axis.length, g.i64(2))
    cumulative = g.op("Mul", covered, g.i64(2 * WEIGHT_ONE))
    cumulative = g.op("Div", g.op("Add", cumulative, axis.length), doubled)  # rounded, halves up
    if colour:
        cumulative = _split(g, cumulative)  # (n + 1, 3, S)
    before = g.op("Slice", cumulative, g.i64([0]), g.i64([-1]), g.i64([0]))
    after = g.op("Slice", cumulative, g.i64([1]), g.i64([2**31]), g.i64([0]))
    return g.cast(g.op("Reshape", g.op("Sub", after, before), g.i64([-1, size])), np.float32)


def _split(g: GraphBuilder, units: str) -> str:
    """Of the first `units` of each weight, those that are red, green and blue: (n, S) -> (n, 3, S)."""
    red, green, blue = LUMA
    reds = g.op("Add", g.op("Mul", units, g.i64(2 * red)), g.i64(LUMA_ONE))
    reds = g.op("Div", reds, g.i64(2 * LUMA_ONE))
    rest = g.op("Sub", units, reds)
    greens = g.op("Add", g.op("Mul", rest, g.i64(2 * green)), g.i64(green + blue))
    greens = g.op("Div", greens, g.i64(2 * (green + blue)))
    blues = g.op("Sub", rest, greens)
    return g.op("Concat", *(g.op("Unsqueeze", name, g.i64([1])) for name in (reds, greens, blues)), axis=1)


def _lines(g: GraphBuilder, image: str, rows: _Axis, columns: _Axis) -> str:
    """uint8 (N, h, w * 3): the pixels that carry weight, a row's channels side by side."""
    zero = g.i64([0])
    starts = g.op("Concat", *(g.op("Unsqueeze", a.first, zero) for a in (rows, columns)), axis=0)
    ends = g.op("Concat", *(g.op("Unsqueeze", a.last, zero) for a in (rows, columns)), axis=0)
    part = g.op("Slice", image, starts, ends, g.i64([1, 2]))
    return g.op("Reshape", part, g.i64([0, 0, -1]))
