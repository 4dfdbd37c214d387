"""Where the rows of a neighbour graph stand on a map: like beside like, in two dimensions, the same on every run."""

from __future__ import annotations

import numpy as np

from recs.arrays import Float64Array, FloatArray, IntArray, Similarity
from recs.clustering.graph import neighbor_graph, principal_coordinates

_NEIGHBORS = 15
_EPOCHS = 300
_PUSHES = 5  # rows that each row is pushed away from, each time anew, for one pull of its neighbours
_A, _B = 1.58, 0.9  # curve of closeness 1 / (1 + a d^2b) for points a tenth apart (McInnes et al., arXiv:1802.03426)
_STEP = 4.0  # no row moves farther at a time
# Told apart by whoever sees red and green as one, on white and on black: six of Okabe and Ito's, violet and brown.
_COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#a56eff", "#8c564b")


def map_layout(vectors: FloatArray, *, similarity: Similarity = "cosine") -> FloatArray:
    """Return a place on the map for each of n rows, float32 of shape (n, 2), within -1 and 1.

    Notes
    -----
    Rows start at their principal components. Neighbours in the graph pull each other, and each row is pushed away from
    others drawn at random (of a fixed seed). Identical rows have one place. Time O(n² d) for the neighbours, then
    O(n) an epoch.
    """
    distinct, place_of = np.unique(vectors, axis=0, return_inverse=True)
    n = len(distinct)
    if n < 3:
        return np.stack([np.linspace(-0.5, 0.5, n), np.zeros(n)], axis=1).astype(np.float32)[place_of.ravel()]
    places = principal_coordinates(distinct, 2)
    places *= 10 / (np.abs(places).max() or 1.0)
    edges = neighbor_graph(distinct, min(_NEIGHBORS, n - 1), similarity=similarity).tocoo()
    weights = _balanced(edges.row, edges.col, edges.data, n)
    random = np.random.default_rng(0)
    epochs = _EPOCHS if n > 2000 else 2 * _EPOCHS
    for epoch in range(epochs):
        force = _sum(edges.row, _pull(places[edges.row] - places[edges.col]) * weights[:, None], n)
        rows = np.repeat(np.arange(n), _PUSHES)
        gaps = places[rows] - places[random.integers(0, n, len(rows))]
        force += _sum(rows, _push(gaps), n)
        places += (1 - epoch / epochs) * np.clip(force, -_STEP, _STEP) * 0.5
    places -= (places.max(axis=0) + places.min(axis=0)) / 2
    return np.asarray((places / np.abs(places).max())[place_of.ravel()], np.float32)


def topic_anchors(places: FloatArray, topics: IntArray, count: int) -> Float64Array:
    """Return for each of `count` topics the place of one of its members, float64 of shape (count, 2): the most central.

    `topics` are 0 to `count` - 1, or -1; each has a member.
    """
    anchors = np.zeros((count, 2))
    for topic in range(count):
        own = places[topics == topic].astype(np.float64)
        anchors[topic] = own[np.abs(own - np.median(own, axis=0)).sum(axis=1).argmin()]
    return anchors


def topic_colours(anchors: Float64Array) -> list[str]:
    """Return a colour for each topic, the largest first: the one whose topics so far are the farthest away."""
    chosen: list[int] = []
    for topic, anchor in enumerate(anchors):
        nearest = np.full(len(_COLOURS), np.inf)
        np.minimum.at(nearest, np.array(chosen, np.int64), np.linalg.norm(anchors[:topic] - anchor, axis=1))
        chosen.append(int(nearest.argmax()))
    return [_COLOURS[colour] for colour in chosen]


def _balanced(rows: IntArray, columns: IntArray, weights: Float64Array, n: int) -> Float64Array:
    """Return weights that sum to about 1 a row, so that a hub is not torn."""
    totals = np.bincount(rows, weights, minlength=n)
    return np.asarray(weights / np.sqrt(totals[rows] * totals[columns]))


def _sum(rows: IntArray, forces: Float64Array, n: int) -> Float64Array:
    return np.stack([np.bincount(rows, forces[:, axis], minlength=n) for axis in (0, 1)], axis=1)


def _pull(gaps: Float64Array) -> Float64Array:
    squares = np.maximum(np.einsum("ij,ij->i", gaps, gaps), 1e-9)
    size = 2 * _A * _B * squares ** (_B - 1) / (1 + _A * squares**_B)
    return np.asarray(-5 * size[:, None] * gaps)


def _push(gaps: Float64Array) -> Float64Array:
    squares = np.einsum("ij,ij->i", gaps, gaps)
    size = 2 * _B / ((0.01 + squares) * (1 + _A * squares**_B))
    return np.asarray(np.clip(size[:, None] * gaps, -_STEP, _STEP) / _PUSHES)
