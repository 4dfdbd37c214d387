"""How a classifier is judged: what it may learn from, what counts, and the figures."""

from dataclasses import replace

import numpy as np
import pytest
from labelled import make_clouds, vectors_of

from recs.classification.labels import LabelRules
from recs.cli.labels import table
from recs.embedding.vectors import Embeddings
from recs.errors import OptionError
from recs.evaluation import classifier_answers
from recs.evaluation import classifiers as holdout
from recs.evaluation.classifiers import evaluate_classifier
from recs.items import Item
from recs.writers.figures import plot_classifier

metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is part of the extra 'classify'")

LABELS = [f"l{place % 3}" for place in range(150)]
SEVERAL = [["l0", "l1"], ["l1"], ["l2", "l0"], ["l2"]] * 40


def days(n):
    return [f"{2000 + place // 300}-{1 + place // 28 % 12:02}-{1 + place % 28:02}" for place in range(n)]


@pytest.fixture
def spied(monkeypatch):
    """Record the ids that each classifier learned from, and the arrays that were judged."""
    seen = []
    learn, judge = classifier_answers.learn, holdout.classification_metrics

    def learning(part, options):
        seen.append(("learned", [item.id for item in part.items]))
        return learn(part, options)

    def judging(p, Y, judged, *, single):
        seen.append(("judged", (p, Y)))
        return judge(p, Y, judged, single=single)

    monkeypatch.setattr(classifier_answers, "learn", learning)
    monkeypatch.setattr(holdout, "classification_metrics", judging)
    return seen


def test_evaluate_by_time_never_learns_from_what_is_newer(spied):
    items, embeddings = make_clouds(LABELS, dates=days(150))
    shuffled = [items[place] for place in np.random.default_rng(0).permutation(150)]
    evaluation = evaluate_classifier(shuffled, embeddings, label="kind", C=10.0)
    assert [split.split for split in evaluation.splits] == ["by time", "at random"]
    learned = [ids for what, ids in spied if what == "learned"]
    assert learned[:4] == [[f"i{place:04}" for place in range(n)] for n in (90, 105, 120, 135)]
    assert len(learned[4]) == evaluation.splits[1].learned == 120
    assert evaluation.splits[0].judged == 60


def test_evaluate_by_time_shows_a_label_that_changes_its_meaning():
    items, embeddings = make_clouds(LABELS, spread=0.3, dates=days(150))
    turned = {"l0": "l1", "l1": "l0", "l2": "l2"}
    moved = [
        replace(item, meta={"kind": turned[item.meta["kind"]]}) if n >= 90 else item for n, item in enumerate(items)
    ]
    by_time, at_random = evaluate_classifier(moved, embeddings, label="kind", C=10.0).splits
    assert by_time.metrics["accuracy"] < at_random.metrics["accuracy"] - 0.1
    plain = evaluate_classifier(items, embeddings, label="kind", C=10.0).splits[0]
    assert plain.metrics["accuracy"] > 0.95


def test_evaluate_new_labels_count_as_unseen_and_missed():
    labels = ["new" if place >= 140 else name for place, name in enumerate(LABELS)]
    items, embeddings = make_clouds(labels, spread=0.3, dates=days(150))
    split = evaluate_classifier(items, embeddings, label="kind", C=10.0).splits[0]
    assert split.unseen == 10
    new = next(one for one in split.labels if one.label == "new")
    assert (new.support, new.recall, new.auto) == (10, 0.0, 0)
    assert split.metrics["accuracy"] == pytest.approx(50 / 60, abs=0.02)
    assert split.metrics["log_loss"] < 1  # unseen labels do not count


@pytest.mark.parametrize("labels", [LABELS, SEVERAL], ids=["single", "several"])
def test_evaluate_figures_agree_with_scikit_learn(spied, labels):
    items, embeddings = make_clouds(labels, spread=1.2, dates=days(len(labels)))
    evaluation = evaluate_classifier(items, embeddings, label="kind", C=10.0)
    rows = iter([value for what, value in spied if what == "judged"])
    for split in evaluation.splits:
        for found in (split.metrics, *split.baselines.values()):
            p, Y = next(rows)
            assert len(p) == split.judged
            said = np.eye(Y.shape[1], dtype=bool)[p.argmax(axis=1)] if evaluation.single else p >= 0.5
            assert found["accuracy"] == pytest.approx(metrics.accuracy_score(Y, said))
            assert found["micro_f1"] == pytest.approx(metrics.f1_score(Y, said, average="micro", zero_division=0))
            assert found["macro_f1"] == pytest.approx(metrics.f1_score(Y, said, average="macro", zero_division=0))
            assert found["average_precision"] == pytest.approx(metrics.average_precision_score(Y, p, average="micro"))
            losses = [metrics.log_loss(Y.argmax(axis=1), p / p.sum(axis=1, keepdims=True), labels=range(Y.shape[1]))]
            if not evaluation.single:
                q = np.clip(p, 1e-9, 1 - 1e-9)
                losses = [metrics.log_loss(Y[:, k], q[:, k], labels=[False, True]) for k in range(Y.shape[1])]
            if found is split.metrics:
                assert found["log_loss"] == pytest.approx(np.mean(losses), rel=1e-6)
            assert found["p_at_1"] == pytest.approx(np.mean([own[row.argmax()] for row, own in zip(p, Y, strict=True)]))
        judged = {one.label: one for one in split.labels}
        assert sum(one.auto_right for one in judged.values()) == pytest.approx(
            (split.auto_precision or 0) * sum(one.auto for one in judged.values())
        )
        assert sum(count for _, _, count in split.reliability) == split.judged
        shares = [share for _, _, share in split.coverage]
        assert shares == sorted(shares)
        assert shares[-1] <= 1


