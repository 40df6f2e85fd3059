"""Moved: facedge.enrollment.calibration."""

from facedge.enrollment.calibration import choose_point as choose_point
from facedge.enrollment.calibration import fit_logistic as fit_logistic
