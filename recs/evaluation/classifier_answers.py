"""The answers of classifiers, and of two baselines, for items that they had not seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recs.arrays import BoolArray, Float64Array, FloatArray, IntArray
from recs.classification.lesson import Lesson
from recs.classification.training import TrainingOptions, learn

OURS = "classifier"
NEIGHBOURS = 10
_BLOCK = 256  # rows whose neighbours are sought at a time

Part = tuple[IntArray, IntArray]
"""The rows to learn from, and the rows to judge."""


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """The answers for n judged items and L labels.

    Attributes
    ----------
    Y, trusted : bool arrays of shape (n, L)
        The true labels, and which of these entries a person decided.
    learned : bool array of shape (n, L)
        Whether some item of the training set had the label.
    auto : bool array of shape (n, L)
        Labels that were assigned automatically.
    answered : bool array of shape (n,)
        Whether the item got a label or a suggestion.
    probabilities : by name of the classifier or baseline, float64 arrays of shape (n, L)
    """

    Y: BoolArray
    trusted: BoolArray
    learned: BoolArray
    auto: BoolArray
    answered: BoolArray
    probabilities: dict[str, Float64Array]


def answers_of_parts(lesson: Lesson, parts: Sequence[Part], options: TrainingOptions) -> Answers:
    """Return the answers for the judged rows of all parts; each part has a classifier of its own."""
    answers = [_answers_of_part(lesson, learned, judged, options) for learned, judged in parts]
    return Answers(
        Y=np.concatenate([part.Y for part in answers]),
        trusted=np.concatenate([part.trusted for part in answers]),
        learned=np.concatenate([part.learned for part in answers]),
        auto=np.concatenate([part.auto for part in answers]),
        answered=np.concatenate([part.answered for part in answers]),
        probabilities={
            name: np.concatenate([part.probabilities[name] for part in answers]) for name in answers[0].probabilities
        },
    )


def _answers_of_part(lesson: Lesson, learned: IntArray, judged: IntArray, options: TrainingOptions) -> Answers:
    """Train a classifier on some rows and return its answers, and those of the baselines, for other rows."""
    examples = lesson.examples
    classifier = learn(lesson.take(learned), options)
    X = examples.X[judged].astype(np.float64)
    decisions = classifier.decide(X)
    shape = (len(judged), len(lesson.classes))
    column_of = {name: column for column, name in enumerate(lesson.classes)}
    columns = [column_of[name] for name in classifier.classes]
    probabilities = np.zeros(shape)
    probabilities[:, columns] = decisions.probabilities
    auto = np.zeros(shape, bool)
    auto[:, columns] = decisions.auto
    learned_Y = examples.Y[learned]
    return Answers(
        Y=examples.Y[judged],
        trusted=examples.trusted[judged],
        learned=np.broadcast_to(learned_Y.any(axis=0), shape),
        auto=auto,
        answered=np.asarray((decisions.auto | decisions.suggest).any(axis=1)),
        probabilities={
            OURS: probabilities,
            "majority": np.broadcast_to(learned_Y.mean(axis=0), shape),
            f"{NEIGHBOURS} nearest": _neighbour_votes(examples.X[learned], learned_Y, X),
        },
    )


def _neighbour_votes(X: FloatArray, Y: BoolArray, queries: Float64Array) -> Float64Array:
    """Return the share of the ten nearest labelled items that have each label, smoothed by its share of all items."""
    k = min(NEIGHBOURS, len(X))
    votes = np.empty((len(queries), Y.shape[1]))
    for start in range(0, len(queries), _BLOCK):
        cosines = queries[start : start + _BLOCK] @ X.T.astype(np.float64)
        nearest = np.argsort(-cosines, axis=1, kind="stable")[:, :k]
        votes[start : start + _BLOCK] = (Y[nearest].sum(axis=1) + Y.mean(axis=0)) / (k + 1)
    return votes
