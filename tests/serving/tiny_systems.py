"""Every system that can be exported, as small as it can be, and what its Python model answers."""

import dataclasses

import numpy as np

from tfwave.audio import mel as mels
from tfwave.audio.mel import MELGAN, TACOTRON2, MelConfig
from tfwave.layers.local_conditioning import LocalConditioningConfig
from tfwave.models import signatures
from tfwave.models.digit_classifier.config import DigitClassifierConfig
from tfwave.models.digit_classifier.digit_classifier import DigitClassifier
from tfwave.models.fatchord_wavernn.config import FatchordWaveRNNConfig
from tfwave.models.fatchord_wavernn.fatchord_wavernn import FatchordWaveRNN
from tfwave.models.melgan.config import MelGANConfig
from tfwave.models.melgan.melgan import MelGAN
from tfwave.models.wavegan.config import SpecGANConfig, WaveGANConfig
from tfwave.models.wavegan.specgan import SpecGAN
from tfwave.models.wavegan.wavegan import WaveGAN
from tfwave.models.waveglow.config import WaveGlowConfig
from tfwave.models.waveglow.waveglow import WaveGlow
from tfwave.models.wavenet.config import WaveNetConfig
from tfwave.models.wavenet.wavenet import WaveNet
from tfwave.models.wavernn.config import SubscaleWaveRNNConfig, WaveRNNConfig
from tfwave.models.wavernn.subscale import SubscaleWaveRNN
from tfwave.models.wavernn.wavernn import WaveRNN

FRAMES = dict(n_fft=64, win_length=64, hop_length=16, n_mels=5)
SHORT = MelConfig(sample_rate=8000, n_fft=64, hop_length=6, win_length=24, n_mels=5)
GAN = dict(model_dim=1, latent_dim=4)
STACK = dict(dilations=(1, 2), residual_channels=4, gate_channels=8, skip_channels=4, levels=32)
RECURRENT = dict(units=16, bins=16, mel=SHORT)


@dataclasses.dataclass(frozen=True)
class System:
    """A system to export.

    Attributes:
      name: of the system.
      make: the model's class.
      config: its configuration.
      changes: what the request to the main signature has other than the example.
      reference: function of (model, request) that asks the Python model for the same.
      mel: front end of a WaveNet, or None.
      slow: whether its tests take longer than a few seconds.
    """

    name: str
    make: type
    config: object
    changes: dict
    reference: object
    mel: object = None
    slow: bool = False


def _latents(count=3):
    return {"latents": np.random.default_rng(1).uniform(-1, 1, [count, 4]).astype(np.float32)}


def _mel(frames, config, clips=2):
    noise = np.random.default_rng(1).uniform(-0.5, 0.5, [clips, frames * config.hop_length])
    made = mels.mel_spectrogram(noise.astype(np.float32), config).numpy()
    return {"mel": made[:, :frames]}


def _how(request, *names):
    return {name: np.asarray(request[name]).item() for name in names}


