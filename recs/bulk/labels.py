"""The labels of a large collection: predicted in shards by a classifier, and given one after the other."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recs.bulk.run import Progress, opened_run
from recs.bulk.shards import Runner, read_shard
from recs.bulk.store import SHARD_ITEMS, StoredTexts
from recs.bulk.texts import map_texts, token_counts
from recs.bulk.vectors import EmbedTexts, made_anew
from recs.classification.classifier import Classifier
from recs.classification.predictions import Label, Prediction
from recs.embedding.counts import TokenCounts
from recs.embedding.pipeline import open_cache
from recs.items import Collection

if TYPE_CHECKING:
    import pyarrow as pa

    from recs.models.spec import ModelSpec


@dataclass(frozen=True, slots=True, eq=False)
class LabelledShards:
    """The predictions for items, sorted by id, in shards on the disk. Each iteration reads them again.

    Attributes
    ----------
    counts
        The tokens of the items.
    spec
        The description of the model.
    """

    paths: Sequence[Path]
    counts: TokenCounts
    spec: ModelSpec

    def __iter__(self) -> Iterator[Prediction]:
        for path in self.paths:
            for row in read_shard(path, ["id", "answer", "labels", "familiarity"]).to_pylist():
                labels = tuple(Label(**label) for label in row["labels"])
                yield Prediction(row["id"], row["answer"], labels, row["familiarity"])

    @property
    def answers(self) -> Counter[str]:
        """How many items have each answer."""
        return Counter(answer for path in self.paths for answer in _column(path, "answer"))

    @property
    def languages(self) -> list[str | None]:
        """The language of each item."""
        return [language for path in self.paths for language in _column(path, "language")]


@contextmanager
def labelled_shards(
    collection: Collection,
    classifier: Classifier,
    embedding: EmbedTexts,
    *,
    runner: Runner | None = None,
    folder: str | os.PathLike[str] | None = None,
    shard_items: int = SHARD_ITEMS,
    progress: Progress | None = None,
) -> Iterator[LabelledShards]:
    """Yield the predictions for the public items of a collection, which are on the disk inside the block.

    Parameters
    ----------
    classifier
        It is written into the folder of the run, from which each process reads it.
    embedding
        It has the role of the classifier.
    runner, folder, shard_items, progress
        As in `recs.related_in_shards`.

    Raises
    ------
    FingerprintMismatchError
        If the model or its prompt is another one than that of the classifier.
    ShardsError
        If shards failed.

    Notes
    -----
    The predictions are those of `Classifier.predict` for the same vectors. Memory: the items, and for each worker the
    vectors of a shard and of its passages.
    """
    items = collection.public
    with open_cache(embedding.cache or False) as cache:
        embedder = embedding.find(cache)
        space = embedder.embed([], role=embedding.role, cached_only=embedding.cached_only)
    classifier.check_comparable(space)
    options = ("classify", _digest(classifier), embedding, space.fingerprint, shard_items)
    with opened_run(items, options, folder, anew=made_anew(embedding, "labels")) as place:
        classifier.save(place / "classifier")
        function = _LabelShard(embedding, place / "classifier")
        paths = map_texts(function, items, place, "labels", runner=runner, shard_items=shard_items, progress=progress)
        yield LabelledShards(paths, token_counts(items, paths), embedder.spec)


def _digest(classifier: Classifier) -> str:
    """Return a digest of all that a classifier is."""
    digest = hashlib.sha256()
    for field in fields(classifier):
        value: Any = getattr(classifier, field.name)
        digest.update(f"{field.name} ".encode())
        digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode("utf-8", "replace"))
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class _LabelShard:
    """Predicts the labels of the items of a shard, by the classifier in a folder."""

    embedding: EmbedTexts
    folder: Path

    def __call__(self, path: Path) -> pa.Table:
        import pyarrow as pa

        stored = StoredTexts.read(path)
        embeddings = self.embedding.embed(stored)
        predictions = _loaded(self.folder).predict(embeddings)
        label = pa.struct([("name", pa.string()), ("probability", pa.float64()), ("answer", pa.string())])
        labels = [[asdict(one) for one in prediction.labels] for prediction in predictions]
        columns = {
            "id": pa.array([prediction.id for prediction in predictions], pa.string()),
            "answer": pa.array([prediction.answer for prediction in predictions], pa.string()),
            "labels": pa.array(labels, pa.list_(label)),
            "familiarity": pa.array([prediction.familiarity for prediction in predictions], pa.float64()),
            "language": pa.array(stored.languages(self.embedding.cache), pa.string()),
            "tokens": pa.array(embeddings.tokens),
            "tokens_lost": pa.array(embeddings.tokens_lost),
        }
        return pa.table(columns)


@lru_cache(maxsize=1)
def _loaded(folder: Path) -> Classifier:
    """Return the classifier that a process keeps from shard to shard."""
    return Classifier.load(folder)


def _column(path: Path, name: str) -> Iterator[Any]:
    yield from read_shard(path, [name])[name].to_pylist()
