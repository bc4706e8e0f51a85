"""The experiments of Tables 1 and 2 of WaveNet: a WaveNet that is conditioned on mel features."""

import dataclasses

import keras
import numpy as np
import tensorflow as tf

from tfwave.audio import mulaw
from tfwave.data.features import mel_features
from tfwave.data.windows import WindowConfig, Windows
from tfwave.models.wavenet.config import WaveNetConfig
from tfwave.models.wavenet.wavenet import WaveNet
from tfwave.papers.wavenet import tables
from tfwave.papers.wavenet.presets import Preset
from tfwave.repro.experiment import SEEDS
from tfwave.repro.likelihood import LikelihoodExperiment, PairedExperiment
from tfwave.repro.results import Results
from tfwave.repro.rows import Row
from tfwave.training.loop import TrainingResult


class WaveNetExperiment(LikelihoodExperiment):
    """An experiment whose rows are WaveNets on mel bands or their envelope, and recordings."""

    column = "bits_per_sample"
    clip_seed = SEEDS["samples"]

    @property
    def config(self) -> WaveNetConfig:
        """Return the configuration of the model of every row."""
        return self.preset.model(len(self.corpus.speakers))

    def train(self, row: Row, results: Results) -> tuple[keras.Model, TrainingResult] | None:
        if row.trained:
            self.options.report_progress(f"receptive field: {self._receptive_field()}")
        return super().train(row, results)

    def open_windows(self, split: str, row: Row) -> Windows:
        recordings = self.corpus.splits[split]
        config = WindowConfig(
            slice_len=self.preset.slice_len,
            context=self.config.context_len,
            frame_padding=self.config.frame_padding,
        )
        cepstra = dict(row.changes).get("cepstra", 0)
        features = mel_features(recordings, self.preset.mel(), self.options.cache_dir, cepstra)
        return Windows(recordings, config, features)

    def _models(self):
        """Return the settings of the model and of its features."""
        return {
            "model": dataclasses.asdict(self.config),
            "mel": dataclasses.asdict(self.preset.mel()),
        }

    def settings(self, row: Row) -> dict:
        settings = {**super().settings(row), **dict(row.changes)}
        return {**settings, **self._models()} if row.trained else settings

    def description(self, row: Row) -> dict:
        return {
            **super().description(row),
            **self._models(),
            **dict(row.changes),
            "speakers": list(self.corpus.speakers) if self.config.speakers else [],
            "slice_len": self.preset.slice_len,
        }

    def model(self, row: Row) -> keras.Model:
        return WaveNet(self.config, self.options.seed)

    def facts(self, row: Row, model: keras.Model, trained: TrainingResult) -> dict:
        facts = super().facts(row, model, trained)
        return {**facts, "Receptive field": self._receptive_field()}

    def resynthesize(
        self, row: Row, model: keras.Model, batch: dict, samples: int, seed: int
    ) -> np.ndarray:
        config = self.config
        # The frames before belong to the silence in front of the recording.
        before = config.context_len // config.conditioning.hop_length
        waveform = model.generate(
            samples=samples,
            features=batch["features"][:, before:],
            seed=seed,
            speaker=batch["speaker"] if config.speakers else None,
        )
        return waveform[0, :, 0].numpy()

    def recording(self, row: Row, clip: tf.Tensor) -> tf.Tensor:
        return mulaw.decode(mulaw.encode(clip)) if row.key == "natural_8bit" else clip

    def size(self, preset: Preset) -> str:
        return (
            f"{len(preset.dilations)} layers with {preset.skip_channels} skip channels for "
            f"{preset.steps:,} steps of {preset.batch_size * preset.slice_len:,} samples"
        )

    def _receptive_field(self):
        samples = self.config.receptive_field
        return f"{samples:,} samples, {1000 * samples / self.preset.sample_rate:.0f} ms"


class PairedWaveNets(PairedExperiment, WaveNetExperiment):
    """The two WaveNets of Table 2 side by side."""

    systems = {row.key: row for row in (*tables.ROWS, tables.WAVENET_L)}
    recordings = tables.ROWS[-1]
    pair_columns = ("bits_first", "bits_second")
