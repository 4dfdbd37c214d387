"""What a score of a ranking measures: the probability of a link, or the similarity of a single signal."""

from dataclasses import dataclass

import numpy as np

from recs.arrays import Float64Array


@dataclass(frozen=True, slots=True)
class ScoreScale:
    """What a score measures, and its range; a bound of None means that there is no limit.

    Attributes
    ----------
    kind, range
        "p_linked": the probability that the author links the two items, estimated on other sites; on a new site it is
        right within a factor of about 2.5. "p_linked_here": the same, learned by `recs tune` from the site's own links.
        "centred_cosine": the cosine after the mean of the collection is subtracted from every vector. "euclidean":
        minus the distance. Others are "dot", "tfidf_cosine" and "share_of_title".
    """

    kind: str
    range: tuple[float | None, float | None]


_ODDS = 600.0
SIGNAL_SCALES = {
    "cosine": ScoreScale("centred_cosine", (-1.0, 1.0)),
    "dot": ScoreScale("dot", (None, None)),
    "euclidean": ScoreScale("euclidean", (None, 0.0)),
    "terms": ScoreScale("tfidf_cosine", (0.0, 1.0)),
    "mentions": ScoreScale("share_of_title", (0.0, 1.0)),
}
FUSED_SCALE = ScoreScale("p_linked", (0.0, 1.0))
TUNED_SCALE = ScoreScale("p_linked_here", (0.0, 1.0))


def linked_probability(scores: Float64Array) -> Float64Array:
    """Return the probability that an author links two items that stand out by so many standard deviations.

    The odds grow with the third power: fitted to 870 posts of five sites (docs/benchmarks.md). For a site with links of
    its own, `recs tune` does better.
    """
    cubes = np.maximum(scores, 0) ** 3
    return np.asarray(np.round(cubes / (cubes + _ODDS), 6))
