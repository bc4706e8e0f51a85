"""Trained models, built from the directories that training or `System.save` wrote."""

import importlib
import os
import zipfile
from typing import Any

import numpy as np

from tfwave import models
from tfwave.audio.mel import MelConfig
from tfwave.errors import UserError
from tfwave.models.config import from_fields
from tfwave.models.system import WEIGHTS_FILE, System
from tfwave.training.checkpoints import restore
from tfwave.training.directory import read_description


def load(directory: Any, which: str = "best") -> System:
    """Build the trained model of a directory, with its weights.

    Args:
      directory: a directory that training or `System.save` wrote, or the row of a paper table that
        holds one in train/.
      which: "best" for the weights with the best score, "latest" for the newest ones.

    Returns:
      The model.

    Raises:
      UserError: the directory describes no system of tfwave.
      OSError: it holds no model or no such weights.
    """
    return load_model(find_training(directory), which)[0]


def find_training(directory: Any) -> str:
    """Return the training directory: `directory` itself or, of a row of a table, its train/."""
    directory = os.fspath(directory)
    inner = os.path.join(directory, "train")
    has_own = os.path.exists(os.path.join(directory, "config.json"))
    return inner if not has_own and os.path.isdir(inner) else directory


def load_model(directory: Any, which: str = "best") -> tuple[System, dict[str, Any], int]:
    """Build the model that a directory describes and load its weights.

    Args:
      directory: a directory that training or `System.save` wrote.
      which: "best" or "latest".

    Returns:
      (model, description of its training, step of the weights). Fields that the configuration got
      after the model was trained have their defaults.

    Raises:
      UserError: the directory describes no system of tfwave.
      OSError: it holds no model or no such weights.
    """
    directory = os.fspath(directory)
    description = read_description(directory)
    model = build(description, directory)
    path = os.path.join(directory, WEIGHTS_FILE)
    if not os.path.exists(path):
        return model, description, restore(directory, model, which)
    _read_weights(model, path)
    return model, description, int(model.step.numpy())


def front_end(description: dict[str, Any]) -> MelConfig | None:
    """Return the front end of the mel spectrograms that a trained model takes, None without one."""
    fields = description.get("mel")
    return fields and MelConfig(**fields)


def build(description: dict[str, Any], source: Any = "the description") -> System:
    """Build the model of a description, with its initial weights.

    Args:
      description: description of a trained model; see `models.legacy` for its forms.
      source: its name in error messages, such as its directory.

    Raises:
      UserError: it describes no system of tfwave.
    """
    name = description.get("system") if isinstance(description, dict) else None
    if name not in models.SYSTEMS or not isinstance(description.get("config"), dict):
        raise UserError(f"{source}: config.json describes no model that this tfwave has")
    system = getattr(importlib.import_module("tfwave.models"), name)
    try:
        config = from_fields(system.config_class, description["config"])
        mel = description.get("mel")
        if mel is None or getattr(config, "mel", None) is not None:
            return system(config)
        return system(config, mel=MelConfig(**mel))
    except (UserError, TypeError) as error:
        raise UserError(f"{source}: config.json: {error}") from None


def _read_weights(model, path):
    """Assign the arrays of a file of `System.save`."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            weights = dict(arrays)
    except (OSError, ValueError, zipfile.BadZipFile, EOFError) as error:
        raise UserError(f"{path}: cannot be read as weights ({error})") from None
    for name, variable in model.named_variables().items():
        if name not in weights or weights[name].shape != tuple(variable.shape):
            sizes = list(weights[name].shape) if name in weights else "no array"
            raise UserError(f"{path}: {name} needs {list(variable.shape)}, there is {sizes}")
        variable.assign(weights[name])
