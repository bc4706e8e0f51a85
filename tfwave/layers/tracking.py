"""Access to layers and variables of models that is the same in Keras 2 and 3."""

import tensorflow as tf


def track_layers(owner, layers):
    """Make layers attributes of their owner, under their names.

    Keras 3 trains layers that stand in a list but does not show the list to `tf.train.Checkpoint`,
    which would then neither save nor restore them.

    Args:
      owner: Keras model or layer.
      layers: Keras layers with names of their own.
    """
    for layer in layers:
        setattr(owner, layer.name, layer)


def trained_variables(network):
    """List the trained TensorFlow variables of a Keras model or layer.

    Keras 3 wraps them; gradient tapes take only what is inside.

    Args:
      network: built Keras model or layer.

    Returns:
      tf.Variables in the order of their creation.
    """
    return [inner_variable(variable) for variable in network.trainable_variables]


def inner_variable(variable):
    """Return the tf.Variable of a Keras variable of either version."""
    return variable if isinstance(variable, tf.Variable) else variable.value


def step_counter():
    """Return the int64 variable in which a model counts its updates, from 0.

    All replicas count the same, so a checkpoint takes the first one's.
    """
    return tf.Variable(
        0,
        dtype=tf.int64,
        trainable=False,
        name="step",
        aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
    )


def find_layers(network, kind):
    """List the layers of one kind inside a Keras model or layer, in the order they were added.

    Args:
      network: Keras model or layer.
      kind: class.
    """
    return [layer for layer in network._flatten_layers() if isinstance(layer, kind)]
