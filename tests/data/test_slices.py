"""Slicing: the authors' slices to the bit, and what must hold for any configuration."""

import json
import time
import types

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfwave.data.loader_goldens import check_loader
from tfwave.data.slices import SliceConfig, SliceOrder, random_bits, read_slices, slice_table


def test_authors_slices(root, goldens):
    path = goldens / "wavegan" / "loader.npz"
    if not path.exists():
        path = root.parent / "shared" / "goldens" / "wavegan" / "loader.npz"
    if not path.exists():
        pytest.skip(f"golden vectors are not there: {path}")
    with np.load(path) as arrays:
        parts = {
            kind: {
                key.split("/", 1)[1]: arrays[key] for key in arrays if key.startswith(kind + "/")
            }
            for kind in ("in", "w", "out")
        }
        golden = types.SimpleNamespace(
            name="loader",
            inputs=parts["in"],
            weights=parts["w"],
            outputs=parts["out"],
            cfg=json.loads(str(arrays["cfg"])),
        )
    results = check_loader(golden)
    assert {name for name, _, _ in results} == set(golden.outputs) and len(results) >= 8
    assert all(error <= tolerance == 0 for _, error, tolerance in results), results


lengths_strategy = st.lists(st.integers(0, 500), min_size=1, max_size=20)
config_strategy = st.builds(
    SliceConfig,
    slice_len=st.integers(2, 120),
    first_slice=st.booleans(),
    overlap=st.sampled_from([0.0, 0.25, 1 / 3, 0.5]),
    pad_end=st.booleans(),
    random_offset=st.booleans(),
)


@given(lengths_strategy, config_strategy, st.integers(0, 1000), st.integers(0, 1000))
def test_slices_lie_where_they_may(lengths, config, seed, epoch):
    table = slice_table(lengths, config, seed, epoch)
    np.testing.assert_array_equal(table, slice_table(lengths, config, seed, epoch))
    assert table.dtype == np.int64 and table.shape[1] == 2
    numbers, starts = table.T
    ends = starts + config.slice_len
    sizes = np.asarray(lengths)[numbers]
    assert (starts >= 0).all() and (starts < sizes).all()
    if not config.pad_end:
        assert (ends <= sizes).all()
    for number, length in enumerate(lengths):
        mine = starts[numbers == number]
        assert (np.diff(mine) == config.hop).all()
        if config.first_slice:
            assert len(mine) <= 1 and not mine.any()
        elif config.pad_end and len(mine):
            assert mine[-1] + config.hop >= length
        if not config.varies:
            whole = length > 0 if config.pad_end else length >= config.slice_len
            assert (len(mine) > 0) == whole


def test_random_offset_changes_with_epoch_seed_and_file():
    lengths = [1000] * 50
    config = SliceConfig(slice_len=100)
    first = slice_table(lengths, config, 1, 0)
    offsets = first[np.unique(first[:, 0], return_index=True)[1], 1]
    assert len(set(offsets)) > 20 and offsets.max() < 100
    for seed, epoch in [(1, 1), (2, 0)]:
        assert not np.array_equal(first, slice_table(lengths, config, seed, epoch))


def test_random_bits_are_these_for_ever():
    assert random_bits(2, 0, 0, 0).tolist() == [259491006799949737, 4754966410622352325]
    assert not np.array_equal(random_bits(4, 1, 2), random_bits(4, 2, 1))


class Waveforms:
    """A store of plain arrays."""

    def __init__(self, *waveforms):
        self.waveforms = waveforms
        self.channels = waveforms[0].shape[1]

    def frames(self, number, start, stop):
        return self.waveforms[number][start:stop]


def test_reading_pads_with_zeros():
    store = Waveforms(np.arange(1, 11, dtype=np.float32)[:, None], np.ones([3, 1], np.float32))
    got = read_slices(store, [[0, 0], [0, 8], [1, 0]], 4, out=np.full([3, 4, 1], 9, np.float32))
    np.testing.assert_array_equal(got[..., 0], [[1, 2, 3, 4], [9, 10, 0, 0], [1, 1, 1, 0]])
    assert got.dtype == np.float32
    got = read_slices(store, [[0, -2], [1, -5], [0, -7]], 4)
    np.testing.assert_array_equal(got[..., 0], [[0, 0, 1, 2], [0, 0, 0, 0], [0, 0, 0, 0]])


@pytest.mark.parametrize(
    "field, value",
    [("slice_len", 0), ("overlap", 1.0), ("overlap", -0.1), ("overlap", float("nan"))],
)
def test_illegal_values_are_named(field, value):
    with pytest.raises(ValueError, match=field):
        SliceConfig(**{field: value})


FIRST = SliceConfig(slice_len=16, first_slice=True, pad_end=True, random_offset=False)
RANDOM = SliceConfig(slice_len=16)
LENGTHS = [20 + 3 * number for number in range(30)]


def test_epochs_of_changing_length_hold_their_own_slices():
    order = SliceOrder(LENGTHS, RANDOM, 9)
    row = 0
    for epoch in range(6):
        table = slice_table(LENGTHS, RANDOM, 9, epoch)
        got = order.rows(row, row + len(table))
        assert sorted(got.tolist()) == table.tolist()
        row += len(table)


@pytest.mark.parametrize("shuffle", [{}, {"shuffle": lambda count, *_: np.arange(count)[::-1]}])
def test_an_epoch_holds_every_file_once_in_the_order_of_its_shuffle(shuffle):
    order = SliceOrder(LENGTHS, FIRST, 3, **shuffle)
    epochs = [order.rows(30 * epoch, 30 * epoch + 30)[:, 0].tolist() for epoch in range(3)]
    assert all(sorted(epoch) == list(range(30)) for epoch in epochs)
    assert (epochs[0] == epochs[1] == list(range(30))[::-1]) == bool(shuffle)


def test_far_positions_are_reached_at_once():
    start = time.perf_counter()
    far = SliceOrder(LENGTHS, FIRST, 0).rows(10**12 + 7, 10**12 + 17)
    assert len(far) == 10 and time.perf_counter() - start < 1
    far = SliceOrder(LENGTHS, RANDOM, 0).rows(10**5, 10**5 + 10)
    assert len(far) == 10


def test_short_clips_without_padding_are_refused_with_the_remedy():
    with pytest.raises(ValueError, match="no slice of 16384 samples.*first_slice and pad_end"):
        SliceOrder(LENGTHS, SliceConfig(), seed=0)
    with pytest.raises(ValueError, match="turn random_offset off"):
        SliceOrder([16384, 16384], SliceConfig(), seed=7)
    with pytest.raises(ValueError, match="seed must not be negative"):
        SliceOrder(LENGTHS, FIRST, seed=-1)
