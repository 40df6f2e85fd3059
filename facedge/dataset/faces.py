"""Moved: facedge.dataset.prepared."""

from facedge.dataset.prepared import Faces as Faces
