"""WaveRNN and the public model of that name, one call of a compiled step for each sample."""

import tensorflow as tf

from tfwave.layers.gru import gates
from tfwave.losses import likelihood
from tfwave.models.fatchord_wavernn import generation as fatchord
from tfwave.models.wavernn.cell import scaled


def dual_softmax(cell, uniform):
    """Make clips from a dense or a pruned cell, whose matrices are multiplied whole.

    Args:
      cell: DualSoftmaxCell.
      uniform: float32 [samples, clips, 2] in [0, 1).

    Returns:
      int32 [samples, clips, 2], coarse and fine halves.
    """
    units, bins = cell.units, cell.bins
    clips = uniform.shape[1]
    recurrent, kernel = cell.effective_recurrent(), cell.masked_inputs_kernel()

    @tf.function(jit_compile=False, autograph=False)
    def step(h, past, uniform):
        products = tf.matmul(h, recurrent)

        def update(present):
            x = scaled(tf.concat([past, present[:, tf.newaxis]], axis=-1), bins)
            u, _, e = gates(products, tf.matmul(x, kernel) + cell.gate_bias)
            return u * h + (1.0 - u) * e

        logits, _ = cell.logits(update(past[:, 0]))  # the coarse half uses the past only
        coarse = likelihood.sample_softmax(logits, uniform[:, 0])
        h = update(coarse)
        _, logits = cell.logits(h)
        fine = likelihood.sample_softmax(logits, uniform[:, 1])
        return h, tf.stack([coarse, fine], axis=-1)

    h, past, made = tf.zeros([clips, units]), tf.tile([[bins // 2, 0]], [clips, 1]), []
    for drawn in uniform:
        h, past = step(h, past, drawn)
        made.append(past)
    return tf.stack(made)


def mel_conditioned(network, rows, draws):
    """Make clips from the layers of the public model, as they are trained.

    Args:
      network: FatchordNetwork.
      rows: float32 [clips, samples, n_mels + aux_channels], conditioning.
      draws: tuple of float32 [samples, clips, ...]; see `wavenet_outputs.draws`.

    Returns:
      float32 [clips, samples].
    """
    config, clips = network.config, rows.shape[0]
    draw = fatchord.FatchordSteps(config).draw
    parts = [config.mel.n_mels, *[config.aux_channels // 4] * 4]

    @tf.function(jit_compile=False, autograph=False)
    def step(x, one, two, row, drawn):
        mel, a, b, c, d = tf.split(row, parts, axis=-1)
        y = network.inputs_layer(tf.concat([x[:, tf.newaxis], mel, a], axis=-1))
        one, _ = network.rnn1.cell(y, [one])
        y += one
        two, _ = network.rnn2.cell(tf.concat([y, b], axis=-1), [two])
        y += two
        y = tf.nn.relu(network.fc1(tf.concat([y, c], axis=-1)))
        y = tf.nn.relu(network.fc2(tf.concat([y, d], axis=-1)))
        return draw(network.fc3(y), drawn), one, two

    x, made = tf.zeros([clips]), []
    one = two = tf.zeros([clips, config.units])
    for i in range(rows.shape[1]):
        x, one, two = step(x, one, two, rows[:, i], [each[i] for each in draws])
        made.append(x)
    return tf.stack(made, axis=1)
