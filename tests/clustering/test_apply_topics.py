"""Saved topics for other items: nothing is learned, nothing of another model is compared."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from test_copies import subjects, with_notices

from recs.cluster import cluster_items
from recs.clustering.application import apply_topics
from recs.clustering.result import Clustering
from recs.embedding.vectors import Embeddings
from recs.errors import FingerprintMismatchError, SourceError
from recs.items import Item

pytest.importorskip("hdbscan")


@pytest.fixture
def halves():
    """Items of three subjects, their vectors, and which of them are old."""
    items, X, truth = subjects([40, 50, 60])
    embeddings = Embeddings.from_array([item.id for item in items], X, model="m")
    return items, embeddings, np.arange(len(truth)) % 2 == 0


def split(items, is_old):
    return [item for item, old in zip(items, is_old, strict=True) if old], [
        item for item, old in zip(items, is_old, strict=True) if not old
    ]


def test_apply_topics_gives_new_items_what_predict_says_and_keeps_the_topics(halves, tmp_path):
    items, embeddings, is_old = halves
    old, new = split(items, is_old)
    (tmp_path / "edits.json").write_text('{"names": {"0": "Mine"}, "merge": [[1, 2]]}')
    cluster_items(old, embeddings, edits=tmp_path / "edits.json").save(tmp_path / "topics.npz")
    saved = Clustering.load(tmp_path / "topics.npz")
    applied = apply_topics(saved, new, embeddings)
    new_embeddings = embeddings.take([item.id for item in new])
    np.testing.assert_array_equal(applied.assigned, saved.predict(new_embeddings))
    assert [(topic.id, topic.name, topic.phrases) for topic in applied.topics] == [
        (topic.id, topic.name, topic.phrases) for topic in saved.topics
    ]
    assert applied.topics[0].name == "Mine"
    assert [topic.size for topic in applied.topics] == [
        (applied.assigned == topic.id).sum() for topic in applied.topics
    ]
    assert {name for topic in applied.topics for name in topic.exemplars} <= set(applied.ids)
    assert applied.rule is saved.rule


def test_apply_topics_the_size_of_blocks_changes_nothing(monkeypatch):
    items, embeddings, _ = with_notices([30, 40, 50], 20, 0.8)
    saved = cluster_items(items, embeddings)
    whole = apply_topics(saved, items, embeddings)
    for size in (1, 7, 64):
        monkeypatch.setattr("recs.clustering.application._BLOCK", size)
        applied = apply_topics(saved, items, embeddings)
        np.testing.assert_array_equal(applied.assigned, whole.assigned)
        assert (applied.topics, applied.metrics) == (whole.topics, whole.metrics)
    assert whole.metrics["distinct"] == saved.metrics["distinct"] < len(items)


def test_apply_topics_to_its_own_items_changes_nothing():
    items, embeddings, _ = with_notices([30, 40, 50], 20, 0.8)
    saved = cluster_items(items, embeddings)
    np.testing.assert_array_equal(apply_topics(saved, items, embeddings).assigned, saved.assigned)


def test_apply_topics_items_of_no_topic_are_outliers_and_are_counted(halves):
    items, embeddings, _ = halves
    saved = cluster_items(items, embeddings)
    foreign = Embeddings.from_array(["a", "b"], -embeddings.vectors[:2], model="m")
    applied = apply_topics(saved, [Item(id="b", text="x"), Item(id="a", text="y")], foreign)
    assert (applied.ids, applied.assigned.tolist()) == (("a", "b"), [-1, -1])
    assert applied.notes == ("2 items are in none of the 3 topics.", "3 saved topics have no item here.")
    assert apply_topics(saved, [], foreign.take([])).assigned.tolist() == []


def test_apply_topics_leaves_out_drafts_and_gives_blank_items_no_topic(halves):
    items, embeddings, _ = halves
    saved = cluster_items(items, embeddings)
    tokens = np.full(len(items), 3)
    read = replace(embeddings, tokens=tokens, tokens_lost=np.where(np.arange(len(items)) == 1, 3, 0))
    applied = apply_topics(saved, [replace(items[0], visibility="draft"), *items[1:]], read)
    assert items[0].id not in applied.ids
    assert applied.assigned[0] == -1 != saved.assigned[1]


def test_apply_topics_vectors_of_another_model_or_prompt_are_refused(halves):
    items, embeddings, _ = halves
    saved = cluster_items(items, embeddings)
    for other in (replace(embeddings, fingerprint="other"), replace(embeddings, prompt="cluster: ")):
        with pytest.raises(FingerprintMismatchError, match="embed both with one model"):
            apply_topics(saved, items, other)


def test_load_file_whose_arrays_do_not_fit_is_refused(halves, tmp_path):
    items, embeddings, _ = halves
    saved = cluster_items(items, embeddings)
    for change in (
        {"labels": saved.labels[:-1].copy()},
        {"rule": replace(saved.rule, offsets=saved.rule.offsets[:-1])},
        {"parameters": {**saved.parameters, "assign": "some"}},
    ):
        replace(saved, **change).save(tmp_path / "topics.npz")
        with pytest.raises(SourceError, match="not a clustering"):
            Clustering.load(tmp_path / "topics.npz")


# --- an earlier run whose items are not here ---


def test_previous_on_new_items_alone_recognises_the_topics(halves):
    items, embeddings, is_old = halves
    old, new = split(items, is_old)
    before = cluster_items(old, embeddings)
    after = cluster_items(new, embeddings, previous=before)
    assert {topic.id: topic.name for topic in after.topics} == {topic.id: topic.name for topic in before.topics}
    predicted = before.predict(embeddings.take([item.id for item in new]))
    assert (after.assigned == predicted).mean() >= 0.95
    assert after.notes == (
        "previous: no item was in the earlier run; 3 of its 3 topics were recognised by the vectors of new items.",
    )


def test_previous_on_a_few_new_items_recognises_their_topic_and_names_the_others(halves):
    items, embeddings, _ = halves
    before = cluster_items(items[2:], embeddings)
    after = cluster_items(items[:2], embeddings, previous=before)
    assert [topic.id for topic in after.topics] == [before.assigned[0]]
    assert (after.assigned == before.assigned[0]).all()
    assert not any("no clusters found" in note for note in after.notes)
    assert any("2 topics of the earlier run have no item here" in note for note in after.notes)
    assert after.parameters["next_id"] == before.parameters["next_id"]


def test_previous_new_subject_alone_is_a_new_topic_and_a_note_says_that_nothing_was_recognised():
    items, X, truth = subjects([40, 50, 60, 40, 40])
    embeddings = Embeddings.from_array([item.id for item in items], X, model="m")
    before = cluster_items([item for item, own in zip(items, truth, strict=True) if own < 3], embeddings)
    after = cluster_items(
        [item for item, own in zip(items, truth, strict=True) if own >= 3], embeddings, previous=before
    )
    assert after.topics
    assert min(topic.id for topic in after.topics) >= before.parameters["next_id"]
    assert "previous: no item belongs to any of the 3 topics of the earlier run." in after.notes
