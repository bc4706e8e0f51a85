"""Ratings by listeners, supplied to a report as `ratings.json` in the result folder.

    {
      "wavegan_ps2": {
        "human_accuracy": {"mean": 0.58, "pm": 0.01, "n": 900},
        "quality": {"mean": 2.3, "pm": 0.05, "n": 300}
      }
    }

Rows and columns are named as in the table; `pm` (of the same kind as the paper's plus-minus) and
`n` (answers) are optional.
"""

import math
import pathlib

from tfwave import files
from tfwave.errors import UserError

RATINGS = "ratings.json"
_FIELDS = ("mean", "pm", "n")


def read_ratings(out_dir, rows, columns):
    """Read and check the ratings of a result folder.

    Args:
      out_dir: result folder; a missing file means that there are no ratings.
      rows: keys of the rows of the table.
      columns: the `Column`s that listeners judge.

    Returns:
      {row key: {column key: {"mean": float, "pm": float or None, "n": int or None}}}.

    Raises:
      UserError: naming the file, the row, the column and what is wrong.
    """
    path = pathlib.Path(out_dir) / RATINGS
    if not path.exists():
        return {}
    known = {column.key: column for column in columns}
    content = files.read_json(path)
    if not isinstance(content, dict):
        raise UserError(f'{path}: must be an object of rows, for example {{"ROW": {{}}}}')
    for row, cells in content.items():
        if row not in rows:
            raise UserError(f"{path}: there is no row {row!r}; the rows are {', '.join(rows)}")
        if not isinstance(cells, dict):
            raise UserError(f"{path}: {row} must be an object of columns")
        for key, rating in cells.items():
            if key not in known:
                raise UserError(
                    f"{path}: {row}: listeners do not judge {key!r}; "
                    f"the columns are {', '.join(known)}"
                )
            _check(f"{path}: {row}.{key}", rating, known[key])
    return content


def _check(where, rating, column):
    """Raise UserError unless a rating is well-formed and inside the column's range."""
    if not isinstance(rating, dict) or "mean" not in rating or set(rating) - set(_FIELDS):
        raise UserError(f"{where}: must be an object with mean and, optionally, pm and n")
    for name in _FIELDS:
        value = rating.get(name)
        if value is None and name != "mean":
            continue
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise UserError(f"{where}: {name} must be a number, got {value!r}")
        if not math.isfinite(value):
            raise UserError(f"{where}: {name} must be finite, got {value!r}")
    if not column.low <= rating["mean"] <= column.high:
        raise UserError(
            f"{where}: mean must lie between {column.low} and {column.high}, got {rating['mean']}"
        )
    if (rating.get("pm") or 0) < 0:
        raise UserError(f"{where}: pm must not be negative, got {rating['pm']}")
    n = rating.get("n")
    if n is not None and (n < 1 or n != int(n)):
        raise UserError(f"{where}: n must be a positive whole number, got {n}")
