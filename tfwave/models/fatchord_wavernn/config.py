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
    bits: int = 9  # resolution of "categorical"; a mixture has 16
    mu_law: bool = True  # whether the classes are levels of the companded waveform
    mixtures: int = 10
    units: int = 512  # units of each GRU
    dense_units: int = 512  # units of the two layers before the output
    upsampling: tuple = (5, 5, 11)  # factors whose product is the hop
    frame_padding: int = 2  # frames of features on each side that serve only as context
    resnet_channels: int = 128
    resnet_blocks: int = 10
    aux_channels: int = 128
    segment_frames: int = 5  # frames of a training segment
    learning_rate: float = 1e-4
    clip_norm: float = 4.0  # largest global norm of the gradients

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
        """Number of levels of the predicted waveform."""
        return 2**self.bits if self.output == "categorical" else _MIXTURE_LEVELS

    @property
    def output_channels(self):
        """Number of logits of all classes, or of logits, means and log scales of the mixture."""
        return self.levels if self.output == "categorical" else 3 * self.mixtures

    @property
    def segment_len(self):
        """Number of predicted samples of a training segment."""
        return self.segment_frames * self.hop_length

    @property
    def context_len(self):
        """Number of first samples of a training row that serve only as context."""
        return 1
