"""Progress on stderr: a bar on a terminal, a plain line now and then elsewhere."""

import sys
import time

import tqdm

_SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """Display of the step, the losses, the speed and the estimated time left.

    Args:
      shown: False for silence.
      step: the step that the run continues from.
      steps: the last step.
      names: the metrics to show.
    """

    def __init__(self, shown, step, steps, names=()):
        self._shown = shown
        self._start = self._step = step
        self._steps = steps
        self._names = names
        self._begin = self._last_line = time.monotonic()
        self._bar = None
        if shown and sys.stderr.isatty():
            self._bar = tqdm.tqdm(
                total=steps, initial=step, unit="step", dynamic_ncols=True, file=sys.stderr
            )

    def say(self, sentence):
        """Print one line without disturbing the bar."""
        if self._bar is not None:
            self._bar.write(sentence, file=sys.stderr)
        elif self._shown:
            print(sentence, file=sys.stderr, flush=True)

    def update(self, step, metrics, clips_per_second):
        """Show the state after a step; `metrics` maps names to numbers."""
        if not self._shown:
            return
        losses = {n: f"{metrics[n]:.4g}" for n in self._names if n in metrics}
        if self._bar is not None:
            self._bar.set_postfix(losses, clips_per_s=f"{clips_per_second:.0f}", refresh=False)
            self._bar.update(step - self._step)
        elif self._is_due(step):
            shown = "  ".join(f"{name} {value}" for name, value in losses.items())
            print(
                f"step {step}/{self._steps}  {shown}  {clips_per_second:.0f} clips/s  "
                f"{self._time_left(step)} left",
                file=sys.stderr,
                flush=True,
            )
        self._step = step

    def close(self):
        """End the bar's line."""
        if self._bar is not None:
            self._bar.close()

    def _is_due(self, step):
        passed = time.monotonic()
        due = passed - self._last_line >= _SECONDS_BETWEEN_LINES or step == self._steps
        if due:
            self._last_line = passed
        return due

    def _time_left(self, step):
        per_step = (time.monotonic() - self._begin) / max(1, step - self._start)
        left = int(per_step * (self._steps - step))
        return f"{left // 3600:d}:{left // 60 % 60:02d}:{left % 60:02d}"
