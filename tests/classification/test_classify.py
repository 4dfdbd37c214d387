"""Training: what is learned, what the result depends on, thresholds, unusual input."""

from dataclasses import replace

import numpy as np
import pytest
from labelled import arrays, make_clouds, vectors_of

from recs.classification.classifier import Classifier
from recs.classification.examples import Examples
from recs.classification.labels import LabelRules
from recs.classification.lesson import read_lesson
from recs.classification.training import set_thresholds
from recs.classify import train_classifier
from recs.embedding.vectors import Embeddings
from recs.errors import EmbeddingError, FingerprintMismatchError, OptionError
from recs.evaluation.classifiers import evaluate_classifier
from recs.evaluation.label_review import label_issues, select_to_label
from recs.items import Item

pytest.importorskip("sklearn", reason="scikit-learn is part of the extra 'classify'")

SINGLE = [f"l{place % 4}" for place in range(120)]
SEVERAL = [[f"l{place % 4}", f"m{place % 3}"][: 1 + place % 2] for place in range(120)]
DATES = [f"20{place % 20:02}-0{1 + place % 9}-01" for place in range(120)]


def saved(folder, items, embeddings, **options):
    train_classifier(items, embeddings, label="kind", **options).save(folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("labels", [SINGLE, SEVERAL], ids=["single", "several"])
@pytest.mark.parametrize("dates", [None, DATES], ids=["undated", "dated"])
def test_train_items_in_another_order_change_no_byte(tmp_path, labels, dates):
    items, embeddings = make_clouds(labels, spread=0.8, dates=dates)
    order = np.random.default_rng(1).permutation(len(items)).tolist()
    turned = [items[place] for place in order]
    one = saved(tmp_path / "one", items, embeddings)
    assert saved(tmp_path / "two", turned, embeddings.take([item.id for item in turned])) == one


def test_train_rescaled_vectors_change_nothing(tmp_path):
    items, embeddings = make_clouds(SINGLE, spread=0.8)
    exact = np.asarray(embeddings.vectors, dtype=np.float64)
    one = saved(tmp_path / "one", items, Embeddings.from_array(embeddings.ids, exact, model="clouds"))
    scaled = exact * 2.0 ** np.random.default_rng(0).integers(-9, 9, (len(items), 1))
    again = Embeddings.from_array(embeddings.ids, scaled, model="clouds")
    assert saved(tmp_path / "two", items, again) == one


def test_train_notes_describe_the_data():
    for labels, kind in ((SINGLE, "exactly one label each"), (SEVERAL, "1.5 labels each")):
        classifier = train_classifier(*make_clouds(labels), label="kind")
        assert kind in classifier.notes[0]
        assert classifier.single == (labels is SINGLE)
        assert classifier.support.sum() == sum(len(one) if isinstance(one, list) else 1 for one in labels)


def test_train_automatic_labels_teach_nothing(tmp_path):
    """Which labels are assigned automatically does not change the classifier; only their number is noted."""
    items, embeddings = make_clouds(SEVERAL, spread=0.6)
    found = []
    for name in ("l0", "m1"):
        marked = [
            Item(**{**_fields(item), "meta": {"kind": [*item.meta["kind"], name], "kind_auto": [name]}})
            if place % 5 == 0 and name not in item.meta["kind"]
            else item
            for place, item in enumerate(items)
        ]
        examples = read_lesson(marked, embeddings, label="kind").examples
        column = sorted({one for entry in SEVERAL for one in entry}).index(name)
        assert not examples.trusted[::5, column].all()
        assert not (examples.Y & ~examples.trusted).any()
        found.append(train_classifier(marked, embeddings, label="kind", C=10.0))
        plain = train_classifier(items, embeddings, label="kind", C=10.0)
        others = [place for place in range(len(plain.classes)) if place != column]
        assert found[-1].support.tolist() == plain.support.tolist()
        assert found[-1].weights[others] == pytest.approx(plain.weights[others], rel=0.3, abs=0.3)
    alone = [Item(**{**_fields(item), "meta": {**item.meta, "kind_auto": item.meta["kind"]}}) for item in items[:20]]
    one = saved(tmp_path / "one", [*alone, *items[20:]], embeddings)
    two = saved(tmp_path / "two", items[20:], embeddings)
    assert arrays(one["weights.safetensors"]) == arrays(two["weights.safetensors"])


def _fields(item):
    return {name: getattr(item, name) for name in ("id", "text", "title", "published", "meta")}


def test_train_automatic_labels_are_neither_positive_nor_negative():
    """Items near a label get it automatically: if they counted as negatives, the label would be improbable there."""
    items, embeddings = make_clouds([["a", "x"], ["b", "x"]] * 40, spread=0.3)
    rng = np.random.default_rng(0)
    near = np.asarray(embeddings.vectors[0]) + 0.05 * rng.standard_normal((120, embeddings.dim))
    extra = [Item(id=f"z{n:03}", text="t", meta={"kind": ["x", "a"], "kind_auto": ["a"]}) for n in range(120)]
    both = vectors_of(
        [*embeddings.ids, *(item.id for item in extra)], embeddings, np.vstack([embeddings.vectors, near])
    )
    classifier = train_classifier([*items, *extra], both, label="kind", C=30.0)
    assert classifier.predict_proba(both.take(["z000"]))[0, classifier.classes.index("a")] > 0.8
    assert "120 labels were assigned automatically" in " ".join(classifier.notes)


def test_train_renamed_labels_are_one(tmp_path):
    old = ["older" if place % 8 == 1 else name for place, name in enumerate(SINGLE)]
    rng_items, embeddings = make_clouds(SINGLE, spread=0.8)
    items = [
        Item(id=item.id, text="t", title=item.title, meta={"kind": one})
        for item, one in zip(rng_items, old, strict=True)
    ]
    plain = [
        Item(id=item.id, text="t", title=item.title, meta={"kind": one})
        for item, one in zip(rng_items, SINGLE, strict=True)
    ]
    one = saved(tmp_path / "one", items, embeddings, rules=LabelRules(renamed={"older": "l1"}))
    two = saved(tmp_path / "two", plain, embeddings)
    assert arrays(one["weights.safetensors"]) == arrays(two["weights.safetensors"])


def test_train_retired_label_is_learned_and_never_given():
    items, embeddings = make_clouds(SINGLE, spread=0.4)
    classifier = train_classifier(items, embeddings, label="kind", rules=LabelRules(retired=("l2",)))
    assert "l2" in classifier.classes
    said = classifier.predict(embeddings)
    assert all("l2" not in [label.name for label in one.labels] for one in said)
    assert all(not one.auto for one, label in zip(said, SINGLE, strict=True) if label == "l2")
    assert sum(one.answer == "abstain" for one, label in zip(said, SINGLE, strict=True) if label == "l2") > 20
    assert sum(one.auto == (label,) for one, label in zip(said, SINGLE, strict=True)) > 60


def test_train_rare_labels_are_only_suggested():
    items, embeddings = make_clouds([*SINGLE, *["rare"] * 4], spread=0.2)
    classifier = train_classifier(items, embeddings, label="kind")
    assert np.isinf(classifier.thresholds[classifier.classes.index("rare")])
    said = classifier.predict(embeddings.take(embeddings.ids[-4:]))
    assert {one.answer for one in said} <= {"suggest", "abstain"}
    assert "rare" in {label.name for one in said for label in one.labels}
    assert "1 label with fewer than 5 items is only suggested, never assigned." in classifier.notes
    eager = train_classifier(items, embeddings, label="kind", min_support=4)
    assert np.isfinite(eager.thresholds[eager.classes.index("rare")])


def test_train_label_with_only_a_text_can_be_suggested():
    items, embeddings = make_clouds(SINGLE, spread=0.4)
    middle = [
        np.mean([v for v, own in zip(embeddings.vectors, SINGLE, strict=True) if own == one], axis=0)
        for one in sorted(set(SINGLE))
    ]
    fresh = -np.sum(middle, axis=0)
    texts = vectors_of(["fresh", *sorted(set(SINGLE))], embeddings, [fresh, *middle])
    classifier = train_classifier(items, embeddings, label="kind", label_texts=texts)
    query = vectors_of(["q"], embeddings, [fresh])
    assert classifier.predict_proba(query)[0].argmax() == classifier.classes.index("fresh")
    assert [(one.name, one.answer) for one in classifier.predict(query)[0].labels] == [("fresh", "suggest")]
    labelled = classifier.predict(embeddings)
    assert np.mean([any(one.name == "fresh" for one in said.labels) for said in labelled]) <= 0.02
    assert any("1 label has no item: it is suggested by the text alone." in note for note in classifier.notes)
    assert np.isinf(classifier.thresholds[classifier.classes.index("fresh")])
    other = Embeddings.from_array(["l0"], [np.ones(embeddings.dim)], model="other")
    with pytest.raises(FingerprintMismatchError):
        train_classifier(items, embeddings, label="kind", label_texts=other)


@pytest.mark.parametrize("single", [True, False])
def test_train_label_with_only_a_text_changes_no_other_label(single, tmp_path):
    items, embeddings = make_clouds(
        SINGLE if single else [[name] * 1 + (["l0"] if name == "l1" else []) for name in SINGLE]
    )
    names = sorted(set(SINGLE))
    means = [
        np.mean([v for v, own in zip(embeddings.vectors, SINGLE, strict=True) if own == one], axis=0) for one in names
    ]
    fresh = -np.sum(means, axis=0)
    plain = train_classifier(items, embeddings, label="kind", label_texts=vectors_of(names, embeddings, means))
    texts = vectors_of(["fresh", *names], embeddings, [fresh, *means])
    widened = train_classifier(items, embeddings, label="kind", label_texts=texts)
    widened.save(tmp_path / "tagger")
    loaded = Classifier.load(tmp_path / "tagger")
    others = [column for column, name in enumerate(loaded.classes) if name != "fresh"]
    assert [loaded.classes[column] for column in others] == list(plain.classes)
    autos = [[one.auto for one in each.predict(embeddings)] for each in (plain, loaded)]
    # The text moves the mean that is subtracted from all texts, so probabilities move a little.
    assert np.mean([one == other for one, other in zip(*autos, strict=True)]) >= 0.95
    p = loaded.predict_proba(embeddings)
    if single:
        np.testing.assert_allclose(p[:, others].sum(axis=1), 1)
    assert loaded.explain(loaded.predict(embeddings), items, embeddings)


def test_train_thresholds_reach_the_target_on_new_items():
    labels = [f"l{place}" for place in np.random.default_rng(0).integers(5, size=1500)]
    items, embeddings = make_clouds(labels, spread=1.6)
    for target in (0.6, 0.8, 0.9):
        classifier = train_classifier(items[:600], embeddings, label="kind", target_precision=target, C=10.0)
        said = classifier.predict(embeddings.take(embeddings.ids[600:]))
        put = [(one.auto[0], label) for one, label in zip(said, labels[600:], strict=True) if one.auto]
        assert len(put) > 50
        assert np.mean([name == label for name, label in put]) >= target - 0.03


def test_set_thresholds_are_set_on_the_newest_items_and_pooled_where_few():
    n = 400
    rng = np.random.default_rng(0)
    Y = np.zeros((n, 2), bool)
    Y[:, 0] = True
    Y[300:, 0] = rng.random(100) < 0.3  # for the newest items, the first label is rarely right
    Y[:, 1] = ~Y[:, 0]
    p = np.column_stack([np.full(n, 0.95), np.full(n, 0.05)])
    examples = Examples(np.ones((n, 2), np.float32), Y, np.ones_like(Y), True)
    judged = np.ones(2, bool)
    assert np.isfinite(set_thresholds(p, examples, judged, target=0.75, dated=None)[0])
    assert np.isinf(set_thresholds(p, examples, judged, target=0.75, dated=np.arange(n) * 1.0)).all()
    assert np.isinf(set_thresholds(p, examples, np.array([False, True]), target=0.75, dated=None)[0])
    few = set_thresholds(p[:300], examples.take(slice(0, 300)), judged, target=0.75, dated=None)
    assert few.tolist() == [0.95, 0.95]  # the second label has no answers of its own and gets the shared threshold


BAD = {"C": [0, -1, float("nan"), float("inf"), "x"], "class_weight": ["x"], "calibration": ["platt"]}
BAD |= {"target_precision": [0, 1, -1, float("nan")], "min_support": [0]}


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in BAD.items() for value in values])
@pytest.mark.parametrize("run", [train_classifier, evaluate_classifier])
def test_train_impossible_option_is_refused(run, name, value):
    items, embeddings = make_clouds(SINGLE)
    with pytest.raises(OptionError, match=f"^{name} is"):
        run(items, embeddings, label="kind", **{name: value})


