"""Results from the answers of a panel, and the ratings that a table reads."""

import collections
import dataclasses
import pathlib

import numpy as np

from tfwave import files
from tfwave.errors import UserError
from tfwave.listening import sources, statistics
from tfwave.listening.folder import CHECK, ITEM, WARMUP
from tfwave.repro import ratings

_NAMES = {
    "accuracy": "digits right",
    "quality": "quality",
    "ease": "ease",
    "diversity": "diversity",
    "mos": "MOS",
}


@dataclasses.dataclass(frozen=True)
class Screened:
    """Listeners who count, and those who do not.

    Attributes:
      counted: `Panelist`s whose answers count.
      left_out: {reason: number of listeners}.
    """

    counted: tuple
    left_out: dict


def screen(test, panel, any_headphones=False):
    """Leave out listeners who failed the attention checks, met none, or wore no headphones.

    Args:
      test: `ListeningTest`.
      panel: from `panel.read_panel`.
      any_headphones: keep those without headphones where the protocol leaves them out.

    Returns:
      `Screened`. Listeners who rated nothing are counted nowhere.
    """
    counted = []
    left_out = {
        "failed the attention checks": 0,
        "stopped before a check": 0,
        "wore no headphones": 0,
    }
    for person in panel:
        checks = [
            _passes(test, answer)
            for answer in person.answers
            if answer.item is not None and answer.item.role in (CHECK, WARMUP)
        ]
        if not any(answer.group for answer in person.answers):
            continue
        if checks and sum(checks) < test.pass_mark * len(checks):
            left_out["failed the attention checks"] += 1
        elif not checks:
            left_out["stopped before a check"] += 1
        elif test.needs_headphones and not any_headphones and not person.headphones:
            left_out["wore no headphones"] += 1
        else:
            counted.append(person)
    return Screened(tuple(counted), left_out)


def _passes(test, answer):
    """Return whether the answer to a check is right, whichever side the tones were on."""
    return _unswapped(test, answer) in answer.item.right


def _unswapped(test, answer):
    """Return an answer as it would read if the first clip of a pair had stood first."""
    value = answer.values[test.question.key]
    return test.question.lowest + test.question.highest - value if answer.swapped else value


def evaluate(test, screened):
    """Compute everything that is known of each system or pair.

    Args:
      test: `ListeningTest`.
      screened: `Screened`.

    Returns:
      JSON: {test, kind, title, listeners, groups: {key: {label, and what was measured}}}.

    Raises:
      UserError: no ratings are left.
    """
    given = {key: {} for key in test.groups}
    for person in screened.counted:
        for answer in person.answers:
            if answer.group:
                for name, value in _measured(test, answer):
                    given[answer.group].setdefault(name, []).append((value, person.id))
    if not any(given.values()):
        left = ", ".join(f"{n} {reason}" for reason, n in screened.left_out.items() if n)
        raise UserError(f"{test.path}: no ratings to count" + (f" ({left})" if left else ""))
    groups = {key: {"label": test.groups[key]} for key in given if given[key]}
    for key, found in groups.items():
        for name, pairs in given[key].items():
            values, people = zip(*pairs, strict=True)
            found[name] = statistics.describe(values, people)
            if name == "accuracy":
                found[name]["wilson"] = statistics.share_interval(int(sum(values)), len(values))
            if name == "score":
                found["preference"] = statistics.compare(values)
    evaluated = {
        "test": test.id,
        "kind": test.kind,
        "title": test.title,
        "question": test.question.text,
        "listeners": {"counted": len(screened.counted), **screened.left_out},
        "intervals": statistics.FORMULAS,
        "groups": groups,
    }
    if test.kind == "digits":
        evaluated["confusion"] = _confusion(test, screened)
    if test.kind == "pairs":
        evaluated["wins"] = _wins(groups)
    return evaluated


def _measured(test, answer):
    """Yield (name, value) of what one answer says."""
    if answer.item is None:
        yield from answer.values.items()
    elif test.kind == "digits":
        yield "accuracy", float(answer.values["digit"] == answer.item.truth)
    elif test.kind == "mos":
        yield "mos", answer.values["rating"]
    else:
        score = (test.question.lowest + test.question.highest) / 2 - _unswapped(test, answer)
        yield "score", score
        yield "first_percent", 100.0 * (score > 0)
        yield "neither_percent", 100.0 * (score == 0)
        yield "second_percent", 100.0 * (score < 0)


def _confusion(test, screened):
    """Return {key: [10][10] counts of the digit that is spoken, and of that which was heard}."""
    counts = {key: np.zeros([10, 10], int) for key in test.groups}
    for person in screened.counted:
        for answer in person.answers:
            if answer.item is not None and answer.item.role == ITEM:
                counts[answer.group][answer.item.truth, answer.values["digit"]] += 1
    return {key: count.tolist() for key, count in counts.items()}


