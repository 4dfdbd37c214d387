"""Why two items are related: what each signal says, the words that both use, the passages that match best."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log

import numpy as np

from recs.embedding.vectors import Embeddings
from recs.items import Item, Span, Why
from recs.ranking.fusion import Fused, Signal
from recs.ranking.signals import Passages
from recs.text.words import tokenize

_PHRASES = 5
_LONGEST = 3  # words in a phrase
_RARE = 0.1  # share of the items that a word stands in, at most, to begin or end one


@dataclass
class Explainer:
    """Explains pairs of n items; what it counts over all of them is counted once, when first asked."""

    items: Sequence[Item]
    signals: Sequence[Signal]
    embeddings: Embeddings | None
    fused: Fused

    def explain(self, row: int, other: int, score: float) -> Why:
        """Return why `other` stands in the list of `row`: the parts of a pair that is no candidate are equal."""
        parts = self.fused.parts[row, self.fused.indices[row] == other].sum(axis=0)
        shares = np.maximum(np.nan_to_num(parts), 0)
        shares = shares / shares.sum() if shares.sum() else np.full(len(parts), 1 / max(len(parts), 1))
        named = {signal.name: float(part) for signal, part in zip(self.signals, score * shares, strict=True)}
        return Why(named, self._phrases(row, other), self._passages(row, other))

    def _phrases(self, row: int, other: int) -> tuple[str, ...]:
        """Return the rarest phrases that both items use, the heaviest first; a phrase ends in no common word."""
        shared = self._grams[row] & self._grams[other]
        limit = max(_RARE * len(self.items), 2)
        weights = {
            gram: (1 + log(len(gram))) * -log(self._counts[gram] / (1 + len(self.items)))
            for gram in shared
            if all(len(gram[i]) > 1 and self._counts[gram[i],] <= limit and not gram[i].isdigit() for i in (0, -1))
        }
        chosen: list[str] = []
        for gram in sorted(weights, key=lambda gram: (-weights[gram], gram)):
            phrase = " ".join(gram)
            if not any(f" {phrase} " in f" {known} " or f" {known} " in f" {phrase} " for known in chosen):
                chosen.append(phrase)
            if len(chosen) == _PHRASES:
                break
        return tuple(chosen)

    def _passages(self, row: int, other: int) -> tuple[Span, Span] | None:
        passages = next((signal for signal in self.signals if isinstance(signal, Passages)), None)
        if passages is None or self.embeddings is None or not len(self.embeddings.chunk_spans):
            return None
        if self.embeddings.blank[[row, other]].any():  # the model has read nothing of one of them
            return None
        ours, theirs = passages.best_pair(row, other)
        (start, stop), (their_start, their_stop) = self.embeddings.chunk_spans[[ours, theirs]].tolist()
        return (start, stop), (their_start, their_stop)

    @cached_property
    def _grams(self) -> list[set[tuple[str, ...]]]:
        found = []
        for item in self.items:
            words = tokenize(f"{item.title}\n{item.text}")
            found.append({tuple(words[i : i + n]) for n in range(1, _LONGEST + 1) for i in range(len(words) - n + 1)})
        return found

    @cached_property
    def _counts(self) -> Counter[tuple[str, ...]]:
        return Counter(gram for grams in self._grams for gram in grams)
