"""Files that are either complete or absent, and JSON.

A file is written under a temporary name in its own folder, flushed to the disk and renamed, so
that a killed process or a full disk never leaves half a file under the final name.
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterable

from tfwave.errors import UserError

_TEMPORARY_SUFFIX = ".partial"


def atomic_write(path, data):
    """Write a whole file or nothing.

    Args:
      path: the file to create or replace. Its folder is created when missing.
      data: bytes, or a function that is given a binary file object to write to.

    Raises:
      OSError: the folder is not writable or the disk is full. The file that was there before is
        untouched and no temporary file is left.
    """
    path = os.fspath(path)
    folder = os.path.dirname(path) or "."
    os.makedirs(folder, exist_ok=True)
    try:
        handle, temporary = tempfile.mkstemp(
            prefix="." + os.path.basename(path)[:64] + ".", suffix=_TEMPORARY_SUFFIX, dir=folder
        )
    except OSError as error:
        raise _about(error, path) from None
    try:
        with os.fdopen(handle, "wb") as file:
            if callable(data):
                data(file)
            else:
                file.write(data)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes private files; results are meant to be read by others as usual.
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        if isinstance(error, OSError) and error.filename in (None, temporary):
            raise _about(error, path) from None
        raise


@contextlib.contextmanager
def scratch_folder(parent):
    """Give a hidden folder in `parent` that is gone afterwards, unless it was renamed.

    Raises:
      OSError: `parent` is not writable.
    """
    folder = os.path.join(parent, f".writing-{os.getpid()}")
    shutil.rmtree(folder, ignore_errors=True)  # of a killed process that had this number
    os.mkdir(folder)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sync(path):
    """Force a file, or the names in a folder, to the disk.

    Raises:
      OSError: the disk failed.
    """
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _about(error, path):
    """Return an operating system error that names the file the user knows."""
    return type(error)(error.errno, error.strerror or str(error), path) if error.errno else error


def _umask():
    """Return the process's umask (there is no way to ask without setting it)."""
    mask = os.umask(0o022)
    os.umask(mask)
    return mask


def read_json(path):
    """Read a JSON file.

    Raises:
      OSError: the file is missing or unreadable.
      UserError: the file is not JSON; the message names it.
    """
    with open(path, encoding="utf-8") as file:
        text = file.read()
    try:
        return json.loads(text)
    except ValueError as error:
        raise UserError(f"{os.fspath(path)}: not valid JSON ({error})") from None


def write_json(path, value):
    """Write a value as readable JSON: sorted keys, UTF-8, a newline at the end, atomically."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError:
        # File names that are not UTF-8 come as lone surrogates, which only escapes can carry.
        data = (json.dumps(value, indent=2, sort_keys=True) + "\n").encode("ascii")
    atomic_write(path, data)


def first_difference(here, there, ignore: Iterable[str] = ()) -> str | None:
    """Name the first field in which two JSON values differ; tuples equal lists.

    Args:
      here: the value that is wanted.
      there: the value that was found, for example on disk.
      ignore: names at the top that are not compared.

    Returns:
      A phrase such as "preset.batch_size is 64 there and 16 here", or None when all agree. A field
      that is null counts as one that is not set.
    """
    for path, mine, theirs in _differences(_plain(here), _plain(there), ()):
        if not path or path[0] not in ignore:
            name = ".".join(path) or "configuration"
            return f"{name} is {_shown(theirs)} there and {_shown(mine)} here"
    return None


def _plain(value):
    """Return a value as it is after a round trip through JSON."""
    return json.loads(json.dumps(value))


def _differences(here, there, path):
    """Yield (path, here, there) for every leaf that differs, in the order of `here`."""
    if isinstance(here, dict) and isinstance(there, dict):
        for name in [*here, *(name for name in there if name not in here)]:
            yield from _differences(here.get(name), there.get(name), (*path, name))
    elif here != there:
        yield path, here, there


def _shown(value):
    if value is None:
        return "not set"
    text = json.dumps(value, sort_keys=True, ensure_ascii=False)
    return text if len(text) <= 80 else text[:77] + "..."
