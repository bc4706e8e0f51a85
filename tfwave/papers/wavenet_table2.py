"""Table 2 of WaveNet (arXiv:1609.03499): systems in pairs, which listeners compare.

What can be made of it here is the pair of the two WaveNets: both are trained on the same
recordings, judged by likelihood, and heard side by side.
"""

import dataclasses

from tfwave.papers import published, ratings, report, runner, speech_table, wavenet_rows
from tfwave.papers.page import read_clip
from tfwave.papers.rows import make_row
from tfwave.papers.wavenet_rows import WAVENET_L, preset_warning
from tfwave.papers.wavenet_workbench import Workbench

# Raise this when numbers of the same configuration change: results made before count as others.
PROTOCOL = 1

# Two models are to be ready in the minutes of one.
_QUICK = dataclasses.replace(
    wavenet_rows.PRESETS["quick"], steps=160, score_every=80, media_every=160
)
PRESETS = {**wavenet_rows.PRESETS, "quick": _QUICK}

ROWS = (
    make_row("lstm_vs_concat", "LSTM or Concat"),
    make_row("lstm_vs_wavenet_l", "LSTM or WaveNet (L)"),
    make_row("lstm_vs_wavenet_lf", "LSTM or WaveNet (L+F)"),
    make_row("concat_vs_wavenet_l", "Concat or WaveNet (L)"),
    make_row("concat_vs_wavenet_lf", "Concat or WaveNet (L+F)"),
    make_row(
        "wavenet_l_vs_wavenet_lf", "WaveNet (L) or WaveNet (L+F)", "",
        "The clips are pairs: one of each model, after the same recording.",
    ),
)  # fmt: skip
_PAIR = ROWS[-1]
_RECORDED = "natural_16bit"

NOTES = (
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


def reproduce(corpus, preset, rows, options, strategy):
    """Train both WaveNets, unless the folder holds them, and write the report.

    Args:
      corpus: `SentenceCorpus`.
      preset: `wavenet_rows.Preset`.
      rows: pairs to compute; all but that of the WaveNets are listeners' alone.
      options: `speech_table.Options`.
      strategy: tf.distribute.Strategy.

    Returns:
      The finished `report.Report`.

    Raises:
      Interrupted: Ctrl-C or SIGTERM while training; the same command continues.
      ValueError: the folder holds another configuration, or training diverged.
      OSError: a file cannot be written.
    """
    bench = Workbench(corpus, preset, options, strategy)
    settings = speech_table.settings_of("wavenet_table2", PROTOCOL, preset, options, corpus)
    results = runner.open_results(options.out_dir, settings)
    if _PAIR not in rows:
        return write_report(results)
    known = {row.slug: row for row in (*wavenet_rows.ROWS, WAVENET_L)}
    systems = [known[slug] for slug in ("wavenet_l", "wavenet_lf", _RECORDED)]

    def write(results):
        _save_pair(results)
        return write_report(results)

    return speech_table.compute_rows(systems, bench, results, write, options.say)


def _save_pair(results):
    """Make the pair's row from those of its two systems, once both are there."""
    systems = [results.load(slug) for slug in _PAIR.slug.split("_vs_")]
    if not all(systems):
        return
    clips = [
        (clip["label"], read_clip(results.row_dir(system["slug"]) / clip["file"]))
        for pair in zip(*(system["clips"] for system in systems), strict=True)
        for system, clip in zip(systems, pair, strict=True)
    ]
    rate = systems[0]["sample_rate"]
    saved = speech_table.save_clips(results.row_dir(_PAIR.slug), clips, rate)
    for number, clip in enumerate(saved):
        clip["caption"] = f"{systems[number % 2]['label']}: {clip['label']}"
    names = ("bits_first", "bits_second")
    bits = [system["scores"]["bits_per_sample"] for system in systems]
    result = {
        "label": _PAIR.label,
        "trained": False,
        "scores": dict(zip(names, bits, strict=True)),
        "counts": systems[0]["counts"],
        "clips": saved,
        "sample_rate": rate,
        "facts": {f"{s['label']}, {k}": v for s in systems for k, v in s["facts"].items()},
        "seconds": {},
    }
    results.save(_PAIR.slug, {"pair": [system["key"] for system in systems]}, result)


def write_report(results):
    """Write the report of a result folder; returns the `report.Report`."""
    paper = published.load_paper("wavenet")
    human = (paper.tables["table2"],)
    rated = ratings.read_ratings(results.path, [row.slug for row in ROWS], human[0].columns)
    status = {row.slug: "not published" for row in ROWS if row != _PAIR}
    headline = speech_table.headline(
        results.settings,
        "Table 2 of \u201cWaveNet\u201d",
        warnings=preset_warning(results.settings["preset"]),
        notes=NOTES,
        reference=_RECORDED,
        reference_label="Recording",
        about_scores="Under each name: the samples behind the likelihood.",
        about_clips="They follow the beginnings of held-out recordings, which stand above. "
        f"Spectrograms reach to {results.settings['preset']['sample_rate'] / 2000:g} kHz, 80 dB.",
    )
    made = report.build(
        paper, headline, paper.tables["pairs"], human, ROWS, results, rated, status
    )
    report.write(made, results)
    return made


TABLE = speech_table.Table(PRESETS, ROWS, reproduce)
