"""WaveNet as a phoneme recogniser (arXiv:1609.03499 section 3.4).

The skip sum of the causal stack is averaged over 10 ms, followed by a few non-causal convolutions.
The paper gives the pooling and the two losses, next sample and frame class; it gives no sizes, no
loss weights, no classes and no decoding. CTC is an addition. The stack is padded with zeros before
the first sample, so that every sample belongs to a frame.
"""

import dataclasses
import itertools

import keras
import numpy as np
import tensorflow as tf

from tfwave.layers.gated import convolution
from tfwave.layers.tracking import track_layers
from tfwave.models import signatures
from tfwave.models.config import check, read_nested
from tfwave.models.system import BatchSpec, Curve, NetworkSystem
from tfwave.models.wavenet import outputs
from tfwave.models.wavenet.config import WaveNetConfig
from tfwave.models.wavenet.networks import WaveNetNetwork


@dataclasses.dataclass(frozen=True)
class WaveNetRecognizerConfig:
    """Hyperparameters; only `frame_length` is from the paper.

    Raises:
      UserError: an illegal value, naming the field.
    """

    wavenet: WaveNetConfig = WaveNetConfig()  # the causal stack, without conditioning
    frame_length: int = 160  # in samples, 10 ms at 16 kHz
    channels: int = 128
    kernel_size: int = 5  # width of the non-causal convolutions in frames
    layers: int = 3
    classes: int = 48  # phonemes; with `ctc` a blank comes after them
    sample_weight: float = 1.0  # weight of the nats per sample
    frame_weight: float = 1.0  # weight of the nats per labelled frame
    ctc: bool = False  # whether to train on unaligned phonemes as well
    ctc_weight: float = 1.0  # weight of the nats per label
    learning_rate: float = 1e-3

    def __post_init__(self):
        read_nested(self, wavenet=WaveNetConfig)
        stack = self.wavenet
        plain = not (
            stack.local_channels or stack.speaker_channels or stack.dropout or stack.average_decay
        )
        check(self, "wavenet", plain, "without conditioning, speakers, dropout and averaging")
        for field in ("frame_length", "channels", "kernel_size", "layers", "classes"):
            check(self, field, getattr(self, field) >= 1, "1 or more")
        for field in ("sample_weight", "frame_weight", "ctc_weight"):
            check(self, field, getattr(self, field) >= 0, "0 or more")
        check(self, "learning_rate", self.learning_rate > 0, "above 0")


