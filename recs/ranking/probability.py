"""What a score of a ranking measures: the probability of a link, or the similarity of a single signal."""

import numpy as np

from recs.arrays import Float64Array
from recs.items import ScoreScale

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
