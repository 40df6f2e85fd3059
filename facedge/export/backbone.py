"""Moved: facedge.export.onnx."""

from facedge.export.onnx import backbone_onnx as backbone_onnx
