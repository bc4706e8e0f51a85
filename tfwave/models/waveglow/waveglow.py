"""WaveGlow: a normalizing flow from noise to waveforms, conditioned on mel spectrograms.

Paper: "WaveGlow: A Flow-based Generative Network for Speech Synthesis", Prenger, Valle, Catanzaro,
arXiv:1811.00002; sections 2 (likelihood), 2.1 (couplings), 2.2 (1x1 convolutions), 2.3 (early
outputs), 2.4 (inference). Code: NVIDIA/waveglow, which is the default where the two differ:

* Couplings of 256 channels; the code had 512 before. The paper has 512 residual channels and 256
  skip channels; in the code both are as many.
* Noise of variance 1 in training (`sigma`); the paper has sigma sqrt(0.5).
* Adam at 1e-4 throughout; the paper lowers it to 5e-5 at a plateau. 12 segments in a batch; the
  paper has 24 on 8 GPUs.

The code takes the logarithm of the determinants, which is not a number once one is negative; here
it is that of their absolute value. The arithmetic of the couplings is regrouped, see
`waveglow_coupling`.
"""

import dataclasses
import math

import tensorflow as tf

from tfwave.audio import mel as mels
from tfwave.audio.mel import TACOTRON2, MelConfig
from tfwave.audio.pictures import summarize_clips
from tfwave.errors import UserError
from tfwave.layers.normalized_conv import NormalizedConv1D
from tfwave.layers.tracking import find_layers
from tfwave.losses.optimizers import TorchAdam
from tfwave.models import signatures
from tfwave.models.config import WithMel, check, read_nested
from tfwave.models.network_model import NetworkModel
from tfwave.models.precision import Pass
from tfwave.models.waveglow.networks import WaveGlowNetwork


