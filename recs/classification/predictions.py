"""What a classifier answers: the labels of an item, how certain they are, and why they were given."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from recs.arrays import Float64Array
from recs.items import Span

SUGGEST = 0.2  # an editor who is shown one right label in five is still served
SUGGESTIONS = 3
Answer = Literal["auto", "suggest", "abstain"]


@dataclass(frozen=True, slots=True)
class Label:
    """One label for one item: its probability, and whether it is certain enough to be put without a person."""

    name: str
    probability: float
    answer: Answer


@dataclass(frozen=True, slots=True)
class Prediction:
    """What is said of one item.

    Attributes
    ----------
    answer
        "auto" if a label may be put without a person, "suggest" if there is something to show to one, else "abstain".
    labels
        Those that are put, filled up to three with suggestions; the most probable first. None where it abstains.
    familiarity
        Share of the labelled items that are less at home among the labels than this one, 0 to 1. Below .02 nothing is
        said, however probable the best label looks: probabilities only tell the labels from each other.
    """

    id: str
    answer: Answer
    labels: tuple[Label, ...]
    familiarity: float

    @property
    def auto(self) -> tuple[str, ...]:
        """The labels that may be put without a person."""
        return tuple(label.name for label in self.labels if label.answer == "auto")


@dataclass(frozen=True, slots=True, eq=False)
class Decisions:
    """What is known of n items: probabilities, labels to put and to show, all (n, L), and familiarity (n,)."""

    probabilities: Float64Array
    auto: Any
    suggest: Any
    familiarity: Float64Array


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a label was given.

    Attributes
    ----------
    label
        The label that is explained.
    nearest
        Labelled items that have it and are most like this one: id, title, cosine; the nearest first.
    passage
        Start and stop of the passage, in the item's text, without which the probability falls most; None where the item
        is one passage.
    effect
        By how much it falls then, -1 to 1.
    """

    label: str
    nearest: tuple[tuple[str, str, float], ...]
    passage: Span | None = None
    effect: float = 0.0


def shown_labels(said: Iterable[Label]) -> tuple[Label, ...]:
    """Return the labels of one item: those to put, filled up with the likeliest others; a new name stands once."""
    labels: dict[str, Label] = {}
    for label in said:
        if label.name not in labels and (label.answer == "auto" or len(labels) < SUGGESTIONS):
            labels[label.name] = label
    return tuple(sorted(labels.values(), key=lambda label: -label.probability))
