"""The nearest vectors of every item, shard by shard: searched in cells, then completed by what the lists say."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from recs.arrays import BoolArray, FloatArray, IntArray
from recs.bulk.folder import ArrayFolder, list_column, lists_of
from recs.bulk.shards import Runner, map_shards, read_shard
from recs.bulk.store import Part
from recs.ranking.cell_search import float32
from recs.ranking.cells import EXACT, SHARE, Cells
from recs.ranking.nearest import Nearest, pairs_around, with_pairs
from recs.ranking.pairs import AllowedPairs

if TYPE_CHECKING:
    import pyarrow as pa

_BLOCK_ROWS = 16_384
_ROWS_AROUND = 256
_FEWEST_ROWS = 4096  # that a vector is compared with


def share_of(cells: Cells, n: int) -> float:
    """Return the share of the rows of cells that the vectors of n items search: all if that is no more than usual."""
    rows = max(len(cells.columns), 1)
    return 1.0 if n * rows <= EXACT**2 else max(SHARE, min(1.0, _FEWEST_ROWS / rows))


@dataclass(frozen=True, slots=True)
class SearchCells:
    """Finds the k nearest vectors of the items of a shard in the cells near to them."""

    arrays: ArrayFolder
    k: int

    def __call__(self, part: Part) -> pa.Table:
        cells, mask = _opened(self.arrays)
        rows = np.arange(part.start, part.stop)
        nearest = Nearest.empty(len(rows), self.k)
        says = np.flatnonzero(~self.arrays.read("blank")[rows])
        vectors = self.arrays.read("dense")
        for start in range(0, len(says), _BLOCK_ROWS):
            places = says[start : start + _BLOCK_ROWS]
            own = rows[places]
            of_block = cells.propose(vectors[own], own, self.k, share=share_of(cells, len(vectors)), mask=mask)
            nearest.columns[places] = of_block.columns
            nearest.products[places] = of_block.products
            nearest.compared[places] = of_block.compared
        return _table(nearest)


@lru_cache(maxsize=1)
def _opened(arrays: ArrayFolder) -> tuple[Cells, AllowedPairs | None]:
    return read_cells("dense", arrays), read_mask(arrays)


@dataclass(frozen=True, slots=True)
class AddReverse:
    """Adds reverse pairs to the lists of a shard: an item that has one of its items in the list is near to that item.

    An approximate search that misses a pair from one side often finds it from the other.
    """

    arrays: ArrayFolder
    k: int

    def __call__(self, part: Part) -> pa.Table:
        own, columns, products = _lists(part, self.arrays)
        rows, ranks = np.nonzero((columns >= part.start) & (columns < part.stop))
        targets = columns[rows, ranks].astype(np.int64)
        may = _may_be_listed(targets, rows, self.arrays)
        pairs = (targets[may] - part.start, rows[may], products[rows[may], ranks[may]])
        return _table(with_pairs(own, *pairs))


@dataclass(frozen=True, slots=True)
class AddAround:
    """Adds to the lists of a shard the neighbours of their columns, where these are nearer."""

    arrays: ArrayFolder
    k: int

    def __call__(self, part: Part) -> pa.Table:
        own, columns, _ = _lists(part, self.arrays)
        starts = range(part.start, part.stop, _ROWS_AROUND)
        pairs = [self._pairs(np.arange(start, min(start + _ROWS_AROUND, part.stop)), columns) for start in starts]
        rows, others, products = (np.concatenate(each) for each in zip(*pairs, strict=True))
        return _table(with_pairs(own, rows - part.start, others, products))

    def _pairs(self, rows: IntArray, lists: npt.NDArray[np.int32]) -> tuple[IntArray, IntArray, FloatArray]:
        """Return new pairs of some rows: rows, columns and products."""
        places, columns = pairs_around(lists, rows)
        may = _may_be_listed(rows[places], columns, self.arrays)
        places, columns = places[may], columns[may]
        vectors = self.arrays.read("dense")
        products = np.einsum("ij,ij->i", float32(vectors[rows])[places], float32(vectors[columns]))
        return rows[places], columns, products


def _lists(part: Part, arrays: ArrayFolder) -> tuple[Nearest, npt.NDArray[np.int32], FloatArray]:
    """Return the lists of a shard, and those of all items."""
    columns, products = arrays.read("near.columns"), arrays.read("near.products")
    own = np.array(columns[part.start : part.stop], np.int64), np.array(products[part.start : part.stop], np.float32)
    return Nearest(*own, np.zeros(part.stop - part.start, np.int64)), columns, products


def _may_be_listed(rows: IntArray, columns: IntArray, arrays: ArrayFolder) -> BoolArray:
    mask = read_mask(arrays)
    return np.ones(len(rows), np.bool_) if mask is None else mask(rows, columns)


def write_nearest(parts: Sequence[Part], n: int, k: int, arrays: ArrayFolder, *, runner: Runner) -> None:
    """Write the k nearest items of each of n items by their vectors, as the arrays "near.columns" and "near.products".

    The cells of the vectors, and what may be listed, are in the folder already.
    """
    steps: dict[str, Callable[[Part], pa.Table]] = {"near": SearchCells(arrays, k)}
    if n > EXACT:
        steps |= {"reverse": AddReverse(arrays, k), "around": AddAround(arrays, k)}
    for name, step in steps.items():
        paths = map_shards(step, parts, arrays.path / name, runner=runner)
        for column, dtype in {"columns": np.int32, "products": np.float32}.items():
            pieces = (lists_of(read_shard(path, [column])[column])[0].reshape(-1, k) for path in paths)
            arrays.write(f"near.{column}", pieces, shape=(n, k), dtype=dtype)


def _table(nearest: Nearest) -> pa.Table:
    import pyarrow as pa

    ends = np.arange(len(nearest.columns) + 1) * nearest.columns.shape[1]
    columns = {
        "columns": list_column(nearest.columns.ravel().astype(np.int32), ends),
        "products": list_column(nearest.products.ravel(), ends),
        "compared": pa.array(nearest.compared),
    }
    return pa.table(columns)


def read_cells(name: str, arrays: ArrayFolder) -> Cells:
    """Return the cells of an array."""
    return Cells(*(arrays.read(f"{name}.{part}") for part in ("centroids", "columns", "starts", "rows")))


def write_mask(mask: AllowedPairs | None, arrays: ArrayFolder) -> None:
    """Write which pairs may be listed."""
    values = {} if mask is None else {name: getattr(mask, name) for name in _OF_MASK}
    present = {name: value for name, value in values.items() if value is not None}
    arrays.save("mask", np.array([name in present for name in _OF_MASK]))
    for name, value in present.items():
        arrays.save(f"mask.{name}", value)


def read_mask(arrays: ArrayFolder) -> AllowedPairs | None:
    """Return which pairs may be listed, as `write_mask` wrote it."""
    present = [name for name, is_there in zip(_OF_MASK, arrays.read("mask").tolist(), strict=True) if is_there]
    return AllowedPairs(**{name: arrays.read(f"mask.{name}") for name in present}) if present else None


_OF_MASK = tuple(AllowedPairs.__dataclass_fields__)
