"""Access to layers and variables of models that is the same in Keras 2 and 3."""

import tensorflow as tf


def track_layers(owner, layers):
    """Set layers as attributes of their owner, under their names.

    Keras 3 trains layers in a list but does not expose the list to `tf.train.Checkpoint`,
    which would then neither save nor restore them.

    Args:
      owner: Keras model or layer.
      layers: Keras layers with names of their own.
    """
    for layer in layers:
        setattr(owner, layer.name, layer)


def trained_variables(network):
    """List the trained TensorFlow variables of a Keras model or layer.

    Keras 3 wraps them, while gradient tapes accept only the wrapped variables.

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
    """Return an int64 variable that counts the updates of a model, from 0.

    All replicas have the same count, so a checkpoint stores the first one's.
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
      kind: class of the layers.
    """
    return [layer for layer in network._flatten_layers() if isinstance(layer, kind)]
