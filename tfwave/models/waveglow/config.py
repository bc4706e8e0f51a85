"""Hyperparameters of WaveGlow (arXiv:1811.00002)."""

import dataclasses

from tfwave.audio.mel import TACOTRON2, MelConfig
from tfwave.models.config import WithMel, check, read_nested


@dataclasses.dataclass(frozen=True)
class WaveGlowConfig(WithMel):
    """Sizes and training of WaveGlow; the defaults are those of the code's config.json.

    Raises:
      UserError: a value out of range, naming the field.
    """

    mel: MelConfig = TACOTRON2
    flows: int = 12
    group: int = 8  # neighbouring samples that become channels
    early_every: int = 4  # flows between early outputs
    early_size: int = 2  # channels of an early output
    channels: int = 256  # width of the coupling networks; 512 in the paper and in older code
    layers: int = 8  # layers of each coupling network, dilated 1, 2, 4, ...
    kernel_size: int = 3
    normalization: str = "weight"  # or "none"
    upsampling_kernel: int = 1024  # samples that a frame of the mel spectrogram conditions
    sigma: float = 1.0  # standard deviation assumed in training; sqrt(0.5) in the paper
    learning_rate: float = 1e-4
    segment_len: int = 16000  # samples of a training segment

    def __post_init__(self):
        read_nested(self, mel=MelConfig)
        for field in ("flows", "early_every", "channels", "layers"):
            check(self, field, getattr(self, field) >= 1, "1 or more")
        check(self, "group", self.group >= 2 and self.group % 2 == 0, "even, from 2")
        check(self, "early_size", self.early_size >= 0 and self.early_size % 2 == 0, "even, from 0")
        check(self, "early_size", self.widths[-1] >= 2, "such that 2 channels or more are left")
        check(self, "kernel_size", self.kernel_size >= 1 and self.kernel_size % 2 == 1, "odd")
        check(self, "normalization", self.normalization in ("weight", "none"), "weight or none")
        hop = self.mel.hop_length
        check(
            self,
            "upsampling_kernel",
            self.upsampling_kernel >= hop and self.upsampling_kernel % hop == 0,
            f"a multiple of the hop, {hop}",
        )
        check(self, "segment_len", self.segment_len >= self.group, f"{self.group} or more, a group")
        for field in ("sigma", "learning_rate"):
            check(self, field, getattr(self, field) > 0, "above 0")

    @property
    def widths(self):
        """Channels of each flow."""
        return [self.group - self.early_size * (k // self.early_every) for k in range(self.flows)]
