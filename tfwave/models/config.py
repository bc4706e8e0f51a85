"""Checks and helpers for the frozen dataclasses that hold a system's hyperparameters."""

import dataclasses
from typing import Any

from tfwave.audio.mel import MelConfig
from tfwave.errors import UserError
from tfwave.models.precision import PRECISIONS


class WithMel:
    """Mixin of configurations that have a mel front end in their field `mel`."""

    mel: MelConfig

    @property
    def sample_rate(self) -> int:
        """Samples per second."""
        return self.mel.sample_rate

    @property
    def hop_length(self) -> int:
        """Samples per frame."""
        return self.mel.hop_length


def read_nested(config: Any, **classes: type) -> None:
    """Turn dictionaries in fields, as JSON stores them, into configurations.

    Args:
      config: a frozen dataclass, in its `__post_init__`.
      **classes: dataclass of each such field, by its name.
    """
    for field, cls in classes.items():
        value = getattr(config, field)
        if isinstance(value, dict):
            object.__setattr__(config, field, cls(**value))


def check(config: Any, field: str, holds: bool, expected: str) -> None:
    """Refuse an illegal value of a field.

    Args:
      config: the dataclass.
      field: name of the field.
      holds: whether its value is legal.
      expected: the legal values in words.

    Raises:
      UserError: `holds` is false; the message names the field, its value and the legal ones.
    """
    if not holds:
        raise UserError(
            f"{type(config).__name__}.{field} is {getattr(config, field)!r}; it must be {expected}"
        )


def check_precision(config: Any) -> None:
    """Refuse a field `precision` that names no number format.

    Raises:
      UserError: an unknown format; the message names the field, its value and the legal ones.
    """
    check(config, "precision", config.precision in PRECISIONS, f"one of {', '.join(PRECISIONS)}")


def from_fields(config_class: type, fields: dict[str, Any]) -> Any:
    """Build a configuration from stored fields; fields added since take their defaults.

    Args:
      config_class: a frozen dataclass.
      fields: {field: value}, as JSON stores them.

    Raises:
      UserError: a field that the configuration does not have, or an illegal value.
    """
    unknown = set(fields) - {field.name for field in dataclasses.fields(config_class)}
    if unknown:
        raise UserError(
            f"{config_class.__name__} has no field {min(unknown)!r}; the configuration was written "
            "by another version of tfwave"
        )
    return config_class(**fields)
