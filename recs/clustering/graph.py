"""The graph of nearest neighbours, its separate parts, and coordinates of its rows.

This module knows rows, not items.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from recs.arrays import Float64Array, FloatArray, IntArray, Similarity
from recs.embedding.neighbors import top_k

_DECIMALS = 7  # of spectral coordinates: with this rounding they are the same on every machine
_LEAST_WEIGHT = 1e-3  # of an edge, also between vectors that point away from each other


def neighbor_graph(vectors: FloatArray, k: int, *, similarity: Similarity = "cosine") -> Any:
    """Return the symmetric graph of the k nearest neighbours, a csr_array of shape (n, n) with weights in (0, 1].

    Notes
    -----
    Two rows that both have the other among their nearest share an edge of twice the weight.

    Examples
    --------
    >>> X = np.array([[1, 0], [1, 0.1], [0, 1]], np.float32)
    >>> neighbor_graph(X, 1).toarray().round(2).tolist()
    [[0.0, 1.0, 0.0], [1.0, 0.0, 0.05], [0.0, 0.05, 0.0]]
    """
    from scipy import sparse

    n = len(vectors)
    neighbors = top_k(vectors, min(k, n - 1), similarity=similarity)
    scores = neighbors.scores
    if similarity != "cosine":
        scores = _between_zero_and_one(scores)
    half_weights = np.maximum(scores, _LEAST_WEIGHT).ravel() / 2
    rows = np.repeat(np.arange(n), neighbors.indices.shape[1])
    half = sparse.csr_array((half_weights, (rows, neighbors.indices.ravel())), shape=(n, n))
    return (half + half.T).tocsr()


def _between_zero_and_one(scores: Float64Array) -> Float64Array:
    """Return scores of any scale as numbers from 0 to 1: 1 for the best of all pairs."""
    best = scores.max(initial=0.0)
    worst = scores.min(initial=0.0)
    return np.asarray((scores - worst) / ((best - worst) or 1.0))


def components(graph: Any) -> list[IntArray]:
    """Return the rows of each connected component of the graph, the largest component first."""
    from scipy.sparse.csgraph import connected_components

    component_of_row = connected_components(graph, directed=False)[1]
    order = np.argsort(component_of_row, kind="stable")
    parts = np.split(order, np.cumsum(np.bincount(component_of_row))[:-1])
    return sorted((rows for rows in parts if len(rows)), key=len, reverse=True)


def spectral_coordinates(graph: Any, dims: int) -> Float64Array:
    """Return eigenvectors of the normalised graph, rows of unit length, shape (n, min(dims, n - 2)).

    The graph must be connected. Signs and the start of the solver are fixed, so that equal graphs have equal results.
    """
    from scipy import sparse
    from scipy.sparse.linalg import eigsh

    n = graph.shape[0]
    roots = np.sqrt(np.asarray(graph.sum(axis=1)).ravel())
    scale = sparse.diags_array(1 / roots)
    matrix = (scale @ graph @ scale).tocsr()
    dims = min(dims, n - 2)
    if n <= 4 * dims + 8:
        values, vectors = np.linalg.eigh(matrix.toarray())
    else:
        start = np.random.default_rng(0).random(n)
        values, vectors = eigsh(matrix, k=dims, which="LA", v0=start, tol=1e-7)
    vectors = vectors[:, np.argsort(-values, kind="stable")[:dims]]
    vectors *= _signs(vectors)
    lengths = np.sqrt(np.einsum("ij,ij->i", vectors, vectors))[:, None]
    return np.round(vectors / np.where(lengths > 0, lengths, 1), _DECIMALS)


def principal_coordinates(vectors: FloatArray, dims: int) -> Float64Array:
    """Return the coordinates of the rows on the `dims` axes of largest variance, shape (n, dims); signs are fixed."""
    centred = vectors.astype(np.float64) - vectors.mean(axis=0, dtype=np.float64)
    axes = np.linalg.eigh(centred.T @ centred)[1][:, : -dims - 1 : -1]
    return np.asarray(centred @ (axes * _signs(axes)))


def _signs(columns: Float64Array) -> Float64Array:
    """Return the sign of the largest entry of each column: an eigenvector is as good with the other sign."""
    largest = np.abs(columns).argmax(axis=0)
    return np.asarray(np.sign(columns[largest, np.arange(columns.shape[1])]))
