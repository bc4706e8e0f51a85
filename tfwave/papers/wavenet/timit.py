"""The phone error rate of WaveNet (arXiv:1609.03499 section 3.4): train, recognise, report.

TIMIT is trained on 48 phones and scored on 39, as usual since Lee and Hon (1989); the paper does
not state its choice. Other corpora are scored on the phonemes they are labelled with; recordings
with transcripts alone are labelled by eSpeak NG and time warping (`tfwave.data.alignment`). A
held-out silence counts like any other phoneme, as in TIMIT's 39.
"""

import dataclasses
import hashlib

import keras
import numpy as np
import tensorflow as tf

from tfwave.data.alignment import label_sentences
from tfwave.data.phonemes import TIMIT_39, TIMIT_48, TIMIT_61, fold_table
from tfwave.data.windows import WindowConfig, Windows, training_batches, whole_recordings
from tfwave.errors import UserError
from tfwave.metrics.phoneme_error_rate import Edits, corpus_edits
from tfwave.models.wavenet.config import STACK, WaveNetConfig
from tfwave.models.wavenet.recognizer import WaveNetRecognizer, WaveNetRecognizerConfig, decode
from tfwave.repro.experiment import Measured
from tfwave.repro.results import Results
from tfwave.repro.rows import Row
from tfwave.repro.table import SMOKE
from tfwave.repro.trained import SpeechExperiment
from tfwave.training.loop import Score

_SHORTEST = 3  # frames of the shortest phone that counts, 30 ms


@dataclasses.dataclass(frozen=True)
class Preset:
    """Sizes of model and training; the paper gives the frame length only."""

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
    media_every: int = 0  # the recogniser generates no audio
    sample_rate: int = 16000  # Hz
    sentences: tuple = (("train", 3_000), ("valid", 100), ("test", 192))  # without --data_dir
    speakers: int = 4  # of those sentences

    def model(self, classes: int) -> WaveNetRecognizerConfig:
        """Return the configuration of the model for a number of phonemes."""
        stack = WaveNetConfig(
            dilations=self.dilations,
            residual_channels=self.residual_channels,
            gate_channels=2 * self.residual_channels,
            skip_channels=self.skip_channels,
        )
        return WaveNetRecognizerConfig(wavenet=stack, channels=self.head_channels, classes=classes)


PRESETS = {
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
        **SMOKE,
        dilations=(1, 2),
        residual_channels=4,
        skip_channels=8,
        head_channels=8,
        slice_len=1_600,
    ),
}


