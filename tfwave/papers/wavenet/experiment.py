"""How one row of WaveNet's Table 1 is trained, measured and made audible."""

import dataclasses

from tfwave.audio import mulaw
from tfwave.data.features import mel_features
from tfwave.data.utterances import WindowConfig, Windows
from tfwave.models.wavenet.wavenet import WaveNet
from tfwave.repro.experiment import LikelihoodBench


class Workbench(LikelihoodBench):
    """What the rows of one run share.

    Args:
      corpus, options, strategy: as of `LikelihoodBench`.
      preset: `wavenet_rows.Preset`.
    """

    column = "bits_per_sample"
    clip_seed = 3_000_000

    def __init__(self, corpus, preset, options, strategy):
        super().__init__(corpus, preset, options, strategy)
        self.config = preset.model(len(corpus.speakers))
        self._windows = {}

    def compute(self, row, results):
        """Say how far a model sees, then as `LikelihoodBench`."""
        if row.trained:
            self.options.say(f"receptive field: {self._receptive_field()}")
        super().compute(row, results)

    def windows(self, split, row):
        """The windows of a split, with the features that a row is conditioned on."""
        cepstra = dict(row.changes).get("cepstra", 0)
        if (split, cepstra) not in self._windows:
            utterances = self.corpus.splits[split]
            config = WindowConfig(
                slice_len=self.preset.slice_len,
                context=self.config.context_len,
                frame_padding=self.config.frame_padding,
            )
            features = mel_features(
                utterances.store, self.preset.mel(), self.options.cache_dir, cepstra
            )
            self._windows[split, cepstra] = Windows(utterances, config, features)
        return self._windows[split, cepstra]

    def row_settings(self, row):
        """Return what changes the numbers of a row, beside the settings of the folder."""
        settings = {"row": row.slug, **dict(row.changes)}
        if row.trained:
            settings |= {
                "model": dataclasses.asdict(self.config),
                "mel": dataclasses.asdict(self.preset.mel()),
            }
        return settings

    def training_settings(self, row):
        """Return what a row's weights depend on, beside its training corpus and the preset."""
        return {
            "model": dataclasses.asdict(self.config),
            "mel": dataclasses.asdict(self.preset.mel()),
            **dict(row.changes),
            "speakers": list(self.corpus.speakers) if self.config.speakers else [],
            "slice_len": self.preset.slice_len,
        }

    def model(self, row):
        """A row's model with its initial weights, not compiled."""
        del row
        return WaveNet(self.config, self.options.seed)

    def model_facts(self, row, model):
        """{name: value} to print of a trained model."""
        del row, model
        return {"Receptive field": self._receptive_field()}

    def generated(self, row, model, batch, samples, seed):
        """Speak a batch of one recording again, from its features and its speaker."""
        config = self.config
        # The frames before belong to the silence in front of the recording.
        before = config.context_len // config.conditioning.hop_length
        made = model.generate(
            samples=samples,
            features=batch["features"][:, before:],
            seed=seed,
            speaker=batch["speaker"] if config.speakers else None,
        )
        return made[0, :, 0].numpy()

    def recorded(self, row, clip):
        """A recording, as it is or companded to mu-law codes and back."""
        return mulaw.decode(mulaw.encode(clip)) if row.slug == "natural_8bit" else clip

    def _receptive_field(self):
        samples = self.config.receptive_field
        return f"{samples:,} samples, {1000 * samples / self.preset.sample_rate:.0f} ms"
