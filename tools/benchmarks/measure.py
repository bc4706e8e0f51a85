"""What every benchmark shares: repeated timing, and sides that run in processes of their own."""

import json
import multiprocessing
import resource
import statistics
import time


def summary(values: list[float], unit: str, baseline: str | None = None) -> dict:
    """A named figure: unit, median, spread (min and max), number of runs, name of its baseline."""
    return {
        "unit": unit,
        "median": statistics.median(values),
        "min": min(values),
        "max": max(values),
        "runs": len(values),
        "baseline": baseline,
    }


def peak_memory() -> float:
    """The largest resident size of this process so far, in GiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20


class Side:
    """One side of a comparison, in a process of its own, so that its peak memory is its own.

    Args:
      prepare: importable function of `arguments` that returns a function without arguments, the
        thing to be timed. TensorFlow is imported in the new process only.
      arguments: tuple.

    Attributes:
      first: seconds from the start of the process to the end of the first call, which is made at
        once and counts nowhere else.
    """

    def __init__(self, prepare, *arguments):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, prepare, arguments))
        started = time.perf_counter()
        self._process.start()
        self.run()
        self.first = time.perf_counter() - started

    def run(self) -> float:
        """Seconds of one call.

        Raises:
          RuntimeError: the side failed; its own traceback is on stderr.
        """
        self._pipe.send("run")
        try:
            return self._pipe.recv()
        except EOFError as error:
            raise RuntimeError("one side of the benchmark died; see its traceback above") from error

    def close(self) -> float:
        """End the process; returns its peak memory in GiB."""
        self._pipe.send("stop")
        peak = self._pipe.recv()
        self._process.join()
        return peak


def _serve(pipe, prepare, arguments):
    function = prepare(*arguments)
    while pipe.recv() == "run":
        start = time.perf_counter()
        function()
        pipe.send(time.perf_counter() - start)
    pipe.send(peak_memory())


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
