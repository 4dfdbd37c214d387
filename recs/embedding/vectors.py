"""Vectors with ids, and the fingerprint of the vector space that they belong to.

A comparison of vectors of two models means nothing. So `Embeddings` contains the fingerprint of its space, and every
comparison in recs checks it first.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from recs.arrays import (
    SIMILARITIES,
    BoolArray,
    FloatArray,
    IntArray,
    Similarity,
    number_table,
    read_only_view,
    unit_rows,
)
from recs.embedding.archive import opened_archive, save_archive
from recs.embedding.counts import TokenCounts
from recs.embedding.tables import FORMAT, opened_tables
from recs.errors import EmbeddingError, FingerprintMismatchError
from recs.models.registry import meeting_roles
from recs.text.counts import counted


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """Vectors of n items in d dimensions.

    Attributes
    ----------
    ids : tuple of str, length n
    vectors : float32 array of shape (n, d), read-only
        As the model emits them: unit rows where `similarity` is "cosine".
    fingerprint
        The fingerprint of the vector space. Two `Embeddings` may be compared only if their fingerprints are equal.
    similarity
        The model's own: "cosine", "dot" or "euclidean".
    model
        The name of the model, for people.
    role, prompt
        What the vectors are for ("query", "document", …), and the text that was put before each input.
    chunk_vectors : float32 array of shape (m, d)
        One row for each chunk, in the order of the items and of their texts. Empty if the vectors were made elsewhere.
    chunk_rows : int64 array of shape (m,)
        The row of `vectors` that each chunk belongs to.
    chunk_spans : int64 array of shape (m, 2)
        Start and stop of each chunk in its item's text; 0, 0 for a chunk of the title alone. May be empty.
    tokens, tokens_lost : int64 arrays of shape (n,)
        How many tokens the title and the text of each item have, and how many of them are in no vector, because they
        are past the context window or the model does not know them. Empty if the vectors were made elsewhere.

    Raises
    ------
    EmbeddingError
        If the arrays do not fit each other, ids are not unique, or vectors cannot be compared.

    Notes
    -----
    The arrays are read-only views, not copies: if you write to an argument later, these vectors change too.

    Examples
    --------
    >>> embeddings = Embeddings.from_array(["a", "b"], [[3.0, 4.0], [1.0, 0.0]], model="mine")
    >>> len(embeddings), embeddings.dim, embeddings.take(["b"]).vectors.tolist()
    (2, 2, [[1.0, 0.0]])
    """

    ids: tuple[str, ...]
    vectors: FloatArray
    fingerprint: str
    similarity: Similarity = "cosine"
    model: str = ""
    role: str = "document"
    prompt: str = ""
    chunk_vectors: FloatArray = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    chunk_rows: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    chunk_spans: IntArray = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    tokens: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))
    tokens_lost: IntArray = field(default_factory=lambda: np.zeros(0, np.int64))

    def __post_init__(self) -> None:
        for name, kinds in _ARRAYS.items():
            object.__setattr__(self, name, read_only_view(name, getattr(self, name), kinds))
        check_vectors(self.vectors, self.ids, self.similarity)
        _check_chunks(self)

    @classmethod
    def from_array(cls, ids: Iterable[str], X: npt.ArrayLike, *, model: str, similarity: Similarity = "cosine") -> Self:
        """Return embeddings of vectors that were made elsewhere.

        Parameters
        ----------
        ids : n unique strings
        X : array-like of shape (n, d)
            Finite numbers. For "cosine" the rows are scaled to unit length and none may be zero. X may also be a data
            frame, a column of lists or arrays, or a tensor of torch on any device.
        model
            The name of the model that made them. It serves as the fingerprint, because nothing else is known of the
            space: only vectors with the same name may be compared.

        Raises `EmbeddingError` if X has NaN, infinity or (for "cosine") a zero row, shapes do not fit, or ids repeat.
        """
        names = _checked_ids(ids)
        if not model:
            raise EmbeddingError("vectors made elsewhere need the name of the model that made them: model='name'.")
        exact = number_table(X)
        if exact.size == 0 and not names:
            exact = exact.reshape(0, 0)
        check_vectors(exact, names, similarity, unit=False)
        if similarity == "cosine":
            exact = unit_rows(exact)
        with np.errstate(over="ignore"):  # numbers too large for float32 become infinite, and are refused
            vectors = np.ascontiguousarray(exact, dtype=np.float32)
        return cls(
            ids=names,
            vectors=vectors,
            fingerprint=f"declared:{model}:{exact.shape[1]}",
            similarity=similarity,
            model=model,
        )

    def __len__(self) -> int:
        return len(self.ids)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        return np.array(self.vectors, dtype=dtype, copy=True if copy is None else copy)

    @property
    def dim(self) -> int:
        """The number of dimensions, d."""
        return int(self.vectors.shape[1])

    @property
    def blank(self) -> BoolArray:
        """Whether the vector of an item means nothing: the model knows none of its tokens. Shape (n,)."""
        return TokenCounts(self.ids, self.tokens, self.tokens_lost).blank

    @property
    def missing(self) -> BoolArray:
        """Whether an item has no vector in the cache and none was computed: see `recs.embed_items`. Shape (n,).

        Its row holds a placeholder. Such an item is `blank` too.
        """
        return TokenCounts(self.ids, self.tokens, self.tokens_lost).missing

    def take(self, ids: Sequence[str]) -> Self:
        """Return the embeddings of `ids`, in that order; `EmbeddingError` if one of them has no vector."""
        if tuple(ids) == self.ids:
            return self
        row_of = {name: row for row, name in enumerate(self.ids)}
        missing = [name for name in ids if name not in row_of]
        if missing:
            items_have = counted(len(missing), "item has", "items have")
            raise EmbeddingError(f"{items_have} no vector, the first is {missing[0]!r}; embed all with the same model.")
        rows = np.array([row_of[name] for name in ids], dtype=np.int64)
        new_row = np.full(len(self.ids), -1, dtype=np.int64)
        new_row[rows] = np.arange(len(rows))
        order = np.flatnonzero(new_row[self.chunk_rows] >= 0)
        order = order[np.argsort(new_row[self.chunk_rows[order]], kind="stable")]
        places = {"vectors": rows, "tokens": rows, "tokens_lost": rows, "chunk_vectors": order, "chunk_spans": order}
        taken: Any = {name: getattr(self, name)[at] for name, at in places.items() if len(getattr(self, name))}
        return replace(self, ids=tuple(ids), chunk_rows=new_row[self.chunk_rows[order]], **taken)

    def check_comparable(self, other: Embeddings) -> None:
        """Check that the vectors of `self` and `other` are in one space, and that their roles may be compared.

        Raises
        ------
        FingerprintMismatchError
            If they are of two models, or of two prompts whose vectors the model was not trained to compare.
        """
        ours, theirs = (f"{one.model or 'an unnamed model'} ({one.fingerprint[:24]})" for one in (self, other))
        if self.fingerprint != other.fingerprint:
            raise FingerprintMismatchError(
                f"vectors of {ours} cannot be compared with vectors of {theirs}; embed both with one model."
            )
        roles = frozenset((self.role, other.role))
        if self.prompt != other.prompt and roles not in meeting_roles():
            raise FingerprintMismatchError(
                f"vectors made with {self.prompt!r} ({self.role}) cannot be compared with vectors made with "
                f"{other.prompt!r} ({other.role}); embed both for one role, or one as query and one as document."
            )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one `.npz` file atomically: the arrays and a JSON manifest, no pickle. May raise `OutputError`."""
        manifest = {name: getattr(self, name) for name in _MANIFEST}
        save_archive(path, FORMAT, manifest, {name: getattr(self, name) for name in _ARRAYS})

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read a file that `save` wrote, or a folder that `recs embed --format parquet` wrote.

        `SourceError` if it is missing, incomplete or of another kind.
        """
        is_folder = Path(path).is_dir()
        opened = opened_tables(path) if is_folder else opened_archive(path, FORMAT, "a file of embeddings")
        with opened as (manifest, arrays):
            return cls(**_fields_of(manifest), **{name: arrays[name] for name in _ARRAYS})


_MANIFEST = ("ids", "fingerprint", "similarity", "model", "role", "prompt")
# The kinds of numbers (letters of `numpy.dtype.kind`) that each array may have.
_ARRAYS = {
    "vectors": "f",
    "chunk_vectors": "f",
    "chunk_rows": "iu",
    "chunk_spans": "iu",
    "tokens": "iu",
    "tokens_lost": "iu",
}


def _fields_of(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of `Embeddings` in a manifest; `ValueError` for values that `save` does not write."""
    values = {"role": "document", "prompt": "", **manifest}
    ids = values.get("ids")
    if not isinstance(ids, list) or not all(isinstance(name, str) for name in ids):
        raise ValueError("ids is not a list of strings")
    if odd := [name for name in _MANIFEST[1:] if not isinstance(values.get(name), str)]:
        raise ValueError(f"{odd[0]} is not a string")
    return {name: values[name] for name in _MANIFEST} | {"ids": tuple(ids)}


