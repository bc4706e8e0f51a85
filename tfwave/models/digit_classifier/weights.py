"""Weights of the digit classifier that the WaveGAN authors released, read and written.

The released checkpoint is `eval/inception/best_acc-103005` in chrisdonahue/wavegan.
"""

import dataclasses
import os
from typing import Any

import numpy as np

from tfwave.models.digit_classifier.config import DigitClassifierConfig
from tfwave.models.digit_classifier.digit_classifier import DigitClassifier
from tfwave.models.weights import VariablePart, array_shape, assign_arrays, export_arrays, naming
from tfwave.tf1_files import is_weight, read_tf1_checkpoint


def from_authors(
    path: str | os.PathLike, config: DigitClassifierConfig | None = None, **fields: Any
) -> DigitClassifier:
    """Build the digit classifier with the weights that the WaveGAN authors released.

    Args:
      path: prefix of the checkpoint, for example `eval/inception/best_acc-103005`.
      config: configuration of the model; None to infer filters, classes, mel bands and convolutions
        from the arrays.
      **fields: fields of the configuration to override.

    Returns:
      The classifier.

    Raises:
      UserError: the checkpoint is damaged or holds another network; the message names it and the
        array.
    """
    arrays = read_tf1_checkpoint(path, is_weight)
    with naming(path):
        config = dataclasses.replace(config or infer_config(arrays), **fields)
    classifier = DigitClassifier(config)
    with naming(path):
        load_arrays(classifier, arrays)
    return classifier


def to_authors(classifier: DigitClassifier) -> dict[str, np.ndarray]:
    """Return the weights under the names of the authors' variables: {name: float32 array}."""
    return export_arrays(authors_arrays(classifier))


def load_arrays(classifier: DigitClassifier, arrays: dict[str, np.ndarray]):
    """Assign the arrays of a checkpoint to a classifier; see `weights.assign_arrays`."""
    assign_arrays(authors_arrays(classifier), arrays)


def authors_arrays(classifier: DigitClassifier) -> dict[str, VariablePart]:
    """Map the authors' variables to those of the classifier."""
    variables = classifier.named_variables()
    return {name: VariablePart(variable) for name, variable in variables.items()}


def infer_config(arrays: dict[str, np.ndarray]) -> DigitClassifierConfig:
    """Infer the configuration from the authors' variables.

    Raises:
      UserError: a variable that determines it is missing or has other axes.
    """
    size, _, _, filters = array_shape(arrays, "classifier/conv2d/kernel", 4)
    (bands,) = array_shape(arrays, "classifier/batch_normalization/gamma", 1)
    _, classes = array_shape(arrays, "classifier/dense/kernel", 2)
    blocks = 1
    while f"classifier/conv2d_{blocks}/kernel" in arrays:
        blocks += 1
    return DigitClassifierConfig(
        filters=filters, kernel_size=size, n_mels=bands, classes=classes, blocks=blocks
    )
