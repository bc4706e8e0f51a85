"""How a row whose model gives samples a likelihood is trained, measured and made audible."""

import abc
import dataclasses
import time

from tfwave.data.windows import evaluation_batches, training_batches, whole_recordings
from tfwave.layers.tracking import trained_variables
from tfwave.repro import table as speech_table
from tfwave.training.loop import Score


class LikelihoodBench(abc.ABC):
    """What the rows of one run share; a subclass says what is trained, and on which windows.

    Args:
      corpus: `Corpus` with the splits train, valid and test.
      preset: has sample_rate, clips, clip_seconds, score_batches and what `speech_table.train_row`
        needs.
      options: `speech_table.Options`.
      strategy: tf.distribute.Strategy.

    Attributes:
      column: of the table, for the held-out likelihood.
      clip_seed: seed of a row's first clip.
    """

    column = ""
    clip_seed = 0

    def __init__(self, corpus, preset, options, strategy):
        self.corpus, self.preset, self.options = corpus, preset, options
        self._strategy = strategy

    @abc.abstractmethod
    def windows(self, split, row):
        """The `Windows` of a split in the form that a row's model takes."""

    @abc.abstractmethod
    def row_settings(self, row):
        """Return what changes the numbers of a row, beside the settings of the folder."""

    @abc.abstractmethod
    def training_settings(self, row):
        """Return what a row's weights depend on, beside its training corpus and the preset."""

    @abc.abstractmethod
    def model(self, row):
        """A row's model with its initial weights, not compiled."""

    @abc.abstractmethod
    def model_facts(self, row, model):
        """{name: value} to print of a trained model."""

    @abc.abstractmethod
    def generated(self, row, model, batch, samples, seed):
        """Speak a batch of one recording again: float32 [samples]."""

    def recorded(self, row, clip):
        """What a row that is not trained makes of a recording, both float32 tensors [time]."""
        del row
        return clip

    def counted(self, row):
        """Scores of a trained row that its configuration alone gives: {column: {mean}}."""
        del row
        return {}

    def value(self, measured):
        """The likelihood in what a model's `test_step` returns."""
        return measured[self.column]

    def batch_size(self, row):
        """Slices of a batch."""
        del row
        return self.preset.batch_size

    def held_out_size(self, row):
        """Slices of a held-out batch."""
        return self.batch_size(row)

    def compute(self, row, results):
        """Train where needed, measure one row, write its clips and its result.

        Args:
          row: `Row`.
          results: `runner.Results`.

        Raises:
          Interrupted: training was stopped; the same call continues.
          NonFiniteError: training diverged.
        """
        seconds, scores, facts = {}, {}, {}
        if row.trained:
            model, trained = self._train(row, results)
            seconds["train"] = trained.seconds
            begin = time.monotonic()
            scores = {self.column: self.held_out(model, row, "test"), **self.counted(row)}
            seconds["score"] = time.monotonic() - begin
            facts = {
                "Parameters": sum(v.shape.num_elements() for v in trained_variables(model)),
                **self.model_facts(row, model),
                "Best weights of step": trained.best_step,
            }
            begin = time.monotonic()
            clips = [
                (name, name, self.generated(row, model, batch, samples, self.clip_seed + number))
                for number, (name, batch, samples) in enumerate(self._beginnings(row))
            ]
            seconds["generate"] = time.monotonic() - begin
        else:
            clips = []
            for name, batch, samples in self._beginnings(row):
                first = self.windows("test", row).config.context
                clip = batch["waveform"][0, first : first + samples]
                clips.append((name, name, self.recorded(row, clip).numpy()))
        counts = f"{scores[self.column]['n']:,} samples" if scores else ""
        speech_table.save_row(
            results,
            row,
            self.row_settings(row),
            self.preset.sample_rate,
            scores,
            counts,
            facts,
            seconds,
            clips,
        )

    def held_out(self, model, row, split, batches=None):
        """Mean likelihood of the slices of a split.

        Args:
          model: with a `test_step` that returns it and the number of samples.
          row: `Row` that it was trained for.
          split: "valid" or "test".
          batches: how many batches, None for all.

        Returns:
          {mean, n}: over n samples.
        """
        slices = evaluation_batches(self.windows(split, row), self.held_out_size(row))
        slices = slices.take(-1 if batches is None else batches)
        mean, samples = speech_table.held_out_mean(model, slices, self.value)
        return {"mean": mean, "n": samples}

    def score_every(self, row):
        """Steps between the scores that choose the best weights."""
        del row
        return self.preset.score_every

    def _train(self, row, results):
        seed, size = self.options.seed, self.batch_size(row)
        preset = dataclasses.replace(
            self.preset, batch_size=size, score_every=self.score_every(row)
        )

        def make():
            model = self.model(row)
            model.compile()
            return model

        def batches(*shard):
            return training_batches(self.windows("train", row), size, seed, *shard)

        def score(model):
            return self.held_out(model, row, "valid", preset.score_batches)["mean"]

        facts = {
            **self.training_settings(row),
            "score_batches": preset.score_batches,
            "corpus": self.corpus.splits["train"].fingerprint,
        }
        return speech_table.train_row(
            row,
            results,
            preset,
            self.options,
            self._strategy,
            make,
            batches,
            score,
            Score(f"held_out_{self.column}", lower_is_better=True),
            facts,
        )

    def _beginnings(self, row):
        """The first seconds of held-out recordings: [(name, batch of one row, samples)]."""
        windows = self.windows("test", row)
        wanted = int(self.preset.clip_seconds * self.preset.sample_rate)
        names = self.corpus.splits["test"].store.names
        whole = whole_recordings(windows).take(self.preset.clips)
        for name, batch in zip(names, whole, strict=False):
            spoken = int(batch["length"][0]) - windows.config.context
            yield name, batch, min(wanted, spoken)