class TimitExperiment(SpeechExperiment):
    """An experiment with one row, trained on the phonemes of the corpus or of its transcripts.

    Attributes:
      labels: source of the phoneme labels, in words.
    """

    labels = "of the corpus"

    def prepare(self) -> dict:
        """Open the corpus and, where it has no phoneme labels, make them from its transcripts.

        Raises:
          UserError: the corpus has neither labels nor transcripts, or a split has no labelled
            recording.
          OSError: transcripts cannot be aligned, or the cache is not writable.
        """
        settings = super().prepare()
        if not self.corpus.phonemes:
            self.corpus = _aligned(self.corpus, self.options.cache_dir)
            self.labels = "eSpeak NG's reading of the transcripts, aligned by dynamic time warping"
        corpus = self.corpus
        for split, part in corpus.splits.items():
            if not any(map(len, part.phonemes or ())):
                raise UserError(f"{corpus.name}: no {split} recording has phoneme labels")
        timit = corpus.phonemes == TIMIT_61
        self._trained_phones = TIMIT_48 if timit else corpus.phonemes
        self._scored_phones = TIMIT_39 if timit else corpus.phonemes
        self._to_trained = fold_table(corpus.phonemes, self._trained_phones)
        self._to_scored = fold_table(corpus.phonemes, self._scored_phones)
        self._trained_to_scored = fold_table(self._trained_phones, self._scored_phones)
        return settings

    @property
    def config(self) -> WaveNetRecognizerConfig:
        """Return the configuration of the recogniser."""
        return self.preset.model(len(self._trained_phones))

    def model(self, row: Row) -> keras.Model:
        return WaveNetRecognizer(self.config, self.options.seed)

    def open_windows(self, split: str, row: Row) -> Windows:
        # The stack's past before a window is zero.
        config = WindowConfig(
            slice_len=self.preset.slice_len, context=0, phoneme_frame=self.config.frame_length
        )
        return Windows(self.corpus.splits[split], config)

    def batches(self, row: Row, start: int, shard: int, shards: int) -> tf.data.Dataset:
        table = tf.constant(np.append(self._to_trained, -1), tf.int32)  # unlabelled stays -1
        size, seed = self.preset.batch_size, self.options.seed
        slices = training_batches(self.windows("train", row), size, seed, start, shard, shards)
        return slices.map(
            lambda batch: {
                "waveform": batch["waveform"],
                "length": batch["length"],
                "phonemes": tf.gather(table, batch["phonemes"] % len(table)),
            }
        )

    def settings(self, row: Row) -> dict:
        model = dataclasses.asdict(self.config)
        return {**super().settings(row), "model": model, "labels": self._labels_digest()}

    def description(self, row: Row) -> dict:
        return {
            **self.settings(row),
            "seed": self.options.seed,
            "slice_len": self.preset.slice_len,
            "corpus": self.corpus.splits["train"].fingerprint,
        }

    def score(self, row: Row, model: keras.Model) -> float:
        return self.edits(row, model, "valid").rate

    def criterion(self, row: Row) -> Score:
        return Score("held_out_phone_error_rate", lower_is_better=True)

    def edits(self, row: Row, model: keras.Model, split: str) -> Edits:
        """Recognise the sentences of a split; return the edits of the corpus."""
        recognise = tf.function(
            lambda waveform: model(waveform), autograph=False, reduce_retracing=True
        )
        size, references, hypotheses = self.config.frame_length, [], []
        for batch in whole_recordings(self.windows(split, row)):
            sequence = batch["sequence"][0].numpy()
            if sequence.max() < 0:  # without labels
                continue
            frames = int(batch["length"][0]) // size
            phones = decode(recognise(batch["waveform"]), [frames], shortest=_SHORTEST)[0]
            references.append([p for p in self._to_scored[sequence[sequence >= 0]] if p >= 0])
            hypotheses.append([p for p in self._trained_to_scored[phones] if p >= 0])
        return corpus_edits(references, hypotheses)

    def _labels_digest(self):
        digest = hashlib.sha256()
        for part in self.corpus.splits.values():
            for rows in part.phonemes:
                digest.update(rows.tobytes() + b"|")
        return digest.hexdigest()[:16]

    def measure(self, row: Row, model: keras.Model | None, results: Results) -> Measured:
        measured = Measured(sample_rate=self.corpus.sample_rate)
        with measured.timed("score"):
            edits = self.edits(row, model, "test")
        measured.scores = {"per": {"mean": 100 * edits.rate, "n": edits.reference_length}}
        measured.counts = f"{edits.reference_length:,} phones"
        measured.facts = {
            "Labels": self.labels,
            "Insertions": edits.insertions,
            "Deletions": edits.deletions,
            "Substitutions": edits.substitutions,
            "Phones trained": len(self._trained_phones),
            "Phones scored": len(self._scored_phones),
        }
        return measured

    def size(self, preset: Preset) -> str:
        return (
            f"{len(preset.dilations)} layers for {preset.steps:,} steps of "
            f"{preset.batch_size * preset.slice_len:,} samples"
        )


def _aligned(corpus, cache_dir):
    if all(part.text is None for part in corpus.splits.values()):
        raise UserError(
            f"{corpus.name}: no phoneme labels (.PHN files as in TIMIT) and no transcripts "
            "(metadata.csv as in LJSpeech); without --data_dir the built-in sentences have them"
        )
    return label_sentences(corpus, cache_dir)
