"""Experiments: preparation, training, measurement and clips of the rows of a table."""

import abc
import contextlib
import dataclasses
import time
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from tfwave.audio.files import write_wav
from tfwave.repro.report.report import ReportHeader
from tfwave.repro.results import Results
from tfwave.repro.rows import Row
from tfwave.repro.table import Options, Table
from tfwave.training.loop import TrainingResult

# The first seeds of latents, phases and other draws that are not part of training. Each purpose
# has its own, so that no clip that is judged is one that chose the weights.
SEEDS = {
    "selection": 1_000_000,
    "latents": 2_000_000,
    "samples": 3_000_000,
    "copies": 4_000_000,
    "16-bit samples": 5_000_000,
}


@dataclasses.dataclass
class Measured:
    """The measurements of one row.

    Attributes:
      scores: {column key: {"mean": float, and where known "pm" and "n"}}.
      counts: counts behind the scores, in words.
      facts: {name: value} to print.
      seconds: {part of the work: wall time}.
      clips: (label of the recording that it follows, caption, waveform [time]) of each clip, which
        is float in [-1, 1], or int16.
      sample_rate: of the clips, Hz; 0 without any.
      extra: further entries of result.json.
    """

    scores: dict = dataclasses.field(default_factory=dict)
    counts: str = ""
    facts: dict = dataclasses.field(default_factory=dict)
    seconds: dict = dataclasses.field(default_factory=dict)
    clips: list = dataclasses.field(default_factory=list)
    sample_rate: int = 0
    extra: dict = dataclasses.field(default_factory=dict)

    @contextlib.contextmanager
    def timed(self, part: str) -> Iterator[None]:
        """Add the wall time of a block to `seconds`."""
        begin = time.monotonic()
        yield
        self.seconds[part] = self.seconds.get(part, 0.0) + time.monotonic() - begin


class Experiment(abc.ABC):
    """A run of a table.

    The engine calls `prepare` once and then, for every row that is not finished, `compute`, which
    is `train` (of a trained row) followed by `measure`.

    Args:
      table: the `Table`.
      preset: one of its presets.
      options: `Options`.
      strategy: tf.distribute.Strategy, by default one device.
    """

    def __init__(self, table: Table, preset, options: Options, strategy=None):
        self.table, self.preset, self.options = table, preset, options
        self.strategy = strategy or tf.distribute.get_strategy()

    @property
    def rows(self) -> tuple[Row, ...]:
        """The rows of the table that the preset has."""
        return self.table.rows

    def folder_settings(self) -> dict:
        """Return the settings that all rows share and that are known before `prepare`."""
        return {
            "table": self.table.key,
            "protocol": self.table.protocol,
            "preset": dataclasses.asdict(self.preset),
        }

    def prepare(self) -> dict:
        """Open what the rows need; return the settings that all of them share because of it."""
        return {}

    def status(self) -> dict:
        """Return {row key: why this run cannot compute the row}, after `prepare`."""
        return self.table.status

    def needs(self, row: Row) -> tuple[Row, ...]:
        """Return the rows whose results a row is computed from."""
        del row
        return ()

    def settings(self, row: Row) -> dict:
        """Return what changes the numbers of a row, beside the settings of the folder."""
        return {"row": row.key}

    def weight(self, row: Row) -> float:
        """Return how long a row takes in comparison with the others."""
        return int(row.trained)

    def train(self, row: Row, results: Results) -> tuple[keras.Model, TrainingResult] | None:
        """Train a row or go on with it; return its best model and how training went.

        Returns None where nothing is trained.
        """
        del row, results

    def assist(self, row: Row) -> None:
        """Take part in the training of a row as a worker that writes nothing."""
        del row

    @abc.abstractmethod
    def measure(self, row: Row, model: keras.Model | None, results: Results) -> Measured:
        """Measure a row and make its clips.

        Args:
          row: the row.
          model: the model with its best weights; None for a row that is not trained.
          results: `Results` with the rows that `needs` names.
        """

    def facts(self, row: Row, model: keras.Model, trained: TrainingResult) -> dict:
        """Return {name: value} to print of a trained row."""
        del row, model
        return {"Best weights of step": trained.best_step}

    def compute(self, row: Row, results: Results) -> None:
        """Train where needed, measure a row, write its clips and its result.

        Raises:
          Interrupted: training was stopped; the same call continues.
          NonFiniteError: training diverged.
        """
        model, trained = self.train(row, results) or (None, None)
        measured = self.measure(row, model, results)
        if trained:
            measured.seconds["train"] = trained.seconds
            measured.facts |= self.facts(row, model, trained)
        clips = save_clips(results.row_dir(row.key), measured.clips, measured.sample_rate)
        result = {
            "label": row.label,
            "trained": trained is not None,
            "scores": measured.scores,
            "counts": measured.counts,
            "clips": clips,
            "sample_rate": measured.sample_rate,
            "facts": measured.facts,
            "seconds": {name: round(value, 1) for name, value in measured.seconds.items()},
            **measured.extra,
        }
        results.save(row.key, self.settings(row), result)

    def draw(self, results: Results) -> None:
        """Write figures of this table alone into the result folder; there are none by default."""
        del results

    @abc.abstractmethod
    def header(self, results: Results) -> ReportHeader:
        """Return the header of the report, from the settings and rows of a result folder."""


def save_clips(folder, clips, sample_rate: int) -> list[dict]:
    """Write the clips of a row as wav files.

    Args:
      folder: folder of the row, a `pathlib.Path`.
      clips: as in `Measured`.
      sample_rate: Hz.

    Returns:
      {file, number, label, caption} of each.
    """
    saved = []
    for number, (label, caption, clip) in enumerate(clips):
        file = f"samples/clip_{number:02d}.wav"
        (folder / "samples").mkdir(parents=True, exist_ok=True)
        if clip.dtype != np.int16:
            clip = np.clip(clip, -1, 1)
        write_wav(folder / file, clip[:, np.newaxis], sample_rate)
        saved.append({"file": file, "number": number, "label": label, "caption": caption})
    return saved
