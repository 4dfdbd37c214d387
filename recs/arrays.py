"""Arrays: names of their types, read-only views, conversion of any table to float64, rows of unit length."""

from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from recs.errors import EmbeddingError

Float64Array = npt.NDArray[np.float64]
BoolArray = npt.NDArray[np.bool_]
Similarity = Literal["cosine", "dot", "euclidean"]
SIMILARITIES: tuple[Similarity, ...] = ("cosine", "dot", "euclidean")
FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]


def read_only_view(name: str, given: Any, kinds: str) -> npt.NDArray[Any]:
    """Return a view of an array that cannot be written to. The array itself does not change, and nothing is copied.

    `name` is for messages; `kinds` are the letters of `numpy.dtype.kind` that are allowed. Raises `EmbeddingError` if
    `given` is not an array of such numbers.

    Examples
    --------
    >>> view = read_only_view("tokens", np.array([3, 1]), "iu")
    >>> view.tolist(), view.flags.writeable
    ([3, 1], False)
    """
    try:
        view = np.asarray(given).view()
    except (TypeError, ValueError, RuntimeError) as error:
        raise EmbeddingError(f"{name} is not an array ({_one_line(error)}).") from error
    if view.ndim == 0 or view.dtype.kind not in kinds:
        expected = "floating-point numbers" if kinds == "f" else "whole numbers"
        what = f"{view.dtype} numbers" if view.ndim else f"a single {type(given).__name__}"
        raise EmbeddingError(f"{name} holds {what}, expected an array of {expected}.")
    view.flags.writeable = False
    return view


def number_table(X: Any) -> npt.NDArray[np.float64]:
    """Return a table of numbers as a float64 array; `EmbeddingError` if X is not a table of numbers.

    X may be an array, nested lists, a data frame, a column of lists or arrays, or a tensor of torch; the tensor may
    require a gradient and may be on any device.

    Examples
    --------
    >>> number_table([[1, 2], [3, 4]]).dtype
    dtype('float64')
    """
    try:
        given = _as_array(X)
        if given.dtype == object and given.ndim == 1:
            given = _stacked(given)
        if given.dtype == object and any(isinstance(value, str | bytes) for value in given.flat):
            raise TypeError("some are strings")
        if given.dtype.kind not in "biufO":
            raise TypeError(f"they are of type {given.dtype}")
        return given.astype(np.float64)
    except (TypeError, ValueError, RuntimeError, ArithmeticError) as error:
        reason = _one_line(error)
        raise EmbeddingError(f"the vectors are not a table of numbers ({reason}); expected shape (n, d).") from error


def _as_array(X: Any) -> npt.NDArray[Any]:
    if hasattr(X, "toarray"):
        raise TypeError("a sparse matrix; make it dense with X.toarray()")
    if _is_tensor(X):  # numpy has no bfloat16; float64 holds every number of torch
        X = X.detach().cpu()
        return np.asarray(X if X.is_complex() else X.double())
    if isinstance(X, np.ma.MaskedArray):  # a masked value is missing
        return np.where(np.ma.getmaskarray(X), np.nan, np.ma.getdata(X))
    if isinstance(X, list | tuple):
        rows = [_as_array(row) if _is_tensor(row) else row for row in X]
        try:
            return np.asarray(rows)
        except ValueError:  # rows of different lengths: the caller reports them
            ragged = np.empty(len(rows), dtype=object)
            for place, row in enumerate(rows):
                ragged[place] = row
            return ragged
    return np.asarray(X)


def _is_tensor(X: Any) -> bool:
    return hasattr(X, "detach") and hasattr(X, "cpu")


def _stacked(rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return rows, each a list, an array or a tensor, as one table; ValueError if their shapes differ."""
    arrays = [_as_array(row) for row in rows]
    first = arrays[0].shape if arrays else ()
    for place, array in enumerate(arrays):
        if array.shape != first:
            raise ValueError(f"row 0 has shape {first} and row {place} has shape {array.shape}")
    return np.stack(arrays) if arrays else np.zeros((0, 0))


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def unit_rows(X: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return X with its rows scaled to unit length; a zero row stays zero. X has shape (n, d).

    Examples
    --------
    >>> unit_rows(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6, 0.8], [0.0, 0.0]]
    """
    largest = np.abs(X).max(axis=1, keepdims=True, initial=0.0)
    scaled = X / np.where(largest > 0, largest, 1)  # squares of very large or small numbers would leave the float range
    norms = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))[:, None]
    result: npt.NDArray[Any] = scaled / np.where(norms > 0, norms, 1)
    return result
