"""The engine: computes the rows of a table that a result folder does not hold yet, and reports."""

import dataclasses

import tensorflow as tf

from tfwave import compat
from tfwave.audio.world import MissingPackage
from tfwave.errors import UserError
from tfwave.repro import provenance, published, ratings
from tfwave.repro import results as runner
from tfwave.repro.experiment import Experiment
from tfwave.repro.plan import Plan
from tfwave.repro.report import report
from tfwave.repro.rows import Row, select
from tfwave.repro.table import Options, Table
from tfwave.training import distribution
from tfwave.training.guard import NonFiniteError
from tfwave.training.interrupts import Interrupted


def reproduce(
    table: Table, options: Options, strategy: tf.distribute.Strategy | None = None
) -> report.Report | None:
    """Compute the selected rows that are missing; write the report after each of them.

    A row whose training diverges, or whose package is missing, is marked, and the next one is
    computed. With `options.merge` and without `options.rows` nothing is computed.

    Args:
      table: the table.
      options: of this run.
      strategy: by default one device. Of several workers the chief alone writes the result folder.

    Returns:
      The finished report, None on a worker that only helps to train. It is also written when a row
      fails or is interrupted.

    Raises:
      Interrupted: Ctrl-C or SIGTERM while training; the same command continues.
      UserError: the folder holds another configuration, the corpus does not fit the table, or
        rows diverged.
      OSError: a file cannot be written.
    """
    strategy = strategy or tf.distribute.get_strategy()
    table.check_preset(options.preset)
    options = dataclasses.replace(options, precision=_precision(table, options.precision))
    if options.merge and not options.rows:
        return _merge_only(table, options) if distribution.is_chief(strategy) else None
    experiment = table.experiment(table, table.presets()[options.preset], options, strategy)
    rows, settings = select(experiment.rows, options.rows), experiment.folder_settings()
    if not distribution.is_chief(strategy):
        runner.check_folder(options.out_dir, settings)
        experiment.prepare()
        distribution.wait_for_all(strategy)
        _assist(experiment, runner.Results(options.out_dir, settings), rows)
        return None
    runner.claim_folder(options.out_dir, settings)
    results = runner.open_results(options.out_dir, {**settings, **experiment.prepare()})
    _merge(table, options, results)
    distribution.wait_for_all(strategy)
    return _Run(experiment, results).compute(rows)


def _precision(table, name):
    if name == "auto":
        return compat.default_precision() if len(table.precisions) > 1 else table.precisions[0]
    if name not in table.precisions:
        offered = " or ".join(table.precisions)
        raise UserError(f"--precision: {table.key} is computed in {offered}, not in {name}")
    return name


def _assist(experiment, results, rows):
    """Help the chief to train the rows that it computes, in its order."""
    for row in _in_order(experiment, rows, lambda row: results.load(row.key)):
        if row.trained and results.load(row.key) is None:
            try:
                experiment.assist(row)
            except NonFiniteError:
                continue  # the chief marks the row and goes on as well


def _in_order(experiment, rows, is_finished):
    """Return the rows that can be computed, each after those that it is computed from."""
    ordered = {}
    for row in rows:
        if row.key not in experiment.status():
            needed = () if is_finished(row) else experiment.needs(row)
            ordered.update({each.key: each for each in (*needed, row) if each.key not in ordered})
    return tuple(ordered.values())


class _Run:
    """The rows of one call of `reproduce` on the chief, and their outcomes."""

    def __init__(self, experiment: Experiment, results: runner.Results):
        self._experiment, self._table = experiment, experiment.table
        self._results, self._options = results, experiment.options
        self._status = dict(experiment.status())
        self._failures = []

    def compute(self, rows: tuple[Row, ...]) -> report.Report:
        """Compute the rows in order; raise UserError at the end when some diverged."""
        experiment = self._experiment
        rows = _in_order(experiment, rows, self._is_finished)
        labels = {row.key: (row.label, experiment.weight(row)) for row in rows}
        plan = Plan(labels, self._options.report_progress)
        written = None
        try:
            for row in rows:
                if self._is_finished(row):
                    plan.cached(row.key)
                    continue
                plan.start(row.key)
                why = self._compute(row)
                if why:
                    plan.failed(row.key, why)
                else:
                    plan.finish(row.key)
                    written = self._write()
        finally:
            if written is None or self._status != experiment.status():
                written = self._write()
        if self._failures:
            raise UserError("; ".join(self._failures))
        return written

    def _is_finished(self, row):
        """Return whether a row is complete; see `Table.optional` and `Table.cached`."""
        if not self._table.cached:
            return False
        done = self._results.load(row.key, self._experiment.settings(row))
        if not done or not provenance.installed_since(done, self._table.optional):
            return bool(done)
        # Measured again where that is cheap; workers that train together would have to agree.
        has_weights = not row.trained or (self._results.row_dir(row.key) / "train").is_dir()
        return not has_weights or distribution.worker_count(self._experiment.strategy) > 1

    def _compute(self, row):
        """Compute a row; return why it has no result, None when it has one."""
        missing = [
            need.label for need in self._experiment.needs(row) if not self._results.load(need.key)
        ]
        if missing:
            self._status[row.key] = f"needs {', '.join(missing)}"
            return f"left out, as it {self._status[row.key]}"
        try:
            self._experiment.compute(row, self._results)
        except Interrupted:
            self._status[row.key] = "interrupted, the same command continues"
            raise
        except NonFiniteError as error:
            # The other rows do not depend on this one, and may take weeks.
            self._status[row.key] = "diverged"
            self._failures.append(f"{row.label}: {error}")
            return f"{error}; going on with the next row"
        except MissingPackage as error:
            self._status[row.key] = f"needs {error.package}"
            return f"left out, {error}"
        return None

    def _write(self):
        return write_report(self._experiment, self._results, self._status)


def _merge_only(table, options):
    """Copy the rows of other result folders into this one and write the report."""
    first = options.out_dir
    if not (first / runner.CONFIG).exists():
        first = options.merge[0]
    settings = runner.read_results(first).settings
    if settings.get("table") != table.key:
        raise runner.ConfigurationError(f"{first}: not a result folder of {table.key}")
    results = runner.open_results(options.out_dir, settings)
    _merge(table, options, results)
    preset = settings.get("preset", {}).get("name", table.preset)
    experiment = table.experiment(table, table.presets()[preset], options)
    return write_report(experiment, results)


def _merge(table, options, results):
    for key, source in runner.merge(results, options.merge, table.agreeing):
        options.report_progress(f"merged row {key} from {source}")


def write_report(
    experiment: Experiment, results: runner.Results, status: dict | None = None
) -> report.Report:
    """Write the report of a result folder.

    Args:
      experiment: experiment of the table; it need not be prepared.
      results: the result folder.
      status: {row key: why this row has no result}; the table's own without it.
    """
    table = experiment.table
    paper = published.load_paper(table.paper)
    judged = [column for column, _ in paper.columns(table.listeners)]
    rated = {}
    if judged:
        rated = ratings.read_ratings(results.path, [row.key for row in experiment.rows], judged)
    experiment.draw(results)
    made = report.build(
        paper,
        experiment.header(results),
        table.columns,
        table.listeners,
        experiment.rows,
        results,
        rated,
        table.status if status is None else status,
    )
    report.write(made, results, table.with_page)
    return made
