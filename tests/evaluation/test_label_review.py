"""Labels that are probably wrong or missing, and which items to label next."""

from dataclasses import replace

import numpy as np
import pytest
from labelled import make_clouds, vectors_of

from recs.classification.labels import LabelRules
from recs.errors import OptionError
from recs.evaluation.label_review import _doubts, _most_useful, label_issues, select_to_label

pytest.importorskip("sklearn", reason="scikit-learn is part of the extra 'classify'")


def test_label_issues_flipped_labels_come_first():
    labels = [f"l{place % 4}" for place in range(200)]
    items, embeddings = make_clouds(labels, spread=0.5)
    flipped = {f"i{place:04}": f"l{(place + 1) % 4}" for place in range(0, 200, 17)}
    wrong = [replace(item, meta={"kind": flipped[item.id]}) if item.id in flipped else item for item in items]
    found = label_issues(wrong[::-1], embeddings, label="kind")
    assert {one.id for one in found[: len(flipped)]} == set(flipped)
    for one in found[: len(flipped)]:
        assert (one.kind, one.label) == ("wrong", flipped[one.id])
        assert one.better == labels[int(one.id[1:])]
        assert one.probability < 0.5
    assert [one.score for one in found] == sorted([one.score for one in found], reverse=True)
    assert found == label_issues(wrong, embeddings, label="kind")


def test_label_issues_missing_and_wrong_tags_are_distinguished():
    tags = [["a", "b"], ["b"], ["c"], ["a"]] * 40
    dates = [f"20{place // 12:02}-{1 + place % 12:02}-01" for place in range(160)]
    items, embeddings = make_clouds(tags, spread=0.3, dates=dates)
    changed = [
        replace(item, meta={"kind": {40: ["b"], 41: ["b", "c"]}[n]}) if n in (40, 41) else item
        for n, item in enumerate(items)
    ]
    found = {(one.id, one.label): one for one in label_issues(changed, embeddings, label="kind")}
    assert found["i0040", "a"].kind == "missing"
    assert found["i0041", "c"].kind == "wrong"
    assert not found["i0040", "a"].older


def test_label_issues_item_older_than_every_item_with_the_label_is_marked():
    tags = [["a"] if place < 40 else ["a", "b"] if place % 2 else ["c"] for place in range(120)]
    items, embeddings = make_clouds([["a", "b"] if one == ["a"] else one for one in tags], spread=0.2)
    dated = [
        replace(item, meta={"kind": one}, published=f"20{n // 12:02}-{1 + n % 12:02}-01")
        for n, (item, one) in enumerate(zip(items, tags, strict=True))
    ]
    missing = [one for one in label_issues(dated, embeddings, label="kind") if one.kind == "missing"]
    assert all(one.older == (one.id < "i0041") for one in missing if one.label == "b")


def test_label_issues_automatic_labels_and_labels_of_one_item_are_no_issue():
    tags = [["a"], ["b"]] * 40 + [["only", "a"], ["a", "b"]]
    items, embeddings = make_clouds(tags, spread=0.2)
    marked = [
        replace(item, meta={"kind": ["a", "b"], "kind_auto": ["b"]}) if n == 0 else item for n, item in enumerate(items)
    ]
    assert not {("i0080", "only"), ("i0000", "b")} & {
        (one.id, one.label) for one in label_issues(marked, embeddings, label="kind")
    }
    items, embeddings = make_clouds(["a", "b"] * 20 + ["only"], spread=0.2)
    assert "only" not in {one.label for one in label_issues(items, embeddings, label="kind")}


def plain_greedy(X, worth, served, rows, k):
    chosen = []
    while len(chosen) < min(k, len(rows)):
        gains = {row: float(np.maximum(X @ X[row] - served, 0) @ worth) for row in rows if row not in chosen}
        best = min(gains, key=lambda row: (-gains[row], row))
        chosen.append(int(best))
        served = np.maximum(served, X @ X[best])
    return chosen


