"""The WORLD vocoder (Morise, Yokomori and Ozawa, 2016) through the optional package pyworld."""

import importlib
import importlib.machinery
import importlib.util
import sys

import numpy as np

from tfwave.audio.files import resample
from tfwave.errors import UserError

_LOWEST_RATE = 8000
# D4C compares the power up to 7900 Hz, and reads beyond its spectrum where that is not there.
_LOWEST_D4C_RATE = 16000
_LOWEST_CODED_RATE = 12000  # the first band of a coded aperiodicity lies at 3000 Hz
_SHORTEST = 0.05  # seconds


class MissingPackage(UserError):
    """An optional package is not installed; `str()` is one sentence that says how to get it.

    Attributes:
      package: its name.
    """

    def __init__(self, package):
        self.package = package
        super().__init__(
            f'the package {package} is not installed; pip install "tfwave[vocoder]" brings it'
        )

    def __reduce__(self):
        return (type(self), (self.package,))


def optional_package(name):
    """Import pyworld, pesq or pystoi.

    Args:
      name: of the package.

    Returns:
      The module.

    Raises:
      MissingPackage: it is not installed.
    """
    try:
        return _compiled_world() if name == "pyworld" else importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise MissingPackage(name) from None


def _compiled_world():
    """Import pyworld's compiled module past its `__init__`.

    The `__init__` of 0.3.5 does nothing but ask pkg_resources, which setuptools has no longer
    had since version 82, for the version.
    """
    name = "pyworld.pyworld"
    if name not in sys.modules:
        package = importlib.machinery.PathFinder.find_spec("pyworld")
        if package is None:
            raise ModuleNotFoundError("there is no pyworld", name="pyworld")
        folders = package.submodule_search_locations
        spec = importlib.machinery.PathFinder.find_spec(name, folders)
        if spec is None or spec.loader is None:
            raise ModuleNotFoundError("pyworld has no compiled module", name="pyworld")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        sys.modules[name] = module
    return sys.modules[name]


def checked_waveform(waveform, sample_rate, name="waveform"):
    """Check a waveform before it is analysed.

    Args:
      waveform: float array [time], at least 0.05 s, finite.
      sample_rate: Hz, at least 8000.
      name: name of the waveform in the errors.

    Returns:
      float64 array [time].

    Raises:
      UserError: the waveform or the sample rate is not as above.
    """
    waveform = np.asarray(waveform)
    if waveform.ndim != 1 or not np.issubdtype(waveform.dtype, np.floating):
        raise UserError(
            f"{name} must be floating point numbers of shape [time], not "
            f"{waveform.dtype.name} of shape {list(waveform.shape)}"
        )
    if sample_rate < _LOWEST_RATE:
        raise UserError(f"sample_rate must be at least {_LOWEST_RATE} Hz, not {sample_rate}")
    if len(waveform) < _SHORTEST * sample_rate:
        raise UserError(
            f"{name} must last at least {_SHORTEST:g} s, not {len(waveform) / sample_rate:g} s"
        )
    if not np.isfinite(waveform).all():
        raise UserError(f"{name} must hold finite numbers only")
    return np.ascontiguousarray(waveform, np.float64)


def frame_times(frames: int, frame_period: float = 5.0) -> np.ndarray:
    """Return the times of WORLD's frames.

    Args:
      frames: number of frames.
      frame_period: milliseconds from frame to frame.

    Returns:
      float64 array [frames] in seconds; the first is 0.
    """
    return np.arange(frames) * frame_period / 1000.0


def fundamental_frequency(
    waveform: np.ndarray,
    sample_rate: int,
    frame_period: float = 5.0,
    *,
    method: str = "harvest",
    refine: bool = False,
    f_min: float = 71.0,
    f_max: float = 800.0,
) -> np.ndarray:
    """Track the fundamental frequency.

    Args:
      waveform: float array [time], at least 0.05 s, finite.
      sample_rate: Hz, at least 8000.
      frame_period: milliseconds from frame to frame; the first lies at time 0.
      method: 'harvest' (Morise, 2017) or the faster 'dio' (Morise, Kawahara and Katayose, 2009).
      refine: whether StoneMask corrects the frequencies by the phases around them.
      f_min: lowest frequency in Hz.
      f_max: highest frequency in Hz.

    Returns:
      float64 array [frames] in Hz, 0 where unvoiced.

    Raises:
      MissingPackage: pyworld is not installed.
      UserError: the waveform or the sample rate is not as above, or the method is unknown.
    """
    waveform = checked_waveform(waveform, sample_rate)
    if method not in ("harvest", "dio"):
        raise UserError(f"method must be 'harvest' or 'dio', not {method!r}")
    world = optional_package("pyworld")
    track = getattr(world, method)
    f0, times = track(
        waveform, sample_rate, f0_floor=f_min, f0_ceil=f_max, frame_period=frame_period
    )
    return world.stonemask(waveform, f0, times, sample_rate) if refine else f0


