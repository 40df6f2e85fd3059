"""Do the graphs of a bundle run in onnxruntime's full builds for phones? By operator, opset and element type.

    python deploy/tools/mobile_operators.py BUNDLE [FURTHER.onnx ...]

The packages onnxruntime-android (Maven), onnxruntime-c and onnxruntime-objc (CocoaPods) are built with every kernel of
the CPU provider: their settings, android/default_full_aar_build_settings.json and
apple/default_full_ios_framework_build_settings.json under tools/ci_build/github of onnxruntime's repository, name no
reduced operator list. docs/OperatorKernels.md there lists these kernels; it is written from the registry that the
Python wheel carries too, and that is asked here.

Beside the kernels, the table counts the nodes whose operator the documentation of XNNPACK, NNAPI and CoreML names. It
says nothing about a device: each of the three decides there, by shapes and constants, which nodes it takes, and the CPU
provider runs the rest. Needs the packages onnx and onnxruntime. Exit code 0: no kernel is missing; 1: some are.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # before the import, which would start it
import onnx
import onnxruntime.capi._pybind_state as state


def operators(text: str) -> frozenset[str]:
    """Names that blanks part."""
    return frozenset(text.split())


# docs/execution-providers/Xnnpack-ExecutionProvider.md, branch gh-pages; a Conv in QDQ form counts as its QLinearConv.
XNNPACK = operators("AveragePool Conv ConvTranspose Gemm MatMul MaxPool QLinearConv Resize Softmax")
# tools/ci_build/github/android/nnapi_supported_ops.md
NNAPI = operators(
    "Abs Add AveragePool Cast Clip Concat Conv DepthToSpace DequantizeLinear Div Elu Exp Flatten Floor Gather Gemm "
    "GlobalAveragePool GlobalMaxPool Identity Log MatMul Max MaxPool Min Mul Neg PRelu Pad Pow QLinearConv "
    "QLinearMatMul QuantizeLinear Relu Reshape Resize Sigmoid Sin Slice Softmax Sqrt Squeeze Sub Tanh Transpose "
    "Unsqueeze"
)
# tools/ci_build/github/apple/coreml_supported_mlprogram_ops.md
COREML = operators(
    "Add ArgMax AveragePool Cast Ceil Clip Concat Conv ConvTranspose Cos DepthToSpace Div Elu Erf Exp GatherND Gelu "
    "Gemm GlobalAveragePool GlobalMaxPool GridSample GroupNormalization HardSigmoid Identity InstanceNormalization "
    "LayerNormalization LeakyRelu MatMul Max MaxPool Mul PRelu Pow Range Reciprocal ReduceMax ReduceMean ReduceSum "
    "Relu Reshape Resize Round Shape Sigmoid Sin Slice Softmax Softplus Split Sqrt Squeeze Sub Tanh Tile Transpose "
    "Unsqueeze"
)
PROVIDERS = {"XNNPACK": XNNPACK, "NNAPI": NNAPI, "CoreML": COREML}
NEWEST = 2**31 - 1  # the end of a kernel's range that has none


class Kernel(NamedTuple):
    """Opsets since which the operator has been defined, both included, and the types by parameter, such as T."""

    first: int
    last: int
    types: dict[str, list[str]]

    def is_for(self, since: int) -> bool:
        """As onnxruntime's KernelRegistry decides: a range without an end holds for its first definition only."""
        return self.first == since or (self.last != NEWEST and self.first <= since <= self.last)


def cpu_kernels() -> dict[str, list[Kernel]]:
    """The kernels of the CPU provider by operator of the standard domain."""
    found: dict[str, list[Kernel]] = {}
    for one in state.get_all_opkernel_def():
        if one.provider == "CPUExecutionProvider" and one.domain in ("", "ai.onnx"):
            found.setdefault(one.op_name, []).append(Kernel(*one.version_range, one.type_constraints))
    return found


def missing(model: onnx.ModelProto, kernels: dict[str, list[Kernel]]) -> list[str]:
    """What no kernel of the CPU provider computes: "Operator, opset, types" for each such node, once."""
    opset = next(one.version for one in model.opset_import if one.domain in ("", "ai.onnx"))
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    types = {tensor.name: tensor.data_type for tensor in graph.initializer}
    types |= {v.name: v.type.tensor_type.elem_type for v in (*graph.input, *graph.output, *graph.value_info)}
    found = set()
    for node in graph.node:
        schema = onnx.defs.get_schema(node.op_type, opset, node.domain)
        wanted = dict(element_types(node, schema, types))
        fit = [k for k in kernels.get(node.op_type, []) if k.is_for(schema.since_version) and takes(k, wanted)]
        if not fit:
            found.add(f"{node.op_type}, opset {opset}, {', '.join(sorted(set(wanted.values())))}")
    return sorted(found)


def element_types(node: onnx.NodeProto, schema: Any, types: dict[str, int]) -> Iterator[tuple[str, str]]:
    """Parameter or type name of the operator's definition -> the type that this node has there."""
    for names, formal in ((node.input, schema.inputs), (node.output, schema.outputs)):
        for number, name in enumerate(names):
            port = formal[min(number, len(formal) - 1)]  # the last one may be given several times
            if name:
                kind = onnx.TensorProto.DataType.Name(types.get(name, 0)).lower()
                yield port.type_str, f"tensor({kind})"


def takes(kernel: Kernel, wanted: dict[str, str]) -> bool:
    """Whether every type that the kernel restricts is among those that it takes."""
    return all(wanted.get(name, types[0]) in types for name, types in kernel.types.items() if types)


def main(words: Sequence[str]) -> int:
    """Print the table."""
    if not words:
        print(__doc__.split("\n\n")[1].strip(), file=sys.stderr)
        return 2
    kernels, lacking = cpu_kernels(), []
    print(
        "| graph | IR | nodes | without a CPU kernel | " + " | ".join(f"named by {name}" for name in PROVIDERS) + " |"
    )
    print("|---|--:|--:|--:|" + "--:|" * len(PROVIDERS))
    for path in (*sorted(Path(words[0]).glob("*.onnx")), *map(Path, words[1:])):
        model = onnx.load(path)
        lacking += [f"{path.name}: {one}" for one in missing(model, kernels)]
        nodes = [node.op_type for node in model.graph.node]
        counts = [sum(node in named for node in nodes) for named in PROVIDERS.values()]
        own = sum(one.startswith(f"{path.name}:") for one in lacking)
        print(f"| {path.name} | {model.ir_version} | {len(nodes)} | {own} | " + " | ".join(map(str, counts)) + " |")
    print("\n".join(lacking), file=sys.stderr, end="\n" if lacking else "")
    return 1 if lacking else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
