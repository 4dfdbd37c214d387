"""Items to vectors: the embedder, the cache and the ids joined."""

import logging
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from recs.cache import Cache
from recs.embedder import Embedder, Overflow, Progress, load_embedder
from recs.embeddings import Embeddings
from recs.errors import ModelNotFoundError, OptionError
from recs.items import Item
from recs.registry import DEFAULT_MODEL, is_service, registry_row, split_dim

_log = logging.getLogger(__name__)


def embed_items(
    items: Iterable[Item],
    embedder: Embedder | str | None = None,
    *,
    cache: Cache | str | os.PathLike[str] | bool = True,
    role: str = "document",
    instruction: str | None = None,
    overflow: Overflow = "chunk",
    progress: Callable[[Progress], None] | None = None,
) -> Embeddings:
    """Embed n items: title and text of each, all of it.

    Parameters
    ----------
    items
        Any; drafts too, so leave out what must not be embedded (`Collection.public`).
    embedder
        An `Embedder`, the name of a model, or None for the default model.
    cache
        True for the user's cache folder, False for none, another folder, or a `Cache`.
    role, instruction
        What the vectors are for: as in `Embedder.embed`.
    overflow
        What happens past the context window: "chunk", "truncate" or "error".
    progress
        Called after every batch that needed the model.

    Returns
    -------
    Embeddings
        In the order of `items`: of each item the mean of its chunks, weighted by their tokens.

    Raises
    ------
    ModelNotFoundError, MissingDependencyError
        If a vector has to be computed and the model or torch is not installed.
    EmbeddingError
        If an item has neither title nor text, or the model emits NaN or a zero vector.
    """
    listed = list(items)
    with open_cache(cache) as store:
        if embedder is None or isinstance(embedder, str):
            embedder = find_embedder(embedder or DEFAULT_MODEL, store)
        return embedder.embed(
            [item.text for item in listed],
            ids=[item.id for item in listed],
            titles=[item.title for item in listed],
            role=role,
            instruction=instruction,
            overflow=overflow,
            store=store,
            progress=progress,
        )


def find_embedder(name: str, cache: Cache | None, **options: Any) -> Embedder:
    """Return an embedder for a model, from its files or else from what the cache remembers of it.

    A build machine with a committed cache and without the model gets an embedder that can look up every vector it has.
    `options` are those of `load_embedder`. `ModelNotFoundError` if the model is neither here nor in the cache.
    """
    try:
        return load_embedder(name, **options)
    except ModelNotFoundError as error:
        base, named = split_dim(name.partition("#")[2].partition("?")[0] if is_service(name) else name)
        known, dim, pooling = registry_row(base)[0], options.get("dim") or named, options.get("pooling")
        spec = None
        if cache is not None:
            spec = (cache.known_model(f"{known}@{dim}") if dim else None) or cache.known_model(known)
        if cache is None or spec is None or dim not in (None, spec.dim) or pooling not in (None, spec.pooling):
            raise
        if is_service(name):
            _log.warning("%s Only vectors that the cache holds can be had.", error)
        kept = {key: options.get(key) for key in ("device", "instruction")}
        precision, engine = options.get("precision", "auto"), options.get("engine", "auto")
        known_precision, _, known_engine = (cache.known_precision(spec.fingerprint) or "auto").partition("/")
        return Embedder(
            spec,
            precision=known_precision if precision == "auto" else precision,
            engine=known_engine or "torch" if engine == "auto" else engine,
            **kept,
        )


@contextmanager
def open_cache(cache: Cache | str | os.PathLike[str] | bool) -> Iterator[Cache | None]:
    """Yield the cache that the argument stands for, and close it if it was opened here."""
    if isinstance(cache, str | os.PathLike) or cache is True:
        with Cache(None if cache is True else cache) as opened:
            yield opened
    elif isinstance(cache, Cache) or not cache:
        yield cache or None
    else:
        raise OptionError(f"cache is a {type(cache).__name__}, expected True, False, a folder or a Cache.")
