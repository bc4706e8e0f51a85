"""Rows of a paper's table: what they are called and how they differ."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Row:
    """One row of the table.

    Attributes:
      slug: name on the command line and on disk.
      label: name in print.
      system: name of the trained system, "" for recordings.
      changes: fields of the model configuration that differ from the paper's base.
      about: one sentence for the report.
    """

    slug: str
    label: str
    system: str
    changes: tuple = ()
    about: str = ""

    @property
    def trained(self):
        """Whether the row is a model (and not a set of recordings)."""
        return bool(self.system)


def make_row(slug, label, system="", about="", **changes):
    """Return a `Row` whose configuration has `changes`."""
    return Row(slug, label, system, tuple(sorted(changes.items())), about)


def select(known_rows, names, always=()):
    """Return the rows called `names` in their order, and those that are always computed.

    Args:
      known_rows: all rows of the table.
      names: iterable of slugs; empty for all rows.
      always: slugs.

    Raises:
      ValueError: a name is unknown; the message lists the known ones.
    """
    known = [row.slug for row in known_rows]
    names = [name.strip() for name in names if name.strip()]
    for name in names:
        if name not in known:
            raise ValueError(f"--rows: there is no row {name!r}; the rows are {', '.join(known)}")
    wanted = {*(names or known), *always}
    return tuple(row for row in known_rows if row.slug in wanted)
