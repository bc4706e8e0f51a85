"""Hyperparameters of WaveNet (arXiv:1609.03499) and the recipes of its two public codes."""

import dataclasses
import math

from tfwave.layers.local_conditioning import LocalConditioningConfig
from tfwave.models.config import check, read_nested
from tfwave.models.wavenet.context import ContextConfig

_OUTPUTS = ("categorical", "logistic_mixture", "gaussian", "gaussian_mixture")
STACK = tuple(2**i for i in range(10))  # dilations 1, 2, 4, ..., 512 of the paper


@dataclasses.dataclass(frozen=True)
class WaveNetConfig:
    """Hyperparameters; the defaults are those of ibab/tensorflow-wavenet.

    Raises:
      UserError: an unsupported value, naming the field.
    """

    dilations: tuple[int, ...] = STACK * 5  # in samples, first layer to last
    kernel_size: int = 2  # taps of a dilated convolution
    residual_channels: int = 32
    gate_channels: int = 64  # channels of filter and gate together
    skip_channels: int = 512
    output: str = "categorical"  # "categorical" (paper), "logistic_mixture", "gaussian_mixture",
    # "gaussian" (one Gaussian, two outputs)
    levels: int = 256  # classes; levels of the quantised signal for "logistic_mixture"
    mixtures: int = 10  # components of the mixtures
    log_scale_min: float = -7.0  # lower limit of log scales of the continuous outputs
    one_hot_input: bool = True  # False: the waveform itself is the input
    mulaw_convention: str = "nearest"  # "nearest" (ibab) or "truncate" (r9y9)
    initial_kernel_size: int = 2  # first convolution; ibab with scalar input: 32; r9y9: 1
    initial_bias: bool = False  # r9y9: True
    bias: bool = True  # bias in all other convolutions but the conditioning ones
    conditioning_bias: bool = False  # r9y9 v0.1.1: True
    residual_scale: float = 1.0  # r9y9: sqrt(1/2)
    skip_scaling: str = "none"  # "total" (r9y9: sqrt(1/layers)), "running" (r9y9 v0.1.1)
    padding: str = "valid"  # "valid": true context only; "causal" (r9y9): zeros before each layer
    weight_normalization: bool = False  # r9y9: True
    dropout: float = 0.0  # rate at the input of the dilated convolutions
    l2_strength: float = 0.0  # ibab: factor of half the squared norm of all weights and biases
    speakers: int = 0  # rows of the embedding; 0 with speaker_channels: inputs are vectors
    speaker_channels: int = 0  # 0: no global conditioning
    conditioning: LocalConditioningConfig | None = None  # by features (section 2.5)
    context: ContextConfig | None = None  # second stack of longer receptive field (section 2.6)
    learning_rate: float = 1e-3
    adam_epsilon: float = 1e-4  # r9y9: 1e-8
    halve_every: int = 0  # steps between halvings of the learning rate; r9y9: 200,000
    average_decay: float = 0.0  # decay of averaged weights for evaluation; r9y9: 0.9999
    sample_rate: int = 16000  # Hz

    def __post_init__(self):
        object.__setattr__(self, "dilations", tuple(self.dilations))
        read_nested(self, conditioning=LocalConditioningConfig, context=ContextConfig)
        check(
            self,
            "dilations",
            bool(self.dilations) and min(self.dilations) >= 1,
            "one or more whole numbers of 1 or more",
        )
        check(self, "kernel_size", self.kernel_size >= 2, "2 or more")
        for field in ("residual_channels", "skip_channels", "mixtures", "initial_kernel_size"):
            check(self, field, getattr(self, field) >= 1, "1 or more")
        check(
            self,
            "gate_channels",
            self.gate_channels >= 2 and self.gate_channels % 2 == 0,
            "an even number of channels: half filter, half gate",
        )
        check(self, "levels", self.levels >= 2, "2 or more")
        for field in ("speakers", "speaker_channels", "halve_every"):
            check(self, field, getattr(self, field) >= 0, "0 or more")
        check(
            self,
            "speakers",
            not self.speakers or self.speaker_channels > 0,
            "0 while speaker_channels is 0",
        )
        check(self, "dropout", 0.0 <= self.dropout < 1.0, "0 or more and below 1")
        check(self, "average_decay", 0.0 <= self.average_decay < 1.0, "0 or more and below 1")
        for field, names in (
            ("output", _OUTPUTS),
            # "floor" maps 1.0 to a code outside of the classes.
            ("mulaw_convention", ("nearest", "truncate")),
            ("skip_scaling", ("none", "total", "running")),
            ("padding", ("valid", "causal")),
        ):
            check(self, field, getattr(self, field) in names, f"one of {', '.join(names)}")
        check(
            self,
            "one_hot_input",
            not self.one_hot_input or self.output == "categorical",
            "false where the output is not categorical",
        )

    @property
    def stack_receptive_field(self):
        """Receptive field of the stack of blocks in samples."""
        return (self.kernel_size - 1) * sum(self.dilations) + self.initial_kernel_size

    @property
    def receptive_field(self):
        """Number of past samples that a prediction depends on, including the context stack's."""
        if self.context is None:
            return self.stack_receptive_field
        # The first block is conditioned at every sample that the blocks above it reach.
        reach = (self.kernel_size - 1) * sum(self.dilations[1:])
        return max(self.stack_receptive_field, reach + self.context.receptive_field)

    @property
    def context_len(self):
        """Number of first samples of a training slice that serve only as context."""
        return self.receptive_field if self.padding == "valid" else 1

    @property
    def frame_padding(self):
        """Number of frames of features on each side that serve only as context."""
        return self.conditioning.frame_padding if self.conditioning else 0

    @property
    def local_channels(self):
        """Number of channels of the local conditioning: features and context."""
        parts = (self.conditioning, self.context)
        return sum(part.channels for part in parts if part is not None)

    @property
    def output_channels(self):
        """Number of parameters of the distribution of one sample."""
        sizes = {"categorical": self.levels, "gaussian": 2}
        return sizes.get(self.output, 3 * self.mixtures)


def r9y9_config(**changes):
    """Return the mu-law recipe of r9y9/wavenet_vocoder, with some fields changed.

    Args:
      **changes: fields of WaveNetConfig.
    """
    recipe = dict(
        dilations=STACK * 3,
        kernel_size=3,
        residual_channels=128,
        gate_channels=256,
        skip_channels=128,
        mulaw_convention="truncate",
        initial_kernel_size=1,
        initial_bias=True,
        residual_scale=math.sqrt(0.5),
        skip_scaling="total",
        padding="causal",
        weight_normalization=True,
        adam_epsilon=1e-8,
        halve_every=200_000,
        average_decay=0.9999,
        sample_rate=22050,
    )
    return WaveNetConfig(**{**recipe, **changes})
