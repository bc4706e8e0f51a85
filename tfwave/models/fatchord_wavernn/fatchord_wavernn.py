"""Mel-conditioned WaveRNN of public code: two GRUs, a conditioning network, a draw per sample.

Source: fatchord/WaveRNN, models/fatchord_version.py, train_wavernn.py, hparams.py. It is not the
model of the WaveRNN paper (`wavernn`), after which it is named. A sample is drawn from a mixture
of logistics ("MOL" in the public code) or a softmax over classes, companded or not ("RAW").

Features condition the network in two ways. Upsampled to the sample rate they are concatenated with
the sample. A residual network over frames maps them to auxiliary channels, a quarter of which is an
input of each of four layers:

    i = I [x, mel, aux_1]     y = i + GRU_1(i)     z = y + GRU_2([y, aux_2])
    output = F_3 relu(F_2 [relu(F_1 [z, aux_3]), aux_4])
"""

import math

import tensorflow as tf

from tfwave.audio import mulaw
from tfwave.audio.pictures import summarize_clips
from tfwave.losses import likelihood
from tfwave.losses.optimizers import TorchAdam
from tfwave.models.fatchord_wavernn import generation
from tfwave.models.fatchord_wavernn import signatures as fatchord_signatures
from tfwave.models.fatchord_wavernn.config import FatchordWaveRNNConfig
from tfwave.models.fatchord_wavernn.networks import FatchordNetwork
from tfwave.models.system import BatchSpec, Curve, NetworkSystem

_LOG_SCALE_MIN = math.log(1e-14)


def labels_of(config, waveform):
    """Quantise a waveform [...] in [-1, 1] to int32 levels [...], 0 .. config.levels - 1."""
    if config.output == "categorical" and config.mu_law:
        return mulaw.encode(waveform, config.levels, "nearest")
    clipped = tf.clip_by_value(waveform, -1.0, 1.0)
    return tf.cast((clipped + 1.0) * ((config.levels - 1) / 2), tf.int32)


