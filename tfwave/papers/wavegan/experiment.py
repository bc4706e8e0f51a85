"""The experiment of Table 1 of "Adversarial Audio Synthesis": WaveGAN, SpecGAN and recordings."""

import dataclasses
import functools

import keras
import tensorflow as tf
import tqdm

from tfwave.audio.files import require_audio
from tfwave.data import corpus as corpora
from tfwave.data.builtin import digits
from tfwave.data.corpus import Split
from tfwave.data.layouts.recognize import CLIPS
from tfwave.data.slices import SliceConfig
from tfwave.data.store import build_store
from tfwave.data.windows import WindowConfig, Windows, training_batches
from tfwave.models.legacy import system_class
from tfwave.models.wavegan.config import SpecGANConfig, WaveGANConfig
from tfwave.models.wavegan.specgan import compute_moments
from tfwave.papers.wavegan import notes, scoring
from tfwave.papers.wavegan.classifier import Scorer, open_classifier
from tfwave.papers.wavegan.clips import describe_clips, save_examples
from tfwave.papers.wavegan.presets import Preset
from tfwave.repro.experiment import SEEDS, Measured
from tfwave.repro.report.report import ReportHeader
from tfwave.repro.results import Results, key_of
from tfwave.repro.rows import Row
from tfwave.repro.trained import Schedule, TrainedExperiment
from tfwave.training.distribution import is_chief
from tfwave.training.loop import Score, TrainingResult

_TRAIN, _TEST = "real_train", "real_test"


