"""Checks of WaveNet against golden vectors of r9y9/wavenet_vocoder, HEAD and tag v0.1.1.

The goldens are channels-first; everything must agree to 2e-5 * (1 + |reference|).
"""

import numpy as np
import tensorflow as tf

from tfwave.goldens import Check, compare, relative
from tfwave.layers.local_conditioning import LocalConditioningConfig
from tfwave.losses import likelihood
from tfwave.models.wavenet import outputs as wavenet_outputs
from tfwave.models.wavenet.config import r9y9_config
from tfwave.models.wavenet.queue_steps import forced, open_queues
from tfwave.models.wavenet.wavenet import WaveNet
from tfwave.models.wavenet.weights import load_arrays

_ACTIVATIONS = {"LeakyReLU": "leaky_relu", "ReLU": "relu", None: "none"}
_OUTPUTS = {None: "categorical", "Logistic": "logistic_mixture", "Normal": "gaussian_mixture"}


def r9y9_model(golden):
    """Return a `WaveNet` with the weights of an `r9y9_` golden."""
    model = WaveNet(_config(golden))
    load_arrays(model, state_dict(golden.weights))
    return model


def state_dict(weights):
    """Return the state dict that corresponds to a golden's weights, without folded kernels."""
    return {
        name.replace("/", "."): array
        for name, array in weights.items()
        if not name.endswith("/kernel")
    }


