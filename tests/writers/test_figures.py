"""The drawn map: it fills its page, names do not overlap, and matplotlib takes them as plain text."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from recs.errors import OutputError

pytest.importorskip("matplotlib")
from recs.text.counts import counted
from recs.writers.figures import save_figure
from recs.writers.maps.figure import plot_topics


class Made(SimpleNamespace):
    def __len__(self):
        return len(self.assigned)


def clustering(sizes, outliers=0, names=None):
    names = names or [f"topic {at}" for at in range(len(sizes))]
    assigned = np.array([*np.repeat(np.arange(len(sizes)), sizes) * 2, *[-1] * outliers], np.int64)  # ids have gaps
    topics = [SimpleNamespace(id=2 * at, name=names[at], size=size) for at, size in enumerate(sizes)]
    return Made(topics=topics, assigned=assigned)


def places(n, seed=0):
    rng = np.random.default_rng(seed)
    return (rng.standard_normal((n, 2)) + 3 * rng.integers(0, 3, (n, 2))).astype(np.float32)


@pytest.mark.parametrize(("topics", "spread"), [(0, 1), (1, 1), (3, 1), (20, 1), (90, 1), (20, 0.01)])
def test_plot_topics_names_do_not_overlap_and_the_map_fills_the_page(topics, spread):
    sizes = [40 - at // 3 for at in range(topics)]
    made = clustering(sizes, outliers=30)
    figure = plot_topics(made, places(sum(sizes) + 30, seed=topics) * [1, spread])
    (axes,) = figure.axes
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert all(0 <= box.x0 < box.x1 <= figure.bbox.x1 and 0 <= box.y0 < box.y1 <= figure.bbox.y1 for box in boxes)
    names = [text.get_text() for text in axes.texts[:-1]]
    assert names == sorted(names, key=lambda name: int(name.split()[1]))  # the larger first
    assert len(names) == topics or len(names) > 15
    cloud = axes.transData.transform(np.vstack([points.get_offsets() for points in axes.collections]))
    share = np.ptp(cloud, axis=0) / figure.bbox.size
    assert share[0] >= 0.6
    assert share[1] >= 0.6 or spread < 1
    said = axes.texts[-1].get_text()
    assert f"{sum(sizes) + 30:,} items, {counted(topics, 'topic')}" in said
    assert "30 items in none" in said
    assert (f"{counted(topics - len(names), 'topic has', 'topics have')} no room" in said) == (len(names) < topics)


def test_plot_topics_of_many_items_shades_areas():
    made = clustering([3000, 2500])
    axes = plot_topics(made, places(5500)).axes[0]
    (shade,) = axes.images
    assert shade.get_array()[..., 3].max() > 0.2
    assert not plot_topics(clustering([30]), places(30)).axes[0].images


def test_plot_topics_equal_figures_are_equal_bytes_and_shapes_are_read(tmp_path):
    made = clustering([12, 9, 7])
    for name in ("a.png", "b.png", "a.svg", "b.svg"):
        save_figure(plot_topics(made, places(28)), tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    with pytest.raises(OutputError, match="cannot be written"):
        save_figure(plot_topics(made, places(28)), tmp_path / "a.doc")


@pytest.mark.slow
def test_plot_topics_hostile_names_are_plain_text(tmp_path):
    names = ["$\\frac{", "a\nb\tc", "園芸 🥕 \U0010fffd", "\ud800", "x" * 500, "$5 and $6"]
    figure = plot_topics(clustering([6, 5, 4, 3, 2, 1], names=names), places(21))
    save_figure(figure, tmp_path / "names.png")
    written = [text.get_text() for text in figure.axes[0].texts]
    assert {"$\\frac{", "a b c", "$5 and $6", "□"} <= set(written)
    assert any(text.startswith("xxxx") and text.endswith("…") and len(text) < 60 for text in written)


def test_plot_topics_of_nothing_is_a_figure(tmp_path):
    save_figure(plot_topics(clustering([]), np.zeros((0, 2), np.float32)), tmp_path / "none.png")
    save_figure(plot_topics(clustering([1]), np.zeros((1, 2), np.float32)), tmp_path / "one.png")
