"""A trained classifier: three answers by thresholds, reasons, a folder that loads without scikit-learn or pickle."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from scipy.special import expit, softmax

from recs.arrays import Float64Array, FloatArray, unit_rows
from recs.classification.explain import item_passages
from recs.classification.labels import LabelRules
from recs.classification.logistic import nearest_centre
from recs.classification.predictions import SUGGEST, Answer, Decisions, Label, Prediction, Reason, shown_labels
from recs.classification.storage import ARRAYS, read_folder, write_folder
from recs.embedding.vectors import Embeddings
from recs.errors import EmbeddingError, FingerprintMismatchError
from recs.items import Item, Span

if TYPE_CHECKING:
    from recs.embedding.embedder import Embedder

OUTSIDE = 0.02  # share of the labelled items that the gate would call strangers
_BLOCK = 4096  # rows that are scored at a time: what they need stays near the processor


@dataclass(frozen=True, slots=True, eq=False)
class Classifier:
    """Logistic regression on embeddings, calibrated; needs numpy and scipy alone to predict.

    Attributes
    ----------
    label
        The field that it was trained on.
    classes : L names, sorted
    single
        Whether an item has exactly one label: softmax; else each label is judged by itself.
    weights, intercepts : float64 arrays of shapes (L, d) and (L,)
        Of calibrated scores: `softmax(X @ weights.T + intercepts)`, or the logistic function of the same.
    thresholds : float64 array of shape (L,)
        The probability from which a label is put without a person; infinity for never.
    support : int64 array of shape (L,)
        How many items each label was learned from.
    centres : float64 array of shape (L, d)
        The middle of each label.
    gate : float64 array of shape (4 + 101,)
        Means and deviations of the two signs of familiarity, and the percentiles of their sum over labelled items that
        the judging model had not seen.
    examples, example_labels : float32 array of shape (m, d) and bool array of shape (m, L)
        Labelled items that are kept to explain by.
    example_items
        Id and title of each of those.
    rules
        Which labels are retired, allowed, renamed.
    model, fingerprint, role, prompt
        Of the embeddings.
    parameters, metrics, notes
        The options; figures of the evaluation; what a person should be told.
    """

    label: str
    classes: tuple[str, ...]
    single: bool
    weights: Float64Array
    intercepts: Float64Array
    thresholds: Float64Array
    support: Any
    centres: Float64Array
    gate: Float64Array
    examples: FloatArray
    example_labels: Any
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

    def check_comparable(self, embeddings: Embeddings) -> None:
        """Raise `FingerprintMismatchError` unless the vectors are of the model and prompt that it was trained on."""
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

        Each row by itself, so the other rows change nothing but the last bits. Cost: n d L products in float64.
        """
        self.check_comparable(embeddings)
        parts = [self._probabilities(X) for X in _blocks(embeddings.vectors)]
        return np.concatenate(parts) if parts else np.zeros((0, len(self.classes)))

    def predict(self, embeddings: Embeddings) -> list[Prediction]:
        """Return what is said of each row: the labels to put, those to show to a person, or nothing.

        Nothing is said of a row of `Embeddings.blank`, of which the model knows no token; its familiarity is 0.

        Raises
        ------
        FingerprintMismatchError
            If the vectors are of another model or prompt than those that it was trained on.
        """
        self.check_comparable(embeddings)
        called = [self.rules.renamed.get(name, name) for name in self.classes]
        ids = iter(embeddings.ids)
        found: list[Prediction] = []
        for X in _blocks(embeddings.vectors):
            decided = self.decide(X)
            rows, columns = np.nonzero(decided.auto | decided.suggest)
            p, auto = decided.probabilities[rows, columns], decided.auto[rows, columns]
            order = np.lexsort((columns, -p, ~auto, rows))  # of each item those to put, then the likeliest others
            said = [
                Label(called[column], probability, "auto" if sure else "suggest")
                for column, probability, sure in zip(
                    columns[order].tolist(), p[order].round(6).tolist(), auto[order].tolist(), strict=True
                )
            ]
            stop = 0
            for familiarity, count in zip(
                decided.familiarity.round(4).tolist(), np.bincount(rows, minlength=len(X)).tolist(), strict=True
            ):
                start, stop = stop, stop + count
                answer: Answer = said[start].answer if count else "abstain"
                labels = tuple(said[start:stop]) if count < 2 else shown_labels(said[start:stop])
                found.append(Prediction(next(ids), answer, labels, familiarity))
        return [
            Prediction(one.id, "abstain", (), 0.0) if is_blank else one
            for one, is_blank in zip(found, embeddings.blank.tolist(), strict=True)
        ]

    def decide(self, X: Float64Array) -> Decisions:
        """Return what is known of n vectors of this space, shape (n, d), unit rows, all at once."""
        z = X @ self.weights.T + self.intercepts
        p = np.asarray(softmax(z, axis=1) if self.single else expit(z))
        familiarity = gate_percentile(self.gate, z.max(axis=1), nearest_centre(X, self.centres))
        may = self.speaking & (familiarity >= OUTSIDE)[:, None]
        auto = may & (p >= self.thresholds)
        if self.single:  # only the best label may be put, and only if nothing that may not be said is better
            auto &= np.arange(len(self.classes)) == p.argmax(axis=1)[:, None]
        return Decisions(p, auto, may & ~auto & (p >= SUGGEST), familiarity)

    @property
    def speaking(self) -> Any:
        """Which labels may be said: allowed, and not retired; bool array of shape (L,)."""
        return np.array([self.rules.may_say(name) for name in self.classes], dtype=bool)

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
            Of the same n items, in the same order.
        embedder
            The model of `embeddings`; with it, an item is weighed paragraph by paragraph, else chunk by chunk.

        Notes
        -----
        The item is seen as the mean of its passages, weighted by their lengths, and each passage is left out in turn.
        """
        self.check_comparable(embeddings)
        listed = list(items)
        for prediction, item, name in zip(predictions, listed, embeddings.ids, strict=True):
            if not prediction.id == item.id == name:
                raise EmbeddingError(f"item {item.id!r} meets the prediction of {prediction.id!r}; keep one order.")
        passages = item_passages(predictions, listed, embeddings, embedder)
        reasons = []
        for row, prediction in enumerate(predictions):
            p = self._probabilities(next(_blocks(embeddings.vectors[row : row + 1])))[0]
            told = []
            for label in prediction.labels:
                called = [self.rules.renamed.get(name, name) == label.name for name in self.classes]
                place = int(
                    np.where(called, p, -1).argmax()
                )  # of labels that were renamed alike, the one that was said
                near = self._nearest(embeddings.vectors[row], place, nearest, listed[row].id)
                span, effect = self._telling(*passages[row], place) if len(passages[row][0]) > 1 else (None, 0.0)
                told.append(Reason(label.name, near, span, round(effect, 6)))
            reasons.append(tuple(told))
        return reasons

    def _nearest(self, vector: FloatArray, place: int, k: int, own: str) -> tuple[tuple[str, str, float], ...]:
        rows = [row for row in np.flatnonzero(self.example_labels[:, place]) if self.example_items[row][0] != own]
        cosines = self.examples[rows].astype(np.float64) @ unit_rows(vector[None].astype(np.float64))[0]
        best = sorted(range(len(rows)), key=lambda at: (-cosines[at], self.example_items[rows[at]][0]))[:k]
        return tuple((*self.example_items[rows[at]], round(float(cosines[at]), 4)) for at in best)

    def _telling(self, passages: Sequence[Span], vectors: Any, place: int) -> tuple[Span, float]:
        """Return the passage without which the label is least probable, and by how much it is less."""
        lengths = np.array([stop - start for start, stop in passages], dtype=np.float64)
        parts = vectors.astype(np.float64) * lengths[:, None]
        whole = parts.sum(axis=0)
        p = self._probabilities(unit_rows(np.vstack([whole, whole - parts])))[:, place]
        drops = p[0] - p[1:]
        best = int(drops.argmax())
        return passages[best], float(drops[best])

    def _probabilities(self, X: Float64Array) -> Float64Array:
        z = X @ self.weights.T + self.intercepts
        return np.asarray(softmax(z, axis=1) if self.single else expit(z))

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a folder: weights.safetensors, classifier.json and a README; no pickle.

        An earlier classifier there is replaced as a whole; a folder that holds anything else is refused.

        Raises
        ------
        OutputError, MissingDependencyError
        """
        write_folder({one.name: getattr(self, one.name) for one in fields(self)}, Path(path))

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        SourceError
            If a file is missing, torn, changed, or of another schema or shape than it says.
        """
        return cls(**read_folder(Path(path)))


def gate_percentile(gate: Float64Array, best: Float64Array, centre: Float64Array) -> Float64Array:
    """Return where two signs of familiarity stand among those of labelled items, 0 to 1, shape (n,).

    best is the highest score of any label, centre the cosine to the nearest centre, each of shape (n,).
    """
    return np.asarray(np.interp(gate_signs(gate, best, centre), gate[4:], np.linspace(0, 1, len(gate) - 4)))


def gate_signs(gate: Float64Array, best: Float64Array, centre: Float64Array) -> Float64Array:
    """Return the sum of two signs of familiarity, each standardised by the moments that `gate` begins with."""
    mean_best, mean_centre, best_deviation, centre_deviation = gate[:4]
    return np.asarray((best - mean_best) / best_deviation + (centre - mean_centre) / centre_deviation)


def _blocks(vectors: FloatArray) -> Iterator[Float64Array]:
    for start in range(0, len(vectors), _BLOCK):
        X = vectors[start : start + _BLOCK].astype(np.float64)
        X /= np.maximum(np.sqrt(np.einsum("ij,ij->i", X, X)), 1e-99)[:, None]  # a zero row stays zero
        yield X