# A new system joins by one line.
SYSTEMS = (
    System(
        "wavegan",
        WaveGAN,
        WaveGANConfig(**GAN),
        _latents(),
        lambda model, r: model.generate(latents=r["latents"]),
    ),
    System(
        "specgan",
        SpecGAN,
        SpecGANConfig(**GAN, griffin_lim_iterations=2),
        _latents(),
        lambda model, r: model.generate(latents=r["latents"]),
        slow=True,
    ),
    System(
        "melgan",
        MelGAN,
        MelGANConfig(
            mel=dataclasses.replace(MELGAN, **FRAMES),
            ratios=(4, 4),
            channels=2,
            discriminator_channels=4,
            discriminator_layers=2,
            segment_len=512,
        ),
        _mel(20, dataclasses.replace(MELGAN, **FRAMES)),
        lambda model, r: model.generate(r["mel"]),
    ),
    System(
        "waveglow",
        WaveGlow,
        WaveGlowConfig(
            mel=dataclasses.replace(TACOTRON2, **FRAMES),
            flows=2,
            early_every=1,
            channels=4,
            layers=2,
            upsampling_kernel=64,
            segment_len=256,
        ),
        {**_mel(20, dataclasses.replace(TACOTRON2, **FRAMES)), "sigma": 0.7, "seed": 3},
        lambda model, r: model.generate(r["mel"], **_how(r, "sigma", "seed")),
        slow=True,
    ),
    System(
        "wavenet",
        WaveNet,
        WaveNetConfig(**STACK, average_decay=0.5),
        {"count": 2, "samples": 700, "seed": 3, "temperature": 0.8},
        lambda model, r: model.generate(
            samples=r["samples"].item(),
            count=r["count"].item(),
            xla=False,
            **_how(r, "seed", "temperature"),
        ),
    ),
    System(
        "wavenet_mel",
        WaveNet,
        WaveNetConfig(
            **{**STACK, "kernel_size": 3},
            output="logistic_mixture",
            mixtures=2,
            one_hot_input=False,
            speakers=3,
            speaker_channels=4,
            average_decay=0.5,
            sample_rate=8000,
            conditioning=LocalConditioningConfig(5, (2, 3), frame_padding=1),
        ),
        {**_mel(90, SHORT), "speaker": [2, 0], "seed": 3, "temperature": 0.05},
        lambda model, r: model.generate(
            r["mel"], speaker=r["speaker"], xla=False, **_how(r, "seed", "temperature")
        ),
        SHORT,
        slow=True,
    ),
    System(
        "wavernn",
        WaveRNN,
        WaveRNNConfig(**RECURRENT),
        {"count": 2, "samples": 700, "seed": 3},
        lambda model, r: model.generate(
            samples=r["samples"].item(),
            count=r["count"].item(),
            xla=False,
            **_how(r, "seed", "temperature"),
        ),
    ),
    System(
        "wavernn_mel",
        WaveRNN,
        WaveRNNConfig(**RECURRENT, conditioning="features", conditioning_channels=6),
        {**_mel(90, SHORT), "seed": 3},
        lambda model, r: model.generate(r["mel"], xla=False, **_how(r, "seed", "temperature")),
        slow=True,
    ),
    System(
        "subscale",
        SubscaleWaveRNN,
        SubscaleWaveRNNConfig(
            **RECURRENT,
            sequence=80,
            tensors=4,
            future=8,
            dilations=(1, 2),
            conv_channels=6,
            residual_channels=8,
        ),
        {"count": 2, "samples": 701, "seed": 3},
        lambda model, r: model.generate(
            samples=r["samples"].item(),
            count=r["count"].item(),
            xla=False,
            **_how(r, "seed", "temperature"),
        ),
    ),
    System(
        "fatchord",
        FatchordWaveRNN,
        FatchordWaveRNNConfig(
            mel=SHORT,
            upsampling=(2, 3),
            units=8,
            dense_units=6,
            resnet_channels=4,
            resnet_blocks=1,
            aux_channels=8,
            mixtures=3,
            bits=4,
        ),
        {**_mel(90, SHORT), "seed": 3, "temperature": 0.05},
        lambda model, r: model.generate(r["mel"], xla=False, **_how(r, "seed", "temperature")),
        slow=True,
    ),
    System(
        "classifier",
        DigitClassifier,
        DigitClassifierConfig(slice_len=2048, frame_length=256, n_mels=16, filters=4),
        {"waveform": np.random.default_rng(1).uniform(-1, 1, [2, 1500, 2]).astype(np.float32)},
        lambda model, r: model.predict_logits(r["waveform"]),
    ),
)


def make(system):
    """The model with weights that say something."""
    kwargs = {"mel": system.mel} if system.mel else {}
    model = system.make(system.config, seed=1, **kwargs)
    random = np.random.default_rng(2)
    for name in ("averaged", "network", "generator"):
        network = getattr(model, name, None)
        for variable in getattr(network, "trainable_weights", None) or ():
            variable.assign(variable + 0.1 * random.normal(size=variable.shape))
    return model


def example(signature):
    """A request as the signature's own example has it."""
    return {i.name: np.asarray(i.example, i.dtype) for i in signature.interface.inputs}


def request(system, signature):
    """A request to the main signature: {input: array}."""
    return {
        i.name: np.asarray(system.changes.get(i.name, i.example), i.dtype)
        for i in signature.interface.inputs
    }


def bad_values(given):
    """Values that an Input of a signature must refuse."""
    value = np.array(given.example, given.dtype)
    yield value[..., np.newaxis]
    for axis, size in enumerate(given.shape):
        if size is None:
            yield np.take(value, np.zeros(0, np.int64), axis)
        else:
            yield np.repeat(value, 2, axis)
    if given.dtype == "float32":
        for number in (np.nan, np.inf):
            broken = value.copy()
            broken.reshape(-1)[-1] = number
            yield broken
    if given.name == "latents":
        yield np.repeat(value, 65, axis=0)
    if len(given.shape) == 3 and given.shape[1] is None:
        yield np.repeat(value, -(-(signatures.MOST_SAMPLES + 1) // value.shape[1]), axis=1)
    out_of_range = {
        "count": (0, -1, 10**6),
        "samples": (0, 2**30),
        "temperature": (0.0, -1.0),
        "sigma": (-0.1,),
        "speaker": (-1, 3),
    }
    for number in out_of_range.get(given.name, ()):
        yield np.full_like(value, number)