def test_evaluate_automatic_labels_are_neither_right_nor_wrong():
    """Some tags of the items are automatic: they do not change the figures."""
    items, embeddings = make_clouds(SEVERAL, spread=0.2, dates=days(160))
    marked = [
        replace(item, meta={**item.meta, "kind_auto": item.meta["kind"][1:]}) if n >= 96 else item
        for n, item in enumerate(items)
    ]
    split = evaluate_classifier(marked, embeddings, label="kind", C=30.0).splits[0]
    assert split.metrics["accuracy"] > 0.95
    assert split.metrics["average_precision"] > 0.95
    assert all(one.precision > 0.9 for one in split.labels)


def test_evaluate_at_random_keeps_identical_texts_on_one_side(spied):
    items, embeddings = make_clouds(LABELS[:60])
    twice = [replace(item, id=f"z{item.id}") for item in items]
    both = vectors_of([*embeddings.ids, *(item.id for item in twice)], embeddings, np.vstack([embeddings.vectors] * 2))
    evaluation = evaluate_classifier([*items, *twice], both, label="kind", C=10.0)
    learned = {name.removeprefix("z") for what, ids in spied if what == "learned" for name in ids}
    assert len(learned) == evaluation.splits[0].learned / 2
    assert evaluation.notes == (
        "few items have a date: the classifier was not judged on newer items than it learned from.",
    )


def test_evaluate_retired_label_is_never_assigned():
    items, embeddings = make_clouds(LABELS * 3, spread=0.2)
    split = evaluate_classifier(items, embeddings, label="kind", rules=LabelRules(retired=("l0",))).splits[0]
    put = {one.label: one.auto for one in split.labels}
    assert put["l0"] == 0 < put["l1"]


def test_evaluate_few_items_are_refused_and_plain_data_is_given():
    items, embeddings = make_clouds(["a", "b"] * 5)
    with pytest.raises(OptionError, match="9 items have a label in 'kind'; ten are needed"):
        evaluate_classifier(items[:9], embeddings, label="kind")
    document = evaluate_classifier(items, embeddings, label="kind").to_dict()
    assert __import__("json").loads(__import__("json").dumps(document))["items"] == 10


@pytest.mark.parametrize("dated", [False, True])
@pytest.mark.parametrize(
    "labels",
    [[f"l{n}" for n in range(12)], ["a"] * 11 + ["b"], [[f"l{n}", "x"] for n in range(12)]],
    ids=["of one item each", "one of one item", "several of one item each"],
)
@pytest.mark.slow
def test_evaluate_unusual_labels_give_figures_between_0_and_1(labels, dated):
    _, embeddings = make_clouds([str(place) for place in range(12)])
    dates = days(12) if dated else [None] * 12
    items = [Item(id=f"i{n:04}", text="t", published=dates[n], meta={"kind": one}) for n, one in enumerate(labels)]
    splits = evaluate_classifier(items, embeddings, label="kind").splits
    assert splits
    for split in splits:
        for name, value in (split.metrics or {}).items():
            assert 0 <= value <= (1 if name != "log_loss" else 50)


def test_evaluate_labels_of_one_item_each_cannot_be_judged_and_show_no_figure():
    items, embeddings = make_clouds([f"l{place}" for place in range(12)], dates=days(12))
    evaluation = evaluate_classifier(items, embeddings, label="kind")
    assert [split.split for split in evaluation.splits] == ["by time", "at random"]
    for split in evaluation.to_dict()["splits"]:
        assert (split["metrics"], split["auto_precision"], split["auto_coverage"]) == (None, None, None)
        assert (split["baselines"], split["labels"]) == ({}, ())
        assert "only labels that none of the" in split["not_judged"]
    shown = table(evaluation)
    assert shown.count("cannot be judged: the ") == 2
    assert "log loss" not in shown
    assert "accuracy" not in shown
    assert ".000" not in shown
    plot_classifier(evaluation)


@pytest.mark.parametrize("dates", [None, days(12)])
def test_evaluate_items_that_are_one_text_cannot_be_judged(dates):
    items, embeddings = make_clouds(["a", "b"] * 6, dates=dates)
    same = Embeddings.from_array(embeddings.ids, [embeddings.vectors[0]] * 12, model="clouds")
    if dates is None:
        with pytest.raises(OptionError, match="needed to judge a classifier"):
            evaluate_classifier(items, same, label="kind")
    else:
        judged = evaluate_classifier(items, same, label="kind")
        assert [split.split for split in judged.splits] == ["by time"]
        assert not judged.notes
    alike, vectors = make_clouds([["a", "b"]] * 12, dates=dates)
    with pytest.raises(OptionError, match="needed to judge a classifier"):
        evaluate_classifier(alike, vectors, label="kind")
