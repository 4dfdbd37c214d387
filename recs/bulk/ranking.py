"""The ranking of a large collection: the scale of its signals, then the candidates of the items of each shard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recs.arrays import Float64Array, IntArray
from recs.bulk.folder import ArrayFolder, list_column, lists_of
from recs.bulk.nearest import read_mask, write_nearest
from recs.bulk.shards import Runner, map_shards, read_shard
from recs.bulk.signals import read_signals
from recs.bulk.store import Part
from recs.ranking.fusion import Fused, Ranker, is_all_pairs, sampled_rows
from recs.ranking.scale import Moments, Scale, pair_moments

if TYPE_CHECKING:
    import pyarrow as pa

    from recs.ranking.signals import Signal

_MOMENTS = ("first", "second")
_BLOCK_ROWS = 1024  # of which candidates are ranked at a time
_OF_CANDIDATES = {"indices": np.int64, "scores": np.float64, "parts": np.float32, "values": np.float32}


@dataclass(frozen=True, slots=True)
class RankShard:
    """Ranks the rows from `start` to `stop` by the named signals, of which arrays are in a folder.

    Two of them are equal if they rank the same; `step` is "moments" or "candidates".
    """

    arrays: ArrayFolder
    names: tuple[str, ...]
    n: int
    depth: int
    step: str

    def __call__(self, part: Part) -> pa.Table:
        if self.step == "moments":
            return self._moments(part.rows)
        return self._candidates(part.rows)

    def _moments(self, rows: IntArray) -> pa.Table:
        """Return the means and covariances of the signals for each row."""
        import pyarrow as pa

        moments = pair_moments(_signals(self), self.arrays.read("sample"), rows, self.n)
        columns = {}
        for name, of_side in zip(_MOMENTS, moments, strict=True):
            columns[f"{name}.means"] = _rows_column(of_side.means)
            columns[f"{name}.covariances"] = _rows_column(of_side.covariances)
        return pa.table(columns)

    def _candidates(self, rows: IntArray) -> pa.Table:
        """Return the best columns of each row, with their scores, and the parts and values of each signal."""
        import pyarrow as pa

        ranker = _ranker(self)
        starts = range(0, len(rows), _BLOCK_ROWS)
        of_shard = [rows[start : start + _BLOCK_ROWS] for start in starts]
        blocks = [ranker.rank(block) for block in (ranker.blocks(rows) if ranker.all_pairs else of_shard)]
        columns = {}
        for name, dtype in _OF_CANDIDATES.items():
            columns[name] = _rows_column(np.concatenate([getattr(block, name) for block in blocks]).astype(dtype))
        return pa.table(columns)


@lru_cache(maxsize=1)
def _signals(shard: RankShard) -> list[Signal]:
    """Return the signals that a process keeps from shard to shard."""
    return read_signals(shard.names, shard.arrays)


@lru_cache(maxsize=1)
def _ranker(shard: RankShard) -> Ranker:
    signals = read_signals(shard.names, shard.arrays)
    moments = _read_moments(shard.arrays) if len(signals) > 1 else None
    scale = Scale(signals, moments)
    mask = read_mask(shard.arrays)
    return Ranker(signals, scale, mask, shard.n, shard.depth, all_pairs=is_all_pairs(shard.n))


def rank_shards(
    parts: Sequence[Part],
    ids: Sequence[str],
    names: tuple[str, ...],
    depth: int,
    arrays: ArrayFolder,
    *,
    runner: Runner,
) -> Fused:
    """Return the ranking of n items by these signals. Its arrays are memory maps, those of all signals in float32."""
    n = len(ids)
    depth = min(depth, n - 1)
    arrays.save("sample", sampled_rows(ids))
    if "dense" in names:
        write_nearest(parts, n, depth, arrays, runner=runner)
    if len(names) > 1:
        moments = RankShard(arrays, names, n, depth, "moments")
        _write_moments(map_shards(moments, parts, arrays.path / "moments", runner=runner), len(names), n, arrays)
    ranking = RankShard(arrays, names, n, depth, "candidates")
    paths = map_shards(ranking, parts, arrays.path / "candidates", runner=runner)
    shapes = {"indices": (n, depth), "scores": (n, depth)}
    for name, dtype in _OF_CANDIDATES.items():
        shape = shapes.get(name, (n, depth, len(names)))
        arrays.write(name, (_rows_of(path, name, shape[1:]) for path in paths), shape=shape, dtype=dtype)
    return Fused(**{name: arrays.read(name) for name in _OF_CANDIDATES})


def _write_moments(paths: Sequence[Path], signals: int, n: int, arrays: ArrayFolder) -> None:
    for side in _MOMENTS:
        for name, shape in {"means": (n, signals), "covariances": (n, signals, signals)}.items():
            pieces = (_rows_of(path, f"{side}.{name}", shape[1:]) for path in paths)
            arrays.write(f"{side}.{name}", pieces, shape=shape, dtype=np.float64)


def _read_moments(arrays: ArrayFolder) -> tuple[Moments, Moments]:
    first, second = (Moments(arrays.read(f"{side}.means"), arrays.read(f"{side}.covariances")) for side in _MOMENTS)
    return first, second


def _rows_column(array: npt.NDArray[Any]) -> Any:
    """Return the rows of an array as a column of lists."""
    width = int(np.prod(array.shape[1:]))
    return list_column(array.ravel(), np.arange(len(array) + 1) * width)


def _rows_of(path: Path, name: str, shape: Sequence[int]) -> Float64Array:
    """Return a column of lists of a shard as an array of such rows."""
    values, ends = lists_of(read_shard(path, [name])[name])
    return values.reshape(len(ends) - 1, *shape)
