"""Moved: facedge.preprocessing.kernel."""

from facedge.preprocessing.kernel import NAMES as NAMES
from facedge.preprocessing.kernel import available as available
from facedge.preprocessing.kernel import compiled, implementation_name

kernel, chosen = compiled, implementation_name
