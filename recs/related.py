"""Related lists: for every item the items most like it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recs.cache import Cache
from recs.contract import corpus_digest
from recs.embed import embed_items, open_cache
from recs.embedder import Embedder, Overflow, Progress
from recs.embeddings import Embeddings
from recs.errors import MissingDependencyError, ModelNotFoundError, OptionError
from recs.fusion import Fused, Signal, fuse
from recs.items import Collection, Item, Match, ScoreScale
from recs.kept import count_changes, earlier_lists, item_content, keep_lists
from recs.languages import item_languages, uncovered_note
from recs.neighbors import Float64Array
from recs.readers import Source, read_items
from recs.registry import registry_row
from recs.rules import NO_RULES, Rules, Similar, arrange
from recs.signals import SIGNALS, TERM_SIGNALS, blank_note, centre, make_signals
from recs.tuned import Tuned, pair_features
from recs.why import Explainer

if TYPE_CHECKING:
    import pandas as pd

_log = logging.getLogger(__name__)

CANDIDATES = 50  # of each item, for rules and `recs tune` to choose from
_ODDS = 600.0  # see _probability
_TWIN = {"terms": 0.8, "dense": 0.95}  # a similarity from which two items are one text
_TRANSLATION = 0.85  # of vectors, for items in two languages

_SCALES = {
    "cosine": ScoreScale("centred_cosine", (-1.0, 1.0)),
    "dot": ScoreScale("dot", (None, None)),
    "euclidean": ScoreScale("euclidean", (None, 0.0)),
    "terms": ScoreScale("tfidf_cosine", (0.0, 1.0)),
    "mentions": ScoreScale("share_of_title", (0.0, 1.0)),
}
_FUSED_SCALE = ScoreScale("p_linked", (0.0, 1.0))
_TUNED_SCALE = ScoreScale("p_linked_here", (0.0, 1.0))


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
    How signals are fused is told in `recs.fusion`. Time O(n² d) in blocks, memory O(n (d + k)). The result depends on
    the set of items, not on their order.
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
    candidates = _candidates(items, ranked, learned)
    twins = _twins(ranked)
    picks = arrange(items, candidates, twins, k, rules=rules, similar=_similar(ranked))
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
        score=_TUNED_SCALE if learned is not None else ranked.scale,
        config={"k": k, "signals": ranked.used, "overflow": overflow, **rules.changed()},
        counts=_counts(collection, ranked.embeddings, lists, k),
        corpus=corpus_digest((item.id, item_content(item)) for item in items),
        notes=tuple(notes),
        twins={items[row].id: tuple(items[o].id for o in sorted(found)) for row, found in enumerate(twins) if found},
    )


@dataclass(frozen=True, slots=True, eq=False)
class RankedItems:
    """The fused ranking of n items, before any rule; `embeddings` is None where no signal is of vectors."""

    signals: Sequence[Signal]
    fused: Fused
    languages: Sequence[str | None]
    embeddings: Embeddings | None
    notes: Sequence[str]

    @property
    def used(self) -> list[str]:
        """The names of the signals."""
        return [signal.name for signal in self.signals]

    @property
    def model(self) -> dict[str, object] | None:
        """Name, fingerprint, dim and similarity of the model."""
        found = self.embeddings
        names = ("fingerprint", "dim", "similarity")
        return {"name": found.model, **{name: getattr(found, name) for name in names}} if found is not None else None

    @property
    def made_of(self) -> tuple[tuple[str, ...], str]:
        """The names of the signals, and the fingerprint of the vectors; "" without any."""
        return tuple(self.used), self.embeddings.fingerprint if self.embeddings is not None else ""

    @property
    def scale(self) -> ScoreScale:
        """What the scores measure: P(linked), or the similarity of one signal alone."""
        alone = self.embeddings.similarity if self.embeddings is not None else "".join(self.used)
        return _SCALES[alone] if len(self.signals) == 1 else _FUSED_SCALE


def rank_items(
    items: Sequence[Item],
    embeddings: Embeddings | None = None,
    *,
    signals: str | Sequence[str] = "auto",
    depth: int = CANDIDATES,
    rules: Rules = NO_RULES,
    cache: Cache | bool = True,
    **options: Any,
) -> RankedItems:
    """Rank for each of n items, sorted by id, the `depth` best others; options as `related_items` takes them."""
    asked = signals.split(",") if isinstance(signals, str) else list(signals)
    names = SIGNALS if asked == ["auto"] else tuple(name for name in SIGNALS if name in asked)
    if not names or not set(asked) <= {*SIGNALS, "auto"}:
        raise OptionError(f"signals is {signals!r}, expected auto, or some of {', '.join(SIGNALS)}.")
    notes: list[str] = []
    with open_cache(cache) as store:
        languages = item_languages(items, store)
        if embeddings is None and not set(names) <= set(TERM_SIGNALS):
            try:
                embeddings = embed_items(items, cache=store or False, **options)
            except (ModelNotFoundError, MissingDependencyError) as error:
                if signals != "auto":
                    raise
                notes.append(f"ranked by terms alone, without a model: {error}")
                _log.info("%s", notes[-1])
        if store is not None and store.problem:
            notes.append(store.problem)
    if embeddings is not None:
        embeddings = embeddings.take([item.id for item in items])
    made = make_signals(items, embeddings, names)
    if not made and items:
        raise OptionError(f"these items have nothing to make the signals {', '.join(names)} of.")
    if not set(names) & {"dense", "passages"}:
        embeddings = None
    if embeddings is not None:
        embedder, row = options.get("embedder"), registry_row(embeddings.model)[1]
        covered = embedder.spec.languages if isinstance(embedder, Embedder) else row.languages if row else ()
        notes += filter(None, [uncovered_note(languages, covered, embeddings.model), blank_note(embeddings)])
    fused = fuse(made, [item.id for item in items], depth, mask=rules.mask(items, languages))
    return RankedItems(made, fused, languages, embeddings, notes)


def _probability(scores: Float64Array) -> Float64Array:
    """Return how likely it is that an author links two items that stand out by so many standard deviations.

    The odds grow with the third power: fitted to 870 posts of five sites (docs/benchmarks.md). A site with links of its
    own can do better: `recs tune`.
    """
    cubes = np.maximum(scores, 0) ** 3
    return np.asarray(np.round(cubes / (cubes + _ODDS), 6))


def _candidates(items: Sequence[Item], ranked: RankedItems, tuned: Tuned | None) -> list[list[tuple[int, float]]]:
    """Return the candidates of each row with their scores, best first."""
    fused, is_alone = ranked.fused, len(ranked.signals) == 1
    scores = fused.scores if is_alone else _probability(fused.scores)
    if tuned is not None:
        scores = tuned.scores(pair_features(items, fused, ranked.used))
    pairs = [
        [(column, score) for column, score in zip(columns, of_row, strict=True) if column >= 0]
        for columns, of_row in zip(fused.indices.tolist(), scores.tolist(), strict=True)
    ]
    if is_alone and ranked.used[0] in TERM_SIGNALS:  # items that share no term are not related
        pairs = [[pair for pair in found if pair[1] != 0] for found in pairs]
    return [sorted(found, key=lambda pair: (-pair[1], pair[0])) for found in pairs] if tuned is not None else pairs


def _twins(ranked: RankedItems) -> list[set[int]]:
    """Return for each row its near-duplicates and translations among the candidates."""
    fused, used, languages, embeddings = ranked.fused, ranked.used, ranked.languages, ranked.embeddings
    twins: list[set[int]] = [set() for _ in languages]
    by = next((name for name in _TWIN if name in used), None)
    if by is None:
        return twins
    values = {name: fused.values[:, :, used.index(name)] for name in _TWIN if name in used}
    if "dense" in used and embeddings is not None and embeddings.similarity != "cosine":
        rows = centre(embeddings.vectors, embeddings.blank)  # the limits are those of cosines
        cosines = [rows[others] @ row for row, others in zip(rows, fused.indices, strict=True)]
        values["dense"] = np.where(fused.indices < 0, np.nan, np.reshape(cosines, fused.indices.shape))
    with np.errstate(invalid="ignore"):
        same = values[by] >= _TWIN[by]
        near = same | (values.get("dense", values[by]) >= _TRANSLATION)
    for row, place in np.argwhere(near).tolist():
        other = int(fused.indices[row, place])
        ours, theirs = languages[row], languages[other]
        if same[row, place] or ("dense" in used and ours and theirs and ours != theirs):
            twins[row].add(other)
            twins[other].add(row)
    return twins


def _similar(ranked: RankedItems) -> Similar:
    """Return what tells how alike items are, in [-1, 1] whatever the model's own similarity is."""
    if ranked.embeddings is None:
        return lambda a, b: ranked.signals[0].block(np.array(a), np.array(b))
    rows = centre(ranked.embeddings.vectors, ranked.embeddings.blank)
    return lambda a, b: rows[a] @ rows[b].T


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
