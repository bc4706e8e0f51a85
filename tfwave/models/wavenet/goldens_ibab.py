"""Checks of WaveNet against golden vectors of ibab/tensorflow-wavenet.

Everything must agree to 2e-5 * (1 + |reference|), codes exactly.
"""

import numpy as np
import tensorflow as tf

from tfwave.goldens import Check, compare, relative
from tfwave.losses import likelihood
from tfwave.models.wavenet import outputs as wavenet_outputs
from tfwave.models.wavenet import queues as wavenet_queues
from tfwave.models.wavenet.config import WaveNetConfig
from tfwave.models.wavenet.queue_steps import forced, open_queues
from tfwave.models.wavenet.wavenet import WaveNet
from tfwave.models.wavenet.weights import authors_arrays, load_arrays
from tfwave.models.wavenet.weights_ibab import SCOPE

# Goldens use the names of variables in the code; its checkpoints use others.
_NAMES = {
    "gc_filtweights": "gc_filter",
    "gc_gateweights": "gc_gate",
    "filter_bias": "Variable",
    "gate_bias": "Variable_1",
    "dense_bias": "Variable_2",
    "skip_bias": "Variable_3",
    "postprocess1_bias": "Variable",
    "postprocess2_bias": "Variable_1",
}


def ibab_model(golden):
    """Return a `WaveNet` with the weights of an `ibab_` golden."""
    cfg = golden.cfg
    scalar = cfg["scalar_input"]
    config = WaveNetConfig(
        dilations=tuple(cfg["dilations"]),
        kernel_size=cfg["filter_width"],
        residual_channels=cfg["residual_channels"],
        gate_channels=2 * cfg["dilation_channels"],
        skip_channels=cfg["skip_channels"],
        levels=cfg["quantization_channels"],
        one_hot_input=not scalar,
        initial_kernel_size=cfg["initial_filter_width"] if scalar else cfg["filter_width"],
        bias=cfg["use_biases"],
        speakers=cfg.get("gc_cardinality") or 0,
        speaker_channels=cfg.get("gc_channels") or 0,
    )
    model = WaveNet(config)
    load_arrays(model, {_checkpoint_name(name): w for name, w in golden.weights.items()})
    return model


def _checkpoint_name(name):
    scope, _, part = name.rpartition("/")
    return f"{SCOPE}{scope}/{_NAMES.get(part, part)}"


def check_ibab_network(golden):
    """Compare codes, logits, activations, losses with and without L2 term, and gradients."""
    model = ibab_model(golden)
    config, network, expected = model.config, model.network, golden.outputs
    audio = golden.inputs["audio"][:, :, 0]
    batch = {"waveform": tf.constant(audio)}
    speaker = golden.inputs.get("gc_id", golden.inputs.get("gc_vector"))
    if speaker is not None:
        batch["speaker"] = tf.constant(speaker)
    codes = wavenet_outputs.mulaw.encode(audio, config.levels)
    results = [
        compare("codes", codes, expected["codes"], 0.0),
        compare("target_codes", codes[:, config.receptive_field :], expected["target_codes"], 0.0),
        relative("logits", model.predictions(batch, network)[0], expected["logits"]),
    ]
    past = wavenet_outputs.as_inputs(config, batch["waveform"][:, :-1])
    vector = network.speaker_vector(batch.get("speaker"))
    layers = network.activations(past, None, vector)
    for name, array in expected.items():
        if name == "intermediate/causal_layer":
            results.append(relative(name, layers[0], array))
        elif name.startswith("intermediate/layer"):
            number, kind = name[len("intermediate/layer") :].split("/")
            residual, skip = network.blocks[int(number)](layers[int(number)], None, vector)
            found = residual if kind == "residual" else skip[:, -array.shape[1] :]
            results.append(relative(name, found, array))
    loss, _, gradients = model.loss_and_gradients(batch)
    results.append(relative("loss", loss, expected["loss"]))
    results += _ibab_gradients(model, gradients, expected)
    squares = [tf.nn.l2_loss(variable) for variable in network.trainable_variables]
    results.append(
        relative("loss_l2_0.01", loss + 0.01 * tf.add_n(squares), expected["loss_l2_0.01"])
    )
    return results


def _ibab_gradients(model, gradients, expected):
    """Compare the gradients of a golden with ours, part by part."""
    ours = {
        id(variable): np.asarray(gradient)
        for variable, gradient in zip(model.network.trainable_variables, gradients, strict=True)
    }
    parts, results = authors_arrays(model), []
    for name, array in expected.items():
        if name.startswith("grad/"):
            part = parts[_checkpoint_name(name.removeprefix("grad/"))]
            results.append(relative(name, part.of(ours[id(part.variable)]), array))
    return results


def check_ibab_incremental(golden):
    """Compare generation with queues: from zeros, primed, and codes drawn from given numbers."""
    model = ibab_model(golden)
    network, inputs, expected = model.network, golden.inputs, golden.outputs
    speaker = None
    if "gc_id" in inputs:
        speaker = network.speaker_vector(tf.constant([inputs["gc_id"]]))
    cold = tf.constant(inputs["cold_codes"][np.newaxis])
    proba_cold = tf.nn.softmax(forced(network, cold, None, speaker))[0]
    results = [relative("proba_cold", proba_cold, expected["proba_cold"])]
    field = network.config.receptive_field
    seed = tf.constant(inputs["seed_codes"][np.newaxis, -field:])
    codes, probabilities = _free(network, seed, speaker, inputs["uniform"])
    results.append(compare("generated_codes", codes, expected["generated_codes"], 0.0))
    results.append(relative("proba_incremental", probabilities, expected["proba_incremental"]))
    sequence = tf.concat([seed, tf.constant(codes[np.newaxis])], axis=1)
    naive = tf.function(
        lambda window: tf.nn.softmax(wavenet_queues.naive(network, window, None, speaker))[0],
        autograph=False,
    )
    full = [naive(sequence[:, i : i + field]) for i in range(len(codes))]
    return [*results, relative("proba_full", np.stack(full), expected["proba_full"])]


def _free(network, seed, speaker, uniforms):
    """Draw codes one after another from given numbers; return them and their distributions."""
    step, state = open_queues(network, seed, None, speaker)
    codes, distributions = [], []
    for t, uniform in enumerate(uniforms):
        params, state = step(state, t)
        probabilities = tf.nn.softmax(tf.cast(params, tf.float64))
        code = likelihood.sample_categorical(probabilities, tf.constant([uniform], tf.float64))
        state = state._replace(value=code)
        codes.append(int(code[0]))
        distributions.append(probabilities[0].numpy())
    return np.array(codes, np.int32), np.stack(distributions)


CHECKS = (
    Check(run=check_ibab_network, arrays=("w/causal_layer/filter", "out/loss_l2_0.01")),
    Check(run=check_ibab_incremental, arrays=("in/cold_codes",)),
)
