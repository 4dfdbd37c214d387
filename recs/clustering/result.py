"""What clustering a collection has found: topics, layers, the rule that gives any vector to a topic; kept in a file."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from recs.arrays import Float64Array, IntArray
from recs.clustering.assignment import Discriminant
from recs.clustering.graph import renumber
from recs.clustering.phrases import Topic
from recs.embedding.vectors import Embeddings
from recs.errors import FingerprintMismatchError, OptionError, SourceError
from recs.files import write_atomically
from recs.items import Item

Assign = Literal["close", "all"]

SCHEMA = "recs.clustering/1"


@dataclass(frozen=True, slots=True)
class SweepRow:
    """One granularity that was tried.

    Attributes
    ----------
    resolution
        How much denser than chance a topic has to be; what the tree of merges is cut by.
    topics
        How many there are.
    stability
        How alike the topics are when three tenths of the items are left out: adjusted mutual information, 1 if equal.
    coverage
        Share of the items that are assigned.
    score
        What the default is chosen by.
    chosen
        Whether it is the default layer.
    """

    resolution: float
    topics: int
    stability: float
    coverage: float
    score: float
    chosen: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One granularity that is offered.

    Attributes
    ----------
    resolution, stability, coverage
        As in `SweepRow`.
    assigned : int64 array of shape (n,)
        Ids of `topics`, -1 for none.
    topics
        By id; `Topic.parent` is a topic of the layer before.
    """

    resolution: float
    stability: float
    coverage: float
    assigned: IntArray
    topics: tuple[Topic, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """The topics of n public items.

    Attributes
    ----------
    ids
        Sorted.
    labels : int64 array of shape (n,)
        The topic of each item that stands in its dense core; -1 for all others.
    assigned : int64 array of shape (n,)
        The topic of each item that is as close to it as its core is; -1 for outliers.
    strengths : float64 array of shape (n,)
        How deep in its core an item is, 0 to 1; 0 outside.
    learned : int64 array of shape (n,)
        The topic that each item was taken for when the rule was learned; -1 for none, -2 for items that came later.
    layers
        From coarse to fine.
    default
        Which of the layers `labels`, `assigned` and `topics` tell of.
    topics
        By id.
    sweep
        Every granularity that was tried, from coarse to fine.
    rule
        What `predict` goes by; its rows are those of `topics`.
    model, fingerprint
        Of the embeddings.
    parameters, metrics, notes
        The options; figures of the result; what a person should be told.
    """

    ids: tuple[str, ...]
    labels: IntArray
    assigned: IntArray
    strengths: Float64Array
    learned: IntArray
    layers: tuple[Layer, ...]
    default: int
    topics: tuple[Topic, ...]
    sweep: tuple[SweepRow, ...]
    rule: Discriminant
    model: str
    fingerprint: str
    parameters: Mapping[str, Any]
    metrics: Mapping[str, float]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for array in (*(getattr(self, name) for name in _ARRAYS), *(layer.assigned for layer in self.layers)):
            array.flags.writeable = False

    def __len__(self) -> int:
        return len(self.ids)

    def check_comparable(self, embeddings: Embeddings) -> None:
        """Raise `FingerprintMismatchError` unless the vectors live where those of the clustering do."""
        if embeddings.fingerprint != self.fingerprint:
            raise FingerprintMismatchError(
                f"topics of vectors of {self.model} ({self.fingerprint[:24]}) cannot be compared with vectors of "
                f"{embeddings.model} ({embeddings.fingerprint[:24]}); embed both with one model."
            )

    def predict(self, embeddings: Embeddings) -> IntArray:
        """Return the topic id of each row, -1 for none, by the rule that made `assigned`, each row by itself.

        A row of which the model knows no token (`Embeddings.blank`) belongs to none.

        Raises
        ------
        FingerprintMismatchError
            If the vectors are of another model.
        """
        self.check_comparable(embeddings)
        found = self.rule.assign(embeddings.vectors, everything=self.parameters["assign"] == "all")
        return np.where(embeddings.blank, -1, renumber(found, [topic.id for topic in self.topics]))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write one `.npz` file, replaced atomically: arrays and a JSON manifest, no pickle.

        Raises
        ------
        OutputError
        """
        manifest = {name: getattr(self, name) for name in _MANIFEST}
        manifest |= {
            "format": SCHEMA,
            "sweep": [asdict(row) for row in self.sweep],
            "layers": [
                {"resolution": layer.resolution, "stability": layer.stability, "coverage": layer.coverage}
                | {"topics": [asdict(topic) for topic in layer.topics]}
                for layer in self.layers
            ],
        }
        arrays: dict[str, Any] = {name: getattr(self, name) for name in _ARRAYS}
        arrays |= {f"rule_{name}": getattr(self.rule, name) for name in _RULE}
        arrays |= {f"layer_{place}": layer.assigned for place, layer in enumerate(self.layers)}
        buffer = io.BytesIO()
        text = json.dumps(manifest, sort_keys=True, ensure_ascii=False)
        np.savez(buffer, manifest=np.frombuffer(text.encode(), dtype=np.uint8), **arrays)
        write_atomically(Path(path), buffer.getvalue())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        SourceError
            If the file is missing, torn, or not one of ours.
        """
        try:
            with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as archive:
                found = json.loads(archive["manifest"].tobytes())
                if found["format"] != SCHEMA:
                    raise SourceError(f"{path}: format {found['format']!r}, expected {SCHEMA!r}.")
                layers = tuple(
                    Layer(**{**layer, "topics": _topics(layer["topics"])}, assigned=archive[f"layer_{place}"])
                    for place, layer in enumerate(found["layers"])
                )
                known = {name: found[name] for name in _MANIFEST}
                known |= {"ids": tuple(found["ids"]), "notes": tuple(found["notes"])}
                return cls(
                    **known,
                    **{name: archive[name] for name in _ARRAYS},
                    layers=layers,
                    topics=layers[found["default"]].topics if layers else (),
                    sweep=tuple(SweepRow(**row) for row in found["sweep"]),
                    rule=Discriminant(*(archive[f"rule_{name}"] for name in _RULE)),
                )
        except (OSError, ValueError, KeyError, IndexError, TypeError, EOFError, zipfile.BadZipFile) as error:
            raise SourceError(f"{path}: not a clustering written by recs ({error}).") from error


_MANIFEST = ("ids", "default", "model", "fingerprint", "parameters", "metrics", "notes")
_ARRAYS = ("labels", "assigned", "strengths", "learned")
_RULE = ("weights", "offsets", "centroids", "thresholds")


def _topics(rows: Sequence[Mapping[str, Any]]) -> tuple[Topic, ...]:
    return tuple(
        Topic(**{**row, "phrases": tuple(row["phrases"]), "exemplars": tuple(row["exemplars"])}) for row in rows
    )


def largest_first(clustering: Clustering) -> tuple[list[Topic], IntArray]:
    """Return the topics, the largest first, and which of them each item is in; -1 for none."""
    topics = sorted(clustering.topics, key=lambda topic: (-topic.size, topic.id))
    places = {topic.id: place for place, topic in enumerate(topics)}
    return topics, np.array([places.get(topic, -1) for topic in clustering.assigned.tolist()], np.int64)


PERIODS = {"year": 4, "month": 7, "day": 10}


def topics_over_time(
    clustering: Clustering, items: Iterable[Item], *, period: Literal["year", "month", "day"] = "month"
) -> dict[str, dict[int, int]]:
    """Count the items of each topic in each period, from first to last; those without a date or a topic are left out.

    Returns
    -------
    dict
        By period ("2026-11"), then by topic id; every topic is there, periods without any dated item are not.

    Raises
    ------
    OptionError
    """
    if period not in PERIODS:
        raise OptionError(f"period is {period!r}, expected one of {', '.join(PERIODS)}.")
    topic_of = dict(zip(clustering.ids, clustering.assigned.tolist(), strict=True))
    counts: dict[str, dict[int, int]] = {}
    for item in items:
        if item.published and topic_of.get(item.id, -1) >= 0:
            when = item.published[: PERIODS[period]]
            row = counts.setdefault(when, {topic.id: 0 for topic in clustering.topics})
            row[topic_of[item.id]] += 1
    return dict(sorted(counts.items()))
