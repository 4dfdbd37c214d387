"""Related lists: for every item the items most like it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from recs.cache import Cache
from recs.contract import corpus_digest
from recs.embed import embed_items, find_embedder, open_cache
from recs.embedder import Embedder, Overflow, Progress
from recs.embeddings import Embeddings, FloatArray, unit_rows
from recs.errors import MissingDependencyError, ModelNotFoundError, OptionError
from recs.items import Collection, Item, Match, ScoreScale, public_items
from recs.languages import item_languages, uncovered_note
from recs.lexical import tfidf_matrix
from recs.models import DEFAULT_MODEL
from recs.neighbors import Mask, Neighbors, term_neighbors, top_k
from recs.readers import Source, read_items

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)

Signals = Literal["auto", "dense", "terms"]
SIGNALS: tuple[Signals, ...] = ("auto", "dense", "terms")

# The mean of a small corpus is mostly its own few items: it is taken out by n / (n + this) only, so that two items that
# are all there is do not come out as opposites. At 500 items it is out by 98 %.
_MEAN_PRIOR = 10

_SCALES = {
    "cosine": ScoreScale("centred_cosine", (-1.0, 1.0)),
    "dot": ScoreScale("dot", (None, None)),
    "euclidean": ScoreScale("euclidean", (None, 0.0)),
}
_TERM_SCALE = ScoreScale("tfidf_cosine", (0.0, 1.0))


@dataclass(frozen=True, slots=True, eq=False)
class RelatedLists:
    """The related list of every public item, best first, ties by id.

    Attributes
    ----------
    lists
        By item id, sorted.
    items
        The items that the lists speak of, by id.
    model
        Name, fingerprint, dim and similarity of the model; None where terms alone ranked.
    score
        What a score measures, and its range.
    config, counts
        The options that made the lists; how many items were ranked, left out, cut.
    corpus
        Digest of the public items: see `recs.corpus_digest`.
    notes
        What a person should be told: a model that was not there, a language that it does not cover.
    """

    lists: Mapping[str, tuple[Match, ...]]
    items: Mapping[str, Item]
    model: Mapping[str, object] | None
    score: ScoreScale
    config: Mapping[str, object]
    counts: Mapping[str, int]
    corpus: str
    notes: tuple[str, ...] = field(default=())

    def __getitem__(self, item_id: str) -> tuple[Match, ...]:
        return self.lists[item_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.lists)

    def __len__(self) -> int:
        return len(self.lists)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a match: id, rank (from 1), related_id, title, url, score, via.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingDependencyError("to_frame", "pandas", "tables") from error
        rows = [
            (item_id, rank, match.id, self.items[match.id].title, self.items[match.id].url, match.score, match.via)
            for item_id, matches in self.lists.items()
            for rank, match in enumerate(matches, 1)
        ]
        return pd.DataFrame(rows, columns=["id", "rank", "related_id", "title", "url", "score", "via"])


def related_items(
    source: Source | Iterable[Item],
    embeddings: Embeddings | None = None,
    *,
    k: int = 5,
    signals: Signals = "auto",
    embedder: Embedder | str | None = None,
    cache: Cache | bool = True,
    overflow: Overflow = "chunk",
    now: str | date | datetime | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> RelatedLists:
    """Rank, for every public item, the k public items most like it.

    Parameters
    ----------
    source
        Items, or whatever `recs.read_items` reads.
    embeddings
        Vectors of at least the public items; made with `embedder` if left out.
    k
        Entries a list, 0 or more; a list is shorter where fewer items may stand in it.
    signals
        "dense" ranks by the vectors, "terms" by TF-IDF without any model; "auto" is dense where a model is installed or
        all vectors are cached, and terms, said aloud in `notes`, elsewhere.
    embedder, cache, overflow, progress
        As in `recs.embed_items`; used where `embeddings` is left out.
    now
        The moment that decides what is still scheduled, where `source` has to be read; the present if left out.

    Returns
    -------
    RelatedLists
        Every public item has a list. No item stands in its own list, nor drafts, private or scheduled items in any, nor
        an item in another language than its own, where both are known.

    Raises
    ------
    SourceError, ModelError, EmbeddingError, OptionError

    Notes
    -----
    Dense scores of a cosine model are cosines after the mean of the corpus was taken out of every vector, which tells
    apart items that are all about one field. Time O(n² d) in blocks, memory O(n (d + k)). The result depends on the set
    of items, not on their order.
    """
    if k < 0:
        raise OptionError(f"k is {k}, expected 0 or more.")
    if signals not in SIGNALS:
        raise OptionError(f"signals is {signals!r}, expected one of {', '.join(SIGNALS)}.")
    collection = _collect(source, now)
    items = collection.public
    notes: list[str] = []
    with open_cache(cache) as store:
        languages = item_languages(items, store)
        if embeddings is None and signals != "terms":
            embeddings = _embed(items, signals, embedder, store, notes, overflow=overflow, progress=progress)
        if cache is not False and store is not None and store.problem:
            notes.append(store.problem)
    mask = _mask(items, languages)
    if embeddings is not None and signals != "terms":
        embeddings = embeddings.take([item.id for item in items])
        neighbors = _dense_neighbors(embeddings, k, mask)
        scale, used = _SCALES[embeddings.similarity], "dense"
        note = uncovered_note(languages, _covered(embeddings, embedder), embeddings.model)
        notes.extend([note] if note else [])
    else:
        embeddings = None
        neighbors = term_neighbors(tfidf_matrix([f"{item.title}\n{item.text}" for item in items]), k, mask=mask)
        scale, used = _TERM_SCALE, "terms"
    lists = _lists(items, neighbors)
    return RelatedLists(
        lists=lists,
        items={item.id: item for item in items},
        model=_model(embeddings),
        score=scale,
        config={"k": k, "signals": [used], "overflow": overflow},
        counts=_counts(collection, items, embeddings, lists, k),
        corpus=corpus_digest((item.id, f"{item.title}\n{item.body or item.text}") for item in items),
        notes=tuple(notes),
    )


def _collect(source: Source | Iterable[Item], now: str | date | datetime | None) -> Collection:
    if isinstance(source, Collection):
        return source
    return read_items(source, now=now)


def _embed(
    items: Sequence[Item],
    signals: Signals,
    embedder: Embedder | str | None,
    store: Cache | None,
    notes: list[str],
    **options: Any,
) -> Embeddings | None:
    try:
        if embedder is None or isinstance(embedder, str):
            embedder = find_embedder(embedder or DEFAULT_MODEL, store)
        return embed_items(items, embedder, cache=store or False, **options)
    except (ModelNotFoundError, MissingDependencyError) as error:
        if signals == "dense":
            raise
        note = f"ranked by terms alone, without a model: {error}"
        _log.warning("%s", note)
        notes.append(note)
        return None


def _covered(embeddings: Embeddings, embedder: Embedder | str | None) -> tuple[str, ...]:
    from recs.models import registry_row

    if isinstance(embedder, Embedder):
        return embedder.spec.languages
    _, row = registry_row(embeddings.model)
    return row.languages if row else ()


def _dense_neighbors(embeddings: Embeddings, k: int, mask: Mask | None) -> Neighbors:
    vectors = embeddings.vectors
    if embeddings.similarity == "cosine":
        vectors = centre(vectors)
    return top_k(vectors, k, similarity=embeddings.similarity, mask=mask)


def centre(vectors: FloatArray) -> FloatArray:
    """Return unit rows after the mean row was taken out, shrunk for small n. `vectors` has shape (n, d)."""
    exact = unit_rows(vectors.astype(np.float64))
    n = len(exact)
    if n:
        exact -= exact.mean(axis=0) * (n / (n + _MEAN_PRIOR))
    return unit_rows(exact).astype(np.float32)


def _mask(items: Sequence[Item], languages: Sequence[str | None]) -> Mask | None:
    """Return what forbids pairs of different known languages and what an editor excluded; None for nothing."""
    row_of = {item.id: row for row, item in enumerate(items)}
    excluded = {
        row: [row_of[name] for name in item.excludes if name in row_of]
        for row, item in enumerate(items)
        if item.excludes
    }
    codes = {language: code for code, language in enumerate(sorted({lang for lang in languages if lang}), 1)}
    if len(codes) < 2 and not excluded:
        return None
    language = np.array([codes[lang] if lang else 0 for lang in languages], dtype=np.int64)

    def allowed(start: int, stop: int) -> npt.NDArray[np.bool_]:
        rows = language[start:stop, None]
        block: npt.NDArray[np.bool_] = (rows == language) | (rows == 0) | (language == 0)
        for row in range(start, stop):
            block[row - start, excluded.get(row, [])] = False
        return block

    return allowed


def _lists(items: Sequence[Item], neighbors: Neighbors) -> dict[str, tuple[Match, ...]]:
    return {
        item.id: tuple(
            Match(items[column].id, float(score)) for column, score in zip(columns, scores, strict=True) if column >= 0
        )
        for item, columns, scores in zip(items, neighbors.indices.tolist(), neighbors.scores, strict=True)
    }


def _model(embeddings: Embeddings | None) -> Mapping[str, object] | None:
    if embeddings is None:
        return None
    return {
        "name": embeddings.model,
        "fingerprint": embeddings.fingerprint,
        "dim": embeddings.dim,
        "similarity": embeddings.similarity,
    }


def _counts(
    collection: Collection,
    items: Sequence[Item],
    embeddings: Embeddings | None,
    lists: Mapping[str, tuple[Match, ...]],
    k: int,
) -> dict[str, Any]:
    counts = {
        "items": len(items),
        "closed": len(collection) - len(items),
        "skipped": len(collection.skipped),
        "boilerplate_lines": len(collection.boilerplate),
        "short_lists": sum(len(matches) < k for matches in lists.values()),
    }
    if embeddings is not None and len(embeddings.tokens):
        counts |= {
            "chunks": len(embeddings.chunk_vectors),
            "tokens": int(embeddings.tokens.sum()),
            "tokens_lost": int(embeddings.tokens_lost.sum()),
        }
    return counts


__all__ = ["SIGNALS", "RelatedLists", "Signals", "centre", "public_items", "related_items"]
