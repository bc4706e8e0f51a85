"""Order of the clips for one listener: random for each, balanced over all of them.

The steps of a listener are drawn when the test begins: items, with a check at a random place in
every block of about eight; for digits a warm-up, then sets, each with one check and its questions
at the end. The item of a step is chosen when the step is reached, from the ratings of all others
until then: first the systems that this listener has had least, among them those with the fewest
ratings, then the clip with the fewest ratings. Ties are broken by chance.
"""

import dataclasses
import random

from tfwave.listening.folder import CHECK, ITEM, WARMUP
from tfwave.listening.protocols import CHECK_EVERY

QUESTIONS = "questions"
_WARMUPS_HEARD = 2


@dataclasses.dataclass(frozen=True)
class Step:
    """One page of a listener's test.

    Attributes:
      role: ITEM, CHECK, WARMUP, or QUESTIONS on the set that was just heard.
      set: number of the set, 0 for kinds without sets.
    """

    role: str
    set: int = 0


def steps(test, draw=None):
    """Draw the `Step`s of one listener.

    Args:
      test: `ListeningTest`.
      draw: random.Random; a fresh one by default.
    """
    draw = draw or random.Random()
    if not test.set_size:
        blocks = max(1, round(test.items_per_rater / CHECK_EVERY))
        edges = [test.items_per_rater * i // blocks for i in range(blocks + 1)]
        pages = []
        for start, end in zip(edges[:-1], edges[1:], strict=True):
            pages += _with_check([Step(ITEM)] * (end - start), Step(CHECK), draw)
        return pages
    pages = [Step(WARMUP)] * min(_WARMUPS_HEARD, len(test.having(WARMUP)))
    for number in range(test.items_per_rater // test.set_size):
        pages += _with_check([Step(ITEM, number)] * test.set_size, Step(CHECK, number), draw)
        pages.append(Step(QUESTIONS, number))
    return pages


def _with_check(block, check, draw):
    """Put a check at a random place in a block, but never first."""
    place = draw.randint(1, len(block))
    return [*block[:place], check, *block[place:]]


def choose(test, step, history, used, draw=None):
    """Choose the next clip or pair of a listener.

    Args:
      test: `ListeningTest`.
      step: `Step` that is reached; not QUESTIONS.
      history: (`Step`, item id) of this listener so far.
      used: {(item id, whether swapped): how often listeners had it}.
      draw: random.Random; a fresh one by default.

    Returns:
      (item id, whether the two clips of a pair change sides).
    """
    draw = draw or random.Random()
    past_items = {item for _, item in history}
    pool = test.having(step.role)
    pool = [item for item in pool if item.id not in past_items] or pool
    if step.role == ITEM:
        pool = _of_one_group(test, step, pool, history, used, draw)
    item = min(pool, key=lambda item: (_uses(used, item.id), draw.random()))
    if len(item.clips) < 2:
        return item.id, False
    swapped = min((False, True), key=lambda side: (used.get((item.id, side), 0), draw.random()))
    return item.id, swapped


def _uses(used, item):
    return used.get((item, False), 0) + used.get((item, True), 0)


def _of_one_group(test, step, pool, history, used, draw):
    """Keep the items of the set's system, or of the system with the fewest ratings."""
    if test.set_size:
        same = [item for past, item in history if past.role == ITEM and past.set == step.set]
        if same:
            return [item for item in pool if item.group == test.items[same[0]].group]
    groups = {}
    for item in pool:
        groups.setdefault(item.group, []).append(item)
    # A set needs so many clips that are new to the listener.
    groups = {g: items for g, items in groups.items() if len(items) >= test.set_size} or groups
    own = dict.fromkeys(groups, 0)
    for past, item in history:
        if past.role == ITEM and test.items[item].group in own:
            own[test.items[item].group] += 1
    total = dict.fromkeys(groups, 0)
    for (item, _), count in used.items():
        if item in test.items and test.items[item].group in total:
            total[test.items[item].group] += count
    return groups[min(groups, key=lambda g: (own[g], total[g], draw.random()))]
