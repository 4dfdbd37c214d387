"""A trained classifier: its three kinds of answers, its reasons, its folder."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from labelled import make_clouds, vectors_of
from safetensors.numpy import load, save
from standins import make_embedder

from recs.classification.classifier import Classifier, gate_percentile
from recs.classification.labels import LabelRules
from recs.classification.predictions import SUGGESTIONS, Prediction
from recs.classify import train_classifier
from recs.embedding.vectors import Embeddings
from recs.errors import EmbeddingError, FingerprintMismatchError, OutputError, SourceError
from recs.items import Item

pytest.importorskip("sklearn", reason="scikit-learn is part of the extra 'classify'")

NAMES = ("garden", "kitchen", "workshop")


@pytest.fixture(scope="module")
def taught():
    items, embeddings = make_clouds([NAMES[place % 3] for place in range(240)], spread=0.6)
    return items, embeddings, train_classifier(items, embeddings, label="kind")


@pytest.fixture
def plain(taught):
    """A classifier whose scores are known: three labels, the first three coordinates."""
    eye = np.eye(3, taught[1].dim)
    gate = np.concatenate([[0, 0, 1, 1], np.linspace(-100, 100, 101)])
    return replace(taught[2], weights=10 * eye, intercepts=np.zeros(3), thresholds=np.full(3, 0.9), gate=gate)


def along(embeddings, *rows):
    padded = [[*row, *[0.0] * (embeddings.dim - len(row))] for row in rows]
    return vectors_of([f"q{place}" for place in range(len(rows))], embeddings, padded)


def test_predict_three_answers_by_probability(taught, plain):
    found = plain.predict(along(taught[1], [1, 0, 0], [1, 0.95, 0], [1, 1, 1]))
    assert [one.answer for one in found] == ["auto", "suggest", "suggest"]
    assert found[0].auto == ("garden",)
    assert [label.name for label in found[1].labels] == ["garden", "kitchen"]
    assert found[1].auto == ()
    assert [one.probability for one in found[2].labels] == pytest.approx([1 / 3] * 3, abs=1e-6)
    silent = replace(plain, rules=LabelRules(allowed=())).predict(along(taught[1], [1, 0, 0]))[0]
    assert (silent.answer, silent.labels, silent.auto) == ("abstain", (), ())


def test_predict_retired_label_is_never_given_nor_replaced(taught, plain):
    hidden = replace(plain, rules=LabelRules(retired=("garden",)), thresholds=np.full(3, 0.05))
    sure, torn = hidden.predict(along(taught[1], [1, 0, 0], [1, 0.95, 0]))
    assert sure.answer == "abstain"
    assert torn.auto == ()  # the second label is probable enough to be assigned, but it is not the best
    assert [label.name for label in torn.labels] == ["kitchen"]


def test_predict_renamed_label_is_given_once_by_its_new_name(taught, plain):
    renamed = replace(plain, rules=LabelRules(renamed={"garden": "plants", "kitchen": "plants"}))
    assert [label.name for label in renamed.predict(along(taught[1], [1, 0.95, 0]))[0].labels] == ["plants"]


def test_predict_assigned_labels_are_all_given_even_if_others_are_likelier(taught):
    labels = 12
    classifier = replace(
        taught[2],
        classes=tuple(f"l{place:02}" for place in range(labels)),
        single=False,
        weights=np.zeros((labels, taught[1].dim)),
        intercepts=np.linspace(3, 1, labels),
        thresholds=np.append(np.full(labels - 1, np.inf), 0.5),  # only the least likely label may be assigned
        support=np.full(labels, 9),
        centres=np.ones((labels, taught[1].dim)),
        gate=np.concatenate([[0, 0, 1, 1], np.linspace(-100, 100, 101)]),
    )
    found = classifier.predict(along(taught[1], [1.0]))[0]
    assert found.answer == "auto"
    assert found.auto == ("l11",)
    assert len(found.labels) <= SUGGESTIONS + 1
    p = [label.probability for label in found.labels]
    assert p == sorted(p, reverse=True)


def test_predict_unfamiliar_vector_abstains_even_if_a_label_is_probable(taught):
    _, embeddings, classifier = taught
    centre = np.asarray(classifier.centres).mean(axis=0)
    rng = np.random.default_rng(0)
    strange = rng.standard_normal((2000, embeddings.dim))
    strange -= 2 * np.outer(strange @ centre, centre) / (centre @ centre)  # away from all labelled items
    query = vectors_of([str(place) for place in range(2000)], embeddings, strange)
    p, said = classifier.predict_proba(query), classifier.predict(query)
    outside = [place for place, one in enumerate(said) if one.familiarity < 0.02]
    assert len(outside) > 1000
    assert p[outside].max() > 0.8
    assert all(said[place].answer == "abstain" and not said[place].labels for place in outside)
    at_home = [one.familiarity for one in classifier.predict(embeddings)]
    assert np.mean(np.array(at_home) < 0.02) <= 0.05


@pytest.mark.parametrize("blank", [[], [0], [1, 2], range(240)])
def test_predict_abstains_for_items_without_a_known_token(taught, blank):
    _, embeddings, classifier = taught
    lost = np.where(np.isin(np.arange(240), blank), 4, 3)
    known = classifier.predict(embeddings)
    found = classifier.predict(replace(embeddings, tokens=np.full(240, 4), tokens_lost=lost))
    assert sum(one.answer != "abstain" for one in known) > 200
    for row, (one, other) in enumerate(zip(found, known, strict=True)):
        silent = Prediction(other.id, "abstain", (), 0.0)
        assert one == (silent if row in blank else other)


def test_gate_percentile_grows_with_both_signs():
    gate = np.concatenate([[1, 0.5, 2, 0.1], np.linspace(-3, 3, 101)])
    assert gate_percentile(gate, np.array([1.0, 3.0, 1.0, -99]), np.array([0.5, 0.5, 0.6, 0.0])).tolist() == (
        pytest.approx([0.5, 0.5 + 1 / 6, 0.5 + 1 / 6, 0])
    )


def test_predict_proba_sums_to_one_and_does_not_depend_on_the_batch(taught):
    _, embeddings, classifier = taught
    p = classifier.predict_proba(embeddings)
    assert p.sum(axis=1) == pytest.approx(1)
    assert classifier.predict_proba(embeddings.take([])).shape == (0, 3)
    said = {one.id: one for one in classifier.predict(embeddings)}
    for ids in (embeddings.ids[::-1], embeddings.ids[7:8], embeddings.ids[::5]):
        assert classifier.predict_proba(embeddings.take(ids)) == pytest.approx(
            p[[embeddings.ids.index(name) for name in ids]], abs=1e-12
        )
        assert classifier.predict(embeddings.take(ids)) == [said[name] for name in ids]


def test_predict_zero_vector_of_a_space_without_directions_is_sound(taught):
    ids = [f"i{place:04}" for place in range(60)]
    X = np.vstack([np.asarray(taught[1].vectors[:59]), np.zeros((1, taught[1].dim))])
    embeddings = Embeddings.from_array(ids, X, model="dots", similarity="dot")
    classifier = train_classifier(taught[0][:60], embeddings, label="kind")
    assert np.isfinite(classifier.predict_proba(embeddings)).all()


@pytest.mark.parametrize("changes", [{"fingerprint": "declared:other:12"}, {"prompt": "query: "}])
def test_predict_vectors_of_another_model_or_prompt_are_refused(taught, changes):
    with pytest.raises(FingerprintMismatchError, match="cannot judge vectors of"):
        taught[2].predict(replace(taught[1], **changes))


def test_explain_names_the_nearest_labelled_items_and_never_the_item_itself(taught):
    items, embeddings, classifier = taught
    part = embeddings.take(embeddings.ids[:9])
    for row, reasons in enumerate(classifier.explain(classifier.predict(part), items[:9], part)):
        for reason in reasons:
            place = classifier.classes.index(reason.label)
            rows = [at for at, own in enumerate(classifier.example_labels[:, place]) if own]
            cosines = {classifier.example_items[at][0]: classifier.examples[at] @ part.vectors[row] for at in rows}
            cosines.pop(items[row].id, None)
            best = sorted(cosines, key=lambda name: -cosines[name])[:3]
            assert [name for name, _, _ in reason.nearest] == best
            assert reason.passage is None
    with pytest.raises(EmbeddingError, match="keep one order"):
        classifier.explain(classifier.predict(part), items[:9][::-1], part)


def test_explain_passage_is_the_one_without_which_the_label_is_least_probable():
    embedder = make_embedder()
    words = {"soil": "soil seed compost bed", "dough": "dough oven salt flour"}
    items = [Item(id=f"i{n}", text=f"{words[k]} {n}", meta={"kind": k}) for n, k in enumerate(["soil", "dough"] * 20)]
    embeddings = embedder.embed([item.text for item in items], ids=[item.id for item in items])
    classifier = replace(train_classifier(items, embeddings, label="kind"), gate=np.arange(105.0) - 200)
    text = "wheel chain brake spoke\n\nsoil seed compost bed soil\n\nlamp rack"
    query = embedder.embed([text], ids=["q"])
    predictions = classifier.predict(query)
    reason = classifier.explain(predictions, [Item(id="q", text=text)], query, embedder=embedder)[0][0]
    assert reason.label == "soil"
    assert text[slice(*reason.passage)] == "soil seed compost bed soil"
    assert 0 < reason.effect <= 1


def folder_bytes(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_save_and_load_give_everything_back_to_the_byte(taught, tmp_path):
    _, embeddings, classifier = taught
    odd = replace(classifier, label="a|b\n`c`", notes=("é", "<script>"))
    odd.save(tmp_path / "one")
    loaded = Classifier.load(tmp_path / "one")
    loaded.save(tmp_path / "two")
    assert folder_bytes(tmp_path / "one") == folder_bytes(tmp_path / "two")
    assert set(folder_bytes(tmp_path / "one")) == {"README.md", "classifier.json", "weights.safetensors"}
    assert loaded.predict(embeddings) == classifier.predict(embeddings)
    assert loaded.predict_proba(embeddings).tolist() == classifier.predict_proba(embeddings).tolist()
    everything = b"".join(folder_bytes(tmp_path / "one").values())
    assert b"pickle" not in everything.replace(b"No pickle", b"")
    assert b"\x80\x04" not in folder_bytes(tmp_path / "one")["classifier.json"]
    assert "<script>" not in (tmp_path / "one" / "README.md").read_text(encoding="utf-8")


def test_load_predicts_like_scikit_learn_without_scikit_learn_and_torch(tmp_path, monkeypatch):
    from recs.classification import logistic

    made = []
    model = logistic._logistic_regression()
    monkeypatch.setattr(logistic, "_logistic_regression", lambda: lambda **kw: made.append(model(**kw)) or made[-1])
    items, embeddings = make_clouds([f"l{place % 5}" for place in range(100)], spread=1.0)
    classifier = train_classifier(items, embeddings, label="kind", C=30.0, calibration="none")
    expected = made[-1].predict_proba(np.asarray(embeddings.vectors, dtype=np.float64))
    classifier.save(tmp_path / "c")
    embeddings.save(tmp_path / "e.npz")
    program = (
        "import sys\n"
        "for name in ('sklearn', 'torch', 'sentence_transformers'): sys.modules[name] = None\n"
        "import numpy as np; from recs import Classifier, Embeddings\n"
        f"folder = {str(tmp_path)!r}\n"
        "found = Classifier.load(folder + '/c').predict_proba(Embeddings.load(folder + '/e.npz'))\n"
        "np.save(folder + '/p.npy', found)\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)
    assert np.load(tmp_path / "p.npy") == pytest.approx(expected, abs=1e-6)


def edit(folder, **changes):
    """Change the JSON file and nothing else."""
    path = folder / "classifier.json"
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **changes}), encoding="utf-8")


def tamper(folder, arrays=None, **changes):
    """Change both files, and update the digest that each holds of the other."""
    edit(folder, **changes)
    manifest = json.loads((folder / "classifier.json").read_text(encoding="utf-8"))
    del manifest["sha256"]
    digest = hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
    kept = load((folder / "weights.safetensors").read_bytes())
    data = save({**kept, **(arrays or {})}, metadata={"classifier.json": digest})
    (folder / "weights.safetensors").write_bytes(data)
    edit(folder, sha256=hashlib.sha256(data).hexdigest())


def reweigh(folder, **arrays):
    tamper(folder, arrays)


def test_load_reads_a_folder_whose_digests_were_updated(taught, tmp_path):
    taught[2].save(tmp_path / "c")
    tamper(tmp_path / "c", notes=["mine"])
    assert Classifier.load(tmp_path / "c").notes == ("mine",)


SPOILED = {
    "other weights": lambda f: (f / "weights.safetensors").write_bytes((f / "README.md").read_bytes()),
    "a flipped bit": lambda f: (f / "weights.safetensors").write_bytes(
        bytes(byte ^ (place == 5000) for place, byte in enumerate((f / "weights.safetensors").read_bytes()))
    ),
    "no weights": lambda f: (f / "weights.safetensors").unlink(),
    "no json": lambda f: (f / "classifier.json").unlink(),
    "half a json": lambda f: (f / "classifier.json").write_text((f / "classifier.json").read_text()[:300]),
    "a list": lambda f: (f / "classifier.json").write_text("[]"),
    "deep json": lambda f: (f / "classifier.json").write_text("[" * 100_000),
    "not utf-8": lambda f: (f / "classifier.json").write_bytes(b"\xff\xfe"),
    "edited json": lambda f: edit(f, notes=["mine"]),
    "rules edited by hand": lambda f: edit(f, rules={"allowed": None, "retired": ["garden"], "renamed": {}}),
    "another schema": lambda f: tamper(f, schema="recs.classifier/9"),
    "fewer classes": lambda f: tamper(f, classes=["garden"]),
    "unsorted classes": lambda f: tamper(f, classes=["kitchen", "garden", "workshop"]),
    "classes twice": lambda f: tamper(f, classes=["garden", "garden", "workshop"]),
    "no classes": lambda f: tamper(f, classes=None),
    "rules of another kind": lambda f: tamper(f, rules={"allowed": "garden"}),
    "items of another kind": lambda f: tamper(f, example_items=[1, 2]),
    "wrong shape": lambda f: reweigh(f, intercepts=np.zeros(4)),
    "a number": lambda f: reweigh(f, weights=np.array(1.0)),
    "NaN": lambda f: reweigh(f, thresholds=np.full(3, np.nan)),
    "infinity": lambda f: reweigh(f, intercepts=np.full(3, np.inf)),
    "another type": lambda f: reweigh(f, support=np.zeros(3)),
    "another gate": lambda f: reweigh(f, gate=np.zeros(3)),
    "torn weights": lambda f: (
        (f / "weights.safetensors").write_bytes(b"\xff" * 40),
        edit(f, sha256=hashlib.sha256(b"\xff" * 40).hexdigest()),
    ),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_load_spoiled_folder_is_refused_in_one_line(taught, tmp_path, spoil):
    taught[2].save(tmp_path / "c")
    spoil(tmp_path / "c")
    with pytest.raises(SourceError, match=r"not a classifier written by recs|is torn") as caught:
        Classifier.load(tmp_path / "c")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["notes.txt", "README.md", "weights.safetensors"])
def test_save_into_a_folder_with_other_files_is_refused_and_changes_nothing(taught, tmp_path, name):
    (tmp_path / name).write_text("mine")
    with pytest.raises(OutputError, match=f"holds {name}"):
        taught[2].save(tmp_path)
    assert folder_bytes(tmp_path) == {name: b"mine"}
    with pytest.raises(OutputError, match="holds a file"):
        taught[2].save(tmp_path / name)


def test_save_interrupted_leaves_the_earlier_one(taught, tmp_path, monkeypatch):
    taught[2].save(tmp_path / "c")
    before = folder_bytes(tmp_path / "c")

    def fail(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OutputError, match="No space left"):
        replace(taught[2], notes=("new",)).save(tmp_path / "c")
    monkeypatch.undo()
    assert folder_bytes(tmp_path / "c") == before
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
    replace(taught[2], notes=("new",)).save(tmp_path / "c")
    assert Classifier.load(tmp_path / "c").notes == ("new",)
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_save_that_cannot_take_its_place_puts_the_earlier_one_back(taught, tmp_path, monkeypatch):
    taught[2].save(tmp_path / "c")
    before, rename = folder_bytes(tmp_path / "c"), Path.rename

    def fail(path, target):
        if path.name == "new":
            assert not target.exists()
            raise OSError(13, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OutputError, match="Permission denied"):
        replace(taught[2], notes=("new",)).save(tmp_path / "c")
    assert folder_bytes(tmp_path / "c") == before
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_save_to_the_current_folder_or_through_a_link_works(taught, tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    taught[2].save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert Classifier.load(tmp_path / "real").classes == NAMES
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    taught[2].save(".")
    assert Classifier.load(tmp_path / "here").classes == NAMES
