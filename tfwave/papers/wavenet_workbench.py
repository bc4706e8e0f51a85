"""How one row of WaveNet's Table 1 is trained, measured and made audible."""

import dataclasses
import functools
import pathlib
import time

import numpy as np
import tensorflow as tf

from tfwave import files
from tfwave.audio import mulaw
from tfwave.audio.files import write_wav
from tfwave.data.features import mel_features
from tfwave.data.utterances import (  # fmt: skip
    WindowConfig,
    Windows,
    complete_utterances,
    evaluation_slices,
    training_slices,
)
from tfwave.models.wavenet import WaveNet
from tfwave.papers import runner
from tfwave.training import checkpoints
from tfwave.training.config import TrainingConfig
from tfwave.training.loop import Score, train
from tfwave.training.rows import read_curves

_HELD_OUT = Score("held_out_bits_per_sample", lower_is_better=True)
_CLIP_SEED = 3_000_000


@dataclasses.dataclass(frozen=True)
class Options:
    """How to run, apart from what.

    Attributes:
      out_dir: result folder.
      cache_dir: folder for decoded audio and features.
      seed: of everything.
      say: function that is given one line of progress.
    """

    out_dir: pathlib.Path
    cache_dir: pathlib.Path
    seed: int = 0
    say: object = functools.partial(print, flush=True)


