"""The noise measure: a set with more of the artifact's pitch is noisier."""

import numpy as np
import pytest

from tfwave.metrics.artifact_noise import artifact_envelope, artifact_noise

TIME = 1024


def comb(seed):
    """An impulse every 16 samples, of a random sign and level: harmonics of time / 16."""
    response = np.zeros(TIME)
    response[::16] = np.random.default_rng(seed).uniform(0.5, 1)
    return response


def test_envelope_is_the_scaled_mean_of_the_spectra():
    responses = [np.random.default_rng(seed).standard_normal(TIME) for seed in range(5, 9)]
    mean = np.mean([np.abs(np.fft.rfft(r)) for r in responses], axis=0)
    envelope = artifact_envelope(lambda seed: responses[seed - 5], initialisations=4, seed=5)
    assert envelope.shape == (TIME // 2 + 1,)
    assert envelope.min() == 0 and envelope.max() == 1
    np.testing.assert_allclose(envelope, (mean - mean.min()) / np.ptp(mean))


def test_noise_is_the_weighted_mean_of_the_magnitudes():
    envelope = artifact_envelope(comb, initialisations=3)
    clips = np.random.default_rng(0).uniform(-1, 1, [300, TIME])
    scores = np.average(np.abs(np.fft.rfft(clips)), axis=1, weights=envelope)
    assert artifact_noise(clips, envelope) == pytest.approx((scores.mean(), scores.std()))


def test_a_tone_at_the_artifacts_pitch_is_noisier_than_one_beside_it():
    envelope = artifact_envelope(comb, initialisations=3)
    cycles = np.arange(TIME) / TIME
    on_pitch, beside = (np.sin(2 * np.pi * f * cycles)[np.newaxis] for f in (64, 96 - 1))
    assert artifact_noise(on_pitch, envelope)[0] > 100 * artifact_noise(beside, envelope)[0]


def test_level_counts_unless_normalised():
    envelope = artifact_envelope(comb, initialisations=3)
    clips = np.random.default_rng(0).uniform(-1, 1, [10, TIME])
    loud, quiet = artifact_noise(clips, envelope), artifact_noise(clips / 4, envelope)
    assert loud[0] == pytest.approx(4 * quiet[0])
    assert artifact_noise(clips, envelope, rms_normalize=True) == pytest.approx(
        artifact_noise(clips / 4, envelope, rms_normalize=True)
    )
    assert artifact_noise(np.zeros([1, TIME]), envelope, rms_normalize=True) == (0, 0)


def test_clips_are_padded_or_cut_to_the_envelopes_length():
    envelope = artifact_envelope(comb, initialisations=1)
    clips = np.random.default_rng(0).uniform(-1, 1, [3, 700])
    padded = np.pad(clips, [(0, 0), (0, TIME - 700)])
    longer = np.pad(padded, [(0, 0), (0, 50)], constant_values=1)
    assert artifact_noise(clips, envelope) == pytest.approx(artifact_noise(padded, envelope))
    assert artifact_noise(longer, envelope) == artifact_noise(padded, envelope)


def test_bad_input_is_named():
    with pytest.raises(ValueError, match="initialisations"):
        artifact_envelope(comb, initialisations=0)
    with pytest.raises(ValueError, match="flat"):
        artifact_envelope(lambda seed: np.zeros(TIME), initialisations=1)
    with pytest.raises(ValueError, match=r"\[time\], got \[4, 4\]"):
        artifact_envelope(lambda seed: np.zeros([4, 4]), initialisations=1)
    with pytest.raises(ValueError, match=r"\[n, time\]"):
        artifact_noise(np.zeros([0, TIME]), np.ones(513))
