"""WaveRNN: a recurrent model of 16-bit audio, two draws of 8 bits for each sample.

Paper: "Efficient Neural Audio Synthesis", Kalchbrenner et al., arXiv:1802.08435; sections 2 and 3.
Its authors released no code. The cell (`wavernn_cell`) and the pruning schedule
(`layers.block_sparsity`) are the paper's. Of these it says nothing; they are other people's choices
or ours:

* Adam at 1e-3 on batches of 128 sequences, each from a state of zeros: the public notebook of the
  dual softmax (fatchord/WaveRNN). The sequences of 960 samples are the paper's.
* Initial weights: PyTorch's, as that notebook has them.
* Conditioning (ours): convolutions of width 3 over the frames of features, one product to the
  inputs of the gates of both halves, all at the frame rate, then each frame's terms are
  repeated for its samples.
"""

import dataclasses

import keras
import tensorflow as tf

from tfwave.audio.mel import MelConfig
from tfwave.audio.pictures import summarize_clips
from tfwave.layers.block_sparsity import BLOCKS, PruningConfig
from tfwave.layers.torch_initial import torch_uniform
from tfwave.layers.tracking import track_layers
from tfwave.layers.weight_norm import WeightNormConv1D
from tfwave.losses.likelihood import categorical_nll
from tfwave.models.config import WithMel, check, read_nested
from tfwave.models.network_model import NetworkModel
from tfwave.models.wavernn import generation as wavernn_generation
from tfwave.models.wavernn import signatures as wavernn_signatures
from tfwave.models.wavernn.cell import DualSoftmaxCell, halves_of

_WIDTH = 3  # frames under a convolution of the conditioning


