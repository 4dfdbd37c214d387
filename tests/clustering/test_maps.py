"""The map: places that keep neighbours together and fill the page, and colours that tell neighbours apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recs.clustering.maps import layout
from recs.clustering.maps.field import PushField, push_exactly
from recs.clustering.maps.layout import map_layout
from recs.clustering.maps.packing import packed
from recs.clustering.maps.topics import topic_anchors, topic_colours, topic_neighbors


def blobs(sizes, dim=24, spread=0.5, seed=0):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    middles = rng.standard_normal((len(sizes), dim))
    return (middles[truth] + spread * rng.standard_normal((len(truth), dim))).astype(np.float32), truth


def share_of_same(places, truth, k=5):
    gaps = np.linalg.norm(places[:, None] - places, axis=2)
    np.fill_diagonal(gaps, np.inf)
    return (truth[np.argsort(gaps, axis=1)[:, :k]] == truth[:, None]).mean()


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4, 5, 20, 40])
def test_map_layout_of_few_rows_is_finite_and_within_bounds(n):
    X = np.random.default_rng(0).standard_normal((n, 6)).astype(np.float32)
    places = map_layout(X)
    assert places.shape == (n, 2)
    assert places.dtype == np.float32
    assert np.isfinite(places).all()
    assert np.abs(places).max(initial=0) <= 1


def test_map_layout_keeps_blobs_together_and_hangs_on_no_order():
    X, truth = blobs([60, 60, 60])
    places = map_layout(X)
    np.testing.assert_array_equal(places, map_layout(X))
    assert share_of_same(places, truth) >= 0.98
    order = np.random.default_rng(1).permutation(len(X))
    np.testing.assert_array_equal(places[order], map_layout(X[order]))


def test_map_layout_of_copies_is_finite_and_copies_share_a_place():
    X, _ = blobs([30, 30])
    places = map_layout(np.vstack([X, X[:10], np.zeros((3, 24), np.float32)]))
    assert np.isfinite(places).all()
    np.testing.assert_array_equal(places[:10], places[60:70])


def test_map_layout_of_many_rows_places_the_rest_among_landmarks(monkeypatch):
    monkeypatch.setattr(layout, "_MOST", 300)
    monkeypatch.setattr(layout, "_LANDMARKS", 200)
    X, truth = blobs([200, 200, 200])
    places = map_layout(X)
    assert len(np.unique(places, axis=0)) > 570
    assert share_of_same(places, truth) >= 0.98


@pytest.mark.parametrize("scale", [0.01, 3.0, 12.0])
def test_push_field_is_that_of_all_pairs(scale):
    rng = np.random.default_rng(0)
    places, masses = rng.standard_normal((900, 2)) * [scale, scale / 3], rng.random(900)
    forces, total = PushField().push(places, masses)
    exact, exact_total = push_exactly(places, masses)
    assert total == pytest.approx(exact_total, rel=0.02)
    assert np.linalg.norm(forces - exact) < 0.06 * np.linalg.norm(exact)


def filled(places):
    """Return the share of a grid's rows and columns that have a point."""
    cells = np.floor((places - places.min(axis=0)) / (np.ptp(places, axis=0) + 1e-9) * 12).astype(int)
    return min(len(set(cells[:, 0])), len(set(cells[:, 1]))) / 12


def test_packed_parts_that_hang_on_nothing_come_near():
    rng = np.random.default_rng(0)
    main, small = rng.standard_normal((300, 2)), rng.standard_normal((30, 2)) / 4
    apart = np.vstack([main, np.add(small, (80, 80)), np.add(small, (-70, 20))])
    assert filled(apart) < 0.3
    together = packed(apart)
    assert filled(together) >= 0.8
    assert np.abs(together).max() <= 1
    middles = [together[rows].mean(axis=0) for rows in (slice(300), slice(300, 330), slice(330, 360))]
    assert min(np.linalg.norm(middles[0] - other) for other in middles[1:]) > 0.4  # beside the others, not in them
    assert np.ptp(together[:, 0]) >= np.ptp(together[:, 1])


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 90), st.sampled_from([1.0, 0.0]))
def test_topic_colours_neighbours_never_share_one(seed, topics, height):
    rng = np.random.default_rng(seed)
    of = np.arange(topics * 4) % topics
    places = (rng.random((topics, 2))[of] + 0.1 * rng.standard_normal((topics * 4, 2))).astype(np.float32)
    places[:, 1] *= height  # 0: all on one line
    anchors = topic_anchors(places, of, topics)
    assert (of[anchors] == np.arange(topics)).all()
    colours = topic_colours(places, of, anchors)
    touching = topic_neighbors(places, of, anchors)
    assert (touching == touching.T).all()
    assert not any(colours[one] == colours[other] for one, other in np.argwhere(touching >= 1))


def test_topic_anchors_are_where_most_members_are():
    xy = np.array([[0, 0], [1, 0], [2, 0.1], [9, 9], [50, 50]], np.float32)
    assert topic_anchors(xy, np.array([0, 0, 0, 1, -1]), 2).tolist() == [1, 3]
    rng = np.random.default_rng(0)
    halves = np.vstack([rng.normal(0, 1, (40, 2)), rng.normal([10, 0], 0.1, (60, 2))])
    assert topic_anchors(halves, np.zeros(100, np.int64), 1)[0] >= 40
