"""The guard against non-finite values: says at which step and in which loss a run broke."""

import numpy as np
import tensorflow as tf

from tfwave.errors import UserError


class NonFiniteError(UserError):
    """A loss, gradient or weight became infinite or not a number; the run was stopped."""


def check_metrics(step, names, values, batches_fn=None):
    """Raise if one of a step's metrics is not finite.

    Args:
      step: number of the step, counted from 1.
      names: metric names, in the order of `values`.
      values: float array [metrics].
      batches_fn: function of (start_step, shard_index, shard_count) giving the training batches,
        used to look whether the step's own clips are to blame.

    Raises:
      NonFiniteError: the sentence names the step, the metrics and the batches of the step.
    """
    bad = [(n, float(v)) for n, v in zip(names, values, strict=True) if not np.isfinite(v)]
    if not bad:
        return
    what = ", ".join(f"{name} is {value}" for name, value in bad)
    where = "" if batches_fn is None else f" ({_describe_batches(step, batches_fn)})"
    raise NonFiniteError(f"training stopped at step {step}: {what}{where}")


def check_variables(step, variables):
    """Raise if a weight is not finite, so that no checkpoint is written from such a state.

    Raises:
      NonFiniteError: the sentence names the step and the variable.
    """
    for variable in variables:
        value = tf.convert_to_tensor(variable)
        if value.dtype.is_floating and not bool(tf.reduce_all(tf.math.is_finite(value))):
            name = getattr(variable, "path", variable.name)
            raise NonFiniteError(
                f"training stopped at step {step}: the variable {name} holds non-finite values"
            )


def _describe_batches(step, batches_fn):
    """Name the batches (counted from 0 over the whole run) that a step consumed."""
    element = next(iter(batches_fn(step - 1, 0, 1)))
    waveform = np.asarray(element["waveform"])
    if waveform.ndim == 4:  # a batch for each update of the step
        batches = waveform
    else:
        batches = [np.concatenate([np.ravel(part).astype(np.float64) for part in element.values()])]
    updates = len(batches)
    first = (step - 1) * updates
    text = f"batches {first} to {first + updates - 1}" if updates > 1 else f"batch {first}"
    for number, batch in enumerate(batches, first):
        count = int((~np.isfinite(batch)).sum())
        if count:
            return text + f", of which batch {number} holds {count} non-finite samples"
    return text + ", whose samples are all finite"
