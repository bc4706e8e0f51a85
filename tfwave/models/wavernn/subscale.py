"""Subscale WaveRNN: interleaved parts of a signal generated in parallel.

Source: arXiv:1802.08435 section 4. A signal is folded into B sub-tensors; sub-tensor s contains the
samples B i + s. The factorisation takes all of sub-tensor 0, then all of sub-tensor 1, and so on.
Sample i of sub-tensor s depends on

* the samples before it in its own sub-tensor, through the recurrent cell, and
* the samples k < i + F of the sub-tensors before its own, past and future, through a network of
  convolutions that look ahead only: the cell's state carries the past.

So sub-tensor s + 1 can start F steps after sub-tensor s, and after (B - 1) F steps all B run as
one batch. One network serves all sub-tensors.

The convolutions are those of section 5: 10 layers of width 3, 384 channels, 768 in the residuals,
five stages of growing dilation. The paper does not give the dilations; two layers each of 1, 2, 4,
8 and 16 look 124 steps ahead, which is within its F of 128. Inputs of the
network (our choice): the coarse half, the fine half and a mask of available samples of every
sub-tensor, and a one-hot vector of the current sub-tensor.
"""

import tensorflow as tf

from tfwave.models.wavernn import generation
from tfwave.models.wavernn import signatures as wavernn_signatures
from tfwave.models.wavernn.cell import waveform_of
from tfwave.models.wavernn.config import SubscaleWaveRNNConfig
from tfwave.models.wavernn.subscale_generation import compiled
from tfwave.models.wavernn.subscale_networks import SubscaleNetwork
from tfwave.models.wavernn.wavernn import WaveRNN


class SubscaleWaveRNN(WaveRNN):
    """Subscale WaveRNN with the training update and likelihoods of `WaveRNN`.

    A batch is one of `WaveRNN`, its samples a multiple of `tensors`.

    Attributes:
      config: SubscaleWaveRNNConfig.
      network: SubscaleNetwork.
      step: int64 variable, updates done.
    """

    config_class = SubscaleWaveRNNConfig
    network_class = SubscaleNetwork

    def signatures(self, xla=False):
        """Return the functions to serve, see `wavernn_signatures`."""
        return wavernn_signatures.of_subscale(self.network, xla)

    def generate(
        self,
        mel: tf.Tensor | None = None,
        *,
        samples: int | None = None,
        count: int | None = None,
        seed: int = 0,
        temperature: float = 1.0,
        features: tf.Tensor | None = None,
        padded: bool = False,
        xla: bool = True,
    ) -> tf.Tensor:
        """Generate audio, all sub-tensors in parallel, each `future` steps after the preceding one.

        Args:
          mel, samples, count, seed, temperature, features, padded: see `WaveRNN.generate`.
          xla: whether the rounds are compiled.

        Returns:
          float32 [count, samples, 1] in [-1, 1).

        Raises:
          UserError: an argument does not fit the network; the message names it.
        """
        config, network = self.config, self.network
        features, count, samples = generation.checked(
            config, samples, features if mel is None else mel, count, temperature, padded
        )
        local = generation.frame_terms(network, features, count)
        halves = compiled(network, xla)(
            tf.constant(samples),
            tf.constant(count),
            tf.constant(seed),
            tf.constant(temperature, tf.float32),
            local,
        )
        return waveform_of(halves[..., 0], halves[..., 1], config.bins)[:, :, tf.newaxis]
