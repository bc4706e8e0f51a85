"""Hyperparameters of WaveRNN and Subscale WaveRNN (arXiv:1802.08435)."""

import dataclasses

from tfwave.audio.mel import MelConfig
from tfwave.layers.block_sparsity import BLOCKS, PruningConfig
from tfwave.models.config import WithMel, check, read_nested

CONDITIONER_WIDTH = 3  # frames under a convolution of the conditioning
AHEAD_WIDTH = 3  # taps of a convolution of the network that looks ahead


@dataclasses.dataclass(frozen=True)
class WaveRNNConfig(WithMel):
    """Hyperparameters; the defaults are the paper's WaveRNN-896.

    Raises:
      UserError: an unsupported value, naming the field.
    """

    units: int = 896
    bins: int = 256  # classes of each half of a sample; bins^2 levels in all
    out_hidden: int = 0  # units of the layer before the classes; 0 for units / 2
    conditioning: str = "none"  # or "features"
    # Front end of mel spectrograms; for other features it gives sample rate and samples per frame.
    mel: MelConfig = MelConfig(sample_rate=24000, hop_length=240, f_max=8000.0)
    feature_channels: int = 0  # of other features, such as linguistic ones; 0 for mel.n_mels
    conditioning_channels: int = 128
    conditioning_layers: int = 2  # convolutions over frames
    pruning: PruningConfig | None = None  # for the three matrices of the gates, separately
    output_pruning: PruningConfig | None = None  # for each of the four output matrices
    sequence: int = 960  # samples of a training sequence
    learning_rate: float = 1e-3

    def __post_init__(self):
        read_nested(self, mel=MelConfig, pruning=PruningConfig, output_pruning=PruningConfig)
        check(
            self,
            "units",
            self.units >= 2 and self.units % 2 == 0,
            "an even number of units: half coarse, half fine",
        )
        check(self, "bins", 2 <= self.bins <= 256 and self.bins % 2 == 0, "even and 2 to 256")
        for field, least in (
            ("out_hidden", 0),
            ("feature_channels", 0),
            ("sequence", 1),
            ("conditioning_channels", 1),
            ("conditioning_layers", 0),
        ):
            check(self, field, getattr(self, field) >= least, f"{least} or more")
        check(self, "conditioning", self.conditioning in ("none", "features"), "none or features")
        check(self, "learning_rate", self.learning_rate > 0, "above 0")
        if self.pruning is not None:
            _check_blocks(self, "units", self.pruning.block, self.units // 2)
        if self.output_pruning is not None:
            for field, size in (
                ("units", self.units // 2),
                ("out_hidden", self.hidden),
                ("bins", self.bins),
            ):
                _check_blocks(self, field, self.output_pruning.block, size)

    @property
    def hidden(self):
        """Number of units of the layer before the classes."""
        return self.out_hidden or self.units // 2

    @property
    def channels(self):
        """Number of channels of the features."""
        return self.feature_channels or self.mel.n_mels

    @property
    def frame_padding(self):
        """Number of frames of features on each side that serve only as context."""
        return (
            self.conditioning_layers * (CONDITIONER_WIDTH // 2)
            if self.conditioning == "features"
            else 0
        )

    @property
    def context_len(self):
        """Number of first samples of a training row that serve only as context."""
        return 1


def _check_blocks(config, field, block, size):
    side = max(BLOCKS[block])
    half = " in each half" if field == "units" else ""
    check(config, field, size % side == 0, f"a multiple of {side}{half} for blocks of {block}")


@dataclasses.dataclass(frozen=True)
class SubscaleWaveRNNConfig(WaveRNNConfig):
    """Hyperparameters; the defaults are the paper's Subscale WaveRNN 1024, 16 times.

    Raises:
      UserError: an unsupported value, naming the field.
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
        """Number of steps that the convolutions look ahead."""
        return (AHEAD_WIDTH - 1) * sum(self.dilations)

    @property
    def chunk(self):
        """Number of steps whose conditioning is computed at once in batched generation."""
        most = self.future - self.reach
        return max(c for c in range(1, most + 1) if self.future % c == 0)
