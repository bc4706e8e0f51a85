"""The baseline of the WaveGAN benchmark: the authors' training graph in TF1 style, float32.

Written from their description (arXiv:1802.04208 appendix; graph mode, one session run for each
update, strided convolutions, transposed convolutions as two-dimensional ones of height 1, leaky
ReLU as a maximum, three separate passes of the critic, tf.gradients for the penalty, TF1's Adam).
"""

import numpy as np
import tensorflow as tf

v1 = tf.compat.v1

_KERNEL, _STRIDE, _LAYERS = 25, 4, 5


def training_iteration(model_dim: int, batch_size: int):
    """Build the graph and return a function that runs one iteration.

    Args:
      model_dim: d of the paper's tables.
      batch_size: clips in a batch.

    Returns:
      A function of real clips, float32 [5, batch_size, 16384, 1], that makes five critic updates
      and one generator update and returns the last critic loss.
    """
    graph = tf.Graph()
    with graph.as_default():
        x = v1.placeholder(tf.float32, [batch_size, 16384, 1])
        z = tf.random.uniform([batch_size, 100], -1.0, 1.0)
        with v1.variable_scope("G"):
            fake = _generator(z, model_dim)
        critic_x, critic_fake = _critic(x, model_dim), _critic(fake, model_dim)
        alpha = tf.random.uniform([batch_size, 1, 1])
        interpolates = x + alpha * (fake - x)
        gradients = tf.gradients(_critic(interpolates, model_dim), [interpolates])[0]
        slopes = tf.sqrt(tf.reduce_sum(tf.square(gradients), axis=[1, 2]))
        critic_loss = tf.reduce_mean(critic_fake) - tf.reduce_mean(critic_x)
        critic_loss += 10.0 * tf.reduce_mean((slopes - 1.0) ** 2)
        generator_loss = -tf.reduce_mean(critic_fake)
        train_critic = _adam(critic_loss, "D")
        train_generator = _adam(generator_loss, "G")
        initialize = v1.global_variables_initializer()
    session = v1.Session(graph=graph)
    session.run(initialize)

    def iterate(reals):
        loss = 0.0
        for real in np.asarray(reals):
            loss, _ = session.run([critic_loss, train_critic], {x: real})
        session.run(train_generator)
        return loss

    return iterate


def _adam(loss, scope):
    variables = v1.get_collection(v1.GraphKeys.TRAINABLE_VARIABLES, scope=scope)
    return v1.train.AdamOptimizer(1e-4, 0.5, 0.9).minimize(loss, var_list=variables)


def _weights(name, shape, outputs):
    glorot = v1.glorot_uniform_initializer()
    kernel = v1.get_variable(f"{name}/kernel", shape, initializer=glorot, use_resource=True)
    bias = v1.get_variable(f"{name}/bias", [outputs], initializer=tf.zeros, use_resource=True)
    return kernel, bias


def _generator(z, model_dim):
    width = model_dim * 2 ** (_LAYERS - 1)
    kernel, bias = _weights("dense", [100, 16 * width], 16 * width)
    x = tf.nn.relu(tf.reshape(tf.matmul(z, kernel) + bias, [-1, 16, width]))
    for i in range(_LAYERS):
        batch, time, channels = x.shape
        outputs = 1 if i + 1 == _LAYERS else channels // 2
        kernel, bias = _weights(f"upconv_{i}", [1, _KERNEL, outputs, channels], outputs)
        shape = [batch, 1, time * _STRIDE, outputs]
        strides = [1, 1, _STRIDE, 1]
        x = tf.nn.conv2d_transpose(x[:, tf.newaxis], kernel, shape, strides)[:, 0] + bias
        x = tf.tanh(x) if i + 1 == _LAYERS else tf.nn.relu(x)
    return x


def _critic(x, model_dim):
    with v1.variable_scope("D", reuse=v1.AUTO_REUSE):
        for i in range(_LAYERS):
            outputs = model_dim << i
            kernel, bias = _weights(f"downconv_{i}", [_KERNEL, x.shape[2], outputs], outputs)
            x = tf.nn.conv1d(x, kernel, _STRIDE, "SAME") + bias
            x = tf.maximum(0.2 * x, x)
            if i < 4:
                x = _phase_shuffle(x, 2)
        flat = tf.reshape(x, [x.shape[0], -1])
        kernel, bias = _weights("output", [flat.shape[1], 1], 1)
        return (tf.matmul(flat, kernel) + bias)[:, 0]


def _phase_shuffle(x, radius):
    shape = x.shape
    shift = tf.random.uniform([], -radius, radius + 1, tf.int32)
    left, right = tf.maximum(shift, 0), tf.maximum(-shift, 0)
    x = tf.pad(x, [[0, 0], [left, right], [0, 0]], mode="REFLECT")
    return tf.ensure_shape(x[:, right : right + shape[1]], shape)
