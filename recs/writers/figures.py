"""Figures of results, drawn with matplotlib, for notebooks and reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recs.clustering.layout import topic_anchors, topic_colours
from recs.clustering.result import largest_first
from recs.errors import MissingDependencyError, OutputError
from recs.text.counts import counted
from recs.writers.topic_names import COLUMN_WIDTH, EDGE, ROW_HEIGHT, TopicNames, name_slots

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from recs.arrays import Float64Array, FloatArray, IntArray
    from recs.clustering.result import Clustering
    from recs.comparison.result import Comparison
    from recs.evaluation.classifiers import ClassifierEvaluation, SplitScore
    from recs.evaluation.rankings import RelatedEvaluation

BLUE = "#1f5fa8"
GREY = "#8a8f98"
PALE = "#d5d8dd"

_LARGEST_CLOUD = 6.5  # inches
_LOWEST_PAGE = 2  # inches
_MANY_ITEMS = 5000  # with more, points are transparent and drawn as one picture


def _new_figure(width: float, height: float, **options: Any) -> Figure:
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
    figure = _new_figure(7, 0.45 * len(rankings) + 1, layout="constrained")
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
    figure = _new_figure(3 + 2.6 * max(len(tasks), 1), 0.4 * len(names) + 1, layout="constrained")
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
    figure = _new_figure(9, 4, layout="constrained")
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


def plot_topics(clustering: Clustering, coordinates: FloatArray) -> Figure:
    """Draw a map of topics: neighbours in different colours, names outside the cloud, outliers pale and beneath.

    Parameters
    ----------
    coordinates : array of shape (n, 2)
        The position of each item, as `map_layout` returns it.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.

    Notes
    -----
    If there is not enough room, only the largest topics have a name. The sum of the lengths of the lines to the names
    is minimal, so that no two lines cross.
    """
    n = len(clustering)
    topics, topic_of_item = largest_first(clustering)
    page = _page_for(coordinates, len(topics))
    figure = _new_figure(page.width, page.height, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, page.width), ylim=(0, page.height))
    axes.axis("off")
    anchors = topic_anchors(page.xy, topic_of_item, len(topics))
    colours = np.array([*topic_colours(anchors), PALE])
    area = float(np.clip(9000 / max(n, 1), 2.5, 50))
    _draw_points(axes, page.xy, topic_of_item, colours, area=area)
    slots = name_slots(page.width, page.rows)
    names = TopicNames(axes, topics, outline=n > _MANY_ITEMS, dot_size=max(6, area**0.5 + 1))
    names.draw(anchors, colours, slots)
    axes.text(0.2, 0.18, _caption(topic_of_item, len(topics), len(slots)), color="#5c6068", size=8)
    return figure


@dataclass(frozen=True, slots=True, eq=False)
class _Page:
    """The page of a map, in inches: positions of the items, size, and rows of names on each side of the cloud."""

    xy: npt.NDArray[Any]
    width: float
    height: float
    rows: int


def _page_for(coordinates: FloatArray, topics: int) -> _Page:
    """Return a page that is as high as the cloud and the names need, with the cloud in its middle."""
    xy = np.asarray(coordinates, np.float64).reshape(-1, 2)
    xy = xy - xy.min(axis=0, initial=np.inf)
    xy *= _LARGEST_CLOUD / max(xy.max(initial=0.0), 1e-9)
    cloud_size = xy.max(axis=0, initial=0.0)
    height_of_names = min(topics * ROW_HEIGHT / 2, _LARGEST_CLOUD)
    rows = int(max(cloud_size[1], height_of_names, _LOWEST_PAGE) / ROW_HEIGHT) + 1
    page_size = np.array([cloud_size[0] + 2 * (COLUMN_WIDTH + EDGE), rows * ROW_HEIGHT + 2 * EDGE])
    xy += (page_size - cloud_size) / 2
    return _Page(xy, page_size[0], page_size[1], rows)


def _draw_points(axes: Any, xy: Float64Array, topic_of_item: IntArray, colours: Any, *, area: float) -> None:
    """Draw outliers, then the items of topics, both in random order: no topic covers the others."""
    n = len(xy)
    many = n > _MANY_ITEMS
    shuffled = np.random.default_rng(0).permutation(n)
    is_outlier = topic_of_item[shuffled] < 0
    for rows, layer in ((shuffled[is_outlier], 1), (shuffled[~is_outlier], 3)):
        axes.scatter(
            xy[rows, 0],
            xy[rows, 1],
            c=colours[topic_of_item[rows]],
            alpha=0.55 if many else 0.9,
            zorder=layer,
            s=area,
            linewidths=0,
            rasterized=many,
        )


def _caption(topic_of_item: IntArray, topics: int, slots: int) -> str:
    outliers = int((topic_of_item < 0).sum())
    sentences = [
        f"{counted(len(topic_of_item), 'item')}, {counted(topics, 'topic')}.",
        f"Pale: {counted(outliers, 'item')} in none of them." if outliers else "",
    ]
    if slots < topics:
        sentences.append(f"The {counted(topics - slots, 'smallest topic has', 'smallest topics have')} no name here.")
    return " ".join(sentences)


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
