"""Tables in which listeners compare vocoders: what can be made of them without listeners.

Every vocoder that can be had is trained or called, run on held-out recordings, and measured.
"""

import dataclasses
import functools

from tfwave.audio.mel import MELGAN, MelConfig
from tfwave.papers.vocoders.experiment import Workbench
from tfwave.papers.vocoders.systems import TRAINED
from tfwave.repro import provenance
from tfwave.repro import table as speech_table
from tfwave.repro.rows import make_row

# Raise this when numbers of the same configuration change: results made before count as others.
_PROTOCOL = 1

WORLD = make_row(
    "world",
    "WORLD",
    "",
    "F0, envelope and aperiodicity by the package's default settings, taken "
    "from the recording and not from its mel spectrogram; not in the paper's table.",
)

_NOTES = (
    "Copy-synthesis: the mel spectrogram of a held-out recording goes in, a waveform comes out and "
    "is compared with the recording. Means over recordings, \u00b1 standard error. These measures "
    "are ours; none replaces a listening test.",
    "LSD, log-spectral distance, punishes noise between harmonics most; MCD, mel-cepstral "
    "distortion, a wrong spectral envelope. F0 error: root mean square over frames that are voiced "
    "in both, octave errors of the tracker included; Voicing: frames that are voiced in one only. "
    "PESQ and STOI are computed at 16 kHz. Dashes: the package is not installed; after pip "
    'install "tfwave[vocoder]" the same command measures them, without training again.',
    "Griffin-Lim starts from random phases; it is the fast variant (momentum 0.99) on magnitudes "
    "that fit the same mel spectrogram the other vocoders are given.",
)


@dataclasses.dataclass(frozen=True)
class VocoderPreset:
    """Sizes of everything.

    Attributes:
      name: of the preset.
      configs: (system, model configuration) of every model.
      training: (system, steps, batch_size) of the models that are not trained like the others.
      slice_len: samples that a model of samples after samples predicts of a training slice.
      mel: front end of Griffin-Lim, and the sample rate of everything.
      sentences: sizes of the splits without --data_dir.
      speakers: voices of those sentences.
      clips: to listen to, of each row.
      clip_seconds: most that is heard of a recording.
      measured: recordings that the measures are means over.
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
        """Hz."""
        return self.mel.sample_rate

    def of(self, system):
        """Return the preset with the steps and the batch size of a system."""
        for name, steps, batch_size in self.training:
            if name == system:
                return dataclasses.replace(self, steps=steps, batch_size=batch_size)
        return self


def vocoder_table(name, paper, listeners, title, rows, presets, notes=(), unseen_speakers=False):
    """Return the `speech_table.Table` of a paper's comparison of vocoders.

    Args:
      name, paper, listeners, title, rows, presets, unseen_speakers: fields of that table.
      notes: sentences about this table, after those about the measures.
    """
    return speech_table.Table(
        name=name,
        protocol=_PROTOCOL,
        paper=paper,
        measured="copy_synthesis",
        title=title,
        rows=rows,
        presets=presets,
        bench=Workbench,
        warning=functools.partial(_warning, presets),
        notes=(*_NOTES, *notes),
        counts="the recordings behind the means",
        listeners=listeners,
        reference="original",
        unseen_speakers=unseen_speakers,
        optional=provenance.MEASURING,
    )


def _warning(presets, preset):
    """Sentences on how a preset, as a dict, differs from the published sizes."""
    if preset["name"] == "paper":
        return ()
    sentences = []
    for system, config in preset["configs"]:
        model = TRAINED[system].make.__name__
        own, published = (presets[name].of(system) for name in (preset["name"], "paper"))
        sentences.append(
            f"The {preset['name']} preset trains a smaller {model} for {own.steps:,} steps of "
            f"{own.batch_size} segments (published: {published.steps:,} of "
            f"{published.batch_size})."
        )
        if config.get("stft_loss"):
            sentences.append(
                f"It trains {model} by the spectral loss of Parallel WaveGAN (arXiv:1910.11480), "
                "at resolutions and above a floor of its own, and by discriminators only from "
                f"step {config['adversarial_from']:,} on."
            )
    return tuple(sentences)
