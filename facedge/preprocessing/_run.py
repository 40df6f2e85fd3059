"""Moved: facedge.preprocessing.kernel."""

from facedge.preprocessing.kernel import in_slices as in_slices
