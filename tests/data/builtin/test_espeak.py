"""The engine of the built-in speech and the processes that run it."""

import dataclasses
import sys

import numpy as np
import pytest

from tfwave.data.builtin.espeak import Synthesizer, run_workers

MODULE = "tests_of_espeak_workers"
WORKER = """
import os, sys
from tfwave.data.builtin import espeak
from dataclasses import dataclass

@dataclass
class Plan:
    number: int
    text: str

for item in espeak.read_plans(Plan):
    if item.text == "fail":
        sys.exit("there is nothing to say")
    espeak.write_answer(f"{item.number} {item.text!r} {os.getpid()}".encode())
"""


@dataclasses.dataclass
class Plan:
    number: int
    text: str


@pytest.fixture
def module(tmp_path, monkeypatch):
    (tmp_path / f"{MODULE}.py").write_text(WORKER)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return MODULE


@pytest.mark.parametrize("workers", [1, 3, 50])
def test_answers_come_in_order_from_several_processes(module, workers):
    plans = [Plan(n, "a 'quoted'\n\u00e9 \\ text") for n in range(10)]
    answers = [answer.decode().rsplit(" ", 1) for answer in run_workers(module, plans, workers)]
    assert [text for text, _ in answers] == [f"{p.number} {p.text!r}" for p in plans]
    assert len({process for _, process in answers}) == min(workers, 10)
    assert MODULE not in sys.modules


def test_a_process_that_fails_says_why(module):
    plans = [Plan(0, "well"), Plan(1, "fail")]
    with pytest.raises(OSError, match="speech synthesis failed: there is nothing to say"):
        list(run_workers(module, plans, 1))


def test_samples_depend_on_the_arguments_alone():
    with Synthesizer() as synthesizer:
        first = synthesizer.speak("seven", "en-us", "f1")
        other = synthesizer.speak("seven", "en-gb-scotland", "m3", pitch=70, rate=220)
        again = synthesizer.speak("seven", "en-us", "f1")
    assert first.dtype == np.int16 and len(first) > 5000 and len(other) != len(first)
    np.testing.assert_array_equal(again, first)
