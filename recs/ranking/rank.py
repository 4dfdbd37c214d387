"""The ranking before any rule: signals are made and fused, and scores become probabilities.

items, vectors → signals (signals, terms) → fused scores of each item with its best candidates (scale, fusion)
               → P(linked), or the weights that `recs tune` learned (reranker) → candidates with scores
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from recs.arrays import Float64Array, IntArray
from recs.contract import Note
from recs.embedding.cache import Cache
from recs.embedding.embedder import Embedder
from recs.embedding.pipeline import embed_items, open_cache
from recs.embedding.vectors import Embeddings
from recs.errors import MissingDependencyError, ModelNotFoundError, OptionError
from recs.items import Item
from recs.models.registry import model_languages
from recs.ranking.ages import closeness_in_time
from recs.ranking.fusion import Fused, fuse
from recs.ranking.probability import (
    FUSED_SCALE,
    LINK_ODDS,
    SIGNAL_SCALES,
    TUNED_SCALE,
    LinkOdds,
    ScoreScale,
    linked_probability,
)
from recs.ranking.reranker import Tuned, pair_features
from recs.ranking.rules import NO_RULES, Rules
from recs.ranking.signals import SIGNALS, TERM_SIGNALS, Signal, blank_note, make_signals, missing_note
from recs.text.languages import item_languages, uncovered_note

_log = logging.getLogger(__name__)
CANDIDATES = 50  # of each item; rules and `recs tune` choose from them


@dataclass(frozen=True, slots=True, eq=False)
class RankedItems:
    """The fused ranking of n items, before any rule.

    Attributes
    ----------
    signals, fused
        The signals, and their fused ranking.
    languages
        The language of each item; None where it is not known.
    embeddings
        The vectors; None if no signal uses vectors.
    notes
        Messages for the user.
    chunks
        How many chunks have a vector.
    """

    signals: Sequence[Signal]
    fused: Fused
    languages: Sequence[str | None]
    embeddings: Embeddings | None
    notes: Sequence[Note]
    chunks: int = 0

    @property
    def used(self) -> list[str]:
        """The names of the signals."""
        return [signal.name for signal in self.signals]

    @property
    def model(self) -> dict[str, object] | None:
        """Name, fingerprint, dim and similarity of the model."""
        vectors = self.embeddings
        if vectors is None:
            return None
        return {
            "name": vectors.model,
            "fingerprint": vectors.fingerprint,
            "dim": vectors.dim,
            "similarity": vectors.similarity,
        }

    @property
    def made_of(self) -> tuple[tuple[str, ...], str]:
        """The names of the signals, and the fingerprint of the vectors; "" without vectors."""
        return tuple(self.used), self.embeddings.fingerprint if self.embeddings is not None else ""

    @property
    def scale(self) -> ScoreScale:
        """What the scores measure: P(linked), or the similarity of a single signal."""
        if len(self.signals) != 1:
            return FUSED_SCALE
        return SIGNAL_SCALES[self.embeddings.similarity if self.embeddings is not None else self.used[0]]


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
    """Rank for each of n items, sorted by id, the `depth` best others.

    `options` are those of `recs.embed_items`; they are used if `embeddings` is left out.

    Examples
    --------
    >>> items = [Item(id=str(row), text=text) for row, text in enumerate(["red apple", "green apple", "green pear"])]
    >>> ranked = rank_items(items, signals="terms", depth=1, cache=False)
    >>> ranked.fused.indices.tolist(), ranked.scale.kind
    ([[1], [0], [1]], 'tfidf_cosine')
    """
    names = signal_names(signals)
    notes: list[Note] = []
    with open_cache(cache) as store:
        languages = item_languages(items, store)
        if embeddings is None and not set(names) <= set(TERM_SIGNALS):
            try:
                embeddings = embed_items(items, cache=store or False, **options)
            except (ModelNotFoundError, MissingDependencyError) as error:
                if signals != "auto":
                    raise
                notes.append(Note(f"ranked by terms alone, without a model: {error}", code="no-model"))
                _log.info("%s", notes[-1])
        if signals == "auto" and embeddings is not None and items and embeddings.missing.all():
            embeddings = None
            notes.append(Note("ranked by terms alone: no item has a vector in the cache", code="not-cached"))
        if store is not None and store.problem:
            notes.append(Note(store.problem, code="cache", level="warning"))
    if embeddings is not None:
        embeddings = embeddings.take([item.id for item in items])
    made = make_signals(items, embeddings, names)
    if not made and items:
        raise OptionError(f"these items have nothing from which to compute the signals {', '.join(names)}.")
    if set(names) <= set(TERM_SIGNALS):
        embeddings = None
    if embeddings is not None:
        covered = _covered_languages(embeddings, options.get("embedder"))
        notes += notes_on_vectors(embeddings, uncovered_note(languages, covered, embeddings.model))
    fused = fuse(made, [item.id for item in items], depth, mask=rules.mask(items))
    chunks = 0 if embeddings is None else len(embeddings.chunk_vectors) - int(embeddings.missing.sum())
    return RankedItems(made, fused, languages, embeddings, notes, chunks)


def notes_on_vectors(embeddings: Embeddings, uncovered: str | None) -> list[Note]:
    """Return notes on items whose vectors are missing or say little."""
    texts = {"languages": uncovered, "blank": blank_note(embeddings), "by-terms": missing_note(embeddings)}
    return [Note(text, code=code) for code, text in texts.items() if text]


def signal_names(signals: str | Sequence[str]) -> tuple[str, ...]:
    """Return the names of the signals in the order of `SIGNALS`; `OptionError` for another name."""
    asked = signals.split(",") if isinstance(signals, str) else list(signals)
    names = SIGNALS if asked == ["auto"] else tuple(name for name in SIGNALS if name in asked)
    if not names or not set(asked) <= {*SIGNALS, "auto"}:
        raise OptionError(f"signals is {signals!r}, expected auto, or some of {', '.join(SIGNALS)}.")
    return names


def _covered_languages(embeddings: Embeddings, embedder: Embedder | str | None) -> tuple[str, ...]:
    """Return the languages of the model, as far as the embedder or the registry names them."""
    if isinstance(embedder, Embedder):
        return embedder.spec.languages
    return model_languages(embeddings.model)


@dataclass(frozen=True, slots=True, eq=False)
class Candidates(Sequence[list[tuple[int, float]]]):
    """The candidates of n rows: of each row its (column, score) pairs, best first, made when they are asked for.

    Attributes
    ----------
    columns : int64 array of shape (n, depth)
        -1 where there is no candidate.
    scores : float64 array of shape (n, depth)
    """

    columns: IntArray
    scores: Float64Array

    def __len__(self) -> int:
        return len(self.columns)

    def __getitem__(self, row: Any) -> Any:
        pairs = zip(self.columns[row].tolist(), self.scores[row].tolist(), strict=True)
        return [(column, score) for column, score in pairs if column >= 0]


def tuned_candidates(
    items: Sequence[Item], ranked: RankedItems, path: str | Path | None
) -> tuple[Candidates, ScoreScale]:
    """Return the candidates of each row with their scores, best first, and what a score measures.

    `path` is a file that `recs tune` wrote, or None. Raises `OptionError` if it was learned for another ranking.
    """
    if path is None:
        return scored_candidates(items, ranked, None), ranked.scale
    tuned = Tuned.load(Path(path))
    tuned.check(*ranked.made_of)
    return scored_candidates(items, ranked, tuned), TUNED_SCALE


def scored_candidates(
    items: Sequence[Item], ranked: RankedItems, tuned: Tuned | None, *, link_odds: LinkOdds = LINK_ODDS
) -> Candidates:
    """Return the candidates of each row with their scores, best first; by `link_odds` if there are several signals."""
    is_single = len(ranked.signals) == 1
    columns = ranked.fused.indices
    scores = untuned_scores(items, ranked, link_odds=link_odds)
    if tuned is None:
        order = np.argsort(-np.nan_to_num(scores, nan=-np.inf), axis=1, kind="stable")
    else:
        scores = tuned.scores(pair_features(items, ranked.fused, ranked.used, scores))
        order = np.lexsort((columns, -scores))
    columns = np.take_along_axis(columns, order, axis=1)
    scores = np.take_along_axis(scores, order, axis=1)
    if tuned is None and not is_single:
        scores = linked_probability(scores)
    if is_single and ranked.used[0] in TERM_SIGNALS:  # items that share no term are not related
        columns = np.where(scores == 0, -1, columns)
    return Candidates(columns, scores)


def untuned_scores(items: Sequence[Item], ranked: RankedItems, *, link_odds: LinkOdds = LINK_ODDS) -> Float64Array:
    """Return the scores of each row with its candidates: similarities, or the odds of links; NaN for no pair."""
    fused = ranked.fused
    if len(ranked.signals) == 1:
        return fused.scores
    return link_odds.odds(fused.scores, closeness_in_time(items, fused.indices), len(items))
