"""Figures of results, with matplotlib: made to be read in a notebook and in a report."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recs.clustering.layout import topic_anchors, topic_colours
from recs.clustering.result import largest_first
from recs.errors import MissingDependencyError, OutputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from recs.arrays import FloatArray
    from recs.clustering.result import Clustering
    from recs.evaluation.classifiers import ClassifierEvaluation
    from recs.evaluation.rankings import RelatedEvaluation

BLUE, GREY, PALE = "#1f5fa8", "#8a8f98", "#d5d8dd"

_CLOUD, _COLUMN, _ROW, _EDGE = 6.5, 2.6, 0.25, 0.5  # inches: the cloud at most, and names beside it


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


def plot_classifier(evaluation: ClassifierEvaluation) -> Figure:
    """Draw whether probabilities mean what they say, and what precision costs: the first split dark, the other pale.

    Left, of bins of the best label's probability, the share that was right: on the diagonal where it is honest. Right,
    the precision of all labels from the surest one on, over the share of the true labels that they are; a dot where
    the classifier stops to put labels without a person.

    Raises `MissingDependencyError` if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("drawing", "matplotlib", "notebooks") from error
    figure = Figure(figsize=(9, 4), layout="constrained")
    honest, curve = figure.subplots(1, 2)
    honest.plot([0, 1], [0, 1], color=PALE, lw=1.5, zorder=1)
    curve.axhline(evaluation.target_precision, color=PALE, lw=1.5, zorder=1)
    above = {"xytext": (-2, -12), "textcoords": "offset points", "ha": "right", "color": GREY}
    curve.annotate("target", (1, evaluation.target_precision), **above)
    for split, colour in zip(evaluation.splits, (BLUE, GREY), strict=False):
        sure, right, _ = np.array(split.reliability).T
        honest.plot(sure, right, color=colour, lw=1.2, label=f"{split.split} (ECE {split.metrics['ece']:.3f})")
        honest.plot(sure, right, "o", color=colour, ms=6, mec="white", zorder=3)
        _, precision, coverage = np.array(split.coverage).T
        curve.plot(coverage, precision, color=colour, lw=2, label=split.split)
        if split.auto_precision is not None:
            curve.plot(split.auto_coverage, split.auto_precision, "o", color=colour, ms=9, mec="white", zorder=4)
    honest.set(xlim=(0, 1.02), ylim=(0, 1.02), xlabel="probability of the best label", ylabel="share that is right")
    curve.set(xlim=(0, 1), ylim=(0, 1.02), xlabel="share of the true labels that is put", ylabel="precision")
    for axes, where in ((honest, "lower right"), (curve, "lower left")):
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(frameon=False, loc=where)
    return figure


def plot_topics(clustering: Clustering, coordinates: FloatArray) -> Figure:
    """Draw a map: topics in colours that near ones do not share, their names outside the cloud, outliers pale beneath.

    Parameters
    ----------
    coordinates : array of shape (n, 2)
        Where each item stands, as `map_layout` returns it.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.

    Notes
    -----
    Where not all names fit, the largest topics have theirs. The lines that lead to them are the shortest in all, so
    that no two cross.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError("drawing", "matplotlib", "notebooks") from error
    from scipy.optimize import linear_sum_assignment

    n, (topics, of) = len(clustering), largest_first(clustering)
    xy = np.asarray(coordinates, np.float64).reshape(-1, 2)
    xy = xy - xy.min(axis=0, initial=np.inf)
    xy *= _CLOUD / max(xy.max(initial=0.0), 1e-9)
    wide, high = xy.max(axis=0, initial=0.0)
    rows = int(max(high, min(len(topics) * _ROW / 2, _CLOUD), 2) / _ROW) + 1
    width, height = wide + 2 * (_COLUMN + _EDGE), rows * _ROW + 2 * _EDGE
    xy += (np.array([width, height]) - [wide, high]) / 2
    figure = Figure(figsize=(width, height), facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height))
    axes.axis("off")

    anchors = topic_anchors(xy, of, len(topics))
    colours = np.array([*topic_colours(anchors), PALE])
    many = n > 5000
    marks: Any = {"s": float(np.clip(9000 / max(n, 1), 2.5, 50)), "linewidths": 0, "rasterized": many}
    shuffled = np.random.default_rng(0).permutation(n)  # no topic lies on top of the others
    for some, layer in ((shuffled[of[shuffled] < 0], 1), (shuffled[of[shuffled] >= 0], 3)):
        axes.scatter(xy[some, 0], xy[some, 1], c=colours[of[some]], alpha=0.55 if many else 0.9, zorder=layer, **marks)
    families, known = _fonts({character for topic in topics for character in topic.name})
    slots = np.array([(x, _EDGE + (row + 0.5) * _ROW) for x in (_COLUMN, width - _COLUMN) for row in range(rows)])
    named = min(len(topics), len(slots))
    gaps = np.linalg.norm(anchors[:named, None] - slots, axis=2)
    for at, slot in zip(*linear_sum_assignment(gaps), strict=True):
        line = np.array([anchors[at], slots[slot]])
        if many:
            axes.plot(*line.T, color="white", lw=2.6, alpha=0.8, zorder=4)
        axes.plot(*line.T, color=colours[at], lw=1.1, zorder=4 if many else 2)
        axes.plot(*line[0], "o", color=colours[at], ms=max(6, marks["s"] ** 0.5 + 1), mec="white", mew=1.2, zorder=5)
        name = "".join(c if c in known and c.isprintable() else "□" for c in " ".join(topics[at].name.split()))
        _write(axes, line[1], 1 if slot >= rows else -1, name, f"{topics[at].size:,}", families=families)
    out = int((of < 0).sum())
    said = [f"{n:,} items, {len(topics)} topics.", f"Pale: {out:,} items in none of them." if out else ""]
    said += [f"The {len(topics) - named} smallest topics have no name here."] * (named < len(topics))
    axes.text(0.2, 0.18, " ".join(said), color="#5c6068", size=8)
    return figure


def _write(axes: Any, at: Any, outward: int, name: str, size: str, *, families: list[str]) -> None:
    """Write a name, cut where it is too long for its column, and a size in grey beside it; neither is mathematics."""
    style: Any = {"ha": "left" if outward > 0 else "right", "parse_math": False, "family": families}
    x, y, dpi = at[0], at[1] - 0.045, axes.figure.dpi
    text = axes.text(x + 0.07 * outward, y, name, color="#1b1d21", size=9, **style)
    while name and text.get_window_extent().width > (_COLUMN - 0.7) * dpi:
        name = name[:-1].rstrip()
        text.set_text(f"{name}…")
    x += (0.14 + text.get_window_extent().width / dpi) * outward
    axes.text(x, y, size, color=GREY, size=8, **style)


def _fonts(wanted: set[str]) -> tuple[list[str], set[str]]:
    """Return matplotlib's own font and the installed one that has most of what it lacks; the characters of both."""
    from matplotlib import font_manager

    families = ["DejaVu Sans"]
    known = _characters(font_manager.findfont(families[0]))
    missing = {character for character in wanted - known if character.isprintable()}
    if missing:
        fonts = [font for font in font_manager.fontManager.ttflist if (font.style, font.weight) == ("normal", 400)]
        fonts.sort(key=lambda font: (-len(missing & _characters(font.fname)), font.name, font.fname))
        families.append(fonts[0].name)
        known |= _characters(fonts[0].fname)
    return families, known


def _characters(path: str) -> set[str]:
    from matplotlib.font_manager import get_font

    return set(map(chr, get_font(path).get_charmap()))


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
