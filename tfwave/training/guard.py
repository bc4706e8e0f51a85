"""Checks for non-finite values, whose errors name the step and the loss at which a run diverged."""

import numpy as np
import tensorflow as tf

from tfwave.errors import UserError


class NonFiniteError(UserError):
    """An infinite or NaN loss, gradient or weight, for which the run was stopped."""


def check_metrics(step, names, values, batches_fn=None, updates=1):
    """Raise if one of a step's metrics is not finite.

    Args:
      step: number of the step, counted from 1.
      names: metric names, in the order of `values`.
      values: float array [metrics].
      batches_fn: function of (start_step, shard_index, shard_count) giving the training batches,
        used to check whether the step's own clips are the cause.
      updates: batches that a step takes; several are the first axis of everything in its data.

    Raises:
      NonFiniteError: the message names the step, the metrics and the batches of the step.
    """
    bad = [(n, float(v)) for n, v in zip(names, values, strict=True) if not np.isfinite(v)]
    if not bad:
        return
    what = ", ".join(f"{name} is {value}" for name, value in bad)
    where = "" if batches_fn is None else f" ({_describe_batches(step, batches_fn, updates)})"
    raise NonFiniteError(f"training stopped at step {step}: {what}{where}")


def check_variables(step, variables):
    """Raise if a weight is not finite, so that no checkpoint is written from such a state.

    Raises:
      NonFiniteError: the message names the step and the variable.
    """
    for variable in variables:
        value = tf.convert_to_tensor(variable)
        if value.dtype.is_floating and not bool(tf.reduce_all(tf.math.is_finite(value))):
            name = getattr(variable, "path", variable.name)
            raise NonFiniteError(
                f"training stopped at step {step}: the variable {name} holds non-finite values"
            )


def _describe_batches(step, batches_fn, updates):
    """Name the batches (counted from 0 over the whole run) that a step consumed."""
    data = next(iter(batches_fn(step - 1, 0, 1)))
    first = (step - 1) * updates
    text = f"batches {first} to {first + updates - 1}" if updates > 1 else f"batch {first}"
    for update in range(updates):
        parts = [part[update] if updates > 1 else part for part in data.values()]
        count = sum(int((~np.isfinite(np.asarray(part))).sum()) for part in parts)
        if count:
            return text + f", of which batch {first + update} holds {count} non-finite samples"
    return text + ", whose samples are all finite"
