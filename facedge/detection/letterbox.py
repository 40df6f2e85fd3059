"""Moved: facedge.faces.boxes."""

from facedge.faces.boxes import fit_letterbox
from facedge.faces.boxes import input_planes as input_planes

fit = fit_letterbox
