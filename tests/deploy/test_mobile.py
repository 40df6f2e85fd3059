"""Phones: onnxruntime's full mobile builds have a kernel for every node; the Kotlin of deploy/README.md compiles."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("onnx")
import onnx
from mobile_operators import cpu_kernels, missing
from onnx import TensorProto, helper

from facedge.bundle.resolve import pretrained
from facedge.faces.yunet import find_model

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
# The part of onnxruntime's Java API that the class uses, as https://onnxruntime.ai/docs/api/java declares it.
SIGNATURES = """
package ai.onnxruntime
import java.nio.ByteBuffer
import java.nio.FloatBuffer
import java.util.Optional
enum class OnnxJavaType { FLOAT, UINT8 }
interface OnnxValue : AutoCloseable
abstract class OnnxTensor : OnnxValue {
    abstract val floatBuffer: FloatBuffer
    companion object {
        fun createTensor(env: OrtEnvironment, data: ByteBuffer, shape: LongArray, type: OnnxJavaType): OnnxTensor =
            TODO()
    }
}
abstract class OnnxModelMetadata { abstract val customMetadata: Map<String, String> }
abstract class OrtEnvironment {
    abstract fun createSession(model: ByteArray, options: OrtSession.SessionOptions): OrtSession
    companion object { fun getEnvironment(): OrtEnvironment = TODO() }
}
abstract class OrtSession : AutoCloseable {
    class SessionOptions
    abstract class Result : AutoCloseable { abstract fun get(key: String): Optional<OnnxValue> }
    abstract val metadata: OnnxModelMetadata
    abstract fun run(inputs: Map<String, OnnxTensor>, outputs: Set<String>): Result
}
"""


def conv(kind: int, opset: int = 17) -> onnx.ModelProto:
    """A graph of one Conv on tensors of this element type."""
    ports = [helper.make_tensor_value_info(name, kind, [1, 1, 3, 3]) for name in ("x", "w", "y")]
    graph = helper.make_graph([helper.make_node("Conv", ["x", "w"], ["y"], pads=[1] * 4)], "g", ports[:2], ports[2:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@pytest.mark.parametrize("name", ["verifier.onnx", "backbone.onnx", "backbone.int8.onnx", "head.onnx"])
def test_every_node_of_the_shipped_bundle_has_a_kernel(name: str) -> None:
    assert missing(onnx.load(pretrained() / name), cpu_kernels()) == []


def test_every_node_of_the_detector_has_a_kernel(detector: None) -> None:
    assert missing(onnx.load(find_model()), cpu_kernels()) == []


def test_what_has_no_kernel_is_named() -> None:
    kernels = cpu_kernels()
    assert missing(conv(TensorProto.FLOAT), kernels) == []
    assert missing(conv(TensorProto.DOUBLE), kernels) == ["Conv, opset 17, tensor(double)"]
    older = {"Conv": [kernel for kernel in kernels["Conv"] if kernel.first == 1]}
    assert missing(conv(TensorProto.FLOAT), older) == ["Conv, opset 17, tensor(float)"]
    assert missing(conv(TensorProto.FLOAT), {}) == ["Conv, opset 17, tensor(float)"]


def test_the_table_is_the_one_of_the_readme(detector: None) -> None:
    command = [sys.executable, str(DEPLOY / "tools" / "mobile_operators.py"), str(pretrained()), str(find_model())]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout in (DEPLOY / "README.md").read_text()


@pytest.mark.slow
def test_the_kotlin_compiles(tmp_path: Path) -> None:
    if not shutil.which("kotlinc"):
        pytest.skip("no kotlinc here (apt install kotlin)")
    (source,) = re.findall(r"```kotlin\n(.*?)```", (DEPLOY / "README.md").read_text(), re.DOTALL)
    (tmp_path / "Verifier.kt").write_text(source)
    (tmp_path / "Signatures.kt").write_text(SIGNATURES)
    library = Path("/usr/share/java/kotlin-stdlib-jdk7.jar")  # AutoCloseable.use, which Debian's kotlinc leaves out
    classes = ["-cp", str(library)] if library.is_file() else []
    command = ["kotlinc", "-nowarn", *classes, "Verifier.kt", "Signatures.kt", "-d", "classes"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "classes" / "Verifier.class").is_file()
