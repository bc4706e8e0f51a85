"""The WORLD vocoder (Morise, Yokomori and Ozawa, 2016) through the optional package pyworld."""

import importlib
import importlib.machinery
import importlib.util
import sys

import numpy as np

from tfwave.audio.files import resample

_LOWEST_RATE = 8000
# D4C compares the power up to 7900 Hz, and reads beyond its spectrum where that is not there.
_LOWEST_D4C_RATE = 16000
_SHORTEST = 0.05  # seconds


class MissingPackage(ValueError):
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
      ValueError: the waveform or the sample rate is not as above.
    """
    waveform = np.asarray(waveform)
    if waveform.ndim != 1 or not np.issubdtype(waveform.dtype, np.floating):
        raise ValueError(
            f"{name} must be floating point numbers of shape [time], not "
            f"{waveform.dtype.name} of shape {list(waveform.shape)}"
        )
    if sample_rate < _LOWEST_RATE:
        raise ValueError(f"sample_rate must be at least {_LOWEST_RATE} Hz, not {sample_rate}")
    if len(waveform) < _SHORTEST * sample_rate:
        raise ValueError(
            f"{name} must last at least {_SHORTEST:g} s, not {len(waveform) / sample_rate:g} s"
        )
    if not np.isfinite(waveform).all():
        raise ValueError(f"{name} must hold finite numbers only")
    return np.ascontiguousarray(waveform, np.float64)


def fundamental_frequency(waveform, sample_rate, frame_period=5.0):
    """Track the fundamental frequency by Harvest (Morise, 2017), between 71 and 800 Hz.

    Args:
      waveform: float array [time], at least 0.05 s, finite.
      sample_rate: Hz, at least 8000.
      frame_period: milliseconds from frame to frame; the first lies at time 0.

    Returns:
      float64 array [frames] in Hz, 0 where unvoiced.

    Raises:
      MissingPackage: pyworld is not installed.
      ValueError: the waveform or the sample rate is not as above.
    """
    waveform = checked_waveform(waveform, sample_rate)
    return optional_package("pyworld").harvest(waveform, sample_rate, frame_period=frame_period)[0]


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
      ValueError: the waveform or the sample rate is not as above.
    """
    waveform = checked_waveform(waveform, sample_rate)
    world = optional_package("pyworld")
    rate = max(sample_rate, _LOWEST_D4C_RATE)
    raised = waveform
    if rate != sample_rate:
        raised = resample(waveform, sample_rate, rate).astype(np.float64)
    f0, times = world.harvest(raised, rate, frame_period=frame_period)
    envelope = world.cheaptrick(raised, f0, times, rate)
    aperiodicity = world.d4c(raised, f0, times, rate)
    result = world.synthesize(f0, envelope, aperiodicity, rate, frame_period)
    result = resample(result, rate, sample_rate)[: len(waveform)]
    return np.pad(result, (0, len(waveform) - len(result)))
