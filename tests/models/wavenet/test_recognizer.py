"""The recogniser: frames, losses, masks, decoding, and that it learns."""

import numpy as np
import pytest
import tensorflow as tf

from tfwave.metrics.phoneme_error_rate import corpus_edits
from tfwave.models.wavenet.config import WaveNetConfig
from tfwave.models.wavenet.recognizer import WaveNetRecognizer, WaveNetRecognizerConfig, decode

STACK = WaveNetConfig(
    dilations=(1, 2, 4, 8), residual_channels=8, gate_channels=16, skip_channels=16, levels=32
)
TINY = {
    "wavenet": STACK,
    "frame_length": 20,
    "channels": 16,
    "kernel_size": 3,
    "layers": 1,
    "classes": 2,
    "learning_rate": 1e-2,
}


def tones(seed=0, batch=4, frames=12):
    """A batch in which each frame is a low (0) or a high (1) tone, in runs of three frames."""
    rng = np.random.default_rng(seed)
    classes = np.repeat(rng.integers(0, 2, [batch, frames // 3]), 3, axis=1).astype(np.int32)
    time = np.arange(frames * 20)
    sound = np.where(np.repeat(classes, 20, axis=1), np.sin(time * 1.5), np.sin(time * 0.3))
    labels = [decode(np.eye(2)[row][np.newaxis], [frames])[0] for row in classes]
    most = frames // 3
    return {
        "waveform": tf.constant(0.5 * sound, tf.float32),
        "length": tf.fill([batch], frames * 20),
        "phonemes": tf.constant(classes),
        "labels": tf.constant([row + [0] * (most - len(row)) for row in labels], tf.int32),
        "label_length": tf.constant([len(row) for row in labels], tf.int32),
    }


@pytest.mark.parametrize(("ctc", "steps"), [(False, 60), (True, 200)])
def test_it_learns_two_tones(ctc, steps):
    model = WaveNetRecognizer(WaveNetRecognizerConfig(**TINY, ctc=ctc))
    model.compile()
    step = tf.function(model.train_step, autograph=False, jit_compile=False)
    first = {name: float(value) for name, value in step(tones(0)).items()}
    for seed in range(1, steps):
        step(tones(seed))
    assert int(model.step) == steps
    batch = tones(1000, batch=16)
    measured = {name: float(value) for name, value in model.losses_of(batch).items()}
    assert measured["frame_accuracy"] > 0.9
    assert measured["sample_nats"] < first["sample_nats"] - 0.5
    if ctc:
        assert measured["ctc_nats"] < first["ctc_nats"] / 2
    found = decode(model(batch["waveform"]), [12] * 16, blank=2 if ctc else None)
    lengths = batch["label_length"].numpy()
    wanted = [row[:n] for row, n in zip(batch["labels"].numpy().tolist(), lengths, strict=True)]
    assert corpus_edits(wanted, found).rate < 0.2


def test_frames_are_whole_and_probabilities_sum_to_one():
    model = WaveNetRecognizer(WaveNetRecognizerConfig(**TINY, ctc=True))
    log_probabilities = model(tf.zeros([2, 59]))
    assert log_probabilities.shape == (2, 2, 3)
    np.testing.assert_allclose(np.exp(log_probabilities).sum(-1), 1.0, rtol=1e-5)


def test_what_lies_beyond_the_length_does_not_matter():
    model = WaveNetRecognizer(WaveNetRecognizerConfig(**TINY, ctc=True))
    batch = tones()
    batch["length"] = tf.constant([240, 120, 100, 60])
    batch["label_length"] = tf.minimum(batch["label_length"], 2)
    beyond = tf.range(240) >= batch["length"][:, tf.newaxis]
    other = {
        **batch,
        "waveform": tf.where(beyond, 0.9, batch["waveform"]),
        "phonemes": tf.where(beyond[:, ::20], 1, batch["phonemes"]),
    }
    one, two = model.losses_of(batch), model.losses_of(other)
    for name, value in one.items():
        np.testing.assert_allclose(float(value), float(two[name]), rtol=1e-5, err_msg=name)


def test_the_head_looks_ahead_and_the_stack_does_not():
    model = WaveNetRecognizer(WaveNetRecognizerConfig(**TINY))
    sound = tones()["waveform"]
    changed = tf.concat([sound[:, :120], -sound[:, 120:]], axis=1)
    (frames, samples), (other_frames, other_samples) = model.scores(sound), model.scores(changed)
    np.testing.assert_array_equal(samples[:, :120], other_samples[:, :120])
    assert np.abs(frames[:, 5] - other_frames[:, 5]).max() > 0  # one frame ahead, kernel 3
    np.testing.assert_allclose(frames[:, :4], other_frames[:, :4], atol=1e-6)


def test_unlabelled_frames_do_not_count():
    model = WaveNetRecognizer(WaveNetRecognizerConfig(**TINY))
    batch = tones()
    batch["phonemes"] = tf.fill([4, 12], -1)
    parts = model.losses_of(batch)
    assert float(parts["frame_nats"]) == float(parts["frame_accuracy"]) == 0


def test_decoding():
    frames = np.eye(3)[[[0, 0, 2, 0, 1, 1], [1, 2, 2, 2, 1, 0]]]
    assert decode(frames, [6, 5]) == [[0, 2, 0, 1], [1, 2, 1]]
    assert decode(frames, [6, 5], blank=2) == [[0, 0, 1], [1, 1]]
    assert decode(frames, [0, 1]) == [[], [1]]
    assert decode(frames, [6, 6], shortest=2) == [[0, 1], [2]]
    flicker = np.eye(2)[[[0, 0, 1, 0, 0]]]
    assert decode(flicker, [5], shortest=2) == [[0]]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("classes", 0),
        ("frame_weight", -1.0),
        ("learning_rate", 0.0),
        ("wavenet", WaveNetConfig(dropout=0.5)),
    ],
)
def test_illegal_values_name_the_field(field, value):
    with pytest.raises(ValueError, match=f"WaveNetRecognizerConfig.{field}"):
        WaveNetRecognizerConfig(**{**TINY, field: value})
