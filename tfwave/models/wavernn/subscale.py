"""Subscale WaveRNN: interleaved parts of a signal made side by side.

Source: arXiv:1802.08435 section 4. A signal is folded into B sub-tensors; sub-tensor s holds the
samples B i + s. Their order is all of sub-tensor 0, then all of sub-tensor 1, and so on. Sample i
of sub-tensor s depends on

* the samples before it in its own sub-tensor, through the recurrent cell, and
* the samples k < i + F of the sub-tensors before its own, past and future, through a network of
  convolutions that look ahead only: what lies behind reaches the cell through its state.

So sub-tensor s + 1 can start F steps after sub-tensor s, and after (B - 1) F steps all B run as
one batch. One network serves all sub-tensors.

The convolutions are those of section 5: 10 layers of width 3, 384 channels, 768 in the residuals,
five stages of growing dilation. The paper does not give the dilations; two layers each of 1, 2, 4,
8 and 16 look 124 steps ahead, which is within its F of 128. What the network is told (ours): of
every sub-tensor coarse half, fine half, and whether it is known; and which one is being made.
"""

import dataclasses

import keras
import tensorflow as tf

from tfwave.layers.torch_initial import torch_uniform
from tfwave.layers.tracking import track_layers
from tfwave.layers.weight_norm import WeightNormConv1D
from tfwave.models.config import check
from tfwave.models.wavernn import generation
from tfwave.models.wavernn import signatures as wavernn_signatures
from tfwave.models.wavernn.cell import scaled, waveform_of
from tfwave.models.wavernn.subscale_generation import compiled, flat, folded, unfolded
from tfwave.models.wavernn.wavernn import WaveRNN, WaveRNNConfig, WaveRNNNetwork

_WIDTH = 3  # taps of a convolution


@dataclasses.dataclass(frozen=True)
class SubscaleConfig(WaveRNNConfig):
    """Hyperparameters; the defaults are the paper's Subscale WaveRNN 1024, 16 times.

    Raises:
      ValueError: a value that the model does not offer, naming the field.
    """

    units: int = 1024
    tensors: int = 16  # B; the paper has 8 as well
    future: int = 128  # F, steps from the start of a sub-tensor to that of the next
    dilations: tuple[int, ...] = (1, 1, 2, 2, 4, 4, 8, 8, 16, 16)
    conv_channels: int = 384
    residual_channels: int = 768

    def __post_init__(self):
        object.__setattr__(self, "dilations", tuple(self.dilations))
        super().__post_init__()
        for field in ("tensors", "future", "conv_channels", "residual_channels"):
            check(self, field, getattr(self, field) >= 1, "1 or more")
        check(
            self,
            "dilations",
            bool(self.dilations) and min(self.dilations) >= 1,
            "one or more whole numbers of 1 or more",
        )
        check(
            self,
            "future",
            self.future > self.reach,
            f"above {self.reach}, the steps that the convolutions look ahead",
        )
        check(
            self,
            "sequence",
            self.sequence % self.tensors == 0,
            f"a multiple of the {self.tensors} sub-tensors",
        )

    @property
    def reach(self):
        """Steps that the convolutions look ahead."""
        return (_WIDTH - 1) * sum(self.dilations)

    @property
    def chunk(self):
        """Steps whose conditioning is computed at once in batched generation."""
        most = self.future - self.reach
        return max(c for c in range(1, most + 1) if self.future % c == 0)


class _Block(keras.layers.Layer):
    """A convolution that looks ahead, and back to the residual; 2 * dilation rows shorter."""

    def __init__(self, dilation, channels, residual, seed, name):
        super().__init__(name=name)
        self.span = (_WIDTH - 1) * dilation
        self.convolution = WeightNormConv1D(
            channels,
            _WIDTH,
            dilation,
            name=f"{name}_convolution",
            kernel_initializer=torch_uniform(_WIDTH * residual, seed),
        )
        self.out = WeightNormConv1D(
            residual, name=f"{name}_out", kernel_initializer=torch_uniform(channels, seed + 1)
        )
        self._sizes = residual, channels

    def build(self, input_shape=None):
        self.convolution.build((None, None, self._sizes[0]))
        self.out.build((None, None, self._sizes[1]))
        self.built = True

    def call(self, x):
        ahead = self.out(tf.nn.relu(self.convolution(tf.nn.relu(x))))
        return x[:, : tf.shape(ahead)[1]] + ahead


class AheadNetwork(keras.layers.Layer):
    """What other sub-tensors say of a step -> what is added to the inputs of the gates.

    Args:
      config: SubscaleConfig.
      seed: seed of the initial weights.
      name: name of the layer.
    """

    def __init__(self, config, seed=0, name="ahead"):
        super().__init__(name=name)
        residual = config.residual_channels
        self._inputs, self._residual = 4 * config.tensors, residual
        self.initial = WeightNormConv1D(
            residual, kernel_initializer=torch_uniform(self._inputs, seed), name=f"{name}_initial"
        )
        self.blocks = [
            _Block(dilation, config.conv_channels, residual, seed + 2 + 2 * i, f"{name}_{i}")
            for i, dilation in enumerate(config.dilations)
        ]
        self.to_gates = WeightNormConv1D(
            3 * config.units,
            use_bias=False,
            name=f"{name}_gates",
            kernel_initializer=torch_uniform(residual, seed + 1),
        )
        track_layers(self, self.blocks)

    def build(self, input_shape=None):
        self.initial.build((None, None, self._inputs))
        for block in self.blocks:
            block.build()
        self.to_gates.build((None, None, self._residual))
        self.built = True

    def call(self, x):
        """[batch, steps + reach, 4 * tensors] -> [batch, steps, 3 * units]."""
        caches = [x[:, :0, :1] * tf.zeros([self._residual]) for _ in self.blocks]
        return self.further(x, caches)[0]

    def further(self, x, caches):
        """Process more rows of a sequence.

        Args:
          x: float32 [batch, rows, 4 * tensors], the rows after those seen.
          caches: for each block its last inputs, [batch, up to 2 * dilation, residual_channels].

        Returns:
          (float32 [batch, rows', 3 * units] for the rows that can now be told, caches).
        """
        x, kept = self.initial(x), []
        for block, cache in zip(self.blocks, caches, strict=True):
            x = tf.concat([cache, x], axis=1)
            kept.append(x[:, -block.span :])
            x = block(x)
        return self.to_gates(tf.nn.relu(x)), kept

    def empty(self, batch):
        """Caches of zeros, for a start before the first row that matters."""
        return [tf.zeros([batch, block.span, self._residual]) for block in self.blocks]


