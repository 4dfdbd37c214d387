"""Figures of results, drawn with matplotlib, for notebooks and reports."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recs.errors import MissingDependencyError, OutputError
from recs.text.counts import counted

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from recs.comparison.result import Comparison
    from recs.evaluation.classifiers import ClassifierEvaluation, SplitScore
    from recs.evaluation.rankings import RelatedEvaluation

BLUE = "#1f5fa8"
GREY = "#8a8f98"
PALE = "#d5d8dd"


def new_figure(width: float, height: float, **options: Any) -> Figure:
    """Return an empty figure; width and height are in inches."""
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("drawing", "matplotlib", "notebooks") from error
    return Figure(figsize=(width, height), **options)


def plot_evaluation(evaluation: RelatedEvaluation, metric: str = "ndcg@10") -> Figure:
    """Draw how well each ranking finds the author's links: mean and 95 % interval, the best ranking on top.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    rankings = sorted(evaluation.rankings, key=lambda ranking: ranking.metrics[metric].mean)
    figure = new_figure(7, 0.45 * len(rankings) + 1, layout="constrained")
    axes = figure.subplots()
    for y, ranking in enumerate(rankings):
        estimate = ranking.metrics[metric]
        colour = BLUE if ranking.behind is None else GREY
        axes.plot([estimate.low, estimate.high], [y, y], color=colour, lw=2.5, solid_capstyle="round")
        axes.plot(estimate.mean, y, "o", color=colour, ms=8)
        label = f"{estimate.mean:.3f}"
        axes.annotate(label, (estimate.high, y), (6, 0), textcoords="offset points", va="center", size=9)
    axes.set_yticks(range(len(rankings)), [ranking.name for ranking in rankings])
    axes.set_xlim(left=0)
    axes.margins(x=0.12)
    axes.set_xlabel(f"{metric}, mean of {evaluation.sources} items and 95 % interval")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def plot_comparison(comparison: Comparison) -> Figure:
    """Draw what each contestant reaches in each task: mean and its own 95 % interval, the choice in blue.

    Two contestants whose intervals overlap may still differ: `Comparison.differences` has the paired verdicts.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    names = list(reversed(comparison.contestants))
    tasks = comparison.scores
    figure = new_figure(3 + 2.6 * max(len(tasks), 1), 0.4 * len(names) + 1, layout="constrained")
    all_axes = figure.subplots(1, max(len(tasks), 1), sharey=True, squeeze=False)[0]
    for axes, task in zip(all_axes, tasks, strict=False):
        for y, name in enumerate(names):
            if estimate := task.means.get(name):
                colour = BLUE if name == comparison.choice.name else GREY
                axes.plot([estimate.low, estimate.high], [y, y], color=colour, lw=2.5, solid_capstyle="round")
                axes.plot(estimate.mean, y, "o", color=colour, ms=6)
        axes.set(title=f"{task.task}\n{counted(task.queries, 'query', 'queries')}", xlabel=task.metric)
        axes.set_yticks(range(len(names)), names)
        axes.tick_params(left=False)
        axes.spines[["top", "right", "left"]].set_visible(False)
    return figure


def plot_classifier(evaluation: ClassifierEvaluation) -> Figure:
    """Draw how reliable probabilities are, and what precision costs: the first split dark, the other one pale.

    Left: for bins of the best label's probability, the share of right labels. On the diagonal, probabilities are right.
    Right: precision over the share of the true labels, from the most certain label on. A dot shows where the classifier
    stops assigning labels without a person.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    """
    figure = new_figure(9, 4, layout="constrained")
    left, right = figure.subplots(1, 2)
    left.plot([0, 1], [0, 1], color=PALE, lw=1.5, zorder=1)
    right.axhline(evaluation.target_precision, color=PALE, lw=1.5, zorder=1)
    style: Any = {"xytext": (-2, -12), "textcoords": "offset points", "ha": "right", "color": GREY}
    right.annotate("target", (1, evaluation.target_precision), **style)
    for split, colour in zip(evaluation.splits, (BLUE, GREY), strict=False):
        if split.metrics is not None:
            _draw_reliability(left, split, split.metrics["ece"], colour)
            _draw_coverage(right, split, colour)
    left.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="probability of the best label", ylabel="share that is right")
    right.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="share of the true labels that is assigned", ylabel="precision")
    for axes, corner in ((left, "lower right"), (right, "lower left")):
        axes.spines[["top", "right"]].set_visible(False)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(frameon=False, loc=corner)
    return figure


def _draw_reliability(axes: Any, split: SplitScore, ece: float, colour: str) -> None:
    probabilities, shares_right, _ = np.array(split.reliability).T
    label = f"{split.split} (ECE {ece:.3f})"
    axes.plot(probabilities, shares_right, color=colour, lw=1.2, label=label)
    axes.plot(probabilities, shares_right, "o", color=colour, ms=6, mec="white", zorder=3)


def _draw_coverage(axes: Any, split: SplitScore, colour: str) -> None:
    _, precision, coverage = np.array(split.coverage).T
    axes.plot(coverage, precision, color=colour, lw=2, label=split.split)
    if split.auto_precision is not None:
        axes.plot(split.auto_coverage, split.auto_precision, "o", color=colour, ms=9, mec="white", zorder=4)


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure to a file, in the format of its suffix, without a date: equal figures give equal bytes.

    Raises
    ------
    OutputError
        If the file cannot be written, or matplotlib has no format of this suffix.
    """
    import matplotlib as mpl

    dates = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    try:
        with mpl.rc_context({"svg.hashsalt": "recs"}):  # without it, ids in an SVG are random
            figure.savefig(path, dpi=150, metadata=dates.get(path.suffix.lower(), {"Software": None}))
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: the figure cannot be written ({error}).") from error
