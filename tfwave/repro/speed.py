"""Tables of speeds, which need no recordings: what they share, and how a speed is timed."""

import dataclasses
import time

import numpy as np

from tfwave import files
from tfwave.repro import published
from tfwave.repro import results as runner
from tfwave.repro.plan import Plan, counted
from tfwave.repro.report import report


@dataclasses.dataclass(frozen=True)
class SpeedTable:
    """A table whose rows are timed on this machine.

    Attributes:
      name: of the table, in its settings.
      protocol: number that is raised when numbers of the same configuration change.
      paper: name of the published paper's JSON file.
      published: id of its table.
      title: the table's name and paper.
      rows: `Row`s.
      presets: {name: dataclass with a name}.
      measure: function of (row, preset) that returns ({column: {mean, pm, n}}, {fact: value}, what
        was counted, in words).
      notes: sentences on how everything was measured.
      status: {slug: why this row is not measured}.
    """

    name: str
    protocol: int
    paper: str
    published: str
    title: str
    rows: tuple
    presets: dict
    measure: object
    notes: tuple
    status: dict = dataclasses.field(default_factory=dict)


def reproduce(table, preset, out_dir, threads, say=print):
    """Measure every row that the folder does not hold yet, and write table.md and results.json.

    Args:
      table: `SpeedTable`.
      preset: one of the table's.
      out_dir: result folder.
      threads: of the CPU, for the report; TensorFlow's have been set.
      say: function that is given one line of progress.

    Returns:
      The `report.Report`.

    Raises:
      ValueError: the folder holds another configuration.
      OSError: a file cannot be written.
    """
    settings = {
        "table": table.name,
        "protocol": table.protocol,
        "threads": threads,
        "preset": dataclasses.asdict(preset),
    }
    results = runner.open_results(out_dir, settings)
    measured = [row for row in table.rows if row.slug not in table.status]
    plan = Plan({row.slug: (row.label, 1) for row in measured}, say)
    for row in measured:
        if results.load(row.slug, {"row": row.slug}):
            plan.cached(row.slug)
            continue
        plan.start(row.slug)
        scores, facts, counts = table.measure(row, preset)
        result = {
            "label": row.label,
            "trained": False,
            "scores": scores,
            "clips": [],
            "counts": counts,
            "facts": facts,
            "seconds": {},
        }
        results.save(row.slug, {"row": row.slug}, result)
        plan.finish(row.slug)
        _write(table, preset, threads, results)
    return _write(table, preset, threads, results)


def _write(table, preset, threads, results):
    headline = report.Headline(
        title=f"{table.title}: {preset.name} preset, {counted(threads, 'CPU thread')}",
        notes=table.notes,
    )
    paper = published.load_paper(table.paper)
    made = report.build(
        paper, headline, paper.tables[table.published], (), table.rows, results, {}, table.status
    )
    files.write_json(results.path / "results.json", report.as_json(made, results))
    files.atomic_write(results.path / "table.md", report.markdown(made).encode("utf-8"))
    return made


def timed(run, runs):
    """Call a function once, which may compile it, and then `runs` times.

    Returns:
      (what the first call returned, its seconds, those of the others as float array [runs]).
    """
    seconds = []
    for number in range(1 + runs):
        begin = time.perf_counter()
        made = run()
        seconds.append(time.perf_counter() - begin)
        if number == 0:
            first = made
    return first, seconds[0], np.array(seconds[1:])


def spread(values):
    """Median of numbers, \u00b1 half the range between their quartiles: {mean, pm, n}."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return {"mean": float(middle), "pm": float(high - low) / 2, "n": len(values)}