@dataclasses.dataclass(frozen=True)
class WaveRNNConfig(WithMel):
    """Hyperparameters; the defaults are the paper's WaveRNN-896.

    Raises:
      ValueError: a value that the model does not offer, naming the field.
    """

    units: int = 896
    bins: int = 256  # classes of each half of a sample; bins^2 levels in all
    out_hidden: int = 0  # units of the layer before the classes; 0 for units / 2
    conditioning: str = "none"  # or "features"
    # Of features that are mel spectrograms; in any case the sample rate and the samples of a frame.
    mel: MelConfig = MelConfig(sample_rate=24000, hop_length=240, f_max=8000.0)
    feature_channels: int = 0  # of other features, such as linguistic ones; 0 for mel.n_mels
    conditioning_channels: int = 128
    conditioning_layers: int = 2  # convolutions over frames
    pruning: PruningConfig | None = None  # of the three matrices of the gates, each for itself
    output_pruning: PruningConfig | None = None  # of each of the four output matrices
    sequence: int = 960  # samples of a training sequence
    learning_rate: float = 1e-3

    def __post_init__(self):
        read_nested(self, mel=MelConfig, pruning=PruningConfig, output_pruning=PruningConfig)
        check(
            self,
            "units",
            self.units >= 2 and self.units % 2 == 0,
            "an even number of units: half coarse, half fine",
        )
        check(self, "bins", 2 <= self.bins <= 256 and self.bins % 2 == 0, "even and 2 to 256")
        for field, least in (
            ("out_hidden", 0),
            ("feature_channels", 0),
            ("sequence", 1),
            ("conditioning_channels", 1),
            ("conditioning_layers", 0),
        ):
            check(self, field, getattr(self, field) >= least, f"{least} or more")
        check(self, "conditioning", self.conditioning in ("none", "features"), "none or features")
        check(self, "learning_rate", self.learning_rate > 0, "above 0")
        if self.pruning is not None:
            _check_blocks(self, "units", self.pruning.block, self.units // 2)
        if self.output_pruning is not None:
            for field, size in (
                ("units", self.units // 2),
                ("out_hidden", self.hidden),
                ("bins", self.bins),
            ):
                _check_blocks(self, field, self.output_pruning.block, size)

    @property
    def hidden(self):
        """Units of the layer before the classes."""
        return self.out_hidden or self.units // 2

    @property
    def channels(self):
        """Channels of the features."""
        return self.feature_channels or self.mel.n_mels

    @property
    def frame_padding(self):
        """Frames of features on each side that only give context."""
        return self.conditioning_layers * (_WIDTH // 2) if self.conditioning == "features" else 0

    @property
    def context_len(self):
        """First samples of a training row that are only context."""
        return 1


def _check_blocks(config, field, block, size):
    side = max(BLOCKS[block])
    half = " in each half" if field == "units" else ""
    check(config, field, size % side == 0, f"a multiple of {side}{half} for blocks of {block}")


class FrameConditioner(keras.layers.Layer):
    """Features -> what they add to the inputs of the gates, one row for each frame.

    Args:
      config: WaveRNNConfig.
      seed: seed of the initial weights.
      name: name of the layer.
    """

    def __init__(self, config, seed=0, name="conditioner"):
        super().__init__(name=name)
        self.config = config
        sizes = [config.channels, *[config.conditioning_channels] * config.conditioning_layers]
        self.convolutions = [
            WeightNormConv1D(
                config.conditioning_channels,
                _WIDTH,
                name=f"{name}_{i}",
                kernel_initializer=torch_uniform(_WIDTH * size, seed + i),
            )
            for i, size in enumerate(sizes[:-1])
        ]
        self.to_gates = WeightNormConv1D(
            3 * config.units,
            use_bias=False,
            name=f"{name}_gates",
            kernel_initializer=torch_uniform(sizes[-1], seed + len(sizes)),
        )
        self._sizes = sizes
        track_layers(self, self.convolutions)

    def build(self, input_shape=None):
        for layer, size in zip([*self.convolutions, self.to_gates], self._sizes, strict=True):
            layer.build((None, None, size))
        self.built = True

    def call(self, features):
        """[batch, frames + 2 * frame_padding, channels] -> [batch, frames, 3 * units]."""
        x = features
        for layer in self.convolutions:
            x = tf.nn.relu(layer(x))
        return self.to_gates(x)


class WaveRNNNetwork(keras.Model):
    """The cell with its conditioning.

    Args:
      config: WaveRNNConfig.
      seed: seed of the initial weights.
    """

    def __init__(self, config: WaveRNNConfig, seed=0):
        super().__init__()
        self.config = config
        self.cell = DualSoftmaxCell(
            config.units,
            config.bins,
            config.hidden,
            config.pruning,
            config.output_pruning,
            seed=10_000 * seed,
        )
        self.conditioner = None
        if config.conditioning == "features":
            self.conditioner = FrameConditioner(config, seed=10_000 * seed + 100)

    def build(self, input_shape=None):
        self.cell.build()
        if self.conditioner is not None:
            self.conditioner.build()
        self.built = True

    def call(self, coarse, fine, features=None):
        """Describe samples by those before them.

        Args:
          coarse, fine: int32 [batch, time + 1], the halves of the samples; the first is the past.
          features: float32 [batch, frames + 2 * frame_padding, channels], or None; the first frame
            after the padding belongs to the first sample, and they cover all.

        Returns:
          (float32 [batch, time, bins] logits of the coarse halves 1 .. time, the same of the fine
          halves).
        """
        return self.cell(coarse, fine, self.local(features, tf.shape(coarse)[1]))

    def local(self, features, stop):
        """What features add to the gates at the samples 1 .. stop - 1, or None."""
        if self.conditioner is None:
            return None
        rows = tf.repeat(self.conditioner(features), self.config.hop_length, axis=1)
        return rows[:, 1:stop]


class WaveRNN(NetworkModel):
    """A network with its update, likelihoods and generation.

    A batch is a dict: "waveform" float32 [batch, 1 + samples] in [-1, 1], the first sample of a row
    being context only; with conditioning "features" (see `WaveRNNNetwork.call`); optionally
    "length" int32 [batch], the samples of each row that count.

    Attributes:
      config: WaveRNNConfig.
      network: WaveRNNNetwork.
      step: int64 variable, updates done.
    """

    network_class = WaveRNNNetwork

    def __init__(self, config: WaveRNNConfig, seed=0):
        super().__init__(config, self.network_class(config, seed), seed)

    def default_optimizer(self):
        """Adam at the rate of the configuration."""
        return keras.optimizers.Adam(self.config.learning_rate, epsilon=1e-8)

    def call(self, data):
        """Batch -> logits of coarse and fine halves; see `predictions`."""
        return self.predictions(data)[0]

    def predictions(self, data):
        """Describe every sample of a batch but the first of each row.

        Args:
          data: a batch, as a dict.

        Returns:
          ((logits of the coarse halves, of the fine halves), float32 [batch, samples, bins];
          (coarse, fine), int32 [batch, samples], what they were;
          float32 weights [batch, samples], 0 beyond a row's length).
        """
        coarse, fine = halves_of(data["waveform"], self.config.bins)
        logits = self.network(coarse, fine, data.get("features"))
        weights = tf.ones_like(data["waveform"][:, 1:])
        if "length" in data:
            positions = 1 + tf.range(tf.shape(weights)[1])
            weights = tf.cast(positions < data["length"][:, tf.newaxis], tf.float32)
        return logits, (coarse[:, 1:], fine[:, 1:]), weights

    def nats(self, data):
        """Mean nats of the coarse and of the fine halves, and the number of samples."""
        logits, targets, weights = self.predictions(data)
        count = tf.reduce_sum(weights)
        coarse, fine = (
            tf.reduce_sum(weights * categorical_nll(*half)) / count
            for half in zip(logits, targets, strict=True)
        )
        return coarse, fine, count

    def loss_and_gradients(self, data):
        """Mean nats of a batch and their gradients.

        Args:
          data: a batch, as a dict.

        Returns:
          (nats of the coarse halves, of the fine halves, gradients of the sum in the order of the
          network's trainable variables).
        """

        def measure():
            coarse, fine, _ = self.nats(data)
            return coarse + fine, coarse, fine

        (_, coarse, fine), gradients = self.gradients_of(measure)
        return coarse, fine, gradients

    @tf.autograph.experimental.do_not_convert
    def train_step(self, data):
        """Make one update, then prune where it is time to.

        Returns:
          Dict of float32 scalars: loss (nats per sample), nll_coarse, nll_fine (its two parts),
          grad_norm, with pruning sparsity.
        """
        coarse, fine, gradients = self.loss_and_gradients(data)
        self.update(gradients)
        self.network.cell.prune(self.step)
        scalars = {
            "loss": coarse + fine,
            "nll_coarse": coarse,
            "nll_fine": fine,
            "grad_norm": tf.linalg.global_norm(gradients),
        }
        if self.config.pruning is not None:
            scalars["sparsity"] = self.network.cell.recurrent_mask.sparsity()
        return scalars

    def test_step(self, data):
        """Nats per sample of a batch, its two parts, and the samples that they are the mean of."""
        coarse, fine, count = self.nats(data)
        return {
            "nats_per_sample": coarse + fine,
            "nll_coarse": coarse,
            "nll_fine": fine,
            "samples": count,
        }

    def generate(self, samples=None, features=None, **how):
        """Make audio sample by sample; see `wavernn_generation.stream` for the arguments.

        Args:
          samples: samples of every clip; by default all that the features cover.
          features: float32 [clips, frames, channels]; needed by a conditioned network.
          **how: clips, temperature, seed, ...

        Returns:
          float32 [clips, samples, 1] in [-1, 1].
        """
        how["features"] = features
        return tf.concat(list(wavernn_generation.stream(self.network, samples, **how)), axis=1)

    def signatures(self, xla=False):
        """Functions to serve, see `wavernn_signatures`."""
        return wavernn_signatures.of_wavernn(self.network, xla)

    def summaries(self, step, data):
        """Write audio and pictures of a recording and of what the model makes in its place.

        To be called under a default summary writer.

        Args:
          step: int, the step to file them under.
          data: a batch, as a dict.
        """
        config, how = self.config, {"seed": self.seed}
        real = data["waveform"][:2, 1 : 1 + config.sample_rate, tf.newaxis]
        if config.conditioning == "features":
            how |= {"features": data["features"][:2], "padded": True}
        generated = self.generate(real.shape[1], clips=real.shape[0], **how)
        summarize_clips({"real": real, "generated": generated}, config.sample_rate, step)
