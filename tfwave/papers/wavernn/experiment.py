"""How one row of WaveRNN's Table 3 is trained, measured and made audible."""

import dataclasses
import math

from tfwave.data.features import mel_features
from tfwave.data.utterances import WindowConfig, Windows
from tfwave.models.wavenet.wavenet import WaveNet
from tfwave.models.wavernn.subscale import SubscaleWaveRNN
from tfwave.models.wavernn.wavernn import WaveRNN
from tfwave.papers.wavernn.rows import configuration, weight_count
from tfwave.repro.experiment import LikelihoodBench

_MODELS = {"wavenet": WaveNet, "wavernn": WaveRNN, "subscale": SubscaleWaveRNN}
_WAVENET_SLICE = 10  # training sequences in one of WaveNet, which needs its context before each


class Workbench(LikelihoodBench):
    """What the rows of one run share.

    Args:
      corpus, options, strategy: as of `LikelihoodBench`.
      preset: `wavernn_rows.Preset`.
    """

    column = "nll"
    clip_seed = 5_000_000

    def windows(self, split, row):
        """The windows of a split in the form that a row's model takes."""
        utterances, preset = self.corpus.splits[split], self.preset
        if not row.trained:
            return Windows(utterances, WindowConfig(preset.sequence))
        config = configuration(row, preset)
        length = preset.held_out
        if split == "train":
            length = preset.sequence * (_WAVENET_SLICE if row.system == "wavenet" else 1)
        window = WindowConfig(length, config.context_len, config.frame_padding)
        features = mel_features(utterances.store, preset.mel(), self.options.cache_dir)
        return Windows(utterances, window, features)

    def row_settings(self, row):
        """Return what changes the numbers of a row, beside the settings of the folder."""
        return {"row": row.slug, **(self.training_settings(row) if row.trained else {})}

    def training_settings(self, row):
        """Return what a row's weights depend on, beside its training corpus and the preset."""
        config = configuration(row, self.preset)
        return {"model": dataclasses.asdict(config), "mel": dataclasses.asdict(self.preset.mel())}

    def model(self, row):
        """A row's model with its initial weights, not compiled."""
        return _MODELS[row.system](configuration(row, self.preset), self.options.seed)

    def batch_size(self, row):
        """Slices of a batch; WaveNet's are longer, and fewer."""
        size = self.preset.batch_size
        return max(1, size // _WAVENET_SLICE) if row.system == "wavenet" else size

    def held_out_size(self, row):
        """Slices of a held-out batch, which are longer than those of training."""
        del row
        return self.preset.held_out_size

    def score_every(self, row):
        """Steps between scores; best weights are looked for among those that are pruned."""
        pruned = getattr(configuration(row, self.preset), "pruning", None)
        end = pruned.start + pruned.steps + pruned.every if pruned else 0
        return max(self.preset.score_every, end)

    def counted(self, row):
        """Millions of weights of the published configuration."""
        return {"weights_m": {"mean": weight_count(configuration(row)) / 1e6}}

    def value(self, measured):
        """Nats per sample in what a model's `test_step` returns."""
        if "nats_per_sample" in measured:
            return measured["nats_per_sample"]
        return float(measured["bits_per_sample"]) * math.log(2.0)

    def model_facts(self, row, model):
        """{name: value} to print of a trained model."""
        count = weight_count(model.config)
        facts = {"Weights but biases and conditioning": count}
        if row.system == "wavenet":
            facts["Receptive field"] = f"{model.config.receptive_field:,} samples"
        elif model.config.pruning:
            sparsity = float(model.network.cell.recurrent_mask.sparsity())
            facts["Sparsity of the gates"] = f"{100 * sparsity:.1f} %"
        return facts

    def generated(self, row, model, batch, samples, seed):
        """Speak a batch of one recording again, from its features."""
        if row.system == "wavenet":
            # The frames before belong to the silence in front of the recording.
            before = model.config.context_len // model.config.conditioning.hop_length
            made = model.generate(
                samples=samples, features=batch["features"][:, before:], seed=seed
            )
        else:
            # One shape for clips of one length, for which the loop is compiled once.
            frames = -(-samples // model.config.hop_length) + 2 * model.config.frame_padding
            features = batch["features"][:, :frames]
            made = model.generate(samples=samples, features=features, seed=seed, padded=True)
        return made[0, :, 0].numpy()
