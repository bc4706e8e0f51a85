"""The noise measure of the first version of the WaveGAN paper (arXiv:1802.04208v1, section 3.3).

Transposed convolutions print a fixed pitched pattern on what they generate. The paper measures it
as the average of a clip's magnitude spectrum, weighted by the spectrum that randomly initialised
generators have when unit impulses drive their first transposed convolution. The numbers are
reported relative to the one of the real test set.
"""

import numpy as np


def artifact_envelope(impulse_response_fn, initialisations=1000, seed=0):
    """Average the spectra of randomly initialised generators and scale them to 0..1.

    Args:
      impulse_response_fn: function of an integer seed that returns the waveform [time] of a
        freshly initialised generator (Glorot kernels, zero biases, after tanh) whose first
        transposed convolution gets a tensor [1, 16, channels] that is 1 at time `i % 16` of
        channel i and 0 elsewhere. It is called with seed, seed + 1, ...
      initialisations: number of generators; the paper uses 1,000.
      seed: first seed.

    Returns:
      float64 array [time // 2 + 1] of magnitudes, minimum 0, maximum 1.

    Raises:
      ValueError: if there is no initialisation or all spectra are flat.
    """
    if initialisations < 1:
        raise ValueError(f"initialisations must be at least 1, got {initialisations}")
    total = 0.0
    for i in range(initialisations):
        response = np.asarray(impulse_response_fn(seed + i), np.float64)
        if response.ndim != 1:
            raise ValueError(
                f"the impulse response must be a waveform [time], got {list(response.shape)}"
            )
        total = total + np.abs(np.fft.rfft(response))
    envelope = np.asarray(total) / initialisations
    lowest, highest = envelope.min(), envelope.max()
    if not highest > lowest:
        raise ValueError("the envelope is flat: the impulse responses carry no artifact")
    return (envelope - lowest) / (highest - lowest)


def artifact_noise(waveforms, envelope, rms_normalize=False):
    """Measure how much of the artifact's spectrum a set of clips carries.

    Args:
      waveforms: array [n, time], values in [-1, 1]. Clips are cut, or padded with zeros at the
        end, to the length that belongs to the envelope.
      envelope: array [bins] from `artifact_envelope`.
      rms_normalize: scale every clip to an RMS of 1 first. The authors' script computes that
        scaling and then does not use it, so the published column is without (the default),
        and louder sets count as noisier.

    Returns:
      (mean, std): floats over the clips of the weighted average magnitude, std with `ddof=0`.
      Divide the mean by that of the real test set to get the published column.

    Raises:
      ValueError: if there is no clip or the shape is wrong.
    """
    waveforms = np.asarray(waveforms)
    if waveforms.ndim != 2 or not len(waveforms):
        raise ValueError(f"waveforms must have shape [n, time], got {list(waveforms.shape)}")
    envelope = np.asarray(envelope, np.float64)
    length = 2 * (len(envelope) - 1)
    weights = envelope / envelope.sum()
    scores = np.empty(len(waveforms))
    # In blocks, because the spectra of 50,000 clips would need several gigabytes.
    for start in range(0, len(waveforms), 256):
        clips = waveforms[start : start + 256, :length].astype(np.float64)
        if rms_normalize:
            rms = np.sqrt(np.mean(np.square(clips), axis=1, keepdims=True))
            clips = clips / np.maximum(rms, 1e-12)
        scores[start : start + 256] = np.abs(np.fft.rfft(clips, length)) @ weights
    return float(scores.mean()), float(scores.std())
