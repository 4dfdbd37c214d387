"""Where topics are on a map, which of them are neighbours there, and colours that tell neighbours apart."""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray

Places = FloatArray | Float64Array

# People who cannot tell red from green can tell these apart, on white and on black: six of Okabe and Ito's colours,
# violet and brown.
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#a56eff", "#8c564b")
_LOOKED_AT = 2000
_TOUCHING = 6  # nearest points that are looked at
_LEAST_TOUCHES = 0.02  # of the points of the smaller topic


def topic_anchors(places: Places, topics: IntArray, count: int) -> IntArray:
    """Return for each of `count` topics the row of the member around which most others are, int64 of shape (count,).

    `topics` holds the topic of each place: 0 to `count` - 1, or -1. Each topic must have a member. Of a topic with more
    than 2,000 members, a part is looked at.

    Examples
    --------
    >>> topic_anchors(np.array([[0, 0], [1, 1], [5, 5]], np.float32), np.array([0, 0, 0]), 1).tolist()
    [1]
    """
    order = np.argsort(topics, kind="stable")
    bounds = np.searchsorted(topics[order], np.arange(count + 1))
    anchors = np.zeros(count, np.int64)
    for topic, (start, stop) in enumerate(pairwise(bounds.tolist())):
        rows = order[start : stop : 1 + (stop - start) // _LOOKED_AT]
        anchors[topic] = rows[_densest(places[rows].astype(np.float64))]
    return anchors


def _densest(points: Float64Array) -> int:
    """Return the place of the point that needs the smallest circle around it to hold a third of the points."""
    from scipy.spatial import cKDTree

    k = 1 + -(-len(points) // 3)
    radius = cKDTree(points).query(points, k=[min(k, len(points))])[0][:, 0].round(9)
    from_middle = np.abs(points - np.median(points, axis=0)).sum(axis=1)
    return int(np.lexsort((from_middle, radius))[0])


def topic_neighbors(places: Places, topics: IntArray, anchors: IntArray) -> Float64Array:
    """Return how much each two topics touch on the map, float64 of shape (count, count), symmetric; 0 if they do not.

    1: the anchors are neighbours in the Delaunay triangulation. Below 1: among the nearest neighbours of the points of
    one are points of the other; the share of those.

    Examples
    --------
    >>> places = np.array([[0, 0], [1, 0], [2, 0], [3, 0]], np.float32)
    >>> topic_neighbors(places, np.array([0, 0, 1, 1]), np.array([0, 3])).tolist()
    [[0.0, 1.0], [1.0, 0.0]]
    """
    count = len(anchors)
    if count < 2:
        return np.zeros((count, count))
    rows = np.flatnonzero(topics >= 0)
    sizes = np.bincount(topics[rows], minlength=count)
    touching = np.zeros((count, count))
    np.add.at(touching, _near_pairs(places[rows].astype(np.float64), topics[rows]), 1.0)
    touching = (touching + touching.T) / (2 * _TOUCHING * np.maximum(np.minimum(sizes, sizes[:, None]), 1))
    touching = np.minimum(np.where(touching < _LEAST_TOUCHES, 0, touching), 0.99)
    np.fill_diagonal(touching, 0)
    for one, other in _triangulation(places[anchors].astype(np.float64)):
        touching[one, other] = touching[other, one] = 1.0
    return touching


def _near_pairs(points: Float64Array, topics: IntArray) -> tuple[IntArray, IntArray]:
    """Return the topics of each point and of each of its nearest points, where they differ."""
    from scipy.spatial import cKDTree

    near = cKDTree(points).query(points, k=min(_TOUCHING + 1, len(points)))[1].reshape(len(points), -1)
    own = np.repeat(topics, near.shape[1])
    others = topics[near.ravel()]
    differ = own != others
    return own[differ], others[differ]


def _triangulation(anchors: Float64Array) -> list[tuple[int, int]]:
    """Return the neighbours in the Delaunay triangulation; those along the line if all anchors are on one."""
    from scipy.spatial import Delaunay, QhullError

    try:
        triangles = Delaunay(anchors).simplices
    except (QhullError, ValueError):
        order = np.lexsort(anchors.T[::-1])
        return list(pairwise(order.tolist()))
    sides = triangles[:, [[0, 1], [1, 2], [0, 2]]].reshape(-1, 2)
    return [(one, other) for one, other in np.unique(np.sort(sides, axis=1), axis=0).tolist()]


def topic_colours(places: Places, topics: IntArray, anchors: IntArray) -> list[str]:
    """Return a colour for each topic: neighbours in the triangulation never share one, nor do others that touch.

    The arguments are as in `topic_neighbors`.

    Notes
    -----
    The topic with the fewest neighbours is taken out, again and again; colours are given in the reverse order. A graph
    that can be drawn without crossings always has a topic with at most five neighbours, so of the eight colours three
    are free; of these, the one that touches least and whose topics so far are the farthest away is taken.

    Examples
    --------
    >>> topic_colours(np.array([[0, 0], [1, 1]], np.float32), np.array([0, 1]), np.array([0, 1]))
    ['#0072b2', '#e69f00']
    """
    touching = topic_neighbors(places, topics, anchors)
    middles = places[anchors].astype(np.float64)
    chosen = np.full(len(anchors), -1)
    for topic in _fewest_neighbors_last(touching >= 1):
        done = np.flatnonzero(chosen >= 0)
        touched = np.zeros(len(COLOURS))
        weights = np.where(touching[topic] >= 1, len(anchors), touching[topic])
        np.add.at(touched, chosen[done], weights[done])
        nearest = np.full(len(COLOURS), np.inf)
        np.minimum.at(nearest, chosen[done], np.linalg.norm(middles[done] - middles[topic], axis=1))
        chosen[topic] = np.lexsort((np.arange(len(COLOURS)), -nearest, touched))[0]
    return [COLOURS[colour] for colour in chosen.tolist()]


def _fewest_neighbors_last(is_neighbor: BoolArray) -> list[int]:
    """Return the topics in an order in which each has few neighbours before it; else the largest topics come first."""
    left = np.ones(len(is_neighbor), bool)
    order: list[int] = []
    while left.any():
        topics = np.flatnonzero(left)
        neighbors = is_neighbor[np.ix_(topics, topics)].sum(axis=1)
        last = int(topics[np.lexsort((-topics, neighbors))[0]])
        order.append(last)
        left[last] = False
    return order[::-1]
