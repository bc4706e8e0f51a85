"""Experiments whose rows are timed on this machine, and functions that time them."""

import os
import time
from collections.abc import Callable

import numpy as np

from tfwave.repro.experiment import Experiment
from tfwave.repro.plan import counted
from tfwave.repro.report.report import ReportHeader
from tfwave.repro.results import Results
from tfwave.repro.rows import Row


class SpeedExperiment(Experiment):
    """An experiment whose rows are timed on --threads threads of the CPU, without training."""

    def folder_settings(self) -> dict:
        return {**super().folder_settings(), "threads": self.options.threads or os.cpu_count()}

    def weight(self, row: Row) -> float:
        return 1

    def header(self, results: Results) -> ReportHeader:
        settings = results.settings
        threads = counted(settings["threads"], "CPU thread")
        title = f"{self.table.title}: {settings['preset']['name']} preset, {threads}"
        return ReportHeader(title, notes=self.table.notes)


def timed(run: Callable, runs: int) -> tuple:
    """Call a function once, which may compile it, and then `runs` times.

    Returns:
      (result of the first call, its seconds, those of the others as float array [runs]).
    """
    seconds = []
    for number in range(1 + runs):
        begin = time.perf_counter()
        result = run()
        seconds.append(time.perf_counter() - begin)
        if number == 0:
            first = result
    return first, seconds[0], np.array(seconds[1:])


def spread(values) -> dict:
    """Return the median, with half the range between the quartiles as pm: {mean, pm, n}."""
    low, middle, high = np.percentile(values, [25, 50, 75])
    return {"mean": float(middle), "pm": float(high - low) / 2, "n": len(values)}
