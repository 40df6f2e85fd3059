"""Moved: facedge.bundle.onnx_file."""

from facedge.bundle.onnx_file import MOST_OPSET as MOST_OPSET
from facedge.bundle.onnx_file import inspect_graph as inspect_graph
