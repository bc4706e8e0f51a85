"""Tiny test cases, one for each system and for each variant that behaves differently.

The generic checks of this folder and of tests/serving run over all of them. A new system needs a
case here and no copies of those checks.
"""

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

from tfwave import models
from tfwave.audio.mel import MELGAN, TACOTRON2, MelConfig, mel_spectrogram
from tfwave.layers.block_sparsity import PruningConfig
from tfwave.layers.local_conditioning import LocalConditioningConfig
from tfwave.models.wavenet.config import WaveNetConfig

FRAMES = {"n_fft": 64, "win_length": 64, "hop_length": 16, "n_mels": 5}
SHORT = MelConfig(sample_rate=8000, n_fft=64, hop_length=6, win_length=24, n_mels=5)
GAN = {"model_dim": 1, "latent_dim": 4}
STACK = {
    "dilations": (1, 2),
    "residual_channels": 4,
    "gate_channels": 8,
    "skip_channels": 4,
    "levels": 32,
}
RECURRENT = {"units": 16, "bins": 16, "mel": SHORT}
ROWS = 2


@dataclasses.dataclass(frozen=True)
class Case:
    """A tiny model of a system.

    Attributes:
      name: name of the case.
      system: name of its class in `tfwave.models`.
      fields: fields of its configuration.
      request: values of its main signature's inputs that differ from their examples.
      answer: function of (model, request) that computes the same in Python.
      mel: front end that the configuration does not name, or None.
      samples: length of a training row for systems that have none of their own.
      columns: columns of a training batch beside "waveform", each a function of (model, rows, time)
        that returns an array.
      slow: whether its tests of exported models take longer than a few seconds.
    """

    name: str
    system: str
    fields: dict[str, Any]
    request: dict[str, Any]
    answer: Callable[..., Any]
    mel: MelConfig | None = None
    samples: int | None = None
    columns: dict[str, Callable[..., np.ndarray]] = dataclasses.field(default_factory=dict)
    slow: bool = False

    def model(self, seed: int = 1):
        """Build the model with its initial weights, not compiled."""
        system = getattr(models, self.system)
        kwargs = {} if self.mel is None else {"mel": self.mel}
        return system(system.config_class(**self.fields), seed=seed, **kwargs)

    def stirred(self):
        """Build the model with weights far from the initial ones, which are a weak test."""
        model = self.model()
        random = np.random.default_rng(2)
        for name in ("averaged", "network", "generator"):
            network = getattr(model, name, None)
            for variable in getattr(network, "trainable_weights", None) or ():
                variable.assign(variable + 0.1 * random.normal(size=variable.shape))
        return model

    def batch(self, model, rows: int = ROWS, seed: int = 0) -> dict[str, np.ndarray]:
        """Make a training batch that fits the model's `batch_spec`."""
        spec = model.batch_spec(self.samples)
        random = np.random.default_rng(seed)
        time = spec.context + spec.slice_len
        shape = [rows, time]
        if model.kind == "latents":
            shape = [spec.updates, rows, time, model.config.channels]
        batch = {"waveform": (0.3 * random.normal(size=shape)).clip(-1, 1).astype(np.float32)}
        for name in spec.columns:
            if name != "waveform":
                batch[name] = self.columns[name](model, rows, time)
        return batch


def _latents(count=3):
    return np.random.default_rng(1).uniform(-1, 1, [count, 4]).astype(np.float32)


def _mel(frames, config, clips=2):
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, [clips, frames * config.hop_length])
    return mel_spectrogram(noise.astype(np.float32), config).numpy()[:, :frames]


