"""How hard the points of a map push each other away, for all pairs at once: a convolution on a grid.

The points are spread over the nodes of a grid, the grid is convolved with the kernel by a fast Fourier transform, and
the result is read at the points (Linderman et al., arXiv:1712.09005). Time O(n + g log g) for g nodes instead of O(n²).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from recs.arrays import Float64Array

_FEW = 400  # points whose pairs are computed one by one
_CELL = 0.5  # the distance of two nodes; the kernel changes over a distance of 1
_FEWEST_CELLS = 60  # on each axis; a smaller field has smaller cells
_MOST_CELLS = 512  # a larger field has larger ones
_NODES = 4  # on each axis, that a point is spread over
_ROUND = 32  # grids have a multiple of so many nodes, so that their kernels are seldom made anew


@dataclass(slots=True)
class PushField:
    """The force that n points of given masses exert on each of them; it keeps the kernels of the last grid.

    Examples
    --------
    >>> forces, total = PushField().push(np.array([[0.0, 0.0], [1.0, 0.0]]), np.ones(2))
    >>> forces.round(1).tolist(), round(total, 1)
    ([[-0.2, 0.0], [0.2, 0.0]], 1.0)
    """

    _grid: tuple[int, int, float] = (0, 0, 0.0)
    _kernels: list[Any] = field(default_factory=list)

    def push(self, places: Float64Array, masses: Float64Array) -> tuple[Float64Array, float]:
        """Return the force on each point, shape (n, 2), and the sum of 1 / (1 + d²) over all pairs."""
        from scipy import fft, sparse

        if len(places) <= _FEW:
            return push_exactly(places, masses)
        size = float(np.ptp(places, axis=0).max()) or 1.0
        cell = max(min(_CELL, size / _FEWEST_CELLS), size / _MOST_CELLS)
        cells = (places - places.min(axis=0)) / cell + 1
        rows, columns = (np.ceil((cells.max(axis=0) + _NODES) / _ROUND).astype(int) * _ROUND).tolist()
        self._make_kernels((rows, columns, cell))
        spread = sparse.csr_array(_spread(cells, columns), (len(places), rows * columns))
        padded = (2 * rows, 2 * columns)
        density = fft.rfft2((spread.T @ masses).reshape(rows, columns), padded)
        fields = [fft.irfft2(density * kernel, padded)[:rows, :columns].ravel() for kernel in self._kernels]
        at_points = spread @ np.stack(fields, axis=1)
        return at_points[:, 1:], float(masses @ at_points[:, 0] - masses @ masses)

    def _make_kernels(self, grid: tuple[int, int, float]) -> None:
        """Compute the transforms of the kernels of closeness and of the two components of the force."""
        from scipy import fft

        if grid == self._grid:
            return
        x, y = (grid[2] * np.concatenate([np.arange(size), np.arange(-size, 0)]) for size in grid[:2])
        closeness = 1 / (1 + x[:, None] ** 2 + y**2)
        kernels = (closeness, x[:, None] * closeness**2, y * closeness**2)
        self._grid, self._kernels = grid, [fft.rfft2(kernel) for kernel in kernels]


def push_exactly(places: Float64Array, masses: Float64Array) -> tuple[Float64Array, float]:
    """Return what `PushField.push` does, from all pairs. Time and memory O(n²)."""
    gaps = places[:, None] - places
    closeness = 1 / (1 + np.einsum("ijk,ijk->ij", gaps, gaps))
    weights = closeness**2 * masses
    forces = weights.sum(axis=1)[:, None] * places - weights @ places
    return forces, float(masses @ closeness @ masses - masses @ masses)


def _spread(cells: Float64Array, width: int) -> tuple[Any, Any, Any]:
    """Return a sparse matrix of points and nodes, as data, indices and indptr: cubic interpolation."""
    corner = np.floor(cells).astype(np.int64)
    part = cells - corner
    weights = np.stack(
        [
            -part * (part - 1) * (part - 2) / 6,
            (part + 1) * (part - 1) * (part - 2) / 2,
            -(part + 1) * part * (part - 2) / 2,
            (part + 1) * part * (part - 1) / 6,
        ],
        axis=1,
    )
    steps = np.arange(_NODES) - 1
    columns = (corner[:, :1] + steps)[:, :, None] * width + (corner[:, 1:] + steps)[:, None, :]
    products = weights[:, :, None, 0] * weights[:, None, :, 1]
    return products.ravel(), columns.ravel(), np.arange(len(cells) + 1) * _NODES**2
