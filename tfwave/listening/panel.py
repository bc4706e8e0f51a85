"""The answers of the listeners of a test, read from its database."""

import collections
import contextlib
import dataclasses
import pathlib
import sqlite3
import urllib.parse

from tfwave.errors import UserError
from tfwave.listening import order
from tfwave.listening.folder import DATABASE, ITEM
from tfwave.listening.store import check_same_test, read_steps, sentences


@dataclasses.dataclass(frozen=True)
class Answer:
    """One answered turn.

    Attributes:
      step: `order.Step`.
      item: `folder.Item`, None for the questions on a set.
      group: key that it is about, "" for checks and warm-ups.
      swapped: whether the second clip of a pair stood first.
      values: {question key: int}.
    """

    step: order.Step
    item: object
    group: str
    swapped: bool
    values: dict


@dataclasses.dataclass(frozen=True)
class Panelist:
    """The answers of one listener: id, whether with headphones, and `Answer`s in order."""

    id: int
    headphones: bool
    answers: tuple


def read_panel(test):
    """Read all answers of a test, also while it is being served.

    Args:
      test: `ListeningTest`.

    Returns:
      A list of `Panelist`s, those without an answer included.

    Raises:
      UserError: there are no ratings yet, they are of another test, or a value is out of range.
    """
    path = pathlib.Path(test.path) / DATABASE
    if not path.exists():
        raise UserError(f"{path}: is missing; nobody has rated yet")
    with sentences(path):
        name = urllib.parse.quote(str(path.resolve()))
        with contextlib.closing(sqlite3.connect(f"file:{name}?mode=ro", uri=True)) as database:
            check_same_test(database, path, test)
            raters = database.execute("SELECT id, headphones, steps FROM raters").fetchall()
            rows = database.execute(
                "SELECT rater, place, item, swapped, question, value FROM turns "
                "JOIN answers ON answers.turn = turns.id ORDER BY rater, place"
            ).fetchall()
    given = collections.defaultdict(dict)
    for rater, place, item, swapped, question, value in rows:
        turn = given[rater].setdefault(place, (item, bool(swapped), {}))
        turn[2][question] = value
    return [
        Panelist(
            rater, bool(headphones), tuple(_answers(test, path, read_steps(steps), given[rater]))
        )
        for rater, headphones, steps in raters
    ]


def _answers(test, path, steps, turns):
    """Yield the `Answer`s of one listener; refuses what the page cannot have written."""
    group = ""
    for place, (name, swapped, values) in turns.items():
        item = test.items.get(name)
        if place >= len(steps) or (item is None) != (steps[place].role == order.QUESTIONS):
            raise UserError(f"{path}: has a turn that is not of this test ({name!r})")
        questions = test.set_questions if item is None else (test.question,)
        for question in questions:
            try:
                question.check(values.get(question.key))
            except ValueError as error:
                raise UserError(f"{path}: {error}") from None
        if item is not None and item.role == ITEM:
            group = item.group
        about = "" if item is not None and item.role != ITEM else group
        yield Answer(steps[place], item, about, swapped, values)
