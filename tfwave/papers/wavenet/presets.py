"""The presets of Tables 1 and 2 of WaveNet (arXiv:1609.03499).

The paper names no sizes, optimiser or number of steps. The preset "paper" has those of
ibab/tensorflow-wavenet. Its text-to-speech system gave the model linguistic features and log F0
that only its authors have; here mel spectrograms stand for both.
"""

import dataclasses
import math

from tfwave.audio.mel import MelConfig
from tfwave.layers.local_conditioning import LocalConditioningConfig
from tfwave.models.wavenet.config import STACK, WaveNetConfig
from tfwave.repro.table import SMOKE


@dataclasses.dataclass(frozen=True)
class Preset:
    """Sizes of models, training and evaluation; the defaults are those of ibab/tensorflow-wavenet.

    Sample rate and speech of the paper's text-to-speech systems: 16 kHz, one speaker.
    """

    name: str = "paper"
    dilations: tuple = STACK * 5
    residual_channels: int = 32
    gate_channels: int = 64
    skip_channels: int = 512
    scales: tuple = (5, 5, 8)  # of the upsampled features; their product is the hop of 12.5 ms
    n_mels: int = 80
    sample_rate: int = 16000  # Hz
    speakers: int = 1  # of the sentences without --data_dir
    slice_len: int = 100_000  # samples to predict in a slice
    batch_size: int = 1  # slices
    steps: int = 100_000
    log_every: int = 50  # steps
    media_every: int = 5_000
    score_every: int = 5_000
    checkpoint_every: int = 1_000
    score_batches: int = 64  # batches of held-out slices that choose the best weights
    sentences: tuple = (("train", 2_000), ("valid", 100), ("test", 100))  # without --data_dir
    clips: int = 8  # to listen to, of each row
    clip_seconds: float = 4.0

    def mel(self) -> MelConfig:
        """Return the mel front end of the features."""
        return MelConfig(
            sample_rate=self.sample_rate,
            hop_length=math.prod(self.scales),
            n_mels=self.n_mels,
            scale="log10",
            f_max=self.sample_rate / 2 - 400,
        )

    def model(self, speakers: int) -> WaveNetConfig:
        """Return the configuration of the model.

        Args:
          speakers: number of speakers in the corpus; with one, the model is not conditioned on
            them.
        """
        return WaveNetConfig(
            dilations=self.dilations,
            residual_channels=self.residual_channels,
            gate_channels=self.gate_channels,
            skip_channels=self.skip_channels,
            speakers=speakers if speakers > 1 else 0,
            speaker_channels=self.residual_channels if speakers > 1 else 0,
            conditioning=LocalConditioningConfig(channels=self.n_mels, scales=self.scales),
            sample_rate=self.sample_rate,
        )


PRESETS = {
    "paper": Preset(),
    "quick": Preset(
        name="quick",
        dilations=STACK[:9] * 2,
        gate_channels=64,
        skip_channels=64,
        n_mels=40,
        slice_len=4_000,
        batch_size=4,
        steps=300,
        log_every=5,
        media_every=300,
        score_every=100,
        checkpoint_every=100,
        score_batches=8,
        sentences=(("train", 200), ("valid", 20), ("test", 20)),
        clips=4,
        clip_seconds=1.5,
    ),
    "smoke": Preset(
        **SMOKE,
        dilations=(1, 2, 4),
        residual_channels=4,
        gate_channels=8,
        skip_channels=8,
        n_mels=16,
        slice_len=400,
        media_every=4,
        score_batches=2,
        clips=2,
        clip_seconds=0.1,
    ),
}
# For two models trained in the minutes of one.
PAIR_PRESETS = {
    **PRESETS,
    "quick": dataclasses.replace(PRESETS["quick"], steps=100, score_every=50, media_every=100),
}
