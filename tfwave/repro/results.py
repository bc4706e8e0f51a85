"""Rows of a paper table on disk: cached by configuration, resumable, and mergeable.

A result folder looks the same for every paper:

    OUT_DIR/config.json               what every row of this folder has in common
    OUT_DIR/rows/SLUG/result.json     one finished row: scores, settings, provenance
    OUT_DIR/rows/SLUG/curves.json     training curves of that row, when it was trained
    OUT_DIR/rows/SLUG/samples/*.wav   clips to listen to
    OUT_DIR/rows/SLUG/train/          training directory (checkpoints, TensorBoard)

A row counts as finished when `result.json` exists with the key of the wanted configuration. A
folder from another configuration is refused with the first setting that differs.
"""

import dataclasses
import hashlib
import json
import math
import pathlib
import shutil

from tfwave import files
from tfwave.repro import provenance

CONFIG = "config.json"
RESULT = "result.json"
CURVES = "curves.json"

# Two machines add floating point numbers in different orders, so the same row computed on both
# agrees to about five digits; a larger difference is another experiment.
_SAME_SCORE = 1e-3

# Words for the report that change no number: what a folder is called and what was found in it.
_TEXTS = ("texts",)
# Settings that may differ between machines whose rows are put into one table. Each row's own
# result.json still records them.
_LOCAL_SETTINGS = (*_TEXTS, "precision")


class ConfigurationError(ValueError):
    """A result folder or a row belongs to another configuration."""


def key_of(*settings):
    """Return 16 hexadecimal digits that identify JSON-able settings."""
    text = json.dumps(settings, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()[:16]


def first_difference(wanted, found, ignore=()):
    """Name the first setting in which two nested dictionaries differ.

    Args:
      wanted: settings of this run.
      found: settings found on disk.
      ignore: top-level names that are not compared.

    Returns:
      A phrase such as "preset.batch_size is 64 there and 16 here", or None when all agree.
    """
    for path, here, there in _differences(_plain(wanted), _plain(found), ()):
        if path and path[0] in ignore:
            continue
        return f"{'.'.join(path)} is {_show(there)} there and {_show(here)} here"
    return None


def _plain(settings):
    """Return settings as they look after a round trip through JSON (tuples become lists)."""
    return json.loads(json.dumps(settings))


def _differences(wanted, found, path):
    """Yield (path, wanted, found) for every leaf that differs, in the order of `wanted`."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for name in [*wanted, *(name for name in found if name not in wanted)]:
            yield from _differences(wanted.get(name), found.get(name), (*path, name))
    elif wanted != found:
        yield path, wanted, found


def _show(value):
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)


@dataclasses.dataclass(frozen=True)
class Results:
    """A result folder that belongs to `settings`."""

    path: pathlib.Path
    settings: dict

    def row_dir(self, slug):
        """Return the folder of a row (it need not exist)."""
        return self.path / "rows" / slug

    def key(self, row_settings):
        """Return the key of a row: a hash over everything that changes its numbers."""
        shared = {k: v for k, v in self.settings.items() if k not in _LOCAL_SETTINGS}
        return key_of(_plain(shared), _plain(row_settings))

    def load(self, slug, row_settings=None):
        """Return the result of a finished row, None when it is not finished.

        Raises:
          ConfigurationError: the row was made with other settings than `row_settings`.
        """
        path = self.row_dir(slug) / RESULT
        if not path.exists():
            return None
        result = files.read_json(path)
        if row_settings is not None and result.get("key") != self.key(row_settings):
            difference = first_difference(row_settings, result.get("row_settings", {}))
            raise ConfigurationError(
                f"{path}: this row was made with another configuration "
                f"({difference or 'of another version of tfwave'}); "
                f"delete {path.parent} to compute it again"
            )
        return result

    def save(self, slug, row_settings, result):
        """Write the result of a finished row, with its settings and provenance."""
        files.write_json(
            self.row_dir(slug) / RESULT,
            {
                **result,
                "slug": slug,
                "key": self.key(row_settings),
                "settings": self.settings,
                "row_settings": _plain(row_settings),
                "provenance": provenance.collect(),
            },
        )


def check_folder(out_dir, settings):
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
    found = files.read_json(path)
    known = {name: value for name, value in found.items() if name in settings}
    difference = first_difference(settings, known, _TEXTS)
    if difference:
        raise ConfigurationError(
            f"{out_dir}: this folder holds results of another configuration ({difference}); "
            "give another --out_dir or the flags it was made with"
        )


def claim_folder(out_dir, settings):
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


def open_results(out_dir, settings):
    """Open or create a result folder for `settings`.

    Raises:
      ConfigurationError: the folder belongs to other settings.
      OSError: the folder cannot be created or written to.
    """
    path = pathlib.Path(out_dir)
    check_folder(path, settings)
    files.write_json(path / CONFIG, settings)
    return Results(path, _plain(settings))


def read_results(out_dir):
    """Open an existing result folder with the settings it was made with.

    Raises:
      ConfigurationError: the folder has no configuration, so it is not a result folder.
    """
    path = pathlib.Path(out_dir)
    if not (path / CONFIG).is_file():
        raise ConfigurationError(f"{path}: not a result folder (it has no {CONFIG})")
    return Results(path, files.read_json(path / CONFIG))


def merge(results, sources):
    """Copy the finished rows of other result folders into this one.

    Checkpoints and TensorBoard logs stay where they are; scores, curves and clips are copied.

    Args:
      results: the `Results` to copy into.
      sources: paths of result folders made elsewhere with the same settings.

    Returns:
      A list of (slug, source) of the rows that were copied.

    Raises:
      ConfigurationError: a folder has other settings, or the same row has other numbers there.
    """
    copied = []
    for source in sources:
        other = read_results(source)
        difference = first_difference(results.settings, other.settings, _LOCAL_SETTINGS)
        if difference:
            raise ConfigurationError(f"{source}: cannot be merged: {difference}")
        for path in sorted(other.path.glob(f"rows/*/{RESULT}")):
            slug = path.parent.name
            theirs, mine = files.read_json(path), results.load(slug)
            _check_same_scorer(results, theirs, source)
            if mine is None:
                _copy_row(path.parent, results.row_dir(slug), theirs)
                copied.append((slug, str(source)))
            else:
                _check_same_scores(slug, mine, theirs, source)
    return copied


def _check_same_scorer(results, theirs, source):
    """Refuse a row that another classifier scored than the rows already here."""
    for path in sorted(results.path.glob(f"rows/*/{RESULT}")):
        mine = files.read_json(path)
        difference = first_difference(
            {"classifier": mine["row_settings"].get("classifier")},
            {"classifier": theirs["row_settings"].get("classifier")},
        )
        if difference:
            raise ConfigurationError(
                f"{source}: cannot be merged: row {theirs['slug']}: {difference}; "
                "give every machine the same --classifier"
            )
        return


def _check_same_scores(slug, mine, theirs, source):
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
                f"{source}: row {slug} is here already with other numbers: {name} is {there} "
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
