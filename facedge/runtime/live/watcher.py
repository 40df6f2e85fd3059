"""Moved: facedge.live.watcher."""

from facedge.live.watcher import Watcher as Watcher
