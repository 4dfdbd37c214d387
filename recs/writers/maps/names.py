"""Names of topics on a drawn map: larger topics first, none over another, few points beneath them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from recs.writers.maps.fonts import fonts_for

if TYPE_CHECKING:
    from recs.arrays import Float64Array
    from recs.clustering.phrases import Topic

_LARGEST = 11.5  # points, the size of the letters
_SMALLEST = 8.0
_WIDEST = 3.2  # inches
_ROW = 0.2  # inches from one place for a name to the next
_FAR = 0.3  # inches; a name that is farther from its topic gets a line
_LOOKED_AT = 4000  # points
_MANY = 400  # points; of more, each counts less, and of fewer, more
_MISSING = "□"
_DARK = 0.6  # of the colour of a topic: its name can be read on white
# Of places around a topic: down in rows, across in half widths of the name.
_PLACES = [(down, across) for down in (0, 1, -1, 2, -2, 3, -3, 4, -4) for across in (0, -0.5, 0.5, -1, 1)]


class TopicNames:
    """Writes names of topics among the points of a map; all sizes are in inches.

    Parameters
    ----------
    axes
        Of the same size as the page, in inches.
    points : float64 array of shape (n, 2)
        The points that names should not cover.
    low, high
        The corners of the part of the page in which names may be.
    """

    def __init__(self, axes: Any, points: Float64Array, low: Sequence[float], high: Sequence[float]) -> None:
        self.axes = axes
        self.points = points[:: 1 + len(points) // _LOOKED_AT]
        self.weight = min(3.0, _MANY / max(len(self.points), 1))
        self.frame = (*low, *high)
        self.boxes: list[tuple[float, float, float, float]] = []

    def draw(self, topics: Sequence[Topic], anchors: Float64Array, colours: Sequence[str]) -> int:
        """Write the names that have room, and return how many topics have none."""
        from matplotlib import patheffects

        families, characters = fonts_for({character for topic in topics for character in topic.name})
        border = patheffects.withStroke(linewidth=2.6, foreground="white", alpha=0.9)
        style: Any = {"parse_math": False, "family": families, "path_effects": [border]}  # a name with $ is no formula
        largest = max((topic.size for topic in topics), default=1)
        written = 0
        for topic, anchor, colour in zip(topics, anchors, colours, strict=True):
            style["size"] = _SMALLEST + (_LARGEST - _SMALLEST) * (topic.size / largest) ** 0.5
            written += self._write(_printable(topic.name, characters), anchor, colour, style)
        return len(topics) - written

    def _write(self, name: str, anchor: Float64Array, colour: str, style: Any) -> bool:
        """Write a name, and a line to it if it is far from its topic; return whether there was room."""
        text = self.axes.text(
            *anchor, "", color=_dark(colour), weight="bold", ha="center", va="center", zorder=6, **style
        )
        half = self._fit(text, name)
        place = self._best_place(anchor, half)
        if place is None:
            text.remove()
            return False
        text.set_position(place)
        self.boxes.append((*(place - half), *(place + half)))
        edge = place + np.clip(anchor - place, -half, half)
        if np.linalg.norm(edge - anchor) > _FAR:
            self.axes.plot(*np.array([anchor, edge]).T, color=colour, lw=1, zorder=5)
        return True

    def _fit(self, text: Any, name: str) -> Float64Array:
        """Write a name, cut if it is too wide; return half of its width and height."""
        text.set_text(name)
        dpi = self.axes.figure.dpi
        while name and text.get_window_extent().width > _WIDEST * dpi:
            name = name[:-1].rstrip()
            text.set_text(f"{name}…")
        box = text.get_window_extent()
        return np.array([box.width / dpi + 0.08, box.height / dpi + 0.04]) / 2

    def _best_place(self, anchor: Float64Array, half: Float64Array) -> Float64Array | None:
        """Return the free place near a topic that covers the fewest points; None if there is none."""
        best, least = None, np.inf
        for place, distance in _places(anchor, half):
            if not self._is_free(place, half):
                continue
            cost = self._covered(place, half) * self.weight + 1.5 * distance
            if cost < least:
                best, least = place, cost
        return best

    def _is_free(self, place: Float64Array, half: Float64Array) -> bool:
        left, bottom, right, top = (*(place - half), *(place + half))
        if left < self.frame[0] or bottom < self.frame[1] or right > self.frame[2] or top > self.frame[3]:
            return False
        return all(left >= box[2] or right <= box[0] or bottom >= box[3] or top <= box[1] for box in self.boxes)

    def _covered(self, place: Float64Array, half: Float64Array) -> int:
        return int((np.abs(self.points - place) < half).all(axis=1).sum())


def _places(anchor: Float64Array, half: Float64Array) -> Iterator[tuple[Float64Array, float]]:
    for down, across in _PLACES:
        yield anchor + np.array([across * half[0], down * _ROW]), abs(down) + abs(across)


def _dark(colour: str) -> tuple[float, ...]:
    from matplotlib.colors import to_rgb

    return tuple(_DARK * part for part in to_rgb(colour))


def _printable(name: str, characters: set[str]) -> str:
    """Return a name on one line; characters that no font has are replaced."""
    return "".join(
        character if character in characters and character.isprintable() else _MISSING
        for character in " ".join(name.split())
    )
