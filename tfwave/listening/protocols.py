"""Questions of the papers' listening tests, and the table columns that the answers fill.

- digits, WaveGAN (arXiv:1802.04208): name the digit of each clip of a set by one system, then rate
  the set's sound quality, ease of intelligibility and speaker diversity from 1 to 5.
- mos, WaveNet (arXiv:1609.03499), MelGAN (arXiv:1910.06711, appendix C), WaveGlow
  (arXiv:1811.00002): one clip at a time, blind, absolute category rating from 1 to 5.
- pairs, WaveNet's Table 2 (the first, neither, the second), GANSynth (arXiv:1902.08710, five
  degrees) and WaveRNN's Table 1 (arXiv:1802.08435, seven degrees).
"""

import dataclasses
import re

from tfwave.errors import UserError

KINDS = ("digits", "mos", "pairs")

# Listeners: MelGAN's heard 15 clips each; WaveGAN's sets were of 10. The other numbers are ours.
ITEMS_PER_RATER = {"digits": 30, "mos": 15, "pairs": 20}
SET_SIZE = 10
CHECK_EVERY = 8
# WaveNet left out the ratings without headphones, MelGAN demanded them; WaveGAN says nothing.
NEEDS_HEADPHONES = ("mos", "pairs")

_FIVE = ("Bad", "Poor", "Fair", "Good", "Excellent")
_DEGREES = {
    3: ("A", "Neither", "B"),
    5: ("A, clearly", "A, slightly", "Neither", "B, slightly", "B, clearly"),
    7: ("A, much", "A", "A, slightly", "Neither", "B, slightly", "B", "B, much"),
}
_ASKED = {
    "digits": "Which digit do you hear?",
    "mos": "How natural does it sound?",
    "pairs": "Which of the two sounds more natural?",
}

# {what is measured: pattern of the key of the column for it}, in the forms that the tables have.
_COLUMNS = {
    "digits": (
        {
            "accuracy": "human_accuracy",
            "quality": "quality",
            "ease": "ease",
            "diversity": "diversity",
        },
    ),
    "mos": ({"mos": "mos(_.+)?"},),
    "pairs": (
        {
            "first_percent": ".+_first",
            "neither_percent": ".+_neither",
            "second_percent": ".+_second",
        },
        {
            "first_count": "better",
            "neither_count": "neutral",
            "second_count": "worse",
            "score": "overall",
        },
        {"wins": "(.+_)?wins"},
    ),
}
# The columns of a test that belongs to no table.
OWN_COLUMNS = {
    "digits": {name: name for name in ("accuracy", "quality", "ease", "diversity")},
    "mos": {"mos": "mos"},
    "pairs": {name: name for name in ("first_percent", "neither_percent", "second_percent")},
}


@dataclasses.dataclass(frozen=True)
class Question:
    """One question with numbered answers.

    Attributes:
      key: name of the answer in forms and in the database.
      text: as the listener reads it.
      labels: of the answers, from the lowest number on.
      lowest: number of the first answer.
    """

    key: str
    text: str
    labels: tuple
    lowest: int = 1

    @property
    def answers(self):
        """Return (number, label) of every answer."""
        return tuple(enumerate(self.labels, self.lowest))

    @property
    def highest(self):
        """Return the number of the last answer."""
        return self.lowest + len(self.labels) - 1

    def check(self, value):
        """Return an answer as an int.

        Args:
          value: text of a form, or a number.

        Raises:
          ValueError: it is no answer of this question.
        """
        text = "" if value is None else str(value)
        if re.fullmatch("[0-9]", text) and self.lowest <= int(text) <= self.highest:
            return int(text)
        hint = f", not {text[:20]!r}" if text else ""
        raise ValueError(
            f"\u201c{self.text}\u201d takes a whole number from {self.lowest} to "
            f"{self.highest}{hint}"
        )


def item_question(kind, text="", choices=0):
    """Return the `Question` that is asked of every clip or pair.

    Args:
      kind: one of KINDS.
      text: other words for it; empty for the protocol's.
      choices: degrees of a comparison, 3, 5 or 7.

    Raises:
      ValueError: there are no such degrees.
    """
    text = text or _ASKED[kind]
    if kind == "digits":
        return Question("digit", text, tuple(map(str, range(10))), lowest=0)
    if kind == "mos":
        return Question("rating", text, _FIVE)
    if choices not in _DEGREES:
        raise UserError(f"--choices must be 3, 5 or 7, not {choices}")
    return Question("preference", text, _DEGREES[choices])


def set_questions(kind):
    """Return the `Question`s that are asked after a set of clips by one system."""
    if kind != "digits":
        return ()
    return (
        Question("quality", "How good was the sound quality?", _FIVE),
        Question(
            "ease",
            "How easy was it to understand the digits?",
            ("Very hard", "Hard", "Fair", "Easy", "Very easy"),
        ),
        Question(
            "diversity",
            "How diverse were the speakers?",
            ("One voice", "Little", "Some", "Much", "Very diverse"),
        ),
    )


def columns_for(kind, keys, language=""):
    """Choose the columns of a table that the answers of a test fill.

    Args:
      kind: one of KINDS.
      keys: of the columns that listeners judge.
      language: part of the key, for tables with a column for each language; without it the first.

    Returns:
      {measure: column key}; empty when the table has no such columns.

    Raises:
      ValueError: no column is of that language.
    """
    if language and not any(language in key for key in keys):
        raise UserError(
            f"--language: no column is of {language!r}; listeners judge {', '.join(keys) or 'none'}"
        )
    candidates = [key for key in keys if language in key]
    for form in _COLUMNS[kind]:
        matches = {
            name: next((key for key in candidates if re.fullmatch(pattern, key)), None)
            for name, pattern in form.items()
        }
        if any(matches.values()):
            return {name: key for name, key in matches.items() if key}
    return {}


def default_choices(columns):
    """Return the degrees of a comparison whose answers fill `columns`; see the module."""
    if "score" in columns:
        return 7
    return 3 if "first_percent" in columns else 5
