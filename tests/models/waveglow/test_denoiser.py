"""WaveGlow's denoiser: what it leaves, what it takes away, mistakes."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from tests.conformance.cases import BY_NAME
from tfwave.audio.mel import TACOTRON2
from tfwave.audio.spectral import centred_stft
from tfwave.models.waveglow import denoiser
from tfwave.models.waveglow.config import WaveGlowConfig
from tfwave.models.waveglow.waveglow import WaveGlow

MEL = dataclasses.replace(TACOTRON2, n_fft=64, win_length=64, hop_length=16, n_mels=5)
CONFIG = WaveGlowConfig(
    mel=MEL, flows=2, early_every=1, channels=4, layers=2, upsampling_kernel=64, segment_len=256
)


def test_denoising_without_strength_gives_the_waveform_back():
    noise = np.random.default_rng(0).normal(size=[2, 640, 1])
    waveform = tf.constant(0.2 * noise, tf.float32)
    same = denoiser.denoise(waveform, tf.ones([33]), strength=0.0)
    np.testing.assert_allclose(same, waveform, atol=1e-5)
    assert denoiser.denoise(waveform[:, :600], tf.ones([33])).shape == (2, 592, 1)


def test_denoising_subtracts_magnitudes():
    tone = tf.constant(np.cos(2 * np.pi * np.arange(640) / 8), tf.float32)[tf.newaxis]
    spectrum = tf.abs(centred_stft(tone, 64, 16, padding="reflect"))[0, 20]
    assert int(tf.argmax(spectrum)) == 8  # periods of 8 samples in a frame of 64
    less = denoiser.denoise(tone[:, :, tf.newaxis], spectrum, strength=0.25)[0, 100:-100, 0]
    np.testing.assert_allclose(less, 0.75 * tone[0, 100:-100], atol=1e-3)
    none = denoiser.denoise(tone[:, :, tf.newaxis], spectrum, strength=2.0)[0, 100:-100]
    np.testing.assert_allclose(none, 0.0, atol=1e-4)


def test_the_bias_is_the_first_frame_of_what_silence_makes():
    model = WaveGlow(CONFIG)
    for number, coupling in enumerate(model.network.couplings):
        draws = np.random.default_rng(number).normal(size=coupling.end_kernel.shape)
        coupling.end_kernel.assign(draws)
    zeros = tf.zeros([1, 88, 5])
    made = model.invert(tf.zeros(model.noise_shape(zeros)), zeros)[0, :, 0].numpy()
    padded = np.concatenate([made[32:0:-1], made])
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(64) / 64)
    expected = np.abs(np.fft.rfft(window * padded[:64]))
    np.testing.assert_allclose(denoiser.bias_spectrum(model), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("waveform", "strength", "sentence"),
    [
        (np.zeros([1, 32, 1]), 0.1, "more than 32 samples, not 32"),
        (np.zeros([1, 99, 1]), -0.1, "strength must be a number from 0, not -0.1"),
        (np.zeros([1, 99, 1]), np.nan, "strength must be a number from 0, not nan"),
    ],
)
def test_wrong_arguments_of_the_denoiser(waveform, strength, sentence):
    with pytest.raises(ValueError, match=sentence):
        denoiser.denoise(tf.constant(waveform, tf.float32), tf.ones([33]), strength)


def test_the_served_denoiser_is_that_of_generate():
    model = BY_NAME["waveglow"].stirred()
    mel = BY_NAME["waveglow"].request["mel"]
    served = model.signatures()["denoised"]
    waveform = served(mel=mel, strength=np.float32(0.2), sigma=np.float32(0.7), seed=np.int32(3))[
        "waveform"
    ]
    expected = model.generate(mel, seed=3, sigma=0.7, denoise=0.2)
    np.testing.assert_allclose(waveform, expected, atol=1e-5)
    assert (
        np.abs(waveform - model.generate(mel, seed=3, sigma=0.7)[:, : waveform.shape[1]]).max() > 0
    )
