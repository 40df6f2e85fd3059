"""Moved: facedge.export.verifier_graph."""

from facedge.export.verifier_graph import GraphBuilder as GraphBuilder
