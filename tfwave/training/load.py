"""Models as a training directory describes them, with their weights."""

import dataclasses
import os

import tensorflow as tf

from tfwave.audio.mel import MelConfig
from tfwave.models.digit_classifier.digit_classifier import DigitClassifier, DigitClassifierConfig
from tfwave.models.fatchord_wavernn.fatchord_wavernn import FatchordConfig, FatchordWaveRNN
from tfwave.models.melgan.melgan import MelGAN, MelGANConfig
from tfwave.models.wavegan.specgan import SpecGAN, SpecGANConfig
from tfwave.models.wavegan.wavegan import WaveGAN, WaveGANConfig
from tfwave.models.waveglow.waveglow import WaveGlow, WaveGlowConfig
from tfwave.models.wavenet.config import WaveNetConfig
from tfwave.models.wavenet.wavenet import WaveNet
from tfwave.models.wavernn.wavernn import WaveRNN, WaveRNNConfig
from tfwave.training.checkpoints import restore
from tfwave.training.directory import read_description

_SYSTEMS = (
    (WaveGANConfig, WaveGAN),
    (SpecGANConfig, SpecGAN),
    (WaveNetConfig, WaveNet),
    (MelGANConfig, MelGAN),
    (WaveRNNConfig, WaveRNN),
    (FatchordConfig, FatchordWaveRNN),
    (WaveGlowConfig, WaveGlow),
)


def find_training(directory):
    """Return the training directory: `directory` itself or, of a row of a table, its train/."""
    inner = os.path.join(directory, "train")
    has_own = os.path.exists(os.path.join(directory, "config.json"))
    return inner if not has_own and os.path.isdir(inner) else directory


def front_end_of(description):
    """Return the MelConfig of the features that a trained model takes, or None.

    Args:
      description: of its run, as a dict.
    """
    # A WaveNet's configuration names no front end; the description of its run does.
    fields = (description.get("model") or {}).get("mel") or description.get("mel")
    return fields and MelConfig(**fields)


def load_model(directory, which):
    """Build the model that a training directory describes and load its weights.

    Args:
      directory: a directory that training wrote.
      which: "best" or "latest".

    Returns:
      (model, description of the run, step of the weights). Fields that the configuration of a
      system got after the run was made have their defaults.

    Raises:
      ValueError: the run's configuration belongs to no system of tfwave.
      OSError: the directory holds no run or no such weights.
    """
    description = read_description(directory)
    description = description if isinstance(description, dict) else {}
    settings = description.get("model")
    # The rows of a table name the classifier of their scores there.
    if isinstance(description.get("classifier"), dict):
        return _load_classifier(directory, description, which)
    for make_config, make_model in _SYSTEMS:
        if _is_of(make_config, settings or ()):
            model = make_model(make_config(**settings))
            return model, description, restore(directory, model, which)
    raise ValueError(f"{directory}: config.json describes no model that this tfwave has")


def _is_of(make_config, settings):
    """Whether settings are a configuration, or one of before it got its newest fields."""
    names = {field.name for field in dataclasses.fields(make_config)}
    # Systems have fields of their own, which tell them apart; a few that many have would not.
    return set(settings) <= names and 2 * len(settings) > len(names)


def _load_classifier(directory, description, which):
    """`load_model` of a directory that `tfwave.papers.wavegan.classifier_training` wrote."""
    model = DigitClassifier(DigitClassifierConfig(**description["classifier"]))
    weights = tf.train.Checkpoint(
        step=tf.Variable(0, dtype=tf.int64), weights=model.named_variables()
    )
    if which == "latest":  # with the optimiser beside them
        weights = tf.train.Checkpoint(weights=weights)
    return model, description, restore(directory, weights, which)
