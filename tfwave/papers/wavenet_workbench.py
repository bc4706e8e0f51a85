"""How one row of WaveNet's Table 1 is trained, measured and made audible."""

import dataclasses
import time

import tensorflow as tf

from tfwave.audio import mulaw
from tfwave.data.features import mel_features
from tfwave.data.utterances import (  # fmt: skip
    WindowConfig,
    Windows,
    complete_utterances,
    evaluation_slices,
    training_slices,
)
from tfwave.models.wavenet import WaveNet
from tfwave.papers import speech_table
from tfwave.training.loop import Score

_HELD_OUT = Score("held_out_bits_per_sample", lower_is_better=True)
_CLIP_SEED = 3_000_000


class Workbench:
    """What the rows of one run share.

    Args:
      corpus: `SentenceCorpus` with the splits train, valid and test.
      preset: `wavenet_rows.Preset`.
      options: `speech_table.Options`.
      strategy: tf.distribute.Strategy.
    """

    def __init__(self, corpus, preset, options, strategy):
        self.corpus = corpus
        self.preset = preset
        self.options = options
        self._strategy = strategy
        self.config = preset.model(len(corpus.speakers))
        self._windows = {}

    def windows(self, split, row):
        """The windows of a split, with the features that a row is conditioned on."""
        cepstra = dict(row.changes).get("cepstra", 0)
        if (split, cepstra) not in self._windows:
            utterances = self.corpus.splits[split]
            config = WindowConfig(
                slice_len=self.preset.slice_len,
                context=self.config.context_len,
                frame_padding=self.config.conditioning.frame_padding,
            )
            features = mel_features(
                utterances.store, self.preset.mel(), self.options.cache_dir, cepstra
            )
            self._windows[split, cepstra] = Windows(utterances, config, features)
        return self._windows[split, cepstra]

    def row_settings(self, row):
        """Return what changes the numbers of a row, beside the settings of the folder."""
        settings = {"row": row.slug, **dict(row.changes)}
        if row.trained:
            settings |= {"model": dataclasses.asdict(self.config),
                         "mel": dataclasses.asdict(self.preset.mel())}  # fmt: skip
        return settings

    def compute(self, row, results):
        """Train where needed, measure one row, write its clips and its result.

        Args:
          row: `Row`.
          results: `runner.Results`.

        Raises:
          Interrupted: training was stopped; the same call continues.
          NonFiniteError: training diverged.
        """
        folder, seconds, scores, facts = results.row_dir(row.slug), {}, {}, {}
        if row.trained:
            model, trained = self._train(row, results)
            seconds["train"] = trained.seconds
            begin = time.monotonic()
            scores["bits_per_sample"] = self.held_out(model, row, "test")
            seconds["score"] = time.monotonic() - begin
            facts = {
                "Parameters": model.network.count_params(),
                "Receptive field": self._receptive_field(),
                "Best weights of step": trained.best_step,
            }
            begin = time.monotonic()
            clips = self._generated(model, row)
            seconds["generate"] = time.monotonic() - begin
        else:
            clips = self._recorded(row)
        result = {
            "label": row.label,
            "trained": row.trained,
            "scores": scores,
            "counts": f"{scores['bits_per_sample']['n']:,} samples" if scores else "",
            "clips": speech_table.save_clips(folder, clips, self.preset.sample_rate),
            "sample_rate": self.preset.sample_rate,
            "facts": facts,
            "seconds": {name: round(value, 1) for name, value in seconds.items()},
        }
        results.save(row.slug, self.row_settings(row), result)

    def held_out(self, model, row, split, batches=None):
        """Bits per sample of the slices of a split.

        Args:
          model: `WaveNet`.
          row: `Row` that it was trained for.
          split: "valid" or "test".
          batches: how many batches, None for all.

        Returns:
          {mean, n}: over n samples.
        """
        step = tf.function(model.test_step, autograph=False, reduce_retracing=True)
        total = count = 0.0
        for batch in evaluation_slices(self.windows(split, row), self.preset.batch_size).take(
            -1 if batches is None else batches
        ):
            measured = step(batch)
            samples = float(measured["samples"])
            total += float(measured["bits_per_sample"]) * samples
            count += samples
        return {"mean": total / count, "n": int(count)}

    def _train(self, row, results):
        preset, seed = self.preset, self.options.seed

        def make():
            model = WaveNet(self.config, seed)
            model.compile()
            return model

        def batches(*shard):
            return training_slices(self.windows("train", row), preset.batch_size, seed, *shard)

        def score(model):
            return self.held_out(model, row, "valid", preset.score_batches)["mean"]

        self.options.say(f"receptive field: {self._receptive_field()}")
        facts = {
            "model": dataclasses.asdict(self.config),
            "mel": dataclasses.asdict(preset.mel()),
            **dict(row.changes),
            "speakers": list(self.corpus.speakers) if self.config.speakers else [],
            "slice_len": preset.slice_len,
            "score_batches": preset.score_batches,
            "corpus": self.corpus.splits["train"].store.fingerprint,
        }
        return speech_table.train_row(
            row, results, preset, self.options, self._strategy, make, batches, score, _HELD_OUT,
            facts,
        )  # fmt: skip

    def _receptive_field(self):
        samples = self.config.receptive_field
        return f"{samples:,} samples, {1000 * samples / self.preset.sample_rate:.0f} ms"

    def _beginnings(self, row):
        """The first seconds of held-out recordings: [(name, batch of one row, samples)]."""
        windows = self.windows("test", row)
        wanted = int(self.preset.clip_seconds * self.preset.sample_rate)
        names = self.corpus.splits["test"].store.names
        whole = complete_utterances(windows).take(self.preset.clips)
        for name, batch in zip(names, whole, strict=False):
            spoken = int(batch["length"][0]) - self.config.context_len
            yield name, batch, min(wanted, spoken)

    def _generated(self, model, row):
        """Clips spoken by the model from the features and the speaker of held-out recordings."""
        config, clips = self.config, []
        for number, (name, batch, samples) in enumerate(self._beginnings(row)):
            # The frames before belong to the silence in front of the recording.
            before = config.context_len // config.conditioning.hop_length
            made = model.generate(
                samples, features=batch["features"][:, before:], seed=_CLIP_SEED + number,
                speaker=batch["speaker"] if config.speakers else None,
            )  # fmt: skip
            clips.append((name, made[0, :, 0].numpy()))
        return clips

    def _recorded(self, row):
        """The same stretches as recorded, or companded to mu-law codes and back."""
        clips = []
        for name, batch, samples in self._beginnings(row):
            field = self.config.context_len
            clip = batch["waveform"][0, field : field + samples]
            if row.slug == "natural_8bit":
                clip = mulaw.decode(mulaw.encode(clip))
            clips.append((name, clip.numpy()))
        return clips
