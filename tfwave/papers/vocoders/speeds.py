"""How large vocoders are and how fast they speak: Table 1 of MelGAN, the text of WaveGlow's paper.

Sources: arXiv:1910.06711, arXiv:1811.00002 section 3.5. Speeds do not depend on what a model has
learnt, so the models have their initial weights.
"""

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from tfwave.audio.mel_inversion import mel_to_waveform
from tfwave.models.melgan.config import MelGANConfig
from tfwave.models.melgan.melgan import MelGAN
from tfwave.models.waveglow.config import WaveGlowConfig
from tfwave.models.waveglow.waveglow import WaveGlow
from tfwave.models.wavenet.config import STACK
from tfwave.models.wavenet.wavenet import WaveNet
from tfwave.papers.vocoders.presets import wavenet_config
from tfwave.repro.rows import make_row
from tfwave.repro.speed import SpeedTable, spread, timed


@dataclasses.dataclass(frozen=True)
class Speaker:
    """A vocoder whose speed is measured.

    Attributes:
      make: function without arguments that returns the model.
      features: function of (model, seconds) that returns what it is given, of random features.
      speak: function of (model, features) that returns a waveform [1, samples, 1].
      parameters: function of the model that returns its trained numbers, norms folded.
    """

    make: object
    features: object
    speak: object
    parameters: object


def random_mel(config, seconds, seed=0):
    """A mel spectrogram [1, frames, n_mels] of noise, `seconds` long, of a `MelConfig`."""
    frames = max(int(seconds * config.sample_rate / config.hop_length), 8)
    return tf.random.stateless_normal([1, frames, config.n_mels], [seed, 0])


def folded_count(model):
    """Numbers of a model without the gains of its weight norms."""
    gains = sum(
        int(np.prod(v.shape)) for v in model.trainable_variables if "gain" in v.name.split("/")[-1]
    )
    return sum(int(np.prod(v.shape)) for v in model.trainable_variables) - gains


def measure(speaker, columns, seconds, runs):
    """Measure the size and the speed of a vocoder, batch 1.

    Args:
      speaker: `Speaker`.
      columns: {device, such as "CPU:0": key of the column for its kHz}; devices that the machine
        lacks are left out. The column "params_m" gets the millions of parameters, where a vocoder
        has any.
      seconds: of audio that is asked for at a time.
      runs: counted runs, after a first one, which compiles.

    Returns:
      What `speed_table.SpeedTable.measure` does.
    """
    present = {
        device.name.removeprefix("/physical_device:")
        for device in tf.config.list_physical_devices()
    }
    scores, facts = {}, {}
    for device in present & set(columns):
        with tf.device(device):
            model = speaker.make()
            features = speaker.features(model, seconds)
            run = functools.partial(_waveform, speaker, model, features)
            made, first, taken = timed(run, runs)
            facts[f"First call on {device}"] = f"{first:.1f} s"
            scores[columns[device]] = spread(made.size / taken / 1000)
        count = speaker.parameters(model)
        if count:
            scores["params_m"] = {"mean": count / 1e6}
            facts["Parameters"] = count
    return scores, facts, f"{runs} runs of {seconds:g} s"


def _waveform(speaker, model, features):
    return speaker.speak(model, features).numpy()


