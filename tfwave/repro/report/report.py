"""The report of a paper table: table.md, table.html, results.json and figures.

Everything is made from the result folder alone, so that a report can be rewritten after every row
and from merged rows.
"""

import dataclasses

from tfwave import files
from tfwave.repro import results as runner
from tfwave.repro.report import figures, page, view

NOT_RUN = view.NOT_RUN
_CLIPS_SHOWN = 4


@dataclasses.dataclass(frozen=True)
class Headline:
    """What stands above a table.

    Attributes:
      title: one line that names the table, the preset and the corpus.
      facts: short (name, value) pairs: preset, corpus, seed, ...
      warnings: sentences a reader must see before the numbers.
      notes: sentences below the tables: how everything was measured.
      reference: slug of the row of recordings whose clips stand beside those of the others.
      reference_label: its name beside a clip.
      counts: what the counts under the rows' names count, for the line of each row in table.md.
      about_scores: sentences above the scores, beside what the arrows mean.
      about_clips: sentences above the clips.
    """

    title: str
    facts: tuple = ()
    warnings: tuple = ()
    notes: tuple = ()
    reference: str = "real_test"
    reference_label: str = "Real (test)"
    counts: str = ""
    about_scores: str = ""
    about_clips: str = ""


@dataclasses.dataclass(frozen=True)
class Report:
    """A table with everything that is printed.

    Attributes:
      paper: published `Paper`.
      headline: `Headline`.
      table: published `Table` of the measured columns.
      human_tables: published tables whose columns listeners judge.
      views: one `RowView` per row, in order.
    """

    paper: object
    headline: Headline
    table: object
    human_tables: tuple
    views: tuple

    @property
    def tables(self):
        """All published tables that are printed."""
        return (self.table, *self.human_tables)

    @property
    def own_columns(self):
        """Keys of the measured columns for which the paper has a value in no row."""
        return frozenset(
            column.key
            for i, column in enumerate(self.table.columns)
            if all(v.cells[i].published == view.NOT_PUBLISHED for v in self.views)
        )

    @property
    def human_columns(self):
        """The columns that listeners judge."""
        return tuple(column for table in self.human_tables for column in table.columns)

    @property
    def human_views(self):
        """The rows for which the paper or the ratings file has a listeners' value."""
        return tuple(v for v in self.views if any(any(cell.values) for cell in v.human))

    @property
    def progress(self):
        """How many rows are done, in words."""
        done = sum(v.done for v in self.views)
        return f"{done} of {len(self.views)} rows"


def build(paper, headline, table, human_tables, rows, results, ratings, status=None):
    """Collect a report from a result folder.

    Args:
      paper: published `Paper`.
      headline: `Headline`.
      table: published `Table` of the measured columns.
      human_tables: published tables whose columns listeners judge.
      rows: row definitions in order.
      results: `runner.Results`.
      ratings: {slug: {column: rating}} from `ratings.read_ratings`.
      status: {slug: text} for rows without a result, for example that they were interrupted.

    Returns:
      A `Report`.
    """
    status = status or {}
    views = tuple(
        view.row_view(
            row,
            results.load(row.slug),
            status.get(row.slug, NOT_RUN),
            table,
            human_tables,
            ratings.get(row.slug, {}),
        )
        for row in rows
    )
    return Report(paper, headline, table, tuple(human_tables), views)


def write(report, results):
    """Write table.md, table.html, results.json and the figures into the result folder.

    Args:
      report: `Report`.
      results: `runner.Results` it was built from.
    """
    files.write_json(results.path / "results.json", as_json(report, results))
    files.atomic_write(results.path / "table.md", markdown(report).encode("utf-8"))
    _write_figures(report, results)
    html = page.render(report, results, _CLIPS_SHOWN)
    files.atomic_write(results.path / "table.html", html.encode("utf-8"))


def as_json(report, results):
    """Return everything a program may want from the table: every number with its circumstances."""
    return {
        "title": report.headline.title,
        "paper": {k: v for k, v in dataclasses.asdict(report.paper).items() if k != "tables"},
        "settings": results.settings,
        "warnings": list(report.headline.warnings),
        "notes": list(report.headline.notes),
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
            dataclasses.asdict(column) for column in (*report.table.columns, *report.human_columns)
        ],
        "rows": {v.row.slug: _row_json(v) for v in report.views},
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