def _config(golden):
    cfg, weights = golden.cfg, golden.weights
    old = "legacy" in cfg
    output = _OUTPUTS[cfg.get("output_distribution")]
    one_hot = "codes" in golden.inputs
    if old and not one_hot:
        output = "logistic_mixture"
    if output == "gaussian_mixture" and cfg["out_channels"] == 2:
        output = "gaussian"
    depth = cfg["layers"] // cfg["stacks"]
    changes = {}
    if old:
        changes["skip_scaling"] = "running" if cfg["legacy"] else "none"
    return r9y9_config(
        dilations=tuple(2 ** (i % depth) for i in range(cfg["layers"])),
        kernel_size=cfg["kernel_size"],
        residual_channels=cfg["residual_channels"],
        gate_channels=cfg["gate_channels"],
        skip_channels=cfg["skip_out_channels"],
        output=output,
        levels=cfg["out_channels"] if one_hot else cfg.get("num_classes", 65536),
        mixtures=max(1, cfg["out_channels"] // 3),
        log_scale_min=cfg["log_scale_min"],
        one_hot_input=one_hot,
        conditioning_bias=old,
        speakers=(cfg.get("n_speakers") or 0) if "embed_speakers/weight" in weights else 0,
        speaker_channels=cfg.get("gin_channels") or 0,
        conditioning=conditioning_config(cfg["local"], old) if "local" in cfg else None,
        average_decay=0.0,
        **changes,
    )


def conditioning_config(local, old, activated=True):
    """Return the configuration of an upsampling network.

    Args:
      local: its settings as a golden stores them.
      old: whether it is the transposed convolution of v0.1.1.
      activated: for v0.1.1, whether a ReLU follows.
    """
    activation = local.get("act", local.get("upsample_activation"))
    slope = local.get("act_params", local.get("upsample_activation_params", {}))
    if old:
        activation = "ReLU" if activated else None
    return LocalConditioningConfig(
        channels=local["cin_channels"],
        scales=tuple(local["upsample_scales"]),
        form="transposed_2d" if old else "stretch",
        conv_in=local.get("net", local.get("cls")) == "ConvInUpsampleNetwork",
        frame_padding=local.get("cin_pad", 0),
        frequency_kernel=local["freq_axis_kernel_size"],
        activation=_ACTIVATIONS[activation],
        negative_slope=slope.get("negative_slope", 0.4),
    )


def check_r9y9_network(golden):
    """Compare outputs of the network and of the queues, activations, loss, and a free run."""
    model = r9y9_model(golden)
    network, expected = model.network, golden.outputs
    inputs, local, vector = _inputs(golden, network)
    found = network.activations(inputs, local, vector)
    results = [
        relative("y_hat", _channels_first(found[-1]), expected["y_hat"]),
        relative(
            "y_hat_incremental",
            _channels_first(forced(network, inputs, local, vector)),
            expected["y_hat_incremental"],
        ),
        relative("loss", _loss(model, golden, found[-1]), expected["loss"]),
    ]
    if "softmax" in expected:
        results.append(
            relative("softmax", _channels_first(tf.nn.softmax(found[-1])), expected["softmax"])
        )
    for name, array in expected.items():
        if name.startswith("intermediate/"):
            part = name[len("intermediate/") :]
            part = _intermediate(network, golden, part, found, local, vector)
            results.append(relative(name, _channels_first(part), array))
    return results + _free_run(network, golden)


def _inputs(golden, network):
    """Return inputs [batch, time], upsampled conditioning and speaker vectors of a golden."""
    given = golden.inputs
    inputs = tf.constant(given["codes"] if "codes" in given else given["x"][:, 0])
    local = None
    if "c" in given:
        local = network.conditioner(tf.constant(_channels_last(given["c"])))
    speaker = given.get("g")
    if speaker is not None:
        speaker = tf.constant(speaker[:, 0] if speaker.ndim == 2 else speaker[:, :, 0])
    return inputs, local, network.speaker_vector(speaker)


def _intermediate(network, golden, name, found, local, vector):
    if name == "first_conv":
        return found[0]
    if name == "relu_of_scaled_skip_sum":
        return tf.nn.relu(found[-2])
    if name == "c_upsampled":
        return local
    if name == "c_conv_in":
        return network.conditioner.stages(tf.constant(_channels_last(golden.inputs["c"])))[0]
    number, kind = name[len("layer") :].split("/")
    number = int(number)
    residual, skip = network.blocks[number](found[number], local, vector)
    return residual if kind == "residual" else skip


def _loss(model, golden, params):
    """Average over the samples within each row's length; sample 0 is never predicted."""
    given = golden.inputs
    lengths = tf.constant(given["lengths"])
    if "codes" in given:
        targets = tf.constant(given["codes"])[:, 1:]
        nats = likelihood.categorical_nll(params[:, :-1], targets)
    else:
        targets = tf.constant(given["x"][:, 0])[:, 1:]
        nats = wavenet_outputs.negative_log_likelihood(model.config, params[:, :-1], targets)
    positions = tf.range(1, tf.shape(targets)[1] + 1)
    mask = tf.cast(positions < lengths[:, tf.newaxis], tf.float32)
    return tf.reduce_sum(nats * mask) / tf.reduce_sum(mask)


def _free_run(network, golden):
    """Draw audio sample by sample from given random numbers."""
    config, given, expected = network.config, golden.inputs, golden.outputs
    draws = [
        given[name]
        for name in ("gen_uniform", "gen_uniform_mixture", "gen_uniform_logistic", "gen_normal")
        if name in given
    ]
    if config.output == "gaussian":
        draws = [given["gen_normal"]]
    clips = draws[0].shape[1]
    _, local, vector = _inputs(golden, network)
    local = None if local is None else local[:clips]
    vector = None if vector is None else vector[:clips]
    first = tf.zeros([clips, 1])
    if config.one_hot_input:
        first = tf.fill([clips, 1], int(given["gen_initial_code"]))
    step, state = open_queues(network, first, local, vector)
    values, probabilities = [], []
    for t in range(len(draws[0])):
        params, state = step(state, t)
        value = wavenet_outputs.draw_value(config, params, [tf.constant(d[t]) for d in draws])
        state = state._replace(value=value)
        values.append(value)
        probabilities.append(tf.nn.softmax(params))
    made = tf.stack(values, axis=1)
    if not config.one_hot_input:
        return [relative("generated", made[:, tf.newaxis], expected["generated"])]
    likely = _channels_first(tf.stack(probabilities, axis=1))
    return [
        compare("generated_codes", made, expected["generated_codes"], 0.0),
        relative("generated_probs", likely, expected["generated_probs"]),
    ]


def _channels_last(array):
    return np.transpose(array, [0, 2, 1])


def _channels_first(tensor):
    return np.transpose(tensor, [0, 2, 1])


CHECKS = (Check(run=check_r9y9_network, arrays=("w/first_conv/weight_v",)),)
