"""What a report says, before it is Markdown, HTML or JSON: published beside reproduced."""

import dataclasses

from tfwave.repro.published import Value

NEEDS_LISTENERS = "\u2014"
NOT_PUBLISHED = "\u2014"
UNKNOWN = "unknown"
NOT_RUN = "not run"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One published value, the reproduced one and their difference, as text.

    Attributes:
      column: the `Column`.
      published: text as printed by the paper, "unknown" where the source could not be read.
      reproduced: text, "not run" or a dash where there is no value.
      difference: signed text of reproduced minus published, empty unless both are numbers.
      values: (published, reproduced) as `Value`, each None where there is none.
    """

    column: object
    published: str
    reproduced: str
    difference: str
    values: tuple

    @property
    def missing(self):
        """Whether there is no reproduced value."""
        return self.values[1] is None


@dataclasses.dataclass(frozen=True)
class RowView:
    """One row: the definition, its result (None when not run), its cells and its status."""

    row: object
    result: dict | None
    status: str
    cells: tuple
    human: tuple

    @property
    def done(self):
        """Whether the row is finished."""
        return self.result is not None

    @property
    def counts(self):
        """What stands behind the scores: the result's own words, or WaveGAN's clips."""
        if not self.done:
            return ""
        if "counts" in self.result:
            return self.result["counts"]
        scores = self.result["scores"]
        score, distance = scores.get("inception_score", {}), scores.get("d_self", {})
        parts = []
        if score.get("n"):
            parts.append(f"{score['n']:,}")
        if distance.get("n"):
            parts.append(f"{distance['n']:,}")
        return f"{' and '.join(parts)} clips" if parts else ""


def number(mean, digits):
    """Format a number with a true minus sign."""
    text = f"{mean:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "\u2212")


def with_pm(value, digits):
    """Format a `Value`: mean, and plus-minus where it has one."""
    text = number(value.mean, digits)
    return text if value.pm is None else f"{text} \u00b1 {number(value.pm, digits)}"


def signed(difference, digits):
    """Format a difference with its sign; no sign on zero."""
    text = number(difference, digits)
    return text if text[0] == "\u2212" or float(text) == 0 else f"+{text}"


def cell(table, column, slug, value, missing):
    """Put a published and a reproduced value side by side.

    Args:
      table: the published `Table`.
      column: one of its columns.
      slug: row.
      value: reproduced `Value` or None.
      missing: text to print when there is no reproduced value.

    Returns:
      A `Cell`.
    """
    published = table.value(slug, column.key)
    if published is not None:
        printed = with_pm(published, column.digits)
    else:
        printed = NOT_PUBLISHED if table.seen else UNKNOWN
    difference = ""
    if published is not None and value is not None:
        difference = signed(value.mean - published.mean, 2)
    reproduced = missing if value is None else with_pm(value, 2)
    return Cell(column, printed, reproduced, difference, (published, value))


def row_view(row, result, status, table, human_tables, ratings):
    """Build the view of one row.

    Args:
      row: a row definition with `slug`.
      result: its result.json, None when it is not finished.
      status: text to print in place of missing scores, for example "not run".
      table: the published `Table` of the measured columns.
      human_tables: published tables whose columns need listeners.
      ratings: {column: {mean, pm, n}} of this row.

    Returns:
      A `RowView`.
    """
    scores = result["scores"] if result else {}
    cells = tuple(
        cell(
            table,
            column,
            row.slug,
            _value(scores.get(column.key)),
            status if not result else NOT_PUBLISHED,
        )
        for column in table.columns
    )
    human = tuple(
        cell(other, column, row.slug, _value(ratings.get(column.key)), NEEDS_LISTENERS)
        for other in human_tables
        for column in other.columns
    )
    return RowView(row, result, "" if result else status, cells, human)


def _value(score):
    """Return a `Value` from {mean, pm, n}, None when there is no mean."""
    if not score or score.get("mean") is None:
        return None
    return Value(score["mean"], score.get("pm"), score.get("n"))
