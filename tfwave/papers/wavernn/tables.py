"""Tables 3 and 1 of WaveRNN (arXiv:1802.08435): likelihood, clips, and clips in pairs."""

from tfwave.papers.wavernn.experiment import Workbench
from tfwave.papers.wavernn.rows import NOT_BUILT, PRESETS, RECORDING, ROWS, preset_warning
from tfwave.repro import table as speech_table
from tfwave.repro.pairs import PairBench
from tfwave.repro.rows import make_row

# Raise this when numbers of the same configuration change: results made before count as others.
_PROTOCOL = 1
_AGAINST = "wavernn_896"

_NOTES = (
    "NLL: mean negative natural log likelihood of all 16-bit samples of the held-out test "
    "recordings, every sample predicted from its true past (for subscale: from what its order has "
    "before it). Sequences start from a state of zeros; those of subscale are told nothing that "
    "lies behind their end.",
    "The paper's models were conditioned on linguistic features and pitch of an unpublished "
    "text-to-speech system and recordings of one speaker; here they are conditioned on the mel "
    "spectrogram of the recording, so the rows are vocoders'. Clips follow held-out recordings.",
    "WaveNet gives every one of the 65,536 levels a probability by a mixture of ten logistics, so "
    "that its NLL has the unit of the others; how the paper's WaveNet described 16 bits it does "
    "not say.",
    "Blocks are 4x4 in all sparse rows; the paper says so of Mobile only. Whether the output "
    "matrices were pruned it does not say: here Mobile's are, by 80 %, the sparsity of their size "
    "in the paper's Table 4, and those of the other rows are not.",
    "Weights at the published size are counted without biases and conditioning networks, what is "
    "pruned left out.",
)

TABLE3 = speech_table.Table(
    name="wavernn_table3",
    protocol=_PROTOCOL,
    paper="wavernn",
    measured="table3",
    title="Table 3 of \u201cEfficient Neural Audio Synthesis\u201d (WaveRNN)",
    rows=ROWS,
    presets=PRESETS,
    bench=Workbench,
    warning=preset_warning,
    notes=_NOTES,
    counts="the samples behind the likelihood",
    listeners="table3_mos",
    reference=RECORDING.slug,
    status=NOT_BUILT,
)

_SYSTEMS = {row.slug: row for row in ROWS}
_PAIRS = tuple(
    make_row(
        f"{slug}_vs_{_AGAINST}",
        f"{_SYSTEMS[slug].label} or {_SYSTEMS[_AGAINST].label}",
        "",
        "The clips are pairs: one of each model, after the same recording.",
    )
    for slug in ("wavenet", "sparse_384", "sparse_mobile", "subscale_16")
)


def _pairs(*arguments):
    """The bench of Table 1; its arguments are those of `wavernn_workbench.Workbench`."""
    return PairBench(Workbench(*arguments), _SYSTEMS, RECORDING, ("nats_first", "nats_second"))


TABLE1 = speech_table.Table(
    name="wavernn_table1",
    protocol=_PROTOCOL,
    paper="wavernn",
    measured="pairs",
    title="Table 1 of \u201cEfficient Neural Audio Synthesis\u201d (WaveRNN)",
    rows=_PAIRS,
    presets=PRESETS,
    bench=_pairs,
    warning=preset_warning,
    notes=_NOTES[:-1],
    counts="the samples behind the likelihood",
    listeners="table1",
    reference=RECORDING.slug,
)
