"""Table 1 of "Adversarial Audio Synthesis" (arXiv:1802.04208), row by row.

`reproduce` trains, samples and scores every wanted row that the result folder does not hold yet,
and rewrites the report after each of them. `merge_only` puts the rows of several machines into one
table without computing anything.
"""

import dataclasses

from tfwave.papers.wavegan import notes as wavegan_headline
from tfwave.papers.wavegan.experiment import Workbench
from tfwave.papers.wavegan.rows import ROWS
from tfwave.repro import published, ratings
from tfwave.repro import results as runner
from tfwave.repro.plan import Plan
from tfwave.repro.report import report
from tfwave.training import distribution
from tfwave.training.guard import NonFiniteError
from tfwave.training.interrupts import Interrupted

# Raise this when scores of the same configuration change: results made before count as others.
PROTOCOL = 1


def early_settings(preset, options):
    """Return the settings that are known before the corpus is open.

    They let a folder of another configuration be refused at once.

    Args:
      preset: `Preset`.
      options: `Options`.
    """
    return {
        "table": "wavegan_table1",
        "protocol": PROTOCOL,
        "preset": dataclasses.asdict(preset),
        "seed": options.seed,
        "griffin_lim": options.griffin_lim,
        "precision": options.precision,
    }


def settings_of(preset, options, corpus):
    """Return everything that all rows of a result folder have in common."""
    return {
        **early_settings(preset, options),
        "corpus": {
            "clips": {name: len(store) for name, store in corpus.splits.items()},
            "fingerprints": {name: store.fingerprint for name, store in corpus.splits.items()},
            "slices": dataclasses.asdict(corpus.slices),
            "synthetic": corpus.synthetic,
        },
        "texts": {"corpus_name": corpus.name, "corpus": corpus.description},
    }


def reproduce(corpus, parametric_fn, preset, rows, options, strategy):
    """Compute the wanted rows that are not there yet and write the report.

    Args:
      corpus: `Corpus` with the splits train, valid and test.
      parametric_fn: function without arguments giving the `Split` of the Parametric row.
      preset: `Preset`.
      rows: rows to compute, from `wavegan_rows.select_rows`.
      options: `Options`.
      strategy: tf.distribute.Strategy.

    Returns:
      The finished `report.Report`, None on a worker that only helps to train.

    Raises:
      Interrupted: Ctrl-C or SIGTERM while training; the same command continues.
      ValueError: the folder holds another configuration, or a row failed.
      OSError: a file cannot be written.
    """
    bench = Workbench(corpus, parametric_fn, preset, options, strategy)
    settings = settings_of(preset, options, corpus)
    if not distribution.is_chief(strategy):
        results = runner.Results(options.out_dir, settings)
        for row in rows:
            if row.trained and results.load(row.slug) is None:
                bench.help_training(row)
        return None
    results = runner.open_results(options.out_dir, settings)
    _merge(results, options)
    status = {}
    try:
        failures = _compute_rows(bench, results, rows, status)
    finally:
        made = write_report(results, status)
    if failures:
        raise ValueError("; ".join(failures))
    return made


def _compute_rows(bench, results, rows, status):
    """Compute the rows in order; fill `status` with what happened to unfinished ones."""
    failures = []
    # The real test set comes first, as all ratios are relative to it.
    rows = sorted(rows, key=lambda row: row.slug != "real_test")
    plan = Plan(
        {row.slug: (row.label, _weight(row, bench.preset)) for row in rows}, bench.options.say
    )
    for row in rows:
        if results.load(row.slug, bench.row_settings(row)):
            plan.cached(row.slug)
            continue
        plan.start(row.slug)
        try:
            bench.compute(row, results)
        except Interrupted:
            status[row.slug] = "interrupted, the same command continues"
            raise
        except NonFiniteError as error:
            # The other rows do not depend on this one, and may take weeks.
            status[row.slug] = "failed"
            failures.append(f"{row.label}: {error}")
            plan.failed(row.slug)
            continue
        plan.finish(row.slug)
        write_report(results, status)
    return failures


def _weight(row, preset):
    """Estimate how long a row takes, in generator iterations; recordings take next to nothing."""
    return preset.steps(row.system) if row.trained else 0


def merge_only(options):
    """Copy the rows of other result folders into this one and write the report.

    Args:
      options: `Options` with `merge`.

    Returns:
      The `report.Report`.

    Raises:
      ValueError: the folders do not belong together; the message names the difference.
    """
    first = options.out_dir
    if not (first / runner.CONFIG).exists():
        first = options.merge[0]
    results = runner.open_results(options.out_dir, runner.read_results(first).settings)
    _merge(results, options)
    return write_report(results)


def _merge(results, options):
    for slug, source in runner.merge(results, options.merge):
        options.say(f"merged row {slug} from {source}")


def write_report(results, status=None):
    """Write table.md, table.html, results.json and the figures of a result folder.

    Args:
      results: `runner.Results`.
      status: {slug: text} for rows without a result.

    Returns:
      The `report.Report`.
    """
    paper = published.load_paper("wavegan")
    human = (paper.tables["human_accuracy"], paper.tables["figure7"])
    columns = [column for table in human for column in table.columns]
    rated = ratings.read_ratings(results.path, [row.slug for row in ROWS], columns)
    made = report.build(
        paper,
        wavegan_headline.headline(results),
        paper.tables["table1"],
        human,
        ROWS,
        results,
        rated,
        status,
    )
    report.write(made, results)
    return made
