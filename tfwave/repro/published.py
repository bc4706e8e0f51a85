"""Published values: the numbers that papers printed, with their sources.

Every paper has one file, `tfwave/papers/PAPER/published.json`. A table in it has a `source` (where
the numbers are printed), `seen_in` (who read them: "paper text", "third party", or "not seen") and
`pm_is` (the meaning of the figure after the plus-minus sign). Values of a table that is "not seen"
are unknown; they are printed as unknown and never guessed.
"""

import dataclasses
import json
import pathlib

NOT_SEEN = "not seen"
_FOLDER = pathlib.Path(__file__).resolve().parents[1] / "papers"


@dataclasses.dataclass(frozen=True)
class Value:
    """A value: its mean and, where given, the figure after the plus-minus sign and the count."""

    mean: float
    pm: float | None = None
    n: int | None = None


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a table, published or only measured here.

    Attributes:
      key: name used in result files, for example `inception_score`.
      label: name in print.
      unit: unit in words, empty for a plain number.
      better: "higher", "lower", "closest to X" or "none".
      judged_by: "classifier", "measurement" or "listeners".
      digits: decimals as printed by the paper.
      low, high: smallest and largest possible value, None where there is none.
    """

    key: str
    label: str
    unit: str = ""
    better: str = "none"
    judged_by: str = "measurement"
    digits: int = 2
    low: float | None = None
    high: float | None = None

    @property
    def arrow(self) -> str:
        """Return the direction of improvement as a sign: up, down or towards a value; or ""."""
        return {"higher": "\u2191", "lower": "\u2193", "none": ""}.get(
            self.better, "\u2192 " + self.better.rpartition(" ")[2]
        )


@dataclasses.dataclass(frozen=True)
class Table:
    """A published table: its columns and `values[row key][column key]`."""

    id: str
    source: str
    seen_in: str
    pm_is: str
    note: str
    columns: tuple[Column, ...]
    values: dict[str, dict[str, Value]]

    @property
    def seen(self) -> bool:
        """Return whether a readable source of this table was found."""
        return self.seen_in != NOT_SEEN

    def value(self, row: str, column: str) -> Value | None:
        """Return the published `Value` of a row and column, None when there is none."""
        return self.values.get(row, {}).get(column)


@dataclasses.dataclass(frozen=True)
class Paper:
    """A paper and its published tables by id."""

    title: str
    authors: str
    venue: str
    arxiv: str
    url: str
    tables: dict[str, Table]

    def columns(self, wanted: tuple[Column | str, ...]) -> tuple[tuple[Column, Table | None], ...]:
        """Return columns with the published table that each of them is from.

        Args:
          wanted: in order, ids of published tables, which stand for all of their columns, and
            `Column`s that no paper printed, whose table is None.
        """
        found = []
        for each in wanted:
            table = self.tables[each] if isinstance(each, str) else None
            found += [(column, table) for column in (table.columns if table else (each,))]
        return tuple(found)


def names() -> list[str]:
    """Return the names of the papers whose published tables are here."""
    return sorted(path.parent.name for path in _FOLDER.glob("*/published.json"))


def load_paper(name: str) -> Paper:
    """Read the published tables of a paper.

    Args:
      name: folder of the paper in `tfwave.papers`, for example "wavegan".

    Returns:
      A `Paper`.
    """
    content = json.loads((_FOLDER / name / "published.json").read_text(encoding="utf-8"))
    tables = {table["id"]: _table(table) for table in content.pop("tables")}
    return Paper(tables=tables, **content)


def _table(content: dict) -> Table:
    """Turn one table of the JSON file into a `Table`."""
    values = {
        row: {key: Value(**value) for key, value in cells.items()}
        for row, cells in content["rows"].items()
    }
    return Table(
        id=content["id"],
        source=content["source"],
        seen_in=content["seen_in"],
        pm_is=content["pm_is"],
        note=content["note"],
        columns=tuple(Column(**column) for column in content["columns"]),
        values=values,
    )
