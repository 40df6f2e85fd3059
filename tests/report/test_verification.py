"""The verification section of the record."""

import json

import numpy as np

from facedge.metrics.comparisons import all_pairs
from facedge.metrics.intervals import Bootstrap
from facedge.report.verification import verification_section


def test_equal_scores_make_a_section() -> None:
    x = np.ones((8, 1), dtype=np.float32)
    found = verification_section(all_pairs(x, np.arange(8) // 2), images=8, bootstrap=Bootstrap(10))
    assert found["eer"] == 0.5
    json.dumps(found, allow_nan=False)
