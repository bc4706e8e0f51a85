"""Tables of papers as data: rows, presets, columns, and the experiment that computes the rows.

Nothing here imports TensorFlow, so that `--help` of a script can list the rows of its table.
"""

import dataclasses
import functools
import importlib
import pathlib
from collections.abc import Callable

from tfwave.errors import UserError
from tfwave.repro.published import Column
from tfwave.repro.rows import Row

PRESETS = ("paper", "quick", "smoke")
# Flags of a table whose rows are trained, and of one whose rows are timed.
TRAINING_FLAGS = ("data_dir", "cache_dir", "strict", "seed", "strategy", "precision", "profile")
TIMING_FLAGS = ("threads",)
TRAINING_PRESETS = (
    "paper (the published configuration, days on a GPU), quick (small models and few steps, "
    "minutes on two CPU cores, not the paper's numbers) or smoke (seconds, meaningless numbers)."
)
# Fields of every preset "smoke" of models that are trained on speech.
SMOKE = {
    "name": "smoke",
    "batch_size": 2,
    "steps": 4,
    "log_every": 1,
    "score_every": 2,
    "checkpoint_every": 2,
    "sentences": (("train", 8), ("valid", 2), ("test", 2)),
}
TIMING_PRESETS = "paper, quick (fewer runs) or smoke (tiny models, meaningless numbers)."


@dataclasses.dataclass(frozen=True)
class Options:
    """The options of one run of a table.

    Attributes:
      out_dir: result folder.
      cache_dir: folder for decoded audio, features and classifiers, which several runs share.
      preset: name of one of the table's presets.
      rows: keys of the rows to compute; empty for all.
      merge: result folders whose finished rows are copied in first.
      data_dir: folder of recordings; empty for the built-in ones.
      strict: whether to stop at the first audio file that cannot be used.
      seed: seed of all draws.
      precision: "auto", "float32" or "mixed_bfloat16".
      profile: whether a few steps of each training are traced for TensorBoard.
      threads: threads of the CPU, already configured in TensorFlow; 0 for all.
      extra: {name: value} of the flags that only one table has.
      report_progress: function of one line.
    """

    out_dir: pathlib.Path
    cache_dir: pathlib.Path
    preset: str = "quick"
    rows: tuple[str, ...] = ()
    merge: tuple[pathlib.Path, ...] = ()
    data_dir: str = ""
    strict: bool = False
    seed: int = 0
    precision: str = "float32"
    profile: bool = False
    threads: int = 0
    extra: dict = dataclasses.field(default_factory=dict)
    report_progress: Callable[[str], None] = functools.partial(print, flush=True)


@dataclasses.dataclass(frozen=True)
class Table:
    """A table, figure or list of numbers of a paper.

    Attributes:
      key: name in settings and of the result folder.
      protocol: number that is raised when numbers of the same configuration change, so that earlier
        results no longer match.
      paper: folder of the paper in `tfwave.papers`.
      title: name of the table and of the paper.
      rows: in the order of the table.
      presets: function without arguments that returns {name: preset}, of the names of PRESETS; a
        preset is a dataclass of all sizes, with a name.
      experiment: function of (table, preset, options, strategy) that returns the `Experiment`.
      columns: measured columns: ids of published tables, each of which stands for all of its
        columns, and `Column`s that no paper printed.
      listeners: ids of published tables whose columns listeners judge.
      notes: sentences on how everything was measured.
      counts: meaning of the counts under the rows' names.
      reference: key of the row of recordings, beside which clips are shown; "" without one.
      status: {row key: why this row cannot be computed}.
      flags: names of the flags that the script takes beside --out_dir, --preset, --rows, --merge.
      data: the recordings that --data_dir takes, in words.
      unseen_speakers: whether the test speakers are excluded from training.
      preset: default of --preset.
      preset_help: the presets in words.
      precisions: number formats in which the rows can be computed.
      threads: default of --threads.
      optional: packages without which a row has fewer scores; finished rows whose weights are
        still there are measured again when one of them has been installed.
      agreeing: row settings that must be the same in all rows that are merged.
      cached: whether finished rows are kept, not computed anew by each run.
      with_page: whether the report has figures and an HTML page.
    """

    key: str
    protocol: int
    paper: str
    title: str
    rows: tuple[Row, ...]
    presets: Callable[[], dict]
    experiment: Callable
    columns: tuple[str | Column, ...]
    listeners: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    counts: str = ""
    reference: str = ""
    status: dict[str, str] = dataclasses.field(default_factory=dict)
    flags: tuple[str, ...] = TRAINING_FLAGS
    data: str = "LJSpeech, VCTK, TIMIT or any folder of speech"
    unseen_speakers: bool = False
    preset: str = "quick"
    preset_help: str = TRAINING_PRESETS
    precisions: tuple[str, ...] = ("float32",)
    threads: int = 0
    optional: tuple[str, ...] = ()
    agreeing: tuple[str, ...] = ()
    cached: bool = True
    with_page: bool = True

    @property
    def computed(self) -> tuple[Row, ...]:
        """Return the rows that can be computed."""
        return tuple(row for row in self.rows if row.key not in self.status)

    def check_preset(self, name: str) -> None:
        """Raise UserError unless there is a preset of this name."""
        if name not in PRESETS:
            known = ", ".join(PRESETS)
            raise UserError(f"--preset: there is no preset {name!r}; there are {known}")


def on_demand(module: str, name: str, *arguments, **keywords) -> Callable:
    """Return a function that imports a module of a paper when it is called.

    Args:
      module: name below `tfwave.papers`, such as "wavegan.experiment".
      name: name of a function or class in it, which is called, or of a value, which is returned.
      *arguments, **keywords: further arguments of the call.
    """

    def load(*more, **other):
        value = getattr(importlib.import_module(f"tfwave.papers.{module}"), name)
        return value(*arguments, *more, **keywords, **other) if callable(value) else value

    return load
