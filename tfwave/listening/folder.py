"""The folder of a listening test: test.json, clips/ID.wav and, once it runs, ratings.sqlite.

test.json says what is asked, which clips belong to which system, and what the attention checks
want to hear; its `id` is a hash of all of that, and ratings of another id are refused. The names of
the clips are random, so that they do not give away the system.
"""

import dataclasses
import hashlib
import json
import pathlib
import re

from tfwave import files
from tfwave.errors import UserError
from tfwave.listening import protocols
from tfwave.listening.protocols import Question

MANIFEST = "test.json"
CLIPS = "clips"
DATABASE = "ratings.sqlite"
FORMAT = 1

ITEM, CHECK, WARMUP = "item", "check", "warmup"
_CLIP_ID = re.compile("[0-9a-f]{32}")


@dataclasses.dataclass(frozen=True)
class Item:
    """Clips that are rated together.

    Attributes:
      id: name in the database.
      role: ITEM (is rated), CHECK (row of tones) or WARMUP (recording whose digit is known).
      group: key of the system or pair, "" for checks and warm-ups.
      clips: ids of one clip, or of the first and the second.
      truth: digit that is spoken, None where that is not known.
      right: answers that pass, for checks and warm-ups.
    """

    id: str
    role: str
    group: str
    clips: tuple
    truth: int | None = None
    right: tuple = ()


@dataclasses.dataclass(frozen=True)
class ListeningTest:
    """Contents of test.json.

    Attributes:
      path: its folder.
      id: hash of everything below.
      kind: "digits", "mos" or "pairs".
      title: what the clips are from; listeners do not see it.
      question: `Question` on every item.
      set_questions: `Question`s after every set.
      items: {id: `Item`}.
      groups: {key: name in print}.
      clips: {clip id: what is known of it: origin, sample_rate, seconds, sha256}.
      sound_check: {clip id: how many tones it holds}.
      items_per_rater: how many items one listener rates.
      set_size: items of a set; 0 for kinds without sets.
      pass_mark: share of the checks that a listener must answer rightly.
      columns: {what is measured: column key of the table}.
      pm_is: {column key: what stands behind the paper's plus-minus}.
    """

    path: pathlib.Path
    id: str
    kind: str
    title: str
    question: Question
    set_questions: tuple
    items: dict
    groups: dict
    clips: dict
    sound_check: dict
    items_per_rater: int
    set_size: int
    pass_mark: float
    columns: dict
    pm_is: dict

    @property
    def needs_headphones(self):
        """Return whether ratings without headphones are left out."""
        return self.kind in protocols.NEEDS_HEADPHONES

    def having(self, role):
        """Return the items of a role, in order."""
        return [item for item in self.items.values() if item.role == role]

    def clip_path(self, clip):
        """Return the file of a clip id of this test, None for any other text."""
        return self.path / CLIPS / f"{clip}.wav" if clip in self.clips else None


def write(folder, content):
    """Write test.json.

    Args:
      folder: of the test, with its clips.
      content: the fields of `ListeningTest` without path and id, as JSON.
    """
    content = json.loads(json.dumps({"format": FORMAT, **content}))
    files.write_json(folder / MANIFEST, {"id": _hash(content), **content})


def _hash(content):
    text = json.dumps(content, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def read(folder):
    """Open the folder of a test.

    Raises:
      UserError: there is no such folder, it holds no test, its test.json was changed, or clips
        are missing.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder")
    path = folder / MANIFEST
    if not path.is_file():
        raise UserError(f"{folder}: holds no listening test (it has no {MANIFEST})")
    content = files.read_json(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise UserError(f"{path}: not a listening test of this version of tfwave")
    known = content.pop("id", None)
    if known != _hash(content):
        raise UserError(f"{path}: was changed after the test was made; make another test")
    test = _parse(folder, known, content)
    for clip in test.clips:
        file = test.clip_path(clip)
        if not _CLIP_ID.fullmatch(clip) or file.is_symlink() or not file.is_file():
            raise UserError(f"{folder}: the clip {CLIPS}/{clip}.wav is missing")
    return test


def check_clips(test):
    """Raise ValueError when a clip is not what it was when the test was made."""
    for clip, about in test.clips.items():
        found = hashlib.sha256(test.clip_path(clip).read_bytes()).hexdigest()
        if found != about["sha256"]:
            raise UserError(f"{test.path}: {CLIPS}/{clip}.wav was changed after the test was made")


def _parse(folder, known, content):
    del content["format"]
    items = {
        name: Item(name, **{**item, "clips": tuple(item["clips"]), "right": tuple(item["right"])})
        for name, item in content.pop("items").items()
    }
    return ListeningTest(
        path=folder,
        id=known,
        question=_question(content.pop("question")),
        set_questions=tuple(map(_question, content.pop("set_questions"))),
        items=items,
        **content,
    )


def _question(content):
    return Question(**{**content, "labels": tuple(content["labels"])})
