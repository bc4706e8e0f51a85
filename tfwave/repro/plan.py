"""The plan of a run in words: which row is next and how long the rest will take."""

import time


class Plan:
    """Says which row is next and how long the rest will take, from the rows done so far."""

    def __init__(self, labels, say=print, clock=time.monotonic):
        """Start a plan over `labels`, in order: {slug: (label, weight)}, weight in any unit."""
        self._labels = dict(labels)
        self._say = say
        self._clock = clock
        self._left = {slug: weight for slug, (_, weight) in self._labels.items()}
        self._started = None
        self._seconds = 0.0
        self._weight = 0.0

    def cached(self, slug):
        """Say that a row was found finished."""
        self._left.pop(slug)
        self._say(f"{self._head(slug)}: already done, nothing to compute")

    def start(self, slug):
        """Say that a row begins."""
        self._started = self._clock()
        left = sum(self._left.values())
        estimate = ""
        if self._weight > 0 and left > 0:
            estimate = f" (about {duration(self._seconds / self._weight * left)} left in all)"
        self._say(f"{self._head(slug)}{estimate}")

    def finish(self, slug):
        """Note that the row is done and return its wall time in seconds."""
        seconds = self._clock() - self._started
        weight = self._left.pop(slug)
        if weight:
            self._seconds += seconds
            self._weight += weight
        self._say(f"{self._head(slug)}: done in {duration(seconds)}")
        return seconds

    def failed(self, slug, why="failed, going on with the next row"):
        """Say that a row could not be computed, in the words of `why`."""
        self._left.pop(slug)
        self._say(f"{self._head(slug)}: {why}")

    def _head(self, slug):
        number = list(self._labels).index(slug) + 1
        return f"[row {number} of {len(self._labels)}] {self._labels[slug][0]}"


def counted(count, noun):
    """Return a number with its noun: "1 recording", "1,200 recordings"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(seconds):
    """Return seconds as words: "48 s", "3 min 05 s", "2 h 10 min", "4 d 3 h"."""
    seconds = round(seconds)
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes == 0:
        return f"{seconds} s"
    if hours == 0:
        return f"{minutes} min {seconds % 60:02d} s"
    if days == 0:
        return f"{hours} h {minutes % 60:02d} min"
    return f"{days} d {hours % 24} h"
