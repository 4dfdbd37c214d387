"""A map of vectors in two dimensions: similar rows are near each other, and every run gives the same map."""

from __future__ import annotations

from typing import Any

import numpy as np

from recs.arrays import Float64Array, FloatArray, IntArray, Similarity
from recs.clustering.graph import neighbor_graph, principal_coordinates

_NEIGHBORS = 15
_EPOCHS = 300
_PUSHES = 5  # rows, drawn in each epoch, that each row is pushed away from
_A, _B = 1.58, 0.9  # curve of closeness 1 / (1 + a d^2b) for points a tenth apart (McInnes et al., arXiv:1802.03426)
_STEP = 4.0  # the largest force on a row
# People who cannot tell red from green can tell these apart, on white and on black: six of Okabe and Ito's colours,
# violet and brown.
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#a56eff", "#8c564b")


def map_layout(vectors: FloatArray, *, similarity: Similarity = "cosine") -> FloatArray:
    """Return a place on the map for each of n rows, float32 of shape (n, 2), within -1 and 1.

    Notes
    -----
    Rows start at their principal components. Neighbours in the graph pull each other, and each row is pushed away from
    rows drawn at random (with a fixed seed). Identical rows have one place. Time O(n² d) for the neighbours, then
    O(n) in each epoch.

    Examples
    --------
    >>> map_layout(np.eye(2, dtype=np.float32)).tolist()
    [[0.5, 0.0], [-0.5, 0.0]]
    """
    distinct, distinct_of_row = np.unique(vectors, axis=0, return_inverse=True)
    n = len(distinct)
    if n < 3:
        places = np.stack([np.linspace(-0.5, 0.5, n), np.zeros(n)], axis=1)
        return places.astype(np.float32)[distinct_of_row.ravel()]
    places = principal_coordinates(distinct, 2)
    places *= 10 / (np.abs(places).max() or 1.0)
    edges = neighbor_graph(distinct, min(_NEIGHBORS, n - 1), similarity=similarity).tocoo()
    _move_places(places, edges)
    places -= (places.max(axis=0) + places.min(axis=0)) / 2
    return np.asarray((places / np.abs(places).max())[distinct_of_row.ravel()], np.float32)


def _move_places(places: Float64Array, edges: Any) -> None:
    """Pull neighbours together and push random pairs apart, by less in each epoch; changes the places."""
    n = len(places)
    weights = _balanced(edges.row, edges.col, edges.data, n)
    pushed = np.repeat(np.arange(n), _PUSHES)
    random = np.random.default_rng(0)
    epochs = _EPOCHS if n > 2000 else 2 * _EPOCHS
    for epoch in range(epochs):
        force = _sum(edges.row, _pull(places[edges.row] - places[edges.col]) * weights[:, None], n)
        force += _sum(pushed, _push(places[pushed] - places[random.integers(0, n, len(pushed))]), n)
        places += (1 - epoch / epochs) * np.clip(force, -_STEP, _STEP) * 0.5


def topic_anchors(places: FloatArray, topics: IntArray, count: int) -> Float64Array:
    """Return for each of `count` topics the place of its most central member, float64 of shape (count, 2).

    `topics` holds the topic of each place: 0 to `count` - 1, or -1. Each topic must have a member.

    Examples
    --------
    >>> topic_anchors(np.array([[0, 0], [1, 1], [5, 5]], np.float32), np.array([0, 0, 0]), 1).tolist()
    [[1.0, 1.0]]
    """
    anchors = np.zeros((count, 2))
    for topic in range(count):
        own = places[topics == topic].astype(np.float64)
        anchors[topic] = own[np.abs(own - np.median(own, axis=0)).sum(axis=1).argmin()]
    return anchors


def topic_colours(anchors: Float64Array) -> list[str]:
    """Return a colour for each topic: the colour whose topics so far are the farthest away on the map.

    Examples
    --------
    >>> topic_colours(np.array([[0.0, 0.0], [1.0, 1.0]]))
    ['#0072b2', '#e69f00']
    """
    chosen: list[int] = []
    for topic, anchor in enumerate(anchors):
        nearest = np.full(len(_COLOURS), np.inf)
        np.minimum.at(nearest, np.array(chosen, np.int64), np.linalg.norm(anchors[:topic] - anchor, axis=1))
        chosen.append(int(nearest.argmax()))
    return [_COLOURS[colour] for colour in chosen]


def _balanced(rows: IntArray, columns: IntArray, weights: Float64Array, n: int) -> Float64Array:
    """Return weights that sum to about 1 for each row; otherwise the many neighbours of a hub would pull too hard."""
    totals = np.bincount(rows, weights, minlength=n)
    return np.asarray(weights / np.sqrt(totals[rows] * totals[columns]))


def _sum(rows: IntArray, forces: Float64Array, n: int) -> Float64Array:
    """Return the sum of the forces on each row."""
    return np.stack([np.bincount(rows, forces[:, axis], minlength=n) for axis in (0, 1)], axis=1)


def _pull(gaps: Float64Array) -> Float64Array:
    squares = np.maximum(np.einsum("ij,ij->i", gaps, gaps), 1e-9)
    size = 2 * _A * _B * squares ** (_B - 1) / (1 + _A * squares**_B)
    return np.asarray(-5 * size[:, None] * gaps)


def _push(gaps: Float64Array) -> Float64Array:
    squares = np.einsum("ij,ij->i", gaps, gaps)
    size = 2 * _B / ((0.01 + squares) * (1 + _A * squares**_B))
    return np.asarray(np.clip(size[:, None] * gaps, -_STEP, _STEP) / _PUSHES)