@pytest.mark.parametrize("seed", range(8))
def test_most_useful_lazy_evaluation_agrees_with_plain_greedy(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(3, 80))
    X = rng.standard_normal((n, 5))
    X = (X / np.linalg.norm(X, axis=1, keepdims=True)).astype(np.float32)
    worth, served = rng.random((2, n)).astype(np.float32)
    rows = np.sort(rng.choice(n, size=n // 2 + 1, replace=False))
    k = int(rng.integers(1, n))
    assert _most_useful(X, worth, served, rows, k) == plain_greedy(
        X.astype(float), worth.astype(float), served, rows, k
    )


def test_select_to_label_agrees_with_plain_greedy_from_the_labelled_items_on():
    items, embeddings = make_clouds([f"l{n % 6}" for n in range(90)], spread=0.7)
    items = [replace(item, meta={"kind": f"l{n % 3}"} if n % 4 == 0 else {}) for n, item in enumerate(items)]
    chosen = select_to_label(items[::-1], embeddings, label="kind", k=12)
    X = np.asarray(embeddings.vectors, dtype=float)
    worth, guesses = _doubts(tuple(items), embeddings, "kind", LabelRules(), embeddings.vectors)
    served = np.maximum((X @ X[::4].T).max(axis=1), 0)
    expected = plain_greedy(X, worth, served, [n for n in range(90) if n % 4], 12)
    assert [one.id for one in chosen] == [items[n].id for n in expected]
    assert [one.doubt for one in chosen] == pytest.approx([worth[n] for n in expected], abs=1e-4)
    assert [one.guess for one in chosen] == [guesses[n] for n in expected]
    assert 0 <= worth.min() < worth.max() <= 1


def test_select_to_label_without_labels_picks_one_of_each_group():
    groups = [f"g{n % 5}" for n in range(100)]
    items, embeddings = make_clouds(groups, spread=0.15)
    bare = [replace(item, meta={}) for item in items]
    chosen = select_to_label(bare, embeddings, label="kind", k=5)
    assert {groups[int(one.id[1:])] for one in chosen} == set(groups)
    assert all(one.guess is None and one.doubt == 1 for one in chosen)


def test_select_to_label_leaves_out_items_similar_to_labelled_ones():
    groups = [f"g{n % 5}" for n in range(100)]
    items, embeddings = make_clouds(groups, spread=0.15)
    some = [item if groups[n] in ("g0", "g1") else replace(item, meta={}) for n, item in enumerate(items)]
    assert {groups[int(one.id[1:])] for one in select_to_label(some, embeddings, label="kind", k=3)} == {
        "g2",
        "g3",
        "g4",
    }
    automatic = [replace(item, meta={"kind": "x", "kind_auto": "x"}) for item in items]
    assert len(select_to_label(automatic, embeddings, label="kind", k=3)) == 3


def test_select_to_label_equal_items_are_chosen_after_all_others():
    items, embeddings = make_clouds([None] * 6, seed=3)
    X = np.vstack([np.repeat(np.asarray(embeddings.vectors[:1]), 4, axis=0), embeddings.vectors[1:3]])
    chosen = select_to_label(items, vectors_of(embeddings.ids, embeddings, X), label="kind", k=6)
    assert {one.id for one in chosen[:3]} >= {"i0004", "i0005"}
    assert len(chosen) == 6
    with pytest.raises(OptionError, match="k is 0"):
        select_to_label(items, embeddings, label="kind", k=0)


def test_select_to_label_guesses_no_label_that_is_retired_and_names_others_anew():
    items, embeddings = make_clouds([f"l{n % 4}" for n in range(80)], spread=0.2)
    items = [item if n % 8 < 4 else replace(item, meta={}) for n, item in enumerate(items)]

    def guesses(rules=None):
        return {one.guess for one in select_to_label(items, embeddings, label="kind", k=40, rules=rules)}

    assert guesses() == {"l0", "l1", "l2", "l3"}
    assert guesses(LabelRules(retired=("l0",), renamed={"l1": "new name"})) == {"new name", "l2", "l3"}
    assert guesses(LabelRules(allowed=())) == {None}