def _wins(groups):
    """Return {system: {wins, comparisons}} over all pairs that it was in."""
    wins = collections.defaultdict(lambda: {"wins": 0, "comparisons": 0})
    for key, found in groups.items():
        counts = found["preference"]
        for system, side in zip(key.split("_vs_"), ("first", "second"), strict=True):
            wins[system]["wins"] += counts[side]
            wins[system]["comparisons"] += counts["first"] + counts["neither"] + counts["second"]
    return dict(wins)


def as_ratings(test, evaluated, interval="paper"):
    """Return results in the form of `tfwave.repro.ratings`.

    Args:
      test: `ListeningTest`.
      evaluated: from `evaluate`.
      interval: which of `statistics.FORMULAS` becomes `pm`; "paper" is the standard error where the
        table's plus-minus is one, and MelGAN's 95 % interval elsewhere.

    Returns:
      {key: {column: {mean, pm, n}}}.
    """
    cells = {}
    for key, found in evaluated["groups"].items():
        for name, column in test.columns.items():
            cell = _cell(found, name, interval, test.pm_is.get(column, ""))
            if cell:
                cells.setdefault(key, {})[column] = cell
    if "wins" in test.columns:
        for system, found in evaluated["wins"].items():
            cells.setdefault(system, {})[test.columns["wins"]] = {
                "mean": found["wins"],
                "n": found["comparisons"],
            }
    return cells


def _cell(found, name, interval, pm_is):
    side, _, unit = name.partition("_")
    if unit == "count":
        return {"mean": found["preference"][side], "n": found["score"]["n"]}
    if name not in found:
        return None
    values = found[name]
    if interval == "paper" and pm_is.startswith("standard error"):
        pm = values["standard_error"]
    else:
        pm = values["half"]["normal" if interval == "paper" else interval]
    cell = {"mean": values["mean"], "n": values["n"]}
    return cell if pm is None else {**cell, "pm": pm}


def write_ratings(test, cells, path):
    """Put ratings into a ratings.json; other cells that it holds stay.

    Args:
      test: `ListeningTest`.
      cells: from `as_ratings`.
      path: ratings.json; in the result folder of a table its rows and columns must be the table's.

    Raises:
      UserError: the table has no such column or row, or the file that is there is malformed.
    """
    path = pathlib.Path(path)
    if not test.columns:
        raise UserError(f"{test.path}: the table it was made from has no column for its answers")
    present = {}
    if (path.parent / "results.json").is_file():
        if path.name != ratings.RATINGS:
            raise UserError(f"{path}: a table reads its ratings from {ratings.RATINGS}")
        table = sources.read_table(path.parent)
        for key, row in cells.items():
            for column in row:
                if key not in table.rows or column not in table.columns:
                    raise UserError(f"{path.parent}: the table has no {column} of a row {key}")
        present = ratings.read_ratings(path.parent, list(table.rows), table.columns.values())
    elif path.exists():
        present = files.read_json(path)
    merged = {key: {**present.get(key, {}), **cells.get(key, {})} for key in {*present, *cells}}
    files.write_json(path, merged)


def as_text(test, evaluated, interval="paper"):
    """Return results as lines for a terminal."""
    listeners = dict(evaluated["listeners"])
    counted = listeners.pop("counted")
    yield f"{test.title}: {test.question.text}"
    left = ", ".join(f"{n} {reason}" for reason, n in listeners.items() if n)
    yield f"{counted} listener{'' if counted == 1 else 's'} counted" + (
        f", left out: {left}" if left else ""
    )
    shown = "normal" if interval == "paper" else interval
    yield f"95 % interval: {statistics.FORMULAS[shown]}"
    yield ""
    width = max(len(found["label"]) for found in evaluated["groups"].values())
    for found in evaluated["groups"].values():
        yield f"{found['label']:<{width}}  " + "   ".join(_words(test, found, shown))


def _words(test, found, shown):
    """Yield what a line says of one system or pair."""
    if test.kind == "pairs":
        counts = found["preference"]
        yield "  ".join(f"{side} {counts[side]}" for side in ("first", "neither", "second"))
        if counts["p_sign"] is not None:
            yield f"p = {counts['p_sign']:.2g} (sign test)"
        if len(test.question.labels) > 3:
            yield _number("mean", found["score"], shown)
        return
    for name, text in _NAMES.items():
        if name in found:
            yield _number(text, found[name], shown)


def _number(name, values, shown):
    half = values["half"][shown]
    around = "" if half is None else f" \u00b1 {half:.2f}"
    return f"{name} {values['mean']:.2f}{around} (n = {values['n']})"
