"""Moved: facedge.live.attempt."""

from facedge.live.attempt import LIMIT as LIMIT
