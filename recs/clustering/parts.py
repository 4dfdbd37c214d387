"""The parts of a clustering: its layers, the granularities that were tried, and changes since an earlier run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from recs.arrays import Float64Array, IntArray
from recs.clustering.phrases import Topic

ChangeKind = Literal["new", "split", "merged", "gone"]


@dataclass(frozen=True, slots=True)
class SweepRow:
    """One granularity that was tried.

    Attributes
    ----------
    resolution
        How much denser than chance a topic must be; the tree of merges is cut at this value.
    topics
        The number of topics.
    stability
        How similar the topics are when three tenths of the items are left out: adjusted mutual information, 1 if equal.
    coverage
        The share of the items that are assigned.
    score
        The default layer is the one with the highest score.
    chosen
        Whether it is the default layer.
    separation
        How much nearer items are to their own topic than to the next: the mean silhouette, at most 1.
    """

    resolution: float
    topics: int
    stability: float
    coverage: float
    score: float
    chosen: bool = False
    separation: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One granularity of the result.

    Attributes
    ----------
    resolution, stability, coverage
        As in `SweepRow`.
    assigned : int64 array of shape (n,)
        The id of the topic of each item, -1 for none.
    topics
        Sorted by id. `Topic.parent` is a topic of the layer before.
    """

    resolution: float
    stability: float
    coverage: float
    assigned: IntArray
    topics: tuple[Topic, ...]


@dataclass(frozen=True, slots=True)
class TopicChange:
    """How the topics differ from those of the earlier run (`previous`).

    Attributes
    ----------
    kind
        "new": a topic that was not there. "split": the same, and most of its items had the topic `other`. "merged": a
        topic that is gone, and most of its items that are here have the topic `other`. "gone": all other topics that
        are gone.
    topic, name
        The id and the name of the topic.
    items
        How many items it has; for a topic that is gone, how many it had.
    other, other_name
        None for "new" and "gone".
    """

    kind: ChangeKind
    topic: int
    name: str
    items: int
    other: int | None = None
    other_name: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Memberships:
    """The most likely topics of items.

    Attributes
    ----------
    ids
        Those of the items.
    topics : int64 array of shape (n, k)
        Ids of topics, the most likely first; fewer than k if there are fewer topics, and -1 for an item that the model
        cannot read.
    probabilities : float64 array of shape (n, k)
        Falling; all topics together have 1.
    """

    ids: tuple[str, ...]
    topics: IntArray
    probabilities: Float64Array
