"""WaveNet: an autoregressive model of raw audio.

Paper: "WaveNet: A Generative Model for Raw Audio", van den Oord et al., arXiv:1609.03499; sections
2.1 to 2.6. Its authors released no code and name no layer sizes, so every choice that the paper
leaves open follows one of two public codes, and `WaveNetConfig` says which:

* ibab/tensorflow-wavenet (the defaults, `WaveNetConfig()`): first layer a causal convolution of
  width 2 without bias, nothing scaled, no padding (each predicted sample has its true context).
* r9y9/wavenet_vocoder (`r9y9_config()`): first layer 1x1, width 3, residuals scaled by sqrt(1/2),
  summed skips by sqrt(1/layers), weight normalisation, zero padding before each layer, averaged
  weights. Its tag v0.1.1 scaled the running sum of skips instead and gave the conditioning a bias.

Filter and gate are the halves of one convolution, as in the second code; ibab's two convolutions
are the same function. The residual 1x1 of the last layer feeds nothing, as in both codes.
"""

import math

import keras
import tensorflow as tf

from tfwave.audio.pictures import summarize_clips
from tfwave.errors import UserError
from tfwave.layers.gated import GatedBlock, convolution
from tfwave.layers.local_conditioning import LocalConditioner
from tfwave.layers.tracking import track_layers, trained_variables
from tfwave.models.network_model import NetworkModel
from tfwave.models.wavenet import generation as wavenet_generation
from tfwave.models.wavenet import outputs
from tfwave.models.wavenet import signatures as wavenet_signatures
from tfwave.models.wavenet.config import WaveNetConfig
from tfwave.models.wavenet.context import ContextStack


