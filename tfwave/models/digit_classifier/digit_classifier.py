"""The spoken-digit classifier behind the inception score of WaveGAN (arXiv:1802.04208).

Mirrors the authors' eval/inception/train.py: log-mel spectrogram, batch normalisation per mel band
("zero mean, unit variance per bin" in the paper), four times [5x5 convolution, ReLU, 2x2 max-pool]
with batch normalisation in between, flatten, batch normalisation, dense. There is no dropout: the
authors set a rate but never apply it.
"""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from tfwave.audio.mel import log_mel
from tfwave.layers.tracking import inner_variable, step_counter
from tfwave.models import signatures


@dataclasses.dataclass(frozen=True)
class DigitClassifierConfig:
    """Hyperparameters; the defaults are those of the authors' released network.

    Raises:
      ValueError: naming the field, if a value is illegal.
    """

    slice_len: int = 16384  # samples per clip
    sample_rate: int = 16000  # Hz
    frame_length: int = 1024  # samples, window and transform
    hop_length: int = 128  # samples
    n_mels: int = 128  # bands
    f_min: float = 40.0  # Hz
    f_max: float = 7800.0  # Hz
    log_floor: float = 1e-6  # added to mel magnitudes before the logarithm
    filters: int = 128  # channels of every convolution
    kernel_size: int = 5  # frames and bands
    blocks: int = 4  # convolution + pooling
    classes: int = 10
    batch_norm_momentum: float = 0.99  # of the moving statistics, the default of TF1's layers
    optimizer: str = "sgd"  # 'sgd' (no momentum) or 'adam'
    learning_rate: float = 1e-4
    batch_size: int = 64
    keep_best: str = "accuracy"  # as released; the paper's text says 'cross_entropy'

    def __post_init__(self):
        for name in (
            "slice_len",
            "sample_rate",
            "frame_length",
            "hop_length",
            "n_mels",
            "filters",
            "kernel_size",
            "blocks",
            "classes",
            "batch_size",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        for name in ("log_floor", "learning_rate"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if self.hop_length > self.frame_length:
            raise ValueError(
                f"hop_length must not exceed frame_length ({self.frame_length}), "
                f"got {self.hop_length}"
            )
        if not 0 <= self.f_min < self.f_max <= self.sample_rate / 2:
            raise ValueError(
                f"f_min and f_max must satisfy 0 <= f_min < f_max <= {self.sample_rate / 2}, "
                f"got {self.f_min} and {self.f_max}"
            )
        if not 0 <= self.batch_norm_momentum < 1:
            raise ValueError(
                f"batch_norm_momentum must lie in 0..1, got {self.batch_norm_momentum}"
            )
        if self.optimizer not in ("sgd", "adam"):
            raise ValueError(f"optimizer must be 'sgd' or 'adam', got {self.optimizer!r}")
        if self.keep_best not in ("accuracy", "cross_entropy"):
            raise ValueError(
                f"keep_best must be 'accuracy' or 'cross_entropy', got {self.keep_best!r}"
            )
        if min(self.image_shape) < 2**self.blocks:
            raise ValueError(
                f"blocks must halve the {self.image_shape[0]} frames and {self.n_mels} bands "
                f"without emptying them, got {self.blocks}"
            )

    @property
    def image_shape(self):
        """Frames and mel bands of the log-mel image."""
        return -(-self.slice_len // self.hop_length), self.n_mels

    @classmethod
    def quick(cls, **changes):
        """Return the same architecture on a coarser image, narrower, trained with Adam.

        Reaches over 90 % on built-in spoken digits of unheard voices within a minute on two CPU
        cores. Its inception scores are not on the scale of the paper's.
        """
        quick = dict(
            hop_length=256,
            n_mels=64,
            filters=16,
            # Moving statistics with 0.99 lag hundreds of steps behind, too long for a short run.
            batch_norm_momentum=0.9,
            optimizer="adam",
            learning_rate=1e-3,
        )
        return cls(**{**quick, **changes})


class DigitClassifier(keras.Model):
    """Maps clips to unnormalised class scores.

    All variables exist after construction. `compile()` without arguments gives the configured
    optimiser; then `fit` takes a dataset of dicts of waveform [batch, slice_len] and label [batch].

    Args:
      config: a `DigitClassifierConfig`; None for the authors' network.
      seed: integer, seeds the initial weights (Glorot uniform kernels, zero biases).

    Attributes:
      config: `DigitClassifierConfig`.
      step: int64 variable, updates done.
    """

    def __init__(self, config=None, seed=0):
        super().__init__(name="digit_classifier")
        self.config = config = config or DigitClassifierConfig()
        seeds = np.random.SeedSequence(seed).generate_state(config.blocks + 1)

        def kernel_initializer(i):
            return keras.initializers.GlorotUniform(seed=int(seeds[i] >> 1))

        def batch_norm():
            return keras.layers.BatchNormalization(
                momentum=config.batch_norm_momentum, epsilon=1e-3
            )

        self.input_norm = batch_norm()
        self.convolutions = [
            keras.layers.Conv2D(
                config.filters,
                config.kernel_size,
                padding="same",
                activation="relu",
                kernel_initializer=kernel_initializer(i),
            )
            for i in range(config.blocks)
        ]
        self.pool = keras.layers.MaxPooling2D(2)
        self.norms = [batch_norm() for _ in range(config.blocks - 1)]
        self.flatten = keras.layers.Flatten()
        self.flat_norm = batch_norm()
        self.dense = keras.layers.Dense(
            config.classes, kernel_initializer=kernel_initializer(config.blocks)
        )
        self(tf.zeros([1, config.slice_len]))
        clips = tf.TensorSpec([None, config.slice_len], tf.float32)
        self.step = step_counter()
        self._score = tf.function(self.logits, input_signature=[clips])

    def log_mel(self, waveform):
        """Compute the fixed front end.

        Args:
          waveform: float32 tensor [batch, slice_len], in [-1, 1].

        Returns:
          float32 tensor [batch, frames, n_mels], natural logarithm of magnitudes.
        """
        c = self.config
        return log_mel(
            waveform,
            c.sample_rate,
            c.frame_length,
            c.hop_length,
            c.n_mels,
            c.f_min,
            c.f_max,
            c.log_floor,
        )

    def network(self, spectrogram, training=False):
        """Apply the trained part.

        Args:
          spectrogram: float32 tensor [batch, frames, n_mels] from `log_mel`.
          training: normalise by the statistics of the batch and update the moving ones.

        Returns:
          float32 tensor [batch, classes], unnormalised scores.
        """
        x = self.input_norm(spectrogram, training=training)[..., tf.newaxis]
        for i, convolution in enumerate(self.convolutions):
            if i:
                x = self.norms[i - 1](x, training=training)
            x = self.pool(convolution(x))
        x = self.flat_norm(self.flatten(x), training=training)
        return self.dense(x)

    def call(self, waveform, training=False):
        """Score clips [batch, slice_len] in [-1, 1]; returns float32 [batch, classes]."""
        return self.network(self.log_mel(waveform), training=training)

    def logits(self, waveform):
        """Score clips in inference mode.

        Args:
          waveform: float32 tensor [batch, slice_len] or [batch, slice_len, channels], in [-1, 1].
            Channels are averaged.

        Returns:
          float32 tensor [batch, classes], unnormalised scores.
        """
        waveform = tf.convert_to_tensor(waveform, tf.float32)
        if waveform.shape.rank == 3:
            waveform = tf.reduce_mean(waveform, axis=2)
        return self(waveform, training=False)

    def predict_logits(self, waveforms, batch_size=64):
        """Score a whole set of clips, compiled, in batches.

        Args:
          waveforms: array [n, time] or [n, time, channels] in [-1, 1], cut or zero-padded at
            the end to `slice_len`; or an iterable of such arrays (such as a tf.data.Dataset).
          batch_size: clips per call.

        Returns:
          float32 array [n, classes], unnormalised scores.
        """
        if isinstance(waveforms, (np.ndarray, tf.Tensor)):
            waveforms = [waveforms]
        scores = [np.zeros((0, self.config.classes), np.float32)]
        for block in waveforms:
            block = np.asarray(block)
            for start in range(0, len(block), batch_size):
                clips = self._fit_length(block[start : start + batch_size])
                scores.append(self._score(tf.constant(clips)).numpy())
        return np.concatenate(scores)

    def _fit_length(self, clips):
        if clips.ndim == 3:
            clips = clips.mean(axis=2)
        clips = clips[:, : self.config.slice_len].astype(np.float32)
        return np.pad(clips, [(0, 0), (0, self.config.slice_len - clips.shape[1])])

    def signatures(self):
        """Functions to serve, see `signatures`.

        `classify`: waveform [batch, time, channels] -> scores and probabilities [batch, classes].
        """
        config = self.config

        def classify(waveform):
            clips = tf.reduce_mean(waveform, axis=2)[:, : config.slice_len]
            clips = tf.pad(clips, [[0, 0], [0, config.slice_len - tf.shape(clips)[1]]])
            scores = self.logits(tf.ensure_shape(clips, [None, config.slice_len]))
            return scores, tf.nn.softmax(scores)

        clips = signatures.waveform_input(
            "waveform",
            f"Recordings of {config.sample_rate} Hz, whose channels are averaged and "
            f"which are cut or filled with zeros to {config.slice_len} samples",
            np.zeros([1, config.slice_len, 1], np.float32),
            channels=None,
        )
        shape = (None, config.classes)
        return {
            "classify": signatures.signature(
                classify,
                "Say what a recording is.",
                [clips],
                [
                    signatures.Output(
                        "scores", "float32", shape, "Scores, not normalised (logits)."
                    ),
                    signatures.Output("probabilities", "float32", shape, "In [0, 1], sum 1."),
                ],
            )
        }

    def compile(self, optimizer=None, **kwargs):
        """Set the optimiser; without one, the optimiser and learning rate of the config."""
        if optimizer is None:
            make = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}
            optimizer = make[self.config.optimizer](self.config.learning_rate)
        kwargs.setdefault("run_eagerly", False)
        # Compiled convolutions are an order of magnitude slower on the CPU.
        kwargs.setdefault("jit_compile", False)
        super().compile(optimizer=optimizer, **kwargs)
        self.optimizer.build(self.trainable_variables)

    def train_step(self, data):
        """Make one step on the mean cross-entropy of a batch.

        Args:
          data: dict with waveform float32 [batch, slice_len] and label, integer [batch].

        Returns:
          Dict of float32 scalars: 'loss' in nats, 'accuracy' in 0..1, both of this batch.
        """
        label = data["label"]
        spectrogram = self.log_mel(data["waveform"])
        with tf.GradientTape() as tape:
            logits = self.network(spectrogram, training=True)
            loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(labels=label, logits=logits)
            )
        variables = self.trainable_variables
        gradients = tape.gradient(loss, variables)
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        self.step.assign_add(1)
        return {"loss": loss, "accuracy": _accuracy(logits, label)}

    def test_step(self, data):
        """Evaluate a batch; same arguments and results as `train_step`."""
        label = data["label"]
        logits = self(data["waveform"], training=False)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=label, logits=logits)
        return {"loss": tf.reduce_mean(loss), "accuracy": _accuracy(logits, label)}

    def named_variables(self):
        """Return the weights under the names of the authors' checkpoint.

        Returns:
          Dict of name, for example 'classifier/conv2d_1/kernel', to tf.Variable. Batch
          normalisation 0 is that of the input, the last one that of the flattened image.
        """

        def numbered(base, layers):
            names = [base] + [f"{base}_{i}" for i in range(1, len(layers))]
            return zip(names, layers, strict=True)

        fields = {"conv2d": ("kernel", "bias"), "dense": ("kernel", "bias")}
        norm_fields = ("gamma", "beta", "moving_mean", "moving_variance")
        layers = [
            *numbered("batch_normalization", [self.input_norm, *self.norms, self.flat_norm]),
            *numbered("conv2d", self.convolutions),
            ("dense", self.dense),
        ]
        named = {}
        for name, layer in layers:
            for field in fields.get(name.split("_")[0], norm_fields):
                named[f"classifier/{name}/{field}"] = inner_variable(getattr(layer, field))
        return named

    def assign_named(self, weights):
        """Set all weights from a dict of arrays named as in `named_variables`.

        Raises:
          ValueError: naming the first array that is missing or has another shape.
        """
        variables = self.named_variables()
        for name, variable in variables.items():
            if name not in weights:
                raise ValueError(f"{name} is missing")
            if tuple(weights[name].shape) != tuple(variable.shape):
                raise ValueError(
                    f"{name} has shape {list(weights[name].shape)}, the network needs "
                    f"{list(variable.shape)}"
                )
        for name, variable in variables.items():
            variable.assign(weights[name])


def _accuracy(logits, label):
    hits = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), tf.cast(label, tf.int32))
    return tf.reduce_mean(tf.cast(hits, tf.float32))
