"""The report of a paper table: table.md, table.html, results.json and figures.

Everything is made from the result folder alone, so that a report can be rewritten after every row
and from merged rows.
"""

import dataclasses

from tfwave import files
from tfwave.repro import published
from tfwave.repro import results as runner
from tfwave.repro.report import figures, page, view

NOT_RUN = view.NOT_RUN
_CLIPS_SHOWN = 4


@dataclasses.dataclass(frozen=True)
class ReportHeader:
    """The title, facts and notes of a table.

    Attributes:
      title: one line that names the table, the preset and the corpus.
      facts: short (name, value) pairs: preset, corpus, seed, ...
      warnings: sentences a reader must see before the numbers.
      notes: sentences below the tables: how everything was measured.
      reference: key of the row of recordings whose clips stand beside those of the others.
      reference_label: its name beside a clip.
      counts: meaning of the counts under the rows' names, for the line of each row in table.md.
      about_scores: sentences above the scores, beside what the arrows mean.
      about_clips: sentences above the clips.
    """

    title: str
    facts: tuple = ()
    warnings: tuple = ()
    notes: tuple = ()
    reference: str = ""
    reference_label: str = "Recording"
    counts: str = ""
    about_scores: str = ""
    about_clips: str = ""


@dataclasses.dataclass(frozen=True)
class Report:
    """A table with all of its printed text.

    Attributes:
      paper: published `Paper`.
      header: `ReportHeader`.
      measured: (column, published table or None) of each column that is measured.
      judged: the same of each column that listeners judge.
      views: one `RowView` per row, in order.
    """

    paper: published.Paper
    header: ReportHeader
    measured: tuple
    judged: tuple
    views: tuple[view.RowView, ...]

    @property
    def tables(self) -> tuple[published.Table, ...]:
        """Return the published tables that are printed."""
        found = (table for _, table in (*self.measured, *self.judged) if table)
        return tuple({table.id: table for table in found}.values())

    @property
    def columns(self) -> tuple[published.Column, ...]:
        """Return the columns that are measured."""
        return tuple(column for column, _ in self.measured)

    @property
    def human_columns(self) -> tuple[published.Column, ...]:
        """Return the columns that listeners judge."""
        return tuple(column for column, _ in self.judged)

    @property
    def own_columns(self) -> frozenset:
        """Return the keys of the measured columns for which the paper has a value in no row."""
        return frozenset(
            column.key
            for i, column in enumerate(self.columns)
            if all(v.cells[i].published == view.NOT_PUBLISHED for v in self.views)
        )

    @property
    def human_views(self):
        """Return the rows for which the paper or the ratings file has a listeners' value."""
        return tuple(v for v in self.views if any(any(cell.values) for cell in v.human))

    @property
    def progress(self):
        """Return the number of finished rows in words."""
        done = sum(v.done for v in self.views)
        return f"{done} of {len(self.views)} rows"


def build(
    paper: published.Paper,
    header: ReportHeader,
    columns: tuple,
    listeners: tuple[str, ...],
    rows: tuple,
    results: runner.Results,
    ratings: dict,
    status: dict | None = None,
) -> Report:
    """Collect a report from a result folder.

    Args:
      paper: with the published tables.
      header: `ReportHeader` of the table.
      columns: measured columns: ids of published tables, and columns that no paper printed.
      listeners: ids of published tables whose columns listeners judge.
      rows: row definitions in order.
      results: the result folder.
      ratings: {row: {column: rating}} from `ratings.read_ratings`.
      status: {row: text} for rows without a result, for example that they were interrupted.
    """
    status = status or {}
    measured, judged = paper.columns(columns), paper.columns(listeners)
    views = tuple(
        view.row_view(
            row,
            results.load(row.key),
            status.get(row.key, NOT_RUN),
            measured,
            judged,
            ratings.get(row.key, {}),
        )
        for row in rows
    )
    return Report(paper, header, measured, judged, views)


def write(report: Report, results: runner.Results, with_page: bool = True) -> None:
    """Write the report into the result folder.

    Args:
      report: the report.
      results: the result folder it was built from.
      with_page: whether to write table.html and figures/ beside table.md and results.json.
    """
    files.write_json(results.path / "results.json", as_json(report, results))
    files.atomic_write(results.path / "table.md", markdown(report).encode("utf-8"))
    if with_page:
        _write_figures(report, results)
        html = page.render(report, results, _CLIPS_SHOWN)
        files.atomic_write(results.path / "table.html", html.encode("utf-8"))


def as_json(report: Report, results: runner.Results) -> dict:
    """Return the table for programs: every number with its configuration and provenance."""
    return {
        "title": report.header.title,
        "paper": {k: v for k, v in dataclasses.asdict(report.paper).items() if k != "tables"},
        "settings": results.settings,
        "warnings": list(report.header.warnings),
        "notes": list(report.header.notes),
        "published": {
            table.id: {
                "source": table.source,
                "seen_in": table.seen_in,
                "pm_is": table.pm_is,
                "note": table.note,
            }
            for table in report.tables
        },
        "columns": [
            dataclasses.asdict(column) for column in (*report.columns, *report.human_columns)
        ],
        "rows": {v.row.key: _row_json(v) for v in report.views},
    }


def _row_json(row):
    """Return one row of results.json."""
    values = {}
    for cell in (*row.cells, *row.human):
        published, reproduced = cell.values
        both = published is not None and reproduced is not None
        values[cell.column.key] = {
            "published": dataclasses.asdict(published)
            if published
            else ("unknown" if cell.published == view.UNKNOWN else None),
            "reproduced": dataclasses.asdict(reproduced) if reproduced else None,
            "difference": reproduced.mean - published.mean if both else None,
        }
    return {
        "label": row.row.label,
        "status": "done" if row.done else row.status,
        "values": values,
        "result": row.result,
    }


