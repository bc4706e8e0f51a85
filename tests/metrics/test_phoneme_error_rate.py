"""Edits between sequences, summed over a corpus, with folded labels."""

import functools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfwave.metrics.phoneme_error_rate import Edits, corpus_edits, edits

sequences = st.lists(st.integers(0, 3), max_size=7)


def brute_force(a, b):
    @functools.cache
    def distance(i, j):
        if not i or not j:
            return i + j
        match = distance(i - 1, j - 1) + (a[i - 1] != b[j - 1])
        return min(match, distance(i - 1, j) + 1, distance(i, j - 1) + 1)

    return distance(len(a), len(b))


@settings(max_examples=200, deadline=None)
@given(a=sequences, b=sequences)
def test_edits_are_the_fewest_and_add_up(a, b):
    found = edits(a, b)
    assert found.total == brute_force(a, b)
    assert found.insertions - found.deletions == len(b) - len(a)
    assert min(found.insertions, found.deletions, found.substitutions) >= 0
    assert edits(b, a).total == found.total


@pytest.mark.parametrize(
    "reference, hypothesis, expected",
    [
        ("abc", "abc", (0, 0, 0)),
        ("abc", "axc", (0, 0, 1)),
        ("abc", "ac", (0, 1, 0)),
        ("", "ab", (2, 0, 0)),
        ("kitten", "sitting", (1, 0, 2)),
    ],
)
def test_known_cases(reference, hypothesis, expected):
    assert edits(reference, hypothesis) == Edits(*expected, len(reference))


def test_the_rate_is_of_the_corpus_and_not_a_mean_of_rates():
    assert corpus_edits(["a", "abc"], ["b", "abc"]).rate == 0.25


def test_folded_labels_are_equal_and_dropped_ones_do_not_count():
    table = np.array([0, 0, -1, 1])
    assert corpus_edits([[0, 2, 3]], [[1, 3]], table) == Edits(0, 0, 0, 2)
    assert corpus_edits([["ix", "q"]], [["ih"]], {"ix": "ih", "ih": "ih", "q": None}).total == 0


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="1 references do not go with 0"):
        corpus_edits(["a"], [])
    for label in (-1, 5):
        with pytest.raises(ValueError, match=f"label {label} has no folding"):
            corpus_edits([[label]], [[0]], np.array([0, 1]))
    with pytest.raises(ValueError, match="reference_length is 0"):
        _ = edits("", "a").rate
