"""Moved: facedge.bundle.format."""

from facedge.bundle.format import BACKBONES as BACKBONES
from facedge.bundle.format import GOLDEN_ARRAY as GOLDEN_ARRAY
from facedge.bundle.format import MANIFEST as MANIFEST
from facedge.bundle.format import SUFFIX as SUFFIX