def _checked_ids(ids: Iterable[str]) -> tuple[str, ...]:
    try:
        names = tuple(ids)
    except TypeError as error:
        raise EmbeddingError(f"ids is a {type(ids).__name__}, expected a list of strings.") from error
    if odd := [name for name in names if not isinstance(name, str)]:
        what = f"{' '.join(str(odd[0]).split())[:60]} ({type(odd[0]).__name__})"
        advice = "convert them with str() (of a data frame: df.index.astype(str)) so that they match the items' ids"
        raise EmbeddingError(f"ids must be strings, found {what}; {advice}.")
    return tuple(map(str, names))  # a string of numpy becomes one of Python


def _check_chunks(embeddings: Embeddings) -> None:
    """Raise `EmbeddingError` unless the chunks and the counts of tokens fit the n vectors."""
    n = len(embeddings)
    rows = embeddings.chunk_rows
    spans = embeddings.chunk_spans
    m = len(embeddings.chunk_vectors)
    expected: dict[str, tuple[tuple[int, ...], ...]] = {
        "chunk_vectors": ((m, embeddings.dim),) if m else ((0, 0), (0, embeddings.dim)),
        "chunk_rows": ((m,),),
        "chunk_spans": ((m, 2), (0, 2)),
        "tokens": ((n,), (0,)),
        "tokens_lost": ((n,), (0,)),
    }
    for name, shapes in expected.items():
        if (shape := getattr(embeddings, name).shape) not in shapes:
            fits = " or ".join(map(str, shapes))
            raise EmbeddingError(f"{name} has shape {shape}, expected {fits} for {m} chunks of {n} items.")
    if m and not (rows.min() >= 0 and rows.max() < n):
        odd = rows[(rows < 0) | (rows >= n)][0]
        raise EmbeddingError(f"chunk_rows holds {odd}, expected rows of {n} vectors: 0 to {n - 1}.")
    if np.any(rows[1:] < rows[:-1]):
        raise EmbeddingError("chunk_rows must not decrease: the chunks are in the order of the items.")
    if len(spans) and (spans.min() < 0 or np.any(spans[:, 0] > spans[:, 1])):
        raise EmbeddingError("chunk_spans holds a span that starts below 0 or stops before it starts.")
    if not np.isfinite(embeddings.chunk_vectors).all():
        raise EmbeddingError("chunk_vectors holds NaN or infinity.")


