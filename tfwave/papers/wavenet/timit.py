"""The phone error rate of WaveNet (arXiv:1609.03499 section 3.4): train, recognise, report.

TIMIT is trained on 48 phones and scored on 39, as usual since Lee and Hon (1989); the paper does
not say which it took. Other corpora are scored on the phonemes they are labelled with; recordings
with transcripts alone are labelled by eSpeak NG and time warping (`tfwave.data.alignment`). A
held-out silence counts like any other phoneme, as in TIMIT's 39.
"""

import dataclasses
import hashlib
import time

import numpy as np
import tensorflow as tf

from tfwave.data.alignment import label_sentences
from tfwave.data.phonemes import TIMIT_39, TIMIT_48, TIMIT_61, fold_table
from tfwave.data.utterances import WindowConfig, Windows, complete_utterances, training_slices
from tfwave.metrics.phoneme_error_rate import corpus_edits
from tfwave.models.wavenet.config import STACK, WaveNetConfig
from tfwave.models.wavenet.recognizer import WaveNetRecognizer, WaveNetRecognizerConfig, decode
from tfwave.repro import table as speech_table
from tfwave.repro.rows import make_row
from tfwave.training.loop import Score

_ROW = make_row(
    "wavenet_two_losses",
    "WaveNet (next-sample loss + frame classification loss)",
    "recognizer",
    "Raw audio; mean pooling to 10 ms, then non-causal convolutions.",
)
_SHORTEST = 3  # frames of a phone that counts as heard, 30 ms
_HELD_OUT = Score("held_out_phone_error_rate", lower_is_better=True)

