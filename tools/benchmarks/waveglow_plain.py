"""WaveGlow from noise to waveforms in plain Keras layers, as the paper draws it."""

import keras
import tensorflow as tf


def inverse(model):
    """Build a WaveGlow from noise to waveforms in the layers that Keras has, as the paper draws it.

    Args:
      model: WaveGlow without norms, such as `fold_weight_norm` returns.

    Returns:
      Function of z float32 [batch, groups, group] and features [batch, frames, n_mels] that returns
      [batch, groups * group, 1].
    """
    config, network = model.config, model.network
    group, left = config.group, config.group - config.widths[-1]

    def given(copy, inputs, kernel, bias):
        copy.build((None, None, inputs))
        copy.set_weights([weights.numpy() for weights in (kernel, bias)])
        return copy

    def copied(layer):
        copy = keras.layers.Conv1D(
            layer.filters, layer.kernel_size, dilation_rate=layer.dilation, padding="same"
        )
        return given(copy, layer.kernel.shape[1], layer.kernel, layer.bias)

    bands = config.mel.n_mels
    up = keras.layers.Conv1DTranspose(bands, config.upsampling_kernel, config.hop_length)
    given(up, bands, network.upsampling.kernel, network.upsampling.bias)
    couplings = []
    for ours in network.couplings:
        end = keras.layers.Conv1D(2 * ours.half, 1)
        given(end, config.channels, ours.end_kernel[tf.newaxis], ours.end_bias)
        layers = [(copied(i), copied(o)) for i, o in zip(ours.inner, ours.outer, strict=True)]
        couplings.append((copied(ours.start), copied(ours.conditioner), layers, end))

    def shift_and_log_scale(coupling, x, conditioning):
        start, conditioner, layers, end = coupling
        x, total = start(x), 0.0
        terms = tf.split(conditioner(conditioning), len(layers), axis=-1)
        for (inner, outer), term in zip(layers, terms, strict=True):
            signal, gate = tf.split(inner(x) + term, 2, axis=-1)
            y = outer(tf.tanh(signal) * tf.sigmoid(gate))
            if y.shape[-1] > config.channels:
                x += y[..., : config.channels]
            total += y[..., -config.channels :]
        return tf.split(end(total), 2, axis=-1)

    def run(z, features):
        batch, groups, _ = z.shape
        conditioning = tf.reshape(up(features)[:, : groups * group], [batch, groups, group, -1])
        conditioning = tf.transpose(conditioning, [0, 1, 3, 2])
        conditioning = tf.reshape(conditioning, [batch, groups, group * bands])
        x, stay = z[..., left:], left
        for k in reversed(range(config.flows)):
            passed, changed = tf.split(x, 2, axis=-1)
            shift, log_scale = shift_and_log_scale(couplings[k], passed, conditioning)
            x = tf.concat([passed, (changed - shift) * tf.exp(-log_scale)], -1)
            x = tf.matmul(x, tf.linalg.inv(network.mixes[k].kernel))
            if k and k % config.early_every == 0:
                x = tf.concat([z[..., stay - config.early_size : stay], x], -1)
                stay -= config.early_size
        return tf.reshape(x, [batch, groups * group, 1])

    return tf.function(run, jit_compile=False, autograph=False)