class WaveNetNetwork(keras.Model):
    """What is predicted of each sample from those before it (section 2, Figure 4).

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
        """Describe the sample after each input.

        Args:
          inputs: int32 codes or float32 waveform in [-1, 1], [batch, time]; see `as_inputs`.
          local: float32 [batch, time, local_channels] at the sample rate, one row for each input
            (see `conditioning`), or None.
          speaker: float32 [batch, 1, speaker_channels] (see `speaker_vector`), or None.
          dropout_seed: int32 [2] in training with dropout, or None.
          padding: "valid" or "causal" instead of that of the configuration, or None.

        Returns:
          float32 [batch, time', output_channels]: row j from the end speaks of the sample after
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
        """Inputs of every block, first to last, the last one's residual, skip sum, and output."""
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
        # A convolution of one-hot vectors picks rows of its kernel.
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
        """Turn speakers, int32 [batch] or ready-made vectors, into [batch, 1, channels] or None."""
        if not self.config.speaker_channels:
            return None
        vector = speaker if self.embedding is None else self.embedding(speaker)
        return vector[:, tf.newaxis]

    def conditioning(self, waveform, features, first):
        """What conditions each input: upsampled features and context.

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
    if config.speakers == config.speaker_channels:  # ibab: a square table starts as one-hot
        return keras.initializers.Identity()
    return keras.initializers.GlorotUniform(seed=seed)


class WaveNet(NetworkModel):
    """A network with the update of the public codes, likelihoods and generation.

    A batch is a dict: "waveform" float32 [batch, time] in [-1, 1]; with local conditioning
    "features" float32 [batch, frames, channels], whose upsampled rows start with the
    waveform and cover it; with speakers "speaker" int32 [batch] (or vectors); optionally "length"
    int32 [batch], the samples of each row that count.

    Without padding the first `receptive_field` samples of a row are context only; with it, only the
    first one.

    Attributes:
      config: WaveNetConfig.
      network: `WaveNetNetwork` in training.
      averaged: one with averaged weights, or `network` itself without `average_decay`. Likelihoods
        and generation use it.
      step: int64 variable, updates done.
    """

    def __init__(self, config: WaveNetConfig, seed=0):
        super().__init__(config, WaveNetNetwork(config, seed), seed)
        self.averaged = self.network
        if config.average_decay:
            self.averaged = WaveNetNetwork(config, seed)
            self.averaged.build()
            self.averaged.trainable = False
            for average, weight in self._averages():
                average.assign(weight)

    def default_optimizer(self):
        """Adam at the rates of the configuration."""
        config = self.config
        rate = config.learning_rate
        if config.halve_every:
            rate = keras.optimizers.schedules.ExponentialDecay(
                rate, config.halve_every, 0.5, staircase=True
            )
        return keras.optimizers.Adam(rate, epsilon=config.adam_epsilon)

    def call(self, data):
        """Batch -> the averaged network's predictions; see `predictions`."""
        return self.predictions(data, self.averaged)[0]

    def predictions(self, data, network, dropout_seed=None):
        """Describe every sample whose context is in the batch.

        Args:
          data: a batch, as a dict.
          network: `network` or `averaged`.
          dropout_seed: int32 [2] in training with dropout, or None.

        Returns:
          (float32 [batch, samples, output_channels], waveform [batch, samples] that they speak of,
          float32 weights [batch, samples] that are 0 beyond a row's length).

        Raises:
          ValueError: a waveform that leaves nothing to predict, where its length is known.
        """
        config = self.config
        waveform = data["waveform"]
        past = waveform[:, :-1]
        first = config.context_len
        if waveform.shape[1] is not None and waveform.shape[1] <= first:
            raise UserError(
                f"waveform has {waveform.shape[1]} samples; with a receptive field of "
                f"{config.receptive_field} at least {first + 1} are needed"
            )
        local = network.conditioning(past, data.get("features"), first)
        # The stack sees no further back than its own field.
        unseen = first - config.stack_receptive_field if config.padding == "valid" else 0
        local = None if local is None else local[:, unseen:]
        params = network(
            outputs.as_inputs(config, past[:, unseen:]),
            local,
            network.speaker_vector(data.get("speaker")),
            dropout_seed,
        )
        targets = waveform[:, first:]
        weights = tf.ones_like(targets)
        if "length" in data:
            positions = first + tf.range(tf.shape(targets)[1])
            weights = tf.cast(positions < data["length"][:, tf.newaxis], tf.float32)
        return params, targets, weights

    def loss_and_gradients(self, data, dropout_seed=None):
        """Mean nats of a batch, with the L2 term of ibab, and their gradients.

        Args:
          data: a batch, as a dict.
          dropout_seed: int32 [2], or None without dropout.

        Returns:
          (loss, nats per sample, gradients in the order of the network's trainable variables).
        """
        config = self.config

        def measure():
            params, targets, weights = self.predictions(data, self.network, dropout_seed)
            nats = outputs.negative_log_likelihood(config, params, targets)
            nats = tf.reduce_sum(nats * weights) / tf.reduce_sum(weights)
            if not config.l2_strength:
                return nats, nats
            # All variables: ibab means to leave the biases out, but does not.
            squares = [tf.nn.l2_loss(variable) for variable in trained_variables(self)]
            return nats + config.l2_strength * tf.add_n(squares), nats

        (loss, nats), gradients = self.gradients_of(measure)
        return loss, nats, gradients

    @tf.autograph.experimental.do_not_convert
    def train_step(self, data):
        """Make one update.

        Returns:
          Dict of float32 scalars: loss, bits_per_sample, grad_norm.
        """
        seed = None
        if self.config.dropout:
            seed = tf.random.experimental.stateless_fold_in([self.seed, 1], self.step)
            replica = tf.distribute.get_replica_context().replica_id_in_sync_group
            seed = tf.random.experimental.stateless_fold_in(seed, replica)
        loss, nats, gradients = self.loss_and_gradients(data, seed)
        self.update(gradients)
        decay = self.config.average_decay
        for average, weight in self._averages() if decay else ():
            average.assign(decay * average + (1.0 - decay) * weight)
        return {
            "loss": loss,
            "bits_per_sample": outputs.bits_per_sample(self.config, nats),
            "grad_norm": tf.linalg.global_norm(gradients),
        }

    def test_step(self, data):
        """Bits per sample of a batch and the number of samples that they are the mean of."""
        params, targets, weights = self.predictions(data, self.averaged)
        nats = outputs.negative_log_likelihood(self.config, params, targets)
        count = tf.reduce_sum(weights)
        bits = outputs.bits_per_sample(self.config, tf.reduce_sum(nats * weights) / count)
        return {"bits_per_sample": bits, "samples": count}

    def generate(self, samples, **how):
        """Make audio sample by sample; see `wavenet_generation.stream` for the arguments.

        Returns:
          float32 [clips, samples, 1] in [-1, 1].
        """
        return tf.concat(list(wavenet_generation.stream(self.averaged, samples, **how)), axis=1)

    def summaries(self, step, data):
        """Write audio and pictures of a recording and of what the model makes in its place.

        To be called under a default summary writer.

        Args:
          step: int, the step to file them under.
          data: a batch, as a dict.
        """
        config, first = self.config, self.config.context_len
        samples = min(data["waveform"].shape[1] - first, config.sample_rate)
        how = {"seed": self.seed}
        if config.conditioning is not None:
            how["features"] = data["features"][:2, first // config.conditioning.hop_length :]
        if config.speaker_channels:
            how["speaker"] = data["speaker"][:2]
        clips = {
            "real": data["waveform"][:2, first : first + samples, tf.newaxis],
            "generated": self.generate(samples, clips=min(2, data["waveform"].shape[0]), **how),
        }
        summarize_clips(clips, config.sample_rate, step)

    def signatures(self, mel=None, xla=False):
        """Functions to serve, of the averaged weights; see `wavenet_signatures.make_signatures`."""
        return wavenet_signatures.make_signatures(self.averaged, mel, xla)

    def _averages(self):
        return zip(self.averaged.variables, self.network.variables, strict=True)
