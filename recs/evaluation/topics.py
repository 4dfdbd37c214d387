"""How well the names of topics tell what is in them: judged by items that they were not made from, and by labels."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from recs.cluster import cluster_items
from recs.clustering.closeness import PhraseModel
from recs.clustering.result import Clustering
from recs.embedding.load import load_embedder
from recs.embedding.pipeline import embed_items, open_cache
from recs.embedding.vectors import Embeddings
from recs.evaluation.topic_contest import Contest, Judged, Labels, NamesScore, TopicScore, by_difficulty
from recs.items import Collection

if TYPE_CHECKING:
    from recs.embedding.cache import Cache
    from recs.embedding.embedder import Embedder


@dataclass(frozen=True, slots=True)
class TopicsEvaluation:
    """The result of one evaluation.

    Attributes
    ----------
    items
        How many items are in the topics that are judged.
    topics
        These topics, those with the hardest names first.
    chance
        The mean reciprocal rank of names that say nothing.
    label, classes
        The field with the labels, and how many of them are the class of a topic; None and 0 without labels.
    model
        What made the vectors of names; None without an embedder.
    scores
        First the names as given, then those made anew, then the baselines.
    notes
        Messages for the user.
    """

    items: int
    topics: tuple[TopicScore, ...]
    chance: float
    label: str | None
    classes: int
    model: str | None
    scores: tuple[NamesScore, ...]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as dicts, lists, strings and numbers."""
        return asdict(self)


def evaluate_topics(
    collection: Collection,
    clustering: Clustering | None = None,
    embeddings: Embeddings | None = None,
    *,
    label: str | None = None,
    embedder: Embedder | None = None,
    cache: Cache | str | os.PathLike[str] | bool = True,
    seed: int = 0,
) -> TopicsEvaluation:
    """Judge the names of the topics of the public items: does a name find its topic, and does it fit its labels.

    The items of each topic are split into two halves. A name is searched for in one half, and all topics are ranked.

    Parameters
    ----------
    clustering
        The topics; None finds them.
    embeddings
        Vectors of at least the public items, those of the clustering; None makes them.
    label
        The field with the classes of items, as in `recs.train_classifier`. None takes the category, if items have one.
    embedder
        The model of the vectors. None takes the model of the clustering, or the default model; if there are embeddings,
        None judges by words alone.
    cache
        As in `recs.embed_items`.
    seed
        How items are split.

    Returns
    -------
    TopicsEvaluation
        Independent of the order of the items.

    Raises
    ------
    SourceError
        If there are fewer than two topics with two items each.
    OptionError
        If no item has a label in the field.
    FingerprintMismatchError
        If the vectors, the topics and the embedder are not of one model.

    Notes
    -----
    Intervals are of a bootstrap over topics. Cost: that of naming the topics three times.

    Examples
    --------
    >>> import numpy as np, recs
    >>> words = ["bread"] * 12 + ["bicycle"] * 12
    >>> items = [recs.Item(id=f"post-{i:02}", text=f"{word} {i}") for i, word in enumerate(words)]
    >>> X = np.eye(2).repeat(12, axis=0) + np.random.default_rng(0).normal(0, 0.1, (24, 2))
    >>> embeddings = recs.Embeddings.from_array([item.id for item in items], X, model="demo")
    >>> evaluation = recs.evaluate_topics(recs.Collection(tuple(items)), embeddings=embeddings)
    >>> [(score.names, score.mean.mean) for score in evaluation.scores[:2]]
    [('as given', 1.0), ('made anew', 1.0)]
    """
    if embedder is None and embeddings is None:
        embedder = load_embedder(clustering.model) if clustering is not None else load_embedder()
    with open_cache(cache if embedder is not None else False) as store:
        if embeddings is None:
            role = clustering.role if clustering is not None else "clustering"
            embeddings = embed_items(collection.public, embedder, role=role, cache=store or False)
        if clustering is None:
            clustering = cluster_items(collection, embeddings, embedder=embedder, cache=store or False)
        judged = Judged.of(collection, clustering, embeddings)
        labels = Labels.of(judged, label)
        model = PhraseModel.of(embedder, embeddings, store)
        contest = Contest.of(judged, labels, model, seed=seed)
        scores = contest.scores(model)
    names = [topic.name for topic in judged.topics]
    return TopicsEvaluation(
        items=int((judged.named.labels >= 0).sum()),
        topics=by_difficulty(judged, labels, contest.ranks(lambda _: names).mean(axis=0)),
        chance=float(np.mean(1 / np.arange(1, len(names) + 1))),
        label=labels.label,
        classes=len(labels.choices),
        model=embedder.spec.name if embedder is not None else None,
        scores=scores,
        notes=(
            *judged.notes,
            *labels.notes(names),
            *([] if model else ["no embedder: names are judged by words alone"]),
        ),
    )
