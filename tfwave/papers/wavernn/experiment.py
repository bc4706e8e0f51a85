"""The experiments of Tables 1 and 3 of WaveRNN: dense, sparse and subscale models, a WaveNet."""

import dataclasses
import math

import keras
import numpy as np

from tfwave.data.features import mel_features
from tfwave.data.windows import WindowConfig, Windows
from tfwave.models.wavenet.wavenet import WaveNet
from tfwave.models.wavernn.subscale import SubscaleWaveRNN
from tfwave.models.wavernn.wavernn import WaveRNN
from tfwave.papers.wavernn import tables
from tfwave.papers.wavernn.presets import Preset, configuration, weight_count
from tfwave.repro.experiment import SEEDS
from tfwave.repro.likelihood import LikelihoodExperiment, PairedExperiment
from tfwave.repro.rows import Row
from tfwave.repro.trained import Schedule
from tfwave.training.loop import TrainingResult

_MODELS = {"wavenet": WaveNet, "wavernn": WaveRNN, "subscale": SubscaleWaveRNN}
_WAVENET_SLICE = 10  # training sequences in one of WaveNet, which needs its context before each


class WaveRNNExperiment(LikelihoodExperiment):
    """An experiment whose rows are mel-conditioned models of 16-bit samples, and recordings."""

    column = "nll"
    clip_seed = SEEDS["16-bit samples"]

    def open_windows(self, split: str, row: Row) -> Windows:
        recordings, preset = self.corpus.splits[split], self.preset
        if not row.trained:
            return Windows(recordings, WindowConfig(preset.sequence))
        config = configuration(row, preset)
        length = preset.held_out
        if split == "train":
            length = preset.sequence * (_WAVENET_SLICE if row.system == "wavenet" else 1)
        window = WindowConfig(length, config.context_len, config.frame_padding)
        features = mel_features(recordings, preset.mel(), self.options.cache_dir)
        return Windows(recordings, window, features)

    def _models(self, row):
        """Return the settings of a row's model and of its features."""
        model = dataclasses.asdict(configuration(row, self.preset))
        return {"model": model, "mel": dataclasses.asdict(self.preset.mel())}

    def settings(self, row: Row) -> dict:
        return {**super().settings(row), **(self._models(row) if row.trained else {})}

    def description(self, row: Row) -> dict:
        return {**super().description(row), **self._models(row)}

    def model(self, row: Row) -> keras.Model:
        return _MODELS[row.system](configuration(row, self.preset), self.options.seed)

    def schedule(self, row: Row) -> Schedule:
        preset, size = self.preset, self.preset.batch_size
        if row.system == "wavenet":  # its slices are longer
            size = max(1, size // _WAVENET_SLICE)
        # The best weights are chosen among those after pruning.
        pruned = getattr(configuration(row, preset), "pruning", None)
        end = pruned.start + pruned.steps + pruned.every if pruned else 0
        return Schedule(preset.steps, size, max(preset.score_every, end))

    def held_out_size(self, row: Row) -> int:
        return self.preset.held_out_size

    def value(self, row: Row, measured: dict):
        """Return the nats per sample in what a model's `test_step` returns."""
        if "nats_per_sample" in measured:
            return measured["nats_per_sample"]
        return float(measured["bits_per_sample"]) * math.log(2.0)

    def counts(self, row: Row) -> dict:
        """Return the millions of weights of the published configuration."""
        return {"weights_m": {"mean": weight_count(configuration(row)) / 1e6}}

    def facts(self, row: Row, model: keras.Model, trained: TrainingResult) -> dict:
        facts = super().facts(row, model, trained)
        facts["Weights but biases and conditioning"] = weight_count(model.config)
        if row.system == "wavenet":
            facts["Receptive field"] = f"{model.config.receptive_field:,} samples"
        elif model.config.pruning:
            sparsity = float(model.network.cell.recurrent_mask.sparsity())
            facts["Sparsity of the gates"] = f"{100 * sparsity:.1f} %"
        return facts

    def resynthesize(
        self, row: Row, model: keras.Model, batch: dict, samples: int, seed: int
    ) -> np.ndarray:
        if row.system == "wavenet":
            # The frames before belong to the silence in front of the recording.
            before = model.config.context_len // model.config.conditioning.hop_length
            waveform = model.generate(
                samples=samples, features=batch["features"][:, before:], seed=seed
            )
        else:
            # One shape for clips of one length, for which the loop is compiled once.
            frames = -(-samples // model.config.hop_length) + 2 * model.config.frame_padding
            features = batch["features"][:, :frames]
            waveform = model.generate(samples=samples, features=features, seed=seed, padded=True)
        return waveform[0, :, 0].numpy()

    def size(self, preset: Preset) -> str:
        return (
            f"WaveRNN 896 with {896 // preset.shrink} units, the others as much smaller, and a "
            f"WaveNet of {len(preset.dilations)} layers, for {preset.steps:,} steps of "
            f"{preset.batch_size} sequences of {preset.sequence} samples"
        )


class PairedWaveRNNs(PairedExperiment, WaveRNNExperiment):
    """The models of Table 1 side by side."""

    systems = {row.key: row for row in tables.ROWS}
    recordings = tables.RECORDING
    pair_columns = ("nats_first", "nats_second")
