"""Means, intervals and tests over the answers of a panel. Arrays in, plain numbers out."""

import math
from typing import Any

import numpy as np
from scipy import stats

FORMULAS = {
    "normal": "1.96 s / sqrt(n) over all answers, as in MelGAN",
    "t": "t(0.975, n - 1) s / sqrt(n) over all answers",
    "raters": "t(0.975, r - 1) over the means of r listeners",
    "bootstrap": "half of the 2.5 to 97.5 % range of means over listeners drawn with replacement",
}
_DRAWS = 2000
_Z = 1.96


def describe(values, raters):
    """Describe answers by their mean and its 95 % intervals.

    Answers of one listener depend on each other, which `normal` and `t` ignore, as the papers
    do; `raters` and `bootstrap` take the listener as the unit.

    Args:
      values: [n] numbers.
      raters: [n] who gave them.

    Returns:
      {n, raters, mean, sd, standard_error, and the half widths normal, t, raters, bootstrap as
      `half`: {name: half width or None}}; half widths need two answers or two listeners.
    """
    values, raters = np.asarray(values, float), np.asarray(raters)
    n, people = len(values), np.unique(raters)
    deviation = float(values.std(ddof=1)) if n > 1 else None
    error = None if deviation is None else deviation / math.sqrt(n)
    half: dict[str, float | None] = {"normal": None, "t": None, "raters": None, "bootstrap": None}
    if error is not None:
        half["normal"] = _Z * error
        half["t"] = float(stats.t.ppf(0.975, n - 1)) * error
    if len(people) > 1:
        means = np.array([values[raters == person].mean() for person in people])
        half["raters"] = float(
            stats.t.ppf(0.975, len(people) - 1) * means.std(ddof=1) / math.sqrt(len(people))
        )
        half["bootstrap"] = _bootstrap(values, raters, people)
    return {
        "n": n,
        "raters": len(people),
        "mean": float(values.mean()),
        "sd": deviation,
        "standard_error": error,
        "half": half,
    }


def _bootstrap(values, raters, people):
    sums = np.array([values[raters == person].sum() for person in people])
    counts = np.array([(raters == person).sum() for person in people])
    drawn = np.random.default_rng(0).integers(0, len(people), [_DRAWS, len(people)])
    means = sums[drawn].sum(1) / counts[drawn].sum(1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(high - low) / 2


def share_interval(right, n):
    """Return the 95 % interval (low, high) of Wilson for `right` of `n`."""
    interval = stats.binomtest(right, n).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)


def compare(scores):
    """Test whether one side of a pair is preferred.

    Args:
      scores: [n] degrees of preference: above 0 for the first, 0 for neither, below for the second.

    Returns:
      {first, neither, second: counts; p_sign: two-sided binomial test of first against second,
      neither left out; p_wilcoxon: signed-rank test of the degrees}; p-values None without
      preferences.
    """
    scores = np.asarray(scores, float)
    first, second = int((scores > 0).sum()), int((scores < 0).sum())
    summary: dict[str, float | None] = {
        "first": first,
        "neither": len(scores) - first - second,
        "second": second,
        "p_sign": None,
        "p_wilcoxon": None,
    }
    if first + second:
        summary["p_sign"] = float(stats.binomtest(first, first + second).pvalue)
        test: Any = stats.wilcoxon(scores[scores != 0], method="approx", correction=True)
        summary["p_wilcoxon"] = float(test.pvalue)
    return summary
