"""The drawn map: names outside the cloud, lines that do not cross, and names that matplotlib takes as plain text."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import numpy as np
import pytest

from recs.clustering.layout import topic_anchors, topic_colours
from recs.errors import OutputError

pytest.importorskip("matplotlib")
from recs.text.counts import counted
from recs.writers.figures import plot_topics, save_figure


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


def crosses(a, b, c, d):
    """Return whether the open segments ab and cd meet, by the signs of four areas."""

    def side(p, q, r):
        return np.sign(np.cross([*(q - p), 0], [*(r - p), 0])[2])

    return side(a, b, c) != side(a, b, d) and side(c, d, a) != side(c, d, b)


@pytest.mark.parametrize(("topics", "named"), [(0, 0), (1, 1), (3, 3), (20, 20), (90, 54)])
def test_plot_topics_names_do_not_overlap_and_lines_do_not_cross(topics, named):
    sizes = [40 - at // 3 for at in range(topics)]
    made = clustering(sizes, outliers=30)
    figure = plot_topics(made, places(sum(sizes) + 30, seed=topics))
    (axes,) = figure.axes
    lines = [np.array(line.get_data()).T for line in axes.lines if len(line.get_xdata()) == 2]
    assert len(lines) == named
    assert not any(crosses(*one, *other) for one, other in itertools.combinations(lines, 2))
    boxes = [text.get_window_extent() for text in axes.texts]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert all(0 <= box.x0 < box.x1 <= figure.bbox.x1 and 0 <= box.y0 < box.y1 <= figure.bbox.y1 for box in boxes)
    cloud = np.vstack([points.get_offsets() for points in axes.collections])
    left, right = axes.transData.transform([cloud.min(axis=0), cloud.max(axis=0)])[:, 0]
    assert all(box.x1 < left or box.x0 > right for box in boxes[:-1])  # the last is the caption
    said = axes.texts[-1].get_text()
    assert f"{sum(sizes) + 30:,} items, {counted(topics, 'topic')}" in said
    assert "30 items in none" in said
    assert (f"{topics - len(lines)} smallest" in said) == (len(lines) < topics)


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


def test_topic_colours_differ_among_near_topics():
    anchors = np.array([(x, y) for x in range(6) for y in range(6)], np.float64)
    colours = topic_colours(anchors)
    assert len(set(colours)) == 8
    gaps = np.linalg.norm(anchors[:, None] - anchors, axis=2)
    same = np.array([[one == other for one in colours] for other in colours])
    assert gaps[same & (gaps > 0)].min() > gaps[gaps > 0].min()


def test_topic_anchors_are_members_near_the_middle():
    xy = np.array([[0, 0], [1, 0], [2, 0.1], [9, 9], [50, 50]], np.float32)
    np.testing.assert_allclose(topic_anchors(xy, np.array([0, 0, 0, 1, -1]), 2), [[1, 0], [9, 9]])
