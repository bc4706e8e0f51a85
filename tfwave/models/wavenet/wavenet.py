"""WaveNet: an autoregressive model of raw audio.

Paper: "WaveNet: A Generative Model for Raw Audio", van den Oord et al., arXiv:1609.03499; sections
2.1 to 2.6. Its authors released no code and give no layer sizes, so every choice that the paper
leaves open follows one of two public codes, as stated in `WaveNetConfig`:

* ibab/tensorflow-wavenet (the defaults, `WaveNetConfig()`): first layer a causal convolution of
  width 2 without bias, nothing scaled, no padding (each predicted sample has its true context).
* r9y9/wavenet_vocoder (`r9y9_config()`): first layer 1x1, width 3, residuals scaled by sqrt(1/2),
  summed skips by sqrt(1/layers), weight normalisation, zero padding before each layer, averaged
  weights. Its tag v0.1.1 scaled the running sum of skips instead and gave the conditioning a bias.

Filter and gate are the halves of one convolution, as in the second code; ibab's two convolutions
are the same function. The residual 1x1 of the last layer is unused, as in both codes.
"""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfwave.audio import mel as mels
from tfwave.audio.mel import MelConfig
from tfwave.audio.pictures import summarize_clips
from tfwave.errors import UserError
from tfwave.layers.tracking import trained_variables
from tfwave.models.system import BatchSpec, Curve, NetworkSystem
from tfwave.models.wavenet import generation as wavenet_generation
from tfwave.models.wavenet import outputs
from tfwave.models.wavenet import signatures as wavenet_signatures
from tfwave.models.wavenet.config import WaveNetConfig
from tfwave.models.wavenet.networks import WaveNetNetwork


