"""The phone error rate of WaveNet (arXiv:1609.03499 section 3.4): train, recognise, report.

TIMIT is trained on 48 phones and scored on 39, as usual since Lee and Hon (1989); the paper does
not say which it took. Other corpora are scored on the phonemes they are labelled with. A held-out
silence counts like any other phoneme, as in TIMIT's 39.
"""

import dataclasses
import time

import numpy as np
import tensorflow as tf

from tfwave import files
from tfwave.data.phonemes import TIMIT_39, TIMIT_48, TIMIT_61, fold_table
from tfwave.data.utterances import WindowConfig, Windows, complete_utterances, training_slices
from tfwave.metrics.phoneme_error_rate import corpus_edits
from tfwave.models.wavenet_config import STACK, WaveNetConfig
from tfwave.models.wavenet_recognizer import RecognizerConfig, WaveNetRecognizer, decode
from tfwave.papers import published, report, runner
from tfwave.papers.rows import make_row
from tfwave.training import checkpoints
from tfwave.training.config import TrainingConfig
from tfwave.training.loop import Score, train
from tfwave.training.rows import read_curves

# Raise this when numbers of the same configuration change: results made before count as others.
PROTOCOL = 1

ROW = make_row(
    "wavenet_two_losses", "WaveNet (next-sample loss + frame classification loss)", "recognizer",
    "Raw audio; mean pooling to 10 ms, then non-causal convolutions.",
)  # fmt: skip
_SHORTEST = 3  # frames of a phone that counts as heard, 30 ms
_HELD_OUT = Score("held_out_phone_error_rate", lower_is_better=True)

NOTES = (
    "Phone error rate: insertions, deletions and substitutions by the phones spoken, over all test "
    "sentences. Each frame's most likely phone, runs under 30 ms left out, repeats merged; the "
    "paper does not say how it decodes.",
    "The weights are those with the lowest rate on the validation sentences.",
    "The paper gives the pooling and the two losses; sizes, weights of the losses and training are "
    "choices made here.",
)


@dataclasses.dataclass(frozen=True)
class Preset:
    """Sizes of everything; the paper gives the frame length only."""

    name: str = "paper"
    dilations: tuple = STACK * 3
    residual_channels: int = 64
    skip_channels: int = 256
    head_channels: int = 256
    slice_len: int = 32_000  # samples
    batch_size: int = 8  # slices
    steps: int = 60_000
    log_every: int = 20  # steps
    score_every: int = 2_000
    sentences: tuple = (("train", 3_000), ("valid", 100), ("test", 192))  # without --data_dir

    def model(self, classes):
        """Return the configuration of the model for a number of phonemes."""
        stack = WaveNetConfig(
            dilations=self.dilations, residual_channels=self.residual_channels,
            gate_channels=2 * self.residual_channels, skip_channels=self.skip_channels,
        )  # fmt: skip
        return RecognizerConfig(wavenet=stack, channels=self.head_channels, classes=classes)


PRESETS = {
    "paper": Preset(),
    "quick": Preset(
        name="quick", dilations=STACK[:7] * 2, residual_channels=32, skip_channels=64,
        head_channels=64, slice_len=8_000, batch_size=4, steps=300, log_every=5, score_every=100,
        sentences=(("train", 200), ("valid", 10), ("test", 20)),
    ),
    "smoke": Preset(
        name="smoke", dilations=(1, 2), residual_channels=4, skip_channels=8, head_channels=8,
        slice_len=1_600, batch_size=2, steps=4, log_every=1, score_every=2,
        sentences=(("train", 8), ("valid", 2), ("test", 2)),
    ),
}  # fmt: skip


class Bench:
    """What training and scoring share.

    Args:
      corpus: `SentenceCorpus` with phoneme labels.
      preset: `Preset`.
      seed: of everything.

    Raises:
      ValueError: the corpus has no phoneme labels.
    """

    def __init__(self, corpus, preset, seed):
        if not corpus.phonemes:
            raise ValueError(
                f"{corpus.name}: no phoneme labels (.PHN files as in TIMIT); without --data_dir "
                "the built-in sentences have them"
            )
        timit = corpus.phonemes == TIMIT_61
        self.trained_phones = TIMIT_48 if timit else corpus.phonemes
        self.scored_phones = TIMIT_39 if timit else corpus.phonemes
        self._to_trained = fold_table(corpus.phonemes, self.trained_phones)
        self._to_scored = fold_table(corpus.phonemes, self.scored_phones)
        self._trained_to_scored = fold_table(self.trained_phones, self.scored_phones)
        self.corpus, self.preset, self.seed = corpus, preset, seed
        self.config = preset.model(len(self.trained_phones))

    def windows(self, split):
        """The windows of a split; the stack's past before them is zero."""
        config = WindowConfig(
            slice_len=self.preset.slice_len, context=0, phoneme_frame=self.config.frame_length
        )
        return Windows(self.corpus.splits[split], config)

    def model(self):
        """A compiled model with its initial weights."""
        model = WaveNetRecognizer(self.config, self.seed)
        model.compile()
        return model

    def batches(self, start_step, shard_index, shard_count):
        """Training batches in the form that the model takes."""
        table = tf.constant(np.append(self._to_trained, -1), tf.int32)  # unlabelled stays -1
        slices = training_slices(
            self.windows("train"), self.preset.batch_size, self.seed, start_step, shard_index,
            shard_count,
        )  # fmt: skip

        def folded(batch):
            return {
                "waveform": batch["waveform"],
                "length": batch["length"],
                "phonemes": tf.gather(table, batch["phonemes"] % len(table)),
            }

        return slices.map(folded)

    def error_rate(self, model, split):
        """Recognise the sentences of a split: `Edits` of the corpus."""
        recognise = tf.function(
            lambda waveform: model(waveform), autograph=False, reduce_retracing=True
        )
        size, spoken, heard = self.config.frame_length, [], []
        for batch in complete_utterances(self.windows(split)):
            frames = int(batch["length"][0]) // size
            found = decode(recognise(batch["waveform"]), [frames], shortest=_SHORTEST)[0]
            sequence = batch["sequence"][0].numpy()
            spoken.append([p for p in self._to_scored[sequence[sequence >= 0]] if p >= 0])
            heard.append([p for p in self._trained_to_scored[found] if p >= 0])
        return corpus_edits(spoken, heard)


