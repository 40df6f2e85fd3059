"""A few lines over onnx.helper, so that a graph reads like the arithmetic it does."""

from typing import Any

import numpy as np
import onnx
from onnx import helper, numpy_helper

IR_VERSION = 10
OPSET = 20


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
        """`value` as another dtype (Cast's own attribute is called `to`, as is our output's name)."""
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
        """Copy another graph in; its inputs and outputs go by `rename`, every other name gets `prefix`."""
        names = {name: rename.get(name, f"{prefix}/{name}") for name in _names_of(graph)}
        names[""] = ""  # an optional input left out
        for tensor in graph.initializer:
            copy = onnx.TensorProto()
            copy.CopyFrom(tensor)
            copy.name = names[tensor.name]
            self.initializers.append(copy)
        for node in graph.node:
            mine = onnx.NodeProto()
            mine.CopyFrom(node)
            mine.name = f"{prefix}/{node.name}"
            mine.input[:] = [names[name] for name in node.input]
            mine.output[:] = [names[name] for name in node.output]
            self.nodes.append(mine)

    def model(
        self, name: str, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        """The finished model: opset 20, IR 10."""
        graph = helper.make_graph(self.nodes, name, inputs, outputs, self.initializers)
        opset = [helper.make_opsetid("", OPSET)]
        return helper.make_model(graph, opset_imports=opset, ir_version=IR_VERSION, producer_name="facedge")


def _names_of(graph: onnx.GraphProto) -> list[str]:
    made = [name for node in graph.node for name in (*node.input, *node.output) if name]
    return [*made, *(t.name for t in graph.initializer), *(v.name for v in [*graph.input, *graph.output])]