@dataclasses.dataclass(frozen=True)
class Preset:
    """How much is measured.

    Attributes:
      name: of the preset.
      seconds: (system, seconds of audio that are asked for at a time).
      runs: counted runs.
      small: models of no size, to see that everything runs.
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


def speakers(small, waveglow_channels=256):
    """Return {system: `Speaker`}; `small` shrinks the models."""
    wavenet, melgan = wavenet_config(average_decay=0.0), MelGANConfig()
    glow = WaveGlowConfig(channels=waveglow_channels)
    if small:
        wavenet = dataclasses.replace(
            wavenet, dilations=STACK[:2], residual_channels=8, gate_channels=8
        )
        glow = dataclasses.replace(glow, flows=2, channels=8, layers=2)
        melgan = dataclasses.replace(melgan, channels=2, residual_blocks=1)
    hop = melgan.hop_length
    return {
        "wavenet": Speaker(
            lambda: WaveNet(wavenet),
            lambda model, seconds: random_mel(melgan.mel, seconds),
            lambda model, mel: model.generate(samples=mel.shape[1] * hop - 4 * hop, features=mel),
            folded_count,
        ),
        "waveglow": Speaker(
            lambda: WaveGlow(glow).fold_weight_norm(),
            lambda model, seconds: random_mel(glow.mel, seconds),
            lambda model, mel: model.generate(mel),
            folded_count,
        ),
        "melgan": Speaker(
            lambda: MelGAN(melgan).fold_weight_norm(),
            lambda model, seconds: random_mel(melgan.mel, seconds),
            lambda model, mel: model.generate(mel),
            lambda model: model.generator.count_params(),
        ),
        "griffin_lim": Speaker(
            lambda: melgan.mel,
            random_mel,
            lambda config, mel: mel_to_waveform(mel, config, 60),
            lambda config: 0,
        ),
    }


def _measure(columns, row, preset):
    """Measure a row on the devices of `columns`; see `speed_table.SpeedTable.measure`."""
    speaker = speakers(preset.small, **dict(row.changes))[row.system]
    return measure(speaker, columns, dict(preset.seconds)[row.system], preset.runs)


def _on_cpu_and_gpu(row, preset):
    return _measure({"CPU:0": "cpu_khz", "GPU:0": "gpu_khz"}, row, preset)


def _on_cpu(row, preset):
    return _measure({"CPU:0": "khz"}, row, preset)


_MEDIANS = (
    "Speeds are medians over runs after a first one, batch 1, float32, \u00b1 half the range "
    "between the quartiles."
)
_QUEUES = "WaveNet runs with queues in one compiled loop, which the paper's did not."
_NOT_BUILT = "not built here"

MELGAN_TABLE1 = SpeedTable(
    name="melgan_table1",
    protocol=2,
    paper="melgan",
    published="table1",
    title="Table 1 of \u201cMelGAN\u201d",
    rows=(
        make_row("wavenet", "WaveNet", "wavenet", "24 layers of r9y9/wavenet_vocoder."),
        make_row("clarinet", "ClariNet"),
        make_row("waveglow", "WaveGlow", "waveglow", "256 channels, as committed by its authors."),
        make_row("melgan", "MelGAN", "melgan", "As published, weight norm folded."),
    ),
    presets=PRESETS,
    measure=_on_cpu_and_gpu,
    notes=(
        _MEDIANS,
        "The column of GPUs is measured where TensorFlow sees one. The paper's "
        "machine: GTX 1080 Ti; one core of an i9-7920X at 2.90 GHz.",
        _QUEUES,
    ),
    status={"clarinet": _NOT_BUILT},
)
WAVEGLOW_TEXT = SpeedTable(
    name="waveglow_speed",
    protocol=2,
    paper="waveglow",
    published="speed",
    title="Speeds in the text of \u201cWaveGlow\u201d",
    rows=(
        make_row(
            "griffin_lim",
            "Griffin-Lim, 60 iterations",
            "griffin_lim",
            "The fast variant, from a mel spectrogram.",
        ),
        make_row("wavenet", "WaveNet", "wavenet", "24 layers of r9y9/wavenet_vocoder."),
        make_row(
            "waveglow",
            "WaveGlow",
            "waveglow",
            "512 channels, as in the paper.",
            waveglow_channels=512,
        ),
        make_row(
            "waveglow_256",
            "WaveGlow, 256 channels",
            "waveglow",
            "As later committed; not in the paper.",
        ),
        make_row("waveglow_bound", "WaveGlow, estimated bound on a GV100"),
        make_row("parallel_wavenet", "Parallel WaveNet, as cited"),
        make_row("wavernn_subscale", "WaveRNN fused subscale, as cited"),
        make_row("mcnn", "MCNN, as cited"),
    ),
    presets=PRESETS,
    measure=_on_cpu,
    notes=(_MEDIANS, "The paper's speeds are of a V100 GPU; these are of this CPU.", _QUEUES),
    status={
        "waveglow_bound": "an estimate of the paper",
        "parallel_wavenet": _NOT_BUILT,
        "wavernn_subscale": "see wavernn_text.py",
        "mcnn": _NOT_BUILT,
    },
)
