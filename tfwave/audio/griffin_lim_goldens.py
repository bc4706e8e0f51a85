"""Golden vectors of `librosa.griffinlim`: waveforms from given magnitudes and first phases."""

import re

import numpy as np
import tensorflow as tf

from tfwave.audio.phase import centred_griffin_lim
from tfwave.audio.spectral import centred_stft
from tfwave.errors import UserError
from tfwave.goldens import Check, Golden, compare

_PADDING = {"constant": "zeros", "reflect": "reflect"}  # librosa's pad_mode -> ours
_MAGNITUDE_TOLERANCE = 1e-5  # of magnitudes up to about 100, in float32
# Rounding errors grow by about ten every 10 to 15 iterations with momentum: 1e-7 after 3 become up
# to 2e-5 after 32. A case states how far its own float32 results are from float64.
_TOLERANCE = 1e-6
_MANY_ITERATIONS = 10
_TOLERANCE_OF_MANY = 3e-5
_FLOAT32_ERRORS = 8  # tolerance in multiples of a case's own errors, where that is more
_CONVERGENCE_TOLERANCE = 1e-5
_CONVERGENCE = "_spectral_convergence"


def check_griffin_lim(golden: Golden) -> list[tuple[str, float, float]]:
    """Compare the waveforms after some iterations, and the distance of their magnitudes.

    Args:
      golden: Golden with the signal `x` [time], its `magnitude` [frames, bins] and the draws
        `phase_uniform` [frames, bins] in 0..1; the outputs
        `momentum_<momentum>/iterations_<number>` [time], and the same name followed by
        `_spectral_convergence` for the relative distance of their magnitudes.

    Returns:
      (name, worst absolute error, tolerance) of the input magnitude and of each output; an output
      of another name has an infinite error.

    Raises:
      UserError: the case has a framing, window or padding that tfwave does not offer.
    """
    size, padding = _size(golden.cfg), _padding(golden.cfg)
    magnitude = golden.inputs["magnitude"]
    phase = (2 * np.pi * golden.inputs["phase_uniform"].astype(np.float64)).astype(np.float32)
    own = golden.cfg.get("max_abs_diff_vs_float64", {})
    signal = golden.inputs["x"]
    results = [
        compare("in/magnitude", _magnitude(signal, size, padding), magnitude, _MAGNITUDE_TOLERANCE)
    ]
    waveforms = {}
    for name, expected in golden.outputs.items():
        run = name.removesuffix(_CONVERGENCE)
        settings = re.fullmatch(r"momentum_([\d.]+)/iterations_(\d+)", run)
        if settings is None:
            results.append((name, float("inf"), _TOLERANCE))
            continue
        if run not in waveforms:
            waveforms[run] = centred_griffin_lim(
                magnitude,
                **size,
                length=len(signal),
                padding=padding,
                iterations=int(settings[2]),
                momentum=float(settings[1]),
                phase=phase,
            )
        waveform = waveforms[run]
        if name == run:
            tolerance = _TOLERANCE if int(settings[2]) < _MANY_ITERATIONS else _TOLERANCE_OF_MANY
            tolerance = max(tolerance, _FLOAT32_ERRORS * own.get(f"out/{name}", 0.0))
            results.append(compare(name, waveform, expected, tolerance))
        else:
            distance = np.linalg.norm(magnitude - _magnitude(waveform, size, padding))
            convergence = distance / np.linalg.norm(magnitude)
            results.append(compare(name, convergence, expected, _CONVERGENCE_TOLERANCE))
    return results


def _size(cfg):
    """Return the sizes of the transform, as our functions call them."""
    if not cfg.get("center", True) or not cfg.get("window", "hann").startswith("hann"):
        raise UserError("only centred frames with a Hann window can be inverted")
    return {
        "n_fft": cfg["n_fft"],
        "hop_length": cfg["hop"],
        "win_length": cfg.get("win_length") or cfg["n_fft"],
    }


def _padding(cfg):
    """Return our name of the padding."""
    mode = cfg.get("pad_mode", "constant")
    if mode not in _PADDING:
        raise UserError(f"pad_mode must be one of {', '.join(_PADDING)}, not {mode!r}")
    return _PADDING[mode]


def _magnitude(waveform, size, padding):
    return tf.abs(centred_stft(waveform, **size, padding=padding)).numpy()


CHECKS = (Check(run=check_griffin_lim, function="librosa.griffinlim"),)
