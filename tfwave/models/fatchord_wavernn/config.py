"""Hyperparameters of fatchord's WaveRNN (fatchord/WaveRNN, hparams.py)."""

import dataclasses
import math

from tfwave.audio.mel import FATCHORD, MelConfig
from tfwave.models.config import WithMel, check, read_nested

_OUTPUTS = ("logistic_mixture", "categorical")
_MIXTURE_LEVELS = 2**16


@dataclasses.dataclass(frozen=True)
class FatchordWaveRNNConfig(WithMel):
    """Sizes and training; the defaults are those of the public hparams.py.

    Raises:
      UserError: a value out of range, naming the field.
    """

    mel: MelConfig = FATCHORD
    output: str = "logistic_mixture"  # or "categorical"
    bits: int = 9  # of the classes of "categorical"; a mixture speaks of 16
    mu_law: bool = True  # whether those are classes of the companded waveform
    mixtures: int = 10
    units: int = 512  # of each GRU
    dense_units: int = 512  # of the two layers before the output
    upsampling: tuple = (5, 5, 11)  # factors of the hop
    frame_padding: int = 2  # frames of features on each side that only give context
    resnet_channels: int = 128
    resnet_blocks: int = 10
    aux_channels: int = 128
    segment_frames: int = 5  # of a training segment
    learning_rate: float = 1e-4
    clip_norm: float = 4.0  # of all gradients together

    def __post_init__(self):
        read_nested(self, mel=MelConfig)
        object.__setattr__(self, "upsampling", tuple(self.upsampling))
        check(self, "output", self.output in _OUTPUTS, f"one of {', '.join(_OUTPUTS)}")
        check(self, "bits", 2 <= self.bits <= 16, "2 to 16")
        for field in ("mixtures", "units", "dense_units", "resnet_channels", "segment_frames"):
            check(self, field, getattr(self, field) >= 1, "1 or more")
        for field in ("frame_padding", "resnet_blocks"):
            check(self, field, getattr(self, field) >= 0, "0 or more")
        hop = self.mel.hop_length
        fits = all(f >= 1 for f in self.upsampling) and math.prod(self.upsampling) == hop
        check(self, "upsampling", fits, f"factors of mel.hop_length, {hop}")
        check(
            self,
            "aux_channels",
            self.aux_channels >= 4 and self.aux_channels % 4 == 0,
            "a multiple of 4: four layers get a part each",
        )
        for field in ("learning_rate", "clip_norm"):
            check(self, field, getattr(self, field) > 0, "above 0")

    @property
    def levels(self):
        """Levels of the waveform that the network speaks of."""
        return 2**self.bits if self.output == "categorical" else _MIXTURE_LEVELS

    @property
    def output_channels(self):
        """Logits of all classes, or logits, means and log scales of the mixture."""
        return self.levels if self.output == "categorical" else 3 * self.mixtures

    @property
    def segment_len(self):
        """Samples of a training segment that are predicted."""
        return self.segment_frames * self.hop_length

    @property
    def context_len(self):
        """First samples of a training row that are only context."""
        return 1
