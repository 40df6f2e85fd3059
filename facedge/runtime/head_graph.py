"""Moved: facedge.bundle.head_onnx."""

from facedge.bundle.head_onnx import head_onnx_bytes as head_onnx_bytes
from facedge.bundle.head_onnx import read_head as read_head