def blanked(embeddings, rows):
    """Return vectors of a model that knows no token of some rows: these rows have the same vector."""
    vectors = embeddings.vectors.copy()
    vectors[rows] = vectors[0]
    lost = np.where(np.isin(np.arange(len(embeddings)), rows), 5, 1)
    return replace(embeddings, vectors=vectors, tokens=np.full(len(embeddings), 5), tokens_lost=lost)


@pytest.mark.parametrize("labels", [SINGLE, SEVERAL], ids=["single", "several"])
def test_train_blank_items_teach_nothing_and_are_counted(tmp_path, labels):
    items, embeddings = make_clouds(labels, spread=0.8)
    extra = [replace(items[place], meta={"kind": ["l0", "only here"]}) for place in (3, 50, 51)]
    marked = [item for item in items if item.id not in {one.id for one in extra}]
    some = blanked(embeddings, [3, 50, 51])
    one = saved(tmp_path / "one", marked, some)
    two = saved(tmp_path / "two", [*marked, *extra], some)
    assert arrays(one["weights.safetensors"]) == arrays(two["weights.safetensors"])
    notes = Classifier.load(tmp_path / "two").notes
    assert "3 items with a label were left out: the model knows no token of their text." in notes
    assert Classifier.load(tmp_path / "two").metrics["items"] == 117
    assert Classifier.load(tmp_path / "two").single == (labels is SINGLE)
    assert not any("no token" in note for note in Classifier.load(tmp_path / "one").notes)
    evaluation = evaluate_classifier([*marked, *extra], some, label="kind", C=10.0)
    assert (evaluation.items, evaluation.classes) == (117, Classifier.load(tmp_path / "one").metrics["labels"])


