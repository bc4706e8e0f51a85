"""Experiments whose rows are trained on a corpus of recordings."""

import abc
import dataclasses
import functools

import keras
import tensorflow as tf

from tfwave import files
from tfwave.data.builtin.sentences import read_sentences
from tfwave.data.corpus import Corpus, open_corpus
from tfwave.data.layouts.recognize import SPEECH
from tfwave.data.windows import Windows, evaluation_batches, training_batches
from tfwave.repro.experiment import Experiment
from tfwave.repro.report.report import ReportHeader
from tfwave.repro.results import CURVES, Results
from tfwave.repro.rows import Row
from tfwave.repro.table import Options, Table
from tfwave.training import checkpoints
from tfwave.training.config import PROFILED, TrainingConfig
from tfwave.training.loop import Score, TrainingResult, train
from tfwave.training.rows import read_curves


@dataclasses.dataclass(frozen=True)
class Schedule:
    """The length of a row's training.

    Attributes:
      steps: updates.
      batch_size: slices or clips of one update.
      score_every: steps between the scores that choose the best weights.
    """

    steps: int
    batch_size: int
    score_every: int


class TrainedExperiment(Experiment):
    """An experiment whose rows are trained on a corpus of recordings.

    A subclass defines `model`, `batches`, `description`, `score` and `criterion`. The preset has
    `log_every`, `media_every`, `score_every` and `checkpoint_every`.

    Attributes:
      corpus: with the splits train, valid and test; from `prepare` on.
    """

    corpus: Corpus

    @abc.abstractmethod
    def model(self, row: Row) -> keras.Model:
        """Return the model of a row with its initial weights, not compiled."""

    @abc.abstractmethod
    def batches(self, row: Row, start: int, shard: int, shards: int) -> tf.data.Dataset:
        """Return the batches of a shard from step `start` on; see `training.loop.train`."""

    @abc.abstractmethod
    def description(self, row: Row) -> dict:
        """Return the settings of the weights beside steps and batch size, with "model", a dict.

        Training that was begun with another description is refused.
        """

    @abc.abstractmethod
    def score(self, row: Row, model: keras.Model) -> float:
        """Return the number that chooses the best weights, on validation data."""

    @abc.abstractmethod
    def criterion(self, row: Row) -> Score:
        """Return the name of that number, and which way is better."""

    @abc.abstractmethod
    def open_corpus(self) -> Corpus:
        """Return the corpus."""

    @abc.abstractmethod
    def size(self, preset) -> str:
        """Describe the models of a preset and the length of their training in words."""

    def warnings(self) -> tuple[str, ...]:
        """Return sentences on how the preset differs from the published sizes."""
        preset, paper = self.preset, self.table.presets()["paper"]
        if preset.name == paper.name:
            return ()
        size, published = self.size(preset), self.size(paper)
        return (f"The {preset.name} preset trains {size} (preset paper: {published}).",)

    def schedule(self, row: Row) -> Schedule:
        """Return the `Schedule` of a row."""
        del row
        preset = self.preset
        return Schedule(preset.steps, preset.batch_size, preset.score_every)

    def compiled(self, row: Row) -> keras.Model:
        """Return the model of a row, compiled for training."""
        model = self.model(row)
        model.compile()
        return model

    def folder_settings(self) -> dict:
        settings = {**super().folder_settings(), "seed": self.options.seed}
        if len(self.table.precisions) > 1:
            settings["precision"] = self.options.precision
        return settings

    def prepare(self) -> dict:
        self.corpus = corpus = self.open_corpus()
        splits = corpus.splits.items()
        return {
            "corpus": {
                "recordings": {name: len(split) for name, split in splits},
                "fingerprints": {name: split.fingerprint for name, split in splits},
                "sample_rate": corpus.sample_rate,
                "synthetic": corpus.synthetic,
            },
            "texts": {"corpus_name": corpus.name, "corpus": corpus.description},
        }

    def train(self, row: Row, results: Results) -> tuple[keras.Model, TrainingResult] | None:
        if not row.trained:
            return None
        trained = self._train(row, functools.partial(self.score, row))
        folder = results.row_dir(row.key)
        files.write_json(folder / CURVES, read_curves(folder / "train"))
        model = self.compiled(row)
        checkpoints.restore(folder / "train", model, "best")
        return model, trained

    def assist(self, row: Row) -> None:
        self._train(row, functools.partial(self.score, row))

    def _train(self, row, score):
        schedule, preset, options = self.schedule(row), self.preset, self.options
        description = self.description(row)
        sizes = {"steps": schedule.steps, "batch_size": schedule.batch_size}
        return train(
            options.out_dir / "rows" / row.key / "train",
            functools.partial(self.compiled, row),
            functools.partial(self.batches, row),
            TrainingConfig(
                **sizes,
                seed=options.seed,
                log_every=preset.log_every,
                media_every=preset.media_every,
                score_every=schedule.score_every,
                checkpoint_every=preset.checkpoint_every,
                profile_steps=PROFILED if options.profile else None,
            ),
            {"system": row.system, **sizes, **description},
            strategy=self.strategy,
            score_fn=score,
            score=self.criterion(row),
            hparams={"row": row.key, **description["model"], **sizes, "seed": options.seed},
        )

    def header(self, results: Results) -> ReportHeader:
        table, settings = self.table, results.settings
        corpus, texts, preset = settings["corpus"], settings["texts"], settings["preset"]["name"]
        name = texts["corpus_name"] + (" (synthetic)" if corpus["synthetic"] else "")
        unit = next(unit for unit in ("recordings", "clips") if unit in corpus)
        counts = ", ".join(f"{count:,} {split}" for split, count in corpus[unit].items())
        facts = [
            ("Preset", preset),
            ("Corpus", name),
            (unit.capitalize(), counts),
            ("Seed", str(settings["seed"])),
        ]
        if "precision" in settings:
            facts.append(("Precision", settings["precision"]))
        return ReportHeader(
            title=f"{table.title}: {preset} preset, {name}",
            facts=tuple(facts),
            warnings=(f"The corpus is not the paper's; it is {texts['corpus']}", *self.warnings()),
            notes=table.notes,
            reference=table.reference,
            about_scores=f"Under each name: {table.counts}.",
            about_clips="They follow the beginnings of held-out recordings, which stand above. "
            f"Spectrograms reach to {corpus.get('sample_rate', 0) / 2000:g} kHz, 80 dB.",
        )