@dataclasses.dataclass(frozen=True)
class WaveGlowConfig(WithMel):
    """Sizes and training of WaveGlow; the defaults are those of the code's config.json.

    Raises:
      ValueError: a value out of range, naming the field.
    """

    mel: MelConfig = TACOTRON2
    flows: int = 12
    group: int = 8  # neighbouring samples that become channels
    early_every: int = 4  # flows after which channels leave
    early_size: int = 2  # channels that leave
    channels: int = 256  # of the couplings' networks; 512 in the paper and in older code
    layers: int = 8  # of each of these networks, dilated 1, 2, 4, ...
    kernel_size: int = 3
    normalization: str = "weight"  # or "none"
    upsampling_kernel: int = 1024  # samples under which a frame of the mel spectrogram is heard
    sigma: float = 1.0  # of the noise that training assumes; sqrt(0.5) in the paper
    learning_rate: float = 1e-4
    batch_size: int = 12
    segment_len: int = 16000  # samples

    def __post_init__(self):
        read_nested(self, mel=MelConfig)
        for field in ("flows", "early_every", "channels", "layers", "batch_size"):
            check(self, field, getattr(self, field) >= 1, "1 or more")
        check(self, "group", self.group >= 2 and self.group % 2 == 0, "even, from 2")
        check(self, "early_size", self.early_size >= 0 and self.early_size % 2 == 0, "even, from 0")
        check(self, "early_size", self.widths[-1] >= 2, "such that 2 channels or more are left")
        check(self, "kernel_size", self.kernel_size >= 1 and self.kernel_size % 2 == 1, "odd")
        check(self, "normalization", self.normalization in ("weight", "none"), "weight or none")
        hop = self.mel.hop_length
        check(
            self,
            "upsampling_kernel",
            self.upsampling_kernel >= hop and self.upsampling_kernel % hop == 0,
            f"a multiple of the hop, {hop}",
        )
        check(self, "segment_len", self.segment_len >= self.group, f"{self.group} or more, a group")
        for field in ("sigma", "learning_rate"):
            check(self, field, getattr(self, field) > 0, "above 0")

    @property
    def widths(self):
        """Channels of each flow."""
        return [self.group - self.early_size * (k // self.early_every) for k in range(self.flows)]


class WaveGlow(NetworkModel):
    """The flow with its update, likelihood and sampling.

    A batch is a dict: "waveform" float32 [batch, segment_len] in [-1, 1]. The mel spectrogram is
    computed from it in the step, as in the authors' code.

    Attributes:
      config: WaveGlowConfig.
      network: WaveGlowNetwork.
      step: int64 variable, updates done.
    """

    def __init__(self, config: WaveGlowConfig, seed=0):
        super().__init__(config, WaveGlowNetwork(config, seed), seed)
        specs = [tf.TensorSpec([None, None, n]) for n in (config.group, config.mel.n_mels)]
        self._inverse = Pass(self.network.inverse, specs)

    def default_optimizer(self):
        """Adam at the rate of the configuration."""
        return TorchAdam(self.config.learning_rate)

    def call(self, waveform):
        """Waveform [batch, time] -> noise [batch, time // group, group]."""
        return self.network(waveform, self.features(waveform))[0]

    def features(self, waveform):
        """float32 [batch, time] in [-1, 1] -> the mel spectrogram that the model takes."""
        return mels.mel_spectrogram(waveform, self.config.mel)

    def batch_loss(self, data):
        """The authors' loss of a batch, a dict; see `flow_loss`."""
        waveform = data["waveform"]
        return flow_loss(*self.network(waveform, self.features(waveform)), sigma=self.config.sigma)

    def nats_per_sample(self, loss):
        """Turn a loss into the negative log density of a sample in [-1, 1], in nats."""
        return loss + 0.5 * math.log(2.0 * math.pi * self.config.sigma**2)

    def bits_per_sample(self, loss):
        """Turn a loss into the bits of a sample: of a step of a 16-bit signal, 2^-15 wide."""
        return self.nats_per_sample(loss) / math.log(2.0) + 15.0

    def loss_and_gradients(self, data):
        """The loss of a batch and its gradients in the order of the trainable variables."""
        (loss,), gradients = self.gradients_of(lambda: (self.batch_loss(data),))
        return loss, gradients

    @tf.autograph.experimental.do_not_convert
    def train_step(self, data):
        """Make one update.

        Returns:
          Dict of float32 scalars: loss, bits_per_sample, grad_norm.
        """
        loss, gradients = self.loss_and_gradients(data)
        self.update(gradients)
        return {
            "loss": loss,
            "bits_per_sample": self.bits_per_sample(loss),
            "grad_norm": tf.linalg.global_norm(gradients),
        }

    def test_step(self, data):
        """Loss, nats and bits per sample of a batch, and the samples that they are the mean of."""
        loss, shape, group = self.batch_loss(data), tf.shape(data["waveform"]), self.config.group
        return {
            "loss": loss,
            "nats_per_sample": self.nats_per_sample(loss),
            "bits_per_sample": self.bits_per_sample(loss),
            "samples": tf.cast(shape[0] * (shape[1] // group * group), tf.float32),
        }

    def invert(self, z, features, precision="float32"):
        """Turn noise into waveforms as the flow does, not limited to [-1, 1].

        Args:
          z: float32 [batch, groups, group], of the variance that is wanted.
          features: float32 [batch, frames, n_mels], of frames * hop_length // group groups.
          precision: of the large products: "float32", or "bfloat16" for machines that multiply it
            faster.

        Returns:
          float32 [batch, groups * group, 1].

        Raises:
          ValueError: features or noise of another shape, features not finite, unknown precision.
        """
        features = mels.check_features(features, self.config.mel)
        z = tf.convert_to_tensor(z, tf.float32)
        expected = self.noise_shape(features)
        if tuple(z.shape) != expected:
            raise ValueError(f"noise must have shape {list(expected)}, not {list(z.shape)}")
        return self._inverse(z, features, precision=precision)[:, :, tf.newaxis]

    def generate(self, features, sigma=0.6, seed=0, noise=None, precision="float32"):
        """Make waveforms.

        Args:
          features: float32 [batch, frames, n_mels], from `features` or of the same recipe.
          sigma: standard deviation of the noise, 0 or more.
          seed: seed of the noise.
          noise: float32 [batch, frames * hop_length // group, group] of variance 1 instead of that
            of the seed, or None.
          precision: see `invert`.

        Returns:
          float32 [batch, frames * hop_length // group * group, 1] in [-1, 1].

        Raises:
          ValueError: see `invert`; sigma negative or not finite.
        """
        if not 0 <= sigma < math.inf:
            raise UserError(f"sigma must be a number from 0, not {sigma}")
        if noise is None:
            features = mels.check_features(features, self.config.mel)
            noise = tf.random.stateless_normal(self.noise_shape(features), [seed, 0])
        z = sigma * tf.convert_to_tensor(noise, tf.float32)
        return tf.clip_by_value(self.invert(z, features, precision), -1.0, 1.0)

    def summaries(self, step, data):
        """Write audio and pictures of recordings and of what is made from their mel spectrograms.

        To be called under a default summary writer.

        Args:
          step: int, the step to file them under.
          data: a batch, as a dict.
        """
        real = data["waveform"][:2]
        generated = self.generate(self.features(real), seed=self.seed)
        clips = {"real": real[:, :, tf.newaxis], "generated": generated}
        summarize_clips(clips, self.config.sample_rate, step)

    def signatures(self):
        """Functions to serve, see `signatures.vocoder_signatures`; norms are in the kernels."""
        config, network = self.config, folded(self).network

        def vocode(mel, sigma, seed):
            sizes = tf.shape(mel)
            groups = sizes[1] * config.hop_length // config.group
            shape = [sizes[0], groups, config.group]
            noise = tf.random.stateless_normal(shape, tf.stack([seed, 0]))
            made = network.inverse(sigma * noise, mel)[:, :, tf.newaxis]
            return tf.clip_by_value(made, -1.0, 1.0)

        sigma = signatures.Input(
            "sigma",
            "float32",
            (),
            "Standard deviation of the noise, 0 or more; 0.6 is usual.",
            0.6,
            ((lambda sigma: sigma >= 0, "must be 0 or more"),),
        )
        how = [sigma, signatures.seed_input("noise")]
        return signatures.vocoder_signatures(vocode, config.mel, how)

    def noise_shape(self, features):
        """Shape of the noise that belongs to features [batch, frames, n_mels]: a tuple."""
        config = self.config
        batch, frames, _ = features.shape
        return batch, frames * config.hop_length // config.group, config.group


def flow_loss(z, log_scales, log_dets, sigma):
    """The authors' loss: nats per sample without the constant 0.5 ln(2 pi sigma^2).

    Args:
      z: float32 [batch, groups, group].
      log_scales: list of float32 [batch, groups, channels].
      log_dets: list of float32 scalars.
      sigma: standard deviation of z that is assumed.

    Returns:
      float32 scalar.
    """
    shape = tf.shape(z)
    squares = tf.reduce_sum(tf.square(z)) / (2.0 * sigma**2)
    scales = tf.add_n([tf.reduce_sum(log_scale) for log_scale in log_scales])
    dets = tf.cast(shape[0] * shape[1], tf.float32) * tf.add_n(log_dets)
    return (squares - scales - dets) / tf.cast(tf.size(z), tf.float32)


def folded(model):
    """Return a WaveGlow of the same function whose kernels have their norms in place.

    For inference and export, without the time that the norms take in each call.

    Args:
      model: `WaveGlow`.
    """
    plain = WaveGlow(dataclasses.replace(model.config, normalization="none"), model.seed)
    layers, copies = (find_layers(each.network, NormalizedConv1D) for each in (model, plain))
    gains = {id(layer.gain) for layer in layers}
    kept = [v for v in model.network.trainable_variables if id(v) not in gains]
    for variable, copy in zip(kept, plain.network.trainable_variables, strict=True):
        copy.assign(variable)
    for layer, copy in zip(layers, copies, strict=True):
        copy.kernel.assign(layer.effective_kernel())
    return plain
