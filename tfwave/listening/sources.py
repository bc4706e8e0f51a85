"""Sources of the clips of a test: the result folder of a paper's table, or plain folders."""

import csv
import dataclasses
import os
import pathlib
import re

from tfwave import files
from tfwave.audio.files import require_audio
from tfwave.data.layouts.clips import DIGITS
from tfwave.errors import UserError
from tfwave.repro import published

_DIGIT = re.compile(rf"({'|'.join(DIGITS)}|[0-9])(?![a-z0-9])", re.IGNORECASE)
LABELS = "labels.csv"


@dataclasses.dataclass(frozen=True)
class Clip:
    """One clip.

    Attributes:
      path: of the file.
      origin: where it came from, without the machine's folders.
      name: of what is said or played; clips of the same name are compared.
      digit: that is spoken, None where that is not known.
    """

    path: pathlib.Path
    origin: str
    name: str
    digit: int | None = None


@dataclasses.dataclass(frozen=True)
class Group:
    """Clips that share one result: those of a system, or of a pair of systems.

    Attributes:
      key: name on disk.
      label: name in print.
      items: a tuple of `Clip`s for each item: one, or for a pair the first and the second.
    """

    key: str
    label: str
    items: tuple


@dataclasses.dataclass(frozen=True)
class PaperTable:
    """Contents of the result folder of a table.

    Attributes:
      folder: the result folder.
      title: of the report.
      rows: {key: (label, whether it is finished)}.
      columns: {key: `Column`} that listeners judge.
      pm_is: {key: what stands behind the paper's plus-minus}.
    """

    folder: pathlib.Path
    title: str
    rows: dict
    columns: dict
    pm_is: dict


@dataclasses.dataclass(frozen=True)
class Source:
    """Clips by system, or by pair.

    Attributes:
      title: of the table; the systems' names for plain folders.
      groups: `Group`s of single clips.
      pairs: `Group`s of pairs that the table itself compares, empty elsewhere.
      table: `PaperTable`, None for plain folders.
      recordings: `Clip`s of real recordings whose digit is known.
      notes: sentences on what was passed over.
    """

    title: str
    groups: tuple
    pairs: tuple = ()
    table: PaperTable | None = None
    recordings: tuple = ()
    notes: tuple = ()


def read_table(folder):
    """Read what listeners judge in the table of a result folder.

    Args:
      folder: that a script of paper_repro/ wrote.

    Raises:
      UserError: it is no such folder.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder")
    path = folder / "results.json"
    if not path.is_file():
        raise UserError(f"{folder}: not the result folder of a table (it has no results.json)")
    content = files.read_json(path)
    try:
        columns = {
            column["key"]: published.Column(**column)
            for column in content["columns"]
            if column["judged_by"] == "listeners"
        }
        rows = {
            key: (row["label"], row["status"] == "done") for key, row in content["rows"].items()
        }
        arxiv, ids, title = content["paper"]["arxiv"], content["published"], content["title"]
    except (KeyError, TypeError, AttributeError):
        raise UserError(f"{path}: not the results of a table") from None
    pm_is = {
        column.key: table.pm_is
        for paper in map(published.load_paper, published.names())
        if paper.arxiv == arxiv
        for table in paper.tables.values()
        if table.id in ids
        for column in table.columns
        if column.key in columns
    }
    return PaperTable(folder, title, rows, columns, pm_is)


def from_table(folder, rows=()):
    """Take the clips of the finished rows of a result folder.

    Args:
      folder: that a script of paper_repro/ wrote.
      rows: keys; empty for all.

    Raises:
      UserError: there is no such folder or row, or no clip in it.
    """
    folder, table = pathlib.Path(folder), read_table(folder)
    for key in rows:
        if key not in table.rows:
            raise UserError(
                f"--rows: {folder} has no row {key!r}; its rows are {', '.join(table.rows)}"
            )
    groups, pairs, recordings, passed_over = [], [], [], []
    for key in rows or table.rows:
        label, done = table.rows[key]
        result = files.read_json(folder / "rows" / key / "result.json") if done else {}
        clips = _row_clips(folder, key, result.get("clips", ()))
        if not clips:
            passed_over.append(key)
        elif "_vs_" in key:
            pairs.append(Group(key, label, tuple(zip(clips[::2], clips[1::2], strict=False))))
        else:
            groups.append(Group(key, label, tuple((clip,) for clip in clips)))
        if key.startswith("real") and not recordings:
            recordings = _row_clips(folder, key, result.get("examples", ()))
    if not groups and not pairs:
        raise UserError(f"{folder}: no finished row has clips")
    notes = [f"rows without clips are passed over: {', '.join(passed_over)}"] if passed_over else []
    return Source(table.title, tuple(groups), tuple(pairs), table, tuple(recordings), tuple(notes))


def _row_clips(folder, key, described):
    """Return the `Clip`s of a row from what its result says of them."""
    clips = []
    for entry in described:
        label = entry.get("label")
        digit = label if isinstance(label, int) and 0 <= label <= 9 else None
        name = str(entry.get("caption", "") if label is None else label)
        origin = f"rows/{key}/{entry['file']}"
        clips.append(Clip(_inside(folder, origin), origin, name, digit))
    return clips


def _inside(folder, name):
    """Return a file's path; a name that leads out of the folder is refused."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise UserError(f"{folder}: {name!r} lies outside of the folder")
    return path


