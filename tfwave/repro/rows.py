"""Rows of a paper's table: their names, and the configuration of each."""

import dataclasses
from collections.abc import Iterable

from tfwave.errors import UserError


@dataclasses.dataclass(frozen=True)
class Row:
    """A row of a table.

    Attributes:
      key: name on the command line and on disk.
      label: name in print.
      system: name of the system that is trained, "" for recordings and the like.
      changes: (name, value) of the fields of the model configuration that differ from the base.
      about: one sentence for the report.
    """

    key: str
    label: str
    system: str = ""
    changes: tuple = ()
    about: str = ""

    @property
    def trained(self) -> bool:
        """Return whether the row is a model (and not a set of recordings)."""
        return bool(self.system)


def make_row(key: str, label: str, system: str = "", about: str = "", **changes) -> Row:
    """Return a `Row` whose configuration has `changes`."""
    return Row(key, label, system, tuple(sorted(changes.items())), about)


def select(rows: Iterable[Row], names: Iterable[str]) -> tuple[Row, ...]:
    """Return the rows called `names`, in the order of the table; all of them without a name.

    Raises:
      UserError: a name is unknown; the message lists the known ones.
    """
    keys = [row.key for row in rows]
    names = [name.strip() for name in names if name.strip()]
    for name in names:
        if name not in keys:
            raise UserError(f"--rows: there is no row {name!r}; the rows are {', '.join(keys)}")
    return tuple(row for row in rows if not names or row.key in names)
