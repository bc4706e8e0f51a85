"""Phone sets, labels in time and segmentation files."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfwave.data.phonemes import (
    TIMIT_39,
    TIMIT_48,
    TIMIT_61,
    fold,
    fold_table,
    frame_phonemes,
    read_phn,
    spoken_phonemes,
)


def test_sets_have_the_sizes_of_the_paper():
    for phones, size in ((TIMIT_61, 61), (TIMIT_48, 48), (TIMIT_39, 39)):
        assert len(phones) == len(set(phones)) == size


def test_folding():
    groups = "aa ao/ah ax ax-h/er axr/hh hv/ih ix/l el/m em/n en nx/ng eng/sh zh/uw ux".split("/")
    for group in groups:
        assert {fold(phone, TIMIT_39) for phone in group.split()} == {group.split()[0]}
    for phone in "pcl tcl kcl bcl dcl gcl h# pau epi".split():
        assert fold(phone, TIMIT_39) == "sil"
    assert [fold(p, TIMIT_48) for p in ("pcl", "bcl", "h#", "epi", "zh")] == [
        "cl",
        "vcl",
        "sil",
        "epi",
        "zh",
    ]
    assert fold("q", TIMIT_48) is None and fold("q", TIMIT_61) == "q"
    for phone in TIMIT_39:
        assert fold(phone, TIMIT_39) == phone
    with pytest.raises(ValueError, match="'xx' is no phone"):
        fold("xx", TIMIT_39)


def test_folding_in_two_steps_is_folding_at_once():
    once, first = fold_table(TIMIT_61, TIMIT_39), fold_table(TIMIT_61, TIMIT_48)
    second = np.append(fold_table(TIMIT_48, TIMIT_39), -1)
    np.testing.assert_array_equal(once, second[first])
    assert once.dtype == np.int32 and np.sum(once == -1) == 1
    np.testing.assert_array_equal(fold_table(TIMIT_61, TIMIT_61), np.arange(61))


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 50)), min_size=1, max_size=12),
    st.integers(-200, 300),
    st.integers(1, 40),
    st.integers(1, 60),
)
def test_frames_have_the_label_of_their_middle(parts, start, frames, length):
    segments, position = [], 0
    for number, (gap, size) in enumerate(parts):
        position += gap
        segments.append((position, position + size, number))
        position += size
    labels = frame_phonemes(np.array(segments), start, frames, length)
    for frame, label in enumerate(labels):
        middle = start + (frame + 0.5) * length
        expected = [number for first, last, number in segments if first <= middle < last]
        assert [label] == (expected or [-1])


def test_every_phoneme_is_spoken_in_one_stretch():
    segments = np.array([(0, 10, 4), (10, 40, 7), (40, 41, 4), (60, 90, 2)])
    cuts = [-5, 5, 25, 26, 75, 200]
    parts = [spoken_phonemes(segments, a, b) for a, b in zip(cuts, cuts[1:], strict=False)]
    assert np.concatenate(parts).tolist() == [4, 7, 4, 2]
    assert len(frame_phonemes(np.zeros([0, 3], int), 0, 3, 160)) == 3


def test_segmentation_files(tmp_path):
    path = tmp_path / "SX1.PHN"
    path.write_text("0 3050 h#\n3050 4559 sh\n4559 5723 IX\n\n")
    expected = [
        [0, 3050, TIMIT_61.index("h#")],
        [3050, 4559, TIMIT_61.index("sh")],
        [4559, 5723, TIMIT_61.index("ix")],
    ]
    assert read_phn(path, TIMIT_61, 16000, 16000).tolist() == expected
    assert read_phn(path, TIMIT_61, 16000, 8000)[1].tolist() == [1525, 2280, expected[1][2]]


@pytest.mark.parametrize(
    "text, message",
    [
        ("0 10 h#\n10 x sh\n", "line 2 is not"),
        ("0 10\n", "line 1 is not"),
        ("0 10 yy\n", "unknown phone 'yy'"),
        ("20 10 sh\n", "back in time"),
        ("20 30 sh\n10 20 iy\n", "line 2 goes back"),
    ],
)
def test_broken_segmentation_files_are_named(tmp_path, text, message):
    path = tmp_path / "a.phn"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"a.phn: {message}|a.phn: line . .*{message}"):
        read_phn(path, TIMIT_61, 16000, 16000)
