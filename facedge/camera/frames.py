"""Moved: facedge.camera.source."""

from facedge.camera.source import Camera as Camera
from facedge.camera.source import CameraEvent as CameraEvent
from facedge.camera.source import Frame as Frame
