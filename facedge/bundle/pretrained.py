"""Moved: facedge.bundle.resolve."""

from facedge.bundle.resolve import pretrained as pretrained
