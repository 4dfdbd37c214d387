"""Whether one contestant is better than another: paired differences, with intervals that hold for all pairs together.

Every contestant is judged on the same queries. The largest standardised difference of resampled means sets the width of
the intervals (the single-step max-t method), so that, of contestants that are equal, in 95 of 100 contests no pair is
called different.

References
----------
Westfall and Young, Resampling-based multiple testing, 1993.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from recs.arrays import Float64Array
from recs.evaluation.judgments import FEW_SOURCES
from recs.text.counts import counted

Verdict = Literal["better", "worse", "no difference", "cannot tell"]
_RESAMPLES = 2000
_LEVEL = 95  # per cent
_POWER = 0.8416  # a standard normal value is below it in 80 of 100 cases
_ROUNDING = 1e-12


@dataclass(frozen=True, slots=True)
class Difference:
    """By how much one contestant is better than another in one task.

    Attributes
    ----------
    task, first, second
        The task and the names of the two.
    mean, low, high
        The mean of first - second over the queries, and its interval. The intervals of all pairs of a task hold
        together with a probability of 95 %.
    queries
        How many queries judge both.
    detectable
        The smallest difference that so many queries show in 80 of 100 cases.
    verdict
        Of the first one: "better", "worse", "no difference" (none that the judgments can show), or "cannot tell", with
        fewer than 20 queries.
    """

    task: str
    first: str
    second: str
    mean: float
    low: float
    high: float
    queries: int
    detectable: float
    verdict: Verdict

    @property
    def sentence(self) -> str:
        """What the difference means, in words.

        Examples
        --------
        >>> Difference("related", "A", "B", 0.01, -0.02, 0.04, 212, 0.043, verdict="no difference").sentence
        'related: A and B: no difference; 212 queries could have shown one of .043 or more'
        """
        pair = f"{self.task}: {self.first} and {self.second}"
        judged = counted(self.queries, "query", "queries")
        if self.verdict == "cannot tell":
            return f"{pair}: cannot tell; {judged} are too few"
        if self.verdict == "no difference":
            if not self.detectable:
                return f"{pair}: no difference in any of {judged}"
            return f"{pair}: no difference; {judged} could have shown one of {_short(self.detectable)} or more"
        by = f"{_short(abs(self.mean))} [{_short(min(abs(self.low), abs(self.high)))}, "
        by += f"{_short(max(abs(self.low), abs(self.high)))}]"
        return f"{self.task}: {self.first} is {self.verdict} than {self.second} by {by}, in {judged}"


def _short(value: float) -> str:
    """Return a number with three decimals and no zero before the point."""
    return f"{value:.3f}".replace("0.", ".", 1)


def differences(task: str, values: Mapping[str, Sequence[float] | Float64Array]) -> tuple[Difference, ...]:
    """Compare all pairs of contestants in one task, in the order of the contestants.

    Parameters
    ----------
    values
        By contestant: what it reaches for each of n queries, in one order of the queries for all.

    Notes
    -----
    The resamples are seeded. Time and memory O(2,000 n).

    Examples
    --------
    >>> pair, = differences("search", {"A": [1.0, 0.5] * 50, "B": [0.5, 0.25] * 50})
    >>> pair.verdict, round(pair.mean, 3), pair.queries
    ('better', 0.375, 100)
    """
    names = list(combinations(values, 2))
    if not names:
        return ()
    paired = np.array([np.subtract(values[first], values[second], dtype=np.float64) for first, second in names])
    n = paired.shape[1]
    if n < FEW_SOURCES:
        return tuple(_too_few(task, pair, gaps) for pair, gaps in zip(names, paired, strict=True))
    errors = paired.std(axis=1, ddof=1) / np.sqrt(n)
    width = _critical_value(paired, errors)
    gaps = paired.mean(axis=1)
    return tuple(
        _difference(task, pair, float(gap), float(error), width=width, n=n)
        for pair, gap, error in zip(names, gaps, errors, strict=True)
    )


def _difference(task: str, names: tuple[str, str], gap: float, error: float, *, width: float, n: int) -> Difference:
    low = gap - width * error
    high = gap + width * error
    verdict: Verdict = "no difference"
    if low > _ROUNDING:
        verdict = "better"
    elif high < -_ROUNDING:
        verdict = "worse"
    return Difference(task, *names, gap, low, high, n, (width + _POWER) * error, verdict)


def _too_few(task: str, names: tuple[str, str], gaps: Float64Array) -> Difference:
    gap = float(gaps.mean()) if len(gaps) else 0.0
    return Difference(task, *names, gap, -1.0, 1.0, len(gaps), 1.0, "cannot tell")


def _critical_value(paired: Float64Array, errors: Float64Array) -> float:
    """Return the largest standardised difference of resampled means that 95 of 100 resamples stay below."""
    differs = errors > _ROUNDING
    if not differs.any():
        return 0.0
    centred = (paired[differs] - paired[differs].mean(axis=1, keepdims=True)) / errors[differs, None]
    n = centred.shape[1]
    generator = np.random.default_rng(0)
    largest = np.empty(_RESAMPLES)
    for start in range(0, _RESAMPLES, 100):
        drawn = generator.multinomial(n, np.full(n, 1 / n), size=min(100, _RESAMPLES - start))
        largest[start : start + 100] = np.abs(drawn @ centred.T / n).max(axis=1)
    return float(np.percentile(largest, _LEVEL))
