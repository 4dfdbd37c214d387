"""Contestants: models and ways to use them, vectors in a file, and baselines that need no model.

NAME, FOLDER, NAME=FOLDER, NAME@DIM     a model, as `recs.models.names` writes it
URL#MODEL?OPTIONS                       a model of a service
NAME?OPTION&OPTION                      a model used in another way: chunk=N, truncate, precision=bfloat16, engine=onnx
FILE.npz                                vectors that `recs embed -o FILE.npz` wrote
terms, BM25, TF-IDF, LSA                words alone: those of recs, and three baselines
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from recs.comparison.latent import LatentSemantics, check_installed
from recs.embedding.cache import Cache
from recs.embedding.documents import Overflow
from recs.embedding.embedder import Embedder
from recs.embedding.load import find_embedder
from recs.embedding.pipeline import embed_items
from recs.embedding.vectors import Embeddings
from recs.errors import EmbeddingError, OptionError
from recs.items import Item

Kind = Literal["model", "vectors", "terms", "BM25", "TF-IDF", "LSA"]
BASELINES: tuple[Kind, ...] = ("terms", "BM25", "TF-IDF", "LSA")
_EXPECTED = "chunk=N, truncate, precision=NAME or engine=NAME"


@dataclass(frozen=True, eq=False)
class Contestant:
    """One entry of a comparison.

    Attributes
    ----------
    name
        As it was asked for.
    kind
        What it is.
    embedder
        Of a model.
    overflow, window
        How the model is used for long texts.
    given
        Vectors from a file.
    """

    name: str
    kind: Kind
    embedder: Embedder | None = None
    overflow: Overflow = "chunk"
    window: int | None = None
    given: Embeddings | None = None

    @property
    def has_vectors(self) -> bool:
        """Whether it has vectors of items."""
        return self.kind in ("model", "vectors", "LSA")

    @property
    def is_offered(self) -> bool:
        """Whether recs can make results with it; the other baselines are there for comparison."""
        return self.kind in ("model", "vectors", "terms")

    def embed(self, items: Sequence[Item], cache: Cache | bool, **options: Any) -> Embeddings:
        """Return the vectors of items; `options` are those of `recs.embed_items`."""
        if self.kind == "vectors":
            return self._taken(items)
        if self.kind == "LSA":
            return LatentSemantics.fit(items).embed_items(items)
        ways: dict[str, Any] = {"overflow": self.overflow, "window": self.window}
        return embed_items(items, self.embedder, cache=cache, **{**options, **ways})

    def embed_passages(self, items: Sequence[Item], cache: Cache | bool, window: int, **options: Any) -> Embeddings:
        """Return vectors for a search: passages of `window` tokens, unless the contestant uses its model otherwise."""
        is_plain = self.overflow == "chunk" and self.window is None
        used = replace(self, window=window) if is_plain else self
        return used.embed(items, cache, **options)

    @cached_property
    def space(self) -> str:
        """What two contestants share that use one model in one way: its name, precision and engine."""
        embedder = self.embedder
        return "" if embedder is None else f"{embedder.spec.name} {embedder.precision} {embedder.engine}"

    def _taken(self, items: Sequence[Item]) -> Embeddings:
        given = self.given
        if given is None:
            raise EmbeddingError(f"{self.name}: no vectors were read.")
        return given.take([item.id for item in items])


def read_contestant(name: str, cache: Cache | None, **options: Any) -> Contestant:
    """Return the contestant that a name means; `options` are those of `recs.load_embedder`.

    Raises
    ------
    ModelNotFoundError, ModelError, MissingDependencyError, SourceError
        If the model, or the file of vectors, is not there or cannot be used.
    OptionError
        If the name has an option that no contestant has.

    Examples
    --------
    >>> read_contestant("tf-idf", None).kind
    'TF-IDF'
    """
    for kind in BASELINES:
        if name.casefold() == kind.casefold():
            if kind == "LSA":
                check_installed()
            return Contestant(kind, kind)
    if name.endswith(".npz"):
        return Contestant(name, "vectors", given=Embeddings.load(Path(name)))
    if name.startswith(("http://", "https://")):
        return Contestant(name, "model", find_embedder(name, cache, offline=options.get("offline", False)))
    model, _, ways = name.partition("?")
    overflow: Overflow = "chunk"
    window = None
    for way in filter(None, ways.split("&")):
        key, _, value = way.partition("=")
        if way == "truncate":
            overflow = "truncate"
        elif key == "chunk" and value.isdecimal() and int(value):
            window = int(value)
        elif key in ("precision", "engine") and value:
            options = {**options, key: value}
        else:
            raise OptionError(f"{name}: {way!r} is no way to use a model; expected {_EXPECTED}.")
    return Contestant(name, "model", find_embedder(model, cache, **options), overflow, window)
