"""WaveGlow: a normalizing flow from noise to waveforms, conditioned on mel spectrograms.

Paper: "WaveGlow: A Flow-based Generative Network for Speech Synthesis", Prenger, Valle, Catanzaro,
arXiv:1811.00002; sections 2 (likelihood), 2.1 (couplings), 2.2 (1x1 convolutions), 2.3 (early
outputs), 2.4 (inference). Code: NVIDIA/waveglow, which is followed by default where the two differ:

* Couplings of 256 channels; earlier versions of the code had 512. The paper has 512 residual
  channels and 256 skip channels; in the code the two are equal.
* Noise of variance 1 in training (`sigma`); the paper has sigma sqrt(0.5).
* Adam at 1e-4 throughout; the paper lowers it to 5e-5 at a plateau. 12 segments in a batch; the
  paper has 24 on 8 GPUs.

The code takes the logarithm of the determinants, which is NaN once one is negative; here
the absolute value is taken first. The arithmetic of the couplings is regrouped, see
`waveglow_coupling`.
"""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from tfwave.audio import mel as mels
from tfwave.errors import UserError
from tfwave.layers.normalized_conv import NormalizedConv1D
from tfwave.layers.tracking import find_layers
from tfwave.losses.optimizers import TorchAdam
from tfwave.models import signatures
from tfwave.models.precision import TracedByPrecision
from tfwave.models.system import BatchSpec, Curve, NetworkSystem
from tfwave.models.waveglow import denoiser
from tfwave.models.waveglow.config import WaveGlowConfig
from tfwave.models.waveglow.networks import WaveGlowNetwork


