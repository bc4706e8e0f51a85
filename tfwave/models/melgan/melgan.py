"""MelGAN: a convolutional generator of waveforms from mel spectrograms in one pass.

Paper: "MelGAN: Generative Adversarial Networks for Conditional Waveform Synthesis", Kumar et al.,
arXiv:1910.06711; sections 2.1 (generator), 2.2 (discriminators), 2.3 (losses). Code:
descriptinc/melgan-neurips, which is followed by default where the two differ:

* Residual block: width 3, then 1x1, and a 1x1 convolution on the shortcut. Figure 4 of the paper
  has width 3 twice and an identity shortcut (`residual_block="paper"`); only the code's block
  yields the 4.26 million parameters of Table 1.
* Feature matching: each map's mean difference has the weight 4 / (layers + 1) / discriminators; in
  the paper's equation 3 the weight is 1 (`feature_matching_scaling="paper"`).
* Hinge: max(0, 1 - D(x)); the paper prints min.
* Each training segment is scaled by a gain of 0.3 to 1 (mel2wav/dataset.py), which the paper does
  not mention (`least_gain=1.0`). The code first scales every recording to a peak of 0.95; here
  recordings keep their level.

Two fields follow a later recipe (kan-bayashi/ParallelWaveGAN, melgan.v3) and are in neither:
`stft_loss` adds a distance of spectra to the generator's loss, and until step `adversarial_from`
the generator is trained on that alone.

The rows of Table 2 (ablation) are fields of the configuration; how the paper built them is not
stated; the fields of `MelGANConfig` document the choices made here.
"""

import dataclasses

import tensorflow as tf

from tfwave.audio import mel as mels
from tfwave.layers.kernel_norm import NormalizedKernel
from tfwave.layers.tracking import find_layers, trained_variables
from tfwave.losses.optimizers import TorchAdam
from tfwave.losses.spectral import multi_resolution_stft_loss
from tfwave.models import signatures
from tfwave.models.melgan.config import MelGANConfig
from tfwave.models.melgan.networks import Generator, MultiScaleDiscriminator
from tfwave.models.precision import TracedByPrecision
from tfwave.models.system import BatchSpec, Curve, System


