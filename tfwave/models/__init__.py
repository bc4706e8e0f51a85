"""Systems, each in its own folder, imported on demand.

    from tfwave.models import MelGAN, MelGANConfig

`SYSTEMS` is the only list of systems: {name of the class: its module in this package}. The
configuration `NAMEConfig` of a system is `config.py` in its folder.
"""

import importlib
from typing import Any

SYSTEMS = {
    "DigitClassifier": "digit_classifier.digit_classifier",
    "FatchordWaveRNN": "fatchord_wavernn.fatchord_wavernn",
    "MelGAN": "melgan.melgan",
    "SpecGAN": "wavegan.specgan",
    "SubscaleWaveRNN": "wavernn.subscale",
    "WaveGAN": "wavegan.wavegan",
    "WaveGlow": "waveglow.waveglow",
    "WaveNet": "wavenet.wavenet",
    "WaveNetRecognizer": "wavenet.recognizer",
    "WaveRNN": "wavernn.wavernn",
}

__all__ = [*SYSTEMS, *(f"{name}Config" for name in SYSTEMS)]


def __getattr__(name: str) -> Any:
    system = name.removesuffix("Config")
    if system not in SYSTEMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{SYSTEMS[system]}")
    cls = getattr(module, system)
    return cls.config_class if name != system else cls


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
