"""Reading TensorFlow 1 checkpoints, and the digit classifier that the WaveGAN authors released.

A checkpoint of tf.train.Saver (format V2) is `PREFIX.index` with `PREFIX.data-00000-of-00001`. The
released classifier is `eval/inception/best_acc-103005` in the authors' repository. TensorFlow
checks the checksum of every tensor while reading it.
"""

import os

import tensorflow as tf

from tfwave.models.digit_classifier.config import DigitClassifierConfig
from tfwave.models.digit_classifier.digit_classifier import DigitClassifier

# TensorFlow's checkpoint reader turns its status codes into these; IndexError is "out of range".
_READ_ERRORS = (tf.errors.OpError, RuntimeError, ValueError, IndexError)


class TF1CheckpointError(ValueError):
    """A checkpoint cannot be used; the message is one sentence that names it."""


def read_tf1_checkpoint(prefix):
    """Read all tensors of a TensorFlow 1 checkpoint.

    Args:
      prefix: path without `.index` or `.data-...`; a path of one of these files works too.

    Returns:
      Dict of variable name to array.

    Raises:
      TF1CheckpointError: a file is missing, cut short, or fails its checksum.
    """
    prefix = os.fspath(prefix)
    folder, base = os.path.split(prefix)
    for mark in (".index", ".data-", ".meta"):
        base = base.split(mark)[0]
    prefix = os.path.join(folder, base)
    _check_files(prefix)
    try:
        reader = tf.train.load_checkpoint(prefix)
        names = sorted(reader.get_variable_to_shape_map())
    except _READ_ERRORS as error:
        raise TF1CheckpointError(
            f"{prefix}.index: not a readable checkpoint index ({_first_line(error)})"
        ) from None
    tensors = {}
    for name in names:
        try:
            tensors[name] = reader.get_tensor(name)
        except _READ_ERRORS as error:
            raise TF1CheckpointError(
                f"{prefix}: tensor {name} cannot be read, a data file is corrupt or cut short "
                f"({_first_line(error)})"
            ) from None
    return tensors


def load_authors_classifier(prefix):
    """Build the digit classifier with the weights that the WaveGAN authors released.

    Sizes (filters, classes, mel bands, convolutions) are taken from the checkpoint.

    Args:
      prefix: path of the checkpoint, for example `eval/inception/best_acc-103005`.

    Returns:
      A `DigitClassifier` with those weights.

    Raises:
      TF1CheckpointError: as for `read_tf1_checkpoint`, or the tensors are not those of this
        network.
    """
    tensors = read_tf1_checkpoint(prefix)
    try:
        classifier = DigitClassifier(_config_of(tensors))
        classifier.assign_named(tensors)
    except ValueError as error:
        raise TF1CheckpointError(
            f"{os.fspath(prefix)}: not a checkpoint of the WaveGAN digit classifier: {error}"
        ) from None
    return classifier


def _config_of(tensors):
    first, bands, dense = (
        _shape_of(tensors, name, rank)
        for name, rank in (
            ("classifier/conv2d/kernel", 4),
            ("classifier/batch_normalization/gamma", 1),
            ("classifier/dense/kernel", 2),
        )
    )
    blocks = 1
    while f"classifier/conv2d_{blocks}/kernel" in tensors:
        blocks += 1
    return DigitClassifierConfig(
        filters=first[3], kernel_size=first[0], n_mels=bands[0], classes=dense[1], blocks=blocks
    )


def _shape_of(tensors, name, rank):
    if name not in tensors:
        raise ValueError(f"{name} is missing")
    shape = tensors[name].shape
    if len(shape) != rank:
        raise ValueError(f"{name} has shape {list(shape)}, expected {rank} axes")
    return shape


def _check_files(prefix):
    index = prefix + ".index"
    if not os.path.isfile(index):
        raise TF1CheckpointError(f"{index}: no such file")
    folder = os.path.dirname(prefix) or "."
    start = os.path.basename(prefix) + ".data-"
    shards = sorted(name for name in os.listdir(folder) if name.startswith(start))
    if not shards:
        raise TF1CheckpointError(
            f"{prefix}.data-00000-of-00001: no such file; some copies of the authors' "
            "repository leave the large data file out"
        )
    expected = int(shards[0].rsplit("-of-", 1)[-1]) if "-of-" in shards[0] else 1
    if len(shards) != expected:
        raise TF1CheckpointError(f"{prefix}: {len(shards)} of its {expected} data files are there")


def _first_line(error):
    return str(error).strip().split("\n")[0][:200]
