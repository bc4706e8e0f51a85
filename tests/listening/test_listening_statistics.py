"""Means, intervals and tests against NumPy, SciPy and hand-made figures."""

import numpy as np
import pytest
from scipy import stats

from tfwave.listening import statistics


def test_the_papers_interval():
    values = [1, 2, 3, 4, 5, 5, 4, 4]
    found = statistics.describe(values, range(8))
    assert found["n"] == found["raters"] == 8 and found["mean"] == 3.5
    error = np.std(values, ddof=1) / np.sqrt(8)
    assert found["standard_error"] == pytest.approx(error)
    assert found["half"]["normal"] == pytest.approx(1.96 * error)
    low, high = stats.t.interval(0.95, 7, 3.5, error)
    assert found["half"]["t"] == pytest.approx((high - low) / 2)
    # With one answer each, listeners and answers are the same.
    assert found["half"]["raters"] == pytest.approx(found["half"]["t"])


def test_listeners_who_agree_with_themselves_alone_widen_the_interval():
    values = np.repeat([1.0, 3, 5, 3], 50)
    found = statistics.describe(values, np.repeat(range(4), 50))
    assert found["half"]["raters"] > 5 * found["half"]["normal"]
    assert found["half"]["bootstrap"] > 5 * found["half"]["normal"]
    assert found["half"]["raters"] == pytest.approx(
        stats.t.ppf(0.975, 3) * np.std([1, 3, 5, 3], ddof=1) / 2
    )


def test_intervals_hold_the_truth_as_often_as_they_say():
    draw = np.random.default_rng(1)
    held = dict.fromkeys(("normal", "t", "raters", "bootstrap"), 0)
    for _ in range(300):
        people = np.repeat(np.arange(20), 10)
        values = draw.normal(3, 1, 200) + np.repeat(draw.normal(0, 0.5, 20), 10)
        found = statistics.describe(values, people)
        for name, half in found["half"].items():
            held[name] += abs(found["mean"] - 3) <= half
    assert 0.91 <= held["raters"] / 300 <= 0.98
    assert 0.89 <= held["bootstrap"] / 300 <= 0.98
    assert held["normal"] / 300 < 0.85  # what one listener's leaning costs


def test_one_answer_has_no_interval():
    found = statistics.describe([4], ["a"])
    assert found["mean"] == 4 and found["sd"] is None
    assert set(found["half"].values()) == {None}


def test_shares():
    low, high = statistics.share_interval(40, 50)
    assert (low, high) == pytest.approx((0.6696, 0.8876), abs=1e-4)
    assert statistics.share_interval(10, 10)[1] == pytest.approx(1)


def test_preferences():
    found = statistics.compare([2, 2, 1, 1, 1, 1, 1, 1, -1, 0, 0])
    assert (found["first"], found["neither"], found["second"]) == (8, 2, 1)
    assert found["p_sign"] == pytest.approx(2 * (1 + 9) / 2**9)
    assert 0 < found["p_wilcoxon"] < 0.1
    balanced = statistics.compare([1, -1, 1, -1])
    assert balanced["p_sign"] == pytest.approx(1)
    nobody = statistics.compare([0, 0])
    assert nobody["neither"] == 2 and nobody["p_sign"] is None and nobody["p_wilcoxon"] is None
    assert statistics.compare([-1])["p_sign"] == 1
