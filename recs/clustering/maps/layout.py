"""A map of vectors in two dimensions: similar rows are near each other, and every run gives the same map.

This is t-SNE with two changes. Each of the nearest neighbours pulls with the same force, where the original weighs
them by their distances: more of them stay neighbours, and six times fewer forces are summed. And nothing is random.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from recs.arrays import Float64Array, FloatArray, IntArray, Similarity
from recs.clustering.graph import principal_coordinates
from recs.clustering.maps.field import PushField
from recs.clustering.maps.packing import packed
from recs.embedding.neighbors import top_k

_NEIGHBORS = 15
_MOST = 20_000  # rows that are laid out together
_LANDMARKS = 12_000  # of more rows, so many are laid out, and the others are placed among them
_NEAREST_LANDMARKS = 5
_EXAGGERATION = 12.0  # how much harder neighbours pull at first, when rows still find their places
_EARLY = 120  # steps
_LATE = 200
_REST = 40
_LONGEST_STEP = 5.0


def map_layout(vectors: FloatArray, *, similarity: Similarity = "cosine") -> FloatArray:
    """Return a place on the map for each of n rows, float32 of shape (n, 2), within -1 and 1.

    Notes
    -----
    Rows start at their principal components. Identical rows have one place, and the order of the rows changes nothing.
    More than 20,000 distinct rows are placed around 12,000 of them. Time O(n² d) for the neighbours up to there, then
    O(n d).

    References
    ----------
    van der Maaten and Hinton, JMLR 9 (2008); Böhm, Berens and Kobak, arXiv:2007.08902, for equal forces.

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
    chosen = np.arange(n)
    if n > _MOST:
        chosen = np.sort(np.random.default_rng(0).choice(n, _LANDMARKS, replace=False))
    places = _laid_out(distinct[chosen], similarity)
    if n > _MOST:
        places = _placed_around(distinct, chosen, places, similarity)
    return packed(places).astype(np.float32)[distinct_of_row.ravel()]


def _laid_out(vectors: FloatArray, similarity: Similarity) -> Float64Array:
    """Return the places of all rows, from their neighbours among each other."""
    n = len(vectors)
    neighbors = top_k(vectors, min(_NEIGHBORS, max(2, (n - 1) // 3)), similarity=similarity).indices
    places = principal_coordinates(vectors, 2)
    places /= 1e4 * (places[:, 0].std() or 1.0)
    system = _System.of(neighbors, np.arange(n), masses=np.ones(n))
    system.move(places, steps=_EARLY, exaggeration=_EXAGGERATION, momentum=0.5)
    system.move(places, steps=_LATE, exaggeration=1.0, momentum=0.8)
    return places


def _placed_around(
    vectors: FloatArray, landmarks: IntArray, known_places: Float64Array, similarity: Similarity
) -> Float64Array:
    """Return the places of all rows: landmarks where they are, and the others where their landmarks pull them.

    All rows together push as hard as the landmarks alone did, so that the map keeps its size.
    """
    n = len(vectors)
    others = np.delete(np.arange(n), landmarks)
    nearest = top_k(vectors[landmarks], _NEAREST_LANDMARKS, similarity=similarity, queries=vectors[others]).indices
    places = np.empty((n, 2))
    places[landmarks] = known_places
    places[others] = known_places[nearest[:, 0]] * 0.7 + known_places[nearest[:, 1:]].mean(axis=1) * 0.3
    system = _System.of(landmarks[nearest], others, masses=np.full(n, len(landmarks) / n))
    system.move(places, steps=_REST, exaggeration=1.0, momentum=0.5)
    return places


@dataclass(frozen=True, slots=True, eq=False)
class _System:
    """Rows that pull their neighbours and push all rows.

    Attributes
    ----------
    rows, neighbors, weights : arrays of one length
        Each pair of neighbours, in both directions, and how hard it pulls: by 1 over the sum of the masses, for
        the pairs of one row in the mean.
    masses : float64 array of shape (n,)
        How hard each row pushes.
    """

    rows: IntArray
    neighbors: IntArray
    weights: Float64Array
    masses: Float64Array

    @classmethod
    def of(cls, neighbors: IntArray, rows: IntArray, *, masses: Float64Array) -> _System:
        from scipy import sparse

        n = len(masses)
        pairs = (np.repeat(rows, neighbors.shape[1]), neighbors.ravel())
        half = sparse.csr_array((np.ones(neighbors.size), pairs), shape=(n, n))
        pulls = (half + half.T).tocoo()
        return cls(pulls.row, pulls.col, pulls.data / (pulls.sum() * masses.mean()), masses)

    def move(self, places: Float64Array, *, steps: int, exaggeration: float, momentum: float) -> None:
        """Move the rows by gradient descent; changes the places. Each coordinate has a gain, as in the original."""
        field = PushField()
        rate = self.masses.sum() / exaggeration
        gains = np.ones_like(places)
        speed = np.zeros_like(places)
        for _ in range(steps):
            push, total = field.push(places, self.masses)
            force = exaggeration * self._pull(places) + push / max(total, 1e-12)
            goes_on = np.sign(force) == np.sign(speed)
            gains = np.maximum(np.where(goes_on, gains + 0.2, gains * 0.8), 0.01)
            speed = momentum * speed + rate * gains * force
            np.clip(speed, -_LONGEST_STEP, _LONGEST_STEP, out=speed)
            places += speed
            places -= places.mean(axis=0)

    def _pull(self, places: Float64Array) -> Float64Array:
        x, y = np.ascontiguousarray(places.T)
        x_gaps = x[self.neighbors] - x[self.rows]
        y_gaps = y[self.neighbors] - y[self.rows]
        weights = self.weights / (1 + x_gaps * x_gaps + y_gaps * y_gaps)
        return np.stack([np.bincount(self.rows, weights * gaps, len(x)) for gaps in (x_gaps, y_gaps)], axis=1)