class WaveNetRecognizer(NetworkSystem):
    """Recogniser that maps raw audio to log probabilities of phonemes, frame by frame.

    A batch is a dict: "waveform" float32 [batch, time] in [-1, 1]; "length" int32 [batch], samples
    of each row that count; "phonemes" int32 [batch, time // frame_length], -1 where nothing is
    labelled; with `ctc` also "labels" int32 [batch, most], the phonemes in order, and
    "label_length" int32 [batch], the number of them that count, at most the frames of the row.

    Args:
      config: WaveNetRecognizerConfig.
      seed: seed of the initial weights.

    Attributes:
      network: `WaveNetNetwork`, the stack and its prediction of the next sample.
      frame_layers: the non-causal convolutions, the last one to the classes.
      step: int64 variable, updates done.
    """

    config_class = WaveNetRecognizerConfig
    network_class = WaveNetNetwork
    kind = "none"
    curves = (
        Curve("loss", "Loss", lower_is_better=True, shown=True),
        Curve("sample_nats", "Nats per sample", lower_is_better=True),
        Curve("frame_nats", "Nats per frame", lower_is_better=True, shown=True),
        Curve("frame_accuracy", "Accuracy per frame", lower_is_better=False),
        Curve("ctc_nats", "Nats per label (CTC)", lower_is_better=True),
    )
    selection = Curve("frame_nats", "Nats per frame", lower_is_better=True)

    def __init__(self, config: WaveNetRecognizerConfig | None = None, seed: int = 0):
        super().__init__(config, seed)
        config = self.config
        sizes = [config.channels] * config.layers + [config.classes + config.ctc]
        inputs = [config.wavenet.skip_channels, *sizes[:-1]]
        self.frame_layers = [
            convolution(
                f"frame_{i}",
                size,
                config.kernel_size if i < config.layers else 1,
                True,
                10_000 * seed + 5_000 + i,
                padding="same",
            )
            for i, size in enumerate(sizes)
        ]
        track_layers(self, self.frame_layers)
        for layer, channels in zip(self.frame_layers, inputs, strict=True):
            layer.build((None, None, channels))

    def _network_config(self):
        return self.config.wavenet

    @property
    def sample_rate(self) -> int:
        """Samples per second of the waveforms."""
        return self.config.wavenet.sample_rate

    def batch_spec(self, samples: int | None = None) -> BatchSpec:
        """Describe one training batch of rows of `samples` samples, None for one second."""
        columns = ["waveform", "length", "phonemes"]
        if self.config.ctc:
            columns += ["labels", "label_length"]
        return BatchSpec(tuple(columns), samples or self.sample_rate)

    def default_optimizer(self, network: str):
        """Return Adam at the rate of the configuration."""
        return keras.optimizers.Adam(self.config.learning_rate)

    def call(self, waveform, length=None):
        """Compute log probabilities of phonemes for each frame.

        Args:
          waveform: float32 [batch, time] in [-1, 1].
          length: int32 [batch], samples that count; frames beyond are ignored. None for all.

        Returns:
          float32 [batch, time // frame_length, classes], one more class with `ctc`.
        """
        return tf.nn.log_softmax(self.scores(waveform, length)[0])

    def scores(self, waveform, length=None):
        """Return (logits of `call`, the stack's prediction of each next sample)."""
        size = self.config.frame_length
        codes = outputs.as_inputs(self.config.wavenet, waveform)
        *_, skips, params = self.network.activations(codes, padding="causal")
        frames = tf.shape(waveform)[1] // size
        x = tf.reshape(tf.nn.relu(skips)[:, : frames * size], [-1, frames, size, skips.shape[-1]])
        x = tf.reduce_mean(x, axis=2)
        mask = 1.0
        if length is not None:
            mask = tf.sequence_mask(length // size, frames, tf.float32)[..., tf.newaxis]
        for layer in self.frame_layers[:-1]:
            x = tf.nn.relu(layer(x * mask))
        return self.frame_layers[-1](x), params

    def losses_of(self, data):
        """Compute losses and accuracy of a batch.

        Returns:
          Dict of float32 scalars: loss; sample_nats, the mean over predicted samples; frame_nats
          and frame_accuracy over labelled frames; with `ctc` ctc_nats for each label.
        """
        config, waveform, length = self.config, data["waveform"], data["length"]
        logits, params = self.scores(waveform, length)
        nats = outputs.negative_log_likelihood(config.wavenet, params[:, :-1], waveform[:, 1:])
        predicted = tf.sequence_mask(length - 1, tf.shape(nats)[1], tf.float32)
        counts = length // config.frame_length
        wanted = data["phonemes"]
        labelled = tf.sequence_mask(counts, tf.shape(logits)[1]) & (wanted >= 0)
        labelled = tf.cast(labelled, tf.float32)
        classes = logits[..., : config.classes]
        cross = tf.nn.sparse_softmax_cross_entropy_with_logits(tf.maximum(wanted, 0), classes)
        hits = tf.cast(tf.equal(tf.argmax(classes, -1, tf.int32), wanted), tf.float32)
        parts = {
            "sample_nats": _mean(nats, predicted),
            "frame_nats": _mean(cross, labelled),
            "frame_accuracy": _mean(hits, labelled),
        }
        loss = config.sample_weight * parts["sample_nats"]
        loss += config.frame_weight * parts["frame_nats"]
        if config.ctc:
            ctc = tf.nn.ctc_loss(
                data["labels"],
                logits,
                data["label_length"],
                counts,
                logits_time_major=False,
                blank_index=config.classes,
            )
            lengths = tf.cast(tf.reduce_sum(data["label_length"]), tf.float32)
            parts["ctc_nats"] = tf.reduce_sum(ctc) / tf.maximum(lengths, 1.0)
            loss += config.ctc_weight * parts["ctc_nats"]
        return {"loss": loss, **parts}

    @tf.autograph.experimental.do_not_convert
    def train_step(self, data):
        """Make one update; return the result of `losses_of`."""

        def measure():
            parts = self.losses_of(data)
            return parts["loss"], parts

        (_, parts), gradients = self.gradients_of(measure)
        self.update(gradients)
        return parts

    def test_step(self, data):
        """Evaluate a batch; return the result of `losses_of`."""
        return self.losses_of(data)

    def signatures(self):
        """Return the functions to serve: `recognize`, waveform -> log probabilities by frame."""
        config = self.config
        size, classes = config.frame_length, config.classes + config.ctc

        def recognize(waveform):
            return self(waveform[:, :, 0])

        waveform = signatures.waveform_input(
            "waveform",
            f"Recordings of {self.sample_rate} Hz",
            np.zeros([1, 2 * size, 1], np.float32),
            size,
        )
        output = signatures.Output(
            "log_probabilities",
            "float32",
            (None, None, classes),
            f"Natural logarithms, a frame for every {size} samples.",
        )
        return {
            "recognize": signatures.signature(
                recognize, "Recognise the phonemes of recordings.", [waveform], [output]
            )
        }

    def summaries(self, step, data):
        """Write nothing, as a recogniser does not generate audio."""


def decode(log_probabilities, lengths, blank=None, shortest=1):
    """Convert frames to phonemes: the best class of each, repeats merged.

    Args:
      log_probabilities: float32 [batch, frames, classes].
      lengths: int [batch], number of frames that count.
      blank: class that separates phonemes and is left out, the last one of a model with `ctc`;
        None for a model without.
      shortest: runs of fewer frames are left out, before repeats are merged.

    Returns:
      List of lists of int, one for each row.
    """
    best = np.argmax(np.asarray(log_probabilities), axis=-1)
    sequences = []
    for classes, length in zip(best, np.asarray(lengths), strict=True):
        runs = [(c, len(list(run))) for c, run in itertools.groupby(classes[:length].tolist())]
        long = [c for c, count in runs if count >= shortest]
        sequences.append([c for c, _ in itertools.groupby(long) if c != blank])
    return sequences


def _mean(values, weights):
    return tf.reduce_sum(values * weights) / tf.maximum(tf.reduce_sum(weights), 1.0)
