"""How one row of Table 1 of "Adversarial Audio Synthesis" is trained and measured."""

import dataclasses
import functools
import pathlib
import time

import tensorflow as tf
import tqdm

from tfwave import files
from tfwave.data.pipeline import training_batches
from tfwave.models.wavegan.config import SpecGANConfig, WaveGANConfig
from tfwave.models.wavegan.specgan import SpecGAN, compute_moments
from tfwave.models.wavegan.wavegan import WaveGAN
from tfwave.papers.wavegan import clips as wavegan_clips
from tfwave.papers.wavegan import scoring
from tfwave.papers.wavegan.classifier import open_classifier
from tfwave.repro import results as runner
from tfwave.training import checkpoints
from tfwave.training.config import PROFILED, TrainingConfig
from tfwave.training.loop import train
from tfwave.training.rows import read_curves

# Latents that select the best checkpoint, and latents of the final scores: never the same ones.
_SELECTION_SEED = 1_000_000
_SCORE_SEED = 2_000_000

_SYSTEMS = {"wavegan": (WaveGAN, WaveGANConfig), "specgan": (SpecGAN, SpecGANConfig)}


@dataclasses.dataclass(frozen=True)
class Options:
    """How to run, apart from what.

    Attributes:
      out_dir: result folder.
      cache_dir: folder for classifiers and features that several runs share.
      seed: of everything.
      precision: "float32" or "mixed_bfloat16".
      griffin_lim: "authors" or "dual", the window of SpecGAN's phase reconstruction.
      classifier: path of a trained classifier, empty to train one on the corpus.
      profile: whether a few steps of each training are traced for TensorBoard.
      merge: result folders whose rows are copied in first.
      say: function that is given one line of progress.
    """

    out_dir: pathlib.Path
    cache_dir: pathlib.Path
    seed: int = 0
    precision: str = "float32"
    griffin_lim: str = "authors"
    classifier: str = ""
    profile: bool = False
    merge: tuple = ()
    say: object = functools.partial(print, flush=True)