def spectral_envelope(
    waveform: np.ndarray,
    f0: np.ndarray,
    sample_rate: int,
    frame_period: float = 5.0,
    fft_size: int | None = None,
) -> np.ndarray:
    """Estimate the spectral envelope by CheapTrick (Morise, 2015).

    Args:
      waveform: float array [time], at least 0.05 s, finite.
      f0: float array [frames] in Hz, 0 where unvoiced.
      sample_rate: Hz, at least 8000.
      frame_period: milliseconds from frame to frame.
      fft_size: transform length in samples, a power of 2 above 3 * sample_rate / f_min; None for
        the smallest one for 71 Hz.

    Returns:
      float64 array [frames, fft_size // 2 + 1], the power.

    Raises:
      MissingPackage: pyworld is not installed.
      UserError: the waveform or the sample rate is not as above.
    """
    waveform = checked_waveform(waveform, sample_rate)
    world, times = optional_package("pyworld"), frame_times(len(f0), frame_period)
    return world.cheaptrick(waveform, _doubles(f0), times, sample_rate, fft_size=fft_size)


def aperiodicity(
    waveform: np.ndarray,
    f0: np.ndarray,
    sample_rate: int,
    frame_period: float = 5.0,
    fft_size: int | None = None,
    threshold: float = 0.85,
) -> np.ndarray:
    """Estimate the share of noise in the power of every frequency by D4C (Morise, 2016).

    Args:
      waveform: float array [time], at least 0.05 s, finite.
      f0: float array [frames] in Hz, 0 where unvoiced.
      sample_rate: Hz, at least 16000: D4C compares the power up to 7900 Hz.
      frame_period: milliseconds from frame to frame.
      fft_size: transform length in samples, that of the spectral envelope.
      threshold: frames with less than this share of their power below 4 kHz count as unvoiced; 0
        leaves the decision to `f0`.

    Returns:
      float64 array [frames, fft_size // 2 + 1], 0.001..1; 1 in unvoiced frames.

    Raises:
      MissingPackage: pyworld is not installed.
      UserError: the waveform or the sample rate is not as above.
    """
    waveform = checked_waveform(waveform, sample_rate)
    if sample_rate < _LOWEST_D4C_RATE:
        raise UserError(f"sample_rate must be at least {_LOWEST_D4C_RATE} Hz, not {sample_rate}")
    world, times = optional_package("pyworld"), frame_times(len(f0), frame_period)
    return world.d4c(
        waveform, _doubles(f0), times, sample_rate, threshold=threshold, fft_size=fft_size
    )


def synthesize(
    f0: np.ndarray,
    envelope: np.ndarray,
    aperiodicity: np.ndarray,
    sample_rate: int,
    frame_period: float = 5.0,
) -> np.ndarray:
    """Synthesise a waveform from WORLD's parameters.

    The noise is drawn from a fixed state, so that the result is deterministic.

    Args:
      f0: float array [frames] in Hz, 0 where unvoiced.
      envelope: float array [frames, bins], the power.
      aperiodicity: float array [frames, bins], 0..1.
      sample_rate: Hz.
      frame_period: milliseconds from frame to frame.

    Returns:
      float64 array [int(frames * frame_period * sample_rate / 1000)], which is longer than the
      waveform that was analysed.

    Raises:
      MissingPackage: pyworld is not installed.
    """
    parameters = _doubles(f0), _doubles(envelope), _doubles(aperiodicity)
    return optional_package("pyworld").synthesize(*parameters, sample_rate, frame_period)