class MelGAN(System):
    """Generator and discriminators of MelGAN with the authors' update.

    A batch is {"waveform": float32 [batch, segment_len] in [-1, 1]}. The mel spectrogram is
    computed from it in the step, as in the authors' code.

    Args:
      config: MelGANConfig; None for the authors' settings.
      seed: int; initial weights and every draw of training follow from it.

    Attributes:
      generator, discriminator: the networks.
      step: int64 variable, the number of updates done.
    """

    config_class = MelGANConfig
    networks = ("generator", "discriminator")
    kind = "mel"
    curves = (
        Curve("D_loss", "Losses of discriminator and generator", shown=True),
        Curve("G_loss", "Losses of discriminator and generator", shown=True),
        Curve("G_adversarial", "Parts of the generator's loss"),
        Curve("feature_matching", "Parts of the generator's loss"),
        Curve("stft_loss", "Multi-resolution STFT loss"),
        Curve("mel_error", "Error of the log mel spectrogram", lower_is_better=True),
        Curve("D_grad_norm", "Gradient norms"),
        Curve("G_grad_norm", "Gradient norms"),
    )
    selection = Curve("mel_error", "Error of the log mel spectrogram", lower_is_better=True)

    def __init__(self, config: MelGANConfig | None = None, seed: int = 0):
        super().__init__(config, seed)
        self.generator = Generator(self.config, seed)
        self.generator.build()
        self.discriminator = MultiScaleDiscriminator(self.config, seed + 1)
        self.discriminator.build()
        self.built = True
        spec = tf.TensorSpec([None, None, self.config.mel.n_mels], tf.float32)
        self._generate = TracedByPrecision(self.generator.call, [spec])

    def batch_spec(self, samples: int | None = None) -> BatchSpec:
        """Describe one training batch: segments of `segment_len` samples."""
        return BatchSpec(("waveform",), self.config.segment_len)

    def default_optimizer(self, network: str):
        """Return Adam at the rates of the configuration."""
        return TorchAdam(self.config.learning_rate, self.config.beta_1, self.config.beta_2)

    def call(self, mel):
        """Map mel spectrograms [batch, frames, n_mels] to [batch, frames * hop_length, 1]."""
        return self.generator(mel)

    def discriminator_loss_and_gradients(self, real, fake):
        """Compute the hinge loss of the discriminators and its gradients.

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
        """Compute the losses of the generator.

        Args:
          fake: float32 [batch, time, 1], output of the generator.
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

        The generator runs once; its clips are scored again after the first update, while the maps
        of the recordings are those computed before it (scripts/train.py).

        Returns:
          Dict of float32 scalars: D_loss, G_loss, G_adversarial, feature_matching, D_grad_norm,
          G_grad_norm, mel_error (mean difference of log mel spectrograms), and stft_loss where it
          has a weight. Before step `adversarial_from` those of the discriminators are 0.
        """
        waveform = self._with_gains(data["waveform"])
        real, features = waveform[:, :, tf.newaxis], self.mel_spectrogram(waveform)
        variables = trained_variables(self.generator)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            fake = self.generator(features)
            d_loss, real_maps, d_gradients = self._once_adversarial(
                self.discriminator_loss_and_gradients, real, tf.stop_gradient(fake)
            )
            # Adam does not change weights that never had a gradient.
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
            "mel_error": tf.reduce_mean(tf.abs(self.mel_spectrogram(fake[:, :, 0]) - features)),
            **{name: value for name, value in losses.items() if name == "stft_loss"},
        }

    def test_step(self, data):
        """Return the mean difference of log mel spectrograms, the authors' selection criterion."""
        features = self.mel_spectrogram(data["waveform"])
        fake = self.generator(features)[:, :, 0]
        return {"mel_error": tf.reduce_mean(tf.abs(self.mel_spectrogram(fake) - features))}

    def generate(self, mel: tf.Tensor, *, seed: int = 0, precision: str = "float32") -> tf.Tensor:
        """Generate waveforms from mel spectrograms.

        Args:
          mel: float32 [batch, frames, n_mels] of the system's front end, with at least 4 frames,
            as the mirrored padding requires.
          seed: unused, as nothing is drawn.
          precision: number format of activations and kernels, see `models.precision`.

        Returns:
          float32 [batch, frames * hop_length, 1] in [-1, 1].

        Raises:
          UserError: a mel spectrogram of another shape, with too few frames, or not finite; unknown
            precision.
        """
        del seed
        mel = mels.check_features(mel, self.config.mel, least=4)
        return self._generate(mel, precision=precision)

    def signatures(self):
        """Return the functions to serve, see `vocoder_signatures`, with norms in the kernels."""
        return signatures.vocoder_signatures(
            self.fold_weight_norm().generator.call, self.config.mel, least=4
        )

    def fold_weight_norm(self) -> "MelGAN":
        """Return a MelGAN of the same function that normalises no kernels, for inference."""
        config = dataclasses.replace(
            self.config, normalization="none", discriminator_normalization="none"
        )
        plain = MelGAN(config, self.seed)
        for name in self.networks:
            layers, copies = (
                find_layers(getattr(model, name), NormalizedKernel) for model in (self, plain)
            )
            for layer, copy in zip(layers, copies, strict=True):
                copy.kernel.assign(layer.effective_kernel())
                copy.bias.assign(layer.bias)
        return plain

    def _once_adversarial(self, function, *arguments):
        """Call a function, or before step `adversarial_from` return zeros of the same structure.

        Optimisers stay outside: under several replicas they may not run inside a condition.
        """
        if not self.config.adversarial_from:
            return function(*arguments)

        def zeros():
            return tf.nest.map_structure(tf.zeros_like, function(*arguments))

        judged = self.step >= self.config.adversarial_from
        return tf.cond(judged, lambda: function(*arguments), zeros)

    def _with_gains(self, waveform):
        """Scale each clip by its own gain, drawn from (seed, step, replica)."""
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
