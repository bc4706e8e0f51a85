"""Table 1 of WaveNet (arXiv:1609.03499): what can be measured without listeners, and the clips."""

from tfwave.papers.wavenet.experiment import Workbench
from tfwave.papers.wavenet.rows import COMPUTED, PRESETS, ROWS, preset_warning
from tfwave.repro import table as speech_table

_NOTES = (
    "Bits per sample: mean negative log2 likelihood of the 8-bit mu-law codes of all held-out test "
    "recordings, every sample predicted from its true past. It is not in the paper, and comparable "
    "only between models of the same recordings and the same quantisation.",
    "The paper's WaveNet was conditioned on linguistic features and log F0 of an unpublished "
    "text-to-speech system; here it is conditioned on the mel spectrogram of the recording, so the "
    "row is a vocoder's. Clips follow held-out recordings.",
    "LSTM-RNN parametric and HMM-driven concatenative are systems of the paper's authors; they "
    "cannot be rebuilt from the paper.",
)


TABLE = speech_table.Table(
    name="wavenet_table1",
    protocol=1,
    paper="wavenet",
    measured="likelihood",
    title="Table 1 of \u201cWaveNet\u201d",
    rows=ROWS,
    presets=PRESETS,
    bench=Workbench,
    warning=preset_warning,
    notes=_NOTES,
    counts="the samples behind the likelihood",
    listeners="table1",
    reference="natural_16bit",
    status={row.slug: "not published" for row in ROWS if row.slug not in COMPUTED},
)
