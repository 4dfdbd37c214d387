"""The ranking before any rule: signals made, fused, and their scores turned into probabilities."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from recs.arrays import Float64Array
from recs.embedding.cache import Cache
from recs.embedding.embedder import Embedder
from recs.embedding.pipeline import embed_items, open_cache
from recs.embedding.vectors import Embeddings
from recs.errors import MissingDependencyError, ModelNotFoundError, OptionError
from recs.items import Item, ScoreScale
from recs.models.registry import registry_row
from recs.ranking.fusion import Fused, Signal, fuse
from recs.ranking.reranker import Tuned, pair_features
from recs.ranking.rules import NO_RULES, Rules
from recs.ranking.signals import SIGNALS, TERM_SIGNALS, blank_note, make_signals
from recs.text.languages import item_languages, uncovered_note

_log = logging.getLogger(__name__)
CANDIDATES = 50  # of each item, for rules and `recs tune` to choose from
_ODDS = 600.0  # see _probability
_SCALES = {
    "cosine": ScoreScale("centred_cosine", (-1.0, 1.0)),
    "dot": ScoreScale("dot", (None, None)),
    "euclidean": ScoreScale("euclidean", (None, 0.0)),
    "terms": ScoreScale("tfidf_cosine", (0.0, 1.0)),
    "mentions": ScoreScale("share_of_title", (0.0, 1.0)),
}
_FUSED_SCALE = ScoreScale("p_linked", (0.0, 1.0))
TUNED_SCALE = ScoreScale("p_linked_here", (0.0, 1.0))


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


def scored_candidates(items: Sequence[Item], ranked: RankedItems, tuned: Tuned | None) -> list[list[tuple[int, float]]]:
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
