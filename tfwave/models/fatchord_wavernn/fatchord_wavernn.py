"""The mel-conditioned WaveRNN of public code: two GRUs, a conditioning network, one draw a sample.

Source: fatchord/WaveRNN, models/fatchord_version.py, train_wavernn.py, hparams.py. It is not the
model of the WaveRNN paper (`wavernn`), from which it has the name. A sample is drawn from a mixture
of logistics ("MOL" in the public code) or a softmax over classes, companded or not ("RAW").

Features condition in two ways. Stretched to the sample rate they stand beside the sample. A
residual network over frames turns them into auxiliary channels, a quarter of which goes into each
of four layers:

    i = I [x, mel, aux_1]     y = i + GRU_1(i)     z = y + GRU_2([y, aux_2])
    output = F_3 relu(F_2 [relu(F_1 [z, aux_3]), aux_4])
"""

import dataclasses
import math

import tensorflow as tf

from tfwave.audio import mulaw
from tfwave.audio.mel import FATCHORD, MelConfig
from tfwave.audio.pictures import summarize_clips
from tfwave.losses import likelihood
from tfwave.losses.optimizers import TorchAdam
from tfwave.models.config import WithMel, check, read_nested
from tfwave.models.fatchord_wavernn import generation
from tfwave.models.fatchord_wavernn import signatures as fatchord_signatures
from tfwave.models.fatchord_wavernn.networks import FatchordNetwork
from tfwave.models.network_model import NetworkModel

_OUTPUTS = ("logistic_mixture", "categorical")
_MIXTURE_LEVELS = 2**16
_LOG_SCALE_MIN = math.log(1e-14)


@dataclasses.dataclass(frozen=True)
class FatchordConfig(WithMel):
    """Sizes and training; the defaults are those of the public hparams.py.

    Raises:
      ValueError: a value out of range, naming the field.
    """

    mel: MelConfig = FATCHORD
    output: str = "logistic_mixture"  # or "categorical"
    bits: int = 9  # of the classes of "categorical"; a mixture speaks of 16
    mu_law: bool = True  # whether those are classes of the companded waveform
    mixtures: int = 10
    units: int = 512  # of each GRU
    dense_units: int = 512  # of the two layers before the output
    upsampling: tuple = (5, 5, 11)  # factors of the hop
    frame_padding: int = 2  # frames of features on each side that only give context
    resnet_channels: int = 128
    resnet_blocks: int = 10
    aux_channels: int = 128
    segment_frames: int = 5  # of a training segment
    batch_size: int = 32
    learning_rate: float = 1e-4
    clip_norm: float = 4.0  # of all gradients together

    def __post_init__(self):
        read_nested(self, mel=MelConfig)
        object.__setattr__(self, "upsampling", tuple(self.upsampling))
        check(self, "output", self.output in _OUTPUTS, f"one of {', '.join(_OUTPUTS)}")
        check(self, "bits", 2 <= self.bits <= 16, "2 to 16")
        for field in (
            "mixtures",
            "units",
            "dense_units",
            "resnet_channels",
            "segment_frames",
            "batch_size",
        ):
            check(self, field, getattr(self, field) >= 1, "1 or more")
        for field in ("frame_padding", "resnet_blocks"):
            check(self, field, getattr(self, field) >= 0, "0 or more")
        hop = self.mel.hop_length
        fits = all(f >= 1 for f in self.upsampling) and math.prod(self.upsampling) == hop
        check(self, "upsampling", fits, f"factors of mel.hop_length, {hop}")
        check(
            self,
            "aux_channels",
            self.aux_channels >= 4 and self.aux_channels % 4 == 0,
            "a multiple of 4: four layers get a part each",
        )
        for field in ("learning_rate", "clip_norm"):
            check(self, field, getattr(self, field) > 0, "above 0")

    @property
    def levels(self):
        """Levels of the waveform that the network speaks of."""
        return 2**self.bits if self.output == "categorical" else _MIXTURE_LEVELS

    @property
    def output_channels(self):
        """Logits of all classes, or logits, means and log scales of the mixture."""
        return self.levels if self.output == "categorical" else 3 * self.mixtures

    @property
    def segment_len(self):
        """Samples of a training segment that are predicted."""
        return self.segment_frames * self.hop_length

    @property
    def context_len(self):
        """First samples of a training row that are only context."""
        return 1


