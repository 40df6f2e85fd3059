"""Moved: facedge.export.verifier_graph."""

from facedge.export.verifier_graph import add_preprocessing as add_preprocessing