class FatchordWaveRNN(NetworkSystem):
    """Fatchord's WaveRNN with the public update, its likelihood and generation.

    A batch is a dict: "waveform" float32 [batch, 1 + samples] in [-1, 1], the first sample of a row
    being context only; "features" (see `FatchordNetwork.call`), whose first frame after the padding
    belongs to that first sample; optionally "length" int32 [batch], the samples of each row that
    count.

    Args:
      config: FatchordWaveRNNConfig; None for the public hparams.py.
      seed: int; initial weights follow from it.

    Attributes:
      network: FatchordNetwork.
      step: int64 variable, the number of updates done.
    """

    config_class = FatchordWaveRNNConfig
    network_class = FatchordNetwork
    kind = "mel"
    curves = (
        Curve("loss", "Nats per sample", lower_is_better=True, shown=True),
        Curve("grad_norm", "Gradient norm"),
    )
    selection = Curve("nats_per_sample", "Nats per sample", lower_is_better=True)

    def batch_spec(self, samples: int | None = None) -> BatchSpec:
        """Describe one training batch of rows of `samples` samples, None for `segment_len`."""
        config = self.config
        return BatchSpec(
            ("waveform", "features"),
            samples or config.segment_len,
            config.context_len,
            config.frame_padding,
        )

    def default_optimizer(self, network: str):
        """Return PyTorch's Adam at the rate of the configuration."""
        return TorchAdam(self.config.learning_rate)

    def call(self, data):
        """Predict all samples of a batch but the first: [batch, samples, output_channels]."""
        return self.nats(data)[0]

    def nats(self, data, training=False):
        """Predict every sample of a batch but the first of each row, and compute the nats.

        Args:
          data: a batch, as a dict.
          training: whether batch normalisation uses the statistics of the batch.

        Returns:
          (float32 [batch, samples, output_channels], nats per sample, number of samples).
        """
        labels = labels_of(self.config, data["waveform"])
        inputs = generation.scaled(self.config, labels[:, :-1])
        params = self.network(inputs, data["features"], training=training)
        nats = self.negative_log_likelihood(params, labels[:, 1:])
        weights = tf.ones_like(nats)
        if "length" in data:
            positions = 1 + tf.range(tf.shape(weights)[1])
            weights = tf.cast(positions < data["length"][:, tf.newaxis], tf.float32)
        count = tf.reduce_sum(weights)
        return params, tf.reduce_sum(nats * weights) / count, count

    def negative_log_likelihood(self, params, labels):
        """Return the nats of levels int32 [...] under params [..., output_channels]."""
        config = self.config
        if config.output == "categorical":
            return likelihood.categorical_nll(params, labels)
        return likelihood.logistic_mixture_nll(
            params, generation.scaled(config, labels), config.levels, _LOG_SCALE_MIN
        )

    def loss_and_gradients(self, data):
        """Compute the mean nats of a batch in training and their gradients, not clipped.

        Args:
          data: a batch, as a dict.

        Returns:
          (nats per sample, gradients in the order of the network's trainable variables).
        """
        (loss,), gradients = self.gradients_of(lambda: (self.nats(data, training=True)[1],))
        return loss, gradients

    @tf.autograph.experimental.do_not_convert
    def train_step(self, data):
        """Make one update.

        Returns:
          Dict of float32 scalars: loss (nats per sample), grad_norm (before clipping).
        """
        loss, gradients = self.loss_and_gradients(data)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        if replicas > 1:  # the gradient of the whole batch is clipped
            replica = tf.distribute.get_replica_context()
            gradients = replica.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        clipped, norm = tf.clip_by_global_norm(gradients, self.config.clip_norm)
        self.update([gradient / replicas for gradient in clipped])
        return {"loss": loss, "grad_norm": norm}

    def test_step(self, data):
        """Return nats per sample of a batch and the number of samples averaged."""
        _, nats, count = self.nats(data)
        return {"nats_per_sample": nats, "samples": count}

    def generate(
        self,
        mel: tf.Tensor,
        *,
        seed: int = 0,
        temperature: float = 1.0,
        batched: bool = False,
        target: int = 11_000,
        overlap: int = 550,
        greedy: bool = False,
        xla: bool = True,
    ) -> tf.Tensor:
        """Generate waveforms from mel spectrograms.

        Args:
          mel: float32 [count, frames, n_mels] of the system's front end, 21 frames or more.
          seed: seed of the draws.
          temperature: above 0; values below 1 favour likely samples.
          batched: whether clips are cut into overlapping folds that are generated in parallel.
          target: number of samples of a fold.
          overlap: number of samples that neighbouring folds share.
          greedy: whether the most likely value is taken at each step instead of a draw.
          xla: whether the loop is compiled, which takes seconds, once for each shape.

        Returns:
          float32 [count, (frames - 1) * hop_length, 1] in [-1, 1].

        Raises:
          UserError: an argument does not fit the network; the message names it.
        """
        waveform = generation.generate(
            self.network,
            mel,
            seed,
            batched=batched,
            target=target,
            overlap=overlap,
            temperature=temperature,
            greedy=greedy,
            xla=xla,
        )
        return tf.clip_by_value(waveform, -1.0, 1.0)

    def signatures(self, xla=False):
        """Return the functions to serve, see `fatchord_signatures.of_fatchord`."""
        return fatchord_signatures.of_fatchord(self.network, xla)

    def summaries(self, step, data):
        """Write audio and images of a recording and of the audio generated in its place.

        A default summary writer must be set.

        Args:
          step: int, step at which they are logged.
          data: a batch, as a dict.
        """
        real = data["waveform"][:2, 1 : 1 + self.config.sample_rate]
        rows = tf.concat(self.network.conditioning(data["features"][:2]), axis=-1)
        made = generation.run(self.network, rows[:, : real.shape[1]], self.seed)
        made = generation.decoded(self.config, made)
        clips = {"real": real[..., tf.newaxis], "generated": made[..., tf.newaxis]}
        summarize_clips(clips, self.config.sample_rate, step)
