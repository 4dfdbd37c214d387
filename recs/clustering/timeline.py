"""How many items of each topic there are in each year, month or day."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from recs.clustering.result import Clustering
from recs.errors import OptionError
from recs.items import Item

PERIODS = {"year": 4, "month": 7, "day": 10}
"""For each period, how many characters of an ISO 8601 date name it."""


def topics_over_time(
    clustering: Clustering, items: Iterable[Item], *, period: Literal["year", "month", "day"] = "month"
) -> dict[str, dict[int, int]]:
    """Count the items of each topic in each period, from first to last.

    Items without a date or a topic are left out.

    Returns
    -------
    dict
        By period ("2026-11"), then by topic id. Each period has all topics; periods without a dated item are left out.

    Raises
    ------
    OptionError

    Examples
    --------
    >>> import numpy as np, recs
    >>> items = [recs.Item(id=f"{i:02}", text=f"post {i}", published=f"20{20 + i % 2}-05-01") for i in range(24)]
    >>> X = np.eye(2).repeat(12, axis=0) + np.random.default_rng(0).normal(0, 0.1, (24, 2))
    >>> clustering = recs.cluster_items(items, recs.Embeddings.from_array([item.id for item in items], X, model="demo"))
    >>> recs.topics_over_time(clustering, items, period="year")
    {'2020': {0: 6, 1: 6}, '2021': {0: 6, 1: 6}}
    """
    if period not in PERIODS:
        raise OptionError(f"period is {period!r}, expected one of {', '.join(PERIODS)}.")
    topic_of_item = dict(zip(clustering.ids, clustering.assigned.tolist(), strict=True))
    counts: dict[str, dict[int, int]] = {}
    for item in items:
        topic = topic_of_item.get(item.id, -1)
        if item.published and topic >= 0:
            of_period = counts.setdefault(item.published[: PERIODS[period]], {each.id: 0 for each in clustering.topics})
            of_period[topic] += 1
    return dict(sorted(counts.items()))
