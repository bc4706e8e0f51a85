"""Checks of mu-law codes, mixture losses, samplers and upsampling against golden vectors.

The golden README gives the limits: codes exact, where float32 determines them; losses of logistic
mixtures and their gradients 1e-4 and 6e-4 of 1 + |reference| for 256 levels, 5e-4 and 5e-3 for
65536 (the difference of two sigmoids cancels in the reference's float32); everything else 2e-5.
"""

import numpy as np
import tensorflow as tf

from tfwave.audio import mulaw
from tfwave.goldens import Check, compare, relative
from tfwave.layers.local_conditioning import LocalConditioner
from tfwave.losses import likelihood
from tfwave.models.wavenet.goldens_r9y9 import conditioning_config, state_dict
from tfwave.models.wavenet.weights_r9y9 import conditioner_arrays
from tfwave.models.weights import assign_arrays, torch_layer

# Closer than this to a step of the quantiser, float32 may round to either side.
_SURE = 1e-4
# Tolerances of losses of logistic mixtures and their gradients, for up to 256 levels and for more.
_MIXTURE_TOLERANCES = {True: (1e-4, 6e-4), False: (5e-4, 5e-3)}


def check_mulaw(golden):
    """Compare codes and decoded signals of the three conventions."""
    inputs, expected = golden.inputs, golden.outputs
    results = []
    for levels in golden.cfg["quantization_channels"]:
        codes = tf.range(levels)
        for code, convention, encoded, decoded in (
            ("ibab", "nearest", "encode", "decode_codes"),
            ("r9y9", "truncate", "quantize", "inv_mulaw_quantize_codes"),
        ):
            place = f"{code}/q{levels}"
            results.append(
                relative(
                    f"{place}/{decoded}",
                    mulaw.decode(codes, levels, convention),
                    expected[f"{place}/{decoded}"],
                )
            )
            for signal in ("x", "edge", "over"):
                name = f"{place}/{encoded}_{signal}"
                if name in expected:
                    found = mulaw.encode(tf.constant(inputs[signal]), levels, convention)
                    margin = expected.get(f"margin/q{levels}/{code}_{signal}")
                    results.append(_codes(name, found, expected[name], margin))
        x = tf.constant(inputs["x"])
        for name, found in (("mulaw_x", mulaw.compress), ("inv_mulaw_x", mulaw.expand)):
            name = f"r9y9/q{levels}/{name}"
            results.append(relative(name, found(x, levels), expected[name]))
    place = "nsynth"
    for signal in ("x", "edge", "over"):
        found = mulaw.encode(tf.constant(inputs[signal]), 256, "floor") - 128
        margin = expected.get(f"margin/{place}_{signal}")
        name = f"{place}/mu_law_{signal}"
        results.append(_codes(name, found, expected[name], margin))
    name = f"{place}/inv_mu_law_codes"
    results.append(relative(name, mulaw.decode(tf.range(256), 256, "floor"), expected[name]))
    return results


def _codes(name, found, expected, margin):
    found = np.array(found)
    if margin is not None:
        unsure = margin <= _SURE
        found[unsure] = expected[unsure]
    return compare(name, found, expected, 0.0)


def check_logistic_mixture(golden):
    """Compare losses per step and their gradients for each number of levels and scale limit."""
    params, y = _channels_last(golden.inputs["y_hat"]), tf.constant(golden.inputs["y"][..., 0])
    results = []
    for levels, limit in golden.cfg["settings"]:
        place = f"classes{levels}_min{limit}"
        tolerances = _MIXTURE_TOLERANCES[levels <= 256]
        results += _loss(
            golden,
            place,
            params,
            *tolerances,
            lambda p, n=levels, s=limit: likelihood.logistic_mixture_nll(p, y, n, float(s)),
        )
    return results


