"""Arrays of all items in a folder, as memory maps: every process of a machine reads the same pages."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.arrays import IntArray
from recs.errors import OutputError

_KEY = b"arrays"  # in the metadata of a table of arrays: their shapes, and what goes with them
_HEAD = 128  # bytes of a file before its numbers; a file without numbers cannot be mapped


@dataclass(frozen=True, slots=True)
class ArrayFolder:
    """Arrays by name, each a `.npy` file that is written whole.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     arrays = ArrayFolder(Path(folder))
    ...     arrays.write("rows", [np.arange(2), np.arange(3)], shape=(5,), dtype=np.int64)
    ...     arrays.read("rows").tolist()
    [0, 1, 0, 1, 2]
    """

    path: Path

    def write(
        self, name: str, pieces: Iterable[npt.NDArray[Any]], *, shape: tuple[int, ...], dtype: npt.DTypeLike
    ) -> None:
        """Write an array of this shape from pieces of its rows, one after the other; `OutputError` if that fails."""
        target = self.path / f"{name}.npy"
        partial = self.path / f".{name}.{secrets.token_hex(4)}.partial"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            if 0 in shape:  # an empty file cannot be mapped
                with partial.open("wb") as file:
                    np.lib.format.write_array(file, np.zeros(shape, dtype))
            else:
                array = np.lib.format.open_memmap(partial, mode="w+", dtype=dtype, shape=shape)
                start = 0
                for piece in pieces:
                    array[start : start + len(piece)] = piece
                    start += len(piece)
                array.flush()
                del array
            with partial.open("rb") as file:
                os.fsync(file.fileno())
            partial.replace(target)
        except OSError as error:
            raise OutputError(f"{target}: cannot be written: {error.strerror or error}.") from error
        finally:
            partial.unlink(missing_ok=True)

    def save(self, name: str, array: npt.NDArray[Any]) -> None:
        """Write a whole array."""
        self.write(name, [array], shape=array.shape, dtype=array.dtype)

    def read(self, name: str) -> npt.NDArray[Any]:
        """Return an array, read-only; its rows are read from the disk when they are used."""
        path = self.path / f"{name}.npy"
        is_filled = path.stat().st_size > _HEAD
        array: npt.NDArray[Any] = np.load(path, mmap_mode="r" if is_filled else None)
        return array.view(np.ndarray)

    def save_rows(self, name: str, matrix: Any) -> None:
        """Write a csr_array."""
        for part in ("data", "indices", "indptr"):
            self.save(f"{name}.{part}", getattr(matrix, part))
        self.save(f"{name}.shape", np.array(matrix.shape))

    def read_rows(self, name: str) -> Any:
        """Return a csr_array that `save_rows` wrote."""
        from scipy import sparse

        parts = tuple(self.read(f"{name}.{part}") for part in ("data", "indices", "indptr"))
        return sparse.csr_array(parts, shape=tuple(self.read(f"{name}.shape").tolist()), copy=False)


def lists_of(column: Any) -> tuple[npt.NDArray[Any], IntArray]:
    """Return the values of a column of lists, one list after the other, and where each list ends, from 0."""
    array = column.combine_chunks()
    offsets = array.offsets.to_numpy().astype(np.int64)
    values = array.values.to_numpy(zero_copy_only=False)
    return values[offsets[0] : offsets[-1]], offsets - offsets[0]


def list_column(values: npt.NDArray[Any], ends: IntArray) -> Any:
    """Return a column of lists from their values and where each ends, from 0."""
    import pyarrow as pa

    return pa.LargeListArray.from_arrays(pa.array(ends.astype(np.int64)), pa.array(values))


def array_table(arrays: Mapping[str, npt.NDArray[Any]], *, about: Any = None) -> Any:
    """Return arrays of any shapes as a table with one row; `about` is kept with them, as JSON.

    Examples
    --------
    >>> table = array_table({"vectors": np.eye(2), "rows": np.arange(3)}, about="two axes")
    >>> arrays_of(table)["vectors"].tolist(), about_arrays(table)
    ([[1.0, 0.0], [0.0, 1.0]], 'two axes')
    """
    import pyarrow as pa

    columns = {name: list_column(array.ravel(), np.array([0, array.size])) for name, array in arrays.items()}
    note = json.dumps({"shapes": {name: array.shape for name, array in arrays.items()}, "about": about}, sort_keys=True)
    return pa.table(columns).replace_schema_metadata({_KEY: note.encode()})


def arrays_of(table: Any) -> dict[str, npt.NDArray[Any]]:
    """Return the arrays of a table that `array_table` made, or of some of its columns."""
    shapes = json.loads(table.schema.metadata[_KEY])["shapes"]
    return {name: lists_of(table[name])[0].reshape(shapes[name]) for name in table.column_names}


def about_arrays(table: Any) -> Any:
    """Return what was kept with the arrays of a table."""
    return json.loads(table.schema.metadata[_KEY])["about"]
