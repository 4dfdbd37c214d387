"""The scores of all items for a query: what its words explain, and how near its vector is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from recs.arrays import BoolArray, Float64Array, FloatArray
from recs.retrieval.query import Query
from recs.retrieval.vectors import JoinedVectors

# The share of a query that the terms of an item explain, and its cosine; chosen on judged sets (docs/benchmarks.md).
TERMS, DENSE = 0.4, 0.6


class Scores(NamedTuple):
    """The scores of n items.

    Attributes
    ----------
    query
        The query as it is understood.
    total
        float64 array of shape (n,).
    parts
        What terms and vectors add to it, by name.
    passages
        The cosine of each of the m passages, stretched as that of the items is; None without vectors.
    is_match
        Which items may be hits; None for all.
    """

    query: Query
    total: Float64Array
    parts: Mapping[str, Float64Array]
    passages: Float64Array | None
    is_match: BoolArray | None


def added(
    query: Query, explained: Float64Array, vectors: JoinedVectors, vector: FloatArray, *, with_terms: bool
) -> Scores:
    """Return the scores by vectors alone, or by the share of the query that is explained and vectors.

    Items that are not `JoinedVectors.readable` have the share alone.
    """
    of_items, of_passages = vectors.similarities(vector)
    cosines, passages = of_items.astype(np.float64), of_passages.astype(np.float64)
    if not with_terms:
        return Scores(query, cosines, {"dense": cosines}, passages, None)
    readable = vectors.readable
    dense = np.where(readable, DENSE * vectors.stretched(cosines), 0.0)
    terms = np.where(readable, TERMS, 1.0) * explained
    is_match = None if readable.all() else readable | (explained > 0)
    return Scores(query, terms + dense, {"terms": terms, "dense": dense}, vectors.stretched(passages), is_match)
