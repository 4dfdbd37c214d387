"""What users ask of topics: several topics an item, topics that must be there, words that no name holds."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from recs.cluster import cluster_items
from recs.clustering.phrase_reader import BannedWords
from recs.embedding.vectors import Embeddings
from recs.errors import OptionError, SourceError
from recs.items import Item


def subjects(sizes, *, spread, seed=0, texts=("", "", "", "", "")):
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(len(sizes)), sizes)
    X = rng.standard_normal((len(sizes), 24))[truth] + spread * rng.standard_normal((len(truth), 24))
    items = [
        Item(id=f"{row:04}", text=f"text no{row} of blob{own} {texts[own]}") for row, own in enumerate(truth.tolist())
    ]
    return items, Embeddings.from_array([item.id for item in items], X, model="blobs"), truth


def test_memberships_say_how_often_another_fit_agrees():
    items, embeddings, _ = subjects([120, 100, 140, 90], spread=1.6)
    order = np.random.default_rng(0).permutation(len(items))
    half, rest = ([items[row] for row in rows] for rows in (order[::2], order[1::2]))
    first, second = cluster_items(half, embeddings), cluster_items(rest, embeddings)
    vectors = embeddings.take(list(second.ids))
    likely = first.memberships(vectors, k=3)
    np.testing.assert_allclose(first.memberships(vectors, k=99).probabilities.sum(axis=1), 1)
    assert (np.diff(likely.probabilities, axis=1) <= 0).all()
    predicted = first.predict(vectors)
    same = {
        topic.id: np.bincount(predicted[(second.assigned == topic.id) & (predicted >= 0)]).argmax()
        for topic in second.topics
    }
    has_topic = second.assigned >= 0
    agrees = np.array([same.get(topic, -1) for topic in second.assigned.tolist()])[:, None] == likely.topics
    chance, share = likely.probabilities[has_topic].ravel(), agrees[has_topic].ravel()
    bins = np.minimum((chance * 5).astype(int), 4)
    error = sum(
        abs(share[bins == one].mean() - chance[bins == one].mean()) * (bins == one).mean() for one in np.unique(bins)
    )
    assert error <= 0.06
    uncalibrated = replace(first, parameters={**first.parameters, "temperature": 50.0}).memberships(vectors)
    assert abs(uncalibrated.probabilities[has_topic, 0].mean() - agrees[has_topic, 0].mean()) > 0.2


def test_memberships_of_few_topics_or_none():
    items, embeddings, _ = subjects([40, 50, 60], spread=0.4)
    clustering = cluster_items(items, embeddings)
    assert clustering.memberships(embeddings, k=5).topics.shape == (150, len(clustering.topics))
    assert cluster_items(items[:4], embeddings).memberships(embeddings).topics.shape == (150, 0)
    with pytest.raises(OptionError, match="k is 0"):
        clustering.memberships(embeddings, k=0)


def test_seed_topics_are_there_by_words_and_by_examples(tmp_path):
    texts = ("", "", "compost and compost")
    items, embeddings, truth = subjects([50, 60, 12], spread=0.4, texts=texts)
    embeddings = Embeddings.from_array(
        embeddings.ids,
        np.where(truth[:, None] == 2, embeddings.vectors[:1], embeddings.vectors)
        + 0.01 * np.random.default_rng(0).standard_normal(embeddings.vectors.shape),
        model="b",
    )
    path = tmp_path / "seeds.json"
    path.write_text(json.dumps({"Gardening": ["compost"], "Blob": ["0060", "blob1"], "Chess": ["gambit"]}))
    plain, seeded = cluster_items(items, embeddings), cluster_items(items, embeddings, seed_topics=path)
    assert "Gardening" not in {topic.name for topic in plain.topics}
    id_of_name = {topic.name: topic.id for topic in seeded.topics}
    assert (seeded.assigned[truth == 2] == id_of_name["Gardening"]).mean() >= 0.9
    assert "seed topics: nothing is there for 'Chess': 0 texts, expected 4 or more." in seeded.notes
    again = cluster_items(items, embeddings, previous=seeded)
    np.testing.assert_array_equal(again.assigned, seeded.assigned)
    assert {topic.name for topic in again.topics} == set(id_of_name)


def test_seed_topic_that_is_there_only_gives_its_name(tmp_path):
    items, embeddings, truth = subjects([50, 60, 40], spread=0.4)
    path = tmp_path / "seeds.json"
    path.write_text(json.dumps({"Mine": [item.id for item, own in zip(items, truth, strict=True) if own == 2]}))
    plain, seeded = cluster_items(items, embeddings), cluster_items(items, embeddings, seed_topics=path)
    np.testing.assert_array_equal(plain.assigned, seeded.assigned)
    assert {topic.name for topic in seeded.topics} - {topic.name for topic in plain.topics} == {"Mine"}


@pytest.mark.parametrize("content", ["[]", "{", '{"a": "b"}', '{"a": [1]}', '{" ": ["b"]}'])
def test_seed_topics_malformed_are_an_error(tmp_path, content):
    items, embeddings, _ = subjects([20, 20], spread=0.4)
    path = tmp_path / "seeds.json"
    path.write_text(content)
    with pytest.raises(SourceError, match="not a file of seed topics"):
        cluster_items(items, embeddings, seed_topics=path)


def test_ban_keeps_words_out_of_names_and_phrases(tmp_path):
    items, embeddings, _ = subjects([30, 40], spread=0.4)
    plain = cluster_items(items, embeddings)
    assert any("blob0" in topic.name.lower() for topic in plain.topics)
    path = tmp_path / "ban.txt"
    path.write_text("Blob0\n\n BLOB1 \nof\n")
    banned = cluster_items(items, embeddings, ban=path)
    np.testing.assert_array_equal(plain.assigned, banned.assigned)
    words = BannedWords.read(path)
    assert not any(words.within(text) for topic in banned.topics for text in (topic.name, *topic.phrases))
    again = cluster_items(items, embeddings, previous=plain, ban=path)
    assert not any(words.within(topic.name) for topic in again.topics)
    with pytest.raises(SourceError, match="cannot read banned words"):
        cluster_items(items, embeddings, ban=tmp_path / "none.txt")