def from_folders(named, recordings=""):
    """Take all clips of plain folders.

    Args:
      named: texts NAME=FOLDER.
      recordings: folder of real recordings of digits, or "".

    Raises:
      UserError: a text is malformed or a folder holds no audio; names it.
      OSError: a folder is missing.
    """
    groups = {}
    for text in named:
        key, found, folder = text.partition("=")
        if not found or not folder or not re.fullmatch(r"\w[\w.+-]*", key):
            raise UserError(f"--system must be NAME=FOLDER, not {text!r}")
        if key in groups:
            raise UserError(f"--system: {key} is given twice")
        clips = _folder_clips(folder, key)
        groups[key] = Group(key, key, tuple((clip,) for clip in clips))
    known = tuple(_folder_clips(recordings, "recordings")) if recordings else ()
    return Source(", ".join(groups), tuple(groups.values()), recordings=known)


def _folder_clips(folder, key):
    """Return the `Clip`s below a folder; the digit comes from labels.csv or the file's name."""
    paths = [pathlib.Path(path) for path in require_audio(folder)]
    labels = _read_labels(pathlib.Path(folder) / LABELS)
    clips = []
    for path in paths:
        relative = os.path.relpath(path, folder)
        word = _DIGIT.match(path.name)
        digit = labels.get(relative, labels.get(path.name))
        if digit is None and word:
            digit = int(word[1]) if word[1].isdigit() else DIGITS.index(word[1].lower())
        clips.append(Clip(path, f"{key}/{relative}", os.path.splitext(relative)[0], digit))
    return clips


def _read_labels(path):
    """Read {file: digit} from a csv of two columns, {} without the file."""
    if not path.is_file():
        return {}
    labels = {}
    with open(path, encoding="utf-8", newline="") as file:
        for number, row in enumerate(csv.reader(file), 1):
            if len(row) == 2 and re.fullmatch("[0-9]", row[1].strip()):
                labels[row[0].strip()] = int(row[1])
            elif number > 1 and row:  # the first line may name the columns
                raise UserError(f"{path}: line {number} is not FILE,DIGIT: {','.join(row)[:60]!r}")
    return labels


def compared(groups):
    """Pair every two systems, clip by clip: those of the same name, else in their order.

    Args:
      groups: `Group`s of single clips.

    Returns:
      `Group`s of pairs.
    """
    pairs = []
    for i, first in enumerate(groups):
        for second in groups[i + 1 :]:
            items = tuple(_same_names(first.items, second.items)) or tuple(
                (a, b) for (a,), (b,) in zip(first.items, second.items, strict=False)
            )
            pairs.append(
                Group(f"{first.key}_vs_{second.key}", f"{first.label} or {second.label}", items)
            )
    return tuple(pairs)


def _same_names(first, second):
    """Yield (clip, clip) of equal names; the i-th of a name goes with the i-th."""
    left = {}
    for (clip,) in second:
        left.setdefault(clip.name, []).append(clip)
    for (clip,) in first:
        if left.get(clip.name):
            yield clip, left[clip.name].pop(0)
