"""Near-duplicates and translations among the candidates of a ranking."""

from __future__ import annotations

from functools import cache

import numpy as np

from recs.arrays import Float64Array
from recs.ranking.centred import centre
from recs.ranking.chooser import Similar
from recs.ranking.rank import RankedItems

# Two items are one text from this similarity on, by the first of these signals that is used.
_SAME_TEXT = {"terms": 0.8, "dense": 0.95}
_TRANSLATION = 0.85  # the same for the vectors of items in two languages


def near_duplicates(ranked: RankedItems) -> list[set[int]]:
    """Return for each row its near-duplicates and translations among the candidates."""
    twins: list[set[int]] = [set() for _ in ranked.languages]
    signal = next((name for name in _SAME_TEXT if name in ranked.used), None)
    if signal is None:
        return twins
    similarities = _similarities(ranked, signal)
    cosines = _similarities(ranked, "dense") if "dense" in ranked.used else None
    with np.errstate(invalid="ignore"):
        is_same = similarities >= _SAME_TEXT[signal]
        is_near = is_same if cosines is None else is_same | (cosines >= _TRANSLATION)
    for row, place in np.argwhere(is_near).tolist():
        other = int(ranked.fused.indices[row, place])
        if is_same[row, place] or _in_two_languages(ranked, row, other):
            twins[row].add(other)
            twins[other].add(row)
    return twins


def _similarities(ranked: RankedItems, signal: str) -> Float64Array:
    """Return the similarities of each row with its candidates, shape (n, depth); by "dense" always as cosines."""
    fused = ranked.fused
    embeddings = ranked.embeddings
    if signal != "dense" or embeddings is None or embeddings.similarity == "cosine":
        return np.asarray(fused.values[:, :, ranked.used.index(signal)])
    rows = centre(embeddings.vectors, embeddings.blank)
    cosines = [rows[others] @ row for row, others in zip(rows, fused.indices, strict=True)]
    return np.where(fused.indices < 0, np.nan, np.reshape(cosines, fused.indices.shape))


def _in_two_languages(ranked: RankedItems, row: int, other: int) -> bool:
    ours = ranked.languages[row]
    theirs = ranked.languages[other]
    return bool(ours and theirs and ours != theirs)


def similarity_of(ranked: RankedItems) -> Similar:
    """Return a function for the similarities of rows, in [-1, 1] whatever the similarity of the model is."""
    if ranked.embeddings is None:
        return lambda a, b: ranked.signals[0].block(np.array(a), np.array(b))
    embeddings = ranked.embeddings
    centred = cache(lambda: centre(embeddings.vectors, embeddings.blank))  # only some rules need it
    return lambda a, b: centred()[a] @ centred()[b].T