def check_gaussian(golden):
    """Compare losses per step and their gradients of one Gaussian and of mixtures."""
    results = []
    for name in golden.outputs:
        if not name.endswith("/loss_per_step"):
            continue
        place = name[: -len("/loss_per_step")]
        kind, limit = place.split("/min")
        params = _channels_last(golden.inputs[f"{kind}/y_hat"])
        y = tf.constant(golden.inputs[f"{kind}/y"][..., 0])
        results += _loss(
            golden,
            place,
            params,
            2e-5,
            2e-5,
            lambda p, y=y, s=limit: likelihood.gaussian_mixture_nll(p, y, float(s)),
        )
    return results


def _loss(golden, place, params, tolerance, gradient_tolerance, nll):
    with tf.GradientTape() as tape:
        tape.watch(params)
        nats = nll(params)
    gradient = np.transpose(tape.gradient(nats, params), [0, 2, 1])
    expected = golden.outputs
    return [
        relative(
            f"{place}/loss_per_step",
            nats[..., tf.newaxis],
            expected[f"{place}/loss_per_step"],
            tolerance,
        ),
        relative(
            f"{place}/grad_of_sum_wrt_y_hat",
            gradient,
            expected[f"{place}/grad_of_sum_wrt_y_hat"],
            gradient_tolerance,
        ),
    ]


def check_sampling(golden):
    """Compare samples drawn from given random numbers."""
    given, expected = golden.inputs, golden.outputs
    params = _channels_last(given["mol/y_hat"])
    draws = given["mol/uniform_mixture"], given["mol/uniform_logistic"]
    results = [
        relative(
            "mol/sample_clamp0",
            likelihood.sample_logistic_mixture(params, *draws),
            expected["mol/sample_clamp0"],
        ),
        relative(
            "mol/sample_clamp1",
            likelihood.sample_logistic_mixture(params, *draws, golden.cfg["clamp_log_scale_min"]),
            expected["mol/sample_clamp1"],
        ),
    ]
    for kind in ("gauss_single", "gauss_k1", "gauss_mix"):
        made = likelihood.sample_gaussian_mixture(
            _channels_last(given[f"{kind}/y_hat"]),
            given.get(f"{kind}/uniform_mixture"),
            given[f"{kind}/normal"],
        )
        results.append(relative(f"{kind}/sample", made, expected[f"{kind}/sample"]))
    return results


def check_upsampling(golden):
    """Compare every upsampling network on its own."""
    results = []
    for tag, case in golden.cfg["cases"].items():
        if not isinstance(case, dict):
            continue
        features = _channels_last(golden.inputs[f"{tag}/c"])
        transposed = case["cls"] == "ConvTranspose2d"
        if transposed:
            case = {
                "cin_channels": features.shape[-1],
                "upsample_scales": [case["scale"]],
                "freq_axis_kernel_size": case["fk"],
            }
        config = conditioning_config(case, transposed, activated=not transposed)
        layer = LocalConditioner(config)
        layer.build()
        arrays = state_dict(golden.weights)
        arrays = {name: array for name, array in arrays.items() if name.startswith(f"{tag}.")}
        parts = conditioner_arrays(layer, tag)
        if transposed:  # a single convolution instead of a list
            parts = torch_layer(tag, layer.upsamplings[0], axes=4)
        assign_arrays(parts, arrays)
        made = np.transpose(layer(features), [0, 2, 1])
        results.append(relative(f"{tag}/c_up", made, golden.outputs[f"{tag}/c_up"]))
    return results


def _channels_last(array):
    return tf.constant(np.transpose(array, [0, 2, 1]))


CHECKS = (
    Check(run=check_mulaw, arrays=("in/edge", "out/nsynth/mu_law_x")),
    Check(run=check_gaussian, arrays=("in/single/y_hat",)),
    Check(run=check_sampling, arrays=("in/mol/y_hat",)),
    Check(run=check_logistic_mixture, arrays=("in/y_hat",)),
    Check(run=check_upsampling, arrays=("in/up_fk1/c",)),
)
