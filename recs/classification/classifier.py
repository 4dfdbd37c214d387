"""A trained classifier: it assigns labels, suggests them or abstains; it is saved without pickle."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray
from recs.classification.calibration import probabilities_of
from recs.classification.examples import nearest_centre
from recs.classification.explain import reasons_of
from recs.classification.labels import LabelRules
from recs.classification.predictions import SUGGEST, Decisions, Prediction, Reason, predictions_of
from recs.classification.storage import ARRAYS, read_folder, write_folder
from recs.embedding.vectors import Embeddings
from recs.errors import FingerprintMismatchError
from recs.items import Item

if TYPE_CHECKING:
    from recs.embedding.embedder import Embedder

OUTSIDE = 0.02  # familiarity below which the classifier abstains: two of a hundred labelled items are below it
_MOMENTS = 4  # numbers at the start of `Classifier.gate`; the percentiles follow
_BLOCK = 4096  # rows that are scored at a time, so that intermediate arrays stay in the cache of the processor


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """Calibrated logistic regression on embeddings. Predicting needs numpy and scipy alone.

    Attributes
    ----------
    label
        The field whose labels were learned.
    classes : L names, sorted
    single
        Whether each item has exactly one label (softmax). Otherwise each label is judged by itself (logistic function).
    weights, intercepts : float64 arrays of shapes (L, d) and (L,)
        The calibrated model: logits are `X @ weights.T + intercepts`.
    thresholds : float64 array of shape (L,)
        The probability from which on a label is assigned without a person; infinity for never.
    support : int64 array of shape (L,)
        How many items each label was learned from.
    centres : float64 array of shape (L, d)
        The mean direction of the items of each label.
    gate : float64 array of shape (4 + 101,)
        What familiarity is computed from: means and standard deviations of its two signs, then the percentiles of
        their sum, over labelled items that the model had not seen.
    examples, example_labels : float32 array of shape (m, d) and bool array of shape (m, L)
        Labelled items that are kept for explanations.
    example_items
        Id and title of each of them.
    rules
        Which labels are retired, allowed, renamed.
    model, fingerprint, role, prompt
        Those of the embeddings.
    parameters, metrics, notes
        The options of the training; figures of the evaluation; what a person should know.

    Examples
    --------
    >>> import recs
    >>> items = [recs.Item(id=f"p{n}", text="-", category="garden" if n % 2 else "trains") for n in range(40)]
    >>> X = [[n % 2, 1 - n % 2, 0.2 * (n % 5)] for n in range(40)]
    >>> embeddings = recs.Embeddings.from_array([item.id for item in items], X, model="demo")
    >>> classifier = recs.train_classifier(items, embeddings, label="category", C=10.0)
    >>> [(one.id, one.answer, one.labels[0].name) for one in classifier.predict(embeddings.take(["p0", "p1"]))]
    [('p0', 'auto', 'trains'), ('p1', 'auto', 'garden')]
    """

    label: str
    classes: tuple[str, ...]
    single: bool
    weights: Float64Array
    intercepts: Float64Array
    thresholds: Float64Array
    support: IntArray
    centres: Float64Array
    gate: Float64Array
    examples: FloatArray
    example_labels: BoolArray
    example_items: tuple[tuple[str, str], ...]
    model: str
    fingerprint: str
    role: str
    prompt: str
    rules: LabelRules = field(default_factory=LabelRules)
    parameters: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in ARRAYS:
            getattr(self, name).flags.writeable = False

    @property
    def shown_names(self) -> list[str]:
        """How each label is called in an answer: its new name if it was renamed."""
        return [self.rules.renamed.get(name, name) for name in self.classes]

    @property
    def allowed_columns(self) -> BoolArray:
        """Which labels may be given: allowed ones that are not retired; shape (L,)."""
        return np.array([self.rules.may_say(name) for name in self.classes], dtype=bool)

    @property
    def by_text(self) -> BoolArray:
        """Which labels are known by their text alone, and judged by it one at a time; shape (L,)."""
        names = set(self.parameters.get("by_text", ()))
        return np.array([name in names for name in self.classes], dtype=bool)

    def check_comparable(self, embeddings: Embeddings) -> None:
        """Raise `FingerprintMismatchError` unless the vectors have the model and the prompt of the training."""
        trained, given = (
            f"{one.model or 'an unnamed model'} ({one.fingerprint[:24]}, prompt {one.prompt!r})"
            for one in (self, embeddings)
        )
        if (self.fingerprint, self.prompt) != (embeddings.fingerprint, embeddings.prompt):
            raise FingerprintMismatchError(
                f"a classifier of vectors of {trained} cannot judge vectors of {given}; embed with the same model."
            )

    def predict_proba(self, embeddings: Embeddings) -> Float64Array:
        """Return the probability of each label for each row, shape (n, L); rows sum to 1 for single labels.

        A label that is known by its text alone is in no sum: its probability is that of this label by itself.
        Each row is computed by itself: the other rows can only change the last bits. Cost: n d L products in float64.
        """
        self.check_comparable(embeddings)
        parts = [self.probabilities(X) for X in _unit_blocks(embeddings.vectors)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.classes)))

    def predict(self, embeddings: Embeddings) -> list[Prediction]:
        """Return a prediction for each row: labels to assign, labels to suggest to a person, or none.

        A row of `Embeddings.blank`, of which the model knows no token, gets no label; its familiarity is 0.

        Raises
        ------
        FingerprintMismatchError
            If the vectors have another model or another prompt than those of the training.
        """
        self.check_comparable(embeddings)
        names = self.shown_names
        predictions: list[Prediction] = []
        for X in _unit_blocks(embeddings.vectors):
            ids = embeddings.ids[len(predictions) : len(predictions) + len(X)]
            predictions += predictions_of(ids, self.decide(X), names)
        for row in np.flatnonzero(embeddings.blank).tolist():
            predictions[row] = Prediction(embeddings.ids[row], "abstain", (), 0.0)
        return predictions

    def decide(self, X: Float64Array) -> Decisions:
        """Return the decisions for n vectors of the space of this classifier: unit rows, shape (n, d)."""
        logits = self._logits(X)
        by_text = self.by_text
        probabilities = probabilities_of(logits, single=self.single, by_text=by_text)
        best = logits[:, ~by_text].max(axis=1)
        familiarity = gate_percentile(self.gate, best, nearest_centre(X, self.centres[~by_text]))
        # What is like the labelled items says nothing about a label that none of them has.
        may_be_given = self.allowed_columns & ((familiarity >= OUTSIDE)[:, None] | by_text)
        auto = may_be_given & (probabilities >= self.thresholds)
        if self.single:  # only the best label of all may be assigned, not the best of the allowed ones
            best_column = np.where(by_text, -1.0, probabilities).argmax(axis=1)
            auto &= np.arange(len(self.classes)) == best_column[:, None]
        suggest = may_be_given & ~auto & (probabilities >= SUGGEST)
        return Decisions(probabilities, auto, suggest, familiarity)

    def explain(
        self,
        predictions: Sequence[Prediction],
        items: Iterable[Item],
        embeddings: Embeddings,
        *,
        embedder: Embedder | None = None,
        nearest: int = 3,
    ) -> list[tuple[Reason, ...]]:
        """Return a reason for each label of each prediction.

        Parameters
        ----------
        predictions, items, embeddings
            Those of the same n items, in the same order.
        embedder
            The model of `embeddings`. With it, the passages of an item are its paragraphs; without it, its chunks.
        nearest
            How many similar labelled items a reason names.

        Raises
        ------
        EmbeddingError
            If the order differs.
        FingerprintMismatchError

        Notes
        -----
        The vector of an item is taken as the mean of its passages, weighted by their lengths. Each passage is left out
        in turn.
        """
        self.check_comparable(embeddings)
        return reasons_of(self, predictions, list(items), embeddings, embedder=embedder, nearest=nearest)

    def probabilities(self, X: Float64Array) -> Float64Array:
        """Return the probability of each label for n unit rows of shape (n, d); shape (n, L)."""
        return probabilities_of(self._logits(X), single=self.single, by_text=self.by_text)

    def _logits(self, X: Float64Array) -> Float64Array:
        return np.asarray(X @ self.weights.T + self.intercepts)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a folder: weights.safetensors, classifier.json and a README; no pickle.

        An earlier classifier in the folder is replaced as a whole. A folder with any other file is refused.

        Raises
        ------
        OutputError, MissingDependencyError
        """
        write_folder({one.name: getattr(self, one.name) for one in fields(self)}, Path(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read the folder that `save` wrote.

        Raises
        ------
        SourceError
            If a file is missing, incomplete or changed, or has another schema or shape than expected.
        """
        return cls(**read_folder(Path(path)))


def gate_percentile(gate: Float64Array, best: Float64Array, centre: Float64Array) -> Float64Array:
    """Return the familiarity of n vectors: the share of labelled items with a smaller sum of signs, 0 to 1, shape (n,).

    Parameters
    ----------
    gate
        As in `Classifier`.
    best : array of shape (n,)
        The highest logit of any label.
    centre : array of shape (n,)
        The cosine to the nearest centre.
    """
    percentiles = gate[_MOMENTS:]
    shares = np.linspace(0, 1, len(percentiles))
    return np.asarray(np.interp(gate_signs(gate, best, centre), percentiles, shares))


def gate_signs(gate: Float64Array, best: Float64Array, centre: Float64Array) -> Float64Array:
    """Return the sum of the two signs of familiarity, each standardised by the moments at the start of `gate`."""
    mean_best, mean_centre, best_deviation, centre_deviation = gate[:_MOMENTS]
    return np.asarray((best - mean_best) / best_deviation + (centre - mean_centre) / centre_deviation)


def _unit_blocks(vectors: FloatArray) -> Iterator[Float64Array]:
    """Yield blocks of rows in float64, scaled to unit length; a zero row stays zero."""
    for start in range(0, len(vectors), _BLOCK):
        X = vectors[start : start + _BLOCK].astype(np.float64)
        X /= np.maximum(np.sqrt(np.einsum("ij,ij->i", X, X)), 1e-99)[:, None]
        yield X