class SpeechExperiment(TrainedExperiment):
    """An experiment whose rows are trained on windows of recorded sentences.

    A subclass defines `open_windows` in place of `batches`. The preset has sample_rate, speakers,
    sentences and score_batches.
    """

    def __init__(self, table: Table, preset, options: Options, strategy=None):
        super().__init__(table, preset, options, strategy)
        self._windows = {}

    @abc.abstractmethod
    def open_windows(self, split: str, row: Row) -> Windows:
        """Return the windows of a split in the form that a row's model takes."""

    def windows(self, split: str, row: Row) -> Windows:
        """Return `open_windows`, which opens them once."""
        if (split, row.key) not in self._windows:
            self._windows[split, row.key] = self.open_windows(split, row)
        return self._windows[split, row.key]

    def value(self, row: Row, measured: dict):
        """Return the number that chooses the best weights, of those that `test_step` returns."""
        return measured[self.criterion(row).name.removeprefix("held_out_")]

    def held_out_size(self, row: Row) -> int:
        """Return the slices of a held-out batch."""
        return self.schedule(row).batch_size

    def open_corpus(self) -> Corpus:
        options, preset, unseen = self.options, self.preset, self.table.unseen_speakers
        if options.data_dir:
            return open_corpus(
                options.data_dir,
                options.cache_dir,
                preset.sample_rate,
                strict=options.strict,
                layouts=SPEECH,
                unseen_speakers=unseen,
            )
        return read_sentences(
            options.cache_dir,
            options.seed,
            dict(preset.sentences),
            preset.speakers,
            held_out_voices=unseen,
            sample_rate=preset.sample_rate,
        )

    def batches(self, row: Row, start: int, shard: int, shards: int) -> tf.data.Dataset:
        size = self.schedule(row).batch_size
        windows = self.windows("train", row)
        return training_batches(windows, size, self.options.seed, start, shard, shards)

    def description(self, row: Row) -> dict:
        return {
            "seed": self.options.seed,
            "score_batches": self.preset.score_batches,
            "corpus": self.corpus.splits["train"].fingerprint,
        }

    def score(self, row: Row, model: keras.Model) -> float:
        return self.held_out(row, model, "valid", self.preset.score_batches)["mean"]

    def held_out(
        self, row: Row, model: keras.Model, split: str, batches: int | None = None
    ) -> dict[str, float]:
        """Compute the mean of `value` over the slices of a split.

        Args:
          row: the row that the model was trained for.
          model: with a `test_step`; a mean over samples comes with the number of "samples".
          split: "valid" or "test".
          batches: number of batches, None for all.

        Returns:
          {mean, n}: over n samples, or over n slices where `test_step` counts no samples.
        """
        step = tf.function(model.test_step, autograph=False, reduce_retracing=True)
        slices = evaluation_batches(self.windows(split, row), self.held_out_size(row))
        total = count = 0.0
        for batch in slices.take(-1 if batches is None else batches):
            measured = step(batch)
            weight = float(measured.get("samples", len(batch["waveform"])))
            total += weight * float(self.value(row, measured))
            count += weight
        return {"mean": total / count, "n": int(count)}
