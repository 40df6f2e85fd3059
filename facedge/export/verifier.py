"""Moved: facedge.export.verifier_graph."""

from facedge.export.verifier_graph import verifier_onnx as verifier_onnx
