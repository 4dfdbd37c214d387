"""Why two items are related: the parts of signals and dates, phrases that both use, the passages that match best."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import exp, log

import numpy as np

from recs.arrays import Float64Array
from recs.embedding.vectors import Embeddings
from recs.items import Item, Span, Why
from recs.ranking.fusion import Fused
from recs.ranking.probability import LINK_ODDS
from recs.ranking.signals import Signal
from recs.ranking.vector_signals import Passages
from recs.text.words import tokenize

_PHRASES = 5
_LONGEST = 3  # words in a phrase
_RARE = 0.1  # the first and the last word of a phrase are in at most this share of the items

Gram = tuple[str, ...]
"""The words of a phrase."""


@dataclass
class Explainer:
    """Explains pairs of n items. The phrases of all items are counted once, when they are first needed.

    `closeness` is that of `recs.ranking.ages.closeness_in_time` for the candidates; None if dates are not in the score.
    """

    items: Sequence[Item]
    signals: Sequence[Signal]
    embeddings: Embeddings | None
    fused: Fused
    closeness: Float64Array | None = None

    def explain(self, row: int, other: int, score: float) -> Why:
        """Return why `other` is in the list of `row`. If the pair is not a candidate, all signals have equal parts."""
        parts = self.fused.parts[row, self.fused.indices[row] == other].sum(axis=0)
        shares = np.maximum(np.nan_to_num(parts), 0)
        shares = shares / shares.sum() if shares.sum() else np.full(len(parts), 1 / max(len(parts), 1))
        undated = self._undated(row, other, score)
        by_name = {signal.name: float(part) for signal, part in zip(self.signals, undated * shares, strict=True)}
        if self.closeness is not None:
            by_name["dates"] = score - undated
        return Why(by_name, self._phrases(row, other), self._passages(row, other))

    def _undated(self, row: int, other: int, score: float) -> float:
        """Return the score that the pair would have if its dates were as far apart as those of other pairs."""
        is_pair = self.fused.indices[row] == other
        if self.closeness is None or not is_pair.any() or not 0 < score < 1:
            return score
        odds = score / (1 - score) * exp(-LINK_ODDS.decay * float(self.closeness[row, is_pair][0]))
        return odds / (1 + odds)

    def _phrases(self, row: int, other: int) -> tuple[str, ...]:
        """Return the rarest phrases that both items use, the one with the highest weight first."""
        shared = self._grams_of_items[row] & self._grams_of_items[other]
        weights = {gram: self._weight(gram) for gram in shared if self._is_rare(gram[0]) and self._is_rare(gram[-1])}
        chosen: list[str] = []
        for gram in sorted(weights, key=lambda gram: (-weights[gram], gram)):
            phrase = " ".join(gram)
            if not any(_contains(phrase, other_phrase) or _contains(other_phrase, phrase) for other_phrase in chosen):
                chosen.append(phrase)
            if len(chosen) == _PHRASES:
                break
        return tuple(chosen)

    def _is_rare(self, word: str) -> bool:
        """Return whether a phrase may begin or end with the word."""
        most_items = max(_RARE * len(self.items), 2)
        return len(word) > 1 and not word.isdigit() and self._items_with_gram[word,] <= most_items

    def _weight(self, gram: Gram) -> float:
        return (1 + log(len(gram))) * -log(self._items_with_gram[gram] / (1 + len(self.items)))

    def _passages(self, row: int, other: int) -> tuple[Span, Span] | None:
        passages = next((signal for signal in self.signals if isinstance(signal, Passages)), None)
        if passages is None or self.embeddings is None or not len(self.embeddings.chunk_spans):
            return None
        if self.embeddings.blank[[row, other]].any():  # the vector of one of them says nothing
            return None
        ours, theirs = passages.best_pair(row, other)
        (start, stop), (their_start, their_stop) = self.embeddings.chunk_spans[[ours, theirs]].tolist()
        return (start, stop), (their_start, their_stop)

    @cached_property
    def _grams_of_items(self) -> list[set[Gram]]:
        return [_grams(f"{item.title}\n{item.text}") for item in self.items]

    @cached_property
    def _items_with_gram(self) -> Counter[Gram]:
        return Counter(gram for grams in self._grams_of_items for gram in grams)


def _grams(text: str) -> set[Gram]:
    words = tokenize(text)
    return {tuple(words[i : i + n]) for n in range(1, _LONGEST + 1) for i in range(len(words) - n + 1)}


def _contains(phrase: str, part: str) -> bool:
    return f" {part} " in f" {phrase} "
