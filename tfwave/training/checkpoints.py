"""Checkpoints that are either complete or absent.

A checkpoint is a folder `step_00001234` with TensorFlow's files and a manifest of their sizes and
SHA-256 sums. It is written under a temporary name, forced to the disk and renamed, so that a
killed process or a full disk leaves the earlier ones as they were; later damage is detected by the
manifest, and the checkpoint is skipped. (tf.train.CheckpointManager renames a state file last,
which covers a killed process, but it does not notice data that never reached the disk.)

    directory/checkpoints/step_*   the newest ones, to continue from
    directory/best/step_*          the weights with the highest score, named by best/best.json
"""

import contextlib
import hashlib
import os
import re
import shutil
import tempfile

import tensorflow as tf

from tfwave import files
from tfwave.errors import UserError
from tfwave.training.directory import reason

_PREFIX = "weights"
_MANIFEST = "manifest.json"
_NEWEST = "checkpoints"
_BEST = "best"
_FOLDER = re.compile(r"step_(\d{8,})")


class CheckpointError(OSError):
    """A failure to write or read a checkpoint; the message is one sentence that names it."""


def save_newest(directory, model, step, keep, facts=None):
    """Write a checkpoint to continue from and remove all but the `keep` newest.

    Args:
      directory: the run's directory.
      model: compiled model; its variables, its optimisers' and its step are saved.
      step: number of the step, which names the checkpoint.
      keep: how many to keep.
      facts: JSON-able dict for the manifest.

    Raises:
      CheckpointError: the disk is full or the folder not writable; earlier checkpoints are intact.
    """
    parent = os.path.join(directory, _NEWEST)
    _write(parent, model, step, facts)
    for name, _ in _list(parent)[keep:]:
        _remove(parent, name)


def save_best(directory, model, step, score):
    """Replace the best weights. The earlier ones stay until the later ones are whole.

    Raises:
      CheckpointError: as for `save_newest`.
    """
    parent = os.path.join(directory, _BEST)
    name = _write(parent, model, step, {"score": score})
    with _failing_as(parent, step):
        files.write_json(
            os.path.join(parent, "best.json"), {"step": step, "score": score, "folder": name}
        )
    for other, _ in _list(parent):
        if other != name:
            _remove(parent, other)


def read_best(directory):
    """Read the record of the best weights, a dict with step, score and folder, or None."""
    try:
        return files.read_json(os.path.join(directory, _BEST, "best.json"))
    except FileNotFoundError:
        return None


def discard_weights(model, step):
    """Take part in a save without keeping it: some variables are read by all workers together."""
    with tempfile.TemporaryDirectory() as folder, _failing_as(folder, step):
        _tracked(model).write(os.path.join(folder, _PREFIX))


def resume(directory, model, say=print):
    """Load the newest complete checkpoint, optimisers included.

    Args:
      directory: the run's directory.
      model: compiled model of the same configuration.
      say: function called with a sentence about each damaged checkpoint that is skipped.

    Returns:
      The checkpoint's manifest (a dict with its step and facts), or None when there is none.

    Raises:
      CheckpointError: there are checkpoints but none is complete, or it does not fit the model.
    """
    parent = os.path.join(directory, _NEWEST)
    found = _list(parent)
    damages = []
    for name, _ in found:
        folder = os.path.join(parent, name)
        manifest, damage = _verify(folder)
        if damage:
            damages.append(f"{folder} is damaged ({damage})")
            say(damages[-1] + "; an earlier checkpoint is tried")
            continue
        _read(folder, model, whole=True)
        return manifest
    if damages:
        raise CheckpointError(
            f"{damages[0]} and no earlier checkpoint is whole; remove {parent} to start again"
        )
    return None


def tidy(directory, step):
    """Remove leftovers of killed writes and checkpoints beyond the step continued from."""
    for part in (_NEWEST, _BEST):
        parent = os.path.join(directory, part)
        if not os.path.isdir(parent):
            continue
        for name in os.listdir(parent):
            if name.startswith(".") and os.path.isdir(os.path.join(parent, name)):
                shutil.rmtree(os.path.join(parent, name), ignore_errors=True)
    parent = os.path.join(directory, _NEWEST)
    for name, number in _list(parent):
        if number > step:
            _remove(parent, name)


def restore(directory, model, which="best"):
    """Load a run's weights into a model, for generating or scoring.

    Args:
      directory: the run's directory.
      model: model of the run's configuration; it need not be compiled.
      which: 'best' for the highest score, 'latest' for the newest.

    Returns:
      The step of the weights.

    Raises:
      CheckpointError: there is no such checkpoint, it is damaged or does not fit the model.
      UserError: `which` is neither.
    """
    directory = os.fspath(directory)
    if which == "best":
        best = read_best(directory)
        if best is None:
            raise CheckpointError(
                f"{directory}: holds no best weights (nothing was scored yet); "
                "ask for the latest ones instead"
            )
        folders = [os.path.join(directory, _BEST, best["folder"])]
    elif which == "latest":
        parent = os.path.join(directory, _NEWEST)
        folders = [os.path.join(parent, name) for name, _ in _list(parent)]
    else:
        raise UserError(f"which must be 'best' or 'latest', not {which!r}")
    damage = "no checkpoint was saved yet"
    for folder in folders:
        manifest, damage = _verify(folder)
        if not damage:
            _read(folder, model, whole=False)
            return manifest["step"]
        damage = f"{folder} is damaged ({damage})"
    raise CheckpointError(f"{directory}: holds no usable weights: {damage}")


