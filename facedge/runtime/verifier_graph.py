"""Moved: facedge.bundle.head_onnx."""

from facedge.bundle.head_onnx import verifier_properties as verifier_properties
from facedge.bundle.head_onnx import verifier_with_head as verifier_with_head
