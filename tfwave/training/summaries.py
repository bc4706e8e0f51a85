"""TensorBoard summaries of a run, without contradictions after a resume.

Every system's run is laid out the same way: scalars/NAME, audio/NAME and images/NAME by step; as
texts `command` and `config`; hyperparameters; and charts on the tab Custom Scalars that group
related scalars, such as the losses of critic and generator.

The event files lie in the run's directory itself. They are flushed to the disk before each
checkpoint, and a resumed run first cuts off every record beyond the step that it continues from;
so each step occurs once, whatever program reads the files.
"""

import glob
import json
import os
import re
import shlex
import struct
import sys

import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.custom_scalar import summary as custom_scalars
from tensorboard.plugins.hparams import api as hparams_api
from tensorboard.plugins.hparams import summary as hparams_summary
from tensorboard.plugins.hparams.api_pb2 import Status  # pyright: ignore[reportAttributeAccessIssue]

from tfwave.models.system import charts
from tfwave.training.directory import DirectoryError, reason

_HEADER = struct.Struct("<QI")
_FOOTER_BYTES = 4


class Summaries:
    """Writer of a run's scalars, texts and hyperparameters and of the model's own summaries.

    Args:
      directory: the run's directory, or None to write nothing.
      step: the step that the run continues from, 0 for a new run.
      description: dict shown as text.
      hparams: dict of hyperparameters for the HParams tab, or None.
      curves: `models.system.Curve` of every scalar; one chart draws those of one title.
    """

    def __init__(self, directory, step, description, hparams=None, curves=()):
        self._directory = directory
        self._hparams = hparams
        self._curves = curves
        self._has_layout = True
        if directory is None:
            self._writer = tf.summary.create_noop_writer()
            return
        cut_events(directory, step)
        self._writer = tf.summary.create_file_writer(directory)
        self._has_layout = step > 0
        if step == 0:
            self._write_header(description)

    def scalars(self, step, values):
        """Write named numbers."""
        with self._writer.as_default(step=step):
            for name, value in values.items():
                tf.summary.scalar(f"scalars/{name}", value)
            if not self._has_layout:
                self._has_layout = True
                layout = custom_scalars.pb(_layout(self._curves, values))
                tf.summary.experimental.write_raw_pb(layout.SerializeToString())

    def media(self, step, model, data):
        """Let the model write its audio and images.

        Args:
          step: number of the step.
          model: the model, with a `summaries(step, data)` method.
          data: batch that the step was trained on, a dict of arrays.
        """
        with self._writer.as_default(step=step):
            model.summaries(step, data)

    def finish(self, step):
        """Mark the run as complete in the HParams tab."""
        if self._directory is None or self._hparams is None:
            return
        end = hparams_summary.session_end_pb(Status.STATUS_SUCCESS)
        with self._writer.as_default(step=step):
            tf.summary.experimental.write_raw_pb(end.SerializeToString())

    def flush(self):
        """Force everything to the disk.

        Raises:
          DirectoryError: the disk is full.
        """
        try:
            self._writer.flush()
        except tf.errors.OpError as error:
            raise DirectoryError(
                f"{self._directory}: cannot write summaries ({reason(error)})"
            ) from None

    def close(self):
        """Close the event file."""
        self._writer.close()

    def _write_header(self, description):
        command = shlex.join([sys.executable, *sys.argv])
        config = json.dumps(description, indent=2, sort_keys=True)
        with self._writer.as_default(step=0):
            tf.summary.text("command", "    " + command)
            tf.summary.text("config", "    " + config.replace("\n", "\n    "))
            if self._hparams is not None:
                hparams_api.hparams({n: _simple(v) for n, v in self._hparams.items()})


def cut_events(directory, step):
    """Cut every record beyond a step, and records left half-written, off a run's event files.

    Args:
      directory: the run's directory.
      step: the last step to keep; 0 removes the files.
    """
    for path in glob.glob(os.path.join(glob.escape(directory), "events.out.tfevents.*")):
        if step == 0:
            os.unlink(path)
            continue
        end = _end_of_step(path, step)
        if end < os.path.getsize(path):
            os.truncate(path, end)


def _end_of_step(path, step):
    """Find the length of an event file up to a step; the steps in one file never decrease."""
    end = 0
    with open(path, "rb") as file:
        while len(header := file.read(_HEADER.size)) == _HEADER.size:
            length = _HEADER.unpack(header)[0]
            record = file.read(length)
            footer = file.read(_FOOTER_BYTES)
            if len(record) < length or len(footer) < _FOOTER_BYTES:
                break
            if tf.compat.v1.Event.FromString(record).step > step:
                break
            end = file.tell()
    return end


def _layout(curves, names):
    """Lay out the charts of a run whose first scalars have these names."""
    # Held-out numbers are logged later than the first row.
    later = [curve.name for curve in curves if curve.name not in names]
    lines = layout_pb2.MultilineChartContent  # pyright: ignore[reportAttributeAccessIssue]
    layout = [
        layout_pb2.Chart(  # pyright: ignore[reportAttributeAccessIssue]
            title=title, multiline=lines(tag=[f"^scalars/({'|'.join(map(re.escape, tags))})$"])
        )
        for title, tags in charts(curves, [*names, *(n for n in later if _is_score(n))]).items()
    ]
    category = layout_pb2.Category(  # pyright: ignore[reportAttributeAccessIssue]
        title="Training", chart=layout
    )
    return layout_pb2.Layout(category=[category])  # pyright: ignore[reportAttributeAccessIssue]


def _is_score(name):
    return name.startswith("held_out_") or name.endswith("_score")


def _simple(value):
    """Convert a value to one of the types that the HParams tab supports."""
    return value if isinstance(value, (bool, int, float, str)) else json.dumps(value)
