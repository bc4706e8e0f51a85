"""Hyperparameters of WaveGAN and SpecGAN (arXiv:1802.04208, appendix Tables 3 to 7)."""

import dataclasses

from tfwave.layers.upsampling import METHODS
from tfwave.losses.adversarial import LOSSES
from tfwave.models.config import check, check_precision

# Strides of WaveGAN's layers, first to last and the same in both networks, by slice length in
# samples; the authors append a layer for longer slices.
STRIDES = {16384: (4, 4, 4, 4, 4), 32768: (4, 4, 4, 4, 4, 2), 65536: (4, 4, 4, 4, 4, 4)}
SPECGAN_SLICE_LEN = 16384  # samples


@dataclasses.dataclass(frozen=True)
class WaveGANConfig:
    """Hyperparameters; the defaults are the authors' (the paper's best row, phase shuffle n=2).

    Raises:
      UserError: an unsupported value, naming the field.
    """

    slice_len: int = 16384  # samples: 16384, 32768 or 65536
    channels: int = 1  # channels of the waveform
    model_dim: int = 64  # d of the paper's tables; the authors advise 32 for the longer slices
    kernel_len: int = 25  # in samples
    latent_dim: int = 100
    upsample: str = "zeros"  # "zeros" (transposed convolution), "nearest", "linear", "cubic"
    batch_norm: bool = False
    phase_shuffle: int = 2  # largest shift in frames; 0 = off
    dropout: float = 0.0  # rate in the critic; the paper's row has 0.5
    post_filter_len: int = 0  # taps of the learned filter after the generator; the paper's has 512
    loss: str = "wgan-gp"  # "wgan-gp", "wgan", "lsgan", "dcgan"
    critic_updates: int = 5  # per generator update
    sample_rate: int = 16000  # Hz; for summaries and exported audio
    precision: str = "float32"  # inside the networks; "mixed_bfloat16" keeps variables in float32

    def __post_init__(self):
        check(self, "slice_len", self.slice_len in STRIDES, f"one of {sorted(STRIDES)}")
        check(self, "channels", self.channels >= 1, "1 or more")
        check(self, "post_filter_len", self.post_filter_len >= 0, "0 or more taps")
        _check_shared_fields(self, ("zeros", *METHODS))


@dataclasses.dataclass(frozen=True)
class SpecGANConfig:
    """Hyperparameters; the defaults are the authors'.

    Raises:
      UserError: an unsupported value, naming the field.
    """

    model_dim: int = 64  # d of the paper's tables
    kernel_len: int = 5  # in bins and frames
    latent_dim: int = 100
    upsample: str = "zeros"  # "zeros" (transposed convolution), "nearest", "linear", "cubic"
    batch_norm: bool = False
    phase_shuffle: int = 0  # largest shift in frames; 0 = off, the paper's other row has 1
    dropout: float = 0.0  # rate in the critic
    loss: str = "wgan-gp"  # "wgan-gp", "wgan", "lsgan", "dcgan"
    critic_updates: int = 5  # per generator update
    clip_std: float = 3.0  # standard deviations of a bin that map to [-1, 1]
    griffin_lim_iterations: int = 16
    griffin_lim_window: str = "authors"  # or "dual"
    sample_rate: int = 16000  # Hz; for summaries and exported audio
    precision: str = "float32"  # inside the networks; "mixed_bfloat16" keeps variables in float32
    slice_len: int = SPECGAN_SLICE_LEN  # samples; the only length
    channels: int = 1  # the only number

    def __post_init__(self):
        check(self, "slice_len", self.slice_len == SPECGAN_SLICE_LEN, f"{SPECGAN_SLICE_LEN}")
        check(self, "channels", self.channels == 1, "1")
        check(self, "clip_std", self.clip_std > 0, "above 0")
        check(self, "griffin_lim_iterations", self.griffin_lim_iterations >= 0, "0 or more")
        windows = ("authors", "dual")
        check(self, "griffin_lim_window", self.griffin_lim_window in windows, "authors or dual")
        _check_shared_fields(self, ("zeros", *METHODS))


def _check_shared_fields(config, upsampling):
    """Check the fields shared by both configurations.

    Args:
      config: the dataclass.
      upsampling: legal values of `upsample`.

    Raises:
      UserError: the first illegal value.
    """
    for field in ("model_dim", "kernel_len", "latent_dim", "critic_updates", "sample_rate"):
        check(config, field, getattr(config, field) >= 1, "1 or more")
    check(config, "phase_shuffle", 0 <= config.phase_shuffle < 8, "0 to 7 frames")
    check(config, "dropout", 0.0 <= config.dropout < 1.0, "0 or more and below 1")
    for field, names in (("upsample", upsampling), ("loss", LOSSES)):
        check(config, field, getattr(config, field) in names, f"one of {', '.join(names)}")
    check_precision(config)
