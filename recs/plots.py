"""Figures of results, with matplotlib: made to be read in a notebook and in a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from recs.errors import MissingDependencyError, OutputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from recs.evaluate import RelatedEvaluation

BLUE, GREY = "#1f5fa8", "#8a8f98"


def plot_evaluation(evaluation: RelatedEvaluation, metric: str = "ndcg@10") -> Figure:
    """Draw how well each ranking finds the author's links: mean and 95 % interval, the best on top.

    Raises `MissingDependencyError` if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("drawing", "matplotlib", "notebooks") from error
    rankings = sorted(evaluation.rankings, key=lambda ranking: ranking.metrics[metric].mean)
    figure = Figure(figsize=(7, 0.45 * len(rankings) + 1), layout="constrained")
    axes = figure.subplots()
    for place, ranking in enumerate(rankings):
        found = ranking.metrics[metric]
        colour = BLUE if ranking.behind is None else GREY
        axes.plot([found.low, found.high], [place, place], color=colour, lw=2.5, solid_capstyle="round")
        axes.plot(found.mean, place, "o", color=colour, ms=8)
        axes.annotate(f"{found.mean:.3f}", (found.high, place), (6, 0), textcoords="offset points", va="center", size=9)
    axes.set_yticks(range(len(rankings)), [ranking.name for ranking in rankings])
    axes.set_xlim(left=0)
    axes.margins(x=0.12)
    axes.set_xlabel(f"{metric}, mean of {evaluation.sources} items and 95 % interval")
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure to a file, in the format of its suffix, without a date, so that equal figures are equal bytes.

    Raises `OutputError`.
    """
    import matplotlib as mpl

    dates = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}
    try:
        with mpl.rc_context({"svg.hashsalt": "recs"}):  # ids in an SVG are random otherwise
            figure.savefig(path, dpi=150, metadata=dates.get(path.suffix.lower(), {"Software": None}))
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: the figure cannot be written ({error}).") from error
