"""Moved: facedge.camera.devices."""

from facedge.camera.devices import display_problem as display_problem
from facedge.camera.devices import list_cameras as list_cameras
