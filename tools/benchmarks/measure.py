"""Parts shared by all benchmarks: repeated timing, and sides that run in separate processes.

Only the standard library is imported here: a side may run under another interpreter.
"""

import json
import os
import pathlib
import pickle
import re
import statistics
import subprocess
import sys
import time

_PATHS = [str(pathlib.Path(__file__).resolve().parents[i]) for i in (1, 2)]
_PROCESS = f"import sys; sys.path[:0] = {_PATHS}; from benchmarks import measure; measure.serve()"


def summary(values: list[float], unit: str, baseline: str | None = None) -> dict:
    """Return a named figure: unit, median, spread (min, max), runs, name of its baseline."""
    return {
        "unit": unit,
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "runs": len(values),
        "baseline": baseline,
    }


def peak_memory() -> float:
    """Return the largest resident size of this process so far, in GiB."""
    # ru_maxrss would count the process that started this one as well.
    status = pathlib.Path("/proc/self/status").read_text(encoding="utf-8")
    return int(re.search(r"VmHWM:\s*(\d+) kB", status)[1]) / 2**20


def find_torch(python: str | None) -> str | None:
    """Find an interpreter that can import PyTorch.

    Args:
      python: path of an interpreter, or None for this one.

    Returns:
      The path, or None if this interpreter cannot, which is reported on stderr.

    Raises:
      UserError: the interpreter that was named cannot.
    """
    try:
        command = [python or sys.executable, "-c", "import torch"]
        found = subprocess.run(command, capture_output=True).returncode == 0
    except OSError:
        found = False
    if found:
        return python or sys.executable
    if python:
        from tfwave.errors import UserError

        raise UserError(f"--torch_python: {python} cannot import torch")
    print(
        "PyTorch is not installed here: no figures of it (--torch_python names a Python that has "
        "it)",
        file=sys.stderr,
    )
    return None


# Runs that take about as long as the start of a side.
_START = 5
_progress = None  # of `with_progress`


class _Counter:
    """Counter of the calls that a benchmark would make."""

    def __init__(self):
        self.total = 0

    def update(self, units):
        self.total += units


def with_progress(figures):
    """Call a function that measures, with a bar on stderr that shows the time left.

    Args:
      figures: function without arguments. It is called twice: first no side is started, so as to
        count the calls.
    """
    global _progress
    import tqdm

    _progress = counter = _Counter()
    figures()
    seconds = 0.5 if sys.stderr.isatty() else 10
    with tqdm.tqdm(total=counter.total, unit="run", mininterval=seconds, smoothing=0) as _progress:
        return figures()


def is_counting() -> bool:
    """Return whether calls are being counted rather than made."""
    return isinstance(_progress, _Counter)


def report_progress(units: int = 1) -> None:
    """Advance the bar, if there is one."""
    if _progress is not None:
        _progress.update(units)


class Side:
    """A side of a comparison, in a separate process, so that its peak memory is its own.

    Args:
      prepare: importable function of `arguments` that returns a function without arguments, the
        thing to be timed. TensorFlow or PyTorch is imported in the new process only.
      arguments: tuple.
      python: interpreter of the process, by default this one.

    Attributes:
      first: seconds from the start of the process to the end of the first call, which is made at
        once and counts nowhere else.

    Raises:
      RuntimeError: see `run`.
    """

    def __init__(self, prepare, *arguments, python=None):
        self.first = self._peak = 1.0
        if not is_counting():
            self._start(prepare, arguments, python)
        report_progress(_START)

    def _start(self, prepare, arguments, python):
        command = [python or sys.executable, "-c", _PROCESS]
        started = time.perf_counter()
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._send(pickle.dumps((prepare, arguments)))
        self._call()
        self.first = time.perf_counter() - started

    def run(self) -> float:
        """Return the seconds of one call.

        Raises:
          RuntimeError: the side failed; its own traceback is on stderr.
        """
        seconds = 1.0 if is_counting() else self._call()
        report_progress()
        return seconds

    def _call(self):
        self._send(b"\n")
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("one side of the benchmark died; see its traceback above")
        seconds, self._peak = map(float, answer.split())
        return seconds

    def close(self) -> float:
        """End the process and return its peak memory in GiB."""
        if not is_counting():
            self._process.communicate()
        return self._peak

    def _send(self, message):
        try:
            self._process.stdin.write(message)
            self._process.stdin.flush()
        except BrokenPipeError:
            pass  # there will be no answer


def serve():
    """Run the process of a side: prepare the function sent on stdin, then call it for each line."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # whatever else is printed goes to stderr
    prepare, arguments = pickle.load(sys.stdin.buffer)
    function = prepare(*arguments)
    for _ in sys.stdin.buffer:
        start = time.perf_counter()
        function()
        print(time.perf_counter() - start, peak_memory(), file=answers, flush=True)


def alternate(sides: dict, runs: int) -> dict:
    """Time several sides in turn (A B C A B C ...), so that a drift of the machine hits all.

    Args:
      sides: {name: Side}.
      runs: calls of each.

    Returns:
      {name: list of seconds}.
    """
    seconds = {name: [] for name in sides}
    for _ in range(runs):
        for name, side in sides.items():
            seconds[name].append(side.run())
    return seconds


def compare(name, sides, baselines, runs, rate=None, audio=None) -> dict:
    """Time sides in turn and end them.

    Args:
      name: what is timed, which begins the name of every figure.
      sides: {label: Side}.
      baselines: labels that are compared with and not themselves compared.
      runs: counted calls of each.
      rate: (unit, how much of it a call makes), for a rate instead of seconds.
      audio: seconds of audio that a call makes, for the rate of real time as well.

    Returns:
      {name: figure}: of each side speed, peak memory and the time to its first call, and of those
      that are no baselines the speed-up over each baseline, run by run.
    """
    found, results = {}, alternate(sides, runs)
    for label, seconds in results.items():
        unit, amount = rate or ("s", None)
        speeds = [amount / second for second in seconds] if rate else seconds
        one = f"{name}, {label}"
        found[one] = summary(speeds, unit)
        if audio:
            found[f"{one}, of real time"] = summary([audio / second for second in seconds], "times")
        for baseline in () if label in baselines else [b for b in baselines if b in sides]:
            pairs = zip(results[baseline], seconds, strict=True)
            ratios = [theirs / ours for theirs, ours in pairs]
            found[f"{one}, speed-up over {baseline}"] = summary(ratios, "times", baseline)
        found[f"{one}, peak memory"] = summary([sides[label].close()], "GiB")
        found[f"{one}, process start to first call"] = summary([sides[label].first], "s")
    return found


def show(figures: dict, as_json: bool):
    """Print figures as a table or as one JSON object."""
    if as_json:
        print(json.dumps(figures, indent=2, sort_keys=True))
        return
    width = max(len(name) for name in figures)
    for name, figure in figures.items():
        spread = f"{figure['min']:.4g} to {figure['max']:.4g}, {figure['runs']} runs"
        line = f"{name:{width}}  {figure['median']:9.4g} {figure['unit']:14} ({spread})"
        print(line + (f"  against {figure['baseline']}" if figure["baseline"] else ""))
