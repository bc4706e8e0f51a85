"""MelGAN: waveforms from mel spectrograms by one pass of a convolutional generator.

Paper: "MelGAN: Generative Adversarial Networks for Conditional Waveform Synthesis", Kumar et al.,
arXiv:1910.06711; sections 2.1 (generator), 2.2 (discriminators), 2.3 (losses). Code:
descriptinc/melgan-neurips, which is the default where the two differ:

* Residual block: width 3, then 1x1, and a 1x1 convolution on the shortcut. Figure 4 of the paper
  has width 3 twice and an identity shortcut (`residual_block="paper"`); only the code's has the
  4.26 million parameters of Table 1.
* Feature matching: each map's mean difference counts 4 / (layers + 1) / discriminators; in the
  paper's equation 3 it counts 1 (`feature_matching_scaling="paper"`).
* Hinge: max(0, 1 - D(x)); the paper prints min.
* Each training segment is scaled by a gain of 0.3 to 1 (mel2wav/dataset.py), which the paper does
  not say (`least_gain=1.0`). The code scales every recording to a peak of 0.95 before; here
  recordings keep their level.

Neither has the training of later recipes (kan-bayashi/ParallelWaveGAN, melgan.v3): `stft_loss`
adds a distance of spectra to the generator's loss, and until step `adversarial_from` the generator
learns from that alone.

The rows of Table 2 (ablation) are fields of the configuration; how the paper built them is not
stated, and the docstring of `MelGANConfig` says what is done here.
"""

import dataclasses
import math

import keras
import tensorflow as tf

from tfwave.audio import mel as mels
from tfwave.audio.mel import MELGAN, MelConfig
from tfwave.audio.pictures import summarize_clips
from tfwave.layers.kernel_norm import NORMALIZATIONS, NormalizedKernel
from tfwave.layers.tracking import find_layers, step_counter, trained_variables
from tfwave.losses.optimizers import TorchAdam
from tfwave.losses.spectral import LEAST_POWER, RESOLUTIONS, multi_resolution_stft_loss
from tfwave.models import signatures
from tfwave.models.config import WithMel, check, read_nested
from tfwave.models.melgan.networks import Generator, MultiScaleDiscriminator
from tfwave.models.precision import Pass


