"""Vectors with ids, and the fingerprint of the space that they live in.

Comparing vectors of two models gives numbers that mean nothing, so `Embeddings` carries the fingerprint of its space
and every comparison in recs asks for it first.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt

from recs.errors import EmbeddingError, FingerprintMismatchError, SourceError
from recs.files import write_atomically
from recs.registry import meeting_roles

Similarity = Literal["cosine", "dot", "euclidean"]
SIMILARITIES: tuple[Similarity, ...] = ("cosine", "dot", "euclidean")
FloatArray = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int64]

_FORMAT = "recs.embeddings/1"


@dataclass(frozen=True, slots=True, eq=False)
class Embeddings:
    """Vectors of n items in d dimensions.

    Attributes
    ----------
    ids : tuple of str, length n
    vectors : float32 array of shape (n, d), read-only
        As the model emits them: unit rows where `similarity` is "cosine".
    fingerprint
        Of the space: two `Embeddings` may be compared only where these are equal.
    similarity
        The model's own: "cosine", "dot" or "euclidean".
    model
        The name of the model, for people.
    role, prompt
        What the vectors are for, and the text that was put before each input: "query", "document", …
    chunk_vectors : float32 array of shape (m, d)
        One row a chunk, in the order of items and of the text in each. Empty where the vectors came from elsewhere.
    chunk_rows : int64 array of shape (m,)
        The row of `vectors` that each chunk belongs to.
    chunk_spans : int64 array of shape (m, 2)
        Where each chunk starts and stops in the text of its item; 0, 0 for one that holds only its title.
    tokens, tokens_lost : int64 arrays of shape (n,)
        Tokens in the text of each item, and how many of them reached no vector.

    Notes
    -----
    The arrays are read-only views; `ids` are unique.
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
        check_vectors(self.vectors, self.ids, self.similarity)
        for name in _ARRAYS:
            getattr(self, name).flags.writeable = False

    @classmethod
    def from_array(cls, ids: Iterable[str], X: npt.ArrayLike, *, model: str, similarity: Similarity = "cosine") -> Self:
        """Take vectors that were made elsewhere.

        Parameters
        ----------
        ids : n unique strings
        X : array-like of shape (n, d)
            Finite; no zero rows where `similarity` is "cosine", for which the rows are brought to unit length.
        model
            The name of the model that made them. It is all that is known of the space, so it is the fingerprint: only
            vectors declared with the same name may meet.

        Raises `EmbeddingError` on NaN, infinite or zero rows, shapes that do not agree, or ids that are not unique.
        """
        names = tuple(ids)
        if any(not isinstance(name, str) for name in names):
            raise EmbeddingError("ids must be strings; convert integers with str() so that they match the items' ids.")
        if not model:
            raise EmbeddingError("vectors made elsewhere need the name of the model that made them: model='name'.")
        try:
            given = np.asarray(X)
            if given.dtype.kind not in "biufO":
                raise TypeError(f"they are of type {given.dtype}")
            exact = given.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise EmbeddingError(f"the vectors are no table of numbers ({error}); expected shape (n, d).") from error
        if exact.size == 0 and not names:
            exact = exact.reshape(0, 0)
        check_vectors(exact, names, similarity, unit=False)
        if similarity == "cosine":
            exact = unit_rows(exact)
        return cls(
            ids=names,
            vectors=np.ascontiguousarray(exact, dtype=np.float32),
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

    def take(self, ids: Sequence[str]) -> Self:
        """Return the embeddings of `ids`, in that order; `EmbeddingError` if one has no vector here."""
        row_of = {name: row for row, name in enumerate(self.ids)}
        missing = [name for name in ids if name not in row_of]
        if missing:
            raise EmbeddingError(
                f"{len(missing)} items have no vector, the first is {missing[0]!r}; embed them with the same model."
            )
        rows = np.array([row_of[name] for name in ids], dtype=np.int64)
        new_row = np.full(len(self.ids), -1, dtype=np.int64)
        new_row[rows] = np.arange(len(rows))
        order = np.flatnonzero(new_row[self.chunk_rows] >= 0)
        order = order[np.argsort(new_row[self.chunk_rows[order]], kind="stable")]
        places = {"vectors": rows, "tokens": rows, "tokens_lost": rows, "chunk_vectors": order, "chunk_spans": order}
        taken: Any = {name: getattr(self, name)[at] for name, at in places.items() if len(getattr(self, name))}
        return replace(self, ids=tuple(ids), chunk_rows=new_row[self.chunk_rows[order]], **taken)

    def check_comparable(self, other: Embeddings) -> None:
        """Raise unless vectors of `self` and `other` live in one space and their roles may meet.

        Raises
        ------
        FingerprintMismatchError
            If they are of two models, or were made with two prompts that were not trained to meet.
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
        """Write one `.npz` file, replaced atomically: the arrays and a JSON manifest, no pickle; `OutputError`."""
        manifest = {"format": _FORMAT, **{name: getattr(self, name) for name in _MANIFEST}}
        buffer = io.BytesIO()
        np.savez(
            buffer,
            manifest=np.frombuffer(json.dumps(manifest).encode(), dtype=np.uint8),
            **{name: getattr(self, name) for name in _ARRAYS},
        )
        write_atomically(Path(path), buffer.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote; `SourceError` if the file is missing, torn, or not one of ours."""
        try:
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
                manifest = {"role": "document", "prompt": ""} | json.loads(archive["manifest"].tobytes())
                if manifest.get("format") != _FORMAT:
                    raise SourceError(f"{path}: format {manifest.get('format')!r}, expected {_FORMAT!r}.")
                known = {name: manifest[name] for name in _MANIFEST} | {"ids": tuple(manifest["ids"])}
                return cls(**known, **{name: archive[name] for name in _ARRAYS})
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise SourceError(f"{path}: not a file of embeddings written by recs ({error}).") from error


_MANIFEST = ("ids", "fingerprint", "similarity", "model", "role", "prompt")
_ARRAYS = ("vectors", "chunk_vectors", "chunk_rows", "chunk_spans", "tokens", "tokens_lost")


def unit_rows(X: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return X with its rows scaled to unit length; a zero row stays zero. X has shape (n, d)."""
    largest = np.abs(X).max(axis=1, keepdims=True, initial=0.0)
    scaled = X / np.where(largest > 0, largest, 1)  # squares of very large or small numbers would leave the float range
    norms = np.sqrt(np.einsum("ij,ij->i", scaled, scaled))[:, None]
    result: npt.NDArray[Any] = scaled / np.where(norms > 0, norms, 1)
    return result


def check_vectors(X: npt.NDArray[Any], ids: Sequence[str], similarity: str, *, unit: bool = True) -> None:
    """Raise `EmbeddingError` unless X is (n, d), finite, without zero rows for cosine, and the n ids are unique."""
    if similarity not in SIMILARITIES:
        raise EmbeddingError(f"similarity is {similarity!r}, expected one of {', '.join(SIMILARITIES)}.")
    if X.ndim != 2 or len(X) != len(ids):
        raise EmbeddingError(f"{len(ids)} ids and an array of shape {X.shape}; expected shape ({len(ids)}, d).")
    if len(set(ids)) != len(ids):
        seen: set[str] = set()
        twice = next(name for name in ids if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise EmbeddingError(f"the id {twice!r} stands for two rows; ids must be unique.")
    finite = np.isfinite(X).all(axis=1)
    if not finite.all():
        raise EmbeddingError(f"the vector of {ids[int(np.argmin(finite))]!r} holds NaN or infinity.")
    if similarity == "cosine" and len(X):
        squares = np.einsum("ij,ij->i", X, X) if unit else np.abs(X).max(axis=1, initial=0.0)
        if not squares.all():
            raise EmbeddingError(f"the vector of {ids[int(np.argmin(squares))]!r} is zero: it has no direction.")
        if unit and np.abs(squares - 1).max() > 1e-3:
            row = int(np.argmax(np.abs(squares - 1)))
            raise EmbeddingError(
                f"the vector of {ids[row]!r} has length {float(squares[row]) ** 0.5:.4f}; cosine vectors are kept at "
                "length 1 (Embeddings.from_array brings them there)."
            )
