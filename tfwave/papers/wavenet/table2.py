"""Table 2 of WaveNet (arXiv:1609.03499): systems in pairs, which listeners compare.

What can be made of it here is the pair of the two WaveNets: both are trained on the same
recordings, judged by likelihood, and heard side by side.
"""

import dataclasses

from tfwave.papers.wavenet import rows as wavenet_rows
from tfwave.papers.wavenet.experiment import Workbench
from tfwave.papers.wavenet.rows import WAVENET_L, preset_warning
from tfwave.repro import table as speech_table
from tfwave.repro.pairs import PairBench
from tfwave.repro.rows import make_row

# Two models are to be ready in the minutes of one.
_QUICK = dataclasses.replace(
    wavenet_rows.PRESETS["quick"], steps=100, score_every=50, media_every=100
)
_PRESETS = {**wavenet_rows.PRESETS, "quick": _QUICK}

_ROWS = (
    make_row("lstm_vs_concat", "LSTM or Concat"),
    make_row("lstm_vs_wavenet_l", "LSTM or WaveNet (L)"),
    make_row("lstm_vs_wavenet_lf", "LSTM or WaveNet (L+F)"),
    make_row("concat_vs_wavenet_l", "Concat or WaveNet (L)"),
    make_row("concat_vs_wavenet_lf", "Concat or WaveNet (L+F)"),
    make_row(
        "wavenet_l_vs_wavenet_lf",
        "WaveNet (L) or WaveNet (L+F)",
        "",
        "The clips are pairs: one of each model, after the same recording.",
    ),
)
_PAIR = _ROWS[-1]
_RECORDED = "natural_16bit"

_NOTES = (
    "Bits per sample: mean negative log2 likelihood of the 8-bit mu-law codes of all held-out test "
    "recordings, every sample predicted from its true past. It is not in the paper.",
    "The paper's WaveNet (L) was conditioned on linguistic features and WaveNet (L+F) on log F0 "
    "besides, both of an unpublished text-to-speech system. Here (L+F) is conditioned on the mel "
    "spectrogram of the recording and (L) on its envelope, the first "
    f"{dict(WAVENET_L.changes)['cepstra']} cosines over the bands, which does not tell the pitch.",
    "LSTM and Concat are systems of the paper's authors; they cannot be rebuilt from the paper.",
    "The paper's p-values: under 1e-9 for all pairs but Concat or WaveNet (L) in English (0.003) "
    "and LSTM or WaveNet (L) in Mandarin (0.476).",
)


def _bench(*arguments):
    """The bench of the pair; its arguments are those of `wavenet_workbench.Workbench`."""
    systems = {row.slug: row for row in (*wavenet_rows.ROWS, WAVENET_L)}
    return PairBench(
        Workbench(*arguments), systems, systems[_RECORDED], ("bits_first", "bits_second")
    )


TABLE = speech_table.Table(
    name="wavenet_table2",
    protocol=1,
    paper="wavenet",
    measured="pairs",
    title="Table 2 of \u201cWaveNet\u201d",
    rows=_ROWS,
    presets=_PRESETS,
    bench=_bench,
    warning=preset_warning,
    notes=_NOTES,
    counts="the samples behind the likelihood",
    listeners="table2",
    reference=_RECORDED,
    status={row.slug: "not published" for row in _ROWS if row != _PAIR},
)
