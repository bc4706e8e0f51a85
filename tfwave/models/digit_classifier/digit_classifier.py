"""Spoken-digit classifier for the inception score of WaveGAN (arXiv:1802.04208).

It mirrors the authors' eval/inception/train.py: log-mel spectrogram, batch normalisation per mel
band ("zero mean, unit variance per bin" in the paper), four times [5x5 convolution, ReLU, 2x2
max-pool] with batch normalisation in between, flatten, batch normalisation, dense. There is no
dropout: the authors set a rate but never apply it.
"""

import keras
import numpy as np
import tensorflow as tf

from tfwave.audio.mel import log_mel
from tfwave.errors import UserError
from tfwave.layers.tracking import inner_variable, trained_variables
from tfwave.models import signatures
from tfwave.models.digit_classifier.config import DigitClassifierConfig
from tfwave.models.system import BatchSpec, Curve, System


class DigitClassifier(System):
    """Classifier that maps clips to unnormalised class scores.

    A batch is {"waveform": float32 [batch, slice_len] in [-1, 1], "label": int32 [batch]}.

    Args:
      config: DigitClassifierConfig; None for the authors' network.
      seed: int, seed of the initial weights (Glorot uniform kernels, zero biases).
    """

    config_class = DigitClassifierConfig
    kind = "none"
    curves = (
        Curve("loss", "Cross-entropy", lower_is_better=True, shown=True),
        Curve("accuracy", "Accuracy", lower_is_better=False, shown=True),
    )
    selection = Curve("accuracy", "Accuracy", lower_is_better=False)

    def __init__(self, config: DigitClassifierConfig | None = None, seed: int = 0):
        super().__init__(config, seed)
        config = self.config
        seeds = np.random.SeedSequence(seed).generate_state(config.blocks + 1)

        def kernel_initializer(i):
            return keras.initializers.GlorotUniform(seed=int(seeds[i] >> 1))

        def batch_norm(name):
            return keras.layers.BatchNormalization(
                momentum=config.batch_norm_momentum, epsilon=1e-3, name=name
            )

        self.input_norm = batch_norm("input_norm")
        self.convolutions = [
            keras.layers.Conv2D(
                config.filters,
                config.kernel_size,
                padding="same",
                activation="relu",
                kernel_initializer=kernel_initializer(i),
                name=f"convolution_{i}",
            )
            for i in range(config.blocks)
        ]
        self.pool = keras.layers.MaxPooling2D(2)
        self.norms = [batch_norm(f"norm_{i}") for i in range(config.blocks - 1)]
        self.flatten = keras.layers.Flatten()
        self.flat_norm = batch_norm("flat_norm")
        self.dense = keras.layers.Dense(
            config.classes, kernel_initializer=kernel_initializer(config.blocks)
        )
        self(tf.zeros([1, config.slice_len]))
        clips = tf.TensorSpec([None, config.slice_len], tf.float32)
        self._score = tf.function(self.logits, input_signature=[clips])

    def log_mel(self, waveform):
        """Compute the log-mel spectrogram, the fixed front end.

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
        """Apply the trained layers.

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
        """Score clips [batch, slice_len] in [-1, 1]; return float32 [batch, classes]."""
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
          batch_size: number of clips per call.

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
        """Return the functions to serve, see `signatures`.

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

    def batch_spec(self, samples: int | None = None) -> BatchSpec:
        """Describe one training batch: the first `slice_len` samples of labelled clips."""
        return BatchSpec(("waveform", "label"), self.config.slice_len)

    def default_optimizer(self, network: str):
        """Return the optimiser of the configuration."""
        optimizers = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}
        return optimizers[self.config.optimizer](self.config.learning_rate)

    def summaries(self, step, data):
        """Write nothing, as a classifier does not generate audio."""

    def train_step(self, data):
        """Make one step on the mean cross-entropy of a batch.

        Args:
          data: a batch, as a dict.

        Returns:
          Dict of float32 scalars: 'loss' in nats, 'accuracy' in 0..1, both of this batch.
        """
        waveform, label = data["waveform"], data["label"]
        spectrogram = self.log_mel(waveform)

        def cross_entropy():
            logits = self.network(spectrogram, training=True)
            loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=label, logits=logits)
            return tf.reduce_mean(loss), logits

        (loss, logits), gradients = self.gradients_of(cross_entropy)
        self.optimizer.apply_gradients(zip(gradients, trained_variables(self), strict=True))
        self.step.assign_add(1)
        return {"loss": loss, "accuracy": _accuracy(logits, label)}

    def test_step(self, data):
        """Evaluate a batch; same arguments and results as `train_step`."""
        waveform, label = data["waveform"], data["label"]
        logits = self(waveform, training=False)
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
          UserError: an array is missing or has another shape; the message names the first.
        """
        variables = self.named_variables()
        for name, variable in variables.items():
            if name not in weights:
                raise UserError(f"{name} is missing")
            if tuple(weights[name].shape) != tuple(variable.shape):
                raise UserError(
                    f"{name} has shape {list(weights[name].shape)}, the network needs "
                    f"{list(variable.shape)}"
                )
        for name, variable in variables.items():
            variable.assign(weights[name])


def _accuracy(logits, label):
    hits = tf.equal(tf.argmax(logits, axis=-1, output_type=tf.int32), tf.cast(label, tf.int32))
    return tf.reduce_mean(tf.cast(hits, tf.float32))
