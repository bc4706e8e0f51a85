"""Golden vectors of fatchord/WaveRNN: the network, its loss and gradients, generation, folds."""

import numpy as np
import tensorflow as tf

from tfwave.audio.mel import MelConfig
from tfwave.goldens import Check, compare, relative, torch_state_dict
from tfwave.layers.tracking import inner_variable, trained_variables
from tfwave.losses import likelihood
from tfwave.models.fatchord_wavernn import generation
from tfwave.models.fatchord_wavernn.config import FatchordWaveRNNConfig
from tfwave.models.fatchord_wavernn.fatchord_wavernn import FatchordWaveRNN
from tfwave.models.fatchord_wavernn.weights import authors_arrays, load_arrays

# Several times the float32 error of the public code against float64; logits are as large as 27. Its
# loss of mixtures subtracts two sigmoids, with errors of 6e-3 per sample and 1e-3 per gradient.
_TOLERANCE = 1e-4
_GRADIENT_TOLERANCE = 2e-5
_MIXTURE_TOLERANCES = {"loss_per_sample": 1.5e-2, "loss": 1e-3, "grad": 2e-3}
_AUDIO_TOLERANCE = 2e-5
_BATCH_NORM = {
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
# Variables of which goldens have gradients: {path: an array of PyTorch that is part of it}.
_GRADIENTS = {
    "I/kernel": "I.weight",
    "upsample/up_layers/1/kernel": "upsample.up_layers.1.weight",
    "rnn1/recurrent_kernel": "rnn1.weight_hh_l0",
    "rnn1/bias": "rnn1.bias_ih_l0",
}
_OUTPUTS = {"RAW": "categorical", "MOL": "logistic_mixture"}


def fatchord_model(golden, mu_law=False):
    """Build a `FatchordWaveRNN` with the weights of a golden; classes companded or not."""
    cfg, weights = golden.cfg, golden.weights
    hop = int(np.prod(cfg["upsample_factors"]))
    config = FatchordWaveRNNConfig(
        mel=MelConfig(hop_length=hop, n_mels=cfg["feat_dims"]),
        output=_OUTPUTS[cfg["mode"]],
        bits=cfg["bits"],
        mu_law=mu_law,
        mixtures=weights["fc3/kernel"].shape[1] // 3,
        units=cfg["rnn_dims"],
        dense_units=cfg["fc_dims"],
        upsampling=cfg["upsample_factors"],
        frame_padding=cfg["pad"],
        resnet_channels=cfg["compute_dims"],
        resnet_blocks=cfg["res_blocks"],
        aux_channels=cfg["res_out_dims"],
    )
    model = FatchordWaveRNN(config)
    load_arrays(model, _torch_weights(weights))
    return model


def _torch_weights(weights):
    """Return the state dict that corresponds to the weights of a golden."""
    arrays = torch_state_dict(weights)
    for name in list(arrays):
        module, _, part = name.rpartition(".")
        array = arrays.pop(name)
        if "up_layers" in name:  # a filter over time shared by all bands
            array = array.reshape(1, 1, 1, -1)
        if module in ("rnn1", "rnn2"):
            arrays |= _torch_gru(module, part, array)
        else:
            arrays[f"{module}.{_BATCH_NORM.get(part, part)}"] = array
    return arrays


def _torch_gru(module, part, array):
    """Return the arrays of a GRU with gates in PyTorch's order r, z, h."""
    if part == "bias":
        z, r, h = np.split(array, 3, axis=1)
        inputs, recurrent = np.concatenate([r, z, h], axis=1)
        return {f"{module}.bias_ih_l0": inputs, f"{module}.bias_hh_l0": recurrent}
    array = array.T if part == "recurrent_kernel" else array
    z, r, h = np.split(array, 3)
    name = {"weight": "weight_ih_l0", "recurrent_kernel": "weight_hh_l0"}[part]
    return {f"{module}.{name}": np.concatenate([r, z, h])}


def check_fatchord(golden):
    """Compare the network in evaluation and training, the loss, and generation.

    Args:
      golden: Golden with mels, levels, weights under their module paths, and random numbers.

    Returns:
      List of (array, worst absolute error, tolerance); an output that is not computed here, or one
      that is missing, has an infinite error.
    """
    inputs = golden.inputs
    model = fatchord_model(golden)
    results = _check_inputs(model, inputs)
    found = _network(model, inputs, "eval")
    found |= _whole(model, inputs)
    if model.config.output == "categorical":
        found |= _folds(model, inputs, golden.cfg)
        found["gen_argmax/audio_mu_law"] = _audio(fatchord_model(golden, mu_law=True), inputs)
    else:
        found |= _mixture_loss(inputs)
    # Last, because it updates the statistics of batch normalisation.
    found |= _network(model, inputs, "train")
    for name in sorted({*golden.outputs, *found}):
        if name not in golden.outputs or name not in found:
            results.append((f"out/{name}", float("inf"), _TOLERANCE))
            continue
        expected = golden.outputs[name]
        tolerance = _tolerance(name, expected, model.config)
        # Sums of many terms are large, so that their error is taken relative to them.
        compared = relative if name.endswith(("grad_norm_all", "in_float64")) else compare
        results.append(compared(f"out/{name}", found[name], expected, tolerance))
    return results


def _tolerance(name, expected, config):
    if expected.dtype.kind == "i":
        return 0.0
    if name.startswith(("gen", "fold", "unfold")) and not name.endswith("logits"):
        return _AUDIO_TOLERANCE
    mixture = config.output == "logistic_mixture"
    if name == "mol_loss_per_sample_in_float64":
        return _TOLERANCE
    if "grad" in name:
        return _MIXTURE_TOLERANCES["grad"] if mixture else _GRADIENT_TOLERANCE
    for part, tolerance in _MIXTURE_TOLERANCES.items():
        if mixture and name.endswith(part):
            return tolerance
    return _GRADIENT_TOLERANCE if "batch_norm" in name else _TOLERANCE


def _check_inputs(model, inputs):
    """Check the levels as inputs of the network and as labels."""
    x = generation.scaled(model.config, inputs["labels"])
    target = inputs["labels"] if model.config.output == "categorical" else x
    return [
        compare("in/x", x[:, :-1], inputs["x"], 1e-6),
        compare("in/target", target[:, 1:], inputs["target"], 1e-6),
    ]


def _network(model, inputs, mode):
    """Return the arrays out/eval/ or out/train/; "train" updates the moving statistics."""
    network, training = model.network, mode == "train"
    labels, mels = tf.constant(inputs["labels"]), tf.constant(inputs["mels"])
    variables = trained_variables(network)
    with tf.GradientTape() as tape:
        stretched, aux = network.conditioning(mels, training=training)
        params = network.outputs_of(tf.constant(inputs["x"]), stretched, aux)
        nats = model.negative_log_likelihood(params, labels[:, 1:])
        loss = tf.reduce_mean(nats)
    found = {"aux": aux, "logits": params, "loss": loss}
    if training:
        gradients = tape.gradient(loss, variables)
        found["grad_norm_all"] = tf.linalg.global_norm(gradients)
        by_variable = {v.ref(): g for v, g in zip(variables, gradients, strict=True)}
        parts = authors_arrays(model)
        for place, name in _GRADIENTS.items():
            gradient = by_variable[inner_variable(parts[name].variable).ref()]
            found[f"grad/{place}"] = gradient[:, 0] if "up_layers" in place else gradient
        norm = network.auxiliary.norm
        found["batch_norm_after/moving_mean"] = norm.moving_mean
        found["batch_norm_after/moving_variance"] = norm.moving_variance
    else:
        found["upsampled_mels"] = stretched
        if model.config.output == "logistic_mixture":
            found["loss_per_sample"] = nats
    return {f"{mode}/{name}": np.asarray(array) for name, array in found.items()}


def _whole(model, inputs):
    """Return the arrays of a whole clip: sample by sample, and the audio by the compiled loop."""
    if model.config.output == "logistic_mixture":
        draws = (
            inputs["gen_uniform_mixture"][:, np.newaxis],
            inputs["gen_uniform_logistic"][:, np.newaxis],
        )
        params, values = _steps(model, inputs, draws)
        count = model.config.mixtures
        return {
            "gen/logits": params,
            "gen/samples": values,
            "gen/mixture": likelihood.pick_component(params[:, :count], draws[0][:, 0]),
            "gen/audio": _audio(model, inputs, draws=draws),
        }
    found = {}
    for name, draws in (("argmax", None), ("uniform", (inputs["gen_uniform"][:, np.newaxis],))):
        params, values = _steps(model, inputs, draws)
        classes = np.round((values + 1.0) * ((model.config.levels - 1) / 2)).astype(np.int32)
        found |= {
            f"gen_{name}/logits": params,
            f"gen_{name}/samples": values,
            f"gen_{name}/class": classes,
        }
    found["gen_argmax/audio"] = _audio(model, inputs)
    return found


def _steps(model, inputs, draws):
    """Return outputs [samples, channels] and samples [samples] of all steps of the frames."""
    weights, steps = (
        generation.fold_weights(model.network),
        generation.FatchordSteps(model.config, draws is None),
    )
    rows = generation.conditioning(model.network, tf.constant(inputs["gen_mels"]))
    terms = tf.matmul(rows, weights.conditioning[tf.newaxis]) + weights.bias

    def one(state, terms, drawn):
        params, state = steps.describe(weights, state, terms)
        value = steps.draw(params, drawn)
        return params, state._replace(value=value)

    one = tf.function(one, autograph=False)
    state, found = generation.silence(model.config, 1), []
    for t in range(terms.shape[1]):
        drawn = None if draws is None else [tf.constant(each[t]) for each in draws]
        params, state = one(state, terms[:, t], drawn)
        found.append((params[0], state.value[0]))
    return tuple(np.stack(arrays) for arrays in zip(*found, strict=True))


def _audio(model, inputs, draws=None, **how):
    """Generate audio [samples] from the golden's mels; the public code does not clip it."""
    return generation.generate(
        model.network, inputs["gen_mels"], draws=draws, greedy=draws is None, **how
    )[0, :, 0]


def _folds(model, inputs, cfg):
    """Return the arrays of folding, crossfading, and generation in folds."""
    target, overlap = cfg["target"], cfg["overlap"]
    rows = generation.conditioning(model.network, tf.constant(inputs["gen_mels"]))
    rows = generation.folded(rows, target, overlap)[0]
    small = cfg["fold_target"], cfg["fold_overlap"]
    return {
        "gen_batched_argmax/samples": generation.run(model.network, rows, greedy=True),
        "gen_batched_argmax/audio": _audio(
            model, inputs, batched=True, target=target, overlap=overlap
        ),
        "fold": generation.folded(tf.constant(inputs["fold"]), *small)[0],
        "unfold": generation.unfolded(inputs["unfold"][np.newaxis], small[1])[0],
    }


def _mixture_loss(inputs):
    """Return the loss alone, in float64 and in float32."""
    found = {}
    for name, dtype in (("_in_float64", np.float64), ("", np.float32)):
        params, y = (tf.constant(inputs[part], dtype) for part in ("mol_params", "mol_y"))
        found[f"mol_loss_per_sample{name}"] = likelihood.logistic_mixture_nll(
            params, y, 2**16, float(np.log(1e-14))
        )
    return found


CHECKS = (Check(run=check_fatchord, arrays=("w/upsample/resnet/conv_in/kernel",)),)
