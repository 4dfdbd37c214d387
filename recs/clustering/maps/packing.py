"""Make a layout fill a page: groups that stand apart move together, and the longer side lies across."""

from __future__ import annotations

import numpy as np

from recs.arrays import Float64Array, IntArray

_GAP = 0.035  # of the size of the layout: how far apart groups stay
_STEPS = 100
_TIMES = 3  # the smaller a layout gets, the smaller are its gaps


def packed(places: Float64Array) -> Float64Array:
    """Return the places of n points, within -1 and 1, without wide empty strips between groups of points.

    Examples
    --------
    >>> square = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]])
    >>> apart = packed(np.vstack([square, square + [100, 0]]))
    >>> bool(np.diff(np.sort(apart[:, 0])).max() <= 1)  # of a width of 2
    True
    """
    for _ in range(_TIMES):
        gap = _gap(places)
        places = _gathered(places, _groups(places, gap), gap)
    places = _turned(places)
    places -= (places.max(axis=0) + places.min(axis=0)) / 2
    return np.asarray(places / (np.abs(places).max() or 1.0))


def _gap(places: Float64Array) -> float:
    """Return how far apart groups stay: as far as single points often are, if these are few."""
    from scipy.spatial import cKDTree

    nearest = cKDTree(places).query(places, k=2)[0][:, 1]
    size = float(np.sqrt(np.ptp(places, axis=0).prod()))
    return max(_GAP * size, 1.5 * float(np.quantile(nearest, 0.9)), 1e-9)


def _groups(places: Float64Array, gap: float) -> IntArray:
    """Return the group of each point: points whose squares of side `gap` touch are in one."""
    from scipy import ndimage

    cells = ((places - places.min(axis=0)) / gap).astype(np.int64)
    is_taken = np.zeros(cells.max(axis=0) + 1, bool)
    is_taken[tuple(cells.T)] = True
    labels = ndimage.label(is_taken, structure=np.ones((3, 3)))[0]
    return np.asarray(labels[tuple(cells.T)] - 1, np.int64)


def _gathered(places: Float64Array, group_of_point: IntArray, gap: float) -> Float64Array:
    """Move every group towards the largest one until it is `gap` away from those that have moved; nearer ones first."""
    sizes = np.bincount(group_of_point)
    middles = np.stack([np.bincount(group_of_point, places[:, axis]) / sizes for axis in (0, 1)], axis=1)
    goal = middles[sizes.argmax()]
    order = np.argsort(np.linalg.norm(middles - goal, axis=1), kind="stable")
    moved = places.copy()
    settled = np.zeros((0, 2))
    for group in order.tolist():
        is_own = group_of_point == group
        outline = _thinned(places[is_own], gap / 4)
        shift = _shift(outline, settled, goal - middles[group], gap)
        moved[is_own] += shift
        settled = np.vstack([settled, outline + shift])
    return moved


def _thinned(points: Float64Array, step: float) -> Float64Array:
    """Return one point for each square of side `step` that has one."""
    _, first = np.unique((points / step).astype(np.int64), axis=0, return_index=True)
    return points[first]


def _shift(outline: Float64Array, settled: Float64Array, way: Float64Array, gap: float) -> Float64Array:
    """Return how far along its way a group can go."""
    from scipy.spatial import cKDTree

    if not len(settled):
        return np.zeros(2)
    tree = cKDTree(settled)
    free = 0.0
    for part in np.linspace(0, 1, _STEPS + 1):
        if tree.query(outline + part * way)[0].min() < gap:
            break
        free = part
    return free * way


def _turned(places: Float64Array) -> Float64Array:
    """Turn the points so that their longer side lies across the page."""
    centred = places - places.mean(axis=0)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
    largest = np.abs(axes).argmax(axis=0)
    return np.asarray(centred @ (axes * np.sign(axes[largest, np.arange(2)])))