def _features(model, rows, time):
    hop, padding = SHORT.hop_length, model.config.frame_padding
    frames = -(-time // hop) + 1 + 2 * padding
    random = np.random.default_rng(3)
    return random.normal(size=[rows, frames, SHORT.n_mels]).astype(np.float32)


def _scalars(request, *names):
    return {name: np.asarray(request[name]).item() for name in names}


def _from_latents(model, request):
    return model.generate(latents=request["latents"])


def _from_mel(*names, **kwargs):
    return lambda model, r: model.generate(r["mel"], **kwargs, **_scalars(r, *names))


def _from_samples(model, request):
    return model.generate(
        samples=request["samples"].item(),
        count=request["count"].item(),
        xla=False,
        **_scalars(request, "seed", "temperature"),
    )


CASES = (
    Case("wavegan", "WaveGAN", GAN, {"latents": _latents()}, _from_latents),
    Case(
        "specgan",
        "SpecGAN",
        {**GAN, "griffin_lim_iterations": 2},
        {"latents": _latents()},
        _from_latents,
        slow=True,
    ),
    Case(
        "melgan",
        "MelGAN",
        {
            "mel": dataclasses.replace(MELGAN, **FRAMES),
            "ratios": (4, 4),
            "channels": 2,
            "discriminator_channels": 4,
            "discriminator_layers": 2,
            "segment_len": 512,
        },
        {"mel": _mel(20, dataclasses.replace(MELGAN, **FRAMES))},
        _from_mel(),
    ),
    Case(
        "waveglow",
        "WaveGlow",
        {
            "mel": dataclasses.replace(TACOTRON2, **FRAMES),
            "flows": 2,
            "early_every": 1,
            "channels": 4,
            "layers": 2,
            "upsampling_kernel": 64,
            "segment_len": 512,
        },
        {"mel": _mel(20, dataclasses.replace(TACOTRON2, **FRAMES)), "sigma": 0.7, "seed": 3},
        _from_mel("sigma", "seed"),
        slow=True,
    ),
    Case(
        "wavenet",
        "WaveNet",
        {**STACK, "average_decay": 0.5},
        {"count": 2, "samples": 700, "seed": 3, "temperature": 0.8},
        _from_samples,
        samples=100,
    ),
    Case(
        "wavenet_mel",
        "WaveNet",
        {
            **STACK,
            "kernel_size": 3,
            "output": "logistic_mixture",
            "mixtures": 2,
            "one_hot_input": False,
            "speakers": 3,
            "speaker_channels": 4,
            "average_decay": 0.5,
            "sample_rate": 8000,
            "conditioning": LocalConditioningConfig(5, (2, 3), frame_padding=1),
        },
        {"mel": _mel(90, SHORT), "speaker": [2, 0], "seed": 3, "temperature": 0.05},
        lambda model, r: model.generate(
            r["mel"], speaker=r["speaker"], xla=False, **_scalars(r, "seed", "temperature")
        ),
        mel=SHORT,
        samples=100,
        columns={
            "features": _features,
            "speaker": lambda model, rows, time: np.arange(rows, dtype=np.int32) % 3,
        },
        slow=True,
    ),
    Case(
        "wavenet_recognizer",
        "WaveNetRecognizer",
        {
            "wavenet": WaveNetConfig(**STACK),
            "frame_length": 20,
            "channels": 4,
            "layers": 1,
            "classes": 3,
        },
        {"waveform": np.random.default_rng(1).uniform(-1, 1, [2, 130, 1]).astype(np.float32)},
        lambda model, r: model(tf.constant(r["waveform"][:, :, 0])),
        samples=100,
        columns={
            "length": lambda model, rows, time: np.full([rows], time, np.int32),
            "phonemes": lambda model, rows, time: np.ones([rows, time // 20], np.int32),
        },
    ),
    Case(
        "wavernn",
        "WaveRNN",
        RECURRENT,
        {"count": 2, "samples": 700, "seed": 3},
        _from_samples,
        samples=20,
    ),
    Case(
        "wavernn_mel",
        "WaveRNN",
        {
            **RECURRENT,
            "conditioning": "features",
            "conditioning_channels": 6,
            "pruning": PruningConfig(0.5, "4x4", start=0, steps=2, every=1),
        },
        {"mel": _mel(90, SHORT), "seed": 3},
        _from_mel("seed", "temperature", xla=False),
        samples=20,
        columns={"features": _features},
        slow=True,
    ),
    Case(
        "subscale",
        "SubscaleWaveRNN",
        {
            **RECURRENT,
            "sequence": 80,
            "tensors": 4,
            "future": 8,
            "dilations": (1, 2),
            "conv_channels": 6,
            "residual_channels": 8,
        },
        {"count": 2, "samples": 701, "seed": 3},
        _from_samples,
    ),
    Case(
        "fatchord",
        "FatchordWaveRNN",
        {
            "mel": SHORT,
            "upsampling": (2, 3),
            "units": 8,
            "dense_units": 6,
            "resnet_channels": 4,
            "resnet_blocks": 1,
            "aux_channels": 8,
            "mixtures": 3,
            "bits": 4,
        },
        {"mel": _mel(90, SHORT), "seed": 3, "temperature": 0.05},
        _from_mel("seed", "temperature", xla=False),
        columns={"features": _features},
        slow=True,
    ),
    Case(
        "classifier",
        "DigitClassifier",
        {"slice_len": 2048, "frame_length": 256, "n_mels": 16, "filters": 4},
        {"waveform": np.random.default_rng(1).uniform(-1, 1, [2, 1500, 2]).astype(np.float32)},
        lambda model, r: model.predict_logits(r["waveform"]),
        columns={"label": lambda model, rows, time: np.arange(rows, dtype=np.int32)},
    ),
)
BY_NAME = {case.name: case for case in CASES}
