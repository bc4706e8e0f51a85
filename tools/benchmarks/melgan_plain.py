"""MelGAN's generator in plain Keras layers: what one writes from the paper's text alone."""

import keras
import tensorflow as tf


def generator(model):
    """Build a MelGAN's generator from the layers that Keras has for them.

    Args:
      model: MelGAN without norms, such as `fold_weight_norm` returns.

    Returns:
      Function of float32 [batch, frames, n_mels] that returns [batch, 256 * frames, 1].
    """

    def copied(layer, transposed=False):
        if transposed:
            copy = keras.layers.Conv1DTranspose(
                layer.filters, 2 * layer.stride, layer.stride, padding="same"
            )
            ends = [0, 0]
        else:
            copy = keras.layers.Conv1D(
                layer.filters, layer.kernel_size, dilation_rate=layer.dilation
            )
            ends = [layer.padding] * 2
        copy.build((None, None, layer.kernel.shape[-1 if transposed else 1]))
        copy.set_weights([weights.numpy() for weights in (layer.kernel, layer.bias)])
        return lambda x: copy(tf.pad(x, [[0, 0], ends, [0, 0]], "REFLECT"))

    def activate(x):
        return tf.nn.leaky_relu(x, 0.2)

    ours = model.generator
    first, last = copied(ours.first), copied(ours.last)
    stages = [
        (
            copied(upsampling, True),
            [
                [copied(part) for part in (block.dilated, block.out, block.shortcut)]
                for block in stack
            ],
        )
        for upsampling, stack in zip(ours.upsampling, ours.stacks, strict=True)
    ]

    def run(x):
        x = first(x)
        for upsampling, stack in stages:
            x = upsampling(activate(x))
            for dilated, out, shortcut in stack:
                x = out(activate(dilated(activate(x)))) + shortcut(x)
        return tf.tanh(last(activate(x)))

    return tf.function(run, jit_compile=False, autograph=False)
