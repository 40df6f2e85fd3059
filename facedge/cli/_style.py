"""Moved: facedge.cli._console, facedge.formatting."""

from facedge.cli._console import styled as styled
from facedge.formatting import counted as counted
from facedge.formatting import percent as percent
