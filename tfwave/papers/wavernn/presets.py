"""The presets of Table 3 of WaveRNN (arXiv:1802.08435), and the configurations of its rows.

The paper names units, sparsities and numbers of sub-tensors, sequences of 960 samples and 500,000
steps. Its WaveNet has 60 layers and "512"; the widths of gates and skips are here those of
Parallel WaveNet (arXiv:1711.10433), whose mixture of logistics gives 16-bit samples probabilities.
"""

import dataclasses
import math
from typing import Any

from tfwave.audio.mel import MelConfig
from tfwave.layers.block_sparsity import PruningConfig
from tfwave.layers.local_conditioning import LocalConditioningConfig
from tfwave.models.wavenet.config import STACK, WaveNetConfig
from tfwave.models.wavernn.config import SubscaleWaveRNNConfig, WaveRNNConfig
from tfwave.repro.rows import Row
from tfwave.repro.table import SMOKE

SAMPLE_RATE = 24000  # Hz
_SCALES = (5, 6, 8)  # of WaveNet's upsampled features; their product is the hop of 10 ms
_HOP = math.prod(_SCALES)
_STEPS = 500_000  # the paper's, to which its pruning schedule belongs
_LEVELS = 2**16


@dataclasses.dataclass(frozen=True)
class Preset:
    """Sizes of models and training; the defaults are the paper's, and our own where it has none.

    Attributes:
      name: of the preset.
      shrink: divisor of all widths of the paper.
      dilations: of WaveNet's layers.
      ahead: dilations of subscale's network that looks ahead.
      future: steps from the start of a sub-tensor to that of the next.
      sequence: samples of a training sequence.
      batch_size: training sequences.
      held_out: samples of a held-out sequence; the state before it is zero.
      held_out_size: held-out sequences of a batch.
      sentences: sizes of the splits without --data_dir.
      speakers: voices of those sentences.
      score_batches: batches of held-out sequences that choose the best weights.
      clips: to listen to, of each row.
      clip_seconds: of each.
      steps, log_every, media_every, score_every, checkpoint_every: in training steps.
    """

    name: str = "paper"
    shrink: int = 1
    dilations: tuple = STACK * 6
    ahead: tuple = (1, 1, 2, 2, 4, 4, 8, 8, 16, 16)
    future: int = 128
    n_mels: int = 80
    sequence: int = 960
    batch_size: int = 128
    held_out: int = 24_000
    held_out_size: int = 4
    steps: int = _STEPS
    log_every: int = 100
    media_every: int = 25_000
    score_every: int = 10_000
    checkpoint_every: int = 2_000
    score_batches: int = 64
    sentences: tuple = (("train", 4_000), ("valid", 100), ("test", 100))
    speakers: int = 1
    clips: int = 8
    clip_seconds: float = 5.0
    sample_rate: int = SAMPLE_RATE

    def mel(self) -> MelConfig:
        """Return the mel front end of the features."""
        return MelConfig(sample_rate=SAMPLE_RATE, hop_length=_HOP, n_mels=self.n_mels, f_max=8000.0)


PRESETS = {
    "paper": Preset(),
    "quick": Preset(
        name="quick",
        shrink=8,
        dilations=STACK[:8] * 2,
        ahead=(1, 2, 4, 8),
        future=32,
        n_mels=40,
        sequence=480,
        batch_size=8,
        held_out=4_800,
        held_out_size=32,
        steps=80,
        log_every=5,
        media_every=0,
        score_every=40,
        checkpoint_every=40,
        score_batches=2,
        sentences=(("train", 120), ("valid", 4), ("test", 4)),
        clips=4,
        clip_seconds=0.5,
    ),
    "smoke": Preset(
        **{**SMOKE, "score_every": 4},
        shrink=16,
        dilations=(1, 2),
        ahead=(1,),
        future=4,
        n_mels=16,
        sequence=240,
        held_out=480,
        held_out_size=64,
        media_every=0,
        score_batches=2,
        clips=2,
        clip_seconds=0.1,
    ),
}


# The class follows from the row, and callers read the fields of their row's: no one type fits.
def configuration(row: Row, preset: Preset = PRESETS["paper"]) -> Any:
    """Return the configuration of a row's model.

    Args:
      row: one of `tables.ROWS` with a system.
      preset: `Preset`.

    Returns:
      A WaveNetConfig, WaveRNNConfig or SubscaleWaveRNNConfig.
    """
    shrink, changes = preset.shrink, dict(row.changes)
    if row.system == "wavenet":
        return WaveNetConfig(
            dilations=preset.dilations,
            residual_channels=512 // shrink,
            gate_channels=512 // shrink,
            skip_channels=256 // shrink,
            output="logistic_mixture",
            # Half a level: a wider floor would bound the likelihood of quiet samples.
            levels=_LEVELS,
            log_scale_min=math.log(1 / _LEVELS),
            one_hot_input=False,
            conditioning=LocalConditioningConfig(channels=preset.n_mels, scales=_SCALES),
            adam_epsilon=1e-8,
            sample_rate=SAMPLE_RATE,
        )
    fields = {
        "units": changes["units"] // shrink,
        "conditioning": "features",
        "mel": preset.mel(),
        "conditioning_channels": 128 // shrink,
        "sequence": preset.sequence,
        "pruning": pruning(changes.get("sparsity"), preset.steps),
        "output_pruning": pruning(changes.get("output_sparsity"), preset.steps),
    }
    if row.system == "wavernn":
        return WaveRNNConfig(**fields)
    return SubscaleWaveRNNConfig(
        **fields,
        tensors=changes["tensors"],
        future=preset.future,
        dilations=preset.ahead,
        conv_channels=384 // shrink,
        residual_channels=768 // shrink,
    )


def pruning(
    sparsity: float | None, steps: int = _STEPS, block: str = "4x4"
) -> PruningConfig | None:
    """Return the paper's schedule, compressed into fewer steps where there are fewer."""
    if not sparsity:
        return None
    share, paper = steps / _STEPS, PruningConfig(sparsity)
    return PruningConfig(
        sparsity,
        block,
        round(share * paper.start),
        max(1, round(share * paper.steps)),
        max(1, round(share * paper.every)),
    )


def weight_count(config) -> int:
    """Count the weights that pruning leaves of a configuration, without biases and conditioning.

    Those of subscale's look-ahead network, which conditions too, are not among them.
    """
    if hasattr(config, "skip_channels"):  # a WaveNet
        residual, gate, skip = config.residual_channels, config.gate_channels, config.skip_channels
        layer = config.kernel_size * residual * gate + gate // 2 * (residual + skip)
        return (
            config.initial_kernel_size * residual
            + len(config.dilations) * layer
            + skip * (skip + config.output_channels)
        )
    recurrent = 3 * config.units**2 * _left(config.pruning)
    # c_t does not reach half of the units: 7.5 columns in place of 9.
    inputs = 15 * config.units // 2
    outputs = 2 * config.hidden * (config.units // 2 + config.bins) * _left(config.output_pruning)
    return round(recurrent + inputs + outputs)


def _left(pruned):
    return 1.0 if pruned is None else 1.0 - pruned.sparsity
