"""The mel scale and its filter bank, in NumPy alone: one for every front end.

Front ends agree on triangles that overlap by half and disagree on everything else: the formula of
the mel scale, whether the sides of a triangle are straight in hertz or in mel, and whether a
triangle has height 1 or area 1.
"""

import numpy as np

_LINEAR_STEP = 200.0 / 3.0  # Hz per mel below the knee of the Slaney scale
_KNEE = 1000.0  # Hz
_LOG_STEP = np.log(6.4) / 27.0
FORMULAS = ("slaney", "htk")


def hertz_to_mel(frequency, formula: str = "slaney") -> np.ndarray:
    """Convert Hz to mels.

    Args:
      frequency: number or array, in Hz.
      formula: 'slaney', linear to 1000 Hz and logarithmic above (Auditory Toolbox, librosa), or
        'htk', 2595 log10(1 + f / 700) (HTK book, `tf.signal`).

    Returns:
      float64 array of the same shape.
    """
    frequency = np.asarray(frequency, np.float64)
    if formula == "htk":
        return 2595 * np.log10(1 + frequency / 700)
    high = _KNEE / _LINEAR_STEP + np.log(np.maximum(frequency, _KNEE) / _KNEE) / _LOG_STEP
    return np.where(frequency >= _KNEE, high, frequency / _LINEAR_STEP)


def mel_to_hertz(mel, formula: str = "slaney") -> np.ndarray:
    """Convert mels to Hz, the inverse of `hertz_to_mel`."""
    mel = np.asarray(mel, np.float64)
    if formula == "htk":
        return 700 * (10 ** (mel / 2595) - 1)
    knee = _KNEE / _LINEAR_STEP
    high = _KNEE * np.exp(_LOG_STEP * (np.maximum(mel, knee) - knee))
    return np.where(mel >= knee, high, mel * _LINEAR_STEP)


def filter_bank(
    sample_rate: int,
    n_fft: int,
    n_mels: int,
    f_min: float,
    f_max: float,
    formula: str = "slaney",
    norm: str = "slaney",
    straight_in: str = "hertz",
    dtype: type[np.floating] = np.float32,
) -> np.ndarray:
    """Compute the triangles that sum the bins of a spectrum into mel bands.

    The default arguments give librosa's `filters.mel`, to the bit under one version of NumPy;
    'htk', 'none' and 'mel' give the constant in the WaveGAN authors' exported classifier, to the
    bit (`tf.signal.linear_to_mel_weight_matrix` computes in float32 and differs by up to 2.3e-5).

    Args:
      sample_rate: Hz.
      n_fft: transform length in samples.
      n_mels: number of bands.
      f_min: lower edge of the first band in Hz, at least 0.
      f_max: upper edge of the last band in Hz, at most sample_rate / 2.
      formula: of the mel scale, 'slaney' or 'htk'.
      norm: 'slaney' for triangles of area 1 over Hz, 'none' for triangles of height 1.
      straight_in: 'hertz' or 'mel', the axis on which the sides of a triangle are straight.
      dtype: type of the result; everything is computed in float64.

    Returns:
      Array [n_mels, n_fft // 2 + 1].

    Raises:
      ValueError: the frequencies are not in order or above half the sample rate, or a choice is
        unknown.
    """
    if not 0 <= f_min < f_max <= sample_rate / 2:
        raise ValueError(
            "mel bands need 0 <= f_min < f_max <= sample_rate / 2, not f_min "
            f"{f_min:g}, f_max {f_max:g} and sample_rate {sample_rate}"
        )
    for name, value, choices in (
        ("formula", formula, FORMULAS),
        ("norm", norm, ("slaney", "none")),
        ("straight_in", straight_in, ("hertz", "mel")),
    ):
        if value not in choices:
            raise ValueError(f"{name} must be {choices[0]!r} or {choices[1]!r}, not {value!r}")
    bins = np.fft.rfftfreq(n_fft, 1.0 / sample_rate)
    edges = np.linspace(hertz_to_mel(f_min, formula), hertz_to_mel(f_max, formula), n_mels + 2)
    if straight_in == "mel":
        bins = hertz_to_mel(bins, formula)
    else:
        edges = mel_to_hertz(edges, formula)
    widths = np.diff(edges)[:, np.newaxis]
    ramps = edges[:, np.newaxis] - bins
    triangles = np.maximum(0, np.minimum(-ramps[:-2] / widths[:-1], ramps[2:] / widths[1:]))
    if norm == "none":
        return triangles.astype(dtype)
    hertz = mel_to_hertz(edges, formula) if straight_in == "mel" else edges
    area = 2.0 / (hertz[2:] - hertz[:-2])
    # librosa rounds to float32 before and after the normalisation.
    return (triangles.astype(dtype) * area[:, np.newaxis]).astype(dtype)
