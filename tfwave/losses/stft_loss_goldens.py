"""Golden vectors of the multi-resolution STFT loss of kan-bayashi/ParallelWaveGAN."""

import numpy as np
import tensorflow as tf

from tfwave.goldens import Check, compare
from tfwave.losses.spectral import multi_resolution_stft_loss, stft_magnitude

_TOLERANCE = 8e-6
_MAGNITUDE_TOLERANCE = 2e-5  # of values up to 37
_GRADIENT_TOLERANCE = 1e-3  # relative to the largest entry; bins near the floor divide by little


def check_stft_loss(golden):
    """Compare magnitudes, both losses at each resolution and together, and their gradient.

    Args:
      golden: Golden with waveforms `predicted` and `target` [batch, time].

    Returns:
      List of (array, worst error, tolerance); the error of the gradient is relative to its largest
      entry.
    """
    cfg, expected = golden.cfg, golden.outputs
    sizes = zip(cfg["fft_sizes"], cfg["hop_sizes"], cfg["win_lengths"], strict=True)
    resolutions = tuple(sizes)
    target = tf.constant(golden.inputs["target"])
    predicted = tf.constant(golden.inputs["predicted"])
    with tf.GradientTape() as tape:
        tape.watch(predicted)
        together = multi_resolution_stft_loss(predicted, target, resolutions)
        total = tf.add_n(together)
    each = [multi_resolution_stft_loss(predicted, target, [one]) for one in resolutions]
    values = {
        "magnitude_resolution0": stft_magnitude(target, *resolutions[0])[0, :12],
        "spectral_convergence": together.spectral_convergence,
        "log_stft_magnitude": together.log_magnitude,
        "spectral_convergence_per_resolution": [loss.spectral_convergence for loss in each],
        "log_stft_magnitude_per_resolution": [loss.log_magnitude for loss in each],
    }
    results = [
        compare(
            name,
            value,
            expected[name],
            _MAGNITUDE_TOLERANCE if name.startswith("magnitude") else _TOLERANCE,
        )
        for name, value in values.items()
    ]
    name = "grad_of_sum_wrt_predicted"
    largest = np.abs(expected[name]).max()
    gradient = tape.gradient(total, predicted)
    results.append(compare(name, gradient / largest, expected[name] / largest, _GRADIENT_TOLERANCE))
    return results


CHECKS = (Check(run=check_stft_loss, arrays=("out/magnitude_resolution0",)),)