def labels_of(config, waveform):
    """Waveform [...] in [-1, 1] -> int32 levels [...], 0 .. config.levels - 1."""
    if config.output == "categorical" and config.mu_law:
        return mulaw.encode(waveform, config.levels, "nearest")
    clipped = tf.clip_by_value(waveform, -1.0, 1.0)
    return tf.cast((clipped + 1.0) * ((config.levels - 1) / 2), tf.int32)


class FatchordWaveRNN(NetworkModel):
    """A network with the public update, its likelihood and generation.

    A batch is a dict: "waveform" float32 [batch, 1 + samples] in [-1, 1], the first sample of a row
    being context only; "features" (see `FatchordNetwork.call`), whose first frame after the padding
    belongs to that first sample; optionally "length" int32 [batch], the samples of each row that
    count.

    Attributes:
      config: FatchordConfig.
      network: FatchordNetwork.
      step: int64 variable, updates done.
    """

    def __init__(self, config: FatchordConfig, seed=0):
        super().__init__(config, FatchordNetwork(config, seed), seed)

    def default_optimizer(self):
        """PyTorch's Adam at the rate of the configuration."""
        return TorchAdam(self.config.learning_rate)

    def call(self, data):
        """Batch -> float32 [batch, samples, output_channels] of every sample but the first."""
        return self.nats(data)[0]

    def nats(self, data, training=False):
        """Describe every sample of a batch but the first of each row, and judge that.

        Args:
          data: a batch, as a dict.
          training: whether batch normalisation goes by the batch.

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
        """Nats of each of the levels int32 [...] under params [..., output_channels]."""
        config = self.config
        if config.output == "categorical":
            return likelihood.categorical_nll(params, labels)
        return likelihood.logistic_mixture_nll(
            params, generation.scaled(config, labels), config.levels, _LOG_SCALE_MIN
        )

    def loss_and_gradients(self, data):
        """Mean nats of a batch in training and their gradients, not clipped.

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
        if replicas > 1:  # what is clipped is the gradient of the whole batch
            replica = tf.distribute.get_replica_context()
            gradients = replica.all_reduce(tf.distribute.ReduceOp.SUM, gradients)
        clipped, norm = tf.clip_by_global_norm(gradients, self.config.clip_norm)
        self.update([gradient / replicas for gradient in clipped])
        return {"loss": loss, "grad_norm": norm}

    def test_step(self, data):
        """Nats per sample of a batch and the samples that they are the mean of."""
        _, nats, count = self.nats(data)
        return {"nats_per_sample": nats, "samples": count}

    def generate(self, features, seed=0, **how):
        """Make audio of features; see `fatchord_wavernn_generation.generate`, here clipped.

        Args:
          features: float32 [clips, frames, n_mels], 21 frames or more.
          seed: int.
          **how: batched, target, overlap, temperature, ...

        Returns:
          float32 [clips, (frames - 1) * hop_length, 1] in [-1, 1].
        """
        made = generation.generate(self.network, features, seed, **how)
        return tf.clip_by_value(made, -1.0, 1.0)

    def signatures(self, xla=False):
        """Functions to serve, see `fatchord_signatures.of_fatchord`."""
        return fatchord_signatures.of_fatchord(self.network, xla)

    def summaries(self, step, data):
        """Write audio and pictures of a recording and of what the model makes in its place.

        To be called under a default summary writer.

        Args:
          step: int, the step to file them under.
          data: a batch, as a dict.
        """
        real = data["waveform"][:2, 1 : 1 + self.config.sample_rate]
        rows = tf.concat(self.network.conditioning(data["features"][:2]), axis=-1)
        made = generation.run(self.network, rows[:, : real.shape[1]], self.seed)
        made = generation.decoded(self.config, made)
        clips = {"real": real[..., tf.newaxis], "generated": made[..., tf.newaxis]}
        summarize_clips(clips, self.config.sample_rate, step)