class WaveNet(NetworkSystem):
    """WaveNet with the training update of the public codes, likelihoods and generation.

    A batch is a dict: "waveform" float32 [batch, time] in [-1, 1]; with local conditioning
    "features" float32 [batch, frames, channels], whose upsampled rows start with the
    waveform and cover it; with speakers "speaker" int32 [batch] (or vectors); optionally "length"
    int32 [batch], the samples of each row that count.

    Without padding the first `receptive_field` samples of a row are context only; with it, only the
    first one.

    Args:
      config: WaveNetConfig; None for that of ibab/tensorflow-wavenet.
      seed: int; initial weights and every draw of training follow from it.
      mel: front end of the features, where these are mel spectrograms.

    Attributes:
      network: `WaveNetNetwork` in training.
      averaged: network with averaged weights, or `network` itself without `average_decay`.
        Likelihoods and generation use it.
      step: int64 variable, the number of updates done.
    """

    config_class = WaveNetConfig
    network_class = WaveNetNetwork
    curves = (
        Curve("loss", "Loss", lower_is_better=True, shown=True),
        Curve("bits_per_sample", "Bits per sample", lower_is_better=True, shown=True),
        Curve("grad_norm", "Gradient norm"),
    )
    selection = Curve("bits_per_sample", "Bits per sample", lower_is_better=True)

    def __init__(
        self, config: WaveNetConfig | None = None, seed: int = 0, mel: MelConfig | None = None
    ):
        super().__init__(config, seed, mel)
        if mel is not None:
            _check_front_end(self.config, mel)
        self.averaged = self.network
        if self.config.average_decay:
            self.averaged = WaveNetNetwork(self.config, seed)
            self.averaged.build()
            self.averaged.trainable = False
            for average, weight in self._averages():
                average.assign(weight)

    @property
    def kind(self) -> str:
        """ "mel" where the features are mel spectrograms of `mel`, else "samples"."""
        return "samples" if self.mel is None else "mel"

    def batch_spec(self, samples: int | None = None) -> BatchSpec:
        """Describe one training batch.

        Args:
          samples: predicted samples of a row; None for 100,000, as in ibab/tensorflow-wavenet.
        """
        config = self.config
        columns = ["waveform"]
        if config.conditioning is not None:
            columns.append("features")
        if config.speaker_channels:
            columns.append("speaker")
        return BatchSpec(
            tuple(columns), samples or 100_000, config.context_len, config.frame_padding
        )

    def default_optimizer(self, network: str):
        """Return Adam at the rates of the configuration."""
        config = self.config
        rate = config.learning_rate
        if config.halve_every:
            rate = keras.optimizers.schedules.ExponentialDecay(
                rate, config.halve_every, 0.5, staircase=True
            )
        return keras.optimizers.Adam(rate, epsilon=config.adam_epsilon)

    def call(self, data):
        """Return the averaged network's predictions of a batch; see `predictions`."""
        return self.predictions(data, self.averaged)[0]

    def predictions(self, data, network, dropout_seed=None):
        """Predict every sample whose context is in the batch.

        Args:
          data: a batch, as a dict.
          network: `network` or `averaged`.
          dropout_seed: int32 [2] in training with dropout, or None.

        Returns:
          (float32 [batch, samples, output_channels], waveform [batch, samples] that they predict,
          float32 weights [batch, samples] that are 0 beyond a row's length).

        Raises:
          UserError: a waveform too short to predict any sample, where its length is static.
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
        # The stack depends only on its own receptive field.
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
        """Compute the mean nats of a batch, with the L2 term of ibab, and their gradients.

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
            # All variables: ibab's code intends to exclude the biases, but includes them.
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
        """Return bits per sample of a batch and the number of samples averaged."""
        params, targets, weights = self.predictions(data, self.averaged)
        nats = outputs.negative_log_likelihood(self.config, params, targets)
        count = tf.reduce_sum(weights)
        bits = outputs.bits_per_sample(self.config, tf.reduce_sum(nats * weights) / count)
        return {"bits_per_sample": bits, "samples": count}

    def generate(
        self,
        mel: tf.Tensor | None = None,
        *,
        samples: int | None = None,
        count: int | None = None,
        first: int = 0,
        seed: int = 0,
        temperature: float = 1.0,
        prime: tf.Tensor | None = None,
        features: tf.Tensor | None = None,
        speaker: tf.Tensor | None = None,
        greedy: bool = False,
        precision: str = "float32",
        xla: bool = True,
    ) -> tf.Tensor:
        """Generate audio sample by sample.

        Args:
          mel: float32 [count, frames, n_mels] of the front end `mel`, of a system of that kind;
            it is padded with silence.
          samples: new samples of each clip; None for as many as the mel spectrogram covers.
          count: number of clips; None to follow the other inputs, or 1.
          first: number of the first clip; clip i of a seed is the same for any count.
          seed: seed of the draws.
          temperature: above 0; values below 1 favour likely samples.
          prime: float32 [count or 1, time] in [-1, 1], which the clips continue.
          features: float32 [count or 1, frames, channels] of other features, with `frame_padding`
            frames of context at both ends, in place of `mel`.
          speaker: int32 [count or 1], or vectors.
          greedy: whether the most likely value is taken at each step instead of a draw.
          precision: number format of the weight matrices, see `models.precision`.
          xla: whether the loop is compiled, which takes seconds, once for each shape.

        Returns:
          float32 [count, samples, 1] in [-1, 1], without the prime.

        Raises:
          UserError: an argument does not fit the network; the message names it.
        """
        return tf.concat(
            list(
                self.stream(
                    mel,
                    samples=samples,
                    count=count,
                    first=first,
                    seed=seed,
                    temperature=temperature,
                    prime=prime,
                    features=features,
                    speaker=speaker,
                    greedy=greedy,
                    precision=precision,
                    xla=xla,
                )
            ),
            axis=1,
        )

    def stream(
        self,
        mel: tf.Tensor | None = None,
        *,
        samples: int | None = None,
        count: int | None = None,
        prime: tf.Tensor | None = None,
        features: tf.Tensor | None = None,
        **kwargs: Any,
    ) -> Iterator[tf.Tensor]:
        """Yield audio block by block, as it is generated; arguments and errors as in `generate`.

        Yields:
          float32 [count, samples of the block, 1] in [-1, 1].
        """
        if mel is not None:
            features, samples = self._features_of(mel, samples)
        if samples is None:
            raise UserError("samples: without a mel spectrogram their number is needed")
        kwargs["first_clip"] = kwargs.pop("first", 0)
        yield from wavenet_generation.stream(
            self.averaged, samples, clips=count, prime_with=prime, features=features, **kwargs
        )

    def _features_of(self, mel, samples):
        """Return features with silence around a mel spectrogram, and the samples that it covers."""
        if self.mel is None:
            raise UserError("this WaveNet takes no mel spectrograms")
        mel = mels.check_features(mel, self.mel)
        silence = np.tile(mels.silence(self.mel), [1, self.config.frame_padding, 1])
        silence = tf.repeat(tf.constant(silence, tf.float32), mel.shape[0], axis=0)
        covered = mel.shape[1] * self.mel.hop_length
        return tf.concat([silence, mel, silence], axis=1), samples or covered

    def summaries(self, step, data):
        """Write audio and images of a recording and of the audio generated in its place.

        A default summary writer must be set.

        Args:
          step: int, step at which they are logged.
          data: a batch, as a dict.
        """
        config, first = self.config, self.config.context_len
        samples = min(data["waveform"].shape[1] - first, config.sample_rate)
        conditions = {}
        if config.conditioning is not None:
            hop = config.conditioning.hop_length
            conditions["features"] = data["features"][:2, first // hop :]
        if config.speaker_channels:
            conditions["speaker"] = data["speaker"][:2]
        clips = {
            "real": data["waveform"][:2, first : first + samples, tf.newaxis],
            "generated": self.generate(
                samples=samples,
                count=min(2, data["waveform"].shape[0]),
                seed=self.seed,
                **conditions,
            ),
        }
        summarize_clips(clips, config.sample_rate, step)

    def signatures(self, xla: bool = False):
        """Return the functions to serve, with averaged weights; see `make_signatures`."""
        return wavenet_signatures.make_signatures(self.averaged, self.mel, xla)

    def _averages(self):
        return zip(self.averaged.variables, self.network.variables, strict=True)


def _check_front_end(config, mel):
    """Refuse a front end whose mel spectrograms do not fit the network."""
    if mel.sample_rate != config.sample_rate:
        raise UserError(
            f"mel is of {mel.sample_rate} Hz; the network's waveforms have {config.sample_rate} Hz"
        )
    conditioning = config.conditioning
    sizes = conditioning and (conditioning.channels, conditioning.hop_length)
    if sizes != (mel.n_mels, mel.hop_length):
        raise UserError(
            f"mel has {mel.n_mels} bands and a hop of {mel.hop_length} samples; the network's "
            f"conditioning has {'none' if not sizes else '{} and {}'.format(*sizes)}"
        )
