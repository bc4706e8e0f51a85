"""Windows: true context, every sample once, aligned features, the same batches after resuming."""

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfwave.audio import mel
from tfwave.data.builtin.sentences import read_sentences
from tfwave.data.features import mel_features, store_features
from tfwave.data.sentence_corpora import Utterances, open_sentences
from tfwave.data.store import store_of
from tfwave.data.utterances import (
    WindowConfig,
    Windows,
    complete_utterances,
    evaluation_slices,
    training_slices,
)

LENGTHS = (100, 37, 1, 64, 250, 16)
HOP = 8
SMALL = WindowConfig(slice_len=32, context=13)


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    return tmp_path_factory.mktemp("utterances")


@pytest.fixture(scope="module")
def utterances(cache):
    """Recording n counts up from 1000 (n + 1); phoneme p sounds in samples 10 p .. 10 p + 9."""

    def make():
        for number, length in enumerate(LENGTHS):
            yield (1000.0 * (number + 1) + np.arange(length, dtype=np.float32))[:, None]

    names = [f"{number}.wav" for number in range(len(LENGTHS))]
    speakers = [0, 1, 2, 0, 1, 2]
    store = store_of(make, names, speakers, cache, "key", 16000, "x", progress=False)
    segments = tuple(
        np.array([(s, min(s + 10, length), s // 10) for s in range(0, length, 10)])
        for length in LENGTHS
    )
    return Utterances(store, segments)


@pytest.fixture(scope="module")
def features(utterances, cache):
    """Frame f of recording n is (n + 1, f); silence is (0, -1)."""

    def make():
        for number, length in enumerate(LENGTHS):
            frames = np.arange(length // HOP + 1)
            yield np.stack([np.full_like(frames, number + 1), frames], axis=1).astype(np.float32)

    return store_features(make, utterances.store, HOP, [0, -1], cache, "features", progress=False)


def take(dataset, count):
    batches = list(itertools.islice(dataset.as_numpy_iterator(), count))
    return {name: np.stack([batch[name] for batch in batches]) for name in batches[0]}


def padded(file, context, behind=64):
    length = LENGTHS[file]
    counted = 1000.0 * (file + 1) + np.arange(length)
    return np.concatenate([np.zeros(context), counted, np.zeros(behind)])


def rows_of(batches):
    for batch in batches:
        for row in range(len(batch["waveform"])):
            yield {name: values[row] for name, values in batch.items()}


@settings(max_examples=20)
@given(slice_len=st.integers(1, 70), context=st.integers(0, 150), batch=st.integers(1, 7))
def test_every_sample_is_predicted_once_with_its_true_context(
    utterances, slice_len, context, batch
):
    windows = Windows(utterances, WindowConfig(slice_len, context))
    predicted = []
    for row in rows_of(evaluation_slices(windows, batch).as_numpy_iterator()):
        waveform, length = row["waveform"], row["length"]
        assert len(waveform) == context + slice_len
        targets = waveform[context:length]
        file = int(targets[0]) // 1000 - 1
        assert row["speaker"] == file % 3
        start = int(targets[0]) % 1000
        expected = padded(file, context, slice_len)[start : start + context + slice_len]
        np.testing.assert_array_equal(waveform, expected)
        predicted.extend(targets.tolist())
    expected = [1000.0 * (n + 1) + i for n, length in enumerate(LENGTHS) for i in range(length)]
    assert predicted == expected  # in order, each once


@settings(max_examples=20)
@given(slices=st.integers(1, 6), context=st.integers(0, 60), pad=st.integers(0, 3))
def test_features_belong_to_the_samples_of_the_window(utterances, features, slices, context, pad):
    windows = Windows(utterances, WindowConfig(slices * HOP, context, pad), features)
    predicted = []
    for row in rows_of(evaluation_slices(windows, 3).as_numpy_iterator()):
        waveform, size = row["waveform"], context + slices * HOP
        assert row["features"].shape == (-(-size // HOP) + 2 * pad, 2)
        of_samples = np.repeat(row["features"][pad : len(row["features"]) - pad], HOP, axis=0)
        known = waveform > 0
        np.testing.assert_array_equal(of_samples[:size][known, 0], waveform[known] // 1000)
        np.testing.assert_array_equal(of_samples[:size][known, 1], waveform[known] % 1000 // HOP)
        first = int(waveform[known][0]) % 1000 - np.flatnonzero(known)[0]  # of the window
        file = int(waveform[known][0]) // 1000 - 1
        frames = first // HOP - pad + np.arange(len(row["features"]))
        inside = (frames >= 0) & (frames <= LENGTHS[file] // HOP)
        np.testing.assert_array_equal(row["features"][:, 1], np.where(inside, frames, -1))
        predicted.extend(waveform[context : row["length"]].tolist())
    lead = context % HOP
    expected = [
        1000.0 * (n + 1) + i for n, length in enumerate(LENGTHS) for i in range(lead, length)
    ]
    assert predicted == expected


def test_complete_utterances_come_in_order(utterances, features):
    windows = Windows(utterances, WindowConfig(32, 16, 1, phoneme_frame=4), features)
    dataset = complete_utterances(windows)
    batches = list(dataset.as_numpy_iterator())
    assert len(dataset) == len(batches) == 6
    for file, batch in enumerate(batches):
        np.testing.assert_array_equal(batch["waveform"], [padded(file, 16, 0)])
        assert batch["length"] == [16 + LENGTHS[file]] and batch["speaker"] == [file % 3]
        assert batch["features"].shape == (1, -(-(16 + LENGTHS[file]) // HOP) + 2, 2)
        labels = batch["phonemes"][0]
        np.testing.assert_array_equal(labels, (4 * np.arange(LENGTHS[file] // 4) + 2) // 10)
        sequence = batch["sequence"][0]
        count = -(-LENGTHS[file] // 10)
        assert sequence[:count].tolist() == list(range(count)) and (sequence[count:] == -1).all()


def test_phonemes_of_slices(utterances):
    windows = Windows(utterances, WindowConfig(32, 5, phoneme_frame=8))
    rows = list(rows_of(evaluation_slices(windows, 4).as_numpy_iterator()))
    assert rows[1]["phonemes"].tolist() == [3, 4, 5, 6]  # samples 36, 44, 52, 60
    assert rows[1]["sequence"][:4].tolist() == [3, 4, 5, -1]  # middles 35, 45, 55
    assert rows[0]["sequence"][:4].tolist() == [0, 1, 2, -1]
    assert rows[3]["phonemes"].tolist() == [-1, -1, -1, -1]  # samples 100 and later
    assert rows[2]["sequence"][:5].tolist() == [6, 7, 8, 9, -1]  # middles 65 to 95
    sequences = [row["sequence"][row["sequence"] >= 0].tolist() for row in rows[:4]]
    assert sum(sequences, []) == list(range(10))


@pytest.mark.parametrize("with_features", [False, True])
def test_resuming_continues_and_seeds_differ(utterances, features, with_features):
    config = WindowConfig(32, 13, 1, phoneme_frame=8)
    windows = Windows(utterances, config, features if with_features else None)
    whole = take(training_slices(windows, 4, seed=3), 12)
    names = {"waveform", "length", "speaker", "phonemes", "sequence"}
    assert set(whole) == names | ({"features"} if with_features else set())
    assert whole["waveform"].shape == (12, 4, 45) and whole["waveform"].dtype == np.float32
    rest = take(training_slices(windows, 4, seed=3, start_step=7), 5)
    parts = [take(training_slices(windows, 4, 3, 5, k, 2), 4) for k in range(2)]
    for name, values in whole.items():
        np.testing.assert_array_equal(rest[name], values[7:])
        joined = np.concatenate([part[name] for part in parts], axis=1)
        np.testing.assert_array_equal(joined, values[5:9])
    other = take(training_slices(windows, 4, seed=4), 12)
    assert not np.array_equal(other["waveform"], whole["waveform"])


def test_every_slice_comes_once_per_epoch_in_another_order(utterances):
    windows = Windows(utterances, SMALL)
    count = sum(-(-length // 32) for length in LENGTHS)
    dataset = training_slices(windows, 1, seed=0)
    firsts = take(dataset, 2 * count)["waveform"][:, 0, 13]
    expected = [1000.0 * (n + 1) + i for n, size in enumerate(LENGTHS) for i in range(0, size, 32)]
    assert sorted(firsts[:count]) == sorted(firsts[count:]) == expected
    assert not np.array_equal(firsts[:count], firsts[count:])


def test_shapes_are_known(utterances, features):
    windows = Windows(utterances, WindowConfig(32, 13, 1, 8), features)
    spec = training_slices(windows, 4, seed=0).element_spec
    shapes = {name: part.shape.as_list() for name, part in spec.items()}
    assert shapes == {
        "waveform": [4, 45],
        "length": [4],
        "speaker": [4],
        "features": [4, 8, 2],
        "phonemes": [4, 4],
        "sequence": [4, 25],
    }
    assert spec == windows.spec(4, 32)


def test_without_speakers_there_is_no_speaker(utterances):
    plain = Utterances(utterances.store.with_labels(None))
    batch = next(training_slices(Windows(plain, SMALL), 2, seed=0).as_numpy_iterator())
    assert set(batch) == {"waveform", "length"}


def test_recordings_without_a_sample_to_predict_are_named(cache, caplog, utterances, features):
    part = Utterances(utterances.store.subset([0, 2]))
    own = store_features(
        lambda: iter([np.zeros([13, 2], np.float32), np.zeros([1, 2], np.float32)]),
        part.store,
        HOP,
        [0, -1],
        cache,
        "part",
        progress=False,
    )
    windows = Windows(part, WindowConfig(32, 5), own)  # 5 samples are context only
    assert "1 recordings have no sample to predict: 2.wav" in caplog.text
    assert windows.lengths.tolist() == [95, 0]
    assert len(list(complete_utterances(windows))) == 1
    assert len(list(evaluation_slices(windows, 1))) == 3


def test_mistakes_are_one_sentence(utterances, features):
    def windows(config=SMALL, changed=utterances, own=None):
        return Windows(changed, config, own)

    labels = np.array([0, 1, -1, 0, 1, 2])
    unlabelled = Utterances(utterances.store)
    few = Utterances(utterances.store.subset([2]))
    other = Utterances(utterances.store.subset([1, 0, 2, 3, 4, 5]))
    for make, message in (
        (lambda: windows(own=features, changed=other), "1.wav: 13 frames .* do not match 37"),
        (lambda: windows(WindowConfig(33, 13), own=features), "multiple of the 8 samples"),
        (lambda: windows(WindowConfig(8, 1, phoneme_frame=4), unlabelled), "no phoneme labels"),
        (
            lambda: windows(changed=Utterances(utterances.store.with_labels(labels))),
            "2.wav: its speaker is unknown",
        ),
        (lambda: windows(changed=Utterances(few.store.subset([]))), "none of the 0 recordings"),
        (lambda: training_slices(windows(), 0, 0), "batch_size"),
        (lambda: training_slices(windows(), 3, 0, 0, 0, 2), "equal part"),
        (lambda: training_slices(windows(), 4, -1), "seed"),
        (lambda: training_slices(windows(), 4, 0, -1), "start_step"),
        (lambda: evaluation_slices(windows(), 0), "batch_size"),
        (lambda: WindowConfig(slice_len=0), "slice_len"),
        (lambda: WindowConfig(context=-1), "context"),
    ):
        with pytest.raises(ValueError, match=message):
            make()


def test_built_in_sentences_with_mel_features(cache):
    corpus = read_sentences(
        cache, 0, {"train": 6, "valid": 1, "test": 1}, speakers=2, progress=False
    )
    config = mel.MelConfig(sample_rate=16000, hop_length=200, win_length=800, n_mels=20)
    train = corpus.splits["train"]
    own = mel_features(train.store, config, cache, progress=False)
    windows = Windows(train, WindowConfig(1600, 1023, 2, 160), own)
    batch = next(training_slices(windows, 3, seed=0).as_numpy_iterator())
    assert batch["waveform"].shape == (3, 2623) and batch["features"].shape == (3, 18, 20)
    assert batch["phonemes"].shape == (3, 10) and batch["phonemes"].min() >= -1
    assert set(batch["speaker"]) <= {0, 1}


def test_recorded_sentences(root, cache):
    folder = root.parent / "shared" / "data" / "ljspeech_mini"
    if not folder.is_dir():
        pytest.skip(f"recordings are not there: {folder}")
    corpus = open_sentences(folder, cache, 22050, progress=False)
    part = corpus.splits["valid"]
    own = mel_features(part.store, mel.TACOTRON2, cache, progress=False)
    windows = Windows(part, WindowConfig(8192, 3070, 2), own)
    lead = 3070 % 256
    predicted = sum(
        int(np.sum(batch["length"] - 3070))
        for batch in evaluation_slices(windows, 4).as_numpy_iterator()
    )
    assert predicted == part.store.lengths.sum() - lead * len(part)
