"""WaveNet's update in plain Keras layers: what one writes from the paper's text alone."""

import keras
import tensorflow as tf


def training_step(config):
    """Return a function of waveform [batch, receptive_field + samples] that makes one Adam update.

    Args:
      config: WaveNetConfig with one-hot input and softmax over mu-law codes.

    Returns:
      Function giving the loss in nats as a float.
    """
    inputs = keras.Input([None], dtype="int32")
    one_hot = keras.layers.Embedding(
        config.levels, config.levels, embeddings_initializer="identity", trainable=False
    )(inputs)
    x = keras.layers.Conv1D(
        config.residual_channels, config.initial_kernel_size, padding="causal", use_bias=False
    )(one_hot)
    skips = []
    for dilation in config.dilations:

        def gate(activation, x=x, dilation=dilation):
            return keras.layers.Conv1D(
                config.gate_channels // 2,
                config.kernel_size,
                dilation_rate=dilation,
                padding="causal",
                activation=activation,
            )(x)

        z = keras.layers.Multiply()([gate("tanh"), gate("sigmoid")])
        x = keras.layers.Add()([x, keras.layers.Conv1D(config.residual_channels, 1)(z)])
        skips.append(keras.layers.Conv1D(config.skip_channels, 1)(z))
    y = keras.layers.ReLU()(keras.layers.Add()(skips))
    y = keras.layers.Conv1D(config.skip_channels, 1, activation="relu")(y)
    network = keras.Model(inputs, keras.layers.Conv1D(config.levels, 1)(y))
    optimizer = keras.optimizers.Adam(config.learning_rate, epsilon=config.adam_epsilon)

    @tf.function(jit_compile=False, autograph=False)
    def step(waveform):
        companded = tf.sign(waveform) * tf.math.log1p(255.0 * tf.abs(waveform)) / tf.math.log(256.0)
        codes = tf.cast((companded + 1.0) / 2.0 * 255.0 + 0.5, tf.int32)
        first = config.receptive_field
        with tf.GradientTape() as tape:
            logits = network(codes[:, :-1])[:, first - 1 :]
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(codes[:, first:], logits)
            )
        variables = network.trainable_variables
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    return lambda waveform: float(step(tf.constant(waveform)))
