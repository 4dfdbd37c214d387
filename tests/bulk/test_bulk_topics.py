"""Topics of a large collection are found on a sample, and given to all items by the rule of new items."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

import recs
from recs.bulk import topics
from recs.bulk.topics import cluster_sample
from recs.cli import cli

pytest.importorskip("hdbscan")


def make(n, seed=0):
    generator = np.random.default_rng(seed)
    kinds = np.arange(n) % 4
    X = np.eye(4, 12)[kinds] + generator.normal(0, 0.15, (n, 12))
    items = [
        recs.Item(f"{row:04}", f"{['soil', 'train', 'bread', 'violin'][kind]} {row}") for row, kind in enumerate(kinds)
    ]
    return items, recs.Embeddings.from_array([item.id for item in items], X, model="demo"), kinds


def test_cluster_sample_every_item_has_the_topic_that_predict_gives():
    items, embeddings, kinds = make(600)
    clustering = cluster_sample(items, embeddings, sample=200)
    assert clustering.ids == embeddings.ids
    np.testing.assert_array_equal(clustering.assigned, clustering.predict(embeddings))
    assert len(clustering.topics) == 4
    for topic in clustering.topics:
        of_topic = kinds[clustering.assigned == topic.id]
        assert len(set(of_topic.tolist())) == 1
        assert topic.size == len(of_topic)
    assert clustering.notes[0] == "topics were found on a sample of 200 of 600 items"


def test_cluster_sample_the_order_of_items_changes_nothing_and_topics_stay():
    items, embeddings, _ = make(400)
    one = cluster_sample(items, embeddings, sample=150)
    two = cluster_sample(items[::-1], embeddings, sample=150)
    np.testing.assert_array_equal(one.assigned, two.assigned)
    more, more_embeddings, _ = make(420)
    later = cluster_sample(more, more_embeddings, sample=150, previous=one)
    before = dict(zip(one.ids, one.assigned.tolist(), strict=True))
    now = dict(zip(later.ids, later.assigned.tolist(), strict=True))
    assert np.mean([now[name] == topic for name, topic in before.items()]) > 0.94
    assert {topic.id for topic in later.topics} == {topic.id for topic in one.topics}


@pytest.mark.model
def test_recs_cluster_of_many_items_takes_a_sample_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(topics, "LARGE", 40)
    source = tmp_path / "posts.jsonl"
    rows = [
        {"id": f"p{row:03}", "text": f"{['garden soil compost', 'steam train railway'][row % 2]} {row}"}
        for row in range(90)
    ]
    source.write_text("\n".join(map(json.dumps, rows)))
    result = CliRunner().invoke(cli, ["cluster", str(source), "-o", str(tmp_path / "topics.json")])
    assert result.exit_code == 0, result.output
    assert "a sample of" in result.output
