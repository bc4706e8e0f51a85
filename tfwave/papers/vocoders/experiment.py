"""How one row of a table of vocoders is trained, measured by copy-synthesis and made audible."""

import dataclasses
import math
import time

import numpy as np

from tfwave.audio.mel import mel_spectrogram
from tfwave.data.features import mel_features
from tfwave.data.windows import Windows, evaluation_batches, training_batches
from tfwave.metrics import vocoder as measures
from tfwave.papers.vocoders.systems import TRAINED, signal_processing, vocode
from tfwave.repro import table as speech_table
from tfwave.repro.plan import counted

_CLIP_SEED = 4_000_000
_FEWEST_FRAMES = 24  # of a recording; the vocoders need up to 21, PESQ about as much


class Workbench:
    """What the rows of one run share.

    Args:
      corpus: `Corpus` with the splits train, valid and test.
      preset: has `configs` ({system: model configuration}), `mel` and what `speech_table.train_row`
        needs.
      options: `speech_table.Options`.
      strategy: tf.distribute.Strategy.
    """

    def __init__(self, corpus, preset, options, strategy):
        self.corpus, self.preset, self.options = corpus, preset, options
        self._strategy = strategy

    def config(self, row):
        """The configuration of a row's model."""
        return dataclasses.replace(dict(self.preset.configs)[row.system], **dict(row.changes))

    def front_end(self, config):
        """The front end of a model's features: the table's for a WaveNet, which names none."""
        return getattr(config, "mel", self.preset.mel)

    def windows(self, split, row):
        """The windows of a split in the form that a row's model is trained on."""
        system, config = TRAINED[row.system], self.config(row)
        recordings = self.corpus.splits[split]
        features = None
        if system.with_features:
            features = mel_features(recordings, self.front_end(config), self.options.cache_dir)
        return Windows(recordings, system.window(config, self.preset), features)

    def row_settings(self, row):
        """Return what changes the numbers of a row, beside the settings of the folder."""
        settings = {"row": row.slug, "changes": [list(change) for change in row.changes]}
        if row.trained:
            settings["model"] = dataclasses.asdict(self.config(row))
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
        seconds, facts = {}, {}
        if row.trained:
            model, trained = self._train(row, results)
            seconds["train"] = trained.seconds
            facts = {"Parameters": model.count_params(), "Best weights of step": trained.best_step}

            def copied(waveform, seed):
                mel = self.front_end(model.config)
                features = mel_spectrogram(waveform[np.newaxis], mel)
                return vocode(TRAINED[row.system], model, features, mel, seed)
        else:

            def copied(waveform, seed):
                return signal_processing(row, waveform, self.preset.mel, seed)

        begin = time.monotonic()
        clips = [(n, wave, copied(wave, _CLIP_SEED + i)) for i, n, wave in self._recordings()]
        seconds["vocode"] = time.monotonic() - begin
        rate = self.corpus.sample_rate
        spoken = sum(len(made) for _, _, made in clips)
        if not row.slug.startswith("original"):
            facts["Real-time factor"] = seconds["vocode"] * rate / spoken
        begin = time.monotonic()
        scores = self._scores(clips) if not row.slug.startswith("original") else {}
        seconds["measure"] = time.monotonic() - begin
        speech_table.save_row(
            results,
            row,
            self.row_settings(row),
            rate,
            scores,
            f"{counted(len(clips), 'recording')}, {spoken / rate:.0f} s" if scores else "",
            facts,
            seconds,
            [(name, name, made) for name, _, made in clips[: self.preset.clips]],
        )

    def held_out(self, model, row, batches=None):
        """The score that chooses the best weights, on the validation recordings."""
        name = TRAINED[row.system].score.name.removeprefix("held_out_")
        size = self.preset.of(row.system).batch_size
        slices = evaluation_batches(self.windows("valid", row), size)
        slices = slices.take(-1 if batches is None else batches)
        return speech_table.held_out_mean(model, slices, lambda measured: measured[name])[0]

    def _train(self, row, results):
        preset, seed, config = self.preset.of(row.system), self.options.seed, self.config(row)
        windows = self.windows("train", row)

        def make():
            model = TRAINED[row.system].make(config, seed)
            model.compile()
            return model

        facts = {
            "model": dataclasses.asdict(config),
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
            lambda *shard: training_batches(windows, preset.batch_size, seed, *shard),
            lambda model: self.held_out(model, row, preset.score_batches),
            TRAINED[row.system].score,
            facts,
        )

    def _recordings(self):
        """The held-out recordings that are heard: [(number, name, waveform [time])]."""
        store, preset, heard = self.corpus.splits["test"].store, self.preset, []
        most, hop = int(preset.clip_seconds * store.sample_rate), preset.mel.hop_length
        for number, length in enumerate(store.lengths):
            samples = min(int(length), most) // hop * hop
            if samples >= _FEWEST_FRAMES * hop and len(heard) < preset.measured:
                waveform = store.frames(number, 0, samples)[:, 0]
                heard.append((number, store.names[number], waveform))
        if not heard:
            raise ValueError(
                f"{self.corpus.name}: no test recording lasts {_FEWEST_FRAMES * hop} samples, as "
                "vocoders and measures need"
            )
        return heard

    def _scores(self, clips):
        """Means over the clips, with the standard error, of every measure that has a value."""
        found = {}
        for _, recorded, made in clips:
            hop = self.preset.mel.hop_length
            shorter = min(len(recorded), len(made))
            values = measures.measure(
                recorded[:shorter], np.clip(made[:shorter], -1, 1), self.corpus.sample_rate, hop
            )
            for name, value in values.items():
                found.setdefault(name, []).append(math.nan if value is None else value)
        scores = {}
        for name, values in found.items():
            valid = [value for value in values if math.isfinite(value)]
            if valid:
                error = np.std(valid, ddof=1) / math.sqrt(len(valid)) if len(valid) > 1 else None
                scores[name] = {
                    "mean": float(np.mean(valid)),
                    "n": len(valid),
                    "pm": None if error is None else float(error),
                }
        return scores
