"""Moved: facedge.dataset.parallel."""

from facedge.dataset.parallel import ordered_map as ordered_map
