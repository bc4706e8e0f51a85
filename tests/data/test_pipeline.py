"""Batches depend on the seed and their number, and on nothing else."""

import itertools
import time

import numpy as np
import pytest

from tfwave.data.pipeline import SliceOrder, evaluation_clips, training_batches
from tfwave.data.slices import SliceConfig, slice_table
from tfwave.data.store import store_of

FIRST = SliceConfig(slice_len=16, first_slice=True, pad_end=True, random_offset=False)
RANDOM = SliceConfig(slice_len=16)


@pytest.fixture
def store(tmp_path):
    """Thirty waveforms; waveform n counts up from 1000 n."""
    lengths = [20 + 3 * number for number in range(30)]

    def make():
        for number, length in enumerate(lengths):
            yield (1000.0 * number + np.arange(length, dtype=np.float32))[:, None]

    names = [str(number) for number in range(30)]
    return store_of(make, names, range(30), tmp_path, "key", 16000, "x", progress=False)


def take(dataset, count):
    return np.stack(list(itertools.islice(dataset.as_numpy_iterator(), count)))


@pytest.mark.parametrize("slices", [FIRST, RANDOM])
def test_resuming_continues_and_seeds_differ(store, slices):
    whole = take(training_batches(store, slices, 8, 5, seed=3), 12)
    assert whole.shape == (12, 5, 8, 16, 1) and whole.dtype == np.float32
    rest = take(training_batches(store, slices, 8, 5, seed=3, start_step=7), 5)
    np.testing.assert_array_equal(rest, whole[7:])
    other = take(training_batches(store, slices, 8, 5, seed=4), 12)
    assert not np.array_equal(other, whole)


@pytest.mark.parametrize("slices", [FIRST, RANDOM])
@pytest.mark.parametrize("count", [2, 4])
def test_shards_are_parts_of_the_same_batch(store, slices, count):
    whole = take(training_batches(store, slices, 8, 3, seed=1, start_step=5), 6)
    parts = [
        take(training_batches(store, slices, 8, 3, 1, 5, shard_index=k, shard_count=count), 6)
        for k in range(count)
    ]
    np.testing.assert_array_equal(np.concatenate(parts, axis=2), whole)


def test_every_clip_comes_once_per_epoch(store):
    clips = take(training_batches(store, FIRST, 3, 2, seed=0), 15).reshape(3, 30, 16)
    files = clips[:, :, 0].astype(int) // 1000
    for epoch in files:
        assert sorted(epoch) == list(range(30))
    assert not np.array_equal(files[0], files[1])


def test_epochs_of_changing_length_hold_their_own_slices(store):
    order = SliceOrder(store.lengths, RANDOM, 9)
    row = 0
    for epoch in range(6):
        table = slice_table(store.lengths, RANDOM, 9, epoch)
        got = order.rows(row, row + len(table))
        assert sorted(got.tolist()) == table.tolist()
        row += len(table)


def test_far_positions_are_reached_at_once(store):
    start = time.perf_counter()
    far = SliceOrder(store.lengths, FIRST, 0).rows(10**12 + 7, 10**12 + 17)
    assert len(far) == 10 and time.perf_counter() - start < 1
    far = SliceOrder(store.lengths, RANDOM, 0).rows(10**5, 10**5 + 10)
    assert len(far) == 10


def test_short_clips_without_padding_are_refused_with_the_remedy(store):
    with pytest.raises(ValueError, match="no slice of 16384 samples.*first_slice and pad_end"):
        training_batches(store, SliceConfig(), 8, 5, seed=0)
    with pytest.raises(ValueError, match="no slice of 16384 samples"):
        evaluation_clips(store, SliceConfig(), 8)
    with pytest.raises(ValueError, match="turn random_offset off"):
        SliceOrder([16384, 16384], SliceConfig(), seed=7)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"batch_size": 0}, "batch_size"),
        ({"start_step": -1}, "start_step"),
        ({"seed": -1}, "seed"),
        ({"shard_count": 3}, "shard"),
        ({"shard_index": 2, "shard_count": 2}, "shard"),
    ],
)
def test_illegal_values_are_named(store, options, message):
    arguments = {"batch_size": 8, "updates_per_step": 1, "seed": 0, **options}
    with pytest.raises(ValueError, match=message):
        training_batches(store, FIRST, **arguments)


def test_evaluation_runs_once_in_order_with_labels(store):
    batches = list(evaluation_clips(store, FIRST, 8).as_numpy_iterator())
    assert [len(clips) for clips, _ in batches] == [8, 8, 8, 6]
    labels = np.concatenate([labels for _, labels in batches])
    np.testing.assert_array_equal(labels, np.arange(30))
    clips = np.concatenate([clips for clips, _ in batches])
    np.testing.assert_array_equal(clips[:, 0, 0], 1000.0 * np.arange(30))
    assert len(evaluation_clips(store, FIRST, 8)) == 4
    unlabelled = store.with_labels(None)
    _, labels = next(evaluation_clips(unlabelled, RANDOM, 4).as_numpy_iterator())
    np.testing.assert_array_equal(labels, [-1] * 4)


def test_the_loader_is_quick(tmp_path):
    def make():
        for _ in range(400):
            yield np.ones([16000, 1], np.float32)

    names = [str(number) for number in range(400)]
    store = store_of(make, names, None, tmp_path, "key", 16000, "x", progress=False)
    slices = SliceConfig(first_slice=True, pad_end=True, random_offset=False)
    batches = training_batches(store, slices, 64, 5, seed=0).as_numpy_iterator()
    next(batches)
    start = time.perf_counter()
    for _ in range(20):
        next(batches)
    # 40,000 clips/s on two quiet cores; other work on the machine must not fail this.
    assert 20 * 5 * 64 / (time.perf_counter() - start) > 5000
