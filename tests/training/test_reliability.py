"""Reliability: probability beside the share that is right."""

import pytest

from aqwal.training.reliability import reliability_of

TEXT = "قال زيد إن الحل قريب، وأضاف أن السلام ممكن."


def test_bins_hold_mean_probability_and_share_right(gold, answered):
    document = gold("a", TEXT, ("إن الحل قريب", "زيد", None), ("أن السلام ممكن", "زيد", None))
    sure = answered(document, ("إن الحل قريب", "زيد", None), ("أن السلام", None, None), score=0.9)
    unsure = answered(document, ("إن الحل", "زيد", None), score=0.31)
    assert reliability_of([sure, unsure], "QUOTE") == {
        "bins": [
            {"spans": 1, "probability": 0.31, "right": 0.0},
            {"spans": 2, "probability": 0.9, "right": 0.5},
        ],
        "error": pytest.approx((0.31 + 2 * 0.4) / 3),
    }
    assert reliability_of([sure], "SPEAKER")["error"] == pytest.approx(0.1)
    assert reliability_of([sure], "TOPIC") == {"bins": [], "error": 0.0}
