"""The ratings of a listening test in SQLite, on the disk before they are acknowledged.

Write-ahead log, synchronous FULL, one transaction for each answer. A listener is a random number;
nothing else about anybody is stored.
"""

import collections
import contextlib
import dataclasses
import json
import os
import secrets
import sqlite3
import threading
import time

from tfwave.errors import UserError
from tfwave.listening import order
from tfwave.listening.folder import DATABASE

# Items that somebody has open count as rated for so long, lest two listeners get the same.
_OPEN_SECONDS = 1800
_WAIT_SECONDS = 20  # for another process that writes

_SCHEMA = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE raters (
  id INTEGER PRIMARY KEY,
  token TEXT NOT NULL UNIQUE,
  steps TEXT NOT NULL,
  headphones INTEGER NOT NULL CHECK (headphones IN (0, 1)),
  started_at REAL NOT NULL
);
CREATE TABLE turns (
  id INTEGER PRIMARY KEY,
  rater INTEGER NOT NULL REFERENCES raters (id),
  place INTEGER NOT NULL,
  item TEXT,
  swapped INTEGER NOT NULL CHECK (swapped IN (0, 1)),
  opened_at REAL NOT NULL,
  answered_at REAL,
  UNIQUE (rater, place)
);
CREATE INDEX turns_by_item ON turns (item);
CREATE TABLE answers (
  turn INTEGER NOT NULL REFERENCES turns (id),
  question TEXT NOT NULL,
  value INTEGER NOT NULL CHECK (value BETWEEN 0 AND 9),
  PRIMARY KEY (turn, question)
) WITHOUT ROWID;
"""


@dataclasses.dataclass(frozen=True)
class Rater:
    """A listener: number in the database and `order.Step`s."""

    id: int
    steps: tuple


@dataclasses.dataclass(frozen=True)
class Turn:
    """A page that waits for its answer.

    Attributes:
      place: number among the listener's steps, from 0 on.
      step: `order.Step`.
      item: `folder.Item`, None for the questions on a set.
      swapped: whether the second clip of a pair stands first.
    """

    place: int
    step: order.Step
    item: object
    swapped: bool


class Store:
    """The database of a test, open for writing. Threads may share it.

    Args:
      test: `ListeningTest`; its folder gets `ratings.sqlite`.

    Raises:
      ValueError: the file is no database, holds the ratings of another test, or cannot be written.
    """

    def __init__(self, test):
        self._test = test
        self._lock = threading.Lock()
        path = test.path / DATABASE
        with sentences(path):
            if not path.exists():
                # The key that signs cookies lies in it: for nobody else's eyes.
                os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
            self._db = sqlite3.connect(
                path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._prepare(path)
            except BaseException:
                self._db.close()
                raise

    def _prepare(self, path):
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA synchronous = FULL")
        self._db.execute("PRAGMA foreign_keys = ON")
        with self._transaction():
            if not self._db.execute("SELECT 1 FROM sqlite_master").fetchone():
                self._create()
        check_same_test(self._db, path, self._test)

    def _create(self):
        # executescript() would end the transaction.
        for statement in filter(str.strip, _SCHEMA.split(";")):
            self._db.execute(statement)
        meta = [("test", self._test.id), ("secret", secrets.token_hex(32))]
        self._db.executemany("INSERT INTO meta VALUES (?, ?)", meta)

    def close(self):
        """Close the database."""
        with self._lock:
            self._db.close()

    @contextlib.contextmanager
    def _transaction(self):
        """Run a block as one transaction, alone; it is on the disk when the block is left."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    @property
    def secret(self):
        """Return the key that signs this test's cookies."""
        with self._lock:
            return self._db.execute("SELECT value FROM meta WHERE key = 'secret'").fetchone()[0]

    def add_rater(self, headphones):
        """Begin the test for one more listener; returns the listener's token."""
        token = secrets.token_urlsafe(24)
        steps = json.dumps([dataclasses.astuple(step) for step in order.steps(self._test)])
        with self._transaction():
            self._db.execute(
                "INSERT INTO raters (token, steps, headphones, started_at) VALUES (?, ?, ?, ?)",
                (token, steps, int(headphones), time.time()),
            )
        return token

    def rater(self, token):
        """Return the `Rater` of a token, None for an unknown one."""
        with self._lock:
            row = self._db.execute(
                "SELECT id, steps FROM raters WHERE token = ?", (token,)
            ).fetchone()
        return Rater(row[0], read_steps(row[1])) if row else None

    def turn(self, rater):
        """Return the `Turn` that a listener is at, None at the end of the test.

        The same one until it is answered; the next one is chosen when it is first asked for.
        """
        with self._transaction():
            past = self._db.execute(
                "SELECT place, item, swapped, answered_at FROM turns WHERE rater = ? "
                "ORDER BY place",
                (rater.id,),
            ).fetchall()
            if past and past[-1][3] is None:
                place, item, swapped, _ = past[-1]
                return self._turn(rater, place, item, swapped)
            place = len(past)
            if place == len(rater.steps):
                return None
            step, item, swapped = rater.steps[place], None, False
            if step.role != order.QUESTIONS:
                history = [(rater.steps[at], name) for at, name, _, _ in past if name]
                item, swapped = order.choose(self._test, step, history, self._used())
            self._db.execute(
                "INSERT INTO turns (rater, place, item, swapped, opened_at) VALUES (?, ?, ?, ?, ?)",
                (rater.id, place, item, int(swapped), time.time()),
            )
            return self._turn(rater, place, item, swapped)

    def _turn(self, rater, place, item, swapped):
        part = None if item is None else self._test.items[item]
        return Turn(place, rater.steps[place], part, bool(swapped))

    def _used(self):
        """Return {(item, swapped): how often it was answered or is open}."""
        rows = self._db.execute(
            "SELECT item, swapped, COUNT(*) FROM turns WHERE item IS NOT NULL "
            "AND (answered_at IS NOT NULL OR opened_at > ?) GROUP BY item, swapped",
            (time.time() - _OPEN_SECONDS,),
        )
        return collections.Counter({(item, bool(swapped)): n for item, swapped, n in rows})

    def answer(self, rater, place, values):
        """Store the answers of a turn.

        Args:
          rater: `Rater`.
          place: number of the turn.
          values: {question key: int}.

        Returns:
          Whether they were stored; False when the turn was answered before, and nothing changes.

        Raises:
          ValueError: the listener never had that turn.
        """
        with self._transaction():
            turn = self._db.execute(
                "SELECT id, answered_at FROM turns WHERE rater = ? AND place = ?", (rater.id, place)
            ).fetchone()
            if turn is None:
                raise ValueError("that page was not reached yet")
            if turn[1] is not None:
                return False
            self._db.executemany(
                "INSERT INTO answers VALUES (?, ?, ?)",
                [(turn[0], question, value) for question, value in values.items()],
            )
            self._db.execute(
                "UPDATE turns SET answered_at = ? WHERE id = ?", (time.time(), turn[0])
            )
        return True


def read_steps(text):
    """Return the `order.Step`s of a listener from their JSON."""
    return tuple(order.Step(*step) for step in json.loads(text))


def check_same_test(database, path, test):
    """Raise ValueError unless an open database holds ratings of this test."""
    tables = {name for (name,) in database.execute("SELECT name FROM sqlite_master")}
    if not {"meta", "raters", "turns", "answers"} <= tables:
        raise UserError(f"{path}: is a database, but not of a listening test")
    row = database.execute("SELECT value FROM meta WHERE key = 'test'").fetchone()
    if row is None or row[0] != test.id:
        raise UserError(
            f"{path}: holds the ratings of another test ({row[0] if row else 'unknown'}, "
            f"this is {test.id})"
        )


@contextlib.contextmanager
def sentences(path):
    """Turn SQLite's errors into one sentence that names the file."""
    try:
        yield
    except sqlite3.Error as error:
        raise UserError(f"{path}: cannot be used as a database ({error})") from None
