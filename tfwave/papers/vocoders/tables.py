"""Tables in which listeners compare vocoders, and tables of the vocoders' speeds.

Without listeners every vocoder is trained or called, run on held-out recordings, and measured.
"""

from collections.abc import Callable

from tfwave.repro import provenance
from tfwave.repro.published import Column
from tfwave.repro.rows import make_row
from tfwave.repro.table import TIMING_FLAGS, TIMING_PRESETS, on_demand

# Measures of copy-synthesis against the recording, which no paper printed.
COPY_SYNTHESIS = (
    Column("log_spectral_distance", "LSD", "dB", "lower", low=0),
    Column("mel_cepstral_distortion", "MCD", "dB", "lower", low=0),
    Column("f0_cents", "F0 error", "cents", "lower", digits=0, low=0),
    Column("voicing_error", "Voicing", "%", "lower", digits=1, low=0, high=100),
    Column("pesq", "PESQ", "wideband, 1 to 4.64", "higher", low=1, high=4.64),
    Column("stoi", "STOI", "to 1", "higher", digits=3, low=-1, high=1),
)

WORLD = make_row(
    "world",
    "WORLD",
    "",
    "F0, envelope and aperiodicity by the package's default settings, taken "
    "from the recording and not from its mel spectrogram; not in the paper's table.",
)

NOTES = (
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
NOT_BUILT = "not built here"
MEDIANS = (
    "Speeds are medians over runs after a first one, batch 1, float32, \u00b1 half the range "
    "between the quartiles."
)
QUEUES = "WaveNet runs with queues in one compiled loop, which the paper's did not."

# Fields of a `Table` in which vocoders are compared, and of one of their speeds.
COMPARISON = {
    "protocol": 1,
    "experiment": on_demand("vocoders.experiment", "VocoderExperiment"),
    "columns": COPY_SYNTHESIS,
    "counts": "the recordings behind the means",
    "reference": "original",
    "optional": provenance.MEASURING,
}
SPEED = {
    "protocol": 2,
    "presets": on_demand("vocoders.speeds", "PRESETS"),
    "flags": TIMING_FLAGS,
    "preset_help": TIMING_PRESETS,
    "with_page": False,
}


def presets_of(*systems: str, **differences) -> Callable[[], dict]:
    """Return `Table.presets` of a table that trains `systems`; see `presets.vocoder_presets`."""
    return on_demand("vocoders.presets", "vocoder_presets", *systems, **differences)