class SubscaleNetwork(WaveRNNNetwork):
    """The cell, the network that looks ahead, and the conditioning by features.

    Args:
      config: SubscaleConfig.
      seed: seed of the initial weights.
    """

    def __init__(self, config: SubscaleConfig, seed=0):
        super().__init__(config, seed)
        self.ahead = AheadNetwork(config, seed=10_000 * seed + 200)

    def build(self, input_shape=None):
        self.ahead.build()
        super().build(input_shape)

    def call(self, coarse, fine, features=None):
        """Describe samples by those that the scheme allows.

        Args:
          coarse, fine: int32 [batch, 1 + tensors * steps]; the first is context and not used.
          features: as `WaveRNNNetwork.call`.

        Returns:
          As `WaveRNNNetwork.call`, in the order of time.

        Raises:
          ValueError: the samples do not fill the sub-tensors; says how many there are.
        """
        config = self.config
        samples = coarse.shape[1]
        if samples is not None and (samples - 1) % config.tensors:
            raise ValueError(
                f"{samples - 1} samples do not divide into {config.tensors} sub-tensors"
            )
        local = self.local(features, tf.shape(coarse)[1])
        halves = [folded(half[:, 1:], config.tensors) for half in (coarse, fine)]
        terms = self.ahead(flat(self.known(*halves)))
        if local is not None:
            terms += flat(folded(local, config.tensors))
        middle = (config.bins // 2, 0)
        past = [
            tf.pad(flat(half), [[0, 0], [1, 0]], constant_values=value)
            for half, value in zip(halves, middle, strict=True)
        ]
        shape = tf.concat([tf.shape(halves[0]), [config.bins]], axis=0)
        return tuple(unfolded(tf.reshape(x, shape)) for x in self.cell(*past, terms))

    def known(self, coarse, fine):
        """What every sub-tensor may be told, int32 [batch, tensors, steps] of both halves.

        Returns:
          float32 [batch, tensors, steps + reach, 4 * tensors].
        """
        config = self.config
        steps = tf.shape(coarse)[2]
        values = tf.stack([coarse, fine], axis=-1)
        values = tf.pad(values, [[0, 0], [0, 0], [0, config.reach], [0, 0]])
        values = tf.repeat(values[:, tf.newaxis], config.tensors, axis=1)
        inside = tf.range(steps + config.reach) < steps
        return self.told(values, tf.repeat(inside[tf.newaxis], config.tensors, axis=0))

    def told(self, values, inside):
        """Hide what is not to be known.

        Args:
          values: int32 [batch, s, z, rows, 2], both halves of sub-tensor z for sub-tensor s.
          inside: bool [s, rows], whether a row lies within the signal.

        Returns:
          float32 [batch, s, rows, 4 * tensors].
        """
        count = self.config.tensors
        number = tf.range(count)
        earlier = number[tf.newaxis] < number[:, tf.newaxis]  # [s, z]: z < s
        seen = tf.cast(earlier[:, tf.newaxis] & inside[..., tf.newaxis], tf.float32)  # s, rows, z
        halves = tf.transpose(scaled(values, self.config.bins), [4, 0, 1, 3, 2]) * seen
        shape = tf.shape(halves)[1:]
        own = tf.broadcast_to(tf.eye(count)[:, tf.newaxis], shape)
        return tf.concat([halves[0], halves[1], tf.broadcast_to(seen, shape), own], axis=-1)


class SubscaleWaveRNN(WaveRNN):
    """A subscale network with the update and likelihoods of `WaveRNN`.

    A batch is one of `WaveRNN`, its samples a multiple of `tensors`.

    Attributes:
      config: SubscaleConfig.
      network: SubscaleNetwork.
      step: int64 variable, updates done.
    """

    network_class = SubscaleNetwork

    def signatures(self, xla=False):
        """Functions to serve, see `wavernn_signatures`."""
        return wavernn_signatures.of_subscale(self.network, xla)

    def generate(
        self,
        samples=None,
        features=None,
        clips=None,
        temperature=1.0,
        seed=0,
        padded=False,
        xla=True,
    ):
        """Make audio, all sub-tensors side by side, each `future` steps after the one before it.

        Args:
          samples, features, clips, temperature, seed, padded, xla: see `wavernn_generation.stream`.

        Returns:
          float32 [clips, samples, 1] in [-1, 1).

        Raises:
          ValueError: an argument does not fit the network; names it.
        """
        config, network = self.config, self.network
        features, clips, samples = generation.checked(
            config, samples, features, clips, temperature, padded
        )
        local = generation.frame_terms(network, features, clips)
        made = compiled(network, xla)(
            tf.constant(samples),
            tf.constant(clips),
            tf.constant(seed),
            tf.constant(temperature, tf.float32),
            local,
        )
        return waveform_of(made[..., 0], made[..., 1], config.bins)[:, :, tf.newaxis]
