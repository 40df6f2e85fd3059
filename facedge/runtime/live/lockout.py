"""Moved: facedge.live.lockout."""

from facedge.live.lockout import Lockout as Lockout
