"""The comparison of vocoders: each is trained or called, and measured by copy-synthesis."""

import dataclasses
import math

import numpy as np

from tfwave.audio.mel import MelConfig
from tfwave.data.features import mel_features
from tfwave.data.windows import WindowConfig, Windows
from tfwave.errors import UserError
from tfwave.metrics import vocoder as measures
from tfwave.models.legacy import system_class, system_name
from tfwave.models.system import System
from tfwave.papers.vocoders.presets import VocoderPreset
from tfwave.papers.vocoders.signal_processing import resynthesize
from tfwave.repro.experiment import SEEDS, Measured
from tfwave.repro.plan import counted
from tfwave.repro.results import Results
from tfwave.repro.rows import Row
from tfwave.repro.trained import Schedule, SpeechExperiment
from tfwave.training.loop import Score, TrainingResult

_FEWEST_FRAMES = 24  # of a recording; the vocoders need up to 21, PESQ about as much
_RECORDINGS = "original"  # the row of recordings


class VocoderExperiment(SpeechExperiment):
    """An experiment whose rows turn held-out mel spectrograms back into waveforms."""

    def config(self, row: Row):
        """Return the configuration of a row's model."""
        return dataclasses.replace(dict(self.preset.configs)[row.system], **dict(row.changes))

    def front_end(self, row: Row) -> MelConfig:
        """Return the front end of a row's features, the table's for a WaveNet, which names none."""
        return getattr(self.config(row), "mel", self.preset.mel)

    def model(self, row: Row) -> System:
        config = self.config(row)
        kwargs = {} if hasattr(config, "mel") else {"mel": self.front_end(row)}
        return system_class(row.system)(config, self.options.seed, **kwargs)

    def open_windows(self, split: str, row: Row) -> Windows:
        spec, recordings = (
            self.model(row).batch_spec(self.preset.slice_len),
            self.corpus.splits[split],
        )
        features = None
        if "features" in spec.columns:
            features = mel_features(recordings, self.front_end(row), self.options.cache_dir)
        config = WindowConfig(spec.slice_len, spec.context, spec.frame_padding)
        return Windows(recordings, config, features)

    def schedule(self, row: Row) -> Schedule:
        preset = self.preset.of(row.system)
        return Schedule(preset.steps, preset.batch_size, preset.score_every)

    def criterion(self, row: Row) -> Score:
        selection = system_class(row.system).selection
        return Score(selection.held_out.name, bool(selection.lower_is_better))

    def settings(self, row: Row) -> dict:
        settings = {"row": row.key, "changes": [list(change) for change in row.changes]}
        if row.trained:
            settings["model"] = dataclasses.asdict(self.config(row))
        return settings

    def description(self, row: Row) -> dict:
        model = dataclasses.asdict(self.config(row))
        description = {**super().description(row), "model": model}
        if "mel" not in model:
            description["mel"] = dataclasses.asdict(self.front_end(row))
        return description

    def facts(self, row: Row, model: System, trained: TrainingResult) -> dict:
        return {"Parameters": model.count_params(), **super().facts(row, model, trained)}

    def size(self, preset: VocoderPreset) -> str:
        return ", ".join(
            f"{system_name(system)} for {preset.of(system).steps:,} steps of "
            f"{preset.of(system).batch_size} segments"
            for system, _ in preset.configs
        )

    def warnings(self) -> tuple[str, ...]:
        sentences = [*super().warnings()]
        if sentences:
            sentences.append("Its models are smaller than the published ones.")
        for system, config in self.preset.configs:
            if getattr(config, "stft_loss", 0):
                sentences.append(
                    f"It trains {system_name(system)} by the spectral loss of Parallel "
                    "WaveGAN (arXiv:1910.11480), at resolutions and above a floor of its own, and "
                    f"by discriminators only from step {config.adversarial_from:,} on."
                )
        return tuple(sentences)

    def measure(self, row: Row, model: System | None, results: Results) -> Measured:
        rate = self.corpus.sample_rate
        measured = Measured(sample_rate=rate)
        with measured.timed("vocode"):
            copies = [
                (name, waveform, self._copy(row, model, waveform, SEEDS["copies"] + number))
                for number, name, waveform in self._recordings()
            ]
        measured.clips = [(name, name, copy) for name, _, copy in copies[: self.preset.clips]]
        if row.key == _RECORDINGS:
            return measured
        samples = sum(len(copy) for _, _, copy in copies)
        measured.facts["Real-time factor"] = measured.seconds["vocode"] * rate / samples
        with measured.timed("measure"):
            measured.scores = self._scores(copies)
        if measured.scores:
            measured.counts = f"{counted(len(copies), 'recording')}, {samples / rate:.0f} s"
        return measured

    def _copy(self, row, model, waveform, seed):
        """Synthesise a recording [time] again."""
        if model is None:
            return resynthesize(row, waveform, self.preset.mel, seed)
        return model.copy_synthesis(waveform[np.newaxis], seed=seed)[0, :, 0].numpy()

    def _recordings(self):
        """Return the held-out recordings that are copied: [(number, name, waveform [time])]."""
        store, preset, chosen = self.corpus.splits["test"].store, self.preset, []
        most, hop = int(preset.clip_seconds * store.sample_rate), preset.mel.hop_length
        for number, length in enumerate(store.lengths):
            samples = min(int(length), most) // hop * hop
            if samples >= _FEWEST_FRAMES * hop and len(chosen) < preset.measured:
                waveform = store.frames(number, 0, samples)[:, 0]
                chosen.append((number, store.names[number], waveform))
        if not chosen:
            raise UserError(
                f"{self.corpus.name}: no test recording lasts {_FEWEST_FRAMES * hop} samples, as "
                "vocoders and measures need"
            )
        return chosen

    def _scores(self, copies):
        """Return means over copies, with the standard error, of every measure that has a value."""
        values = {}
        for _, recording, copy in copies:
            length = min(len(recording), len(copy))
            found = measures.measure(
                recording[:length],
                np.clip(copy[:length], -1, 1),
                self.corpus.sample_rate,
                self.preset.mel.hop_length,
            )
            for name, value in found.items():
                if value is not None and math.isfinite(value):
                    values.setdefault(name, []).append(value)
        return {
            name: {
                "mean": float(np.mean(found)),
                "n": len(found),
                "pm": float(np.std(found, ddof=1) / math.sqrt(len(found)))
                if len(found) > 1
                else None,
            }
            for name, found in values.items()
        }
