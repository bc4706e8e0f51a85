"""WaveNet's queues one sample at a time, for golden vectors that hold what every step gave."""

import tensorflow as tf

from tfwave.models.wavenet import queues as wavenet_queues


def open_queues(network, first, local=None, speaker=None):
    """Fill the queues of a network and compile its step.

    Args:
      network: `WaveNetNetwork`.
      first: inputs that are known, [batch, time] codes or waveform.
      local: float32 [batch, samples, local_channels], or None.
      speaker: float32 [batch, 1, speaker_channels], or None.

    Returns:
      (function of (state, number of the sample) that returns the next sample's description
      [batch, output_channels] and the state without its value; the state).
    """
    config, weights = network.config, wavenet_queues.fold(network)
    constant, matrix = wavenet_queues.gate_terms(network, weights, speaker, first.shape[0])

    @tf.function(autograph=False)
    def compiled(state, number):
        extra = None if local is None else tf.matmul(local[:, number], matrix)
        return wavenet_queues.step(config, weights, constant, state, extra)

    def step(state, number):
        return compiled(state, tf.constant(number))

    return step, wavenet_queues.prime(network, first, local, speaker)


def forced(network, inputs, local=None, speaker=None):
    """Describe what follows each of given inputs [batch, time], from empty queues on.

    Returns:
      float32 [batch, time, output_channels].
    """
    step, state = open_queues(network, inputs[:, :1], local, speaker)
    found = []
    for t in range(inputs.shape[1]):
        params, state = step(state._replace(value=inputs[:, t]), t)
        found.append(params)
    return tf.stack(found, axis=1)
