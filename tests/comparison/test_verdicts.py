"""Verdicts: how often they are wrong about contestants that are equal, and right about those that are not."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recs.comparison import verdicts
from recs.comparison.verdicts import differences

QUERIES = 400
DEVIATION = 0.3  # of a paired difference


def contest(generator, gap=0.0):
    """Return three contestants, the first better than the others by `gap`."""
    shared = generator.random(QUERIES)
    values = {name: shared + generator.normal(0, DEVIATION / 2**0.5, QUERIES) for name in "abc"}
    values["a"] = values["a"] + gap
    return values


def test_equal_contestants_are_called_equal_and_a_gap_is_seen(monkeypatch):
    monkeypatch.setattr(verdicts, "_RESAMPLES", 1000)
    generator = np.random.default_rng(20)
    equal = gap_seen = 0
    for _ in range(100):
        pair = {name: values for name, values in contest(generator).items() if name != "c"}
        equal += differences("task", pair)[0].verdict == "no difference"
        gap_seen += differences("task", contest(generator, 0.05))[0].verdict == "better"
    assert equal >= 90
    assert gap_seen >= 80


def test_differences_of_one_pair_have_the_normal_interval():
    generator = np.random.default_rng(1)
    a, b = generator.normal(0.5, 0.2, 1000), generator.normal(0.45, 0.2, 1000)
    (pair,) = differences("task", {"a": a, "b": b})
    error = (a - b).std(ddof=1) / 1000**0.5
    assert pair.mean == pytest.approx((a - b).mean())
    assert (pair.high - pair.mean) / error == pytest.approx(1.96, abs=0.12)
    assert pair.low == pytest.approx(2 * pair.mean - pair.high)
    assert pair.detectable / error == pytest.approx(1.96 + 0.84, abs=0.12)


def test_more_contestants_make_wider_intervals():
    values = contest(np.random.default_rng(2))
    (alone,) = differences("task", {name: values[name] for name in "ab"})
    together = differences("task", values)
    assert together[0].mean == alone.mean
    assert together[0].high - together[0].low > 1.1 * (alone.high - alone.low)


@given(seed=st.integers(0, 1000), n=st.integers(0, 60), names=st.integers(1, 4))
def test_differences_are_those_of_all_pairs_and_say_what_they_show(seed, n, names):
    generator = np.random.default_rng(seed)
    values = {f"m{place}": generator.integers(0, 2, n) * 1.0 for place in range(names)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verdicts, "_RESAMPLES", 100)
        pairs = differences("task", values)
    assert [(each.first, each.second) for each in pairs] == list(combinations(values, 2))
    for each in pairs:
        assert each.queries == n
        assert (each.verdict == "cannot tell") == (n < 20)
        assert each.first in each.sentence
        assert each.second in each.sentence
        if each.verdict == "better":
            assert each.low > 0
        if each.verdict == "worse":
            assert each.high < 0
        if each.verdict == "no difference":
            assert each.low <= 1e-12
            assert each.high >= -1e-12


def test_contestants_that_are_equal_in_every_query_have_no_difference():
    values = list(np.random.default_rng(3).random(50))
    (pair,) = differences("task", {"a": values, "b": list(values)})
    assert (pair.verdict, pair.mean, pair.detectable) == ("no difference", 0, 0)
    assert pair.sentence == "task: a and b: no difference in any of 50 queries"


def test_the_order_of_queries_changes_a_verdict_little():
    values = contest(np.random.default_rng(4), 0.2)
    order = np.random.default_rng(5).permutation(QUERIES)
    moved = {name: each[order] for name, each in values.items()}
    for one, other in zip(differences("task", values), differences("task", moved), strict=True):
        assert (one.mean, one.verdict) == (pytest.approx(other.mean), other.verdict)
        assert one.low == pytest.approx(other.low, abs=0.002)
