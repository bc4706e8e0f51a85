"""Inception score: the authors' numbers, and where they would be NaN."""

import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfwave.metrics.inception_score import authors_order, inception_score, log_softmax

ROOT = pathlib.Path(__file__).resolve().parents[2]


def softmax(logits):
    return np.exp(log_softmax(logits))


def float64_score(p, splits):
    groups = np.split(np.asarray(p, np.float64), splits)
    return [np.exp(np.mean(np.sum(g * np.log(g / g.mean(axis=0)), axis=1))) for g in groups]


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    splits=st.sampled_from([1, 2, 5]),
    classes=st.integers(2, 12),
    sharpness=st.floats(0, 20),
)
def test_score_equals_a_float64_calculation(seed, splits, classes, sharpness):
    logits = sharpness * np.random.default_rng(seed).standard_normal([20, classes])
    p = softmax(logits)
    expected = float64_score(np.maximum(p, 1e-300), splits)
    for mean, std in (
        inception_score(logits=logits, splits=splits),
        inception_score(np.maximum(p, 1e-37), splits),
    ):
        assert mean == pytest.approx(np.mean(expected), rel=1e-4)
        assert std == pytest.approx(np.std(expected), abs=1e-3)
        assert 0.999 < mean < classes * 1.001


def test_certain_and_balanced_predictions_score_the_number_of_classes():
    logits = np.tile(1000.0 * np.eye(10), [10, 1])
    assert inception_score(logits=logits) == pytest.approx((10, 0), abs=1e-4)


def test_equal_predictions_score_one():
    assert inception_score(np.full([30, 10], 0.1), 3) == pytest.approx((1, 0), abs=1e-5)


def test_groups_are_consecutive_so_that_sorted_clips_score_low():
    logits = np.repeat(50.0 * np.eye(10), 10, axis=0)
    assert inception_score(logits=logits, splits=10)[0] == pytest.approx(1)
    shuffled = logits[np.random.default_rng(0).permutation(100)]
    assert inception_score(logits=shuffled, splits=10)[0] > 4


def test_a_probability_of_zero_is_nan_as_in_the_authors_script_but_not_from_logits():
    logits = np.array([[500.0, 0.0, 0.0], [0.0, 500.0, 0.0]])
    p = softmax(logits)
    assert p.min() == 0
    assert np.isnan(inception_score(p, 1)[0])
    assert inception_score(logits=logits, splits=1)[0] == pytest.approx(2, rel=1e-5)


@pytest.mark.parametrize(
    "arguments, message",
    [
        (dict(probabilities=np.ones([101, 10])), "101 clips cannot be divided into 10"),
        (dict(probabilities=np.ones([0, 10])), "0 clips"),
        (dict(probabilities=np.ones([10, 10]), splits=0), "into 0"),
        (dict(probabilities=np.ones(10)), r"\[n, classes\]"),
        (dict(), "either"),
        (dict(probabilities=np.ones([10, 10]), logits=np.ones([10, 10])), "either"),
        (dict(logits=np.full([10, 10], np.nan)), "finite"),
    ],
)
def test_bad_input_is_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        inception_score(**arguments)


def test_files_are_read_in_the_order_of_the_authors_scripts():
    names = ["c.wav", "a.wav", "b.wav", "e.wav", "d.wav"]
    # random.seed(0); random.shuffle(sorted(names)) in Python 3.
    assert [names[i] for i in authors_order(names)] == ["c.wav", "b.wav", "a.wav", "e.wav", "d.wav"]
    assert authors_order([]) == []


def test_the_scores_of_the_metrics_golden_are_reproduced():
    folders = [ROOT / "tests/goldens/metrics", ROOT.parent / "shared/goldens/metrics"]
    path = next((f / "inception_score.npz" for f in folders if f.exists()), None)
    if path is None or not path.exists():
        pytest.skip("golden metrics/inception_score.npz is not here")
    golden = np.load(path)
    for name in ("confident", "vague"):
        p = golden[f"in/{name}_probabilities"]
        for mean, std in (inception_score(p, 10), inception_score(logits=np.log(p), splits=10)):
            assert mean == pytest.approx(golden[f"out/{name}_mean"], rel=1e-5)
            assert std == pytest.approx(golden[f"out/{name}_std"], rel=1e-4)
        single, _ = inception_score(p, 1)
        assert single == pytest.approx(golden[f"out/{name}_single_split"], rel=1e-5)