class Workbench:
    """What the rows of one run share.

    Args:
      corpus: `SentenceCorpus` with the splits train, valid and test.
      preset: `wavenet_rows.Preset`.
      options: `Options`.
      strategy: tf.distribute.Strategy.
    """

    def __init__(self, corpus, preset, options, strategy):
        self.corpus = corpus
        self.preset = preset
        self.options = options
        self._strategy = strategy
        self.config = preset.model(len(corpus.speakers))
        self._windows = {}

    def windows(self, split):
        """The windows of a split, with the features of each."""
        if split not in self._windows:
            utterances = self.corpus.splits[split]
            config = WindowConfig(
                slice_len=self.preset.slice_len,
                context=self.config.context_len,
                frame_padding=self.config.conditioning.frame_padding,
            )
            features = mel_features(
                utterances.store, self.preset.mel(), self.options.cache_dir
            )
            self._windows[split] = Windows(utterances, config, features)
        return self._windows[split]

    def row_settings(self, row):
        """Return what changes the numbers of a row, beside the settings of the folder."""
        settings = {"row": row.slug}
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
            trained = self._train(row)
            files.write_json(folder / runner.CURVES, read_curves(folder / "train"))
            model = WaveNet(self.config, self.options.seed)
            checkpoints.restore(folder / "train", model, "best")
            seconds["train"] = trained.seconds
            begin = time.monotonic()
            scores["bits_per_sample"] = self.held_out(model, "test")
            seconds["score"] = time.monotonic() - begin
            facts = {
                "Parameters": model.network.count_params(),
                "Receptive field": self._receptive_field(),
                "Best weights of step": trained.best_step,
            }
            begin = time.monotonic()
            clips = self._generated(model)
            seconds["generate"] = time.monotonic() - begin
        else:
            clips = self._recorded(row.slug == "natural_8bit")
        result = {
            "label": row.label,
            "trained": row.trained,
            "scores": scores,
            "counts": f"{scores['bits_per_sample']['n']:,} samples" if scores else "",
            "clips": self._save_clips(folder, clips),
            "sample_rate": self.preset.sample_rate,
            "facts": facts,
            "seconds": {name: round(value, 1) for name, value in seconds.items()},
        }
        results.save(row.slug, self.row_settings(row), result)

    def held_out(self, model, split, batches=None):
        """Bits per sample of the slices of a split.

        Args:
          model: `WaveNet`.
          split: "valid" or "test".
          batches: how many batches, None for all.

        Returns:
          {mean, n}: over n samples.
        """
        step = tf.function(model.test_step, autograph=False, reduce_retracing=True)
        total = count = 0.0
        for batch in evaluation_slices(self.windows(split), self.preset.batch_size).take(
            -1 if batches is None else batches
        ):
            measured = step(batch)
            samples = float(measured["samples"])
            total += float(measured["bits_per_sample"]) * samples
            count += samples
        return {"mean": total / count, "n": int(count)}

    def _train(self, row):
        preset, seed = self.preset, self.options.seed

        def make():
            model = WaveNet(self.config, seed)
            model.compile()
            return model

        def batches(start_step, shard_index, shard_count):
            return training_slices(
                self.windows("train"), preset.batch_size, seed, start_step, shard_index,
                shard_count,
            )  # fmt: skip

        def score(model):
            return self.held_out(model, "valid", preset.score_batches)["mean"]

        self.options.say(f"receptive field: {self._receptive_field()}")
        return train(
            self.options.out_dir / "rows" / row.slug / "train",
            make,
            batches,
            TrainingConfig(
                steps=preset.steps,
                batch_size=preset.batch_size,
                seed=seed,
                log_every=preset.log_every,
                media_every=preset.media_every,
                score_every=preset.score_every,
                checkpoint_every=preset.checkpoint_every,
            ),
            {
                "system": row.system,
                "model": dataclasses.asdict(self.config),
                "mel": dataclasses.asdict(preset.mel()),
                "speakers": list(self.corpus.speakers) if self.config.speakers else [],
                "steps": preset.steps,
                "batch_size": preset.batch_size,
                "slice_len": preset.slice_len,
                "score_batches": preset.score_batches,
                "corpus": self.corpus.splits["train"].store.fingerprint,
                "seed": seed,
            },
            strategy=self._strategy,
            score_fn=score,
            score=_HELD_OUT,
            hparams={"row": row.slug, "steps": preset.steps, "seed": seed},
        )

    def _receptive_field(self):
        samples = self.config.receptive_field
        return f"{samples:,} samples, {1000 * samples / self.preset.sample_rate:.0f} ms"

    def _beginnings(self):
        """The first seconds of held-out recordings: [(name, batch of one row, samples)]."""
        windows = self.windows("test")
        wanted = int(self.preset.clip_seconds * self.preset.sample_rate)
        names = self.corpus.splits["test"].store.names
        whole = complete_utterances(windows).take(self.preset.clips)
        for name, batch in zip(names, whole, strict=False):
            spoken = int(batch["length"][0]) - self.config.context_len
            yield name, batch, min(wanted, spoken)

    def _generated(self, model):
        """Clips spoken by the model from the features and the speaker of held-out recordings."""
        config, clips = self.config, []
        for number, (name, batch, samples) in enumerate(self._beginnings()):
            # The frames before belong to the silence in front of the recording.
            before = config.context_len // config.conditioning.hop_length
            made = model.generate(
                samples, features=batch["features"][:, before:], seed=_CLIP_SEED + number,
                speaker=batch["speaker"] if config.speakers else None,
            )  # fmt: skip
            clips.append((name, made[0, :, 0].numpy()))
        return clips

    def _recorded(self, companded):
        """The same stretches as recorded, or companded to mu-law codes and back."""
        clips = []
        for name, batch, samples in self._beginnings():
            field = self.config.context_len
            clip = batch["waveform"][0, field : field + samples]
            clips.append((name, (mulaw.decode(mulaw.encode(clip)) if companded else clip).numpy()))
        return clips

    def _save_clips(self, folder, clips):
        saved = []
        for number, (name, clip) in enumerate(clips):
            file = f"samples/clip_{number:02d}.wav"
            (folder / "samples").mkdir(parents=True, exist_ok=True)
            write_wav(folder / file, np.clip(clip, -1, 1)[:, np.newaxis], self.preset.sample_rate)
            saved.append({"file": file, "number": number, "caption": name})
        return saved
