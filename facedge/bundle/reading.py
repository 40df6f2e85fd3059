"""Moved: facedge.bundle.read."""

from facedge.bundle.read import check_listing as check_listing
from facedge.bundle.read import read_file as read_file
from facedge.bundle.read import read_manifest as read_manifest