def test_train_without_blank_items_counts_of_tokens_change_no_byte(tmp_path):
    items, embeddings = make_clouds(SINGLE, spread=0.8)
    assert saved(tmp_path / "one", items, embeddings) == saved(tmp_path / "two", items, blanked(embeddings, []))


def test_train_blank_items_without_a_label_are_unlabelled_and_nothing_else():
    items, embeddings = make_clouds([*SINGLE, None, None])
    notes = train_classifier(items, blanked(embeddings, [120]), label="kind", C=10.0).notes
    assert "2 public items have none." in notes[0]
    assert not any("no token" in note for note in notes)


def test_train_notes_have_the_grammar_of_one():
    items, embeddings = make_clouds([*SINGLE, None])
    notes = train_classifier(items, blanked(embeddings, [3]), label="kind", C=10.0).notes
    assert "; 1 public item has none." in notes[0]
    assert "1 item with a label was left out: the model knows no token of its text." in notes


def test_train_on_blank_items_alone_is_refused():
    items, embeddings = make_clouds(["a", "b", None])
    with pytest.raises(OptionError, match="the model knows no token of the 2 items with a label in 'kind'"):
        train_classifier(items, blanked(embeddings, [0, 1]), label="kind")


def test_train_without_two_labels_or_without_vectors_is_refused():
    items, embeddings = make_clouds(["a"] * 5 + [None] * 5)
    with pytest.raises(OptionError, match="all 5 items with a label in 'kind' have 'a'; two are needed"):
        train_classifier(items, embeddings, label="kind")
    with pytest.raises(OptionError, match="the only item with a label in 'kind' has 'a'; two labels are needed"):
        train_classifier(*make_clouds(["a", None]), label="kind")
    with pytest.raises(OptionError, match=r"no item has a label in 'sort'.*: 'kind'"):
        train_classifier(items, embeddings, label="sort")
    with pytest.raises(EmbeddingError, match="1 item has no vector"):
        train_classifier([*items, Item(id="new", text="t", meta={"kind": "b"})], embeddings, label="kind")


