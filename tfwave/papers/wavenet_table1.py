"""Table 1 of WaveNet (arXiv:1609.03499): what can be measured without listeners, and the clips.

`reproduce` computes every wanted row that the result folder does not hold yet and rewrites the
report after each of them.
"""

from tfwave.papers import published, ratings, report, runner, speech_table
from tfwave.papers.wavenet_rows import COMPUTED, PRESETS, ROWS, preset_warning
from tfwave.papers.wavenet_workbench import Workbench

# Raise this when numbers of the same configuration change: results made before count as others.
PROTOCOL = 1

NOTES = (
    "Bits per sample: mean negative log2 likelihood of the 8-bit mu-law codes of all held-out test "
    "recordings, every sample predicted from its true past. It is not in the paper, and comparable "
    "only between models of the same recordings and the same quantisation.",
    "The paper's WaveNet was conditioned on linguistic features and log F0 of an unpublished "
    "text-to-speech system; here it is conditioned on the mel spectrogram of the recording, so the "
    "row is a vocoder's. Clips follow held-out recordings.",
    "LSTM-RNN parametric and HMM-driven concatenative are systems of the paper's authors; they "
    "cannot be rebuilt from the paper.",
)


def reproduce(corpus, preset, rows, options, strategy):
    """Compute the wanted rows that are not there yet and write the report.

    Args:
      corpus: `SentenceCorpus`.
      preset: `wavenet_rows.Preset`.
      rows: rows to compute.
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
    settings = speech_table.settings_of("wavenet_table1", PROTOCOL, preset, options, corpus)
    results = runner.open_results(options.out_dir, settings)
    rows = [row for row in rows if row.slug in COMPUTED]
    return speech_table.compute_rows(rows, bench, results, write_report, options.say)


def write_report(results):
    """Write the report of a result folder; returns the `report.Report`."""
    paper = published.load_paper("wavenet")
    human = (paper.tables["table1"],)
    rated = ratings.read_ratings(results.path, [row.slug for row in ROWS], human[0].columns)
    status = {row.slug: "not published" for row in ROWS if row.slug not in COMPUTED}
    made = report.build(
        paper, _headline(results.settings), paper.tables["likelihood"], human, ROWS, results, rated,
        status,
    )  # fmt: skip
    report.write(made, results)
    return made


def _headline(settings):
    return speech_table.headline(
        settings,
        "Table 1 of \u201cWaveNet\u201d",
        warnings=preset_warning(settings["preset"]),
        notes=NOTES,
        reference="natural_16bit",
        reference_label="Recording",
        about_scores="Under each name: the samples behind the likelihood.",
        about_clips="They follow the beginnings of held-out recordings, which stand above. "
        f"Spectrograms reach to {settings['preset']['sample_rate'] / 2000:g} kHz, 80 dB.",
    )


TABLE = speech_table.Table(PRESETS, ROWS, reproduce)
