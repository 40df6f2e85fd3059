"""How well a verifier and an attribute reader do, and how sure one may be of it (numpy only).

Scores follow one rule everywhere: higher means more alike, and a comparison is accepted when `score >= threshold`.
FAR is the share of impostor comparisons accepted, FRR the share of genuine comparisons rejected; for single
comparisons ISO/IEC 19795-1 calls them FMR and FNMR. TAR is 1 - FRR.

Every interval is a 95 % interval that resamples *identities*, never images: twenty photos of one person are one
witness, not twenty.
"""

from facedge.metrics.attributes import AttributeMetrics, attribute_metrics, majority_guess
from facedge.metrics.binomial import clopper_pearson, rule_of_three, trials_needed
from facedge.metrics.calibration import brier_score, expected_calibration_error
from facedge.metrics.comparisons import Comparisons, all_pairs, balanced_choice, listed_pairs, random_turns
from facedge.metrics.curves import ErrorCurve, auc, equal_error_rate, error_curve, rates_at
from facedge.metrics.eer import EerEstimate, eer_interval
from facedge.metrics.operating import FarEstimate, Threshold, far_at_threshold, threshold_at_far
from facedge.metrics.protocol import PairAccuracy, best_threshold, kfold_accuracy, transferred_accuracy
from facedge.metrics.tar import TarAtFar, tar_at_far

__all__ = [
    "AttributeMetrics",
    "Comparisons",
    "EerEstimate",
    "ErrorCurve",
    "FarEstimate",
    "PairAccuracy",
    "TarAtFar",
    "Threshold",
    "all_pairs",
    "attribute_metrics",
    "auc",
    "balanced_choice",
    "best_threshold",
    "brier_score",
    "clopper_pearson",
    "eer_interval",
    "equal_error_rate",
    "error_curve",
    "expected_calibration_error",
    "far_at_threshold",
    "kfold_accuracy",
    "listed_pairs",
    "majority_guess",
    "random_turns",
    "rates_at",
    "rule_of_three",
    "tar_at_far",
    "threshold_at_far",
    "transferred_accuracy",
    "trials_needed",
]
