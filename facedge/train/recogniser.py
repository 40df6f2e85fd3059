"""A face recogniser in ONNX, by whoever made it, brought to one form: one opset, any number of images as its batch.

`facedge adopt` makes it the backbone of a bundle (facedge/export/recogniser.py), and `train backbone --fresh-views`
runs it as a torch module (facedge/train/device_teacher.py).
"""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper, version_converter

from facedge.bundle.onnx_file import IR_VERSION, MOST_OPSET
from facedge.errors import ExportError, InputError, first_line
from facedge.onnx_session import MOST_REASON, open_session
from facedge.preprocessing import PreprocessSpec
from facedge.preprocessing.spec import FRACTION
from facedge.train.teacher import CONVENTIONS, TeacherInput
from facedge.types import Float32Array

# The input of ArcFace-style recognisers in the 178x218 frame, x0, y0, x1, y1 in pixels: the scale and shift that bring
# CelebA's landmarks nearest to theirs (J. Deng et al., "ArcFace", CVPR 2019), inverted. Without the 1.2 degrees of
# rotation of the best similarity EdgeFace-S has a TAR of 0.9593 at FAR 1e-3 on 120 CelebA identities, with it 0.9600.
ARCFACE_BOX = (28.12, 55.92, 146.63, 174.43)
LEAST_LENGTH = 1e-12  # of an embedding before it is divided by its length
MIDDLE = 127.5  # grey level of the bundle's input value 0


@dataclass(frozen=True)
class RecogniserInput:
    """What a recogniser takes: side and (pixel - mean) / scale, and the box of the 178x218 frame that it is a crop of.

    box: x0, y0, x1, y1 in pixels. The order of colour channels makes no difference to a grey input.
    """

    values: TeacherInput
    box: tuple[float, float, float, float] = ARCFACE_BOX

    @property
    def spec(self) -> PreprocessSpec:
        """The preprocessing that gives this crop; InputError for a size or box that no bundle may have."""
        x0, y0, x1, y1 = (round(corner * FRACTION) for corner in self.box)
        return PreprocessSpec(size=self.values.size, crop=(x0, y0, x1, y1))

    def to_dict(self) -> dict[str, Any]:
        """The convention as JSON types, as `--input FILE.json` holds it."""
        return {**vars(self.values), "box": list(self.box)}


def read_input(text: str) -> RecogniserInput:
    """The convention of that name (arcface, sface), or of a JSON file with size, order, mean, scale and box.

    Values that the file leaves out are those of arcface. Raises InputError for another name or content.
    """
    if text in CONVENTIONS:
        return RecogniserInput(CONVENTIONS[text])
    names = ", ".join(CONVENTIONS)
    if not text.endswith(".json"):
        raise InputError(f"expected --input {names} or a file ending in .json, got {text!r}")
    try:
        content = json.loads(Path(text).read_text(encoding="utf-8"))
        box = tuple(float(corner) for corner in content.pop("box", ARCFACE_BOX))
        if len(box) != 4 or not np.isfinite(box).all():
            raise ValueError("a box is four corners in pixels")
        found = RecogniserInput(TeacherInput.of(content), box)
        found.spec  # noqa: B018  (raises for a size or box that no bundle may have)
    except (OSError, ValueError, TypeError, AttributeError, OverflowError, RecursionError) as problem:
        raise InputError(f"{text} should hold size, order, mean, scale and box as a JSON object ({problem})") from None
    return found


@dataclass(frozen=True)
class Recogniser:
    """A recogniser's file and its graph, ready to be built into a backbone.

    name, sha256: of the file. session: the file as it came, which takes one image of `shape`, (1, C, S, S) or
    (1, S, S, C). embedding_size: D of its output.
    """

    name: str
    sha256: str
    convention: RecogniserInput
    session: Any
    graph: onnx.GraphProto
    shape: tuple[int, int, int, int]
    embedding_size: int

    def reference(self, images: Float32Array) -> Float32Array:
        """What the file itself gives for the bundle's input (N, 1, S, S), image by image: (N, D) of length 1."""
        levels = (images * MIDDLE + MIDDLE - self.convention.values.mean) / self.convention.values.scale
        port = self.session.get_inputs()[0].name
        rows = []
        for image in levels:
            x = np.broadcast_to(image if self.channels_first else image.transpose(1, 2, 0), self.shape[1:])
            rows.append(self.session.run(None, {port: np.ascontiguousarray(x[None], np.float32)})[0].reshape(-1))
        found = np.stack(rows)
        return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), LEAST_LENGTH), np.float32)

    @property
    def channels_first(self) -> bool:
        """Whether the file takes (N, C, S, S) and not (N, S, S, C)."""
        return self.shape[1] != self.convention.values.size


