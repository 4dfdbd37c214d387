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
# Of items whose vectors say little: vectors decide between items whose words explain the same.
TERMS_ALONE, DENSE_OF_TIES = 1.0, 0.01


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

    Of items that are not `JoinedVectors.readable`, the words count, and vectors decide between equals.
    """
    of_items, of_passages = vectors.similarities(vector)
    cosines, passages = of_items.astype(np.float64), of_passages.astype(np.float64)
    if not with_terms:
        return Scores(query, cosines, {"dense": cosines}, passages, None)
    dense = np.where(vectors.readable, DENSE, DENSE_OF_TIES) * vectors.stretched(cosines)
    terms = np.where(vectors.readable, TERMS, TERMS_ALONE) * explained
    return Scores(query, terms + dense, {"terms": terms, "dense": dense}, vectors.stretched(passages), None)
