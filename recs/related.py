"""Related lists: for every item the items most like it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from recs.contract import corpus_digest
from recs.embedding.cache import Cache
from recs.embedding.embedder import Embedder, Overflow, Progress
from recs.embedding.vectors import Embeddings
from recs.errors import MissingDependencyError, OptionError
from recs.items import Collection, Item, Match, ScoreScale
from recs.ranking.arrange import arrange
from recs.ranking.duplicates import near_duplicates, similarity_of
from recs.ranking.explain import Explainer
from recs.ranking.previous import count_changes, earlier_lists, item_content, keep_lists
from recs.ranking.rank import CANDIDATES, TUNED_SCALE, rank_items, scored_candidates
from recs.ranking.reranker import Tuned
from recs.ranking.rules import Rules
from recs.readers.read import Source, read_items

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True, eq=False)
class RelatedLists:
    """The related list of every public item, best first, ties by id.

    Attributes
    ----------
    lists, items
        By item id, sorted: the lists, and the items that they speak of.
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
    twins
        Of the items that have any: their near-duplicates and translations, sorted.
    """

    lists: Mapping[str, tuple[Match, ...]]
    items: Mapping[str, Item]
    model: Mapping[str, object] | None
    score: ScoreScale
    config: Mapping[str, object]
    counts: Mapping[str, int]
    corpus: str
    notes: tuple[str, ...] = ()
    twins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __getitem__(self, item_id: str) -> tuple[Match, ...]:
        return self.lists[item_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.lists)

    def __len__(self) -> int:
        return len(self.lists)

    def to_frame(self) -> pd.DataFrame:
        """Return one row a match: id, rank (from 1), related_id, title, url, score, via. Needs pandas."""
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
    signals: str | Sequence[str] = "auto",
    rules: Rules | None = None,
    tuned: str | Path | None = None,
    why: bool = False,
    previous: str | Path | None = None,
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
        Some of "terms", "mentions", "dense" and "passages", in one string with commas or in a list. One alone ranks by
        its similarity, several are fused. "auto" takes all where a model is installed or all vectors are cached, and
        those of terms, said aloud in `notes`, elsewhere.
    rules
        What to show of the ranking; see `recs.Rules`.
    tuned
        A file that `recs tune` wrote: re-orders the candidates by what the site's own links taught.
    why
        Whether each match says what makes the two related.
    previous
        The result of an earlier run (`recs.related/1`): of items that were not edited since, lists change only where
        something better has come. A file that is not there is none.
    embedder, cache, overflow, progress
        As in `recs.embed_items`; used where `embeddings` is left out.
    now
        The moment that decides what is still scheduled, where `source` has to be read; the present if left out.

    Returns
    -------
    RelatedLists
        Every public item has a list. No item stands in its own list, nor drafts, private or scheduled items in any, nor
        an item in another language than its own, where both are known.

    Raises `SourceError`, `ModelError`, `EmbeddingError`, `OptionError`.

    Notes
    -----
    `recs.ranking.fusion` says how signals are fused. Time O(n² d) in blocks, memory O(n (d + k)). The result depends
    on the set of items, not on their order.
    """
    if not isinstance(k, int) or k < 0:
        raise OptionError(f"k is {k!r}, expected a number, 0 or more.")
    rules = rules or Rules()
    collection = source if isinstance(source, Collection) else read_items(source, now=now)
    items = collection.public
    options: dict[str, Any] = {"embedder": embedder, "cache": cache, "overflow": overflow, "progress": progress}
    ranked = rank_items(items, embeddings, signals=signals, depth=max(CANDIDATES, k), rules=rules, **options)
    learned = Tuned.load(Path(tuned)) if tuned is not None else None
    if learned is not None:
        learned.check(*ranked.made_of)
    candidates = scored_candidates(items, ranked, learned)
    twins = near_duplicates(ranked)
    picks = arrange(items, candidates, twins, k, rules=rules, similar=similarity_of(ranked))
    notes = list(ranked.notes)
    if previous is not None:
        known = earlier_lists(Path(previous))
        picks = keep_lists(items, picks, candidates, known, k=k)
        notes.append(count_changes(items, picks, known))
    explain = Explainer(items, ranked.signals, ranked.embeddings, ranked.fused).explain if why else lambda *_: None
    lists = {}
    for row, item in enumerate(items):
        shown = [(pick, explain(row, pick.row, pick.score)) for pick in picks[row]]
        lists[item.id] = tuple(Match(items[p.row].id, p.score, p.via, p.reasons, said) for p, said in shown)
    return RelatedLists(
        lists=lists,
        items={item.id: item for item in items},
        model=ranked.model,
        score=TUNED_SCALE if learned is not None else ranked.scale,
        config={"k": k, "signals": ranked.used, "overflow": overflow, **rules.changed()},
        counts=_counts(collection, ranked.embeddings, lists, k),
        corpus=corpus_digest((item.id, item_content(item)) for item in items),
        notes=tuple(notes),
        twins={items[row].id: tuple(items[o].id for o in sorted(found)) for row, found in enumerate(twins) if found},
    )


def _counts(
    collection: Collection, embeddings: Embeddings | None, lists: Mapping[str, Sequence[Match]], k: int
) -> dict[str, int]:
    counts = {
        "items": len(lists),
        "closed": len(collection) - len(lists),
        "skipped": len(collection.skipped),
        "boilerplate_lines": len(collection.boilerplate),
        "duplicates": len(lists) - len({(item.title, item.text) for item in collection.public}),
        "short_lists": sum(len(matches) < k for matches in lists.values()),
    }
    if embeddings is not None and len(embeddings.tokens):
        counts |= {name: int(getattr(embeddings, name).sum()) for name in ("tokens", "tokens_lost")}
        counts["chunks"] = len(embeddings.chunk_vectors)
    return counts