def markdown(report: Report) -> str:
    """Return the table as Markdown."""
    lines = [f"# {report.header.title}", ""]
    lines += [f"> **{warning}**  " for warning in report.header.warnings]
    lines += ["", "; ".join(f"{name}: {value}" for name, value in report.header.facts), ""]
    lines += _markdown_table(
        report.columns, [(v.row.label, v.cells) for v in report.views], report.own_columns
    )
    if report.human_columns:
        lines += ["", "## Judged by listeners", ""]
        lines += _markdown_table(
            report.human_columns, [(v.row.label, v.human) for v in report.human_views]
        )
        lines += ["", f"{view.NEEDS_LISTENERS} under \u201creproduced\u201d: needs listeners."]
    lines += ["", "## Notes", ""]
    lines += [f"- {note}" for note in report.header.notes]
    lines += [
        f"- Published {_escape(', '.join(column.label for column in table.columns))}: "
        f"{table.source} (seen in: {table.seen_in}"
        + (f"; \u00b1 is {table.pm_is})." if table.seen else ").")
        + (f" {table.note}" if table.note else "")
        for table in report.tables
    ]
    lines += [
        f"- {v.row.label}: {v.counts}{report.header.counts}." for v in report.views if v.counts
    ]
    return "\n".join(lines) + "\n"


def _markdown_table(columns, rows, own=()):
    """Return the lines of a table with paper, reproduced and difference per column.

    Columns whose keys are in `own` show reproduced values only.
    """
    head = ["System"]
    for column in columns:
        name = f"{_escape(column.label)} {column.arrow}".rstrip()
        name += f" ({column.unit})" if column.unit else ""
        head += [name] if column.key in own else [f"{name}: paper", "reproduced", "difference"]
    lines = [_markdown_line(head), _markdown_line(["---", *["---:"] * (len(head) - 1)])]
    for label, cells in rows:
        line = [label]
        for cell in cells:
            alone = cell.column.key in own
            line += (
                [cell.reproduced] if alone else [cell.published, cell.reproduced, cell.difference]
            )
        lines.append(_markdown_line(line))
    return lines


def _markdown_line(cells):
    return f"| {' | '.join(cells)} |"


def _escape(text):
    return text.replace("|", "\\|")


def terminal(report: Report) -> str:
    """Return the tables as plain text for a terminal, as wide as their contents.

    A column without published values shows reproduced values only.
    """
    measured = [(v.row.label, v.cells, v.status) for v in report.views]
    lines = [report.header.title, "", *_grid(report.columns, measured, report.own_columns)]
    if report.human_columns:
        judged = [(v.row.label, v.human, "") for v in report.human_views]
        asked = f"Judged by listeners ({view.NEEDS_LISTENERS} where none have been asked)"
        lines += ["", asked, "", *_grid(report.human_columns, judged)]
    return "\n".join([*lines, "", *report.header.warnings])


def _grid(columns, rows, own=()):
    """Return the lines of a table of (label, cells, status); a status stands for all cells."""
    corner = "reproduced" if len(own) == len(columns) else "reproduced | paper"
    grid = [["", *(f"{c.label} {c.arrow}".rstrip() for c in columns)]]
    grid.append([corner, *[""] * len(columns)])
    for label, cells, status in rows:
        pairs = [(c.reproduced, *(() if c.column.key in own else (c.published,))) for c in cells]
        grid.append([label, *("" if status else " | ".join(pair) for pair in pairs)])
    widths = [max(map(len, texts)) for texts in zip(*grid, strict=True)]
    lines = [
        "  ".join([line[0].ljust(widths[0]), *map(str.rjust, line[1:], widths[1:])]).rstrip()
        for line in grid
    ]
    for number, (label, _, status) in enumerate(rows, 2):
        if status:
            lines[number] = f"{label.ljust(widths[0])}  {status}"
    lines.insert(2, "-" * max(map(len, lines)))
    return lines


def _write_figures(report, results):
    """Write the figures of finished rows that are not there yet, and the scores."""
    folder = results.path / "figures"
    reference = results.load(report.header.reference)
    for row in report.views:
        made = results.row_dir(row.row.key) / runner.RESULT
        if row.done and row.result.get("trained"):
            curves = results.row_dir(row.row.key) / runner.CURVES
            if curves.exists() and _outdated(folder / f"{row.row.key}_training.pdf", made):
                figure = figures.training_figure(
                    files.read_json(curves), row.row.label, row.row.system
                )
                figures.save(figure, folder / f"{row.row.key}_training")
        if row.done and reference and _outdated(folder / f"{row.row.key}_clips.pdf", made):
            _clips_figure(row, report.header, reference, results, folder)
    if any(row.done for row in report.views):
        figures.save(figures.scores_figure(report.views, report.columns), folder / "scores")


def _outdated(figure, source):
    return not figure.exists() or figure.stat().st_mtime < source.stat().st_mtime


def _clips_figure(row, header, reference, results, folder):
    """Write the spectrograms of a row's clips under those of real clips."""
    clips = row.result["clips"][:_CLIPS_SHOWN]
    own, real = results.row_dir(row.row.key), results.row_dir(header.reference)
    if not clips or not reference["clips"]:
        return
    figure = figures.clips_figure(
        [
            page.read_clip(real / page.real_counterpart(clip, i, reference)["file"])
            for i, clip in enumerate(clips)
        ],
        [page.read_clip(own / clip["file"]) for clip in clips],
        row.result["sample_rate"],
        (header.reference_label, row.row.label),
        [clip["caption"] for clip in clips],
    )
    figures.save(figure, folder / f"{row.row.key}_clips")
