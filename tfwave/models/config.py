"""What model configurations share: checks of their fields, and what follows from a front end."""

from tfwave.errors import UserError
from tfwave.losses.adversarial import LOSSES

_PRECISIONS = ("float32", "mixed_bfloat16")


class WithMel:
    """Base of configurations that have a front end `mel`."""

    @property
    def sample_rate(self):
        """Hz."""
        return self.mel.sample_rate

    @property
    def hop_length(self):
        """Samples of a frame."""
        return self.mel.hop_length


def read_nested(config, **kinds):
    """Make configurations of dicts, which is what config.json of a run has in their place.

    Args:
      config: a frozen dataclass, in its `__post_init__`.
      **kinds: field=its dataclass.
    """
    for field, kind in kinds.items():
        if isinstance(getattr(config, field), dict):
            object.__setattr__(config, field, kind(**getattr(config, field)))


def check(config, field: str, holds: bool, wanted: str):
    """Refuse a value of a configuration.

    Raises:
      UserError: `holds` is false; names the field, its value and what is wanted.
    """
    if not holds:
        raise UserError(
            f"{type(config).__name__}.{field} is {getattr(config, field)!r}; it must be {wanted}"
        )


def check_common_fields(config, upsampling: tuple):
    """Check the fields that the configurations of WaveGAN and SpecGAN share.

    Args:
      config: the dataclass.
      upsampling: the names that `upsample` may have.

    Raises:
      UserError: the first illegal value, by field.
    """
    for field in ("model_dim", "kernel_len", "latent_dim", "critic_updates", "sample_rate"):
        check(config, field, getattr(config, field) >= 1, "1 or more")
    check(config, "phase_shuffle", 0 <= config.phase_shuffle < 8, "0 to 7 frames")
    check(config, "dropout", 0.0 <= config.dropout < 1.0, "0 or more and below 1")
    for field, names in (("upsample", upsampling), ("loss", LOSSES), ("precision", _PRECISIONS)):
        check(config, field, getattr(config, field) in names, f"one of {', '.join(names)}")
