"""Each listener has another order; systems, clips and sides are balanced; checks lie in between."""

import collections
import random

import pytest

from tfwave.listening import order


def sessions(test, count):
    """Simulate whole sessions; returns the (step, item, swapped) of each listener."""
    used, made = collections.Counter(), []
    for _ in range(count):
        heard, turns = [], []
        for step in order.steps(test):
            if step.role == order.QUESTIONS:
                continue
            item, swapped = order.choose(test, step, heard, used)
            heard.append((step, item))
            turns.append((step, test.items[item], swapped))
            used[item, swapped] += 1
        made.append(turns)
    return made


def rated(turns):
    return [item for step, item, _ in turns if step.role == order.ITEM]


def test_everybody_hears_systems_equally_often_in_another_order(make_test):
    test = make_test("mos", ("a", "b", "c"), count=6, items=9)
    orders = set()
    for turns in sessions(test, 20):
        heard = rated(turns)
        assert len({item.id for item in heard}) == 9
        counts = collections.Counter(item.group for item in heard)
        assert set(counts.values()) == {3}
        orders.add(tuple(item.id for item in heard))
    assert len(orders) == 20


def test_clips_are_rated_equally_often(make_test):
    test = make_test("mos", ("a", "b", "c"), count=5, items=7)
    total = collections.Counter()
    for turns in sessions(test, 30):
        counts = collections.Counter(item.group for item in rated(turns))
        assert max(counts.values()) - min(counts.values()) <= 1
        total.update(item.id for item in rated(turns))
    assert len(total) == 15 and sum(total.values()) == 210
    assert max(total.values()) - min(total.values()) <= 1


def test_checks_lie_at_random_places_but_never_first(make_test):
    test = make_test("mos", count=8, items=16)
    places = set()
    for seed in range(200):
        roles = [step.role for step in order.steps(test, random.Random(seed))]
        assert roles.count(order.CHECK) == 2 and roles.count(order.ITEM) == 16
        first, second = (i for i, role in enumerate(roles) if role == order.CHECK)
        assert 1 <= first <= 8 and 10 <= second <= 17
        places.add((first, second))
    assert len(places) > 40


def test_sides_of_a_pair_are_balanced(make_test):
    test = make_test("pairs", ("a", "b"), count=4)
    sides = collections.defaultdict(list)
    for turns in sessions(test, 20):
        for _, item, swapped in turns:
            sides[item.id].append(swapped)
    for item in test.having(order.ITEM):
        assert sorted(sides[item.id]) == [False] * 10 + [True] * 10


def test_sets_are_of_one_system_with_a_check_inside_and_questions_at_the_end(make_test):
    test = make_test("digits", ("a", "b", "c"), count=12, recordings=10, items=20)
    assert test.set_size == 10 and test.items_per_rater == 20
    totals = collections.Counter()
    for turns in sessions(test, 9):
        steps = [step for step, _, _ in turns]
        assert [step.role for step in steps[:2]] == [order.WARMUP] * 2
        heard = []
        for number in (0, 1):
            part = [(s, i) for s, i, _ in turns[2:] if s.set == number]
            roles = [step.role for step, _ in part]
            assert roles.count(order.CHECK) == 1 and roles[0] == order.ITEM and len(roles) == 11
            (group,) = {item.group for step, item in part if step.role == order.ITEM}
            heard.append(group)
        assert heard[0] != heard[1]
        totals.update(heard)
    assert set(totals.values()) == {6}
    every = order.steps(test)
    assert [step.set for step in every if step.role == order.QUESTIONS] == [0, 1]
    assert every[-1].role == order.QUESTIONS


@pytest.mark.parametrize(
    ("kind", "count", "items", "size", "each"),
    [
        ("mos", 4, 0, 0, 8),
        ("mos", 40, 0, 0, 15),
        ("pairs", 40, 0, 0, 20),
        ("mos", 40, 6, 0, 6),
        ("digits", 4, 0, 4, 8),
        ("digits", 30, 0, 10, 30),
        ("digits", 30, 5, 5, 5),
    ],
)
def test_nobody_hears_more_than_there_is(make_test, kind, count, items, size, each):
    test = make_test(kind, count=count, items=items)
    assert (test.set_size, test.items_per_rater) == (size, each)
    for turns in sessions(test, 2):
        assert len(set(rated(turns))) == each
