"""Lists of layers in checkpoints."""


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
