"""The vocoders of the tables of MelGAN and WaveGlow at their published sizes, and smaller.

MelGAN: about 2.5 million iterations, batches of 16 (arXiv:1910.06711 section 3), of segments of
8192 samples (the authors' code). WaveGlow: 580,000 iterations, batches of 24 (arXiv:1811.00002
section 3). WaveNet: the 24 layers and ten logistics of Shen et al. (arXiv:1712.05884) in the widths
of r9y9/wavenet_vocoder, whose mu-law recipe gives the 500,000 steps of batches of 8.
"""

import dataclasses

from tfwave.audio.mel import MELGAN, MelConfig
from tfwave.layers.local_conditioning import LocalConditioningConfig
from tfwave.models.melgan.config import MelGANConfig
from tfwave.models.waveglow.config import WaveGlowConfig
from tfwave.models.wavenet.config import STACK, r9y9_config
from tfwave.repro.table import SMOKE


@dataclasses.dataclass(frozen=True)
class VocoderPreset:
    """Sizes of models, training and evaluation.

    Attributes:
      name: of the preset.
      configs: (system, model configuration) of every model.
      training: (system, steps, batch_size) of the models that are not trained like the others.
      slice_len: samples of a training slice that an autoregressive model predicts.
      mel: front end of Griffin-Lim, which also sets the sample rate of all rows.
      sentences: sizes of the splits without --data_dir.
      speakers: voices of those sentences.
      clips: to listen to, of each row.
      clip_seconds: longest clip of a recording.
      measured: number of recordings over which measures are averaged.
    """

    name: str
    configs: tuple
    steps: int
    batch_size: int
    log_every: int
    score_every: int
    checkpoint_every: int
    media_every: int
    score_batches: int
    sentences: tuple
    measured: int
    clip_seconds: float
    clips: int = 4
    speakers: int = 1
    mel: MelConfig = MELGAN
    training: tuple = ()
    slice_len: int = 10_240

    @property
    def sample_rate(self):
        """Return the sample rate in Hz."""
        return self.mel.sample_rate

    def of(self, system):
        """Return the preset with the steps and the batch size of a system."""
        for name, steps, batch_size in self.training:
            if name == system:
                return dataclasses.replace(self, steps=steps, batch_size=batch_size)
        return self


def wavenet_config(**changes):
    """Return the WaveNet of Shen et al. (2018) in the sizes of r9y9: 24.7 M parameters.

    Args:
      **changes: fields of `WaveNetConfig` that differ.
    """
    return r9y9_config(
        **{
            "dilations": STACK[:6] * 4,
            "residual_channels": 512,
            "gate_channels": 512,
            "skip_channels": 256,
            "output": "logistic_mixture",
            "one_hot_input": False,
            "conditioning": LocalConditioningConfig(channels=80, scales=(4, 4, 4, 4)),
            "sample_rate": 22050,
            **changes,
        }
    )


_PAPER = VocoderPreset(
    name="paper",
    configs=(
        ("melgan", MelGANConfig()),
        ("waveglow", WaveGlowConfig()),
        ("wavenet", wavenet_config()),
    ),
    training=(("waveglow", 580_000, 24), ("wavenet", 500_000, 8)),
    steps=2_500_000,
    batch_size=16,
    log_every=100,
    score_every=5_000,
    checkpoint_every=2_000,
    media_every=5_000,
    score_batches=64,
    sentences=(("train", 4_000), ("valid", 100), ("test", 100)),
    measured=100,
    clip_seconds=10.0,
    slice_len=10_240,
)
_MELGAN = MelGANConfig(
    channels=8, discriminator_channels=8, discriminator_max_channels=64, learning_rate=1e-3
)
# In the minutes of this preset, losses on spectra are more effective than discriminators, those on
# the loud parts of spectra most of all.
_SPECTRA_FIRST = dataclasses.replace(
    _MELGAN,
    stft_loss=100.0,
    stft_least_power=1e-5,
    stft_resolutions=((512, 128, 512), (1024, 256, 1024), (2048, 512, 2048)),
    adversarial_from=2_000,
    learning_rate=3e-3,
    beta_1=0.9,
    beta_2=0.99,
    least_gain=1.0,
)
_QUICK = dataclasses.replace(
    _PAPER,
    name="quick",
    configs=(
        ("melgan", _SPECTRA_FIRST),
        (
            "waveglow",
            WaveGlowConfig(
                flows=6, early_every=2, channels=32, layers=5, segment_len=8192, learning_rate=1e-3
            ),
        ),
        (
            "wavenet",
            wavenet_config(
                dilations=STACK[:8],
                residual_channels=32,
                gate_channels=64,
                skip_channels=64,
                average_decay=0.0,
                halve_every=0,
            ),
        ),
    ),
    training=(("waveglow", 120, 4), ("wavenet", 120, 2)),
    steps=2_200,
    batch_size=8,
    log_every=10,
    score_every=100,
    checkpoint_every=100,
    media_every=1_100,
    score_batches=8,
    sentences=(("train", 200), ("valid", 20), ("test", 20)),
    measured=8,
    clip_seconds=3.0,
    slice_len=8192,
)
_SMOKE = dataclasses.replace(
    _QUICK,
    **SMOKE,
    configs=(
        (
            "melgan",
            dataclasses.replace(
                _MELGAN,
                channels=2,
                residual_blocks=1,
                discriminators=2,
                discriminator_channels=4,
                discriminator_layers=1,
                discriminator_max_channels=16,
                segment_len=2048,
            ),
        ),
        ("waveglow", WaveGlowConfig(flows=2, channels=8, layers=2, segment_len=2048)),
        (
            "wavenet",
            wavenet_config(
                dilations=STACK[:2],
                residual_channels=8,
                gate_channels=8,
                skip_channels=8,
                average_decay=0.0,
            ),
        ),
    ),
    training=(),
    slice_len=2048,
    media_every=4,
    score_batches=2,
    measured=2,
    clip_seconds=0.5,
    clips=2,
)


# The ablation varies the paper's training, with discriminators from the start.
_ABLATION = {
    "paper": {"steps": 400_000},
    "quick": {"configs": (("melgan", _MELGAN),), "steps": 100, "media_every": 100},
}


def vocoder_presets(
    *systems: str, speakers: int = 1, ablation: bool = False
) -> dict[str, VocoderPreset]:
    """Return the presets of a table by name.

    Args:
      *systems: the vocoders that it trains.
      speakers: voices of the built-in sentences.
      ablation: whether the table is MelGAN's ablation.
    """
    presets = {}
    for preset in (_PAPER, _QUICK, _SMOKE):
        changes = _ABLATION.get(preset.name, {}) if ablation else {}
        preset = dataclasses.replace(preset, speakers=speakers, **changes)
        presets[preset.name] = dataclasses.replace(
            preset,
            configs=tuple(entry for entry in preset.configs if entry[0] in systems),
            training=tuple(entry for entry in preset.training if entry[0] in systems),
        )
    return presets