class WaveGANExperiment(TrainedExperiment):
    """An experiment whose rows are generators of clips from latents, and recordings.

    `options.extra` may have "classifier", the path of a trained one, "parametric_dir", recordings
    of the row Parametric, and "griffin_lim", the window of SpecGAN's phase reconstruction.
    Expensive references are computed when a row first needs them.
    """

    @property
    def _griffin_lim(self):
        return self.options.extra.get("griffin_lim", "authors")

    def folder_settings(self) -> dict:
        return {**super().folder_settings(), "griffin_lim": self._griffin_lim}

    def open_corpus(self) -> corpora.Corpus:
        options, preset = self.options, self.preset
        if options.data_dir:
            return corpora.open_corpus(
                options.data_dir, options.cache_dir, strict=options.strict, layouts=CLIPS
            )
        sizes = dict(train=preset.train_clips, valid=preset.valid_clips, test=preset.test_clips)
        corpus = digits.spoken_digits(options.cache_dir, seed=options.seed, sizes=sizes)
        return dataclasses.replace(corpus, name="built-in spoken digits")

    def prepare(self) -> dict:
        self.corpus = corpus = self.open_corpus()
        return {
            "corpus": {
                "clips": {name: len(store) for name, store in corpus.splits.items()},
                "fingerprints": {name: s.fingerprint for name, s in corpus.splits.items()},
                "slices": dataclasses.asdict(self.slices),
                "synthetic": corpus.synthetic,
            },
            "texts": {"corpus_name": corpus.name, "corpus": corpus.description},
        }

    @property
    def slices(self) -> SliceConfig:
        """How recordings are cut into clips."""
        slices = self.corpus.slices
        assert slices is not None  # digits and the layouts CLIPS have them
        return slices

    def needs(self, row: Row) -> tuple[Row, ...]:
        # All ratios are relative to the real test set; the training set is the other reference.
        keys = {_TEST: (), _TRAIN: (_TEST,)}.get(row.key, (_TEST, _TRAIN))
        rows = {each.key: each for each in self.table.rows}
        return tuple(rows[key] for key in keys)

    @functools.cached_property
    def scorer(self) -> Scorer:
        """Return the classifier behind the inception score."""
        options = self.options
        path = options.extra.get("classifier", "")
        scorer = open_classifier(path, options.cache_dir, self.corpus, self.preset, options.seed)
        options.report_progress(f"digit classifier: {scorer.about}")
        return scorer

    @functools.cached_property
    def parametric(self) -> Split:
        """Return the recordings of the row Parametric."""
        options, folder = self.options, self.options.extra.get("parametric_dir", "")
        if not folder:
            count = self.preset.parametric_clips
            return digits.klatt_digits(options.cache_dir, count=count, seed=options.seed)
        paths = require_audio(folder)
        return Split(build_store(paths, options.cache_dir, strict=options.strict))

    @functools.cached_property
    def reference_scores(self) -> scoring.ReferenceScores:
        """Return the references that clips are scored against."""
        preset, cache, train = self.preset, self.options.cache_dir, self.corpus.splits["train"]
        clips = scoring.recorded(train, self.slices)
        progress = functools.partial(
            tqdm.tqdm,
            desc="similarity features of the training set",
            total=-(-clips.count // scoring.BLOCK),
            leave=False,
            disable=None,
        )
        key = key_of(train.fingerprint, dataclasses.asdict(self.slices))
        # The noise column measures the artifacts of the plain WaveGAN row.
        plain = WaveGANConfig(model_dim=preset.model_dim)
        return scoring.ReferenceScores(
            logits=scoring.logits_function(self.scorer.classifier),
            train_features=scoring.train_features(clips, key, cache, progress),
            envelope=scoring.envelope(plain, preset.envelope_networks, self.options.seed, cache),
            splits=preset.inception_splits,
            distance_clips=preset.distance_clips,
        )

    @functools.cached_property
    def moments(self) -> tuple:
        """Return mean and standard deviation per bin of SpecGAN's representation."""
        clips = scoring.recorded(self.corpus.splits["train"], self.slices)
        return compute_moments(
            block[:, :, None].astype("float32") / 32768.0 for block in clips.blocks()
        )

    def config(self, row: Row) -> WaveGANConfig | SpecGANConfig:
        """Return the model configuration of a trained row."""
        common = {
            "slice_len": self.slices.slice_len,
            "model_dim": self.preset.model_dim,
            "critic_updates": self.preset.critic_updates,
            "sample_rate": self.corpus.sample_rate,
            "precision": self.options.precision,
        }
        if row.system == "specgan":
            common["griffin_lim_window"] = self._griffin_lim
        return system_class(row.system).config_class(**common, **dict(row.changes))

    def seeds(self) -> dict[str, int]:
        """Return the seed of every kind of draw."""
        seed = self.options.seed
        return {
            "training": seed,
            "selection_latents": seed + SEEDS["selection"],
            "score_latents": seed + SEEDS["latents"],
            "artifact_envelope": seed,
        }

    def weight(self, row: Row) -> float:
        # Recordings take next to nothing.
        return self.preset.steps(row.system) if row.trained else 0

    def settings(self, row: Row) -> dict:
        settings = {**super().settings(row), "classifier": self.scorer.fingerprint}
        if row.trained:
            # Precision belongs to the machine; it stands in the folder's settings.
            model = dataclasses.asdict(self.config(row))
            model.pop("precision")
            settings |= {"model": model, "seeds": self.seeds()}
        if row.key == "parametric":
            settings["recordings"] = self.parametric.fingerprint
        return settings

    def schedule(self, row: Row) -> Schedule:
        preset = self.preset
        return Schedule(preset.steps(row.system), preset.batch_size, preset.score_every)

    def description(self, row: Row) -> dict:
        return {
            "row": row.key,
            "model": dataclasses.asdict(self.config(row)),
            "learning_rate_scale": self.preset.rate_scale(row),
            "seeds": self.seeds(),
            "selection_clips": self.preset.selection_clips,
            "corpus": self.corpus.splits["train"].fingerprint,
            "slices": dataclasses.asdict(self.slices),
            # Workers that only help to train open none.
            "classifier": self.scorer.fingerprint if is_chief(self.strategy) else None,
        }

    def model(self, row: Row) -> keras.Model:
        model = system_class(row.system)(self.config(row), self.options.seed)
        if row.system == "specgan":
            model.set_moments(*self.moments)
        return model

    def compiled(self, row: Row) -> keras.Model:
        model = super().compiled(row)
        for optimizer in (model.generator_optimizer, model.discriminator_optimizer):
            published = float(tf.convert_to_tensor(optimizer.learning_rate))
            optimizer.learning_rate = published * self.preset.rate_scale(row)
        return model

    def batches(self, row: Row, start: int, shard: int, shards: int) -> tf.data.Dataset:
        slices = self.slices
        config = WindowConfig(
            slices.slice_len,
            context=0,
            columns=("waveform",),
            updates=self.preset.critic_updates,
            channel_axis=True,
        )
        return training_batches(
            Windows(self.corpus.splits["train"], config, slices=slices),
            self.preset.batch_size,
            self.options.seed,
            start,
            shard,
            shards,
        )

    def criterion(self, row: Row) -> Score:
        return Score("inception_score")

    def _selection_clips(self, model):
        count, seed = self.preset.selection_clips, self.seeds()["selection_latents"]
        return scoring.generated(model, count, seed)

    def score(self, row: Row, model: keras.Model) -> float:
        logits = scoring.classify(self._selection_clips(model), self.reference_scores.logits)
        return scoring.inception_score(logits=logits, splits=self.preset.inception_splits)[0]

    def assist(self, row: Row) -> None:
        # Some weights are read by all workers together, so each of them generates.
        def score(model):
            for _ in self._selection_clips(model).blocks():
                pass
            return 0.0

        self._train(row, score)

    def measure(self, row: Row, model: keras.Model | None, results: Results) -> Measured:
        preset, classes, rate = self.preset, self.corpus.classes, self.corpus.sample_rate
        if model is None:
            clips = scoring.recorded(self._recordings(row), self.slices)
        else:
            seed = self.seeds()["score_latents"]
            clips = scoring.generated(model, preset.inception_clips, seed)
        measured = Measured(sample_rate=rate)
        with measured.timed("score"):
            scores, details = scoring.score(clips, self.reference_scores, preset.listening_clips)
        reference = scores if row.key == _TEST else results.load(_TEST)["scores"]
        measured.scores = scoring.relative(scores, reference)
        counts = dict.fromkeys(scores[name]["n"] for name in ("inception_score", "d_self"))
        measured.counts = f"{' and '.join(f'{n:,}' for n in counts)} clips"
        measured.clips = describe_clips(details, classes)
        measured.facts = _clip_facts(details)
        measured.extra = {
            "seeds": self.seeds(),
            "precision": self.options.precision,
            "classifier": self.scorer.as_json(),
            "share_of_classes": [round(float(s), 6) for s in details["share_of_classes"]],
        }
        if row.key == _TEST:
            folder = results.row_dir(row.key)
            measured.extra["examples"] = save_examples(folder, clips, classes, rate)
        return measured

    def _recordings(self, row):
        splits = {_TRAIN: "train", _TEST: "test"}
        return self.corpus.splits[splits[row.key]] if row.key in splits else self.parametric

    def facts(self, row: Row, model: keras.Model, trained: TrainingResult) -> dict:
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

    def size(self, preset: Preset) -> str:
        scale, resized = preset.learning_rate_scale, preset.resize_learning_rate_scale
        rate = "" if scale == resized == 1 else f" at {scale:g} times the paper's learning rate"
        if resized != scale:
            rate += f" ({resized:g} where it upsamples by interpolation)"
        return (
            f"models of size d = {preset.model_dim} for {preset.wavegan_steps:,} iterations of "
            f"{preset.batch_size} clips{rate} and scores {preset.inception_clips:,} clips"
        )

    def header(self, results: Results) -> ReportHeader:
        finished = filter(None, (results.load(row.key) for row in self.table.rows))
        classifier = next((result["classifier"] for result in finished), None)
        header = super().header(results)
        return notes.complete(header, results.settings, self.warnings(), classifier)


def _clip_facts(details):
    """Return the facts to check first: loudness, and whether classes are missing."""
    share = details["share_of_classes"]
    facts = {
        "RMS of the clips": float(details["rms"]),
        "Classes heard": f"{int((share >= 0.01).sum())} of {len(share)} (1 % of clips or more)",
    }
    if "accuracy" in details:
        facts["Classified correctly"] = f"{100 * details['accuracy']:.1f} %"
    return facts
