"""Readers of TensorFlow 1 checkpoints.

A checkpoint of tf.train.Saver is `PREFIX.index` with `PREFIX.data-00000-of-00001`, or the one file
`PREFIX` of format V1 (TensorFlow before 0.12). TensorFlow compares the checksum of every tensor
while it reads it.
"""

import os
import pathlib
import re
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from tfwave.errors import UserError

# TensorFlow's checkpoint reader turns its status codes into these; IndexError is "out of range".
_READ_ERRORS = (tf.errors.OpError, RuntimeError, ValueError, IndexError)
# Last part of the names of what optimisers and counters keep.
_TRAINING_STATE = re.compile(
    r"(Adam|RMSProp|Momentum|ExponentialMovingAverage)(_\d+)?|beta[12]_power(_\d+)?|global_step"
)


def is_tf1_checkpoint(path: str | os.PathLike) -> bool:
    """Whether a path is a prefix, a file or a folder of TensorFlow checkpoints."""
    path = os.fspath(path)
    if os.path.isdir(path):
        return os.path.isfile(os.path.join(path, "checkpoint"))
    return os.path.isfile(_prefix(path) + ".index") or _is_v1(path)


def read_tf1_checkpoint(
    path: str | os.PathLike, is_wanted: Callable[[str], bool] = lambda name: True
) -> dict[str, np.ndarray]:
    """Read the tensors of a TensorFlow 1 checkpoint.

    Args:
      path: prefix, without `.index` or `.data-...`; one of these files; or a folder, for the latest
        checkpoint that its file `checkpoint` names.
      is_wanted: which names to read.

    Returns:
      {name of a variable: array}.

    Raises:
      UserError: a file is missing, cut short, or fails its checksum; names it.
    """
    prefix = _latest(path) if os.path.isdir(path) else _prefix(os.fspath(path))
    size = _check_files(prefix)
    try:
        reader = tf.train.load_checkpoint(prefix)
        shapes, types = reader.get_variable_to_shape_map(), reader.get_variable_to_dtype_map()
        names = sorted(filter(is_wanted, shapes))
        # Memory is reserved for what the index claims before it is read.
        claimed = {name: np.prod(shapes[name], dtype=object) * types[name].size for name in names}
    except _READ_ERRORS as error:
        raise UserError(
            f"{prefix}.index: not a readable checkpoint index ({_first_line(error)})"
        ) from None
    tensors = {}
    for name in names:
        try:
            if claimed[name] > size:
                raise ValueError(f"{claimed[name]} bytes are said to be in {size}")
            tensors[name] = reader.get_tensor(name)
        except _READ_ERRORS as error:
            raise UserError(
                f"{prefix}: tensor {name} cannot be read, a data file is corrupt or cut short "
                f"({_first_line(error)})"
            ) from None
    return tensors


def is_weight(name: str) -> bool:
    """Whether a variable is not one of an optimiser or a counter of steps."""
    return not _TRAINING_STATE.fullmatch(name.rsplit("/", 1)[-1])


def _prefix(path):
    folder, base = os.path.split(path)
    for mark in (".index", ".data-", ".meta"):
        base = base.split(mark)[0]
    return os.path.join(folder, base)


def _latest(folder):
    try:
        prefix = tf.train.latest_checkpoint(os.fspath(folder))
    except _READ_ERRORS:
        prefix = None
    if prefix is None:
        raise UserError(f"{os.fspath(folder)}: its file 'checkpoint' names no checkpoint in it")
    return prefix


def _is_v1(path):
    """Whether a file is a table of LevelDB's format, which a checkpoint of format V1 is."""
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        file.seek(max(os.path.getsize(path) - 8, 0))
        return file.read() == b"\x57\xfb\x80\x8b\x24\x75\x47\xdb"


def _check_files(prefix):
    """Return the bytes of a checkpoint's data files, of which none is missing."""
    index = prefix + ".index"
    if not os.path.isfile(index):
        if _is_v1(prefix):
            return os.path.getsize(prefix)
        raise UserError(f"{index}: no such file")
    folder, start = pathlib.Path(prefix).parent, os.path.basename(prefix) + ".data-"
    shards = sorted(path for path in folder.iterdir() if path.name.startswith(start))
    if not shards:
        raise UserError(
            f"{prefix}.data-00000-of-00001: no such file; some copies of repositories leave large "
            "data files out"
        )
    expected = shards[0].name.rsplit("-of-", 1)[-1]
    if expected.isdecimal() and len(shards) != int(expected):
        raise UserError(f"{prefix}: {len(shards)} of its {int(expected)} data files are there")
    return sum(path.stat().st_size for path in shards)


def _first_line(error):
    return str(error).strip().split("\n")[0][:200]