def _tracked(model):
    """Name everything that a checkpoint holds.

    Variables stand under names that are the same in both Keras versions. A checkpoint that follows
    the attributes of Keras' layers, as earlier versions of tfwave wrote them, is not read by the
    other version.
    """
    weights = {**model.named_variables(), "step": model.step}
    return tf.train.Checkpoint(weights=weights, **model.optimizers())


def _tracked_as(model, names):
    """Name everything as a checkpoint with variables of these names does.

    Earlier versions of tfwave followed the attributes of Keras' layers, which the other Keras
    version cannot read, or, for the digit classifier, kept the step beside the weights.
    """
    if any(name.startswith("weights/step") for name in names):
        return _tracked(model)
    if not any(name.startswith("model/weights/") for name in names):
        return tf.train.Checkpoint(model=model, **model.optimizers())
    weights = tf.train.Checkpoint(step=model.step, weights=model.named_variables())
    if not any(name.startswith("model/weights/weights/") for name in names):
        return tf.train.Checkpoint(model=weights)  # the best weights of a classifier
    state = tf.train.Checkpoint(weights=weights, **model.optimizers())
    return tf.train.Checkpoint(model=state, **model.optimizers())


def _write(parent, model, step, facts):
    name = f"step_{step:08d}"
    folder = os.path.join(parent, name)
    with _failing_as(parent, step):
        os.makedirs(parent, exist_ok=True)
        with files.scratch_folder(parent) as scratch:
            _tracked(model).write(os.path.join(scratch, _PREFIX))
            sums = {n: _fingerprint(os.path.join(scratch, n)) for n in sorted(os.listdir(scratch))}
            manifest = {**(facts or {}), "step": step, "files": sums}
            files.write_json(os.path.join(scratch, _MANIFEST), manifest)
            files.sync(scratch)
            if os.path.isdir(folder):
                _remove(parent, name)
            os.rename(scratch, folder)
            files.sync(parent)
    return name


def _read(folder, model, whole):
    """Load a verified checkpoint; `whole` demands that nothing in it is left over."""
    try:
        prefix = os.path.join(folder, _PREFIX)
        names = [name for name, _ in tf.train.list_variables(prefix)]
        status = _tracked_as(model, names).read(prefix)
        status.assert_existing_objects_matched()
        if whole:
            status.assert_consumed()
        else:
            status.expect_partial()
    except (AssertionError, ValueError, tf.errors.OpError) as error:
        raise CheckpointError(f"{folder}: does not fit this model ({reason(error)})") from None


def _verify(folder):
    """Return (manifest, None) for a complete checkpoint and (None, the defect) otherwise."""
    try:
        manifest = files.read_json(os.path.join(folder, _MANIFEST))
        for name, expected in manifest["files"].items():
            path = os.path.join(folder, name)
            size = os.path.getsize(path)
            if size != expected["bytes"]:
                return None, f"{name} has {size} bytes instead of {expected['bytes']}"
            if _fingerprint(path) != expected:
                return None, f"{name} has another SHA-256 sum"
    except FileNotFoundError as error:
        return None, f"{os.path.basename(error.filename)} is missing"
    except (KeyError, TypeError, AttributeError):
        return None, f"{_MANIFEST} does not list the files"
    except (OSError, ValueError) as error:
        return None, " ".join(str(error).split())
    return manifest, None


def _fingerprint(path):
    """Flush a file to the disk and return its size and SHA-256 sum."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        digest = hashlib.sha256()
        while block := file.read(1 << 20):
            digest.update(block)
        return {"bytes": file.tell(), "sha256": digest.hexdigest()}


def _list(parent):
    """List (name, step) of the checkpoint folders, newest first."""
    try:
        names = os.listdir(parent)
    except FileNotFoundError:
        return []
    found = [(name, int(match[1])) for name in names if (match := _FOLDER.fullmatch(name))]
    return sorted(found, key=lambda item: -item[1])


def _remove(parent, name):
    """Rename a checkpoint in one operation, then delete it."""
    hidden = os.path.join(parent, "." + name + ".old")
    shutil.rmtree(hidden, ignore_errors=True)
    os.rename(os.path.join(parent, name), hidden)
    shutil.rmtree(hidden, ignore_errors=True)


@contextlib.contextmanager
def _failing_as(parent, step):
    """Turn a failed write into a `CheckpointError` of one sentence."""
    try:
        yield
    except (OSError, tf.errors.OpError) as error:
        raise CheckpointError(
            f"{parent}: cannot save the checkpoint of step {step} ({reason(error)}); "
            "earlier checkpoints are intact"
        ) from None
