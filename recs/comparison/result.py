"""The result of a comparison of models."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from recs.comparison.choice import Change, Choice
from recs.comparison.costs import Costs
from recs.comparison.verdicts import Difference
from recs.evaluation.metrics import Estimate


@dataclass(frozen=True, slots=True)
class TaskScores:
    """One task: how it is judged, and what each contestant reaches.

    Attributes
    ----------
    task, metric, queries
        Its name, what is measured, and how many queries judge.
    means
        By contestant, with its own 95 % interval. To tell two contestants apart, see `Comparison.differences`.
    """

    task: str
    metric: str
    queries: int
    means: Mapping[str, Estimate]


@dataclass(frozen=True, slots=True)
class Comparison:
    """The result of one comparison.

    Attributes
    ----------
    items
        How many public items there are.
    contestants
        Names in the order that was asked for, then the baselines. The first is the current one.
    left_out
        By name, why a contestant could not take part.
    scores
        A table for each task.
    differences
        All pairs of contestants in each task.
    costs
        By contestant.
    choice
        The contestant to take, and why.
    switch
        What it costs to switch from the current one, in a sentence.
    change
        What the switch would change in the lists of five; if there is no switch, what the best other one would; None
        without related lists.
    titles
        Titles of the items that `change` names, by id.
    notes
        Messages for the user.
    """

    items: int
    contestants: tuple[str, ...]
    left_out: Mapping[str, str]
    scores: tuple[TaskScores, ...]
    differences: tuple[Difference, ...]
    costs: Mapping[str, Costs]
    choice: Choice
    switch: str
    change: Change | None
    titles: Mapping[str, str]
    notes: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return all fields as dicts, lists, strings and numbers, with a sentence for each difference."""
        document = asdict(self)
        for record, each in zip(document["differences"], self.differences, strict=True):
            record["sentence"] = each.sentence
        return document
