"""Configuration of a training run, apart from its model: length, logging, scores, checkpoints."""

import dataclasses

from tfwave.errors import UserError

# Steps for a profile: the first is traced and compiled, the second finds the memory.
PROFILED = (3, 5)


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """Length and intervals of a run; a step of a GAN is a generator update with its critic updates.

    Only `steps`, `batch_size` and `seed` influence the weights. The intervals of logging, scoring
    and saving do not, nor does stopping and resuming.

    Attributes:
      steps: generator updates of the whole run.
      batch_size: clips of one batch, over all replicas together.
      seed: seed of every draw that has no seed of its own (initial values of plain Keras layers).
      log_every: steps between rows of metrics.jsonl and TensorBoard scalars.
      media_every: steps between audio and images in TensorBoard, 0 for never.
      score_every: steps between scores (the best one keeps its weights), 0 for never.
      checkpoint_every: steps between checkpoints, 0 for only by time and at the end.
      checkpoint_every_seconds: seconds between checkpoints, 0 for only by steps and at the end.
      keep: how many of the newest checkpoints stay.
      profile_steps: (first, last) step that the TensorFlow profiler traces, counted from 1 where
        this process begins; or None.

    Raises:
      UserError: a field has an illegal value; the message names both.
    """

    steps: int
    batch_size: int = 64
    seed: int = 0
    log_every: int = 10
    media_every: int = 1000
    score_every: int = 0
    checkpoint_every: int = 1000
    checkpoint_every_seconds: float = 600.0
    keep: int = 2
    profile_steps: tuple[int, int] | None = None

    def __post_init__(self):
        for name in ("steps", "batch_size", "log_every", "keep"):
            _check(name, getattr(self, name), 1)
        for name in ("seed", "media_every", "score_every", "checkpoint_every"):
            _check(name, getattr(self, name), 0)
        if not 0 <= self.checkpoint_every_seconds < float("inf"):
            raise UserError(
                f"checkpoint_every_seconds must be 0 or more, not {self.checkpoint_every_seconds}"
            )
        if self.profile_steps is not None:
            first, last = self.profile_steps
            if not 1 <= first <= last:
                raise UserError(
                    "profile_steps must be (first, last) with 1 <= first <= last, "
                    f"not {self.profile_steps}"
                )


def _check(name, value, least):
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UserError(f"{name} must be a whole number of at least {least}, not {value!r}")
