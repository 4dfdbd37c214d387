"""Topics over many runs: what stays, what moves, and what the user is told."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from recs.cluster import cluster_items
from recs.clustering.growth.changes import changes_since
from recs.clustering.parts import TopicChange
from recs.clustering.result import Clustering
from recs.embedding.vectors import Embeddings
from recs.items import Item


def growing(sizes, seed, near=()):
    """Return items in a random order and vectors around random centres, and the centre of each.

    `near` are pairs: the second centre is moved beside the first.
    """
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((len(sizes), 24))
    for first, second in near:
        centres[second] = centres[first] + 0.6 * rng.standard_normal(24)
    truth = rng.permutation(np.repeat(np.arange(len(sizes)), sizes))
    X = centres[truth] + 0.5 * rng.standard_normal((len(truth), 24))
    items = [Item(id=f"{row:04}", text=f"text no{row} of blob{label}") for row, label in enumerate(truth.tolist())]
    return items, Embeddings.from_array([item.id for item in items], X, model="blobs"), truth


def replay(items, embeddings, start, step, first=None):
    """Return the states of a collection that grows by `step` items from run to run."""
    states = [first or cluster_items(items[:start], embeddings)]
    for end in range(start + step, len(items) + 1, step):
        states.append(cluster_items(items[:end], embeddings, previous=states[-1]))
    return states


def topics_by_item(state):
    return {item: topic for item, topic in zip(state.ids, state.assigned.tolist(), strict=True) if topic >= 0}


def check_step(before, after):
    """Check what each run promises: nearly all items keep their topic, no name changes, no id is used again."""
    had, has = topics_by_item(before), topics_by_item(after)
    moved = sum(has.get(item) != topic for item, topic in had.items())
    assert moved <= max(0.02 * len(had), 5)
    names = {topic.id: topic.name for topic in after.topics}
    assert all(names.get(topic.id, topic.name) == topic.name for topic in before.topics)
    new = set(names) - {topic.id for topic in before.topics}
    assert all(topic >= before.parameters["next_id"] for topic in new)
    assert {change.topic for change in after.changes if change.kind in ("new", "split")} == new
    gone = {topic.id for topic in before.topics} - set(names)
    assert {change.topic for change in after.changes if change.kind in ("merged", "gone")} == gone


@pytest.mark.parametrize("seed", range(3))
def test_replay_of_a_growing_collection_keeps_topics_and_finds_the_subjects(seed):
    items, embeddings, truth = growing([50, 60, 70, 40, 50], seed)
    late = np.concatenate([np.flatnonzero(truth < 4), np.flatnonzero(truth == 4)])
    items = [items[row] for row in late]  # the last subject comes when all others are there
    states = replay(items, embeddings, 140, 18)
    for before, after in pairwise(states):
        check_step(before, after)
    topic_of = topics_by_item(states[-1])
    subjects = [
        Counter(truth[int(item)] for item, own in topic_of.items() if own == topic.id) for topic in states[-1].topics
    ]
    assert {subject.most_common(1)[0][0] for subject in subjects} == set(range(5))
    assert all(subject.most_common(1)[0][1] >= 0.9 * subject.total() for subject in subjects)


def test_new_subject_is_a_topic_in_the_run_in_which_it_comes():
    items, embeddings, truth = growing([50, 60, 70, 15], 1)
    old = [item for item, subject in zip(items, truth, strict=True) if subject < 3]
    after = cluster_items(items, embeddings, previous=cluster_items(old, embeddings))
    (change,) = after.changes
    assert change == TopicChange("new", 3, next(topic.name for topic in after.topics if topic.id == 3), 15)


@pytest.fixture(scope="module")
def split():
    """Return the states of a collection of four topics, one of which a fresh fit sees as two."""
    items, embeddings, truth = growing([60, 70, 80, 50, 50], 3, near=[(3, 4)])
    coarse = cluster_items(items[:190], embeddings, n_topics=4, assign="all")  # an outlier would not count as split off
    return replay(items, embeddings, 190, 10, coarse), truth


def test_split_takes_several_runs_and_is_told_once(split):
    states, truth = split
    assert len(cluster_items([], Embeddings.from_array([], np.zeros((0, 24)), model="blobs")).changes) == 0
    for before, after in pairwise(states):
        check_step(before, after)
    told = [change for state in states for change in state.changes]
    assert [change.kind for change in told] == ["split"]
    old = told[0].other
    assert old in {topic.id for topic in states[0].topics}
    assert told[0].other_name == {topic.id: topic.name for topic in states[0].topics}[old]
    last = topics_by_item(states[-1])
    subjects = {
        topic: {int(truth[int(item)]) for item, own in last.items() if own == topic} for topic in (old, told[0].topic)
    }
    assert sorted(map(sorted, subjects.values())) == [[3], [4]]


def test_wish_of_one_run_moves_nothing(split):
    states, _ = split
    assert (states[1].leanings < -1).any()  # the fresh fit has the split, for the first time
    had, has = topics_by_item(states[0]), topics_by_item(states[1])
    assert all(has[item] == topic for item, topic in had.items())
    assert states[1].changes == ()


def test_run_without_new_items_changes_nothing(split):
    states, _ = split
    items, embeddings, _ = growing([60, 70, 80, 50, 50], 3, near=[(3, 4)])
    for state in states[1:4]:
        again = cluster_items([item for item in items if item.id in set(state.ids)], embeddings, previous=state)
        np.testing.assert_array_equal(again.assigned, state.assigned)
        np.testing.assert_array_equal(again.leanings, state.leanings)
        assert again.changes == ()


def test_changes_and_leanings_are_saved_and_an_older_file_has_none(split, tmp_path):
    states, _ = split
    state = next(state for state in states if state.changes)
    state.save(tmp_path / "topics.npz")
    loaded = Clustering.load(tmp_path / "topics.npz")
    assert loaded.changes == state.changes
    np.testing.assert_array_equal(loaded.leanings, state.leanings)
    with np.load(tmp_path / "topics.npz") as archive:
        arrays = dict(archive)
    manifest = json.loads(arrays["manifest"].tobytes())
    del manifest["changes"], arrays["leanings"]
    arrays["manifest"] = np.frombuffer(json.dumps(manifest).encode(), np.uint8)
    np.savez(tmp_path / "old.npz", **arrays)
    old = Clustering.load(tmp_path / "old.npz")
    assert (old.changes, set(old.leanings.tolist())) == ((), {-1})


def test_topics_that_are_merged_or_gone_are_told(tmp_path):
    items, embeddings, truth = growing([50, 60, 70, 40], 0)
    before = cluster_items(items, embeddings)
    topic_of = topics_by_item(before)
    topics = [Counter() for _ in range(4)]
    for item, subject in zip(items, truth.tolist(), strict=True):
        topics[subject][topic_of.get(item.id)] += 1
    first, second, third, _ = (counts.most_common(1)[0][0] for counts in topics)
    (tmp_path / "edits.json").write_text(json.dumps({"merge": [[first, second]]}), encoding="utf-8")
    here = [item for item, own in zip(items, truth, strict=True) if own != 2]
    after = cluster_items(here, embeddings, previous=before, edits=tmp_path / "edits.json")
    told = {change.topic: change for change in after.changes}
    assert (told[second].kind, told[second].other) == ("merged", first)
    assert (told[third].kind, told[third].other, told[third].items) == ("gone", None, 70)


def test_changes_since_equal_states_is_empty_and_ids_decide(split):
    states, _ = split
    layer = states[0].layers[states[0].default]
    assert changes_since(states[0], states[0].ids, layer) == ()
    renamed = replace(layer, topics=tuple(replace(topic, name="other") for topic in layer.topics))
    assert changes_since(states[0], states[0].ids, renamed) == ()
