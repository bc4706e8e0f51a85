"""SpecGAN: unsupervised synthesis of spectrograms, inverted by Griffin-Lim.

Paper: "Adversarial Audio Synthesis", Donahue, McAuley, Puckette, arXiv:1802.04208; section 3.2 and
appendix Tables 6 and 7. Code: github.com/chrisdonahue/wavegan, specgan.py and train_specgan.py.

Where paper and code differ the code is followed:
* The paper's tables have Conv1D and stride 4 for the critic; its shapes and the code have 5x5
  convolutions of stride 2.
* The inverse STFT inside and after Griffin-Lim multiplies by the analysis window and adds without
  normalising, which costs level and ripples at the hop rate; `griffin_lim_window="dual"` inverts
  the transform and gives better audio than the paper's SpecGAN.
* The Nyquist bin is dropped, and restored as its mean over the corpus, not as silence.

Only the paper has phase shuffle for SpecGAN: on the time axis of the first four layers.
"""

import keras
import numpy as np
import tensorflow as tf

from tfwave.audio.phase import griffin_lim
from tfwave.audio.spectral import stft
from tfwave.errors import UserError
from tfwave.layers.tf1 import batch_norm, dense
from tfwave.layers.tracking import track_layers
from tfwave.layers.upsampling import upsample2d
from tfwave.models.wavegan.config import SPECGAN_SLICE_LEN, SpecGANConfig
from tfwave.models.wavegan.critic import Critic
from tfwave.models.wavegan.update import AdversarialSystem

FRAME_LENGTH = 256
HOP_LENGTH = 128
BINS = FRAME_LENGTH // 2 + 1
_LOG_FLOOR = 1e-6
_LAYERS = 5
_FIRST_SIZE = 4


def log_magnitudes(waveform: tf.Tensor) -> tf.Tensor:
    """Compute ln(|STFT| + 1e-6), [batch, 128 frames, 129 bins], of [batch, 16384, 1] in [-1, 1]."""
    spectrum = stft(waveform[:, :, 0], FRAME_LENGTH, HOP_LENGTH, pad_end=True)
    return tf.math.log(tf.abs(spectrum) + _LOG_FLOOR)


def compute_moments(waveforms) -> tuple[np.ndarray, np.ndarray]:
    """Measure mean and standard deviation of each bin's log magnitude over a corpus.

    Args:
      waveforms: iterable of float32 [batch, 16384, 1] in [-1, 1].

    Returns:
      (mean, std): float32 [129] each, Nyquist bin included; std of the population, as the authors'.

    Raises:
      ValueError: no waveforms.
    """
    magnitudes = tf.function(log_magnitudes, reduce_retracing=True)
    count, total, squares = 0, np.zeros(BINS), np.zeros(BINS)
    for batch in waveforms:
        values = magnitudes(batch).numpy().astype(np.float64).reshape(-1, BINS)
        count += len(values)
        total += values.sum(axis=0)
        squares += np.square(values).sum(axis=0)
    if not count:
        raise ValueError("the moments of SpecGAN need at least one clip")
    mean = total / count
    std = np.sqrt(np.maximum(squares / count - mean**2, 0.0))
    return mean.astype(np.float32), std.astype(np.float32)


def picture(normalised: tf.Tensor) -> tf.Tensor:
    """Render normalised spectrograms as images, as in the authors' previews.

    Args:
      normalised: float32 [batch, 128 frames, 128 bins, 1] in [-1, 1].

    Returns:
      uint8 [batch, 128, 128, 1], low frequencies at the bottom, time to the right.
    """
    grey = tf.clip_by_value((normalised + 1.0) * 128.0, 0.0, 255.0)
    return tf.image.rot90(tf.cast(grey, tf.uint8))


class SpecGANGenerator(keras.Model):
    """Generator of normalised spectrograms [batch, 128 frames, 128 bins, 1] from latents.

    Dense to 4 x 4, then five layers that double both axes and halve the channels.

    Args:
      config: SpecGANConfig.
      seed: seed of the initial weights.
    """

    output_dims = (128, 128, 1)

    def __init__(self, config: SpecGANConfig, seed=0):
        super().__init__()
        self.config = config
        width = config.model_dim * 2 ** (_LAYERS - 1)
        self.first_dims = (_FIRST_SIZE, _FIRST_SIZE, width)
        seeds = iter(range(1000 * seed, 1000 * seed + 1000))
        units = _FIRST_SIZE**2 * width
        self.z_project = dense(units, next(seeds), config.precision, "z_project")
        self.upconvs = []
        for i in range(_LAYERS):
            filters = 1 if i + 1 == _LAYERS else width >> (i + 1)
            make, stride = keras.layers.Conv2D, 1
            if config.upsample == "zeros":
                make, stride = keras.layers.Conv2DTranspose, 2
            self.upconvs.append(_conv2d(make, config, filters, stride, next(seeds), f"upconv_{i}"))
        self.batch_norms = []
        if config.batch_norm:
            self.batch_norms = [batch_norm(f"batch_norm_{i}") for i in range(_LAYERS)]
        track_layers(self, [*self.upconvs, *self.batch_norms])

    def build(self, input_shape):
        self.z_project.build((None, input_shape[-1]))
        size, _, channels = self.first_dims
        for i, layer in enumerate(self.upconvs):
            if self.batch_norms:
                self.batch_norms[i].build((None, size, size, channels))
            grown = size if self.config.upsample == "zeros" else size * 2
            layer.build((None, grown, grown, channels))
            size, channels = size * 2, channels // 2
        self.built = True

    def call(self, latents, training=False):
        """Map latents [batch, latent_dim] to float32 [batch, 128, 128, 1] in [-1, 1]."""
        return self.features(latents, training)[-1]

    def features(self, latents, training=False):
        """Return the activations of every layer: after the ReLUs in order, and after the tanh."""
        x = tf.reshape(self.z_project(latents), [-1, *self.first_dims])
        features = []
        for i, layer in enumerate(self.upconvs):
            if self.batch_norms:
                x = self.batch_norms[i](x, training=training)
            features.append(tf.nn.relu(x))
            x = features[-1]
            if self.config.upsample != "zeros":
                x = upsample2d(x, 2, self.config.upsample)
            x = layer(x)
        return [*features, tf.tanh(tf.cast(x, tf.float32))]


