"""Copies of one text: one group, whatever its size, that moves no other topic."""

from __future__ import annotations

import numpy as np
import pytest

from recs.cluster import cluster_items
from recs.clustering.copies import DistinctTexts, copy_groups
from recs.embedding.vectors import Embeddings
from recs.items import Item

pytest.importorskip("hdbscan")

NOTICE = "Office hours number {}: bring your questions about your card and our opening times to the town hall."


def notices(count):
    return [Item(id=f"zz{place:03}", text=NOTICE.format(place)) for place in range(count)]


def subjects(sizes, seed=0):
    """Return items of as many subjects, and vectors around as many random centres."""
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    X = rng.standard_normal((len(sizes), 24))[truth] + 0.4 * rng.standard_normal((len(truth), 24))
    return [Item(id=f"{row:04}", text=f"text no{row} of subject{label}") for row, label in enumerate(truth)], X, truth


def with_notices(sizes, count, spread):
    items, X, truth = subjects(sizes)
    rng = np.random.default_rng(1)
    copies = rng.standard_normal(24) + spread * rng.standard_normal((count, 24))
    items = [*items, *notices(count)]
    return items, Embeddings.from_array([item.id for item in items], np.vstack([X, copies]), model="m"), truth


def test_copy_groups_are_texts_that_differ_in_numbers_or_one_word_of_twenty():
    long = "the doors of the old town hall open at nine and close at five so come early and bring a warm coat"
    texts = [long, long.replace("warm", "red"), NOTICE.format(1), NOTICE.format(22), "Python 2", "Python 3", "", ""]
    items = [Item(id=str(place), text=text) for place, text in enumerate(texts)]
    assert copy_groups(items).tolist() == [0, 0, 1, 1, 2, 3, 4, 5]
    other = [Item(id="0", text=long), Item(id="1", text=long.replace("warm", "red").replace("nine", "ten"))]
    assert copy_groups([*other, Item(id="2", title="A title", text=long)]).tolist() == [0, 1, 0]


def test_copy_groups_of_texts_in_another_order_are_the_same_sets():
    rng = np.random.default_rng(0)
    words = [f"w{chr(97 + place % 26)}{chr(97 + place // 26)}" for place in range(60)]
    items = [Item(id=f"{row:03}", text=" ".join(rng.choice(words, 40))) for row in range(60)]
    items += [Item(id=f"x{row:02}", text=f"{items[0].text} {row}") for row in range(5)]
    groups = copy_groups(items)
    assert len(set(groups.tolist())) == 60
    assert (groups[60:] == groups[0]).all()


def test_distinct_texts_have_the_mean_vector_and_know_the_farthest_copy():
    items = [*notices(4), Item(id="zzz", text="another text that is alone")]
    X = [[1, 0], [0, 1], [1, 0], [0, 1], [0, -1]]
    embeddings = Embeddings.from_array([item.id for item in items], X, model="m")
    texts = DistinctTexts.of(items, embeddings)
    assert texts.row_of_item.tolist() == [0, 0, 0, 0, 1]
    np.testing.assert_allclose(texts.vectors, [[0.5**0.5, 0.5**0.5], [0, -1]], rtol=1e-6)
    np.testing.assert_allclose(texts.farthest, [0.5**0.5, 1], rtol=1e-6)


def test_distinct_texts_keep_a_pair_apart_unless_its_texts_are_equal():
    pair = notices(2)
    equal = [Item(id="x", text="a text that is there twice"), Item(id="y", text="a text that is there twice")]
    embeddings = Embeddings.from_array(
        [*(item.id for item in pair), "x", "y"], [[1, 0], [0, 1], [-1, 0], [0, -1]], model="m"
    )
    assert DistinctTexts.of([*pair, *equal], embeddings).row_of_item.tolist() == [0, 1, 2, 2]


@pytest.mark.parametrize("spread", [0.2, 0.8])
@pytest.mark.parametrize("count", [12, 200])
def test_cluster_items_copies_of_one_text_are_one_topic_and_move_no_other(count, spread):
    sizes = [30, 40, 50]
    items, embeddings, truth = with_notices(sizes, count, spread)
    plain = cluster_items(items[: len(truth)], embeddings)
    clustering = cluster_items(items, embeddings)
    assert [topic.size for topic in clustering.topics] == [*(topic.size for topic in plain.topics), count]
    assert len(set(clustering.assigned[len(truth) :].tolist())) == 1
    np.testing.assert_array_equal(clustering.assigned[: len(truth)], plain.assigned)
    assert clustering.topics[-1].stability == 1.0


def test_cluster_items_copies_keep_their_topic_and_new_copies_join_it():
    items, embeddings, truth = with_notices([30, 40, 50], 20, 0.4)
    before = cluster_items(items[:-4], embeddings)
    topic = before.assigned[len(truth)]
    assert (before.predict(embeddings)[len(truth) :] == topic).mean() >= 0.9
    again = cluster_items(items[:-4], embeddings, previous=before)
    np.testing.assert_array_equal(again.assigned, before.assigned)
    after = cluster_items(items, embeddings, previous=before)
    assert (after.assigned[len(truth) :] == topic).all()


def test_cluster_items_only_copies_are_one_topic():
    items, embeddings, truth = with_notices([30], 200, 0.8)
    clustering = cluster_items(items[len(truth) :], embeddings)
    assert [topic.size for topic in clustering.topics] == [200]
    assert "copies of one text" in clustering.notes[-1]