def markdown(report):
    """Return the table as Markdown."""
    lines = [f"# {report.headline.title}", ""]
    lines += [f"> **{warning}**  " for warning in report.headline.warnings]
    lines += ["", "; ".join(f"{name}: {value}" for name, value in report.headline.facts), ""]
    lines += _markdown_table(
        report.table.columns, [(v.row.label, v.cells) for v in report.views], report.own_columns
    )
    if report.human_columns:
        lines += ["", "## Judged by listeners", ""]
        lines += _markdown_table(
            report.human_columns, [(v.row.label, v.human) for v in report.human_views]
        )
        lines += ["", f"{view.NEEDS_LISTENERS} under \u201creproduced\u201d: needs listeners."]
    lines += ["", "## Notes", ""]
    lines += [f"- {note}" for note in report.headline.notes]
    lines += [
        f"- Published {_escape(', '.join(column.label for column in table.columns))}: "
        f"{table.source} (seen in: {table.seen_in}"
        + (f"; \u00b1 is {table.pm_is})." if table.seen else ").")
        + (f" {table.note}" if table.note else "")
        for table in report.tables
    ]
    lines += [
        f"- {v.row.label}: {v.counts}{report.headline.counts}." for v in report.views if v.counts
    ]
    return "\n".join(lines) + "\n"


def _markdown_table(columns, rows, own=()):
    """Return the lines of a table with paper, reproduced and difference per column.

    Those whose keys are in `own` have what was reproduced alone.
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


def terminal(report):
    """Return the tables as plain text for a terminal, as wide as their contents.

    A column for which nothing is published shows what was reproduced alone.
    """
    measured = [(v.row.label, v.cells, v.status) for v in report.views]
    lines = [report.headline.title, "", *_grid(report.table.columns, measured, report.own_columns)]
    if report.human_columns:
        judged = [(v.row.label, v.human, "") for v in report.human_views]
        asked = f"Judged by listeners ({view.NEEDS_LISTENERS} where none have been asked)"
        lines += ["", asked, "", *_grid(report.human_columns, judged)]
    return "\n".join([*lines, "", *report.headline.warnings])


def _grid(columns, rows, own=()):
    """Return the lines of a table of (label, cells, status); a status stands for all cells."""
    corner = "reproduced" if len(own) == len(columns) else "reproduced | paper"
    grid = [
        ["", *(f"{c.label} {c.arrow}".rstrip() for c in columns)],
        [corner, *("" for _ in columns)],
    ]
    for label, cells, status in rows:
        texts = (
            [status]
            if status
            else [
                cell.reproduced
                if cell.column.key in own
                else f"{cell.reproduced} | {cell.published}"
                for cell in cells
            ]
        )
        grid.append([label, *texts])
    full = [line for line in grid if len(line) > 2 or len(columns) == 1]
    widths = [max(len(line[i]) for line in full) for i in range(len(grid[0]))]
    widths[0] = max(len(line[0]) for line in grid)
    lines = [
        "  ".join(
            [
                line[0].ljust(widths[0]),
                *(text.rjust(width) for text, width in zip(line[1:], widths[1:], strict=False)),
            ]
        ).rstrip()
        if len(line) == len(widths)
        else f"{line[0].ljust(widths[0])}  {line[1]}"
        for line in grid
    ]
    lines.insert(2, "-" * max(map(len, lines)))
    return lines


def _write_figures(report, results):
    """Write the figures of finished rows that are not there yet, and the scores."""
    folder = results.path / "figures"
    reference = results.load(report.headline.reference)
    for row in report.views:
        made = results.row_dir(row.row.slug) / runner.RESULT
        if row.done and row.result.get("trained"):
            curves = results.row_dir(row.row.slug) / runner.CURVES
            if curves.exists() and _outdated(folder / f"{row.row.slug}_training.pdf", made):
                figure = figures.training_figure(
                    files.read_json(curves), row.row.label, row.row.system
                )
                figures.save(figure, folder / f"{row.row.slug}_training")
        if row.done and reference and _outdated(folder / f"{row.row.slug}_clips.pdf", made):
            _clips_figure(row, report.headline, reference, results, folder)
    if any(row.done for row in report.views):
        figures.save(figures.scores_figure(report.views, report.table.columns), folder / "scores")


def _outdated(figure, source):
    return not figure.exists() or figure.stat().st_mtime < source.stat().st_mtime


def _clips_figure(row, headline, reference, results, folder):
    """Write the spectrograms of a row's clips under those of real clips."""
    clips = row.result["clips"][:_CLIPS_SHOWN]
    own, real = results.row_dir(row.row.slug), results.row_dir(headline.reference)
    if not clips or not reference["clips"]:
        return
    figure = figures.clips_figure(
        [
            page.read_clip(real / page.real_counterpart(clip, i, reference)["file"])
            for i, clip in enumerate(clips)
        ],
        [page.read_clip(own / clip["file"]) for clip in clips],
        row.result["sample_rate"],
        (headline.reference_label, row.row.label),
        [clip["caption"] for clip in clips],
    )
    figures.save(figure, folder / f"{row.row.slug}_clips")