class SpecGANDiscriminator(Critic):
    """Critic of normalised spectrograms [batch, 128 frames, 128 bins, 1], scores [batch].

    Args:
      config: SpecGANConfig.
      seed: seed of the initial weights.
    """

    def __init__(self, config: SpecGANConfig, seed=0):
        seeds = iter(range(1000 * seed + 500, 1000 * seed + 1000))
        make = keras.layers.Conv2D
        downconvs = [
            _conv2d(make, config, config.model_dim << i, 2, next(seeds), f"downconv_{i}")
            for i in range(_LAYERS)
        ]
        super().__init__(config, downconvs, next(seeds))


def _conv2d(make, config, filters, stride, seed, name):
    return make(
        filters,
        config.kernel_len,
        strides=stride,
        padding="same",
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
        dtype=config.precision,
        name=name,
    )


class SpecGAN(AdversarialSystem):
    """SpecGAN with the paper's update.

    `set_moments` must be called with the moments of the corpus (`compute_moments`) before training;
    they are variables, so checkpoints and exported models contain them.

    Args:
      config: SpecGANConfig.
      seed: int; initial weights and every draw of training follow from it.
    """

    config_class = SpecGANConfig
    network_classes = (SpecGANGenerator, SpecGANDiscriminator)

    def __init__(self, config: SpecGANConfig | None = None, seed: int = 0):
        super().__init__(config, seed)
        self.moments_mean = tf.Variable(tf.zeros([BINS]), trainable=False, name="moments_mean")
        self.moments_std = tf.Variable(tf.ones([BINS]), trainable=False, name="moments_std")

    def set_moments(self, mean, std):
        """Set the corpus' mean and standard deviation of each bin's log magnitude.

        Args:
          mean: float [129].
          std: float [129], above 0.

        Raises:
          ValueError: wrong shape. Values that are not finite, or a standard deviation that is not
            positive, raise its subclass `UserError`.
        """
        mean, std = np.asarray(mean, np.float32), np.asarray(std, np.float32)
        if mean.shape != (BINS,) or std.shape != (BINS,):
            raise ValueError(f"moments must have {BINS} bins, got {mean.shape} and {std.shape}")
        if not (np.isfinite(mean).all() and np.isfinite(std).all() and (std > 0).all()):
            raise UserError(
                "moments must be finite and every standard deviation above 0; a corpus of silence "
                "has none"
            )
        self.moments_mean.assign(mean)
        self.moments_std.assign(std)

    def represent(self, waveform):
        """Normalise log magnitudes by the moments and clip.

        Args:
          waveform: float32 [batch, 16384, 1] in [-1, 1].

        Returns:
          float32 [batch, 128 frames, 128 bins, 1] in [-1, 1], without the Nyquist bin.
        """
        values = (log_magnitudes(waveform) - self.moments_mean) / self.moments_std
        scaled = tf.clip_by_value(values / self.config.clip_std, -1.0, 1.0)
        return tf.stop_gradient(scaled[:, :, :-1, tf.newaxis])

    def render(self, generated):
        """Recover a waveform by Griffin-Lim from zero phase.

        Args:
          generated: float32 [batch, 128 frames, 128 bins, 1] in [-1, 1].

        Returns:
          float32 [batch, 16384, 1].
        """
        waveform = griffin_lim(
            self._magnitudes(generated),
            FRAME_LENGTH,
            HOP_LENGTH,
            self.config.griffin_lim_iterations,
            self.config.griffin_lim_window,
        )
        return waveform[:, :SPECGAN_SLICE_LEN, tf.newaxis]

    def summaries(self, step, data):
        """Add the normalised spectrograms to the summaries of `AdversarialSystem`."""
        super().summaries(step, data)
        generated = self.generator(self.sample_latents(8, self.seed))
        for name, judged in {
            "real": self.represent(data["waveform"][0, :8]),
            "generated": generated,
        }.items():
            tf.summary.image(f"images/{name}_normalised", picture(judged), step, max_outputs=4)

    def rms(self, judged):
        """Return the mean RMS of the clips, from their magnitudes by Parseval's theorem.

        The authors log that of the waveform after Griffin-Lim, which is too slow for every step.
        """
        power = tf.square(self._magnitudes(judged))
        # For a real signal every bin but the first and the last represents two; the squared Hann
        # windows of half-overlapping frames add up to 3/4 of a window's length per hop.
        energy = 2.0 * tf.reduce_sum(power, axis=2) - power[:, :, 0] - power[:, :, -1]
        energy = tf.reduce_sum(energy, axis=1) / (FRAME_LENGTH * 0.75)
        return tf.reduce_mean(tf.sqrt(energy / SPECGAN_SLICE_LEN))

    def _magnitudes(self, normalised):
        """Map [batch, frames, 128, 1] to [batch, frames, 129], the Nyquist bin at its mean."""
        values = tf.pad(normalised[:, :, :, 0], [[0, 0], [0, 0], [0, 1]])
        return tf.exp(values * self.config.clip_std * self.moments_std + self.moments_mean)
