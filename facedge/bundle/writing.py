"""Moved: facedge.bundle.write."""

from facedge.bundle.write import check_target as check_target
