"""Golden vectors of WaveRNN's dual-softmax cell, computed from the paper's equations."""

import numpy as np
import tensorflow as tf

from tfwave.goldens import Check, compare
from tfwave.layers.gru import gates
from tfwave.layers.tracking import inner_variable
from tfwave.losses.likelihood import categorical_nll, sample_softmax
from tfwave.models.wavernn import generation
from tfwave.models.wavernn.config import WaveRNNConfig
from tfwave.models.wavernn.wavernn import WaveRNN
from tfwave.models.wavernn.weights import authors_arrays, load_arrays

# The goldens are float64 rounded to float32; float32 comes within 2e-6 of logits and likelihoods,
# and within 2e-7 of gradients.
_TOLERANCE = 1e-5
_GRADIENT_TOLERANCE = 2e-6


def paper_model(golden):
    """Return a `WaveRNN` with the weights of a `paper_dual_softmax_` golden."""
    weights = golden.weights
    config = WaveRNNConfig(
        units=weights["R"].shape[0], bins=weights["O2"].shape[1], out_hidden=weights["O1"].shape[1]
    )
    model = WaveRNN(config)
    load_arrays(model, {name: array for name, array in weights.items() if name != "I_mask"})
    return model


def check_dual_softmax(golden):
    """Compare the cell's forward pass, gradients and free run with the paper's equations.

    Args:
      golden: Golden with the halves of given samples, weights and uniform draws.

    Returns:
      List of (array, worst absolute error, tolerance); an output that is not computed here, or one
      that is missing, has an infinite error.
    """
    model = paper_model(golden)
    cell = model.network.cell
    found = {**_teacher_forced(model, golden.inputs), **_free_run(cell, golden.inputs)}
    results = [compare("I_mask", cell.input_mask(), golden.weights["I_mask"], 0.0)]
    for name in sorted({*golden.outputs, *found}):
        if name not in golden.outputs or name not in found:
            results.append((name, float("inf"), _TOLERANCE))
            continue
        expected = golden.outputs[name]
        tolerance = _GRADIENT_TOLERANCE if "/grad/" in name else _TOLERANCE
        tolerance = 0.0 if expected.dtype.kind == "i" else tolerance
        results.append(compare(name, found[name], expected, tolerance))
    return results


def _teacher_forced(model, inputs):
    """Return the arrays out/teacher/ of a golden."""
    cell, parts = model.network.cell, authors_arrays(model)
    coarse, fine = tf.constant(inputs["coarse"]), tf.constant(inputs["fine"])
    names = ("R", "I", "O1", "O4")
    watched = {name: inner_variable(parts[name].variable) for name in names}
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(list(watched.values()))
        terms = cell.gate_inputs(coarse, fine)
        states = cell.states(terms)
        logits = cell.logits(states)
        nats = [categorical_nll(logits[0], coarse[:, 1:]), categorical_nll(logits[1], fine[:, 1:])]
        loss = tf.reduce_mean(nats[0] + nats[1])
    gradients = tape.gradient(loss, watched)
    before = tf.pad(states[:, :-1], [[0, 0], [1, 0], [0, 0]])
    u, r, e = gates(tf.matmul(before, cell.effective_recurrent()), terms)
    found = {
        "logits_coarse": logits[0],
        "logits_fine": logits[1],
        "h": states,
        "u": u,
        "r": r,
        "e": e,
        "nll_coarse": nats[0],
        "nll_fine": nats[1],
        "loss": loss,
        **{f"grad/{name}": gradients[name] for name in names},
    }
    return {f"teacher/{name}": np.asarray(array) for name, array in found.items()}


def _free_run(cell, inputs):
    """Return the arrays out/generated/ of a golden, by the steps of fast generation."""
    weights, uniform = generation.fold(cell), tf.constant(inputs["uniform"])
    steps = generation.WaveRNNSteps(cell.bins, hop=1)
    state = generation.silence(cell.units, cell.bins, uniform.shape[0])
    state = state._replace(
        coarse=tf.constant(inputs["start_coarse"]), fine=tf.constant(inputs["start_fine"])
    )
    found = {name: [] for name in ("coarse", "fine", "logits_coarse", "logits_fine", "h")}
    for t in range(uniform.shape[1]):
        state, *logits = steps.describe(
            weights,
            state,
            None,
            lambda logits, half, t=t: sample_softmax(logits, uniform[:, t, half]),
        )
        for name, array in zip(found, (state.coarse, state.fine, *logits, state.h), strict=True):
            found[name].append(array)
    found = {f"generated/{name}": np.stack(arrays, axis=1) for name, arrays in found.items()}
    halves = found["generated/coarse"], found["generated/fine"]
    return {**found, "generated/unsigned": halves[0] * cell.bins + halves[1]}


CHECKS = (Check(run=check_dual_softmax, arrays=("w/I_mask",)),)
