"""Table 1 of MelGAN (arXiv:1910.06711): parameters and speed of mel vocoders."""

import dataclasses

import tensorflow as tf

from tfwave.models import waveglow
from tfwave.models.melgan import MelGAN, MelGANConfig, folded
from tfwave.models.waveglow import WaveGlow, WaveGlowConfig
from tfwave.models.wavenet import WaveNet
from tfwave.models.wavenet_config import STACK
from tfwave.papers import report, vocoder_speed
from tfwave.papers.rows import make_row
from tfwave.papers.vocoder_presets import wavenet_config
from tfwave.papers.vocoder_speed import Speaker, folded_count, random_mel

# Raise this when numbers of the same configuration change: results made before count as others.
PROTOCOL = 1

ROWS = (
    make_row("wavenet", "WaveNet", about="24 layers of r9y9/wavenet_vocoder."),
    make_row("clarinet", "ClariNet"),
    make_row("waveglow", "WaveGlow", about="256 channels, as committed by its authors."),
    make_row("melgan", "MelGAN", about="As published, weight norm folded."),
)
STATUS = {"clarinet": "not built here"}


@dataclasses.dataclass(frozen=True)
class Preset:
    """How much is measured."""

    name: str = "paper"
    seconds: tuple = (("wavenet", 1.0), ("waveglow", 4.0), ("melgan", 10.0))
    runs: int = 11
    small: bool = False  # models of no size, to see that everything runs


PRESETS = {
    "paper": Preset(),
    "quick": Preset("quick", (("wavenet", 0.2), ("waveglow", 0.7), ("melgan", 4.6)), 5),
    "smoke": Preset("smoke", (("wavenet", 0.05), ("waveglow", 0.1), ("melgan", 0.1)), 2, True),
}


def speakers(small):
    """{row: `Speaker`} of the rows that are measured; `small` shrinks the models."""
    wavenet, glow, melgan = wavenet_config(), WaveGlowConfig(), MelGANConfig()
    if small:
        wavenet = dataclasses.replace(
            wavenet, dilations=STACK[:2], residual_channels=8, gate_channels=8
        )
        glow = dataclasses.replace(glow, flows=2, channels=8, layers=2)
        melgan = dataclasses.replace(melgan, channels=2, residual_blocks=1)
    hop = melgan.hop_length
    return {
        "wavenet": Speaker(
            lambda: WaveNet(dataclasses.replace(wavenet, average_decay=0.0)),
            lambda model, seconds: random_mel(melgan.mel, seconds),
            lambda model, mel: model.generate(mel.shape[1] * hop - 4 * hop, features=mel),
            folded_count,
        ),
        "waveglow": Speaker(
            lambda: waveglow.folded(WaveGlow(glow)),
            lambda model, seconds: random_mel(glow.mel, seconds),
            lambda model, mel: model.generate(mel),
            folded_count,
        ),
        "melgan": Speaker(
            lambda: folded(MelGAN(melgan)),
            lambda model, seconds: random_mel(melgan.mel, seconds),
            lambda model, mel: model.generate(mel),
            lambda model: model.generator.count_params(),
        ),
    }


def reproduce(preset, out_dir, threads):
    """Measure every row that the folder does not hold yet, and write table.md and results.json.

    Args:
      preset: `Preset`.
      out_dir: result folder.
      threads: of the CPU, for the report; TensorFlow's have been set.

    Returns:
      The `report.Report`.

    Raises:
      ValueError: the folder holds another configuration.
      OSError: a file cannot be written.
    """
    settings = {"table": "melgan_table1", "protocol": PROTOCOL, "threads": threads,
                "preset": dataclasses.asdict(preset)}  # fmt: skip

    def write_report(results):
        headline = report.Headline(
            title=f"Table 1 of \u201cMelGAN\u201d: {preset.name} preset, {threads} CPU thread"
            + ("s" if threads != 1 else ""),
            warnings=() if tf.config.list_physical_devices("GPU") else (
                "This machine has no GPU; that column stays empty.",
            ),
            notes=(
                "Speeds are medians over runs after a first one, batch 1, float32, \u00b1 half the "
                "range between the quartiles. The paper's machine: GTX 1080 Ti; one core of an "
                "i9-7920X at 2.90 GHz.",
                "WaveNet runs with queues in one compiled loop, which the paper's did not.",
            ),
        )  # fmt: skip
        return vocoder_speed.write_table(results, "melgan", "table1", ROWS, headline, STATUS)

    return vocoder_speed.reproduce(
        settings, ROWS, speakers(preset.small), {"CPU:0": "cpu_khz", "GPU:0": "gpu_khz"},
        dict(preset.seconds), preset.runs, out_dir, write_report,
    )  # fmt: skip
