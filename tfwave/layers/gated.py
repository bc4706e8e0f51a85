"""Gated dilated convolutions with residual and skip outputs, the layer of WaveNet and its kin.

Source: arXiv:1609.03499 sections 2.1 to 2.5. Filter and gate are the halves of one convolution, the
filter first.
"""

import keras
import tensorflow as tf

from tfwave.layers.weight_norm import WeightNormConv1D, last_frames


class GatedBlock(keras.layers.Layer):
    """Gated dilated convolution, tanh(filter) * sigmoid(gate), with residual and skip 1x1 outputs.

    Args:
      dilation: number of frames between taps.
      kernel_size: number of taps.
      residual: number of input and output channels.
      gates: number of channels of filter and gate together.
      skips: number of channels of the skip output.
      local: number of channels of local conditioning, 0 for none.
      speaker: number of channels of global conditioning, 0 for none.
      bias: whether the convolutions have a bias.
      conditioning_bias: whether those of the conditioning have a bias.
      residual_scale: factor on the residual output.
      dropout: rate at the input of the dilated convolution in training.
      padding: "valid" (none), "causal" (zeros in front) or "same" (zeros on both sides).
      weight_norm: whether all convolutions are weight-normalised; initial
        kernels are drawn from He's normal distribution then, else from Glorot's uniform one.
      seed: seed of the initial weights.
      name: name of the layer, also of its convolutions.
    """

    def __init__(
        self,
        dilation,
        kernel_size,
        residual,
        gates,
        skips,
        local=0,
        speaker=0,
        bias=True,
        conditioning_bias=False,
        residual_scale=1.0,
        dropout=0.0,
        padding="causal",
        weight_norm=False,
        seed=0,
        name=None,
    ):
        super().__init__(name=name)
        self.residual_scale = residual_scale
        self.dropout = dropout
        common = {"weight_norm": weight_norm, "name": name}
        self.dilated = convolution(
            "dilated",
            gates,
            kernel_size,
            bias,
            seed,
            parts=2,
            dilation=dilation,
            padding=padding,
            **common,
        )
        self.out = convolution("out", residual, 1, bias, seed + 1, **common)
        self.skip = convolution("skip", skips, 1, bias, seed + 2, **common)
        self.local = self.speaker = None
        if local:
            self.local = convolution(
                "local", gates, 1, conditioning_bias, seed + 3, parts=2, **common
            )
        if speaker:
            self.speaker = convolution(
                "speaker", gates, 1, conditioning_bias, seed + 4, parts=2, **common
            )
        self._inputs = [
            (self.dilated, residual),
            (self.out, gates // 2),
            (self.skip, gates // 2),
            (self.local, local),
            (self.speaker, speaker),
        ]

    def build(self, input_shape=None):
        for layer, channels in self._inputs:
            if layer is not None:
                layer.build((None, None, channels))
        self.built = True

    def call(self, x, local=None, speaker=None, dropout_seed=None, padding=None, skip_frames=None):
        """Compute the activations of the next block and the skip output.

        Args:
          x: float32 [batch, time, residual].
          local: float32 [batch, time, local], or None.
          speaker: float32 [batch, 1, speaker], or None.
          dropout_seed: int32 [2] in training with dropout, or None.
          padding: padding that overrides the layer's, or None.
          skip_frames: number of last frames in the skip output; None for all.

        Returns:
          float32 [batch, time', residual] and [batch, skip_frames or time', skips].
        """
        dropped = x
        if dropout_seed is not None and self.dropout:
            dropped = tf.nn.experimental.stateless_dropout(x, self.dropout, dropout_seed)
        gates = self.dilated(dropped, padding=padding)
        frames = tf.shape(gates)[1]
        if local is not None:
            gates += self.local(last_frames(local, frames))
        if speaker is not None:
            gates += self.speaker(speaker)
        signal, gate = tf.split(gates, 2, axis=-1)
        z = tf.tanh(signal) * tf.sigmoid(gate)
        residual = (last_frames(x, frames) + self.out(z)) * self.residual_scale
        return residual, self.skip(z if skip_frames is None else last_frames(z, skip_frames))


def convolution(
    part,
    filters,
    size,
    bias,
    seed,
    weight_norm=False,
    parts=1,
    name=None,
    dilation=1,
    padding="valid",
):
    """Build a convolution with the initial values of the public WaveNets; see `GatedBlock`.

    Args:
      part: last part of its name.
      filters: number of output channels.
      size: number of taps.
      bias: whether it has a bias, which starts from zero.
      seed: seed of the kernel.
      weight_norm: whether it is weight-normalised.
      parts: number of equal parts of the output channels, each initialised as a convolution.
      name: first part of its name.
      dilation, padding: see `WeightNormConv1D`.
    """
    if weight_norm:
        initializer = keras.initializers.VarianceScaling(2.0, "fan_in", "untruncated_normal", seed)
    else:

        def initializer(shape, dtype=None):
            part_shape = (*shape[:-1], shape[-1] // parts)
            draws = [
                keras.initializers.GlorotUniform(seed=seed * 10 + i)(part_shape, dtype)
                for i in range(parts)
            ]
            return tf.concat(draws, axis=-1)

    return WeightNormConv1D(
        filters,
        size,
        dilation,
        padding,
        bias,
        weight_norm,
        initializer,
        name=f"{name}_{part}" if name else part,
    )