class Workbench:
    """What the rows of one run share; expensive parts are made when a row first needs them.

    Args:
      corpus: `Corpus` with the splits train, valid and test.
      parametric_fn: function without arguments giving the `AudioStore` of the Parametric row.
      preset: `Preset`.
      options: `Options`.
      strategy: tf.distribute.Strategy.
    """

    def __init__(self, corpus, parametric_fn, preset, options, strategy):
        self.corpus = corpus
        self.preset = preset
        self.options = options
        self._parametric_fn = parametric_fn
        self._strategy = strategy

    @functools.cached_property
    def scorer(self):
        """The classifier behind the inception score."""
        scorer = open_classifier(
            self.options.classifier,
            self.options.cache_dir,
            self.corpus,
            self.preset,
            self.options.seed,
        )
        self.options.say(f"digit classifier: {scorer.about}")
        return scorer

    @functools.cached_property
    def parametric(self):
        """The recordings of the Parametric row."""
        return self._parametric_fn()

    @functools.cached_property
    def yardstick(self):
        """Everything that clips are measured against."""
        clips = scoring.recorded(self.corpus.splits["train"], self.corpus.slices)
        bar = functools.partial(
            tqdm.tqdm,
            desc="similarity features of the training set",
            total=-(-clips.count // scoring.BLOCK),
            leave=False,
            disable=None,
        )
        key = runner.key_of(
            self.corpus.splits["train"].fingerprint, dataclasses.asdict(self.corpus.slices)
        )
        # The plain WaveGAN row makes the artifacts that the noise column looks for.
        plain = WaveGANConfig(model_dim=self.preset.model_dim)
        return scoring.Yardstick(
            logits=scoring.logits_function(self.scorer.classifier),
            train_features=scoring.train_features(clips, key, self.options.cache_dir, bar),
            envelope=scoring.envelope(
                plain, self.preset.envelope_networks, self.options.seed, self.options.cache_dir
            ),
            splits=self.preset.inception_splits,
            distance_clips=self.preset.distance_clips,
        )

    @functools.cached_property
    def moments(self):
        """Mean and standard deviation per bin of SpecGAN's representation."""
        clips = scoring.recorded(self.corpus.splits["train"], self.corpus.slices)
        return compute_moments(
            block[:, :, None].astype("float32") / 32768.0 for block in clips.blocks()
        )

    def config(self, row):
        """Return the model configuration of a trained row."""
        common = {
            "slice_len": self.corpus.slices.slice_len,
            "model_dim": self.preset.model_dim,
            "critic_updates": self.preset.critic_updates,
            "sample_rate": self.corpus.sample_rate,
            "precision": self.options.precision,
        }
        if row.system == "specgan":
            common["griffin_lim_window"] = self.options.griffin_lim
        return _SYSTEMS[row.system][1](**common, **dict(row.changes))

    def seeds(self):
        """Return the seed of every kind of draw."""
        seed = self.options.seed
        return {
            "training": seed,
            "selection_latents": seed + _SELECTION_SEED,
            "score_latents": seed + _SCORE_SEED,
            "artifact_envelope": seed,
        }

    def row_settings(self, row):
        """Return what changes the numbers of a row, beside the settings of the folder."""
        settings = {"row": row.slug, "classifier": self.scorer.fingerprint}
        if row.trained:
            # Precision belongs to the machine; it stands in the folder's settings.
            model = dataclasses.asdict(self.config(row))
            model.pop("precision")
            settings |= {"model": model, "seeds": self.seeds()}
        if row.slug == "parametric":
            settings["recordings"] = self.parametric.fingerprint
        return settings

    def compute(self, row, results):
        """Train, sample and score one row and write its result.

        Args:
          row: `Row`.
          results: `runner.Results`; it holds the real test set, unless that is `row`.

        Raises:
          Interrupted: training was stopped; the same call continues.
          NonFiniteError: training diverged.
        """
        seconds, facts = {}, {}
        if row.trained:
            model, trained = self._trained_model(row, results)
            clips = scoring.generated(
                model, self.preset.inception_clips, self.seeds()["score_latents"]
            )
            seconds["train"] = trained.seconds
            facts = self._training_facts(model, trained)
        else:
            clips = scoring.recorded(self._recordings(row), self.corpus.slices)
        begin = time.monotonic()
        measured, details = scoring.score(clips, self.yardstick, self.preset.listening_clips)
        seconds["score"] = time.monotonic() - begin
        reference = measured
        if row.slug != "real_test":
            reference = results.load("real_test")["scores"]
        folder, rate = results.row_dir(row.slug), self.corpus.sample_rate
        result = {
            "label": row.label,
            "trained": row.trained,
            "scores": scoring.relative(measured, reference),
            "clips": wavegan_clips.save_clips(folder, details, self.corpus.classes, rate),
            "sample_rate": rate,
            "seeds": self.seeds(),
            "precision": self.options.precision,
            "classifier": self.scorer.as_json(),
            "facts": {**facts, **_clip_facts(details)},
            "share_of_classes": [round(float(s), 6) for s in details["share_of_classes"]],
            "seconds": {name: round(value, 1) for name, value in seconds.items()},
        }
        if row.slug == "real_test":
            result["examples"] = wavegan_clips.save_examples(
                folder, clips, self.corpus.classes, rate
            )
        results.save(row.slug, self.row_settings(row), result)

    def help_training(self, row):
        """Take part in the training of a row as a worker that writes nothing."""
        self._train(row, lambda model: self._selection(model, None), None)

    def _recordings(self, row):
        splits = {"real_train": "train", "real_test": "test"}
        if row.slug in splits:
            return self.corpus.splits[splits[row.slug]]
        return self.parametric

    def _trained_model(self, row, results):
        """Train a row; return its best model, outside of any strategy, and the result."""
        logits = self.yardstick.logits
        trained = self._train(
            row, lambda model: self._selection(model, logits), self.scorer.fingerprint
        )
        folder = results.row_dir(row.slug)
        files.write_json(folder / runner.CURVES, read_curves(folder / "train"))
        model = self._model(row)
        checkpoints.restore(folder / "train", model, "best")
        return model, trained

    def _train(self, row, score_fn, classifier):
        """Train a row in its folder, or go on where it was stopped."""
        preset, seed, config = self.preset, self.options.seed, self.config(row)
        steps = preset.steps(row.system)
        return train(
            self.options.out_dir / "rows" / row.slug / "train",
            functools.partial(self._model, row, compiled=True),
            self._batches,
            TrainingConfig(
                steps=steps,
                batch_size=preset.batch_size,
                seed=seed,
                log_every=preset.log_every,
                media_every=preset.media_every,
                score_every=preset.score_every,
                checkpoint_every=preset.checkpoint_every,
                profile_steps=PROFILED if self.options.profile else None,
            ),
            {
                "row": row.slug,
                "system": row.system,
                "model": dataclasses.asdict(config),
                "steps": steps,
                "batch_size": preset.batch_size,
                "learning_rate_scale": preset.rate_scale(row),
                "seeds": self.seeds(),
                "selection_clips": preset.selection_clips,
                "corpus": self.corpus.splits["train"].fingerprint,
                "slices": dataclasses.asdict(self.corpus.slices),
                "classifier": classifier,
            },
            strategy=self._strategy,
            score_fn=score_fn,
            hparams={"row": row.slug, **dataclasses.asdict(config), "steps": steps, "seed": seed},
        )

    def _model(self, row, compiled=False):
        """Make the model of a row with its initial weights."""
        model = _SYSTEMS[row.system][0](self.config(row), self.options.seed)
        if row.system == "specgan":
            model.set_moments(*self.moments)
        if compiled:
            model.compile()
            for optimizer in (model.generator_optimizer, model.discriminator_optimizer):
                published = float(tf.convert_to_tensor(optimizer.learning_rate))
                optimizer.learning_rate = published * self.preset.rate_scale(row)
        return model

    def _batches(self, start_step, shard_index, shard_count):
        batches = training_batches(
            self.corpus.splits["train"],
            self.corpus.slices,
            self.preset.batch_size,
            self.preset.critic_updates,
            self.options.seed,
            start_step,
            shard_index,
            shard_count,
        )
        return batches.map(lambda clips: {"waveform": clips})

    def _selection(self, model, logits):
        """Score a model in training by a fixed set of latents; 0 without a classifier."""
        clips = scoring.generated(
            model, self.preset.selection_clips, self.seeds()["selection_latents"]
        )
        if logits is None:
            # Some weights are read by all workers together, so each of them generates.
            for _ in clips.blocks():
                pass
            return 0.0
        return scoring.inception_score(
            logits=scoring.classify(clips, logits), splits=self.preset.inception_splits
        )[0]

    def _training_facts(self, model, trained):
        preset = self.preset
        return {
            "Iterations": trained.step,
            "Best iteration": trained.best_step,
            f"Inception score that chose it ({preset.selection_clips:,} clips)": trained.best_score,
            "Generator parameters": model.generator.count_params(),
            "Critic parameters": model.discriminator.count_params(),
            "Batch": f"{preset.batch_size} clips, {preset.critic_updates} critic updates",
            "Precision": self.options.precision,
        }


def _clip_facts(details):
    """Return what a reader checks first: loudness, and whether classes are missing."""
    share = details["share_of_classes"]
    facts = {
        "RMS of the clips": float(details["rms"]),
        "Classes heard": f"{int((share >= 0.01).sum())} of {len(share)} (1 % of clips or more)",
    }
    if "accuracy" in details:
        facts["Classified correctly"] = f"{100 * details['accuracy']:.1f} %"
    return facts
