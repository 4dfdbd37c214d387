"""The names of topics beside a map: where they are, the lines to them, and the fonts that have their characters."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from recs.arrays import Float64Array
    from recs.clustering.phrases import Topic

COLUMN_WIDTH = 2.6  # inches, as all sizes here
ROW_HEIGHT = 0.25
EDGE = 0.5

_SIZE_WIDTH = 0.7  # room for the number of items beside a name
_MISSING = "□"
_INK = "#1b1d21"
_GREY = "#8a8f98"


def name_slots(page_width: float, rows: int) -> Float64Array:
    """Return the positions for names: `rows` to the left of the cloud, then as many to the right, shape (2 rows, 2)."""
    columns = (COLUMN_WIDTH, page_width - COLUMN_WIDTH)
    return np.array([(x, EDGE + (row + 0.5) * ROW_HEIGHT) for x in columns for row in range(rows)])


class TopicNames:
    """Draws names of topics and the lines that lead to them.

    `outline` draws a white border around the lines, which keeps them visible above many points; `dot_size` is the size
    of the dot at the start of a line, in points.
    """

    def __init__(self, axes: Any, topics: Sequence[Topic], *, outline: bool, dot_size: float) -> None:
        self.axes = axes
        self.topics = topics
        self.outline = outline
        self.dot_size = dot_size
        self.families, self.characters = _fonts({character for topic in topics for character in topic.name})

    def draw(self, anchors: Float64Array, colours: Any, slots: Float64Array) -> None:
        """Draw the first names, one in each slot, so that the sum of the lengths of the lines is minimal.

        If there are fewer slots than topics, the last topics get no name.
        """
        from scipy.optimize import linear_sum_assignment

        distances = np.linalg.norm(anchors[: len(slots), None] - slots, axis=2)
        for place, slot in zip(*linear_sum_assignment(distances), strict=True):
            self._draw_line(anchors[place], slots[slot], colours[place])
            is_right = slot >= len(slots) // 2
            self._write(self.topics[place], slots[slot], outward=1 if is_right else -1)

    def _draw_line(self, anchor: Float64Array, slot: Float64Array, colour: str) -> None:
        line = np.array([anchor, slot])
        if self.outline:
            self.axes.plot(*line.T, color="white", lw=2.6, alpha=0.8, zorder=4)
        self.axes.plot(*line.T, color=colour, lw=1.1, zorder=4 if self.outline else 2)
        self.axes.plot(*anchor, "o", color=colour, ms=self.dot_size, mec="white", mew=1.2, zorder=5)

    def _write(self, topic: Topic, slot: Float64Array, *, outward: int) -> None:
        """Write a name, cut if it is too wide for the column, and the number of items beside it in grey."""
        style: Any = {
            "ha": "left" if outward > 0 else "right",
            "parse_math": False,  # a name with $ is not a formula
            "family": self.families,
        }
        x = slot[0]
        y = slot[1] - 0.045
        dpi = self.axes.figure.dpi
        name = self._printable(topic.name)
        text = self.axes.text(x + 0.07 * outward, y, name, color=_INK, size=9, **style)
        while name and text.get_window_extent().width > (COLUMN_WIDTH - _SIZE_WIDTH) * dpi:
            name = name[:-1].rstrip()
            text.set_text(f"{name}…")
        x += (0.14 + text.get_window_extent().width / dpi) * outward
        self.axes.text(x, y, f"{topic.size:,}", color=_GREY, size=8, **style)

    def _printable(self, name: str) -> str:
        """Return a name on one line; characters that no font has are replaced."""
        return "".join(
            character if character in self.characters and character.isprintable() else _MISSING
            for character in " ".join(name.split())
        )


def _fonts(wanted: set[str]) -> tuple[list[str], set[str]]:
    """Return the fonts to use, and the characters that they have.

    The fonts are matplotlib's own and, if that lacks some of the wanted characters, the installed one that has most of
    them.
    """
    from matplotlib import font_manager

    families = ["DejaVu Sans"]
    characters = _characters(font_manager.findfont(families[0]))
    missing = {character for character in wanted - characters if character.isprintable()}
    if missing:
        fonts = [font for font in font_manager.fontManager.ttflist if (font.style, font.weight) == ("normal", 400)]
        fonts.sort(key=lambda font: (-len(missing & _characters(font.fname)), font.name, font.fname))
        families.append(fonts[0].name)
        characters |= _characters(fonts[0].fname)
    return families, characters


def _characters(path: str) -> set[str]:
    """Return the characters of a font file."""
    from matplotlib.font_manager import get_font

    return set(map(chr, get_font(path).get_charmap()))
