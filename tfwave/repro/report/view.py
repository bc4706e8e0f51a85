"""The cells of a report, independent of its format: published beside reproduced values."""

import dataclasses

from tfwave.repro.published import Column, Table, Value
from tfwave.repro.rows import Row

NEEDS_LISTENERS = "\u2014"
NOT_PUBLISHED = "\u2014"
UNKNOWN = "unknown"
NOT_RUN = "not run"


@dataclasses.dataclass(frozen=True)
class Cell:
    """A published value, the reproduced one and their difference, as text.

    Attributes:
      column: the `Column`.
      published: text as printed by the paper, "unknown" where the source could not be read.
      reproduced: text, "not run" or a dash where there is no value.
      difference: signed text of reproduced minus published, empty unless both are numbers.
      values: (published, reproduced) as `Value`, each None where there is none.
    """

    column: Column
    published: str
    reproduced: str
    difference: str
    values: tuple[Value | None, Value | None]

    @property
    def missing(self) -> bool:
        """Return whether there is no reproduced value."""
        return self.values[1] is None


@dataclasses.dataclass(frozen=True)
class RowView:
    """A row: its definition, its result (None when not run), its cells and its status."""

    row: Row
    result: dict | None
    status: str
    cells: tuple[Cell, ...]
    human: tuple[Cell, ...]

    @property
    def done(self) -> bool:
        """Return whether the row is finished."""
        return self.result is not None

    @property
    def counts(self) -> str:
        """Return the counts behind the scores, in words."""
        return self.result["counts"] if self.done else ""


def number(mean: float, digits: int) -> str:
    """Format a number with a true minus sign."""
    text = f"{mean:.{digits}f}"
    if float(text) == 0:
        text = text.lstrip("-")
    return text.replace("-", "\u2212")


def with_pm(value: Value, digits: int) -> str:
    """Format a `Value`: mean, and plus-minus where it has one."""
    text = number(value.mean, digits)
    return text if value.pm is None else f"{text} \u00b1 {number(value.pm, digits)}"


def signed(difference: float, digits: int) -> str:
    """Format a difference with its sign; no sign on zero."""
    text = number(difference, digits)
    return text if text[0] == "\u2212" or float(text) == 0 else f"+{text}"


def cell(column: Column, table: Table | None, key: str, value: Value | None, missing: str) -> Cell:
    """Put a published and a reproduced value side by side.

    Args:
      column: of the cell.
      table: the published table that it is from, None for a column that no paper printed.
      key: of the row.
      value: the reproduced one, or None.
      missing: text to print when there is no reproduced value.
    """
    published = table.value(key, column.key) if table else None
    if published is not None:
        printed = with_pm(published, column.digits)
    else:
        printed = NOT_PUBLISHED if table is None or table.seen else UNKNOWN
    difference = ""
    if published is not None and value is not None:
        difference = signed(value.mean - published.mean, 2)
    reproduced = missing if value is None else with_pm(value, 2)
    return Cell(column, printed, reproduced, difference, (published, value))


def row_view(
    row: Row, result: dict | None, status: str, measured: tuple, judged: tuple, ratings: dict
) -> RowView:
    """Build the view of one row.

    Args:
      row: its definition.
      result: its result.json, None when it is not finished.
      status: text to print in place of missing scores, for example "not run".
      measured: (column, published table or None) of each measured column.
      judged: the same of each column that needs listeners.
      ratings: {column: {mean, pm, n}} of this row.
    """
    scores = result["scores"] if result else {}
    missing = NOT_PUBLISHED if result else status
    cells = tuple(
        cell(column, table, row.key, _value(scores.get(column.key)), missing)
        for column, table in measured
    )
    human = tuple(
        cell(column, table, row.key, _value(ratings.get(column.key)), NEEDS_LISTENERS)
        for column, table in judged
    )
    return RowView(row, result, "" if result else status, cells, human)


def _value(score):
    """Return a `Value` from {mean, pm, n}, None when there is no mean."""
    if not score or score.get("mean") is None:
        return None
    return Value(score["mean"], score.get("pm"), score.get("n"))
