"""Metrics of ranked lists, one function each, and a confidence interval of their means.

`ranked` is a list of ids, best first, without repeats. `relevant` holds the ids that belong in it, at least one. Gains
are binary.

References
----------
Järvelin and Kekäläinen, Cumulated gain-based evaluation of IR techniques, doi:10.1145/582415.582418.
Radovanović, Nanopoulos and Ivanović, Hubs in space, JMLR 11 (2010), for the skewness of k-occurrence.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

RESAMPLES = 2000


def ndcg(ranked: Sequence[Hashable], relevant: AbstractSet[Any], k: int) -> float:
    """Return the normalised discounted cumulative gain of the first k, in [0, 1].

    Examples
    --------
    >>> ndcg(["a", "b", "c"], {"a", "b"}, k=3), round(ndcg(["c", "a", "b"], {"a", "b"}, k=3), 3)
    (1.0, 0.693)
    """
    gain = sum(1 / math.log2(rank + 2) for rank, name in enumerate(ranked[:k]) if name in relevant)
    return gain / sum(1 / math.log2(rank + 2) for rank in range(min(k, len(relevant))))


def recall(ranked: Sequence[Hashable], relevant: AbstractSet[Any], k: int) -> float:
    """Return the share of the relevant ids that are among the first k, in [0, 1].

    Examples
    --------
    >>> recall(["a", "b", "c"], {"a", "c"}, k=2)
    0.5
    """
    return sum(name in relevant for name in ranked[:k]) / len(relevant)


def reciprocal_rank(ranked: Sequence[Hashable], relevant: AbstractSet[Any], k: int) -> float:
    """Return 1 / the rank of the first relevant id among the first k, in [0, 1]; 0 if there is none.

    Examples
    --------
    >>> reciprocal_rank(["a", "b", "c"], {"b", "c"}, k=3)
    0.5
    """
    return next((1 / rank for rank, name in enumerate(ranked[:k], 1) if name in relevant), 0.0)


def gini(counts: npt.ArrayLike) -> float:
    """Return the Gini coefficient of n counts, in [0, 1): 0 if all are equal, or if there are none.

    Examples
    --------
    >>> gini([1, 1, 1, 1]), gini([0, 0, 0, 4])
    (0.0, 0.75)
    """
    sorted_counts = np.sort(np.asarray(counts, dtype=np.float64))
    n, total = len(sorted_counts), sorted_counts.sum()
    if not total:
        return 0.0
    return float(2 * (np.arange(1, n + 1) * sorted_counts).sum() / (n * total) - (n + 1) / n)


def skewness(counts: npt.ArrayLike) -> float:
    """Return the third standardised moment of n counts, which is large if there are a few hubs; 0 if all are equal.

    Examples
    --------
    >>> round(skewness([0, 0, 0, 4]), 3)
    1.155
    """
    values = np.asarray(counts, dtype=np.float64)
    if not values.size or values.std() == 0:
        return 0.0
    return float((((values - values.mean()) / values.std()) ** 3).mean())


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over sources and its bootstrap interval, of 95 % unless said otherwise."""

    mean: float
    low: float
    high: float


def bootstrap(values: npt.ArrayLike, *, seed: int = 0, level: float = 0.95) -> Estimate:
    """Return the mean of n values, n > 0, and its interval of a level by 2,000 resamples.

    For the differences between two rankings of the same sources, this is the paired interval. The order of the values
    does not matter.

    Examples
    --------
    >>> bootstrap([0.5, 0.5, 0.5])
    Estimate(mean=0.5, low=0.5, high=0.5)
    """
    values = np.sort(np.asarray(values, dtype=np.float64))
    generator = np.random.default_rng(seed)
    means = [values[generator.integers(0, len(values), len(values))].mean() for _ in range(RESAMPLES)]
    low, high = np.percentile(means, [50 - 50 * level, 50 + 50 * level])
    return Estimate(float(values.mean()), float(low), float(high))
