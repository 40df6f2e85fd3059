"""Moved: facedge.faces.align."""

from facedge.faces.align import align_reference

align = align_reference