def reproduce(corpus, preset, out_dir, seed, strategy, say=print):
    """Train and score, unless the folder holds the result, and write the report.

    Args:
      corpus: `SentenceCorpus` with phoneme labels.
      preset: `Preset`.
      out_dir: result folder.
      seed: of everything.
      strategy: tf.distribute.Strategy.
      say: function that is given one line of progress.

    Returns:
      The `report.Report`.

    Raises:
      Interrupted: Ctrl-C or SIGTERM while training; the same command continues.
      ValueError: the corpus has no labels, or the folder holds another configuration.
      OSError: a file cannot be written.
    """
    bench = Bench(corpus, preset, seed)
    settings = {
        "table": "wavenet_timit",
        "protocol": PROTOCOL,
        "preset": dataclasses.asdict(preset),
        "seed": seed,
        "corpus": {
            "sentences": {name: len(split) for name, split in corpus.splits.items()},
            "fingerprints": {n: split.store.fingerprint for n, split in corpus.splits.items()},
            "synthetic": corpus.synthetic,
        },
        "texts": {"corpus_name": corpus.name, "corpus": corpus.description},
    }
    results = runner.open_results(out_dir, settings)
    row_settings = {"row": ROW.slug, "model": dataclasses.asdict(bench.config)}
    if results.load(ROW.slug, row_settings):
        say(f"{ROW.label}: already done, nothing to compute")
    else:
        _compute(bench, results, row_settings, strategy)
    return write_report(results)


def _compute(bench, results, row_settings, strategy):
    folder, preset = results.row_dir(ROW.slug), bench.preset
    trained = train(
        folder / "train",
        bench.model,
        bench.batches,
        TrainingConfig(
            steps=preset.steps, batch_size=preset.batch_size, seed=bench.seed, media_every=0,
            log_every=preset.log_every, score_every=preset.score_every,
            checkpoint_every=preset.score_every,
        ),
        {
            "system": ROW.system,
            **row_settings,
            "steps": preset.steps,
            "batch_size": preset.batch_size,
            "slice_len": preset.slice_len,
            "corpus": bench.corpus.splits["train"].store.fingerprint,
            "seed": bench.seed,
        },
        strategy=strategy,
        score_fn=lambda model: bench.error_rate(model, "valid").rate,
        score=_HELD_OUT,
        hparams={"row": ROW.slug, "steps": preset.steps, "seed": bench.seed},
    )  # fmt: skip
    files.write_json(folder / runner.CURVES, read_curves(folder / "train"))
    model = bench.model()
    checkpoints.restore(folder / "train", model, "best")
    begin = time.monotonic()
    edits = bench.error_rate(model, "test")
    result = {
        "label": ROW.label,
        "trained": True,
        "scores": {"per": {"mean": 100 * edits.rate, "n": edits.reference_length}},
        "counts": f"{edits.reference_length:,} phones",
        "clips": [],
        "sample_rate": bench.corpus.sample_rate,
        "facts": {
            "Insertions": edits.insertions,
            "Deletions": edits.deletions,
            "Substitutions": edits.substitutions,
            "Phones trained": len(bench.trained_phones),
            "Phones scored": len(bench.scored_phones),
            "Best weights of step": trained.best_step,
        },
        "seconds": {"train": round(trained.seconds, 1),
                    "score": round(time.monotonic() - begin, 1)},
    }  # fmt: skip
    results.save(ROW.slug, row_settings, result)


def write_report(results):
    """Write the report of a result folder; returns the `report.Report`."""
    paper = published.load_paper("wavenet")
    settings = results.settings
    preset, corpus, texts = settings["preset"], settings["corpus"], settings["texts"]
    synthetic = " (synthetic)" if corpus["synthetic"] else ""
    sentences = ", ".join(f"{count:,} {name}" for name, count in corpus["sentences"].items())
    warnings = ["The paper's rate is on TIMIT's test set. This corpus: " + texts["corpus"]]
    if preset["name"] != "paper":
        warnings.append(
            f"The {preset['name']} preset trains {len(preset['dilations'])} layers for "
            f"{preset['steps']:,} steps of {preset['batch_size'] * preset['slice_len']:,} samples."
        )
    headline = report.Headline(
        title=f"Phone error rate of \u201cWaveNet\u201d: {preset['name']} preset, "
        f"{texts['corpus_name']}{synthetic}",
        facts=(("Preset", preset["name"]), ("Corpus", texts["corpus_name"] + synthetic),
               ("Sentences", sentences), ("Seed", str(settings["seed"]))),
        warnings=tuple(warnings),
        notes=NOTES,
        about_scores="Under the name: the phones that were spoken.",
    )  # fmt: skip
    made = report.build(paper, headline, paper.tables["timit"], (), (ROW,), results, {})
    report.write(made, results)
    return made
