"""Rows of a paper table on disk: cached by configuration, resumable, and mergeable.

A result folder looks the same for every paper:

    OUT_DIR/config.json               the settings that all rows of this folder share
    OUT_DIR/rows/ROW/result.json      one finished row: scores, settings, provenance
    OUT_DIR/rows/ROW/curves.json      training curves of that row, when it was trained
    OUT_DIR/rows/ROW/samples/*.wav    clips to listen to
    OUT_DIR/rows/ROW/train/           training directory (checkpoints, TensorBoard)

A row counts as finished when `result.json` exists with the requested settings. A folder of other
settings is refused with the first one that differs.
"""

import dataclasses
import hashlib
import json
import math
import pathlib
import shutil
from collections.abc import Iterable

from tfwave import files
from tfwave.errors import UserError
from tfwave.repro import legacy, provenance

CONFIG = "config.json"
RESULT = "result.json"
CURVES = "curves.json"

# Two machines add floating point numbers in different orders, so the same row computed on both
# agrees to about five digits; a larger difference is another experiment.
_SAME_SCORE = 1e-3

# Words for the report that change no number: the name of the corpus and its description.
_TEXTS = ("texts",)
# Settings that may differ between machines whose rows are put into one table. Each row's own
# result.json still records them.
_LOCAL_SETTINGS = (*_TEXTS, "precision")


class ConfigurationError(UserError):
    """A result folder or row that belongs to another configuration."""


