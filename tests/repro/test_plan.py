"""The plan says where a run is and how long the rest takes."""

import pytest

from tfwave.repro import provenance
from tfwave.repro.plan import Plan, counted, duration


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min 00 s"),
        (125, "2 min 05 s"),
        (7800, "2 h 10 min"),
        (3 * 86400 + 7200, "3 d 2 h"),
    ],
)
def test_duration_in_words(seconds, words):
    assert duration(seconds) == words


def test_nouns_agree_with_their_numbers():
    words = [counted(count, "clip") for count in (0, 1, 1200)]
    assert words == ["0 clips", "1 clip", "1,200 clips"]


def test_time_left_is_estimated_from_trained_rows_only():
    said, now = [], [0.0]
    plan = Plan({"a": ("A", 0), "b": ("B", 10), "c": ("C", 20)}, said.append, lambda: now[0])
    plan.start("a")
    now[0] += 500
    plan.finish("a")
    plan.start("b")
    now[0] += 60
    assert plan.finish("b") == 60
    plan.start("c")
    assert said[2] == "[row 2 of 3] B"
    assert said[-1] == "[row 3 of 3] C (about 2 min 00 s left in all)"


def test_cached_and_failed_rows_are_said():
    said = []
    plan = Plan({"a": ("A", 1), "b": ("B", 1)}, said.append)
    plan.cached("a")
    plan.start("b")
    plan.failed("b")
    assert "already done" in said[0] and "failed" in said[-1]


def test_provenance_has_no_host_name():
    import socket

    made = provenance.collect()
    assert socket.gethostname() not in repr(made)
    assert made["packages"]["numpy"][0].isdigit()


@pytest.mark.parametrize(
    ("then", "packages", "since"),
    [
        ({"numpy": "not installed"}, ["numpy"], True),
        ({}, ["numpy"], True),
        ({"numpy": "1.0"}, ["numpy"], False),
        ({}, ["no-such-package"], False),
        ({}, [], False),
    ],
)
def test_packages_installed_since_are_found(then, packages, since):
    assert provenance.installed_since({"provenance": {"packages": then}}, packages) is since


def test_git_revision_is_unknown_outside_of_git(monkeypatch):
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    assert provenance.git_revision() == {"revision": "unknown", "dirty": "unknown"}
