"""The result of clustering: topics, layers, the rule that assigns any vector to a topic; saved in a file."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal, Self, get_args

import numpy as np

from recs.arrays import Float64Array, IntArray
from recs.clustering.assignment import Discriminant
from recs.clustering.labels import renumber
from recs.clustering.languages import LanguageMeans
from recs.clustering.parts import Layer, SweepRow, TopicChange
from recs.clustering.phrases import Topic
from recs.embedding.archive import opened_archive, save_archive
from recs.embedding.vectors import Embeddings
from recs.errors import FingerprintMismatchError

Assign = Literal["close", "all"]

SCHEMA = "recs.clustering/1"


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """The topics of n public items.

    Attributes
    ----------
    ids
        Ids of the items, sorted.
    labels : int64 array of shape (n,)
        The topic of each item that is in a dense core; -1 for all others.
    assigned : int64 array of shape (n,)
        The topic of each item that is as close to it as its core is; -1 for outliers. With `previous`, an item that
        had a topic keeps it until the fresh fits of two runs agree that it should move.
    strengths : float64 array of shape (n,)
        How deep in its core an item is, 0 to 1; 0 outside.
    learned : int64 array of shape (n,)
        The topic that the rule learned for each item; -1 for none, -2 for items that came later.
    leanings : int64 array of shape (n,)
        With `previous`, the topic in which a fresh fit would put an item that has another one; the item moves if the
        next run says so too. -1 for none; -2 and below is a topic that is not there yet.
    layers
        From coarse to fine.
    default
        The place in `layers` of the layer that `labels`, `assigned` and `topics` describe.
    topics
        Sorted by id.
    sweep
        Every granularity that was tried, from coarse to fine.
    rule
        The rule of `predict`; its rows are in the order of `topics`.
    languages
        What was taken out of the vectors, so that topics are by subject and not by language.
    model, fingerprint, role, prompt
        Those of the embeddings.
    parameters, metrics, notes
        The options; numbers that describe the result; messages for the user.
    changes
        With `previous`, what is not as it was: first new topics, then those that are gone, by id.

    Examples
    --------
    >>> import recs
    >>> items = [recs.Item(id=f"{i:02}", text=f"post {i}") for i in range(24)]
    >>> X = np.eye(2).repeat(12, axis=0) + np.random.default_rng(0).normal(0, 0.1, (24, 2))
    >>> clustering = recs.cluster_items(items, recs.Embeddings.from_array([item.id for item in items], X, model="demo"))
    >>> clustering.predict(recs.Embeddings.from_array(["new"], [[0.1, 1.0]], model="demo")).tolist()
    [1]
    """

    ids: tuple[str, ...]
    labels: IntArray
    assigned: IntArray
    strengths: Float64Array
    learned: IntArray
    leanings: IntArray
    layers: tuple[Layer, ...]
    default: int
    topics: tuple[Topic, ...]
    sweep: tuple[SweepRow, ...]
    rule: Discriminant
    languages: LanguageMeans
    model: str
    fingerprint: str
    role: str
    prompt: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    notes: tuple[str, ...] = ()
    changes: tuple[TopicChange, ...] = ()

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            getattr(self, name).flags.writeable = False
        for layer in self.layers:
            layer.assigned.flags.writeable = False

    def __len__(self) -> int:
        return len(self.ids)

    def check_comparable(self, embeddings: Embeddings) -> None:
        """Raise `FingerprintMismatchError` unless the vectors have the model and the prompt of the clustering."""
        ours, theirs = (
            f"{one.model or 'an unnamed model'} ({one.fingerprint[:24]}, prompt {one.prompt!r})"
            for one in (self, embeddings)
        )
        if (self.fingerprint, self.prompt) != (embeddings.fingerprint, embeddings.prompt):
            raise FingerprintMismatchError(
                f"topics of vectors of {ours} cannot be compared with vectors of {theirs}; embed both with one model."
            )

    def by_subject(self, embeddings: Embeddings) -> Embeddings:
        """Return embeddings as the topics compare them: what says in which language a text is, is taken out.

        They are the same embeddings if the clustering is of one language. Raises as `check_comparable` does.
        """
        self.check_comparable(embeddings)
        return self.languages.removed_from(embeddings)

    def predict(self, embeddings: Embeddings) -> IntArray:
        """Return the topic id of each row, -1 for none, by the rule that made `assigned` (for new items).

        Each row is assigned on its own: the other rows change nothing.
        A row of which the model knows no token (`Embeddings.blank`) is in no topic.

        Raises
        ------
        FingerprintMismatchError
            If the vectors are of another model.
        """
        vectors = self.by_subject(embeddings).vectors
        places = self.rule.assign(vectors, everything=self.parameters["assign"] == "all")
        topics = renumber(places, [topic.id for topic in self.topics])
        return np.where(embeddings.blank, -1, topics)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one `.npz` file, replaced atomically: arrays and a JSON manifest, no pickle.

        Raises
        ------
        OutputError
        """
        manifest = {name: getattr(self, name) for name in _MANIFEST}
        manifest |= {
            "languages": self.languages.codes,
            "sweep": [asdict(row) for row in self.sweep],
            "changes": [asdict(change) for change in self.changes],
            "layers": [
                {"resolution": layer.resolution, "stability": layer.stability, "coverage": layer.coverage}
                | {"topics": [asdict(topic) for topic in layer.topics]}
                for layer in self.layers
            ],
        }
        arrays: dict[str, Any] = {name: getattr(self, name) for name in _ARRAYS}
        arrays |= {f"rule_{name}": getattr(self.rule, name) for name in _RULE}
        arrays |= {f"layer_{place}": layer.assigned for place, layer in enumerate(self.layers)}
        arrays |= {"language_means": self.languages.means}
        save_archive(path, SCHEMA, manifest, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        SourceError
            If the file is missing, damaged, or not written by `save`.
        """
        with opened_archive(path, SCHEMA, "a clustering") as (manifest, arrays):
            layers = tuple(
                Layer(**{**layer, "topics": _topics(layer["topics"])}, assigned=arrays[f"layer_{place}"])
                for place, layer in enumerate(manifest["layers"])
            )
            fields = {name: manifest[name] for name in _MANIFEST}
            fields |= {"ids": tuple(manifest["ids"]), "notes": tuple(manifest["notes"])}
            stored = {name: arrays[name] for name in _ARRAYS if name in arrays}
            stored.setdefault("leanings", np.full(len(manifest["ids"]), -1))  # an older file has none
            clustering = cls(
                **fields,
                **stored,
                changes=tuple(TopicChange(**change) for change in manifest.get("changes", ())),
                layers=layers,
                topics=layers[manifest["default"]].topics if layers else (),
                sweep=tuple(SweepRow(**row) for row in manifest["sweep"]),
                rule=Discriminant(*(arrays[f"rule_{name}"] for name in _RULE)),
                languages=_languages(manifest, arrays),
            )
            _check_shapes(clustering)
            return clustering


_MANIFEST = ("ids", "default", "model", "fingerprint", "role", "prompt", "parameters", "metrics", "notes")
_ARRAYS = ("labels", "assigned", "strengths", "learned", "leanings")
_RULE = ("weights", "offsets", "centroids", "thresholds")


def _languages(manifest: Mapping[str, Any], arrays: Mapping[str, Any]) -> LanguageMeans:
    """Return the means of languages in a file; older files have none."""
    if "languages" not in manifest:
        return LanguageMeans.none(arrays["rule_weights"].shape[-1])
    return LanguageMeans(tuple(manifest["languages"]), arrays["language_means"])


def _check_shapes(clustering: Clustering) -> None:
    """Raise `ValueError` unless the arrays and the parameters that later runs use fit each other."""
    n = len(clustering.ids)
    topics = len(clustering.topics)
    dim = clustering.rule.weights.shape[-1]
    expected: dict[str, tuple[int, ...]] = {"offsets": (topics,), "thresholds": (topics,)}
    expected |= {"weights": (topics, dim), "centroids": (topics, dim)} | dict.fromkeys(_ARRAYS, (n,))
    for name, shape in expected.items():
        array = getattr(clustering if name in _ARRAYS else clustering.rule, name)
        if array.shape != shape:
            raise ValueError(f"{name} has shape {array.shape}, expected {shape}")
    means = clustering.languages.means
    if means.shape != (len(clustering.languages.codes), dim) or not np.isfinite(means).all():
        raise ValueError(
            f"language_means has shape {means.shape}, expected finite numbers of the shape (languages, {dim})"
        )
    if clustering.parameters["assign"] not in get_args(Assign) or not isinstance(clustering.parameters["next_id"], int):
        raise ValueError("the parameters are not those of a clustering")


def _topics(rows: Sequence[Mapping[str, Any]]) -> tuple[Topic, ...]:
    return tuple(
        Topic(**{**row, "phrases": tuple(row["phrases"]), "exemplars": tuple(row["exemplars"])}) for row in rows
    )


def largest_first(clustering: Clustering) -> tuple[list[Topic], IntArray]:
    """Return the topics that have items, the largest first, and the place of each item's topic in them; -1 for none."""
    topics = sorted((topic for topic in clustering.topics if topic.size), key=lambda topic: (-topic.size, topic.id))
    place_of_topic = {topic.id: place for place, topic in enumerate(topics)}
    places = [place_of_topic.get(topic, -1) for topic in clustering.assigned.tolist()]
    return topics, np.array(places, np.int64)
