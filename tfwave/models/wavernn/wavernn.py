"""WaveRNN: a recurrent model of 16-bit audio, two draws of 8 bits for each sample.

Paper: "Efficient Neural Audio Synthesis", Kalchbrenner et al., arXiv:1802.08435; sections 2 and 3.
Its authors released no code. The cell (`wavernn_cell`) and the pruning schedule
(`layers.block_sparsity`) are the paper's. It does not specify the following, which are choices of
public code or ours:

* Adam at 1e-3 on batches of 128 sequences, each from a state of zeros: the public notebook of the
  dual softmax (fatchord/WaveRNN). The sequences of 960 samples are the paper's.
* Initial weights: PyTorch's, as in that notebook.
* Conditioning (ours): convolutions of width 3 over the frames of features, one product to the
  inputs of the gates of both halves, all at the frame rate, then each frame's terms are
  repeated for its samples.
"""

from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from tfwave.audio.mel import MelConfig
from tfwave.audio.pictures import summarize_clips
from tfwave.losses.likelihood import categorical_nll
from tfwave.models.system import BatchSpec, Curve, NetworkSystem
from tfwave.models.wavernn import generation as wavernn_generation
from tfwave.models.wavernn import signatures as wavernn_signatures
from tfwave.models.wavernn.cell import halves_of
from tfwave.models.wavernn.config import WaveRNNConfig
from tfwave.models.wavernn.networks import WaveRNNNetwork


class WaveRNN(NetworkSystem):
    """WaveRNN with its training update, likelihoods and generation.

    A batch is a dict: "waveform" float32 [batch, 1 + samples] in [-1, 1], the first sample of a row
    being context only; with conditioning "features" (see `WaveRNNNetwork.call`); optionally
    "length" int32 [batch], the samples of each row that count.

    Args:
      config: `config_class`; None for the paper's WaveRNN-896.
      seed: int; initial weights follow from it.

    Attributes:
      network: WaveRNNNetwork.
      step: int64 variable, the number of updates done.
    """

    config_class = WaveRNNConfig
    network_class = WaveRNNNetwork
    curves = (
        Curve("loss", "Nats per sample", lower_is_better=True, shown=True),
        Curve("nll_coarse", "Nats of the halves", lower_is_better=True),
        Curve("nll_fine", "Nats of the halves", lower_is_better=True),
        Curve("grad_norm", "Gradient norm"),
        Curve("sparsity", "Sparsity"),
    )
    selection = Curve("nats_per_sample", "Nats per sample", lower_is_better=True)

    @property
    def kind(self) -> str:
        """ "mel" for a network conditioned on mel spectrograms, else "samples"."""
        return "samples" if self.mel is None else "mel"

    @property
    def mel(self) -> MelConfig | None:
        """Front end of the mel spectrograms that condition the network, or None."""
        config = self.config
        on_mel = config.conditioning == "features" and not config.feature_channels
        return config.mel if on_mel else None

    def batch_spec(self, samples: int | None = None) -> BatchSpec:
        """Describe one training batch of rows of `samples` samples, None for `config.sequence`."""
        config = self.config
        conditioned = config.conditioning == "features"
        columns = ("waveform", "features") if conditioned else ("waveform",)
        return BatchSpec(
            columns, samples or config.sequence, config.context_len, config.frame_padding
        )

    def default_optimizer(self, network: str):
        """Return Adam at the rate of the configuration."""
        return keras.optimizers.Adam(self.config.learning_rate, epsilon=1e-8)

    def call(self, data):
        """Return logits of coarse and fine halves of a batch; see `predictions`."""
        return self.predictions(data)[0]

    def predictions(self, data):
        """Predict every sample of a batch but the first of each row.

        Args:
          data: a batch, as a dict.

        Returns:
          ((logits of the coarse halves, of the fine halves), float32 [batch, samples, bins];
          (coarse, fine), int32 [batch, samples], the true halves;
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
        """Return the mean nats of the coarse and of the fine halves, and the number of samples."""
        logits, targets, weights = self.predictions(data)
        count = tf.reduce_sum(weights)
        coarse, fine = (
            tf.reduce_sum(weights * categorical_nll(*half)) / count
            for half in zip(logits, targets, strict=True)
        )
        return coarse, fine, count

    def loss_and_gradients(self, data):
        """Compute the mean nats of a batch and their gradients.

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
        """Make one update, then prune if it is due.

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
        """Return nats per sample of a batch, its two parts, and the number of samples averaged."""
        coarse, fine, count = self.nats(data)
        return {
            "nats_per_sample": coarse + fine,
            "nll_coarse": coarse,
            "nll_fine": fine,
            "samples": count,
        }

    def generate(
        self,
        mel: tf.Tensor | None = None,
        *,
        samples: int | None = None,
        count: int | None = None,
        first: int = 0,
        seed: int = 0,
        temperature: float = 1.0,
        features: tf.Tensor | None = None,
        padded: bool = False,
        sparse: bool | None = None,
        xla: bool = True,
    ) -> tf.Tensor:
        """Generate audio sample by sample.

        Args:
          mel: float32 [count, frames, n_mels] of the front end `mel`, of a system of that kind.
          samples: number of samples of each clip; None for as many as the mel spectrogram covers.
          count: number of clips; None to follow the other inputs, or 1.
          first: number of the first clip; clip i of a seed is the same for any count.
          seed: seed of the draws.
          temperature: above 0; values below 1 favour likely samples.
          features: float32 [count, frames, channels] of other features in place of `mel`.
          padded: whether they come with `frame_padding` frames of context at both ends.
          sparse: whether pruned matrices are multiplied as blocks; None where that is faster.
          xla: whether the loop is compiled, which takes seconds, once for each shape.

        Returns:
          float32 [count, samples, 1] in [-1, 1).

        Raises:
          UserError: an argument does not fit the network; the message names it.
        """
        blocks = self.stream(
            mel,
            samples=samples,
            count=count,
            first=first,
            seed=seed,
            temperature=temperature,
            features=features,
            padded=padded,
            sparse=sparse,
            xla=xla,
        )
        return tf.concat(list(blocks), axis=1)

    def stream(
        self,
        mel: tf.Tensor | None = None,
        *,
        count: int | None = None,
        features: tf.Tensor | None = None,
        **kwargs: Any,
    ) -> Iterator[tf.Tensor]:
        """Yield audio block by block, as it is generated; arguments and errors as in `generate`.

        Yields:
          float32 [count, samples of the block, 1] in [-1, 1).
        """
        features = features if mel is None else mel
        kwargs["first_clip"] = kwargs.pop("first", 0)
        yield from wavernn_generation.stream(self.network, clips=count, features=features, **kwargs)

    def signatures(self, xla=False):
        """Return the functions to serve, see `wavernn_signatures`."""
        return wavernn_signatures.of_wavernn(self.network, xla)

    def summaries(self, step, data):
        """Write audio and images of a recording and of the audio generated in its place.

        A default summary writer must be set.

        Args:
          step: int, step at which they are logged.
          data: a batch, as a dict.
        """
        config, conditions = self.config, {}
        real = data["waveform"][:2, 1 : 1 + config.sample_rate, tf.newaxis]
        if config.conditioning == "features":
            conditions = {"features": data["features"][:2], "padded": True}
        generated = self.generate(
            samples=real.shape[1], count=real.shape[0], seed=self.seed, **conditions
        )
        summarize_clips({"real": real, "generated": generated}, config.sample_rate, step)