ODD = {
    "two items": ["a", "b"],
    "three items": ["a", "b", "a"],
    "one label of one item": ["a"] * 6 + ["b"] * 5 + ["c"],
    "labels of one item each": [f"l{place}" for place in range(300)],
    "several labels of one item each": [[f"l{place}", f"m{place}"] for place in range(6)],
    "one item with two labels": [["a", "b"]],
    "all with the same two labels": [["a", "b"]] * 20,
    "odd names": ["", " ", "a/b", "=cmd()", "<script>"] * 6,
    "NaN": [float("nan"), "a", "b"] * 6,
    "surrogates": ["\ud800", "a", "\udfffb"] * 6,
}


@pytest.mark.parametrize("twins", [False, True], ids=["apart", "identical"])
@pytest.mark.parametrize("labels", ODD.values(), ids=ODD)
@pytest.mark.slow
def test_train_odd_input_gives_a_sound_classifier(tmp_path, labels, twins):
    _, embeddings = make_clouds([str(entry) for entry in range(len(labels))])
    items = [Item(id=f"i{place:04}", text="t", meta={"kind": entry}) for place, entry in enumerate(labels)]
    if twins:
        embeddings = vectors_of(embeddings.ids, embeddings, np.ones((len(items), embeddings.dim)))
    texts = vectors_of(["a", "l0", "more"], embeddings, np.eye(12)[:3])
    for options in ({}, {"label_texts": texts}):
        classifier = train_classifier(items, embeddings, label="kind", **options)
        p = classifier.predict_proba(embeddings)
        assert np.isfinite(p).all()
        assert ((p >= 0) & (p <= 1)).all()
        classifier.save(tmp_path / "c")
        assert Classifier.load(tmp_path / "c").predict(embeddings) == classifier.predict(embeddings)
        label_issues(items, embeddings, label="kind", **options)
    unlabelled = sum(str(entry).strip() in ("", "nan") for entry in labels)
    chosen = select_to_label(items, embeddings, label="kind", k=3)
    assert len({one.id for one in chosen}) == len(chosen) == min(unlabelled, 3)


def test_train_one_item_and_texts_is_sound():
    items, embeddings = make_clouds(["a", None])
    texts = vectors_of(["a", "b"], embeddings, np.eye(12)[:2])
    assert train_classifier(items, embeddings, label="kind", label_texts=texts).classes == ("a", "b")


def test_train_label_that_an_editor_removed_is_learned_as_absent():
    rows = [["a", "b"] if place % 2 else ["b"] for place in range(80)]
    items, embeddings = make_clouds(rows, spread=0.3)
    vectors = [*embeddings.vectors, *embeddings.vectors[1::2]]
    ids = [*embeddings.ids, *(f"z{place}" for place in range(40))]
    both = Embeddings.from_array(ids, vectors, model=embeddings.model)

    def probability(meta):
        more = [Item(id=f"z{place}", text="t", meta=meta) for place in range(40)]
        classifier = train_classifier([*items, *more], both, label="kind", C=30.0)
        return classifier.predict_proba(both.take(["i0001"]))[0, classifier.classes.index("a")]

    left = probability({"kind": ["b", "a"], "kind_auto": ["a"]})
    taken = probability({"kind": ["b"], "kind_auto": ["a"]})
    assert left > 0.8 > taken + 0.2
