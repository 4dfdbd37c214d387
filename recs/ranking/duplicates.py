"""Near-duplicates and translations among the candidates of a ranking."""

from __future__ import annotations

import numpy as np

from recs.ranking.arrange import Similar
from recs.ranking.rank import RankedItems
from recs.ranking.signals import centre

_TWIN = {"terms": 0.8, "dense": 0.95}  # a similarity from which two items are one text
_TRANSLATION = 0.85  # of vectors, for items in two languages


def near_duplicates(ranked: RankedItems) -> list[set[int]]:
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


def similarity_of(ranked: RankedItems) -> Similar:
    """Return what tells how alike items are, in [-1, 1] whatever the model's own similarity is."""
    if ranked.embeddings is None:
        return lambda a, b: ranked.signals[0].block(np.array(a), np.array(b))
    rows = centre(ranked.embeddings.vectors, ranked.embeddings.blank)
    return lambda a, b: rows[a] @ rows[b].T
