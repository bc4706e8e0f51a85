"""Signatures of fatchord's WaveRNN: its loop inside a graph, for any number of clips."""

import numpy as np
import tensorflow as tf

from tfwave.models import sampler, signatures
from tfwave.models.fatchord_wavernn import generation as fatchord


def of_fatchord(network, xla=False):
    """Build `vocode` and `copy_synthesis` of a `FatchordNetwork`, without folds.

    Args:
      network: `FatchordNetwork`.
      xla: compile the loop.
    """
    config, model = network.config, fatchord.FatchordSteps(network.config)
    ramp = tf.constant(np.linspace(1.0, 0.0, fatchord.FADED * config.hop_length), tf.float32)

    def vocode(mel, temperature, seed):
        samples = (tf.shape(mel)[1] - 1) * config.hop_length
        rows = fatchord.conditioning(network, mel)
        start = fatchord.begin(network, tf.shape(mel)[0], rows)
        made = sampler.generate_in_graph(model, start, samples, seed, temperature, xla)
        made = fatchord.decoded(config, made[..., 0])
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
