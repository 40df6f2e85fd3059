"""Moved: facedge.faces.yunet."""

from facedge.faces.yunet import SHA256 as SHA256
from facedge.faces.yunet import find_model as find_model
from facedge.faces.yunet import read_model as read_model
