"""Items to embeddings: takes the texts of items, opens the cache, and gives the vectors the ids of the items."""

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from recs.embedding.cache import Cache
from recs.embedding.documents import Overflow
from recs.embedding.embedder import Embedder
from recs.embedding.load import find_embedder
from recs.embedding.progress import Progress
from recs.embedding.vectors import Embeddings
from recs.errors import OptionError
from recs.items import Item
from recs.models.registry import DEFAULT_MODEL


def embed_items(
    items: Iterable[Item],
    embedder: Embedder | str | None = None,
    *,
    cache: Cache | str | os.PathLike[str] | bool = True,
    role: str = "document",
    instruction: str | None = None,
    overflow: Overflow = "chunk",
    window: int | None = None,
    cached_only: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Embeddings:
    """Embed the title and the whole text of n items.

    Parameters
    ----------
    items
        All of them are embedded, drafts too; `Collection.public` leaves drafts out.
    embedder
        An `Embedder`, the name of a model, or None for the default model.
    cache
        True for the user's cache folder, False for no cache, the path of another folder, or a `Cache`.
    role, instruction
        What the vectors are for: as in `Embedder.embed`.
    overflow
        What to do with text past the context window: "chunk", "truncate" or "error", as in `Embedder.embed`.
    window
        The most tokens of a chunk, if that is less than the model's context window.
    cached_only
        Whether nothing is computed and no model is loaded. An item that has no vector in the cache gets a placeholder,
        and `Embeddings.missing` tells which items these are.
    progress
        Called after every batch that needed the model.

    Returns
    -------
    Embeddings
        In the order of `items`. The vector of an item is the mean of its chunks, weighted by their tokens. Those of
        a transcript weigh together at most as much as the text before it, or as one full chunk.

    Raises
    ------
    ModelNotFoundError, MissingDependencyError
        If a vector has to be computed and the model or torch is not installed.
    EmbeddingError
        If an item has neither title nor text, or the model emits NaN or a zero vector.

    Examples
    --------
    >>> item = Item(id="garlic", text="Plant the cloves in autumn.", title="Garlic")
    >>> embeddings = embed_items([item], "all-MiniLM-L6-v2")  # doctest: +SKIP
    >>> embeddings.ids, embeddings.vectors.shape  # doctest: +SKIP
    (('garlic',), (1, 384))
    """
    listed = list(items)
    with open_cache(cache) as store:
        if embedder is None or isinstance(embedder, str):
            embedder = find_embedder(embedder or DEFAULT_MODEL, store, cached_only=cached_only)
        return embedder.embed(
            [item.text for item in listed],
            ids=[item.id for item in listed],
            titles=[item.title for item in listed],
            written=[item.written for item in listed],
            role=role,
            instruction=instruction,
            overflow=overflow,
            window=window,
            store=store,
            cached_only=cached_only,
            progress=progress,
        )


@contextmanager
def open_cache(cache: Cache | str | os.PathLike[str] | bool) -> Iterator[Cache | None]:
    """Yield the cache that the argument means; at the end, close it if it was opened here."""
    if isinstance(cache, str | os.PathLike) or cache is True:
        with Cache(None if cache is True else cache) as opened:
            yield opened
    elif isinstance(cache, Cache) or not cache:
        yield cache or None
    else:
        raise OptionError(f"cache is a {type(cache).__name__}, expected True, False, a folder or a Cache.")
