"""Signatures of fatchord's WaveRNN: its loop inside a graph, for any number of clips."""

import numpy as np
import tensorflow as tf

from tfwave.models import signatures
from tfwave.models.fatchord_wavernn import generation as fatchord
from tfwave.models.wavenet import outputs as wavenet_outputs


def of_fatchord(network, xla=False):
    """`vocode` and `copy_synthesis` of a `FatchordNetwork`, in one piece.

    Args:
      network: `FatchordNetwork`.
      xla: compile the loop.
    """
    config = network.config
    ramp = tf.constant(np.linspace(1.0, 0.0, fatchord.FADED * config.hop_length), tf.float32)

    def vocode(mel, temperature, seed):
        samples = (tf.shape(mel)[1] - 1) * config.hop_length
        made = run_fatchord(
            network, fatchord.conditioning(network, mel), samples, temperature, seed, xla
        )
        made = fatchord.decoded(config, made)
        faded = made[:, -ramp.shape[0] :] * ramp
        made = tf.concat([made[:, : -ramp.shape[0]], faded], axis=1)
        return tf.clip_by_value(made, -1.0, 1.0)[:, :, tf.newaxis]

    return signatures.vocoder_signatures(
        vocode,
        config.mel,
        [signatures.temperature_input(), signatures.seed_input()],
        fatchord.FADED + 1,
        signatures.MOST_CLIPS,
    )


def run_fatchord(network, rows, samples, temperature, seed, xla=False):
    """What `fatchord_wavernn_generation.run` gives, inside a graph: float32 [clips, samples]."""
    config, block = network.config, fatchord.BLOCK
    clips, last = tf.shape(rows)[0], tf.shape(rows)[1] - 1
    rows = tf.transpose(rows, [1, 0, 2])
    weights, loop = fatchord.fold_weights(network), fatchord.compiled(config, False, xla)

    def make(number, state):
        drawn = wavenet_outputs.draws(config, seed, number, clips, block)
        wanted = tf.gather(rows, tf.minimum(number * block + tf.range(block), last))
        ((made, state),) = loop(weights, temperature, [(state, wanted, drawn)])
        return made, state

    return signatures.by_blocks(samples, block, fatchord.start(config, clips), make)