class WaveGlow(NetworkSystem):
    """WaveGlow: the flow with its training update, likelihood and sampling.

    A batch is {"waveform": float32 [batch, segment_len] in [-1, 1]}. The mel spectrogram is
    computed from it in the step, as in the authors' code.

    Args:
      config: WaveGlowConfig; None for the code's settings.
      seed: int; initial weights follow from it.

    Attributes:
      network: WaveGlowNetwork.
      step: int64 variable, the number of updates done.
    """

    config_class = WaveGlowConfig
    network_class = WaveGlowNetwork
    kind = "mel"
    curves = (
        Curve("loss", "Loss", lower_is_better=True, shown=True),
        Curve("bits_per_sample", "Bits per sample", lower_is_better=True, shown=True),
        Curve("grad_norm", "Gradient norm"),
    )
    selection = Curve("bits_per_sample", "Bits per sample", lower_is_better=True)

    def __init__(self, config: WaveGlowConfig | None = None, seed: int = 0):
        super().__init__(config, seed)
        sizes = (self.config.group, self.config.mel.n_mels)
        specs = [tf.TensorSpec([None, None, size]) for size in sizes]
        self._inverse = TracedByPrecision(self.network.inverse, specs)

    def batch_spec(self, samples: int | None = None) -> BatchSpec:
        """Describe one training batch: segments of `segment_len` samples."""
        return BatchSpec(("waveform",), self.config.segment_len)

    def default_optimizer(self, network: str):
        """Return Adam at the rate of the configuration."""
        return TorchAdam(self.config.learning_rate)

    def call(self, waveform):
        """Map waveforms [batch, time] to noise [batch, time // group, group]."""
        return self.network(waveform, self.mel_spectrogram(waveform))[0]

    def batch_loss(self, data):
        """Return the authors' loss of a batch, a dict; see `flow_loss`."""
        waveform = data["waveform"]
        return flow_loss(
            *self.network(waveform, self.mel_spectrogram(waveform)), sigma=self.config.sigma
        )

    def nats_per_sample(self, loss):
        """Convert a loss to the negative log density of a sample in [-1, 1], in nats."""
        return loss + 0.5 * math.log(2.0 * math.pi * self.config.sigma**2)

    def bits_per_sample(self, loss):
        """Convert a loss to bits per sample, for quantisation steps of 16 bits, 2^-15 wide."""
        return self.nats_per_sample(loss) / math.log(2.0) + 15.0

    def loss_and_gradients(self, data):
        """Return the loss of a batch and its gradients in the order of the trainable variables."""
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
        """Return loss, nats and bits per sample of a batch, and the number of samples averaged."""
        loss, shape, group = self.batch_loss(data), tf.shape(data["waveform"]), self.config.group
        return {
            "loss": loss,
            "nats_per_sample": self.nats_per_sample(loss),
            "bits_per_sample": self.bits_per_sample(loss),
            "samples": tf.cast(shape[0] * (shape[1] // group * group), tf.float32),
        }

    def invert(self, z: tf.Tensor, mel: tf.Tensor, precision: str = "float32") -> tf.Tensor:
        """Map noise to waveforms by the inverse flow, without clipping.

        Args:
          z: float32 [batch, groups, group], of the desired variance.
          mel: float32 [batch, frames, n_mels], with frames * hop_length // group groups.
          precision: number format of the large products, see `models.precision`.

        Returns:
          float32 [batch, groups * group, 1].

        Raises:
          UserError: a mel spectrogram or noise of another shape, or a mel spectrogram that is not
            finite; unknown precision.
        """
        mel = mels.check_features(mel, self.config.mel)
        z = tf.convert_to_tensor(z, tf.float32)
        expected = self.noise_shape(mel)
        if tuple(z.shape) != expected:
            raise UserError(f"noise must have shape {list(expected)}, not {list(z.shape)}")
        return self._inverse(z, mel, precision=precision)[:, :, tf.newaxis]

    def generate(
        self,
        mel: tf.Tensor,
        *,
        seed: int = 0,
        sigma: float = 0.6,
        noise: tf.Tensor | None = None,
        denoise: float = 0.0,
        precision: str = "float32",
    ) -> tf.Tensor:
        """Generate waveforms from mel spectrograms.

        Args:
          mel: float32 [batch, frames, n_mels] of the system's front end.
          seed: seed of the noise.
          sigma: standard deviation of the noise, 0 or more.
          noise: float32 [batch, frames * hop_length // group, group] of variance 1, in place of
            noise drawn from the seed.
          denoise: strength of the authors' denoiser, 0 for none; see `denoiser`.
          precision: see `invert`.

        Returns:
          float32 [batch, frames * hop_length // group * group, 1] in [-1, 1]; with `denoise` in
          whole quarters of n_fft samples.

        Raises:
          UserError: see `invert`; sigma or denoise is negative or not finite.
        """
        if not 0 <= sigma < math.inf:
            raise UserError(f"sigma must be a number from 0, not {sigma}")
        if noise is None:
            mel = mels.check_features(mel, self.config.mel)
            noise = tf.random.stateless_normal(self.noise_shape(mel), [seed, 0])
        z = sigma * tf.convert_to_tensor(noise, tf.float32)
        waveform = self.invert(z, mel, precision)
        if denoise:
            waveform = denoiser.denoise(waveform, denoiser.bias_spectrum(self), denoise)
        return tf.clip_by_value(waveform, -1.0, 1.0)

    def signatures(self):
        """Return the functions to serve, see `vocoder_signatures`, with norms in the kernels.

        `denoised` vocodes and then subtracts the bias spectrum, see `denoiser`.
        """
        config, network = self.config, self.fold_weight_norm().network

        def sample(mel, sigma, seed):
            sizes = tf.shape(mel)
            groups = sizes[1] * config.hop_length // config.group
            shape = [sizes[0], groups, config.group]
            noise = tf.random.stateless_normal(shape, tf.stack([seed, 0]))
            return network.inverse(sigma * noise, mel)[:, :, tf.newaxis]

        def vocode(mel, sigma, seed):
            return tf.clip_by_value(sample(mel, sigma, seed), -1.0, 1.0)

        bias = denoiser.bias_spectrum(self)

        def denoised(mel, strength, sigma, seed):
            waveform = denoiser.denoise(sample(mel, sigma, seed), bias, strength)
            return tf.clip_by_value(waveform, -1.0, 1.0)

        sigma, strength = _scalars()
        inputs = [sigma, signatures.seed_input("noise")]
        served = signatures.vocoder_signatures(vocode, config.mel, inputs)
        mel = served["vocode"].interface.inputs[0]
        least = config.mel.n_fft // 2 // config.hop_length + 1
        longer = (lambda mel: tf.shape(mel)[1] >= least, f"must have at least {least} frames")
        frames = np.repeat(mel.example, -(-least // mel.example.shape[1]), axis=1)
        mel = dataclasses.replace(mel, checks=(*mel.checks, longer), example=frames)
        served["denoised"] = signatures.signature(
            denoised,
            "Vocode mel spectrograms and subtract the bias that the model emits for silence.",
            [mel, strength, *inputs],
            [signatures.waveform_output(config.sample_rate)],
        )
        return served

    def fold_weight_norm(self) -> "WaveGlow":
        """Return a WaveGlow of the same function that normalises no kernels, for inference."""
        plain = WaveGlow(dataclasses.replace(self.config, normalization="none"), self.seed)
        layers, copies = (find_layers(each.network, NormalizedConv1D) for each in (self, plain))
        gains = {id(layer.gain) for layer in layers}
        others = [v for v in self.network.trainable_variables if id(v) not in gains]
        for variable, copy in zip(others, plain.network.trainable_variables, strict=True):
            copy.assign(variable)
        for layer, copy in zip(layers, copies, strict=True):
            copy.kernel.assign(layer.effective_kernel())
        return plain

    def noise_shape(self, mel: tf.Tensor) -> tuple[int, int, int]:
        """Return the shape of the noise for a mel spectrogram [batch, frames, n_mels]."""
        config = self.config
        batch, frames, _ = mel.shape
        return batch, frames * config.hop_length // config.group, config.group


def flow_loss(z, log_scales, log_dets, sigma):
    """Compute the authors' loss: nats per sample without the constant 0.5 ln(2 pi sigma^2).

    Args:
      z: float32 [batch, groups, group].
      log_scales: list of float32 [batch, groups, channels].
      log_dets: list of float32 scalars.
      sigma: assumed standard deviation of z.

    Returns:
      float32 scalar.
    """
    shape = tf.shape(z)
    squares = tf.reduce_sum(tf.square(z)) / (2.0 * sigma**2)
    scales = tf.add_n([tf.reduce_sum(log_scale) for log_scale in log_scales])
    dets = tf.cast(shape[0] * shape[1], tf.float32) * tf.add_n(log_dets)
    return (squares - scales - dets) / tf.cast(tf.size(z), tf.float32)


def _scalars():
    """Return the inputs `sigma` and `strength` of the signatures."""
    positive = (lambda value: value >= 0, "must be 0 or more")
    return [
        signatures.Input(name, "float32", (), meaning, example, (positive,))
        for name, meaning, example in (
            ("sigma", "Standard deviation of the noise, 0 or more; 0.6 is usual.", 0.6),
            ("strength", "Factor of the subtracted bias spectrum, 0 or more; 0.1 is usual.", 0.1),
        )
    ]
