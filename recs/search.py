"""Search: the items and the passages of a collection that answer a query.

items → terms, vectors of items and passages      embedding, recs.retrieval.postings
  → index                                         recs.retrieval.index, .storage
query → corrected words, its vector               recs.retrieval.query
  → scores, filters, best items                   recs.retrieval.index, .filters
  → passages, context for a language model        recs.retrieval.passages, .context
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from recs.embedding.cache import Cache
from recs.embedding.embedder import Embedder
from recs.embedding.load import find_embedder, matching_embedder
from recs.embedding.pipeline import embed_items, open_cache
from recs.embedding.progress import Progress
from recs.embedding.vectors import Embeddings
from recs.errors import MissingDependencyError, ModelNotFoundError, OptionError
from recs.filters import Where
from recs.items import Collection, Item
from recs.models.registry import DEFAULT_MODEL, model_languages
from recs.readers.read import read_items
from recs.readers.sources import Source
from recs.retrieval.hits import Hit
from recs.retrieval.index import Index, Signals
from recs.retrieval.passages import Passage
from recs.retrieval.segment import Segment, carried
from recs.retrieval.storage import is_index, open_folder
from recs.retrieval.table import ItemsInMemory
from recs.retrieval.vectors import Vectors
from recs.retrieval.writing import write_segments
from recs.text.languages import item_languages

PASSAGE_TOKENS = 128
"""The most tokens of a passage. It holds an answer more often than a chunk of 256 (docs/benchmarks.md)."""


def build_index(
    source: Source | Iterable[Item],
    embeddings: Embeddings | None = None,
    *,
    embedder: Embedder | str | None = None,
    signals: Signals = "auto",
    previous: Index | None = None,
    cache: Cache | bool = True,
    now: str | date | datetime | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> Index:
    """Return an index of the public items of a source.

    Parameters
    ----------
    source
        Items, or anything that `recs.read_items` reads.
    embeddings
        Vectors of the public items with their passages; made with `embedder` if left out.
    embedder, cache, progress
        As in `recs.embed_items`. The passages have at most 128 tokens: the default model embeds a collection for an
        index in about the time of `recs related`, and once more, since its chunks have 256.
    signals
        "terms" makes an index without vectors. "auto" does so, with a note, if the model is not installed.
    previous
        An earlier index of the collection. What it has of items that did not change is used again: only the others are
        embedded and counted. It must have been made with the same model and without `embeddings`; else it is not used.
        The scores are those of an index that is made without it.
    now
        The moment that decides which items are still scheduled, if `source` must be read.

    Raises
    ------
    SourceError, ModelError, EmbeddingError, OptionError

    Examples
    --------
    >>> import recs
    >>> index = recs.build_index([recs.Item("garlic", "Plant the cloves in autumn.")], signals="terms")
    >>> len(index), [hit.id for hit in index.search("cloves")]
    (1, ['garlic'])
    """
    collection = source if isinstance(source, Collection) else read_items(source, now=now)
    items = collection.public
    if signals == "terms":
        return Index(_segments(items, previous))
    with open_cache(cache) as store:
        if embeddings is not None:
            given = embedder if isinstance(embedder, Embedder) else None
            covered = given.spec.languages if given else model_languages(embeddings.model)
            vectors = Vectors.of(embeddings.take([item.id for item in items]), _foreign(items, covered, store))
            return Index((Segment.of(items, vectors),), lambda: given or matching_embedder(*vectors.space[:2]))
        try:
            chosen = embedder if isinstance(embedder, Embedder) else find_embedder(embedder or DEFAULT_MODEL, store)
        except (ModelNotFoundError, MissingDependencyError) as error:
            if embedder is not None or signals == "dense":
                raise
            return Index(_segments(items, previous), notes=(f"the index has terms only: {error}",))
        options: dict[str, Any] = {"cache": store or False, "progress": progress, "window": PASSAGE_TOKENS}

        def embed(changed: Sequence[Item]) -> Vectors:
            foreign = _foreign(changed, chosen.spec.languages, store)
            return Vectors.of(embed_items(changed, chosen, **options), foreign)

        return Index(_segments(items, previous, chosen.spec.fingerprint, embed), lambda: chosen)


def _segments(
    items: Sequence[Item],
    previous: Index | None,
    fingerprint: str | None = None,
    embed: Callable[[Sequence[Item]], Vectors] | None = None,
) -> tuple[Segment, ...]:
    """Return the segments of items. Those of an earlier index are used again if its vectors are of the same space."""
    kept, rows = reused(items, previous, fingerprint)
    if kept and not rows:
        return tuple(kept)
    changed = [items[row] for row in rows]
    return (*kept, Segment.of(changed, embed(changed) if embed else None, rows))


def reused(
    items: Sequence[Item], previous: Index | None, fingerprint: str | None
) -> tuple[list[Segment], Sequence[int]]:
    """Return the segments of an earlier index that an update keeps, and the rows of the items that are in none.

    None is kept if the vectors of the earlier index are of another space; `fingerprint` is None for terms alone.
    """
    if previous is not None and fingerprint == (previous.vectors.fingerprint if previous.vectors else None):
        return carried(previous.segments, ItemsInMemory(items))
    return [], range(len(items))


def _foreign(items: Sequence[Item], covered: Sequence[str], store: Cache | None) -> list[bool]:
    return foreign(item_languages(items, store) if covered else [None] * len(items), covered)


def foreign(languages: Sequence[str | None], covered: Sequence[str]) -> list[bool]:
    """Return which items are in a language that a model does not cover; none of them if it covers nothing by name."""
    return [bool(covered) and language is not None and language not in covered for language in languages]


def open_index(path: str | Path, *, embedder: Embedder | None = None) -> Index:
    """Return the index in a folder that `recs index` or `save_index` wrote. Its source is not read.

    Parameters
    ----------
    path
        The folder.
    embedder
        What embeds queries. If left out, the model of the index is loaded for the first query that needs it.

    Raises
    ------
    SourceError
        If the folder is no index, is torn, or was written by a newer recs.

    Examples
    --------
    >>> import tempfile
    >>> index = build_index([Item("garlic", "Plant the cloves in autumn.")], signals="terms")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_index(index, folder)
    ...     [hit.id for hit in open_index(folder).search("cloves")]
    ['garlic']
    """
    return open_folder(Path(path), matching_embedder if embedder is None else lambda *_: embedder)


def save_index(index: Index, path: str | Path) -> None:
    """Write an index into a folder; readers of the one that is there go on with it.

    Raises `OutputError` if the folder cannot be written, or is neither empty nor an index.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_index(build_index([Item("garlic", "Plant the cloves.")], signals="terms"), folder)
    ...     len(open_index(folder))
    1
    """
    write_segments(index.segments, Path(path))


def _opened(source: Any, embedder: Embedder | None, options: dict[str, Any]) -> Index:
    if isinstance(source, Index):
        return source
    if isinstance(source, str | Path) and is_index(Path(source)):
        return open_index(source, embedder=embedder)
    return build_index(source, embedder=embedder, **options)


def search_items(
    query: str,
    source: Index | Source | Iterable[Item],
    embeddings: Embeddings | None = None,
    embedder: Embedder | None = None,
    *,
    k: int = 10,
    signals: Signals = "auto",
    where: Where | None = None,
    min_score: float | None = None,
) -> list[Hit]:
    """Return the k items that answer a query best.

    Parameters
    ----------
    query, k, signals, where, min_score
        As in `Index.search`.
    source
        An index, the folder of one, or items or their source, which are then indexed in memory for this query.
    embeddings, embedder
        As in `build_index`.

    Examples
    --------
    >>> import recs
    >>> items = [recs.Item("garlic", "Plant the cloves in autumn."), recs.Item("tea", "Boil the water.")]
    >>> [hit.id for hit in recs.search_items("boiling water", items, signals="terms")]
    ['tea']
    """
    building = {"embeddings": embeddings, "signals": "terms" if signals == "terms" else "auto"}
    index = _opened(source, embedder, building)
    return index.search(query, k=k, signals=signals, where=where, min_score=min_score)


def search_passages(
    query: str,
    source: Index | Source | Iterable[Item],
    embeddings: Embeddings | None = None,
    embedder: Embedder | None = None,
    *,
    k: int = 10,
    signals: Signals = "auto",
    where: Where | None = None,
) -> list[Passage]:
    """Return the k passages that answer a query best. The arguments are those of `search_items`.

    Examples
    --------
    >>> items = [Item("garlic", "Plant the cloves in autumn."), Item("tea", "Boil the water.")]
    >>> [(passage.id, passage.text) for passage in search_passages("cloves", items, signals="terms", k=1)]
    [('garlic', 'Plant the cloves in autumn.')]
    """
    building = {"embeddings": embeddings, "signals": "terms" if signals == "terms" else "auto"}
    index = _opened(source, embedder, building)
    return index.passages(query, k=k, signals=signals, where=where)


def related_to(text: str, index: Index, k: int = 5, *, where: Where | None = None) -> list[Hit]:
    """Return the k items that are most similar to a new text, such as a draft, without ranking the collection again.

    Parameters
    ----------
    text
        Plain text. All of it counts, as in an item; its score is that of a search.

    Raises
    ------
    OptionError
        If the text is empty.

    Examples
    --------
    >>> items = [Item("garlic", "Plant the cloves in autumn."), Item("tea", "Boil the water.")]
    >>> [hit.id for hit in related_to("Cloves need a cold autumn.", build_index(items, signals="terms"))]
    ['garlic']
    """
    if not text.strip():
        raise OptionError("the text is empty; there is nothing to compare.")
    return index.similar(text, k=k, where=where)
