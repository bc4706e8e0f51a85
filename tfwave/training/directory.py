"""A run's directory: one configuration, one process."""

import contextlib
import fcntl
import json
import os
import re
import socket

from tfwave import files
from tfwave.errors import UserError
from tfwave.models import legacy

_CONFIG = "config.json"
_LOCK = "lock"


class DirectoryError(OSError, UserError):
    """A failure to use a run's directory; the message is one sentence that names it."""


@contextlib.contextmanager
def open_directory(directory, description, part=""):
    """Claim a directory for one run of one configuration.

    Args:
      directory: folder, created when missing.
      description: JSON-able dict of everything that the weights depend on. It is written to
        config.json; a directory with another one is refused.
      part: name of a part of the work; processes with different parts share the directory.

    Raises:
      DirectoryError: it is not writable or in use by another process.
      UserError: it belongs to another configuration; the message names the first field that
        differs and both values.
    """
    directory = os.fspath(directory)
    try:
        os.makedirs(directory, exist_ok=True)
        lock = open(os.path.join(directory, _LOCK + part), "a+", encoding="utf-8")  # noqa: SIM115
    except OSError as error:
        raise DirectoryError(f"{directory}: cannot write there ({error.strerror})") from None
    with lock:
        _lock(directory, lock)
        _claim(directory, description)
        yield directory


def reason(error):
    """Return the reason of an operating system's or TensorFlow's error without its decoration."""
    if getattr(error, "strerror", None):
        return error.strerror
    # Such as '{{function_node ...}} FILE; No space left on device [Op:SaveV2]'.
    text = re.sub(r"\{\{.*?\}\}|\[Op:\w*\]", "", str(error))
    return " ".join(text.split()).rsplit("; ", 1)[-1][:200]


def read_description(directory):
    """Read the description that a run was started with, in the current form.

    Raises:
      DirectoryError: the directory holds no run.
    """
    path = os.path.join(os.fspath(directory), _CONFIG)
    try:
        return legacy.upgrade_description(files.read_json(path))
    except FileNotFoundError:
        raise DirectoryError(
            f"{directory}: not the directory of a run (it has no {_CONFIG})"
        ) from None


def _lock(directory, lock):
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.seek(0)
        owner = lock.read().strip() or "another process"
        raise DirectoryError(f"{directory}: in use by {owner}") from None
    except OSError:
        # Some network file systems have no locks; training there still works.
        return
    lock.truncate(0)
    lock.write(f"process {os.getpid()} on {socket.gethostname()}")
    lock.flush()


def _claim(directory, description):
    # Compared after a round trip, because JSON has no tuples and only text keys.
    new = legacy.upgrade_description(json.loads(json.dumps(description)))
    path = os.path.join(directory, _CONFIG)
    try:
        old = files.read_json(path)
    except FileNotFoundError:
        _write_description(path, new)
        return
    upgraded = legacy.upgrade_description(old)
    if isinstance(upgraded, dict) and upgraded.get("mel") is None and new.get("mel"):
        # Earlier versions recorded no front end where the configuration has none.
        upgraded = {**upgraded, "mel": new["mel"]}
    difference = files.first_difference(new, upgraded)
    if not difference and upgraded is not old:
        _write_description(path, new)
    if difference:
        raise UserError(
            f"{directory}: belongs to another configuration: {difference}; choose another "
            "directory or remove that one"
        )


def _write_description(path, description):
    try:
        files.write_json(path, description)
    except OSError as error:
        folder = os.path.dirname(path)
        raise DirectoryError(f"{folder}: cannot write there ({error.strerror})") from None