@dataclasses.dataclass(frozen=True)
class MelGANConfig(WithMel):
    """Sizes and training of MelGAN; the defaults are those of the authors' train.py.

    Raises:
      ValueError: a value out of range, naming the field.
    """

    mel: MelConfig = MELGAN
    ratios: tuple = (8, 8, 2, 2)  # of upsampling; their product is the hop
    channels: int = 32  # of the generator at the sample rate, twice as many at each stage before
    residual_blocks: int = 3  # after each upsampling, dilated 1, 3, 9
    residual_block: str = "code"  # or "paper"
    dilated: bool = True  # False: all residual blocks have dilation 1
    normalization: str = "weight"  # of the generator: "weight", "spectral" or "none"
    discriminators: int = 3  # scales, each at half the rate of the one before
    discriminator_channels: int = 16
    discriminator_layers: int = 4  # strided
    discriminator_stride: int = 4
    discriminator_max_channels: int = 1024
    discriminator_normalization: str = "weight"
    window_based: bool = True  # False: a clip's scores are averaged to one before the loss
    feature_matching: float = 10.0  # weight
    feature_matching_scaling: str = "code"  # or "paper"
    sample_l1: float = 0.0  # weight of the mean difference of samples
    stft_loss: float = 0.0  # weight of the multi-resolution STFT loss (arXiv:1910.11480)
    stft_resolutions: tuple = RESOLUTIONS  # (transform, hop, window) of that loss
    stft_least_power: float = LEAST_POWER  # of its bins
    adversarial_from: int = 0  # step from which the discriminators learn and judge
    learning_rate: float = 1e-4
    beta_1: float = 0.5
    beta_2: float = 0.9
    batch_size: int = 16
    segment_len: int = 8192  # samples
    least_gain: float = 0.3  # of a training segment, up to 1

    def __post_init__(self):
        read_nested(self, mel=MelConfig)
        object.__setattr__(self, "ratios", tuple(self.ratios))
        object.__setattr__(self, "stft_resolutions", tuple(map(tuple, self.stft_resolutions)))
        for field in (
            "channels",
            "discriminators",
            "discriminator_channels",
            "discriminator_layers",
            "discriminator_stride",
            "discriminator_max_channels",
            "batch_size",
            "segment_len",
        ):
            check(self, field, getattr(self, field) >= 1, "1 or more")
        for field, names in (
            ("residual_block", ("code", "paper")),
            ("feature_matching_scaling", ("code", "paper")),
            ("normalization", NORMALIZATIONS),
            ("discriminator_normalization", NORMALIZATIONS),
        ):
            check(self, field, getattr(self, field) in names, f"one of {', '.join(names)}")
        check(self, "learning_rate", self.learning_rate > 0, "above 0")
        check(self, "least_gain", 0 < self.least_gain <= 1, "above 0 and at most 1")
        for field in (
            "residual_blocks",
            "feature_matching",
            "sample_l1",
            "stft_loss",
            "adversarial_from",
        ):
            check(self, field, getattr(self, field) >= 0, "0 or more")
        check(self, "stft_least_power", self.stft_least_power > 0, "above 0")
        check(
            self,
            "adversarial_from",
            self.stft_loss > 0 or not self.adversarial_from,
            "0 without stft_loss, for the generator would learn nothing before",
        )
        resolutions = self.stft_resolutions
        check(
            self,
            "stft_resolutions",
            resolutions and all(map(_is_resolution, resolutions)),
            "(transform, hop, window) each, windows even and in the transform",
        )
        longest = max(resolutions)[0] // 2
        check(
            self,
            "segment_len",
            not self.stft_loss or self.segment_len > longest,
            f"more than {longest} with stft_loss",
        )
        check(self, "ratios", all(r >= 2 and r % 2 == 0 for r in self.ratios), "even, from 2")
        hop = self.mel.hop_length
        check(self, "ratios", math.prod(self.ratios) == hop, f"factors of mel.hop_length, {hop}")
        check(self, "segment_len", self.segment_len % hop == 0, f"a multiple of the hop, {hop}")


