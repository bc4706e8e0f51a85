"""Sizes and speeds of vocoders: Table 1 of MelGAN, the text of WaveGlow's paper.

Sources: arXiv:1910.06711, arXiv:1811.00002 section 3.5. Speeds do not depend on the values of
weights, so the models have their initial ones.
"""

import dataclasses
import functools
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf

from tfwave.audio.mel import MelConfig
from tfwave.audio.mel_inversion import mel_to_waveform
from tfwave.models.melgan.config import MelGANConfig
from tfwave.models.melgan.melgan import MelGAN
from tfwave.models.waveglow.config import WaveGlowConfig
from tfwave.models.waveglow.waveglow import WaveGlow
from tfwave.models.wavenet.config import STACK
from tfwave.models.wavenet.wavenet import WaveNet
from tfwave.papers.vocoders.presets import wavenet_config
from tfwave.repro.experiment import Measured
from tfwave.repro.results import Results
from tfwave.repro.rows import Row
from tfwave.repro.speed import SpeedExperiment, spread, timed


@dataclasses.dataclass(frozen=True)
class TimedVocoder:
    """A vocoder whose speed is measured.

    Attributes:
      make: function without arguments that returns the model.
      features: function of (model, seconds) that returns random features of that length.
      generate: function of (model, features) that returns a waveform [1, samples, 1].
      parameters: function of the model that returns its trained numbers, norms folded.
    """

    make: Callable
    features: Callable
    generate: Callable
    parameters: Callable


def random_mel(config: MelConfig, seconds: float, seed: int = 0) -> tf.Tensor:
    """Draw a mel spectrogram [1, frames, n_mels] of noise, `seconds` long."""
    frames = max(int(seconds * config.sample_rate / config.hop_length), 8)
    return tf.random.stateless_normal([1, frames, config.n_mels], [seed, 0])


def folded_count(model: keras.Model) -> int:
    """Count the numbers of a model without the gains of its weight norms."""
    return sum(
        int(np.prod(v.shape))
        for v in model.trainable_variables
        if "gain" not in v.name.split("/")[-1]
    )


@dataclasses.dataclass(frozen=True)
class Preset:
    """Sizes of the measurement.

    Attributes:
      name: of the preset.
      seconds: (system, seconds of audio that are generated at a time).
      runs: counted runs.
      small: whether models are tiny, for a test run.
    """

    name: str = "paper"
    seconds: tuple = (("wavenet", 1.0), ("waveglow", 4.0), ("melgan", 10.0), ("griffin_lim", 10.0))
    runs: int = 11
    small: bool = False


PRESETS = {
    "paper": Preset(),
    "quick": Preset(
        "quick", (("wavenet", 0.1), ("waveglow", 0.7), ("melgan", 4.6), ("griffin_lim", 4.6)), 5
    ),
    "smoke": Preset(
        "smoke",
        (("wavenet", 0.05), ("waveglow", 0.1), ("melgan", 0.1), ("griffin_lim", 0.1)),
        2,
        True,
    ),
}


def timed_vocoders(small: bool, channels: int = 256) -> dict[str, TimedVocoder]:
    """Return the vocoders by system.

    Args:
      small: whether to shrink the models.
      channels: of WaveGlow.
    """
    wavenet, melgan = wavenet_config(average_decay=0.0), MelGANConfig()
    glow = WaveGlowConfig(channels=channels)
    if small:
        wavenet = dataclasses.replace(
            wavenet, dilations=STACK[:2], residual_channels=8, gate_channels=8
        )
        glow = dataclasses.replace(glow, flows=2, channels=8, layers=2)
        melgan = dataclasses.replace(melgan, channels=2, residual_blocks=1)
    hop = melgan.hop_length
    return {
        "wavenet": TimedVocoder(
            lambda: WaveNet(wavenet),
            lambda model, seconds: random_mel(melgan.mel, seconds),
            lambda model, mel: model.generate(samples=mel.shape[1] * hop - 4 * hop, features=mel),
            folded_count,
        ),
        "waveglow": TimedVocoder(
            lambda: WaveGlow(glow).fold_weight_norm(),
            lambda model, seconds: random_mel(glow.mel, seconds),
            lambda model, mel: model.generate(mel),
            folded_count,
        ),
        "melgan": TimedVocoder(
            lambda: MelGAN(melgan).fold_weight_norm(),
            lambda model, seconds: random_mel(melgan.mel, seconds),
            lambda model, mel: model.generate(mel),
            lambda model: model.generator.count_params(),
        ),
        "griffin_lim": TimedVocoder(
            lambda: melgan.mel,
            random_mel,
            lambda config, mel: mel_to_waveform(mel, config, 60),
            lambda config: 0,
        ),
    }


class VocoderSpeed(SpeedExperiment):
    """An experiment whose rows are vocoders, timed at batch size 1.

    Args:
      *arguments: of `Experiment`.
      devices: {device, such as "CPU:0": key of the column for its kHz}; devices that the machine
        lacks are left out. The column "params_m" gets the millions of parameters, where a vocoder
        has any.
    """

    def __init__(self, *arguments, devices: dict[str, str]):
        super().__init__(*arguments)
        self._devices = devices

    def measure(self, row: Row, model: keras.Model | None, results: Results) -> Measured:
        vocoder = timed_vocoders(self.preset.small, **dict(row.changes))[row.system]
        seconds, runs = dict(self.preset.seconds)[row.system], self.preset.runs
        present = {
            device.name.removeprefix("/physical_device:")
            for device in tf.config.list_physical_devices()
        }
        measured = Measured(counts=f"{runs} runs of {seconds:g} s")
        for device in present & set(self._devices):
            with tf.device(device):
                model = vocoder.make()
                features = vocoder.features(model, seconds)
                run = functools.partial(_waveform, vocoder, model, features)
                waveform, first, taken = timed(run, runs)
                measured.facts[f"First call on {device}"] = f"{first:.1f} s"
                measured.scores[self._devices[device]] = spread(waveform.size / taken / 1000)
            count = vocoder.parameters(model)
            if count:
                measured.scores["params_m"] = {"mean": count / 1e6}
                measured.facts["Parameters"] = count
        return measured


def _waveform(vocoder, model, features):
    return vocoder.generate(model, features).numpy()
