"""Network of WaveNet: causal gated blocks and the layers around them (arXiv:1609.03499)."""

import math

import keras
import tensorflow as tf

from tfwave.layers.gated import GatedBlock, convolution
from tfwave.layers.local_conditioning import LocalConditioner
from tfwave.layers.tracking import track_layers
from tfwave.models.wavenet.config import WaveNetConfig
from tfwave.models.wavenet.context import ContextStack


class WaveNetNetwork(keras.Model):
    """Network that predicts each sample from the preceding ones (section 2, Figure 4).

    Args:
      config: WaveNetConfig.
      seed: seed of the initial weights.
    """

    def __init__(self, config: WaveNetConfig, seed=0):
        super().__init__()
        self.config = config
        first = 10_000 * seed
        norm = config.weight_normalization
        self.initial = convolution(
            "initial",
            config.residual_channels,
            config.initial_kernel_size,
            config.initial_bias,
            first,
            norm,
        )
        self.blocks = [
            GatedBlock(
                dilation,
                config.kernel_size,
                config.residual_channels,
                config.gate_channels,
                config.skip_channels,
                config.local_channels,
                config.speaker_channels,
                config.bias,
                config.conditioning_bias,
                config.residual_scale,
                config.dropout,
                config.padding,
                norm,
                seed=first + 100 + 5 * i,
                name=f"block_{i}",
            )
            for i, dilation in enumerate(config.dilations)
        ]
        self.head = [
            convolution(f"head_{i}", filters, 1, config.bias, first + 10 + i, norm)
            for i, filters in enumerate((config.skip_channels, config.output_channels))
        ]
        track_layers(self, [*self.blocks, *self.head])
        self.embedding = None
        if config.speakers:
            self.embedding = keras.layers.Embedding(
                config.speakers,
                config.speaker_channels,
                name="speaker_embedding",
                embeddings_initializer=_embedding_initializer(config, first + 20),
            )
        self.conditioner = None
        if config.conditioning is not None:
            self.conditioner = LocalConditioner(config.conditioning, norm, first + 90)
        self.context = None
        if config.context is not None:
            self.context = ContextStack(config.context, first + 40)

    def build(self, input_shape=None):
        config = self.config
        self.initial.build((None, None, config.levels if config.one_hot_input else 1))
        for block in self.blocks:
            block.build()
        if self.conditioner is not None:
            self.conditioner.build((None, None, config.conditioning.channels))
        if self.context is not None:
            self.context.build()
        for layer in self.head:
            layer.build((None, None, config.skip_channels))
        if self.embedding is not None:
            self.embedding.build((None,))
        self.built = True

    def call(self, inputs, local=None, speaker=None, dropout_seed=None, padding=None):
        """Predict the distribution of the sample after each input.

        Args:
          inputs: int32 codes or float32 waveform in [-1, 1], [batch, time]; see `as_inputs`.
          local: float32 [batch, time, local_channels] at the sample rate, one row for each input
            (see `conditioning`), or None.
          speaker: float32 [batch, 1, speaker_channels] (see `speaker_vector`), or None.
          dropout_seed: int32 [2] in training with dropout, or None.
          padding: "valid" or "causal", which override the configuration, or None.

        Returns:
          float32 [batch, time', output_channels]: row j from the end predicts the sample after
          input j from the end. time' is time, or time - receptive_field + 1 without padding.

        Raises:
          ValueError: codes out of range, outside of graphs.
        """
        if self.config.one_hot_input and tf.executing_eagerly():
            low, high = int(tf.reduce_min(inputs)), int(tf.reduce_max(inputs))
            if low < 0 or high >= self.config.levels:
                wrong = low if low < 0 else high
                raise ValueError(
                    f"inputs hold code {wrong}; the network has 0 to {self.config.levels - 1}"
                )
        return self.activations(inputs, local, speaker, dropout_seed, padding)[-1]

    def activations(self, inputs, local=None, speaker=None, dropout_seed=None, padding=None):
        """Return the inputs of all blocks, the last residual, the skip sum, and the output."""
        config = self.config
        padding = padding or config.padding
        x = self._first_layer(inputs, padding)
        frames = tf.shape(inputs)[1]
        if padding == "valid":
            frames -= config.stack_receptive_field - 1
        layers, skips = [x], 0.0
        for i, block in enumerate(self.blocks):
            seed = dropout_seed
            if seed is not None:
                seed = tf.random.experimental.stateless_fold_in(seed, i)
            x, skip = block(x, local, speaker, seed, padding=padding, skip_frames=frames)
            layers.append(x)
            skips += skip
            if config.skip_scaling == "running" and i > 0:
                skips *= math.sqrt(0.5)
        if config.skip_scaling == "total":
            skips *= math.sqrt(1.0 / len(self.blocks))
        hidden = tf.nn.relu(self.head[0](tf.nn.relu(skips)))
        return [*layers, skips, self.head[1](hidden)]

    def _first_layer(self, inputs, padding):
        config = self.config
        if not config.one_hot_input:
            return self.initial(inputs[..., tf.newaxis], padding=padding)
        # A convolution of one-hot vectors selects rows of its kernel.
        kernel = self.initial.effective_kernel()
        x = 0.0
        for tap in range(config.initial_kernel_size):
            late = config.initial_kernel_size - 1 - tap
            picked = tf.gather(kernel[tap], inputs[:, : tf.shape(inputs)[1] - late])
            if padding == "causal":
                x += tf.pad(picked, [[0, 0], [late, 0], [0, 0]])
            else:
                x += picked[:, tap:]
        return x if self.initial.bias is None else x + self.initial.bias

    def speaker_vector(self, speaker):
        """Return vectors [batch, 1, channels] of speakers, int32 [batch] or vectors, or None."""
        if not self.config.speaker_channels:
            return None
        vector = speaker if self.embedding is None else self.embedding(speaker)
        return vector[:, tf.newaxis]

    def conditioning(self, waveform, features, first):
        """Compute the local conditioning of each input: upsampled features and context.

        Args:
          waveform: float32 [batch, time], the inputs.
          features: float32 [batch, frames, channels], or None.
          first: index of the first sample that is predicted.

        Returns:
          float32 [batch, time, local_channels]: row t conditions the prediction of sample t + 1;
          None without conditioning.

        Raises:
          ValueError: features that do not cover the waveform, where their sizes are known.
        """
        parts = []
        if self.conditioner is not None:
            rows = self.conditioner(features)
            if None not in (rows.shape[1], waveform.shape[1]) and rows.shape[1] < waveform.shape[1]:
                raise ValueError(
                    f"features cover {rows.shape[1]} samples, but {waveform.shape[1]} are given"
                )
            parts.append(rows[:, : tf.shape(waveform)[1]])
        if self.context is not None:
            parts.append(self.context(waveform, first=first))
        return tf.concat(parts, axis=-1) if parts else None


def _embedding_initializer(config, seed):
    if config.weight_normalization:  # r9y9
        return keras.initializers.RandomNormal(stddev=0.1, seed=seed)
    if config.speakers == config.speaker_channels:  # ibab: a square table is initially the identity
        return keras.initializers.Identity()
    return keras.initializers.GlorotUniform(seed=seed)
