"""The plan of a run in words: the next row and the estimated time left."""

import time
from collections.abc import Callable


class Plan:
    """Reporter of the next row and of the time left, estimated from the rows done so far.

    Args:
      labels: {row key: (label, weight)} in order, the weight in any unit.
      report_progress: function of one line.
      clock: function that returns seconds.
    """

    def __init__(
        self,
        labels: dict[str, tuple[str, float]],
        report_progress: Callable[[str], None] = print,
        clock: Callable[[], float] = time.monotonic,
    ):
        self._labels = dict(labels)
        self._report = report_progress
        self._clock = clock
        self._left = {key: weight for key, (_, weight) in self._labels.items()}
        self._started = 0.0
        self._seconds = 0.0
        self._weight = 0.0

    def cached(self, key: str) -> None:
        """Report that a row was found finished."""
        self._left.pop(key)
        self._report(f"{self._head(key)}: already done, nothing to compute")

    def start(self, key: str) -> None:
        """Report that a row begins."""
        self._started = self._clock()
        left = sum(self._left.values())
        estimate = ""
        if self._weight > 0 and left > 0:
            estimate = f" (about {duration(self._seconds / self._weight * left)} left in all)"
        self._report(f"{self._head(key)}{estimate}")

    def finish(self, key: str) -> float:
        """Report that a row is done; return its wall time in seconds."""
        seconds = self._clock() - self._started
        weight = self._left.pop(key)
        if weight:
            self._seconds += seconds
            self._weight += weight
        self._report(f"{self._head(key)}: done in {duration(seconds)}")
        return seconds

    def failed(self, key: str, why: str = "failed, going on with the next row") -> None:
        """Report that a row could not be computed, with the reason `why`."""
        self._left.pop(key)
        self._report(f"{self._head(key)}: {why}")

    def _head(self, key):
        number = list(self._labels).index(key) + 1
        return f"[row {number} of {len(self._labels)}] {self._labels[key][0]}"


def counted(count: int, noun: str) -> str:
    """Return a number with its noun: "1 recording", "1,200 recordings"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def duration(seconds: float) -> str:
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