_NOTES = (
    "Phone error rate: insertions, deletions and substitutions by the phones spoken, over all test "
    "sentences. Each frame's most likely phone, runs under 30 ms left out, repeats merged; the "
    "paper does not say how it decodes.",
    "Recordings with transcripts but no .PHN files are labelled with the phonemes of eSpeak NG's "
    "reading of each transcript, aligned to the recording by dynamic time warping: their rate is "
    "the distance to that reading, not to what a listener heard. The row says whose labels it has.",
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
    checkpoint_every: int = 2_000
    media_every: int = 0  # nothing to hear
    sample_rate: int = 16000  # Hz
    sentences: tuple = (("train", 3_000), ("valid", 100), ("test", 192))  # without --data_dir
    speakers: int = 4  # of those sentences

    def model(self, classes):
        """Return the configuration of the model for a number of phonemes."""
        stack = WaveNetConfig(
            dilations=self.dilations,
            residual_channels=self.residual_channels,
            gate_channels=2 * self.residual_channels,
            skip_channels=self.skip_channels,
        )
        return WaveNetRecognizerConfig(wavenet=stack, channels=self.head_channels, classes=classes)


_PRESETS = {
    "paper": Preset(),
    "quick": Preset(
        name="quick",
        dilations=STACK[:7] * 2,
        residual_channels=32,
        skip_channels=64,
        head_channels=64,
        slice_len=8_000,
        batch_size=4,
        steps=200,
        log_every=5,
        score_every=100,
        checkpoint_every=100,
        sentences=(("train", 200), ("valid", 10), ("test", 20)),
    ),
    "smoke": Preset(
        name="smoke",
        dilations=(1, 2),
        residual_channels=4,
        skip_channels=8,
        head_channels=8,
        slice_len=1_600,
        batch_size=2,
        steps=4,
        log_every=1,
        score_every=2,
        checkpoint_every=2,
        sentences=(("train", 8), ("valid", 2), ("test", 2)),
    ),
}


class Workbench:
    """Trains and scores the one row.

    Args:
      corpus: `SentenceCorpus` with phoneme labels, or with texts to make them from.
      preset: `Preset`.
      options: `speech_table.Options`.
      strategy: tf.distribute.Strategy.

    Raises:
      ValueError: the corpus has neither, or a split without a labelled recording.
      OSError: transcripts can not be aligned, or the cache is not writable.
    """

    def __init__(self, corpus, preset, options, strategy):
        self.labels = "of the corpus"
        if not corpus.phonemes:
            corpus = _aligned(corpus, options.cache_dir)
            self.labels = "eSpeak NG's reading of the transcripts, aligned by dynamic time warping"
        for split, part in corpus.splits.items():
            if not any(map(len, part.segments)):
                raise ValueError(f"{corpus.name}: no {split} recording has phoneme labels")
        timit = corpus.phonemes == TIMIT_61
        self.trained_phones = TIMIT_48 if timit else corpus.phonemes
        self.scored_phones = TIMIT_39 if timit else corpus.phonemes
        self._to_trained = fold_table(corpus.phonemes, self.trained_phones)
        self._to_scored = fold_table(corpus.phonemes, self.scored_phones)
        self._trained_to_scored = fold_table(self.trained_phones, self.scored_phones)
        self.corpus, self.preset, self.options = corpus, preset, options
        self._strategy = strategy
        self.config = preset.model(len(self.trained_phones))

    def windows(self, split):
        """The windows of a split; the stack's past before them is zero."""
        config = WindowConfig(
            slice_len=self.preset.slice_len, context=0, phoneme_frame=self.config.frame_length
        )
        return Windows(self.corpus.splits[split], config)

    def model(self):
        """A compiled model with its initial weights."""
        model = WaveNetRecognizer(self.config, self.options.seed)
        model.compile()
        return model

    def batches(self, *shard):
        """Training batches in the form that the model takes."""
        table = tf.constant(np.append(self._to_trained, -1), tf.int32)  # unlabelled stays -1
        slices = training_slices(
            self.windows("train"), self.preset.batch_size, self.options.seed, *shard
        )

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
            sequence = batch["sequence"][0].numpy()
            if sequence.max() < 0:  # without labels
                continue
            frames = int(batch["length"][0]) // size
            found = decode(recognise(batch["waveform"]), [frames], shortest=_SHORTEST)[0]
            spoken.append([p for p in self._to_scored[sequence[sequence >= 0]] if p >= 0])
            heard.append([p for p in self._trained_to_scored[found] if p >= 0])
        return corpus_edits(spoken, heard)

    def row_settings(self, row):
        """Return what changes the numbers of the row, beside the settings of the folder."""
        return {"row": row.slug, "model": dataclasses.asdict(self.config), "labels": self._hash()}

    def _hash(self):
        digest = hashlib.sha256()
        for part in self.corpus.splits.values():
            for rows in part.segments:
                digest.update(rows.tobytes() + b"|")
        return digest.hexdigest()[:16]

    def compute(self, row, results):
        """Train, score the test sentences and write the result.

        Raises:
          Interrupted: training was stopped; the same call continues.
          NonFiniteError: training diverged.
        """
        facts = {
            **self.row_settings(row),
            "slice_len": self.preset.slice_len,
            "corpus": self.corpus.splits["train"].store.fingerprint,
        }
        model, trained = speech_table.train_row(
            row,
            results,
            self.preset,
            self.options,
            self._strategy,
            self.model,
            self.batches,
            lambda model: self.error_rate(model, "valid").rate,
            _HELD_OUT,
            facts,
        )
        begin = time.monotonic()
        edits = self.error_rate(model, "test")
        facts = {
            "Labels": self.labels,
            "Insertions": edits.insertions,
            "Deletions": edits.deletions,
            "Substitutions": edits.substitutions,
            "Phones trained": len(self.trained_phones),
            "Phones scored": len(self.scored_phones),
            "Best weights of step": trained.best_step,
        }
        speech_table.save_row(
            results,
            row,
            self.row_settings(row),
            self.corpus.sample_rate,
            {"per": {"mean": 100 * edits.rate, "n": edits.reference_length}},
            f"{edits.reference_length:,} phones",
            facts,
            {"train": trained.seconds, "score": time.monotonic() - begin},
        )


def _aligned(corpus, cache_dir):
    if all(part.texts is None for part in corpus.splits.values()):
        raise ValueError(
            f"{corpus.name}: no phoneme labels (.PHN files as in TIMIT) and no transcripts "
            "(metadata.csv as in LJSpeech); without --data_dir the built-in sentences have them"
        )
    return label_sentences(corpus, cache_dir)


def _warning(preset):
    if preset["name"] == "paper":
        return ()
    return (
        f"The {preset['name']} preset trains {len(preset['dilations'])} layers for "
        f"{preset['steps']:,} steps of {preset['batch_size'] * preset['slice_len']:,} samples.",
    )


TABLE = speech_table.Table(
    name="wavenet_timit",
    protocol=1,
    paper="wavenet",
    measured="timit",
    title="Phone error rate of \u201cWaveNet\u201d",
    rows=(_ROW,),
    presets=_PRESETS,
    bench=Workbench,
    warning=_warning,
    notes=_NOTES,
    counts="the phones that were spoken",
)