def key_of(*settings) -> str:
    """Return 16 hexadecimal digits that identify JSON-able settings."""
    text = json.dumps(settings, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


@dataclasses.dataclass(frozen=True)
class Results:
    """A result folder that belongs to `settings`."""

    path: pathlib.Path
    settings: dict

    def row_dir(self, key: str) -> pathlib.Path:
        """Return the folder of a row (it need not exist)."""
        return self.path / "rows" / key

    def load(self, key: str, row_settings: dict | None = None) -> dict | None:
        """Return the result of a finished row, None when it is not finished.

        Args:
          key: of the row.
          row_settings: settings of the row, beside those of the folder; None to accept the row as
            it is.

        Raises:
          ConfigurationError: the row was made with other settings.
        """
        path = self.row_dir(key) / RESULT
        if not path.exists():
            return None
        result = legacy.upgrade_result(files.read_json(path))
        if row_settings is not None:
            difference = _difference(self.settings, result["settings"], _LOCAL_SETTINGS)
            difference = difference or files.first_difference(
                legacy.upgrade_settings(row_settings), result["row_settings"]
            )
            if difference:
                raise ConfigurationError(
                    f"{path}: this row was made with another configuration ({difference}); "
                    f"delete {path.parent} to compute it again"
                )
        return result

    def save(self, key: str, row_settings: dict, result: dict) -> None:
        """Write the result of a finished row, with its settings and provenance."""
        shared = {k: v for k, v in self.settings.items() if k not in _LOCAL_SETTINGS}
        files.write_json(
            self.row_dir(key) / RESULT,
            {
                **result,
                "slug": key,
                "key": key_of(shared, row_settings),
                "settings": self.settings,
                "row_settings": row_settings,
                "provenance": provenance.collect(),
            },
        )


def _difference(wanted, found, ignore=()):
    """Name the first setting of a folder that differs from those found on disk.

    A setting missing on disk was added by a later version and is not compared, except the table.
    """
    known = {name: value for name, value in found.items() if name in wanted}
    if "table" in wanted:
        known.setdefault("table", None)
    return files.first_difference(legacy.upgrade_settings(wanted), {**wanted, **known}, ignore)


def check_folder(out_dir, settings: dict) -> None:
    """Refuse a result folder that belongs to other settings; a missing one is fine.

    Args:
      out_dir: the result folder.
      settings: settings to compare; names that are not in it are not compared.

    Raises:
      ConfigurationError: with the first difference.
    """
    path = pathlib.Path(out_dir) / CONFIG
    if not path.exists():
        return
    difference = _difference(settings, legacy.upgrade_settings(files.read_json(path)), _TEXTS)
    if difference:
        raise ConfigurationError(
            f"{out_dir}: this folder holds results of another configuration ({difference}); "
            "give another --out_dir or the flags it was made with"
        )


def claim_folder(out_dir, settings: dict) -> None:
    """Create a result folder, or refuse it before anything is computed for it.

    Args:
      out_dir: the result folder.
      settings: as for `check_folder`.

    Raises:
      ConfigurationError: the folder belongs to other settings.
      OSError: the folder cannot be created or written to.
    """
    check_folder(out_dir, settings)
    probe = pathlib.Path(out_dir) / ".writable"
    files.atomic_write(probe, b"")
    probe.unlink(missing_ok=True)


def open_results(out_dir, settings: dict) -> Results:
    """Open or create a result folder for `settings`.

    Raises:
      ConfigurationError: the folder belongs to other settings.
      OSError: the folder cannot be created or written to.
    """
    path = pathlib.Path(out_dir)
    check_folder(path, settings)
    files.write_json(path / CONFIG, settings)
    return Results(path, json.loads(json.dumps(settings)))


def read_results(out_dir) -> Results:
    """Open an existing result folder with the settings it was made with.

    Raises:
      ConfigurationError: the folder has no configuration, so it is not a result folder.
    """
    path = pathlib.Path(out_dir)
    if not (path / CONFIG).is_file():
        raise ConfigurationError(f"{path}: not a result folder (it has no {CONFIG})")
    return Results(path, legacy.upgrade_settings(files.read_json(path / CONFIG)))


def merge(results: Results, sources: Iterable, agreeing: tuple[str, ...] = ()) -> list:
    """Copy the finished rows of other result folders into this one.

    Checkpoints and TensorBoard logs stay where they are; scores, curves and clips are copied.

    Args:
      results: the `Results` to copy into.
      sources: paths of result folders made elsewhere with the same settings.
      agreeing: names of row settings that must be the same in all rows.

    Returns:
      A list of (key, source) of the rows that were copied.

    Raises:
      ConfigurationError: a folder has other settings, or the same row has other numbers there.
    """
    copied = []
    for source in sources:
        other = read_results(source)
        difference = _difference(results.settings, other.settings, _LOCAL_SETTINGS)
        if difference:
            raise ConfigurationError(f"{source}: cannot be merged: {difference}")
        for path in sorted(other.path.glob(f"rows/*/{RESULT}")):
            key = path.parent.name
            theirs, mine = other.load(key), results.load(key)
            _check_agreement(results, theirs, source, agreeing)
            if mine is None:
                _copy_row(path.parent, results.row_dir(key), theirs)
                copied.append((key, str(source)))
            else:
                _check_same_scores(key, mine, theirs, source)
    return copied


def _check_agreement(results, theirs, source, names):
    """Refuse a row made with other settings, such as another classifier, than the rows here."""
    for path in sorted(results.path.glob(f"rows/*/{RESULT}")):
        mine = files.read_json(path)
        here, there = (
            {name: result["row_settings"].get(name) for name in names} for result in (mine, theirs)
        )
        difference = files.first_difference(here, there)
        if difference:
            raise ConfigurationError(
                f"{source}: cannot be merged: row {theirs['slug']}: {difference}; "
                f"give every machine the same --{difference.split()[0]}"
            )
        return


def _check_same_scores(key, mine, theirs, source):
    """Refuse a row that exists on both sides with other numbers."""
    for name in sorted({*mine["scores"], *theirs["scores"]}):
        here = mine["scores"].get(name, {}).get("mean")
        there = theirs["scores"].get(name, {}).get("mean")
        same = (
            here == there
            if None in (here, there)
            else math.isclose(here, there, rel_tol=_SAME_SCORE, abs_tol=1e-6)
        )
        if not same:
            raise ConfigurationError(
                f"{source}: row {key} is here already with other numbers: {name} is {there} "
                f"there and {here} here; delete the row on one side"
            )


def _copy_row(source, target, result):
    """Copy one row without its training directory; `result.json` last, as it marks the end."""
    if target.is_dir():
        for name in ("samples", CURVES):
            _remove(target / name)
    target.mkdir(parents=True, exist_ok=True)
    if (source / "samples").is_dir():
        shutil.copytree(source / "samples", target / "samples")
    if (source / CURVES).exists():
        shutil.copyfile(source / CURVES, target / CURVES)
    files.write_json(target / RESULT, {**result, "merged": True})


def _remove(path):
    if path.is_dir():
        shutil.rmtree(path)
    elif path.exists():
        path.unlink()
