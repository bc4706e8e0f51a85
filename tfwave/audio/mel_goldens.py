"""Golden vectors of public mel front ends: one signal through nine recipes."""

import dataclasses

import numpy as np

from tfwave.audio import mel
from tfwave.goldens import BASIS_TOLERANCE, Check, compare

# Output of the golden -> recipe, and the part of its settings and weights with sizes and matrix.
OUTPUTS = {
    "tacotron2": (mel.TACOTRON2, "tacotron2"),
    "melgan": (mel.MELGAN, "melgan"),
    "kan_bayashi": (mel.KAN_BAYASHI, "kan_bayashi"),
    "kan_bayashi_mel_loss": (mel.KAN_BAYASHI_LOSS, "kan_bayashi"),
    "fatchord": (mel.FATCHORD, "fatchord"),
    "librosa_power_constant_pad": (mel.LIBROSA_POWER_ZEROS, "librosa"),
    "librosa_db_constant_pad": (mel.LIBROSA_DB_ZEROS, "librosa"),
    "librosa_power_reflect_pad": (mel.LIBROSA_POWER_REFLECT, "librosa"),
    "librosa_db_reflect_pad": (mel.LIBROSA_DB_REFLECT, "librosa"),
}
# Names of the public codes -> ours.
_SIZES = {
    "filter_length": "n_fft",
    "fft_size": "n_fft",
    "n_fft": "n_fft",
    "hop_length": "hop_length",
    "hop_size": "hop_length",
    "win_length": "win_length",
    "n_mel_channels": "n_mels",
    "num_mels": "n_mels",
    "n_mels": "n_mels",
    "mel_fmin": "f_min",
    "fmin": "f_min",
    "mel_fmax": "f_max",
    "fmax": "f_max",
}
# What float32 leaves of the agreement: the goldens themselves are float32 (1.8e-5 off float64).
_TOLERANCE = 2.5e-5
_FLOAT32_ERRORS = 3  # as many of a golden's own errors, where it says them and they are larger
_POWER_TOLERANCE = 4e-5  # of values up to 91
_DB_TOLERANCE = 2e-4


def check_mel(golden):
    """Compare features and mel matrices with those of the public codes.

    Args:
      golden: Golden with `audio` [time] and the features [frames, n_mels] of each recipe.

    Returns:
      List of (array, worst absolute error, tolerance); an array without a recipe, or a recipe
      without its array, has an infinite error.
    """
    audio = np.asarray(golden.inputs["audio"], np.float32)[np.newaxis]
    results = []
    for name in sorted({*golden.outputs, *OUTPUTS}):
        tolerance = _TOLERANCE
        if "_power_" in name or "_db_" in name:
            tolerance = _POWER_TOLERANCE if "_power_" in name else _DB_TOLERANCE
        if name not in golden.outputs or name not in OUTPUTS:
            results.append((name, float("inf"), tolerance))
            continue
        recipe, part = OUTPUTS[name]
        config = _sized(recipe, golden.cfg, part)
        features = mel.mel_spectrogram(audio, config)[0]
        own = golden.cfg.get("max_abs_diff_vs_float64", {}).get(f"out/{name}", 0.0)
        tolerance = max(tolerance, _FLOAT32_ERRORS * own)
        results.append(compare(name, features, golden.outputs[name], tolerance))
        basis = golden.weights[f"{part}/mel_basis"]
        matrix = mel.mel_matrix(config)
        results.append(compare(f"{name}: mel_basis", matrix, basis, BASIS_TOLERANCE))
    return results


def _sized(recipe, cfg, part):
    """Return a recipe in the sizes of a golden's settings."""
    sizes = {_SIZES[name]: value for name, value in cfg[part].items() if name in _SIZES}
    sizes["win_length"] = sizes.get("win_length") or sizes["n_fft"]
    sizes["f_max"] = sizes.get("f_max") or 0.0
    return dataclasses.replace(recipe, sample_rate=cfg["sampling_rate"], **sizes)


CHECKS = (Check(run=check_mel, arrays=("w/tacotron2/mel_basis",)),)
