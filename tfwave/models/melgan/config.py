"""Hyperparameters of MelGAN (arXiv:1910.06711)."""

import dataclasses
import math

from tfwave.audio.mel import MELGAN, MelConfig
from tfwave.layers.kernel_norm import NORMALIZATIONS
from tfwave.losses.spectral import LEAST_POWER, RESOLUTIONS
from tfwave.models.config import WithMel, check, read_nested


@dataclasses.dataclass(frozen=True)
class MelGANConfig(WithMel):
    """Sizes and training of MelGAN; the defaults are those of the authors' train.py.

    Raises:
      UserError: a value out of range, naming the field.
    """

    mel: MelConfig = MELGAN
    ratios: tuple = (8, 8, 2, 2)  # upsampling factors; their product is the hop
    channels: int = 32  # generator channels at the sample rate, twice as many at each earlier stage
    residual_blocks: int = 3  # after each upsampling, dilated 1, 3, 9
    residual_block: str = "code"  # or "paper"
    dilated: bool = True  # False: all residual blocks have dilation 1
    normalization: str = "weight"  # kernels of the generator: "weight", "spectral" or "none"
    discriminators: int = 3  # scales, each at half the rate of the one before
    discriminator_channels: int = 16
    discriminator_layers: int = 4  # strided layers
    discriminator_stride: int = 4
    discriminator_max_channels: int = 1024
    discriminator_normalization: str = "weight"
    window_based: bool = True  # False: a clip's scores are averaged to one before the loss
    feature_matching: float = 10.0  # weight of the feature matching loss
    feature_matching_scaling: str = "code"  # or "paper"
    sample_l1: float = 0.0  # weight of the mean difference of samples
    stft_loss: float = 0.0  # weight of the multi-resolution STFT loss (arXiv:1910.11480)
    stft_resolutions: tuple = RESOLUTIONS  # (transform, hop, window) of that loss
    stft_least_power: float = LEAST_POWER  # lower limit of the power of its bins
    adversarial_from: int = 0  # first step with discriminator updates and adversarial losses
    learning_rate: float = 1e-4
    beta_1: float = 0.5
    beta_2: float = 0.9
    segment_len: int = 8192  # samples of a training segment
    least_gain: float = 0.3  # smallest gain of a training segment, the largest is 1

    def __post_init__(self):
        read_nested(self, mel=MelConfig)
        object.__setattr__(self, "ratios", tuple(self.ratios))
        object.__setattr__(self, "stft_resolutions", tuple(map(tuple, self.stft_resolutions)))
        for field in (
            "channels",
            "discriminators",
            "discriminator_channels",
            "discriminator_layers",
            "discriminator_stride",
            "discriminator_max_channels",
            "segment_len",
        ):
            check(self, field, getattr(self, field) >= 1, "1 or more")
        for field, names in (
            ("residual_block", ("code", "paper")),
            ("feature_matching_scaling", ("code", "paper")),
            ("normalization", NORMALIZATIONS),
            ("discriminator_normalization", NORMALIZATIONS),
        ):
            check(self, field, getattr(self, field) in names, f"one of {', '.join(names)}")
        check(self, "learning_rate", self.learning_rate > 0, "above 0")
        check(self, "least_gain", 0 < self.least_gain <= 1, "above 0 and at most 1")
        for field in (
            "residual_blocks",
            "feature_matching",
            "sample_l1",
            "stft_loss",
            "adversarial_from",
        ):
            check(self, field, getattr(self, field) >= 0, "0 or more")
        check(self, "stft_least_power", self.stft_least_power > 0, "above 0")
        check(
            self,
            "adversarial_from",
            self.stft_loss > 0 or not self.adversarial_from,
            "0 without stft_loss, for the generator would learn nothing before",
        )
        resolutions = self.stft_resolutions
        check(
            self,
            "stft_resolutions",
            bool(resolutions) and all(map(_is_resolution, resolutions)),
            "(transform, hop, window) each, windows even and in the transform",
        )
        longest = max(resolutions)[0] // 2
        check(
            self,
            "segment_len",
            not self.stft_loss or self.segment_len > longest,
            f"more than {longest} with stft_loss",
        )
        check(self, "ratios", all(r >= 2 and r % 2 == 0 for r in self.ratios), "even, from 2")
        hop = self.mel.hop_length
        check(self, "ratios", math.prod(self.ratios) == hop, f"factors of mel.hop_length, {hop}")
        check(self, "segment_len", self.segment_len % hop == 0, f"a multiple of the hop, {hop}")


def _is_resolution(sizes):
    n_fft, hop_length, win_length = sizes if len(sizes) == 3 else (0, 0, 0)
    return hop_length >= 1 and 2 <= win_length <= n_fft and win_length % 2 == 0
