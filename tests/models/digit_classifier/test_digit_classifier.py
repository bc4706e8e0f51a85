"""The digit classifier: architecture, weights by name, learning."""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf

from tfwave.models.digit_classifier.config import DigitClassifierConfig
from tfwave.models.digit_classifier.digit_classifier import DigitClassifier

TINY = DigitClassifierConfig(
    slice_len=2048, frame_length=256, n_mels=16, filters=4, optimizer="adam", learning_rate=1e-2
)


def clips(count, seed=0, length=2048):
    return np.random.default_rng(seed).uniform(-1, 1, [count, length]).astype(np.float32)


def tones(count, seed=0):
    """Noisy tones of ten pitches with the pitch as label."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, count).astype(np.int32)
    pitch = 300 * (1 + labels)[:, np.newaxis] * np.arange(2048) / 16000
    return (
        np.sin(2 * np.pi * (pitch + random.random([count, 1])))
        + 0.1 * random.standard_normal([count, 2048])
    ).astype(np.float32), labels


def test_defaults_are_the_authors_network():
    classifier = DigitClassifier()
    assert classifier.count_params() == 1_349_258
    shapes = {name: tuple(v.shape) for name, v in classifier.named_variables().items()}
    assert len(shapes) == 30
    assert shapes["classifier/batch_normalization/gamma"] == (128,)
    assert shapes["classifier/conv2d/kernel"] == (5, 5, 1, 128)
    assert shapes["classifier/conv2d_3/kernel"] == (5, 5, 128, 128)
    assert shapes["classifier/batch_normalization_4/moving_variance"] == (8192,)
    assert shapes["classifier/dense/kernel"] == (8192, 10)
    classifier.compile()
    assert type(classifier.optimizer).__name__ == "SGD"
    assert float(classifier.optimizer.learning_rate) == pytest.approx(1e-4)


def test_the_quick_network_is_smaller_and_takes_changes():
    quick = DigitClassifierConfig.quick(filters=8)
    assert quick.filters == 8 and quick.blocks == 4 and quick.optimizer == "adam"
    assert min(quick.image_shape) == 64
    json.dumps(dataclasses.asdict(quick))


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(filters=0), "filters must be at least 1, got 0"),
        (dict(learning_rate=0.0), "learning_rate must be positive"),
        (dict(batch_norm_momentum=1.0), "batch_norm_momentum"),
        (dict(optimizer="rmsprop"), "'rmsprop'"),
        (dict(keep_best="loss"), "keep_best"),
        (dict(hop_length=2000), "hop_length"),
        (dict(f_max=9000.0), "9000"),
        (dict(n_mels=8), "blocks"),
    ],
)
def test_illegal_values_are_named(changes, message):
    with pytest.raises(ValueError, match=message):
        DigitClassifierConfig(**changes)


def test_all_ways_of_scoring_agree():
    classifier = DigitClassifier(TINY, seed=1)
    waveforms = clips(7)
    logits = classifier.logits(waveforms).numpy()
    assert logits.shape == (7, 10)
    network = classifier.network(classifier.log_mel(waveforms)).numpy()
    np.testing.assert_array_equal(network, logits)
    for scored in (
        classifier.predict_logits(waveforms, batch_size=3),
        classifier.predict_logits(np.repeat(waveforms[:, :, np.newaxis], 2, axis=2)),
        classifier.predict_logits([waveforms[:2], waveforms[2:]]),
        classifier.predict_logits(tf.data.Dataset.from_tensor_slices(waveforms).batch(4)),
        classifier.predict_logits(np.pad(waveforms, [(0, 0), (0, 9)], constant_values=1)),
    ):
        np.testing.assert_allclose(scored, logits, atol=1e-5)
    assert classifier.predict_logits(clips(0)).shape == (0, 10)
    short = classifier.predict_logits(waveforms[:, :1000])
    padded = np.pad(waveforms[:, :1000], [(0, 0), (0, 1048)])
    np.testing.assert_allclose(short, classifier.predict_logits(padded), atol=1e-6)


def test_weights_travel_by_name():
    source, target = DigitClassifier(TINY, seed=1), DigitClassifier(TINY, seed=2)
    weights = {name: v.numpy() + 0.1 for name, v in source.named_variables().items()}
    source.assign_named(weights)
    target.assign_named(weights)
    np.testing.assert_array_equal(target.logits(clips(2)), source.logits(clips(2)))
    with pytest.raises(ValueError, match="classifier/dense/bias has shape"):
        target.assign_named({**weights, "classifier/dense/bias": np.zeros(11)})
    del weights["classifier/conv2d/bias"]
    with pytest.raises(ValueError, match="classifier/conv2d/bias is missing"):
        target.assign_named(weights)


def test_a_training_step_is_the_gradient_of_the_cross_entropy():
    config = dataclasses.replace(TINY, optimizer="sgd", learning_rate=0.5)
    classifier = DigitClassifier(config)
    classifier.compile()
    waveform, label = tones(8)
    dense = classifier.named_variables()["classifier/dense/bias"]
    before = dense.numpy()
    logits = classifier(waveform, training=True).numpy()
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    expected = np.mean(p - np.eye(10)[label], axis=0)
    metrics = classifier.train_step({"waveform": waveform, "label": label})
    np.testing.assert_allclose((before - dense.numpy()) / 0.5, expected, atol=1e-5)
    np.testing.assert_allclose(metrics["loss"], -np.mean(np.log(p[range(8), label])), rtol=1e-4)
    np.testing.assert_allclose(metrics["accuracy"], np.mean(p.argmax(axis=1) == label))


def test_fit_learns_and_evaluate_reports_it():
    classifier = DigitClassifier(TINY)
    classifier.compile()
    waveform, label = tones(640)
    dataset = tf.data.Dataset.from_tensor_slices({"waveform": waveform, "label": label}).batch(32)
    classifier.fit(dataset, epochs=8, verbose=0)
    waveform, label = tones(100, seed=1)
    predicted = classifier.predict_logits(waveform).argmax(axis=1)
    assert np.mean(predicted == label) > 0.9
    moving = classifier.named_variables()["classifier/batch_normalization/moving_mean"].numpy()
    assert np.abs(moving).max() > 0.1
    step = classifier.test_step({"waveform": waveform, "label": label})
    assert float(step["accuracy"]) == pytest.approx(np.mean(predicted == label))