def open_recogniser(path: Path, convention: RecogniserInput) -> Recogniser:
    """Read a recogniser; ExportError where it is no ONNX file with one image in and an embedding out, of this size."""
    session = open_session(f"the recogniser {path.name}", _existing(path), error=ExportError)
    shape = _input_shape(path.name, session, convention.values.size)
    image = {session.get_inputs()[0].name: np.zeros(shape, np.float32)}
    try:
        output = session.run(None, image)[0]
    except Exception as problem:  # onnxruntime's exceptions share no public base class
        raise ExportError(
            f"{path.name} does not run on an image {shape}: {first_line(problem, MOST_REASON)}"
        ) from problem
    axis = -1 if output.ndim == 2 else 1
    if output.dtype != np.float32 or output.ndim < 2 or output.size != output.shape[axis]:
        raise ExportError(
            f"expected an embedding (1, D) of float32 as the first output of {path.name}, got {output.dtype} "
            f"{output.shape}: give a face recogniser"
        )
    graph = _prepared(path, onnx.load(str(path)), shape)
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    return Recogniser(path.name, sha256, convention, session, graph, shape, int(output.size))


def _existing(path: Path) -> Path:
    if not path.is_file():
        raise ExportError(f"there is no file {path}: give a face recogniser as an ONNX file")
    return path


def _input_shape(name: str, session: Any, size: int) -> tuple[int, int, int, int]:
    """The shape of one image, free axes taken from `size`; ExportError unless it is an image of that size."""
    inputs = session.get_inputs()
    given = [d if isinstance(d, int) and d > 0 else None for d in inputs[0].shape]
    for shape in ((1, 3, size, size), (1, size, size, 3), (1, 1, size, size), (1, size, size, 1)):
        fits = len(given) == 4 and all(d in (None, want) for d, want in zip(given, shape, strict=True))
        if len(inputs) == 1 and inputs[0].type == "tensor(float)" and fits:
            return shape
    came = " and ".join(f"{port.name} {port.type} {port.shape}" for port in inputs)
    raise ExportError(
        f"expected a recogniser with one input, float32 (N, 3, {size}, {size}) or (N, {size}, {size}, 3), got {came} "
        f"in {name}: say what it takes with --input FILE.json"
    )


def _prepared(path: Path, model: onnx.ModelProto, shape: tuple[int, ...]) -> onnx.GraphProto:
    """The graph with a free batch, in the opset of a bundle, constants folded, batch norms folded into convolutions."""
    from onnxscript import optimizer, rewriter
    from onnxscript.rewriter.rules import common

    fold = [common.fuse_batchnorm_into_conv_rule, common.fuse_batchnorm_into_gemm_rule]
    _plain_ports(model.graph, shape)
    model.ir_version = max(model.ir_version, IR_VERSION)
    try:
        model = version_converter.convert_version(model, MOST_OPSET)
        model = rewriter.rewrite(optimizer.optimize(model), pattern_rewrite_rules=fold)
    except Exception as problem:  # of several packages, C++ among them
        reason = first_line(problem, MOST_REASON)
        raise ExportError(
            f"{path.name} cannot be brought to opset {MOST_OPSET} ({reason}): export it with that opset"
        ) from problem
    if any(attribute.HasField("g") for node in model.graph.node for attribute in node.attribute):
        raise ExportError(f"{path.name} has conditional parts (If): export it again with constants folded")
    _free_batch(model.graph)
    for number, node in enumerate(model.graph.node):
        node.name = f"{node.op_type.lower()}_{number}"
    return model.graph


def _plain_ports(graph: onnx.GraphProto, shape: tuple[int, ...]) -> None:
    """Name the batch N and give an image its shape.

    Shapes computed for a batch of 1 are dropped, and weights that are listed as inputs (IR version 3).
    """
    weights = {tensor.name for tensor in graph.initializer}
    images = [value for value in graph.input if value.name not in weights]
    axes = images[0].type.tensor_type.shape.dim
    axes[0].dim_param = "N"
    for axis, length in zip(axes[1:], shape[1:], strict=True):
        axis.dim_value = length
    del graph.input[:]
    graph.input.extend(images)
    del graph.output[1:]
    graph.ClearField("value_info")
    graph.output[0].type.tensor_type.ClearField("shape")


def _free_batch(graph: onnx.GraphProto) -> None:
    """Reshape to a shape that was fixed for a batch of 1 -> the same for a batch of N.

    The first axis becomes -1 (whatever the others leave), or 0 (the input's own) where another one is -1 already. That
    a batch gives what single images give is proved by the parity check, with batches of 1, 2 and 7.
    """
    constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    constants |= {
        node.output[0]: numpy_helper.to_array(node.attribute[0].t)
        for node in graph.node
        if node.op_type == "Constant" and node.attribute[0].name == "value"
    }
    for number, node in enumerate(graph.node):
        if node.op_type != "Reshape" or node.input[0] in constants or node.input[1] not in constants:
            continue
        shape = constants[node.input[1]].copy()
        if -1 not in shape:
            shape[0] = -1
        elif shape[0] == 1:
            shape[0] = 0
        else:
            continue
        graph.initializer.append(numpy_helper.from_array(shape, f"shape_of_any_batch_{number}"))
        node.input[1] = graph.initializer[-1].name
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)
