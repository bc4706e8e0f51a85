"""Scores of Table 1 on made-up clips."""

import numpy as np
import pytest

from tfwave.data.slices import SliceConfig
from tfwave.models.wavegan.config import WaveGANConfig
from tfwave.papers.wavegan import clips as wavegan_clips
from tfwave.papers.wavegan import scoring as wavegan_scoring
from tfwave.repro.experiment import save_clips


class _Store:
    """The part of AudioStore that scoring reads."""

    channels = 1

    def __init__(self, clips, labels=None):
        self._clips = clips
        self.names = tuple(f"{i:03d}.wav" for i in range(len(clips)))
        self.lengths = np.array([len(clip) for clip in clips])
        self.labels = labels

    def frames(self, number, start, stop):
        return self._clips[number][start:stop, np.newaxis]


_SLICES = SliceConfig(first_slice=True, pad_end=True, random_offset=False)


def _noise(count, seed=0, gain=0.1):
    draw = np.random.default_rng(seed)
    return [gain * draw.standard_normal(16000).astype(np.float32) for _ in range(count)]


def _logits(clips):
    """Ten classes by loudness rank of ten parts of the clip."""
    parts = np.square(clips[:, :16000]).reshape(len(clips), 10, -1).sum(axis=2)
    return 50 * parts / parts.sum(axis=1, keepdims=True)


@pytest.fixture
def references():
    train = wavegan_scoring.recorded(_Store(_noise(12, seed=1)), _SLICES)
    features = wavegan_scoring.similarity_features(np.concatenate(list(train.blocks())))
    return wavegan_scoring.ReferenceScores(_logits, features, np.linspace(0, 1, 8193), 2, 8)


def test_recordings_come_as_padded_int16_in_the_authors_order():
    store = _Store([np.full(100 + i, i / 32768, np.float32) for i in range(7)], np.arange(7))
    clips = wavegan_scoring.recorded(store, _SLICES)
    block = np.concatenate(list(clips.blocks()))
    assert block.dtype == np.int16 and block.shape == (7, 16384)
    assert list(block[:, 0]) == list(clips.labels)
    assert list(clips.labels) != list(range(7))
    assert not block[:, 200:].any()


def test_full_scale_recordings_are_clipped_not_wrapped():
    clips = wavegan_scoring.recorded(_Store([np.array([1.0, -1.0], np.float32)]), _SLICES)
    assert list(next(iter(clips.blocks()))[0, :2]) == [32767, -32768]


def test_copies_of_the_training_set_have_distance_zero(references):
    clips = wavegan_scoring.recorded(_Store(_noise(12, seed=1)), _SLICES)
    measured, details = wavegan_scoring.score(clips, references, keep=3)
    assert measured["d_train"]["absolute"] == pytest.approx(0, abs=1e-6)
    assert measured["d_self"]["absolute"] > 1
    assert measured["d_self"]["n"] == 8 and measured["inception_score"]["n"] == 12
    assert len(details["clips"]) == 3


def test_reference_relative_to_itself_is_one(references):
    clips = wavegan_scoring.recorded(_Store(_noise(9, seed=2)), _SLICES)
    measured, _ = wavegan_scoring.score(clips, references, keep=0)
    ratios = wavegan_scoring.relative(measured, measured)
    assert [ratios[name]["mean"] for name in wavegan_scoring.RATIOS] == [1.0, 1.0, 1.0]
    assert measured["inception_score"]["n"] == 8


def test_louder_clips_have_more_noise_in_proportion(references):
    quiet, loud = (
        wavegan_scoring.score(
            wavegan_scoring.recorded(_Store(_noise(8, 3, gain)), _SLICES), references, 0
        )[0]
        for gain in (0.05, 0.1)
    )
    assert wavegan_scoring.relative(loud, quiet)["noise"]["mean"] == pytest.approx(2, rel=0.01)


def test_zero_reference_gives_no_ratio():
    same = {name: {"absolute": 0.0} for name in wavegan_scoring.RATIOS}
    assert wavegan_scoring.relative(same, same)["d_self"]["mean"] is None


def test_train_features_are_computed_once(tmp_path):
    clips = wavegan_scoring.recorded(_Store(_noise(5)), _SLICES)
    made = wavegan_scoring.train_features(clips, "name", tmp_path)
    read = wavegan_scoring.Clips(5, lambda: pytest.fail("read again"))
    again = wavegan_scoring.train_features(read, "name", tmp_path)
    expected = wavegan_scoring.similarity_features(np.concatenate(list(clips.blocks())))
    np.testing.assert_array_equal(made, expected)
    np.testing.assert_array_equal(again, expected)


def test_envelope_peaks_at_multiples_of_250_hz(tmp_path):
    envelope = wavegan_scoring.envelope(WaveGANConfig(model_dim=2), 4, 0, tmp_path)
    assert envelope.shape == (8193,) and (envelope.min(), envelope.max()) == (0, 1)
    bins = np.arange(256, 8193, 256)  # 250 Hz apart
    assert envelope[bins].mean() > 3 * np.median(envelope)


def test_kept_clips_have_captions_and_are_written_as_they_are(tmp_path):
    import soundfile

    clip = np.arange(-50, 50, dtype=np.int16)
    details = {"clips": [clip], "predicted": [7], "probability": [0.934]}
    clips = wavegan_clips.describe_clips(details, ())
    assert clips == [(7, "heard as “seven”, 93\u00a0%", clip)]
    assert save_clips(tmp_path, clips, 16000) == [
        {
            "file": "samples/clip_00.wav",
            "number": 0,
            "label": 7,
            "caption": "heard as “seven”, 93\u00a0%",
        }
    ]
    samples, rate = soundfile.read(tmp_path / "samples/clip_00.wav", dtype="int16")
    assert rate == 16000 and list(samples) == list(range(-50, 50))


def test_one_example_per_class_is_kept(tmp_path):
    labels = np.array([3, 1, 3, 1, 1])
    clips = wavegan_scoring.recorded(_Store(_noise(5), labels), _SLICES)
    examples = wavegan_clips.save_examples(tmp_path, clips, (), 16000)
    assert sorted(e["caption"] for e in examples) == ["“one”", "“three”"]
    assert (tmp_path / "samples/class_3.wav").exists()
