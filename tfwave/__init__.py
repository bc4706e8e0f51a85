"""Neural audio synthesis papers, reproduced in TensorFlow and Keras.

Importing the package does no work; `tfwave.load` and `tfwave.models` are imported on demand.
"""

import importlib
from typing import Any

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    if name == "load":
        return importlib.import_module("tfwave.training.load").load
    if name == "models":
        return importlib.import_module("tfwave.models")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
