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
        "p_linked": the probability that the author links the two items, if the first one links to any; estimated on
        other sites; on a new site it is right within a factor of about 2. "p_linked_here": the same, learned by
        `recs tune` from the site's own links. "centred_cosine": the cosine after the mean of the collection is
        subtracted from every vector. "euclidean": minus the distance. Others are "dot", "tfidf_cosine" and
        "share_of_title".
    """

    kind: str
    range: tuple[float | None, float | None]


SIGNAL_SCALES = {
    "cosine": ScoreScale("centred_cosine", (-1.0, 1.0)),
    "dot": ScoreScale("dot", (None, None)),
    "euclidean": ScoreScale("euclidean", (None, 0.0)),
    "terms": ScoreScale("tfidf_cosine", (0.0, 1.0)),
    "mentions": ScoreScale("share_of_title", (0.0, 1.0)),
}
FUSED_SCALE = ScoreScale("p_linked", (0.0, 1.0))
TUNED_SCALE = ScoreScale("p_linked_here", (0.0, 1.0))


@dataclass(frozen=True, slots=True)
class LinkOdds:
    """The odds that an author links two of n items: score ** power * (1 + months between them) ** -decay / (level * n).

    An author who links chooses one or two of all items, so that the odds of each fall as there are more. The months
    count in relation to the mean of the collection: a pair without dates is an average pair.
    """

    power: float
    decay: float
    level: float

    def odds(self, scores: Float64Array, closeness: Float64Array | float, items: int) -> Float64Array:
        """Return the odds of pairs that stand out by so many deviations; `closeness` as `closeness_in_time` gives it.

        Examples
        --------
        >>> link_odds = LinkOdds(power=2.0, decay=0.5, level=0.8)
        >>> link_odds.odds(np.array([-1.0, 4.0, 4.0]), np.log([1.0, 1.0, 4.0]), 20).round(9).tolist()
        [0.0, 1.0, 2.0]
        """
        strengths = np.maximum(scores, 0) ** self.power * np.exp(self.decay * closeness)
        return np.asarray(strengths / (self.level * max(items, 1)))


LINK_ODDS = LinkOdds(power=2.33, decay=0.51, level=0.75)
"""Fitted to the pairs of 2,126 posts of ten sites. Fitted on nine of them, it ranks the tenth better than the score
alone does (docs/benchmarks.md). For a site with links of its own, `recs tune` does better."""


def linked_probability(odds: Float64Array) -> Float64Array:
    """Return the probabilities of odds, rounded.

    Examples
    --------
    >>> linked_probability(np.array([0.0, 1.0, 3.0])).tolist()
    [0.0, 0.5, 0.75]
    """
    return np.asarray(np.round(odds / (1 + odds), 6))
