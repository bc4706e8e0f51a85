"""The logged metrics of a run as one JSON object per line, for reports."""

import contextlib
import json
import math
import os

from tfwave import files
from tfwave.training.directory import DirectoryError, reason

_NAME = "metrics.jsonl"


def read_rows(directory):
    """Read a run's logged metrics.

    Returns:
      A list of dicts in the order of their `step`, each with the metric names as further keys.
      A value that was not finite is None. Empty when nothing was logged.
    """
    try:
        with open(os.path.join(os.fspath(directory), _NAME), encoding="utf-8") as file:
            lines = file.readlines()
    except FileNotFoundError:
        return []
    rows = []
    for line in lines:
        try:
            rows.append(json.loads(line))
        except ValueError:
            # The line that a killed process was writing; its step is trained again.
            break
    return rows


class RowWriter:
    """Writer that appends rows, after dropping those beyond the step that a run continues from.

    Args:
      directory: the run's directory.
      step: the step that the run continues from, 0 for a new run.

    Raises:
      DirectoryError: the file cannot be written, here or in `append` and `sync`.
    """

    def __init__(self, directory, step):
        self._path = os.path.join(os.fspath(directory), _NAME)
        kept = [row for row in read_rows(directory) if row["step"] <= step]
        with self._naming_the_file():
            files.atomic_write(self._path, "".join(map(_line, kept)).encode("utf-8"))
            # Unbuffered: nothing is left to fail in `close`.
            self._file = open(self._path, "ab", buffering=0)  # noqa: SIM115

    def append(self, step, values):
        """Write one row; `values` maps names to numbers."""
        line = _line({"step": step, **values}).encode("utf-8")
        with self._naming_the_file():
            while line:
                line = line[self._file.write(line) :]

    def sync(self):
        """Force the rows to the disk, so that no checkpoint is newer than them."""
        with self._naming_the_file():
            os.fsync(self._file.fileno())

    def close(self):
        """Close the file."""
        self._file.close()

    @contextlib.contextmanager
    def _naming_the_file(self):
        try:
            yield
        except OSError as error:
            raise DirectoryError(f"{self._path}: cannot write it ({reason(error)})") from None


def _line(row):
    clean = {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
    }
    return json.dumps(clean) + "\n"


def read_curves(directory):
    """Read the rows of a run by metric.

    Returns:
      {metric: [[step, value], ...]} without the values that were not finite.
    """
    curves = {}
    for row in read_rows(directory):
        for name, value in row.items():
            if name != "step" and value is not None:
                curves.setdefault(name, []).append([row["step"], value])
    return curves
