"""Golden vectors of public mel front ends: one signal through nine recipes."""

import numpy as np

from tfwave.audio import mel
from tfwave.interop.goldens import compare

# Output of the golden -> recipe, and the golden whose mel matrix the recipe shares.
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
# What float32 leaves of the agreement: the goldens themselves are float32 (1.8e-5 off float64).
_TOLERANCE = 2.5e-5
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
        config, matrix = OUTPUTS[name]
        features = mel.mel_spectrogram(audio, config)[0]
        results.append(compare(name, features, golden.outputs[name], tolerance))
        basis = golden.weights[f"{matrix}/mel_basis"]
        results.append(compare(f"{name}: mel_basis", mel.mel_matrix(config), basis, 0.0))
    return results
