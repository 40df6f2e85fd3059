"""Moved: facedge.enrollment.calibration."""

from facedge.enrollment.calibration import cohort_trials as cohort_trials
