"""Experiments with models that assign likelihoods to samples, and tables of pairs of systems."""

import abc
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from tfwave.data.windows import whole_recordings
from tfwave.layers.tracking import trained_variables
from tfwave.repro.experiment import Measured
from tfwave.repro.report.page import read_clip
from tfwave.repro.results import Results
from tfwave.repro.rows import Row
from tfwave.repro.trained import SpeechExperiment
from tfwave.training.loop import Score, TrainingResult


class LikelihoodExperiment(SpeechExperiment):
    """An experiment whose rows are scored by the likelihood of held-out recordings.

    Its clips resynthesise held-out recordings. The preset also has clips and clip_seconds.

    Attributes:
      column: key of the likelihood, in `test_step` and in the table.
      clip_seed: seed of a row's first clip.
    """

    column = ""
    clip_seed = 0

    @abc.abstractmethod
    def resynthesize(
        self, row: Row, model: keras.Model, batch: dict, samples: int, seed: int
    ) -> np.ndarray:
        """Generate a recording again from its features, float32 [samples].

        Args:
          row: of the table.
          model: its model.
          batch: of `windows`, of one recording.
          samples: number of samples to generate.
          seed: of the draws.
        """

    def recording(self, row: Row, clip: tf.Tensor) -> tf.Tensor:
        """Return the output of a row without training for a recording, both float32 [time]."""
        del row
        return clip

    def counts(self, row: Row) -> dict:
        """Return the scores that the configuration of a trained row gives: {column: {mean}}."""
        del row
        return {}

    def criterion(self, row: Row) -> Score:
        return Score(f"held_out_{self.column}", lower_is_better=True)

    def facts(self, row: Row, model: keras.Model, trained: TrainingResult) -> dict:
        count = sum(variable.shape.num_elements() for variable in trained_variables(model))
        return {"Parameters": count, **super().facts(row, model, trained)}

    def measure(self, row: Row, model: keras.Model | None, results: Results) -> Measured:
        measured = Measured(sample_rate=self.preset.sample_rate)
        if model is None:
            context = self.windows("test", row).config.context
            for name, batch, samples in self._beginnings(row):
                clip = batch["waveform"][0, context : context + samples]
                measured.clips.append((name, name, self.recording(row, clip).numpy()))
            return measured
        with measured.timed("score"):
            likelihood = self.held_out(row, model, "test")
            measured.scores = {self.column: likelihood, **self.counts(row)}
            measured.counts = f"{likelihood['n']:,} samples"
        with measured.timed("generate"):
            for seed, (name, batch, samples) in enumerate(self._beginnings(row), self.clip_seed):
                clip = self.resynthesize(row, model, batch, samples, seed)
                measured.clips.append((name, name, clip))
        return measured

    def _beginnings(self, row) -> Iterator[tuple[str, dict, int]]:
        """Yield the first seconds of held-out recordings: (name, batch of one row, samples)."""
        windows = self.windows("test", row)
        most = int(self.preset.clip_seconds * self.preset.sample_rate)
        names = self.corpus.splits["test"].store.names
        recordings = whole_recordings(windows).take(self.preset.clips)
        for name, batch in zip(names, recordings, strict=False):
            length = int(batch["length"][0]) - windows.config.context
            yield name, batch, min(most, length)


class PairedExperiment(LikelihoodExperiment):
    """A table of pairs for listeners to compare; a mixin that precedes the systems' experiment.

    The systems of a pair are computed as rows of the result folder that the table does not show.

    Attributes:
      systems: {key: row} of all systems; the key of a pair is FIRST_vs_SECOND.
      recordings: the row of recordings.
      pair_columns: columns of the table for the likelihoods of first and second.
    """

    systems: dict[str, Row]
    recordings: Row
    pair_columns: tuple[str, str]

    def _pair(self, row):
        keys = row.key.split("_vs_")
        return tuple(self.systems[key] for key in keys) if len(keys) == 2 else ()

    def needs(self, row: Row) -> tuple[Row, ...]:
        pair = self._pair(row)
        return (*pair, self.recordings) if pair else ()

    def settings(self, row: Row) -> dict:
        pair = self._pair(row)
        if not pair:
            return super().settings(row)
        return {"row": row.key, "pair": [self.settings(each) for each in pair]}

    def measure(self, row: Row, model: keras.Model | None, results: Results) -> Measured:
        pair = self._pair(row)
        if not pair:
            return super().measure(row, model, results)
        systems = [results.load(each.key) for each in pair]
        clips = [
            (
                clip["label"],
                f"{system['label']}: {clip['label']}",
                read_clip(results.row_dir(system["slug"]) / clip["file"]),
            )
            for clips in zip(*(system["clips"] for system in systems), strict=True)
            for system, clip in zip(systems, clips, strict=True)
        ]
        scores = [system["scores"][self.column] for system in systems]
        return Measured(
            scores=dict(zip(self.pair_columns, scores, strict=True)),
            counts=systems[0]["counts"],
            facts={f"{s['label']}, {k}": v for s in systems for k, v in s["facts"].items()},
            clips=clips,
            sample_rate=systems[0]["sample_rate"],
        )