def code_envelope(envelope: np.ndarray, sample_rate: int, dimensions: int) -> np.ndarray:
    """Reduce spectral envelopes to cosine coefficients of their logarithm on a mel axis.

    Args:
      envelope: float array [frames, fft_size // 2 + 1], the power.
      sample_rate: Hz.
      dimensions: number of coefficients, at most fft_size // 2.

    Returns:
      float64 array [frames, dimensions].

    Raises:
      MissingPackage: pyworld is not installed.
    """
    world = optional_package("pyworld")
    return world.code_spectral_envelope(_doubles(envelope), sample_rate, dimensions)


def decode_envelope(coded: np.ndarray, sample_rate: int, fft_size: int) -> np.ndarray:
    """Turn the coefficients of `code_envelope` back into spectral envelopes.

    Args:
      coded: float array [frames, dimensions].
      sample_rate: Hz.
      fft_size: transform length of the envelopes in samples.

    Returns:
      float64 array [frames, fft_size // 2 + 1], the power.

    Raises:
      MissingPackage: pyworld is not installed.
    """
    world = optional_package("pyworld")
    return world.decode_spectral_envelope(_doubles(coded), sample_rate, fft_size)


def code_aperiodicity(aperiodicity: np.ndarray, sample_rate: int) -> np.ndarray:
    """Reduce aperiodicities to their level at 3000 Hz, 6000 Hz and so on.

    Args:
      aperiodicity: float array [frames, fft_size // 2 + 1], 0..1.
      sample_rate: Hz, at least 12000: below there is no band.

    Returns:
      float64 array [frames, bands] in dB, one band from 12 kHz, two from 18 kHz, at most five.

    Raises:
      MissingPackage: pyworld is not installed.
      UserError: the sample rate is below 12000 Hz.
    """
    if sample_rate < _LOWEST_CODED_RATE:
        raise UserError(f"sample_rate must be at least {_LOWEST_CODED_RATE} Hz, not {sample_rate}")
    return optional_package("pyworld").code_aperiodicity(_doubles(aperiodicity), sample_rate)


def decode_aperiodicity(coded: np.ndarray, sample_rate: int, fft_size: int) -> np.ndarray:
    """Turn the levels of `code_aperiodicity` back into aperiodicities.

    Args:
      coded: float array [frames, bands] in dB.
      sample_rate: Hz.
      fft_size: transform length of the aperiodicities in samples.

    Returns:
      float64 array [frames, fft_size // 2 + 1], 0..1; all 1 in frames whose bands are nearly so.

    Raises:
      MissingPackage: pyworld is not installed.
    """
    return optional_package("pyworld").decode_aperiodicity(_doubles(coded), sample_rate, fft_size)


def _doubles(array):
    """Return what pyworld takes: float64 in C order."""
    return np.ascontiguousarray(array, np.float64)


def resynthesize(waveform, sample_rate, frame_period=5.0):
    """Take a waveform apart by WORLD and put it together again.

    F0 by Harvest, spectral envelope by CheapTrick, aperiodicity by D4C, at the package's default
    settings; below 16 kHz at 16 kHz, which D4C needs, and resampled back. Phases and the noise are
    new; the noise is drawn from a fixed state, so that the result is deterministic.

    Args:
      waveform: float array [time], at least 0.05 s, finite.
      sample_rate: Hz, at least 8000.
      frame_period: milliseconds from frame to frame.

    Returns:
      float32 array [time], the length of the input; samples may leave [-1, 1].

    Raises:
      MissingPackage: pyworld is not installed.
      UserError: the waveform or the sample rate is not as above.
    """
    waveform = checked_waveform(waveform, sample_rate)
    rate = max(sample_rate, _LOWEST_D4C_RATE)
    raised = waveform
    if rate != sample_rate:
        raised = resample(waveform, sample_rate, rate).astype(np.float64)
    f0 = fundamental_frequency(raised, rate, frame_period)
    envelope = spectral_envelope(raised, f0, rate, frame_period)
    noise = aperiodicity(raised, f0, rate, frame_period)
    result = synthesize(f0, envelope, noise, rate, frame_period)
    result = resample(result, rate, sample_rate)[: len(waveform)]
    return np.pad(result, (0, len(waveform) - len(result)))
