"""Golden vectors of WORLD: analysis, coding and synthesis by pyworld 0.3.5."""

import numpy as np

from tfwave.audio import world
from tfwave.goldens import Check, Golden, compare, relative

# pyworld computes in float64 and the cases hold float32, so that one version agrees to rounding.
_HERTZ_TOLERANCE = 1e-3
_SECONDS_TOLERANCE = 1e-6
_LOG_TOLERANCE = 1e-4  # of powers from 1e-12 to 2
_APERIODICITY_TOLERANCE = 1e-5
_CODED_TOLERANCE = 1e-5
_SYNTHESIS_TOLERANCE = 1e-5


def check_world(golden: Golden) -> list[tuple[str, float, float]]:
    """Compare every stage of WORLD, each from the stored result of the stage before.

    Args:
      golden: Golden with the signal `x` [time] and the outputs of WORLD's stages; the settings hold
        sample rate, frame period, frequency range, transform size and number of coefficients.

    Returns:
      (name, worst error, tolerance) of each output: Hz, seconds, differences of the natural
      logarithm for envelopes. An output of another name has an infinite error.

    Raises:
      MissingPackage: pyworld is not installed.
    """
    world.optional_package("pyworld")
    stored = golden.outputs
    results = [*_pitch(golden), *_analysis(golden), *_coding(golden)]
    compared = {name for name, *_ in results}
    return [*results, *((name, float("inf"), 0.0) for name in stored if name not in compared)]


def _pitch(golden):
    """Compare the contours of DIO and Harvest, raw and refined, and the times."""
    cfg, stored = golden.cfg, golden.outputs
    period = cfg["frame_period_ms"]
    results = []
    for method in ("dio", "harvest"):
        for name, refine in ((f"{method}_f0", False), (f"{method}_stonemask_f0", True)):
            f0 = world.fundamental_frequency(
                golden.inputs["x"],
                cfg["fs"],
                period,
                method=method,
                refine=refine,
                f_min=cfg["f0_floor"],
                f_max=cfg["f0_ceil"],
            )
            results.append(compare(name, f0, stored[name], _HERTZ_TOLERANCE))
    times = world.frame_times(cfg["frames"], period)
    return [*results, compare("time", times, stored["time"], _SECONDS_TOLERANCE)]


def _analysis(golden):
    """Compare spectral envelope, aperiodicity and the synthesis from the stored parameters."""
    cfg, stored, signal = golden.cfg, golden.outputs, golden.inputs["x"]
    rate, period, fft_size = cfg["fs"], cfg["frame_period_ms"], cfg["fft_size"]
    f0 = stored["dio_stonemask_f0"]
    envelope = world.spectral_envelope(signal, f0, rate, period, fft_size)
    noise = world.aperiodicity(signal, f0, rate, period, fft_size, cfg["d4c_threshold"])
    parameters = f0, stored["spectral_envelope"], stored["aperiodicity"]
    synthesis = world.synthesize(*parameters, rate, period)
    return [
        _compare_logs("spectral_envelope", envelope, stored["spectral_envelope"]),
        compare("aperiodicity", noise, stored["aperiodicity"], _APERIODICITY_TOLERANCE),
        compare("synthesis", synthesis, stored["synthesis"], _SYNTHESIS_TOLERANCE),
    ]


def _coding(golden):
    """Compare the coded stored parameters, and what the first stored codes decode to."""
    cfg, stored = golden.cfg, golden.outputs
    rate, fft_size = cfg["fs"], cfg["fft_size"]
    names = ("spectral_envelope", "aperiodicity")
    envelope = world.code_envelope(stored[names[0]], rate, cfg["coded_dims"])
    noise = world.code_aperiodicity(stored[names[1]], rate)
    results = [
        relative(f"coded_{name}", coded, stored[f"coded_{name}"], _CODED_TOLERANCE)
        for name, coded in zip(names, (envelope, noise), strict=True)
    ]
    name = "decoded_spectral_envelope_first_frames"
    first = stored["coded_spectral_envelope"][: len(stored[name])]
    decoded = world.decode_envelope(first, rate, fft_size)
    results.append(_compare_logs(name, decoded, stored[name]))
    name = "decoded_aperiodicity_first_frames"
    first = stored["coded_aperiodicity"][: len(stored[name])]
    decoded = world.decode_aperiodicity(first, rate, fft_size)
    return [*results, compare(name, decoded, stored[name], _APERIODICITY_TOLERANCE)]


def _compare_logs(name, actual, expected):
    with np.errstate(divide="ignore", invalid="ignore"):
        return compare(name, np.log(actual), np.log(expected), _LOG_TOLERANCE)


CHECKS = (Check(run=check_world, function="pyworld"),)
