"""Descriptions of trained models as earlier versions wrote them.

A description of today is {"system": "MelGAN", "config": {...}, "mel": {...} or null, ...}. Earlier
ones have the fields of the configuration in "model" and a lower-case name in "system", or none.
"""

import importlib
from typing import Any

_NAMES = {
    "fatchord": "FatchordWaveRNN",
    "melgan": "MelGAN",
    "recognizer": "WaveNetRecognizer",
    "specgan": "SpecGAN",
    "subscale": "SubscaleWaveRNN",
    "wavegan": "WaveGAN",
    "waveglow": "WaveGlow",
    "wavenet": "WaveNet",
    "wavernn": "WaveRNN",
}
# Fields that only the configuration of one system has, for descriptions that name none.
_FIELDS = {
    "conv_channels": "SubscaleWaveRNN",
    "discriminator_layers": "MelGAN",
    "flows": "WaveGlow",
    "frame_weight": "WaveNetRecognizer",
    "griffin_lim_window": "SpecGAN",
    "output_pruning": "WaveRNN",
    "post_filter_len": "WaveGAN",
    "resnet_blocks": "FatchordWaveRNN",
    "skip_scaling": "WaveNet",
}
# Systems whose configuration had a batch size that training never read.
_WITH_BATCH_SIZE = ("discriminator_layers", "flows", "resnet_blocks")


def system_name(name: str) -> str:
    """Return the name of a system's class, given that name or an earlier one."""
    return _NAMES.get(name, name)


def system_class(name: str) -> type:
    """Return the class of a system, given its name or an earlier one."""
    return getattr(importlib.import_module("tfwave.models"), system_name(name))


def upgrade_description(description: dict[str, Any]) -> dict[str, Any]:
    """Return the description of a trained model in today's form.

    Args:
      description: description of any version, as JSON stores it.

    Returns:
      A new dictionary; anything but a description of an earlier version is returned unchanged.
    """
    if not isinstance(description, dict):
        return description
    if "generated_from" in description:  # of clips, with the description of their model inside
        return {**description, "generated_from": upgrade_description(description["generated_from"])}
    fields = description.get("model")
    if not isinstance(fields, dict) or "config" in description:
        classifier = description.get("classifier")
        if "system" not in description and isinstance(classifier, dict):
            others = {key: value for key, value in description.items() if key != "classifier"}
            return {"system": "DigitClassifier", "config": classifier, "mel": None, **others}
        return description
    system = _NAMES.get(description.get("system", ""))
    if system is None:
        system = next((name for field, name in _FIELDS.items() if field in fields), None)
    if system is None:
        return description
    config = upgrade_settings(fields)
    others = {key: value for key, value in description.items() if key not in ("model", "system")}
    return {"mel": config.get("mel"), **others, "system": system, "config": config}


def upgrade_settings(settings: Any) -> Any:
    """Return settings, nested dictionaries and lists, without fields that no longer exist."""
    if isinstance(settings, list):
        return [upgrade_settings(value) for value in settings]
    if not isinstance(settings, dict):
        return settings
    unread = {"batch_size"} if any(field in settings for field in _WITH_BATCH_SIZE) else set()
    return {k: upgrade_settings(v) for k, v in settings.items() if k not in unread}
