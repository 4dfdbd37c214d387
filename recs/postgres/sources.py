"""What is published: an index, or related lists."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from recs.contract import SCHEMA, RelatedFile
from recs.errors import OptionError, SourceError
from recs.items import Item
from recs.postgres.definitions import FORMAT
from recs.ranking.lists import RelatedLists
from recs.retrieval.index import Index
from recs.retrieval.storage import is_index
from recs.search import open_index

Kind = Literal["lists", "index"]
KINDS: tuple[Kind, ...] = ("lists", "index")
LARGEST_DIM = {"vector": 2000, "halfvec": 4000}
"""The most dimensions that an HNSW index of pgvector holds, by the type of its column."""


@dataclass(frozen=True, eq=False)
class IndexSource:
    """An index with vectors, which are stored as `storage`: "vector" or "halfvec"."""

    index: Index
    storage: str
    kind: Kind = "index"

    def __post_init__(self) -> None:
        vectors = self.index.vectors
        if vectors is None:
            raise OptionError("the index has no vectors, which a search in PostgreSQL needs; make it with a model.")
        if self.dim > LARGEST_DIM[self.storage]:
            raise OptionError(
                f"the vectors of {vectors.model} have {self.dim} dimensions; pgvector has an index for at most "
                f"{LARGEST_DIM['vector']}, or {LARGEST_DIM['halfvec']} with --halfvec. Make an index with fewer: --dim."
            )

    @property
    def dim(self) -> int:
        """The dimensions of the vectors."""
        assert self.index.vectors is not None
        return int(self.index.vectors.item(0).shape[0]) if len(self.index) else 1

    @property
    def digest(self) -> str:
        """Changes when an item, the model or the type of the vectors does."""
        digest = hashlib.sha256(f"{FORMAT} {self.head['fingerprint']} {self.storage}".encode())
        digest.update(self.index.table.contents.tobytes())
        return digest.hexdigest()

    @property
    def head(self) -> dict[str, Any]:
        """What the version says of its vectors."""
        vectors = self.index.vectors
        assert vectors is not None
        model = {"model": vectors.model, "fingerprint": vectors.fingerprint}
        return {**model, "dim": self.dim, "storage": self.storage}

    def items(self) -> Iterator[tuple[int, Item]]:
        """Yield the rows and the items, sorted by id."""
        for row in range(len(self.index)):
            yield row, self.index.table[row]

    def ids(self) -> list[str]:
        """Return the ids of the items."""
        return [item.id for _, item in self.items()]


@dataclass(frozen=True, eq=False)
class ListsSource:
    """The content of a file of related lists."""

    document: Mapping[str, Any]
    kind: Kind = "lists"

    @property
    def lists(self) -> RelatedFile:
        """The lists, with addresses that are safe in a page."""
        return RelatedFile("", document=dict(self.document))

    @property
    def digest(self) -> str:
        """Changes when a list does."""
        text = FORMAT + json.dumps(self.document["items"], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    @property
    def head(self) -> dict[str, Any]:
        """What the version says of its model."""
        model = self.document.get("model")
        model = model if isinstance(model, dict) else {}
        return {"model": model.get("name"), "fingerprint": model.get("fingerprint")}

    def items(self) -> Iterator[tuple[int, Item]]:
        """Yield the rows and the items, sorted by id; they have no text."""
        for row, (name, item) in enumerate(sorted(self.document["items"].items())):
            given: dict[str, Any] = {key: item.get(key) for key in ("title", "url", "lang", "excerpt", "image")}
            texts: dict[str, Any] = {key: text for key, text in given.items() if isinstance(text, str)}
            yield row, Item(id=name, text="", **texts)

    def ids(self) -> list[str]:
        """Return the ids of the items."""
        return list(self.document["items"])


def opened_source(
    source: Index | RelatedLists | str | os.PathLike[str], *, halfvec: bool = False
) -> IndexSource | ListsSource:
    """Return what is published; `SourceError` if a file is no result of `recs related` and no index."""
    storage = "halfvec" if halfvec else "vector"
    if isinstance(source, Index):
        return IndexSource(source, storage)
    if isinstance(source, RelatedLists):
        return ListsSource(_document_of(source))
    path = Path(source).expanduser()
    if is_index(path):
        return IndexSource(open_index(path), storage)
    return ListsSource(_document(path))


def _document_of(lists: RelatedLists) -> Mapping[str, Any]:
    """Return what is published of lists in memory, in the form of a file of related lists."""
    names = ("title", "url", "lang", "excerpt", "image")
    items = {
        name: {**{key: getattr(lists.items[name], key) for key in names}, "related": lists.get(name)}
        for name in lists.lists
    }
    return {"model": None if lists.model is None else dict(lists.model), "items": items}


def _document(path: Path) -> Mapping[str, Any]:
    try:
        document: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SourceError(f"{path}: cannot be read ({error.strerror}).") from error
    except (ValueError, RecursionError) as error:
        raise SourceError(
            f"{path}: neither an index nor JSON; expected what recs index or recs related wrote."
        ) from error
    schema = document.get("schema") if isinstance(document, dict) else None
    if schema != SCHEMA:
        raise SourceError(f"{path}: its schema is {str(schema)[:40]!r}, expected {SCHEMA!r}: a result of recs related.")
    items = document.get("items")
    if not isinstance(items, dict) or not all(isinstance(item, dict) for item in items.values()):
        raise SourceError(f"{path}: it has no lists where they should be; run recs related again.")
    return dict(document)