def check_vectors(X: npt.NDArray[Any], ids: Sequence[str], similarity: str, *, unit: bool = True) -> None:
    """Raise `EmbeddingError` unless X is a finite array of shape (n, d) and the n ids are unique.

    For "cosine", zero rows are refused too, and with `unit` rows of another length than 1.
    """
    if similarity not in SIMILARITIES:
        raise EmbeddingError(f"similarity is {similarity!r}, expected one of {', '.join(SIMILARITIES)}.")
    if X.ndim != 2 or len(X) != len(ids):
        raise EmbeddingError(f"{len(ids)} ids and an array of shape {X.shape}; expected shape ({len(ids)}, d).")
    if len(set(ids)) != len(ids):
        seen: set[str] = set()
        twice = next(name for name in ids if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise EmbeddingError(f"two rows have the id {twice!r}; ids must be unique.")
    if not all(np.isfinite(block).all() for block in np.array_split(X, len(X) // 65_536 + 1)):  # X may be large
        raise EmbeddingError(f"the vector of {ids[np.isfinite(X).all(axis=1).argmin()]!r} holds NaN or infinity.")
    if similarity == "cosine" and len(X):
        squares = np.einsum("ij,ij->i", X, X) if unit else np.abs(X).max(axis=1, initial=0.0)
        if not squares.all():
            raise EmbeddingError(f"the vector of {ids[int(np.argmin(squares))]!r} is zero: it has no direction.")
        if unit and np.abs(squares - 1).max() > 1e-3:
            row = int(np.argmax(np.abs(squares - 1)))
            raise EmbeddingError(
                f"the vector of {ids[row]!r} has length {float(squares[row]) ** 0.5:.4f}; cosine vectors must have "
                "length 1 (Embeddings.from_array scales them)."
            )