class MelGAN(keras.Model):
    """Generator and discriminators with the authors' update.

    A batch is a dict: "waveform" float32 [batch, segment_len] in [-1, 1]. The mel spectrogram is
    computed from it in the step, as in the authors' code.

    Attributes:
      config: MelGANConfig.
      generator, discriminator: the networks.
      step: int64 variable, updates done.
    """

    def __init__(self, config: MelGANConfig, seed=0):
        super().__init__()
        self.config = config
        self.seed = seed
        self.generator = Generator(config, seed)
        self.generator.build()
        self.discriminator = MultiScaleDiscriminator(config, seed + 1)
        self.discriminator.build()
        self.step = step_counter()
        self.built = True
        spec = tf.TensorSpec([None, None, config.mel.n_mels], tf.float32)
        self._generate = Pass(self.generator.call, [spec])

    def compile(self, generator_optimizer=None, discriminator_optimizer=None, run_eagerly=False):
        """Set the optimisers; without arguments Adam at the rates of the configuration.

        Args:
          generator_optimizer, discriminator_optimizer: Keras optimisers, or None.
          run_eagerly: passed to Keras; for debugging.
        """
        config = self.config

        def adam():
            return TorchAdam(config.learning_rate, config.beta_1, config.beta_2)

        self.generator_optimizer = generator_optimizer or adam()
        self.discriminator_optimizer = discriminator_optimizer or adam()
        self.generator_optimizer.build(trained_variables(self.generator))
        self.discriminator_optimizer.build(trained_variables(self.discriminator))
        super().compile(
            optimizer=self.generator_optimizer, run_eagerly=run_eagerly, jit_compile=False
        )

    def call(self, features):
        """Mel spectrogram [batch, frames, n_mels] -> waveform [batch, frames * hop_length, 1]."""
        return self.generator(features)

    def features(self, waveform):
        """float32 [batch, time] in [-1, 1] -> the mel spectrogram that the generator takes."""
        return mels.mel_spectrogram(waveform, self.config.mel)

    def discriminator_loss_and_gradients(self, real, fake):
        """Hinge loss of the discriminators.

        Args:
          real, fake: float32 [batch, time, 1].

        Returns:
          (loss, maps of the real clips, gradients in the order of the trainable variables).
        """
        variables = trained_variables(self.discriminator)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            real_maps, fake_maps = self.discriminator(real), self.discriminator(fake)
            loss = tf.add_n(
                [
                    tf.reduce_mean(tf.nn.relu(1.0 - self._scores(of_real)))
                    + tf.reduce_mean(tf.nn.relu(1.0 + self._scores(of_fake)))
                    for of_real, of_fake in zip(real_maps, fake_maps, strict=True)
                ]
            )
            scaled = loss / tf.distribute.get_strategy().num_replicas_in_sync
        return loss, real_maps, tape.gradient(scaled, variables)

    def generator_losses(self, fake, real_maps, real=None):
        """What the generator is trained for.

        Args:
          fake: float32 [batch, time, 1], what it made.
          real_maps: maps of the recordings, from the discriminators before their update.
          real: float32 [batch, time, 1], needed with `sample_l1`.

        Returns:
          Dict of float32 scalars: adversarial, feature_matching (without its weight), and their
          weighted sum, total.
        """
        config = self.config
        fake_maps = self.discriminator(fake)
        adversarial = tf.add_n([-tf.reduce_mean(self._scores(maps)) for maps in fake_maps])
        differences = [
            tf.reduce_mean(tf.abs(of_fake - tf.stop_gradient(of_real)))
            for fakes, reals in zip(fake_maps, real_maps, strict=True)
            for of_fake, of_real in zip(fakes[:-1], reals[:-1], strict=True)
        ]
        matching = tf.add_n(differences)
        if config.feature_matching_scaling == "code":
            matching *= 4.0 / (config.discriminator_layers + 1) / config.discriminators
        total = adversarial + config.feature_matching * matching
        if config.sample_l1:
            total += config.sample_l1 * tf.reduce_mean(tf.abs(fake - real))
        return {"adversarial": adversarial, "feature_matching": matching, "total": total}

    @tf.autograph.experimental.do_not_convert
    def train_step(self, data):
        """Update the discriminators, then the generator against the updated ones.

        The generator runs once; its clips are judged again after the first update, while the maps
        of the recordings stay those from before it (scripts/train.py).

        Returns:
          Dict of float32 scalars: D_loss, G_loss, G_adversarial, feature_matching, D_grad_norm,
          G_grad_norm, mel_error (mean difference of log mel spectrograms), and stft_loss where it
          has a weight. Before step `adversarial_from` those of the discriminators are 0.
        """
        waveform = self._with_gains(data["waveform"])
        real, features = waveform[:, :, tf.newaxis], self.features(waveform)
        variables = trained_variables(self.generator)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            fake = self.generator(features)
            d_loss, real_maps, d_gradients = self._once_adversarial(
                self.discriminator_loss_and_gradients, real, tf.stop_gradient(fake)
            )
            # Adam leaves weights that never had a gradient as they are.
            self.discriminator_optimizer.apply_gradients(
                zip(d_gradients, trained_variables(self.discriminator), strict=True)
            )
            losses = self._once_adversarial(self.generator_losses, fake, real_maps, real)
            if self.config.stft_loss:
                parts = multi_resolution_stft_loss(
                    fake[:, :, 0],
                    waveform,
                    self.config.stft_resolutions,
                    self.config.stft_least_power,
                )
                losses["stft_loss"] = tf.add_n(parts)
                losses["total"] += self.config.stft_loss * losses["stft_loss"]
            scaled = losses["total"] / tf.distribute.get_strategy().num_replicas_in_sync
        gradients = tape.gradient(scaled, variables)
        self.generator_optimizer.apply_gradients(zip(gradients, variables, strict=True))
        for network in (self.generator, self.discriminator):
            for layer in find_layers(network, NormalizedKernel):
                layer.power_iteration()
        self.step.assign_add(1)
        return {
            "D_loss": d_loss,
            "G_loss": losses["total"],
            "G_adversarial": losses["adversarial"],
            "feature_matching": losses["feature_matching"],
            "D_grad_norm": tf.linalg.global_norm(d_gradients),
            "G_grad_norm": tf.linalg.global_norm(gradients),
            "mel_error": tf.reduce_mean(tf.abs(self.features(fake[:, :, 0]) - features)),
            **{name: value for name, value in losses.items() if name == "stft_loss"},
        }

    def test_step(self, data):
        """Mean difference of log mel spectrograms, by which the authors keep the best weights."""
        features = self.features(data["waveform"])
        fake = self.generator(features)[:, :, 0]
        return {"mel_error": tf.reduce_mean(tf.abs(self.features(fake) - features))}

    def generate(self, features, precision="float32"):
        """Make waveforms.

        Args:
          features: float32 [batch, frames, n_mels], from `features` or of the same recipe; at least
            4 frames, which the mirrored padding needs.
          precision: of activations and kernels: "float32", or "bfloat16" for machines that multiply
            it faster.

        Returns:
          float32 [batch, frames * hop_length, 1] in [-1, 1].

        Raises:
          ValueError: features of another shape, with too few frames, or not finite; unknown
            precision.
        """
        features = mels.check_features(features, self.config.mel, least=4)
        return self._generate(features, precision=precision)

    def summaries(self, step, data):
        """Write audio and pictures of recordings and of what is made from their mel spectrograms.

        To be called under a default summary writer.

        Args:
          step: int, the step to file them under.
          data: a batch, as a dict.
        """
        real = data["waveform"][:2]
        clips = {"real": real[:, :, tf.newaxis], "generated": self.generate(self.features(real))}
        summarize_clips(clips, self.config.sample_rate, step)

    def signatures(self):
        """Functions to serve, see `signatures.vocoder_signatures`; norms are in the kernels."""
        return signatures.vocoder_signatures(folded(self).generator.call, self.config.mel, least=4)

    def _once_adversarial(self, function, *arguments):
        """What a function returns, or before step `adversarial_from` zeros of the same structure.

        Optimisers stay outside: under several replicas they may not run inside a condition.
        """
        if not self.config.adversarial_from:
            return function(*arguments)

        def zeros():
            return tf.nest.map_structure(tf.zeros_like, function(*arguments))

        judged = self.step >= self.config.adversarial_from
        return tf.cond(judged, lambda: function(*arguments), zeros)

    def _with_gains(self, waveform):
        """Scale each clip by a gain of its own, drawn from (seed, step, replica)."""
        if self.config.least_gain == 1.0:
            return waveform
        seed = tf.random.experimental.stateless_fold_in([self.seed, 1], self.step)
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        seed = tf.random.experimental.stateless_fold_in(seed, replica)
        shape = [tf.shape(waveform)[0], 1]
        return waveform * tf.random.stateless_uniform(shape, seed, self.config.least_gain, 1.0)

    def _scores(self, maps):
        scores = maps[-1]
        return scores if self.config.window_based else tf.reduce_mean(scores, axis=1)


def _is_resolution(sizes):
    n_fft, hop_length, win_length = sizes if len(sizes) == 3 else (0, 0, 0)
    return hop_length >= 1 and 2 <= win_length <= n_fft and win_length % 2 == 0


def folded(model):
    """Return a MelGAN of the same function whose kernels have their norms in place.

    For inference and export: nothing is normalised any more when it runs.

    Args:
      model: `MelGAN`.
    """
    config = dataclasses.replace(
        model.config, normalization="none", discriminator_normalization="none"
    )
    plain = MelGAN(config, model.seed)
    for network, twin in (
        (model.generator, plain.generator),
        (model.discriminator, plain.discriminator),
    ):
        layers = (find_layers(each, NormalizedKernel) for each in (network, twin))
        for layer, copy in zip(*layers, strict=True):
            copy.kernel.assign(layer.effective_kernel())
            copy.bias.assign(layer.bias)
    return plain
