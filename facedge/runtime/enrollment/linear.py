"""Moved: facedge.enrollment.template."""

from facedge.enrollment.template import Linear as Linear
from facedge.enrollment.template import template as template
