"""Error rates of a verifier and of attribute predictions, with their uncertainty (numpy only).

Scores follow one rule everywhere: higher means more alike, and a comparison is accepted when `score >= threshold`.
FAR is the share of impostor comparisons accepted, FRR the share of genuine comparisons rejected; for single
comparisons ISO/IEC 19795-1 calls them FMR and FNMR. TAR is 1 - FRR.

Every interval is a 95 % interval that resamples *identities*, never images: twenty photos of one person are not twenty
independent observations.
"""

# Moved: import from the modules.
from facedge.metrics.attributes import attribute_metrics as attribute_metrics
from facedge.metrics.attributes import expected_calibration_error as expected_calibration_error
from facedge.metrics.attributes import majority_guess as majority_guess
from facedge.metrics.comparisons import all_pairs as all_pairs
from facedge.metrics.comparisons import balanced_choice as balanced_choice
from facedge.metrics.comparisons import random_turns as random_turns
from facedge.metrics.curves import equal_error_rate as equal_error_rate
from facedge.metrics.curves import error_curve as error_curve
from facedge.metrics.intervals import clopper_pearson as clopper_pearson
from facedge.metrics.thresholds import Threshold as Threshold
from facedge.metrics.thresholds import far_at_threshold as far_at_threshold
from facedge.metrics.thresholds import threshold_at_far as threshold_at_far
