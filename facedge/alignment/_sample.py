"""Moved: facedge.faces.align."""

from facedge.faces.align import sample as sample
