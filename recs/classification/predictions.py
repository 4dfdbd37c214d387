"""What a classifier answers: the labels of an item, how certain they are, and why they were given."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from recs.arrays import BoolArray, Float64Array
from recs.items import Span

SUGGEST = 0.2  # below this probability no label is suggested: one right suggestion in five still helps an editor
SUGGESTIONS = 3
Answer = Literal["auto", "suggest", "abstain"]


@dataclass(frozen=True, slots=True)
class Label:
    """One label for one item: its probability, and whether it is certain enough to be assigned without a person."""

    name: str
    probability: float
    answer: Answer


@dataclass(frozen=True, slots=True)
class Prediction:
    """The answer for one item.

    Attributes
    ----------
    answer
        "auto" if a label may be assigned without a person, "suggest" if there are only labels to show to a person,
        "abstain" if there is none.
    labels
        The assigned labels, filled up to three with suggestions; the most probable first. Empty for "abstain".
    familiarity
        Share of the labelled items that are less similar to the labelled collection than this one, 0 to 1. Below .02
        the classifier abstains, however probable the best label looks: probabilities only tell the labels from each
        other. Labels that are known by their text alone may be suggested all the same.

    Examples
    --------
    >>> labels = (Label("garden", 0.97, "auto"), Label("soil", 0.41, "suggest"))
    >>> Prediction("post-1", "auto", labels, familiarity=0.6).auto
    ('garden',)
    """

    id: str
    answer: Answer
    labels: tuple[Label, ...]
    familiarity: float

    @property
    def auto(self) -> tuple[str, ...]:
        """The labels that may be assigned without a person."""
        return tuple(label.name for label in self.labels if label.answer == "auto")


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """The decisions for n items and L labels, as arrays.

    Attributes
    ----------
    probabilities : float64 array of shape (n, L)
    auto, suggest : bool arrays of shape (n, L)
        Which labels are assigned, and which may be suggested.
    familiarity : float64 array of shape (n,)
    """

    probabilities: Float64Array
    auto: BoolArray
    suggest: BoolArray
    familiarity: Float64Array


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a label was given.

    Attributes
    ----------
    label
        The label that is explained.
    nearest
        The most similar labelled items that have it: id, title, cosine; the most similar first.
    passage
        Start and stop, in the text of the item, of the passage without which the probability falls most. None if the
        item is a single passage.
    effect
        By how much the probability falls without that passage, -1 to 1.
    """

    label: str
    nearest: tuple[tuple[str, str, float], ...]
    passage: Span | None = None
    effect: float = 0.0


def predictions_of(ids: Sequence[str], decisions: Decisions, names: Sequence[str]) -> Iterator[Prediction]:
    """Yield the prediction of each of n items.

    Parameters
    ----------
    ids : n ids
    names : L names
        How each label is called in an answer; several may have one name.
    """
    labels = _labels_of_all(decisions, names)
    counts = (decisions.auto | decisions.suggest).sum(axis=1)
    start = 0
    for name, count, familiarity in zip(ids, counts.tolist(), decisions.familiarity.round(4).tolist(), strict=True):
        own = labels[start : start + count]
        start += count
        answer: Answer = own[0].answer if own else "abstain"
        yield Prediction(name, answer, shown_labels(own), familiarity)


def _labels_of_all(decisions: Decisions, names: Sequence[str]) -> list[Label]:
    """Return the labels of all items in one list: by item, assigned before suggested, then the most probable first."""
    rows, columns = np.nonzero(decisions.auto | decisions.suggest)
    probabilities = decisions.probabilities[rows, columns]
    is_auto = decisions.auto[rows, columns]
    order = np.lexsort((columns, -probabilities, ~is_auto, rows))
    in_order = zip(
        columns[order].tolist(), probabilities[order].round(6).tolist(), is_auto[order].tolist(), strict=True
    )
    return [
        Label(names[column], probability, "auto" if assigned else "suggest")
        for column, probability, assigned in in_order
    ]


def shown_labels(labels: Sequence[Label]) -> tuple[Label, ...]:
    """Return the labels to show for one item: all assigned ones, filled up to three with the likeliest suggestions.

    Two labels that were renamed to one name are shown once.
    """
    if len(labels) < 2:
        return tuple(labels)
    return tuple(sorted(_without_repeats(labels), key=lambda label: -label.probability))


def _without_repeats(labels: Iterable[Label]) -> list[Label]:
    label_of_name: dict[str, Label] = {}
    for label in labels:
        if label.name not in label_of_name and (label.answer == "auto" or len(label_of_name) < SUGGESTIONS):
            label_of_name[label.name] = label
    return list(label_of_name.values())
