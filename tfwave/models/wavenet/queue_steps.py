"""WaveNet's queues one sample at a time, for golden vectors that hold the result of every step."""

import tensorflow as tf

from tfwave.models.wavenet import queues


def open_queues(network, first, local=None, speaker=None):
    """Fill the queues of a network and compile its step.

    Args:
      network: `WaveNetNetwork`.
      first: given inputs, [batch, time] codes or waveform.
      local: float32 [batch, samples, local_channels], or None.
      speaker: float32 [batch, 1, speaker_channels], or None.

    Returns:
      (function of (state, number of the sample) as `WaveNetSteps.describe`, the state).
    """
    model, weights = queues.WaveNetSteps(network.config), queues.fold(network)
    constant = queues.gate_terms(network, weights, speaker, first.shape[0])

    @tf.function(autograph=False)
    def describe(state, number):
        row = None if local is None else local[tf.newaxis, :, number]
        return model.describe(weights, state, model.terms(weights, (constant, row))(0))

    state = queues.prime(network, first, local, speaker)
    return lambda state, number: describe(state, tf.constant(number)), state


def forced(network, inputs, local=None, speaker=None):
    """Predict the sample after each input of [batch, time]: [batch, time, output_channels]."""
    step, state = open_queues(network, inputs[:, :1], local, speaker)
    params = []
    for t in range(inputs.shape[1]):
        described, state = step(state._replace(value=inputs[:, t]), t)
        params.append(described)
    return tf.stack(params, axis=1)
