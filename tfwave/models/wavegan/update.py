"""Training update shared by WaveGAN and SpecGAN: five critic steps, then one generator step.

Source: arXiv:1802.04208 section 2.1 and appendix (Table 7); the authors' train_wavegan.py.
"""

from typing import ClassVar

import numpy as np
import tensorflow as tf

from tfwave.audio.pictures import summarize_clips
from tfwave.layers.tracking import trained_variables
from tfwave.losses import adversarial
from tfwave.models import signatures
from tfwave.models.system import BatchSpec, Curve, System


class AdversarialSystem(System):
    """Base of systems of a generator and a critic, with the paper's `train_step`.

    Subclasses list their networks in `network_classes` and may override `represent` (waveform to
    input of the critic), `render` (output of the generator to waveform) and `rms`.

    Every draw is stateless, from (seed, step, purpose): the variables are the whole state, and a
    run that is stopped and restored continues as if it had not been. Under `tf.distribute` each
    replica takes its rows of the draws for the global batch and scales its loss by the number of
    replicas, so that n replicas make the same update as one with the same global batch. Batch norm
    and dropout stay per replica.

    Attributes:
      generator, discriminator: the networks.
      step: int64 variable, the number of generator updates done.
    """

    networks = ("generator", "discriminator")
    network_classes: ClassVar[tuple[type, type]]
    kind = "latents"
    curves = (
        Curve("D_loss", "Losses of discriminator and generator", shown=True),
        Curve("G_loss", "Losses of discriminator and generator", shown=True),
        Curve("gradient_penalty", "Gradient penalty"),
        Curve("D_grad_norm", "Gradient norms"),
        Curve("G_grad_norm", "Gradient norms"),
        Curve("x_rms", "RMS of real and generated clips"),
        Curve("G_z_rms", "RMS of real and generated clips"),
    )

    def __init__(self, config=None, seed: int = 0):
        super().__init__(config, seed)
        generator, discriminator = self.network_classes
        self.generator = generator(self.config, seed)
        self.discriminator = discriminator(self.config, seed)
        self.generator.build((None, self.config.latent_dim))
        self.discriminator.build((None, *self.generator.output_dims))
        self.built = True
        # Called six times a step, but traced and optimised once each: the double backward is long.
        self._critic_gradients = _function(self.critic_gradients)
        self._generator_gradients = _function(self.generator_gradients)
        self._generator_output = _function(lambda z: self.generator(z, training=True))
        self._waveform = tf.function(self.call, autograph=False, reduce_retracing=True)

    def batch_spec(self, samples: int | None = None) -> BatchSpec:
        """Describe one training batch: clips of `slice_len`, a batch for each critic update."""
        return BatchSpec(("waveform",), self.config.slice_len, updates=self.config.critic_updates)

    def default_optimizer(self, network: str):
        """Return the paper's optimiser of a network for `config.loss`."""
        return adversarial.optimizers(self.config.loss)[self.networks.index(network)]

    def call(self, latents):
        """Map latents [batch, latent_dim] in [-1, 1] to waveforms [batch, slice_len, channels]."""
        return self.render(self.generator(latents, training=False))

    def represent(self, waveform):
        """Convert a waveform [batch, slice_len, channels] to an input of the critic."""
        return waveform

    def render(self, generated):
        """Convert an output of the generator to a waveform [batch, slice_len, channels]."""
        return generated

    def rms(self, judged):
        """Return the mean over the batch of the root mean square of each clip's first channel."""
        return tf.reduce_mean(tf.sqrt(tf.reduce_mean(tf.square(judged[:, :, 0]), axis=1)))

    @tf.autograph.experimental.do_not_convert
    def train_step(self, data):
        """Make `critic_updates` critic steps, each on a fresh batch, and one generator step.

        Args:
          data: {"waveform": real clips, float32 [critic_updates, batch, slice_len, channels] in
            [-1, 1]}; batch is this replica's share.

        Returns:
          Dict of float32 scalars, means over the replica's batch: D_loss (with the weighted
          penalty), gradient_penalty (wgan-gp only, without its weight of 10), D_grad_norm,
          x_rms and G_z_rms of the last critic step; G_loss and G_grad_norm. The norms are those
          of the replica's own gradient, which several replicas then average.
        """
        clips = data["waveform"]
        batch = clips.shape[1] if clips.shape[1] is not None else tf.shape(clips)[1]
        metrics = {}
        for update in range(self.config.critic_updates):
            metrics = self._critic_step(clips[update], batch, update)
        metrics.update(self._generator_step(batch))
        self.step.assign_add(1)
        return metrics

    def critic_gradients(self, real, fake, alpha=None, phase_shifts=None, dropout_seeds=None):
        """Compute the loss of the critic and its gradients, from given draws.

        Args:
          real: inputs of the critic from real clips, float32 [batch, ...].
          fake: the generator's output, same shape.
          alpha: float32 [batch] in 0..1, position of the interpolates (wgan-gp).
          phase_shifts: int32 [3, layers] for the real, fake and interpolated pass, or None.
          dropout_seeds: int32 [2, 2], seeds of the pass over real and fake and of the interpolated
            one, or None.

        Returns:
          (dict of scalars, gradients in the order of the critic's trainable variables).
        """
        config = self.config
        shifts = (None, None) if phase_shifts is None else (phase_shifts[:2], phase_shifts[2:])
        seeds = (None, None) if dropout_seeds is None else tf.unstack(dropout_seeds)
        variables = trained_variables(self.discriminator)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            if config.batch_norm:  # statistics are those of the real or of the fake batch
                first = None if shifts[0] is None else tf.split(shifts[0], 2)
                scores = [
                    self.discriminator(x, None if first is None else first[i], seeds[0])
                    for i, x in enumerate((real, fake))
                ]
            else:
                both = tf.concat([real, fake], axis=0)
                scores = tf.split(self.discriminator(both, shifts[0], seeds[0]), 2)
            loss = adversarial.critic_loss(config.loss, *scores)
            metrics = {}
            if config.loss == "wgan-gp":
                penalty = adversarial.gradient_penalty(
                    self.input_gradients(real, fake, alpha, shifts[1], seeds[1])
                )
                metrics["gradient_penalty"] = penalty
                loss += adversarial.GRADIENT_PENALTY_WEIGHT * penalty
            scaled = loss / _replicas()
        gradients = tape.gradient(scaled, variables)
        return {"D_loss": loss, **metrics, "D_grad_norm": _norm(gradients)}, gradients

    def input_gradients(self, real, fake, alpha, phase_shifts=None, dropout_seed=None):
        """Compute gradients of the critic in its input, at points between real and fake.

        Args:
          real, fake, alpha: as in `critic_gradients`.
          phase_shifts: int32 [1, layers] or None.
          dropout_seed: int32 [2] or None.

        Returns:
          float32, the shape of real.
        """
        alpha = tf.reshape(alpha, [-1] + [1] * (len(real.shape) - 1))
        interpolates = real + alpha * (fake - real)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(interpolates)
            scores = self.discriminator(interpolates, phase_shifts, dropout_seed)
        return tape.gradient(scores, interpolates)

    def generator_gradients(self, latents, phase_shifts=None, dropout_seed=None):
        """Compute the loss of the generator and its gradients, from given draws.

        Args:
          latents: float32 [batch, latent_dim].
          phase_shifts: int32 [1, layers] or None.
          dropout_seed: int32 [2] or None.

        Returns:
          (dict of scalars, gradients in the order of the generator's trainable variables).
        """
        variables = trained_variables(self.generator)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            fake = self.generator(latents, training=True)
            scores = self.discriminator(fake, phase_shifts, dropout_seed)
            loss = adversarial.generator_loss(self.config.loss, scores)
            scaled = loss / _replicas()
        gradients = tape.gradient(scaled, variables)
        return {"G_loss": loss, "G_grad_norm": _norm(gradients)}, gradients

    def apply_critic_gradients(self, gradients):
        """Update the critic."""
        pairs = zip(gradients, trained_variables(self.discriminator), strict=True)
        self.discriminator_optimizer.apply_gradients(pairs)

    def clip_critic(self):
        """Clip all weights of the critic, biases too, to +-0.01 (`wgan`, after each update)."""
        limit = adversarial.WEIGHT_CLIP
        for variable in trained_variables(self.discriminator):
            variable.assign(tf.clip_by_value(variable, -limit, limit))

    def apply_generator_gradients(self, gradients):
        """Update the generator."""
        pairs = zip(gradients, trained_variables(self.generator), strict=True)
        self.generator_optimizer.apply_gradients(pairs)

    def _critic_step(self, waveform, batch, update):
        real = self.represent(waveform)
        fake = self._generator_output(self._latents(batch, update))
        alpha = self._rows(
            tf.random.stateless_uniform([batch * _replicas()], self._seed(update, 1)), batch
        )
        metrics, gradients = self._critic_gradients(
            real, fake, alpha, self._phase_shifts(3, update), self._dropout_seeds(update)
        )
        self.apply_critic_gradients(gradients)
        if self.config.loss == "wgan":
            self.clip_critic()
        return {**metrics, "x_rms": self.rms(real), "G_z_rms": self.rms(fake)}

    def _generator_step(self, batch):
        update = self.config.critic_updates
        seeds = self._dropout_seeds(update)
        metrics, gradients = self._generator_gradients(
            self._latents(batch, update),
            self._phase_shifts(1, update),
            None if seeds is None else seeds[0],
        )
        self.apply_generator_gradients(gradients)
        return metrics

    def _latents(self, batch, update):
        shape = [batch * _replicas(), self.config.latent_dim]
        return self._rows(
            tf.random.stateless_uniform(shape, self._seed(update, 0), -1.0, 1.0), batch
        )

    def _phase_shifts(self, passes, update):
        radius = self.config.phase_shuffle
        if not radius:
            return None
        return tf.random.stateless_uniform(
            [passes, self.discriminator.shuffled_layers],
            self._seed(update, 2),
            -radius,
            radius + 1,
            tf.int32,
        )

    def _dropout_seeds(self, update):
        if not self.config.dropout:
            return None
        replica = tf.distribute.get_replica_context().replica_id_in_sync_group
        seed = tf.random.experimental.stateless_fold_in(self._seed(update, 3), replica)
        return tf.random.experimental.stateless_split(seed, 2)

    def _seed(self, update, purpose):
        """Return a seed [2] for one draw of one update of this step."""
        seed = tf.random.experimental.stateless_fold_in(
            tf.constant([self.seed, purpose], tf.int32), tf.cast(self.step, tf.int32)
        )
        return tf.random.experimental.stateless_fold_in(seed, update)

    def _rows(self, draws, batch):
        """Return this replica's rows of draws for the global batch."""
        if _replicas() == 1:
            return draws
        first = batch * tf.distribute.get_replica_context().replica_id_in_sync_group
        return draws[first : first + batch]

    def sample_latents(self, count, seed=0, first=0):
        """Draw latents; number i of a seed is always the same.

        Args:
          count: number of latents.
          seed: int, seed of the draws.
          first: number of the first one, so that a long list can be drawn in parts.

        Returns:
          float32 [count, latent_dim], uniform in [-1, 1].
        """
        dim = self.config.latent_dim
        draws = [
            np.random.default_rng([seed, i]).uniform(-1.0, 1.0, dim)
            for i in range(first, first + count)
        ]
        return tf.constant(np.reshape(draws, [count, dim]), tf.float32)

    def generate(
        self,
        count: int = 1,
        *,
        seed: int = 0,
        first: int = 0,
        latents: tf.Tensor | None = None,
        batch_size: int = 64,
    ) -> tf.Tensor:
        """Generate clips.

        Args:
          count: number of clips.
          seed: seed of their latents; see `sample_latents`.
          first: number of the first clip.
          latents: float32 [count, latent_dim] in [-1, 1] instead of those of the seed.
          batch_size: number of clips computed at a time.

        Returns:
          float32 [count, slice_len, channels] in [-1, 1]; a trained post-processing filter and
          SpecGAN's phase reconstruction may exceed it.
        """
        if latents is None:
            latents = self.sample_latents(count, seed, first)
        parts = [
            self._waveform(latents[i : i + batch_size])
            for i in range(0, latents.shape[0], batch_size)
        ]
        return tf.concat(parts, axis=0)

    def summaries(self, step, data):
        """Write audio and images of real clips, generated ones and a walk between two latents.

        The latents are the same at every step. A default summary writer must be set.

        Args:
          step: int, step at which they are logged.
          data: a batch, as `train_step` takes it.
        """
        latents = self.sample_latents(8, self.seed)
        walk = tf.linspace(latents[0], latents[1], 8)
        interpolation = tf.concat(tf.unstack(self.generate(latents=walk)), axis=0)[tf.newaxis]
        clips = {
            "real": data["waveform"][0, :8],
            "generated": self.generate(latents=latents),
            "interpolation": interpolation,
        }
        summarize_clips(clips, self.config.sample_rate, step, 4)

    def signatures(self):
        """Return the functions to serve, see `signatures`.

        `generate`: latents [count, latent_dim] in [-1, 1] -> waveform [count, slice_len, channels].
        `sample`: count and seed -> waveform of that many clips.
        """
        config = self.config
        latents = signatures.latents_input(config.latent_dim, config.slice_len)
        most = max(1, signatures.MOST_SAMPLES // config.slice_len)
        channels = self.generator.output_dims[-1]
        made = [signatures.waveform_output(config.sample_rate, channels, config.slice_len)]
        waveform = signatures.shared(self.call)

        def sample(count, seed):
            shape = [count, config.latent_dim]
            return waveform(tf.random.stateless_uniform(shape, tf.stack([seed, 0]), -1.0, 1.0))

        return signatures.with_wav(
            {
                "generate": signatures.signature(
                    waveform, "Make a clip of each latent.", [latents], made
                ),
                "sample": signatures.signature(
                    sample,
                    "Draw latents and make clips of them.",
                    [signatures.count_input(most), signatures.seed_input("latents")],
                    made,
                ),
            },
            config.sample_rate,
        )


def _function(fn):
    return tf.function(fn, autograph=False, experimental_attributes={"_noinline": True})


def _norm(gradients):
    return tf.linalg.global_norm(gradients) * _replicas()


def _replicas():
    return tf.distribute.get_strategy().num_replicas_in_sync
