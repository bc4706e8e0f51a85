"""Table 1 of WaveNet (arXiv:1609.03499): what can be measured without listeners, and the clips.

`reproduce` computes every wanted row that the result folder does not hold yet and rewrites the
report after each of them.
"""

import dataclasses

from tfwave.papers import published, ratings, report, runner
from tfwave.papers.plan import Plan
from tfwave.papers.wavenet_rows import COMPUTED, PRESETS, ROWS
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


def settings_of(preset, options, corpus):
    """Return everything that all rows of a result folder have in common."""
    return {
        "table": "wavenet_table1",
        "protocol": PROTOCOL,
        "preset": dataclasses.asdict(preset),
        "seed": options.seed,
        "corpus": {
            "recordings": {name: len(split) for name, split in corpus.splits.items()},
            "fingerprints": {n: split.store.fingerprint for n, split in corpus.splits.items()},
            "synthetic": corpus.synthetic,
        },
        "texts": {"corpus_name": corpus.name, "corpus": corpus.description},
    }


def reproduce(corpus, preset, rows, options, strategy):
    """Compute the wanted rows that are not there yet and write the report.

    Args:
      corpus: `SentenceCorpus`.
      preset: `wavenet_rows.Preset`.
      rows: rows to compute.
      options: `wavenet_workbench.Options`.
      strategy: tf.distribute.Strategy.

    Returns:
      The finished `report.Report`.

    Raises:
      Interrupted: Ctrl-C or SIGTERM while training; the same command continues.
      ValueError: the folder holds another configuration, or training diverged.
      OSError: a file cannot be written.
    """
    bench = Workbench(corpus, preset, options, strategy)
    results = runner.open_results(options.out_dir, settings_of(preset, options, corpus))
    rows = [row for row in rows if row.slug in COMPUTED]
    plan = Plan({row.slug: (row.label, int(row.trained)) for row in rows}, options.say)
    try:
        for row in rows:
            if results.load(row.slug, bench.row_settings(row)):
                plan.cached(row.slug)
                continue
            plan.start(row.slug)
            bench.compute(row, results)
            plan.finish(row.slug)
            write_report(results)
    finally:
        made = write_report(results)
    return made


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
    preset, corpus, texts = settings["preset"], settings["corpus"], settings["texts"]
    synthetic = " (synthetic)" if corpus["synthetic"] else ""
    recordings = ", ".join(f"{count:,} {name}" for name, count in corpus["recordings"].items())
    warnings = ["The corpus is not the paper's; it is " + texts["corpus"]]
    if preset["name"] != "paper":
        published_sizes = PRESETS["paper"]
        warnings.append(
            f"The {preset['name']} preset trains {len(preset['dilations'])} layers with "
            f"{preset['skip_channels']} skip channels for {preset['steps']:,} steps of "
            f"{preset['batch_size'] * preset['slice_len']:,} samples (preset paper, by "
            f"ibab/tensorflow-wavenet: {len(published_sizes.dilations)} layers, "
            f"{published_sizes.skip_channels} channels, {published_sizes.steps:,} steps of "
            f"{published_sizes.batch_size * published_sizes.slice_len:,})."
        )
    return report.Headline(
        title=f"Table 1 of \u201cWaveNet\u201d: {preset['name']} preset, "
        f"{texts['corpus_name']}{synthetic}",
        facts=(
            ("Preset", preset["name"]),
            ("Corpus", f"{texts['corpus_name']}{synthetic}"),
            ("Recordings", recordings),
            ("Seed", str(settings["seed"])),
        ),
        warnings=tuple(warnings),
        notes=NOTES,
        reference="natural_16bit",
        reference_label="Recording",
        about_scores="Under each name: the samples behind the likelihood.",
        about_clips="They follow the beginnings of held-out recordings, which stand above. "
        f"Spectrograms reach to {settings['preset']['sample_rate'] / 2000:g} kHz, 80 dB.",
    )
