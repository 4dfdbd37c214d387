"""Embeddings as a folder of Parquet files, which `recs embed --format parquet` writes.

Each file has the columns id, vector, tokens and tokens_lost. What is the same for all vectors is JSON in the metadata
of its schema, with the number of files: so a folder that is torn, or mixed of two runs, is noticed.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recs.arrays import FloatArray
from recs.errors import MissingDependencyError, SourceError
from recs.text.counts import counted

if TYPE_CHECKING:
    import pyarrow as pa

    from recs.embedding.vectors import Embeddings

FORMAT = "recs.embeddings/1"
_KEY = b"recs"  # in the metadata of a schema
_SPACE = ("model", "fingerprint", "similarity", "role", "prompt", "dim")
_NO_CHUNKS = {
    "chunk_vectors": ((0, 0), np.float32),
    "chunk_rows": ((0,), np.int64),
    "chunk_spans": ((0, 2), np.int64),
}


def embedding_table(embeddings: Embeddings) -> pa.Table:
    """Return the ids, the vectors and the tokens of items as a table."""
    import pyarrow as pa

    offsets = np.arange(len(embeddings) + 1, dtype=np.int32) * embeddings.dim
    columns = {
        "id": pa.array(embeddings.ids, pa.string()),
        "vector": pa.ListArray.from_arrays(pa.array(offsets), pa.array(embeddings.vectors.ravel())),
        "tokens": pa.array(embeddings.tokens),
        "tokens_lost": pa.array(embeddings.tokens_lost),
    }
    return with_head(pa.table(columns), space_of(embeddings))


def space_of(embeddings: Embeddings) -> dict[str, Any]:
    """Return what is the same for all vectors: the model's name, its fingerprint, the similarity, role, prompt, dim."""
    return {name: getattr(embeddings, name) for name in _SPACE}


def with_head(table: pa.Table, head: Mapping[str, Any]) -> pa.Table:
    """Return a table that has these values in its metadata."""
    return table.replace_schema_metadata({_KEY: json.dumps(head, sort_keys=True).encode()})


def head_of(schema: pa.Schema) -> dict[str, Any]:
    """Return the values that `with_head` put into the metadata of a table; `ValueError` if there are none."""
    values = json.loads((schema.metadata or {}).get(_KEY, b"null"))
    if not isinstance(values, dict):
        raise ValueError("recs wrote no vectors into it")
    return values


@contextmanager
def opened_tables(path: str | os.PathLike[str]) -> Iterator[tuple[dict[str, Any], Mapping[str, Any]]]:
    """Yield the manifest and the arrays of the embeddings in a folder.

    Raises `SourceError` if the folder is not whole, or of another kind. An exception of the caller becomes one too:
    then the content of the folder does not fit.
    """
    if find_spec("pyarrow") is None:
        raise MissingDependencyError("Parquet files", "pyarrow", "tables")
    try:
        files = sorted(Path(path).glob("*.parquet"))
        manifest = _head_of_all(files)
        manifest["ids"], arrays = _rows(files, manifest["dim"])
        yield manifest, arrays
    except Exception as error:  # anyone may have written the files
        reason = " ".join(str(error).split())[:300] or type(error).__name__
        raise SourceError(f"{path}: not a folder of embeddings written by recs ({reason}).") from error


def _head_of_all(files: Sequence[Path]) -> dict[str, Any]:
    """Return what is the same in all files; `ValueError` if they are not all files of one run."""
    import pyarrow.parquet as pq

    if not files:
        raise ValueError("it holds no Parquet file")
    heads = []
    for path in files:
        with _named(path):
            heads.append(head_of(pq.read_schema(path)))
    parts = [head.pop("part", None) for head in heads]
    first = heads[0]
    for path, head in zip(files, heads, strict=True):
        if head != first:
            raise ValueError(f"{path.name} and {files[0].name} are of two runs")
    if first.get("format") != FORMAT:
        raise ValueError(f"format {str(first.get('format'))[:60]!r}, expected {FORMAT!r}")
    if parts != list(range(first["parts"])):
        raise ValueError(f"{counted(len(files), 'file')} of {first['parts']}; copy the folder again, or embed again")
    return first


def _rows(files: Sequence[Path], dim: int) -> tuple[list[str], dict[str, Any]]:
    """Return the ids and the arrays of all files."""
    import pyarrow.parquet as pq

    counts = []
    for path in files:
        with _named(path):
            counts.append(pq.read_metadata(path).num_rows)
    ids: list[str] = []
    vectors = np.empty((sum(counts), dim), np.float32)
    tokens = np.empty((2, sum(counts)), np.int64)
    for path in files:
        with _named(path):
            table = pq.read_table(path, columns=["id", "vector", "tokens", "tokens_lost"], partitioning=None)
            own = slice(len(ids), len(ids) + len(table))
            vectors[own] = _matrix(table["vector"], dim)
            for row, name in enumerate(("tokens", "tokens_lost")):
                if table[name].null_count:
                    raise ValueError(f"the column {name} has rows without a value")
                tokens[row, own] = table[name].to_numpy()
            ids += table["id"].to_pylist()
    arrays = {"vectors": vectors, "tokens": tokens[0], "tokens_lost": tokens[1]}
    return ids, arrays | {name: np.zeros(shape, kind) for name, (shape, kind) in _NO_CHUNKS.items()}


def _matrix(column: Any, dim: int) -> FloatArray:
    """Return a column of lists of `dim` numbers as an array of rows."""
    lists = column.combine_chunks()
    lengths = np.diff(lists.offsets.to_numpy())
    if lists.null_count or not (lengths == dim).all():
        raise ValueError(f"a vector has another length than {dim}")
    values: FloatArray = lists.flatten().to_numpy(zero_copy_only=False)
    return values.reshape(-1, dim)


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Put the name of a file before the message of an error."""
    try:
        yield
    except Exception as error:  # pyarrow raises many kinds for a torn file
        raise ValueError(f"{path.name}: {error}") from error
