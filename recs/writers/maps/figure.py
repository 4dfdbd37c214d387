"""The map of topics as a picture, drawn with matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from recs.clustering.maps.topics import topic_anchors, topic_colours
from recs.clustering.result import largest_first
from recs.text.counts import counted
from recs.writers.figures import GREY, PALE, new_figure
from recs.writers.maps.names import TopicNames

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from recs.arrays import Float64Array, FloatArray, IntArray
    from recs.clustering.result import Clustering

_WIDTH = 11.0  # inches
_HEIGHTS = (6.2, 8.5)
_MARGIN = 0.35
_CAPTION = 0.35  # inches at the foot of the page
_MOST_STRETCH = 1.8  # the axes of a map mean nothing, so it may be stretched to fill the page
_MANY_ITEMS = 5000  # with more, areas are shaded, and points are drawn as one picture
_CELL = 0.06  # inches, of the shading
_BLUR = 2.2  # cells


def plot_topics(clustering: Clustering, coordinates: FloatArray) -> Figure:
    """Draw a map of topics: neighbours in different colours, names among the points, outliers pale and beneath.

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
    The names of larger topics come first; one that would cover another name is left out, and the caption says so.
    """
    topics, topic_of_item = largest_first(clustering)
    places, height = _on_page(coordinates)
    figure = new_figure(_WIDTH, height, facecolor="white")
    axes = figure.add_axes((0, 0, 1, 1), xlim=(0, _WIDTH), ylim=(0, height))
    axes.axis("off")
    anchors = topic_anchors(coordinates, topic_of_item, len(topics))
    colours = topic_colours(coordinates, topic_of_item, anchors)
    if len(places) > _MANY_ITEMS:
        _shade(axes, places, topic_of_item, colours, height)
    _draw_points(axes, places, topic_of_item, np.array([*colours, PALE if topics else GREY]))
    names = TopicNames(axes, places, (0.05, _CAPTION), (_WIDTH - 0.05, height - 0.05))
    missing = names.draw(topics, places[anchors], colours)
    axes.text(0.2, 0.12, _caption(topic_of_item, len(topics), missing), color="#5c6068", size=8)
    return figure


def _on_page(coordinates: FloatArray) -> tuple[Float64Array, float]:
    """Return places in inches on a page, and the height of the page that they fill."""
    xy = np.asarray(coordinates, np.float64).reshape(-1, 2)
    low, high = xy.min(axis=0, initial=np.inf), xy.max(axis=0, initial=-np.inf)
    size = np.maximum(high - low, 1e-9) if len(xy) else np.ones(2)
    room = np.array([_WIDTH - 2 * _MARGIN, 0.0])
    height = float(np.clip(room[0] * size[1] / size[0] + 2 * _MARGIN + _CAPTION, *_HEIGHTS))
    room[1] = height - 2 * _MARGIN - _CAPTION
    scale = np.minimum(room / size, (room / size).min() * _MOST_STRETCH)
    corner = np.array([_MARGIN, _MARGIN + _CAPTION]) + (room - scale * size) / 2
    return (xy - low) * scale + corner if len(xy) else xy, height


def _draw_points(axes: Any, places: Float64Array, topic_of_item: IntArray, colours: Any) -> None:
    """Draw outliers, then the items of topics, both in random order: no topic covers the others."""
    n = len(places)
    many = n > _MANY_ITEMS
    shuffled = np.random.default_rng(0).permutation(n)
    is_outlier = topic_of_item[shuffled] < 0
    for rows, layer in ((shuffled[is_outlier], 1), (shuffled[~is_outlier], 3)):
        axes.scatter(
            *places[rows].T,
            c=colours[topic_of_item[rows]],
            alpha=0.5 if many else 0.9,
            zorder=layer,
            s=float(np.clip(14_000 / max(n, 1), 1.2, 60)),
            linewidths=0,
            rasterized=many,
        )


def _shade(axes: Any, places: Float64Array, topic_of_item: IntArray, colours: list[str], height: float) -> None:
    """Draw how dense the points are as soft areas, in the mean of the colours of the points there."""
    from matplotlib.colors import to_rgb
    from scipy.ndimage import gaussian_filter

    rows = np.flatnonzero(topic_of_item >= 0)
    shape = (int(height / _CELL), int(_WIDTH / _CELL))
    cells = np.minimum((places[rows] / _CELL).astype(np.int64)[:, ::-1], np.array(shape) - 1)
    layers = np.zeros((*shape, 4))
    shades = np.array([(*to_rgb(colour), 1.0) for colour in colours])
    np.add.at(layers, (cells[:, 0], cells[:, 1]), shades[topic_of_item[rows]])
    for layer in range(4):
        layers[..., layer] = gaussian_filter(layers[..., layer], _BLUR)
    amount = layers[..., 3].copy()
    layers[..., :3] /= np.maximum(amount, 1e-9)[..., None]
    layers[..., 3] = 0.45 * (1 - np.exp(-amount / (2 * amount.mean() or 1.0)))
    axes.imshow(
        layers.clip(0, 1),
        extent=(0, _WIDTH, 0, height),
        origin="lower",
        interpolation="bicubic",
        aspect="auto",
        zorder=0,
    )
    axes.set(xlim=(0, _WIDTH), ylim=(0, height))


def _caption(topic_of_item: IntArray, topics: int, missing: int) -> str:
    outliers = int((topic_of_item < 0).sum())
    sentences = [
        f"{counted(len(topic_of_item), 'item')}, {counted(topics, 'topic')}.",
        f"Pale: {counted(outliers, 'item')} in none of them." if outliers else "",
    ]
    if missing:
        sentences.append(f"{counted(missing, 'topic has', 'topics have')} no room for a name here.")
    return " ".join(sentence for sentence in sentences if sentence)
