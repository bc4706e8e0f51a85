"""The STFT loss is zero for equal waveforms, sees gains and noise, and can be trained on."""

import numpy as np
import pytest
import tensorflow as tf

from tfwave.losses.spectral import multi_resolution_stft_loss, stft_magnitude

SMALL = ((64, 16, 32), (128, 32, 128))


def _noise(samples=600, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(0, 0.1, [2, samples]), tf.float32)


def test_equal_waveforms_have_none_and_a_gain_is_its_logarithm():
    waveform = _noise()
    assert [float(part) for part in multi_resolution_stft_loss(waveform, waveform, SMALL)] == [0, 0]
    found = multi_resolution_stft_loss(waveform / 2, waveform, SMALL)
    assert float(found.spectral_convergence) == pytest.approx(0.5, rel=1e-5)
    assert float(found.log_magnitude) == pytest.approx(np.log(2), rel=1e-3)


def test_what_is_below_the_least_power_does_not_count():
    quiet = _noise() * 1e-3
    heard = multi_resolution_stft_loss(quiet / 2, quiet, SMALL)
    unheard = multi_resolution_stft_loss(quiet / 2, quiet, SMALL, least_power=1e-3)
    assert float(heard.log_magnitude) > 0.1
    assert [float(part) for part in unheard] == [0, 0]


def test_silence_has_finite_losses_and_gradients():
    silence = tf.Variable(tf.zeros([1, 600]))
    with tf.GradientTape() as tape:
        loss = tf.add_n(multi_resolution_stft_loss(silence, _noise()[:1], SMALL))
    assert np.isfinite(float(loss)) and np.isfinite(tape.gradient(loss, silence)).all()


@pytest.mark.parametrize(("time", "hop"), [(600, 16), (601, 16), (640, 50)])
def test_frames_are_centred(time, hop):
    found = stft_magnitude(_noise(time), 64, hop, 32)
    assert found.shape == (2, time // hop + 1, 33)
    click = tf.one_hot([[3 * hop]], time)[0]
    loudest = stft_magnitude(click, 64, hop, 32)[0].numpy().sum(axis=1)
    assert loudest.argmax() == 3
