"""Related lists: for every item the items that are most similar to it.

    items, vectors
      → signals      similarities by terms, mentioned titles, vectors, passages           signals, terms
      → fused        one score for each pair, on one scale for all items                  fusion, scale
      → candidates   the 50 best of each item, as probabilities; ordered by what          rank, reranker
                     `recs tune` learned, if it did
      → rules        pins, near-duplicates, variety, reach; at most k are left            arrange, duplicates
      → lists        kept from an earlier run unless something better has come;           previous, explain
                     each match with reasons

Filters (language, exclusions, the item itself: `recs.ranking.rules`) act before the best candidates are taken. The last
column names the modules of `recs.ranking`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from recs.contract import Note, corpus_digest
from recs.embedding.cache import Cache
from recs.embedding.documents import Overflow
from recs.embedding.embedder import Embedder
from recs.embedding.progress import Progress
from recs.embedding.vectors import Embeddings
from recs.errors import OptionError
from recs.items import Collection, Item, Match
from recs.ranking.ages import closeness_in_time
from recs.ranking.arrange import arrange
from recs.ranking.chooser import Pick, Ranking
from recs.ranking.duplicates import near_duplicates, similarity_of
from recs.ranking.explain import Explainer
from recs.ranking.fallbacks import filter_notes
from recs.ranking.lists import RelatedLists
from recs.ranking.previous import count_changes, earlier_lists, staying_scores
from recs.ranking.probability import FUSED_SCALE
from recs.ranking.rank import CANDIDATES, RankedItems, rank_items, tuned_candidates
from recs.ranking.rules import Rules, first_copies
from recs.readers.dates import parse_now
from recs.readers.read import read_items
from recs.readers.sources import Source


def related_items(
    source: Source | Iterable[Item],
    embeddings: Embeddings | None = None,
    *,
    k: int = 5,
    signals: str | Sequence[str] = "auto",
    rules: Rules | None = None,
    tuned: str | Path | None = None,
    why: bool = False,
    previous: str | Path | None = None,
    embedder: Embedder | str | None = None,
    cache: Cache | bool = True,
    overflow: Overflow = "chunk",
    cached_only: bool = False,
    now: str | date | datetime | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> RelatedLists:
    """Rank, for every public item, the k public items that are most similar to it.

    Parameters
    ----------
    source
        Items, or anything that `recs.read_items` reads.
    embeddings
        Vectors of at least the public items; made with `embedder` if left out.
    k
        Entries of a list, 0 or more. A list is shorter if fewer items may be in it.
    signals
        Some of "terms", "mentions", "dense" and "passages", as a list or as one string with commas. A single signal
        ranks by its similarity; several are fused. "auto" takes all if a model is installed or all vectors are cached;
        otherwise those of terms, and `notes` says so.
    rules
        What to show of the ranking; see `recs.Rules`.
    tuned
        A file that `recs tune` wrote: the candidates are ordered by what it learned from the links of the site.
    why
        Whether each match says why the two items are related.
    previous
        The result of an earlier run (`recs.related/1`). The lists of items that were not edited since then change only
        if something better has come. A missing file counts as none.
    embedder, cache, overflow, progress
        As in `recs.embed_items`; used if `embeddings` is left out.
    cached_only
        Whether no model is loaded: items that have no vector in the cache are ranked by terms until a run computes
        their vectors. `by_terms` and `notes` name them.
    now
        The moment that decides which items are still scheduled, if `source` must be read, and which are older than
        `Rules.max_age`; the present if left out.

    Returns
    -------
    RelatedLists
        Every public item has a list. An item is not in its own list. Drafts, private and scheduled items are in no
        list. If the languages of two items are known and different, neither is in the list of the other.

    Raises
    ------
    SourceError, ModelError, EmbeddingError, OptionError

    Notes
    -----
    `recs.ranking.fusion` describes how signals are fused. Time O(n² d) in blocks, memory O(n (d + k)). The result
    depends on the set of items, not on their order.

    Examples
    --------
    >>> import recs
    >>> items = [recs.Item(id=name, text=name) for name in ("bread", "butter", "bicycle")]
    >>> embeddings = recs.Embeddings.from_array(["bread", "butter", "bicycle"], [[3, 1], [3, 2], [0, 1]], model="demo")
    >>> lists = recs.related_items(items, embeddings, k=1, signals="dense", cache=False)
    >>> lists["bread"][0].id
    'butter'
    """
    _check(k)
    collection = source if isinstance(source, Collection) else read_items(source, now=now)
    items = collection.public
    shown = (rules := rules or Rules()).at(collection.items, parse_now(now))
    options: dict[str, Any] = {"embedder": embedder, "cache": cache, "overflow": overflow, "cached_only": cached_only}
    options |= {"signals": signals, "depth": max(CANDIDATES, k), "rules": shown, "progress": progress}
    ranked = rank_items(items, embeddings, **options)
    choice: dict[str, Any] = {"k": k, "rules": rules, "shown": shown, "overflow": overflow}
    return ranked_lists(collection, ranked, tuned=tuned, why=why, previous=previous, **choice)


def ranked_lists(
    collection: Collection,
    ranked: RankedItems,
    *,
    k: int,
    rules: Rules,
    shown: Rules,
    tuned: str | Path | None = None,
    why: bool = False,
    previous: str | Path | None = None,
    overflow: Overflow = "chunk",
) -> RelatedLists:
    """Return the related lists of a collection whose public items are ranked.

    `shown` are the rules at the present moment. The other arguments are those of `related_items`.
    """
    items = collection.public
    candidates, scale = tuned_candidates(items, ranked, tuned)
    earlier = None if previous is None else earlier_lists(Path(previous))
    twins = near_duplicates(ranked)
    picks = _arranged(items, ranked, candidates, earlier, kind=scale.kind, k=k, rules=shown, twins=twins)
    return RelatedLists(
        lists=(lists := _matches(items, picks, ranked, why=why, dates=scale is FUSED_SCALE)),
        items={item.id: item for item in items},
        model=ranked.model,
        score=scale,
        config={"k": k, "signals": ranked.used, "overflow": overflow, **rules.changed()},
        counts=_counts(collection, ranked, lists, k),
        corpus=corpus_digest(items),
        notes=(*ranked.notes, *filter_notes(items, rules), *_changes(items, picks, earlier)),
        twins=_twins_by_id(items, twins),
        by_terms=_without_vector(ranked.embeddings),
    )


def _check(k: int) -> None:
    if not isinstance(k, int) or isinstance(k, bool) or k < 0:
        raise OptionError(f"k is {k!r}, expected a whole number, 0 or more.")


def _arranged(
    items: Sequence[Item],
    ranked: RankedItems,
    candidates: Ranking,
    earlier: Mapping[str, Any] | None,
    *,
    kind: str,
    **options: Any,
) -> list[list[Pick]]:
    """Return the entries of each list; `kind` is that of the scores, `options` are those of `arrange`."""
    staying = staying_scores(items, candidates, earlier or {}, scale=kind)
    beside: dict[str, Any] = {"similar": similarity_of(ranked), "languages": ranked.languages, "staying": staying}
    return arrange(items, candidates, **options, **beside)


def _changes(
    items: Sequence[Item], picks: Sequence[Sequence[Pick]], earlier: Mapping[str, Any] | None
) -> tuple[Note, ...]:
    """Return a note on what changed since an earlier run, if there was one."""
    return () if earlier is None else (count_changes(items, picks, earlier),)


def _matches(
    items: Sequence[Item], picks: Sequence[Sequence[Pick]], ranked: RankedItems, *, why: bool, dates: bool
) -> dict[str, tuple[Match, ...]]:
    """Return the list of each item by its id; `dates` says whether they are in the scores."""
    closeness = closeness_in_time(items, ranked.fused.indices) if why and dates else np.zeros(0)
    closeness_that_differs = closeness if closeness.any() else None
    explainer = Explainer(items, ranked.signals, ranked.embeddings, ranked.fused, closeness_that_differs)
    lists = {}
    for row, item in enumerate(items):
        lists[item.id] = tuple(
            Match(
                id=items[pick.row].id,
                score=pick.score,
                via=pick.via,
                reasons=pick.reasons,
                why=explainer.explain(row, pick.row, pick.score) if why else None,
            )
            for pick in picks[row]
        )
    return lists


def _counts(
    collection: Collection, ranked: RankedItems, lists: Mapping[str, Sequence[Match]], k: int
) -> dict[str, int]:
    counts = {
        "items": len(lists),
        "closed": len(collection) - len(lists),
        "skipped": len(collection.skipped),
        "boilerplate_lines": len(collection.boilerplate),
        "duplicates": int((first_copies(collection.public) != np.arange(len(lists))).sum()),
        "short_lists": sum(len(matches) < k for matches in lists.values()),
    }
    embeddings = ranked.embeddings
    if embeddings is not None and len(embeddings.tokens):
        counts["tokens"] = int(embeddings.tokens.sum())
        counts["tokens_lost"] = int(embeddings.tokens_lost[~embeddings.missing].sum())
        counts["chunks"] = ranked.chunks
    return counts


def _without_vector(embeddings: Embeddings | None) -> tuple[str, ...]:
    if embeddings is None:
        return ()
    return tuple(
        name for name, is_missing in zip(embeddings.ids, embeddings.missing.tolist(), strict=True) if is_missing
    )


def _twins_by_id(items: Sequence[Item], twins: Sequence[set[int]]) -> dict[str, tuple[str, ...]]:
    """Return the ids of the twins of each item that has any."""
    return {
        items[row].id: tuple(items[other].id for other in sorted(others)) for row, others in enumerate(twins) if others
    }
