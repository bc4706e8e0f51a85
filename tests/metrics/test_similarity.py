"""Nearest-neighbour distances and their features."""

import numpy as np
import pytest
import scipy.spatial.distance
from hypothesis import given, settings
from hypothesis import strategies as st

from tfwave.metrics import similarity
from tfwave.metrics.similarity import nearest_distance, nearest_distances, similarity_features

seeds = st.integers(0, 2**32 - 1)


def features(seed, count, size=24):
    random = np.random.default_rng(seed)
    return (3 * random.standard_normal([count, size]) - 8).astype(np.float32)


@settings(max_examples=40, deadline=None)
@given(seed=seeds, queries=st.integers(1, 40), references=st.integers(1, 60))
def test_distances_equal_scipy(seed, queries, references):
    query, reference = features(seed, queries), features(seed + 1, references)
    expected = scipy.spatial.distance.cdist(
        query.astype(np.float64), reference.astype(np.float64)
    ).min(axis=1)
    np.testing.assert_allclose(nearest_distances(query, reference), expected, rtol=1e-12)
    assert nearest_distance(query, reference) == pytest.approx(
        (expected.mean(), expected.std()), rel=1e-12
    )


@settings(max_examples=20, deadline=None)
@given(seed=seeds, count=st.integers(2, 30))
def test_a_clip_is_not_its_own_neighbour(seed, count):
    query = features(seed, count)
    distances = scipy.spatial.distance.cdist(query.astype(np.float64), query.astype(np.float64))
    np.fill_diagonal(distances, np.inf)
    np.testing.assert_allclose(
        nearest_distances(query, query, exclude_self=True), distances.min(axis=1), rtol=1e-12
    )


def test_exact_duplicates_have_distance_zero():
    query = features(0, 30)
    assert nearest_distance(query, query) == (0.0, 0.0)
    # As in the authors' script, only one zero is skipped.
    query[7] = query[21]
    distances = nearest_distances(query, query, exclude_self=True)
    assert np.flatnonzero(distances == 0).tolist() == [7, 21]


def test_a_tiny_difference_is_not_taken_for_a_duplicate():
    query = features(0, 10, size=16384)
    near = query.copy()
    near[:, 5] = np.nextafter(near[:, 5], np.inf)
    expected = np.abs(near[:, 5].astype(np.float64) - query[:, 5])
    np.testing.assert_allclose(nearest_distances(query, near), expected, rtol=1e-9)
    both = np.concatenate([query, near])
    np.testing.assert_allclose(nearest_distances(query, both, exclude_self=True), expected)


def test_blocks_and_chunks_do_not_matter(monkeypatch):
    query, reference = features(1, 37), features(2, 101)
    whole = nearest_distances(query, reference, exclude_self=True)
    chunks = (reference[i : i + 13] for i in range(0, 101, 13))
    np.testing.assert_array_equal(nearest_distances(query, chunks, exclude_self=True), whole)
    monkeypatch.setattr(similarity, "_QUERY_BLOCK", 8)
    monkeypatch.setattr(similarity, "_REFERENCE_BLOCK", 3)
    np.testing.assert_array_equal(nearest_distances(query, reference, exclude_self=True), whole)


def test_all_axes_but_the_first_are_flattened():
    query, reference = features(3, 8), features(4, 9)
    assert nearest_distance(query.reshape(8, 4, 6), reference.reshape(9, 4, 6)) == nearest_distance(
        query, reference
    )


def test_impossible_sets_are_refused():
    with pytest.raises(ValueError, match="at least one query"):
        nearest_distance(features(0, 0), features(0, 3))
    with pytest.raises(ValueError, match="at least 1 references"):
        nearest_distance(features(0, 3), features(0, 0))
    with pytest.raises(ValueError, match="at least 2 references"):
        nearest_distance(features(0, 1), features(0, 1), exclude_self=True)
    with pytest.raises(ValueError, match="queries have 24 features, references 25"):
        nearest_distance(features(0, 3), features(0, 3, size=25))


@pytest.mark.parametrize("length", [100, 16384, 20000])
def test_clips_are_cut_or_padded_to_the_slice_length(length):
    clip = np.random.default_rng(0).uniform(-0.5, 0.5, [1, length]).astype(np.float32)
    fitted = np.zeros([1, 16384], np.float32)
    fitted[:, : min(length, 16384)] = clip[:, :16384]
    result = similarity_features(clip)
    assert result.shape == (1, 128, 128) and result.dtype == np.float32
    np.testing.assert_array_equal(result, similarity_features(fitted))


def test_integers_are_taken_as_they_are_and_floats_scaled():
    integers = np.random.default_rng(0).integers(-9000, 9000, [2, 16384]).astype(np.int16)
    floats = integers.astype(np.float32) / 32768
    as_int16 = similarity_features(integers)
    np.testing.assert_array_equal(similarity_features(floats), as_int16)
    unscaled = similarity_features(floats, scaled_as_int16=False)
    np.testing.assert_allclose(as_int16 - unscaled, np.log(32768), atol=0.02)


def test_batches_of_features_do_not_matter():
    clips = np.random.default_rng(0).uniform(-1, 1, [5, 4000]).astype(np.float32)
    np.testing.assert_allclose(
        similarity_features(clips, batch_size=2), similarity_features(clips), atol=1e-5
    )


def test_features_need_clips():
    with pytest.raises(ValueError, match=r"\[n, time\], got \[100\]"):
        similarity_features(np.zeros(100))
