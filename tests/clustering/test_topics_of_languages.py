"""Topics of a collection in several languages: by subject, the same for new items, and one language changes nothing."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest

import recs
from recs.clustering import languages as module
from recs.clustering.application import apply_topics
from recs.clustering.languages import LanguageMeans
from recs.clustering.result import Clustering
from recs.embedding.archive import opened_archive, save_archive
from recs.embedding.vectors import Embeddings
from recs.errors import SourceError
from recs.items import Item

pytest.importorskip("hdbscan")

SUBJECTS = 3
DIM = 32


def collection(codes, each=20, *, seed=0, offset=3.0, model="many languages"):
    """Return items of three subjects, `each` of every subject in each language, with vectors of subject + language."""
    rng = np.random.default_rng(seed)
    # Directions of subjects and of languages are orthogonal, as far as 32 dimensions allow.
    directions = np.linalg.qr(rng.standard_normal((DIM, DIM)))[0]
    items, rows, subjects = [], [], []
    for place, code in enumerate(codes):
        for number in range(SUBJECTS * each):
            subject = number % SUBJECTS
            name = f"{code}-{number:03}"
            items.append(Item(id=name, text=f"text {code}{number} of subject{subject}", lang=code))
            rows.append(2 * directions[subject] + offset * directions[SUBJECTS + place] + rng.normal(0, 0.12, DIM))
            subjects.append(subject)
    return items, Embeddings.from_array([item.id for item in items], rows, model=model), np.array(subjects)


def pairs_together(labels, groups):
    """Return the share of the pairs of one group that are in one topic."""
    pairs = [(a, b) for a, b in combinations(range(len(labels)), 2) if groups[a] == groups[b]]
    return np.mean([labels[a] == labels[b] >= 0 for a, b in pairs])


@pytest.mark.parametrize("codes", [("de", "en"), ("ar", "de", "en", "es", "zh")])
def test_cluster_items_several_languages_topics_are_by_subject(codes):
    items, embeddings, subjects = collection(codes)
    by_id = dict(zip(embeddings.ids, subjects.tolist(), strict=True))
    clustering = recs.cluster_items(items, embeddings)
    truth = [by_id[name] for name in clustering.ids]
    assert len(clustering.topics) == SUBJECTS
    assert pairs_together(clustering.assigned, truth) > 0.9
    assert clustering.languages.codes == codes
    assert any(", ".join(codes) in note for note in clustering.notes)
    undeclared = [replace(item, lang=None) for item in items]  # too short for a guess
    apart = recs.cluster_items(undeclared, embeddings)
    assert pairs_together(apart.assigned, truth) < 0.6


def test_predict_and_apply_agree_with_the_fit_without_knowing_a_language(tmp_path):
    items, embeddings, _ = collection(("de", "en", "es"))
    recs.cluster_items(items, embeddings).save(tmp_path / "topics.npz")
    saved = Clustering.load(tmp_path / "topics.npz")
    np.testing.assert_array_equal(saved.predict(embeddings.take(saved.ids)), saved.assigned)
    alone = [int(saved.predict(embeddings.take([name]))[0]) for name in saved.ids[:20]]
    assert alone == saved.assigned[:20].tolist()
    undeclared = [replace(item, lang=None) for item in items]
    np.testing.assert_array_equal(apply_topics(saved, undeclared, embeddings).assigned, saved.assigned)


def test_previous_new_items_in_one_language_join_the_topics_of_all(tmp_path):
    items, embeddings, subjects = collection(("de", "en"))
    is_new = np.array([item.id.startswith("de") and int(item.id[-3:]) >= 48 for item in items])
    first = recs.cluster_items([item for item, new in zip(items, is_new, strict=True) if not new], embeddings)
    second = recs.cluster_items(items, embeddings, previous=first)
    np.testing.assert_array_equal(second.languages.means, first.languages.means)
    topics = dict(zip(second.ids, second.assigned.tolist(), strict=True))
    topic_of_subject = {subject: topics[f"en-{subject:03}"] for subject in range(SUBJECTS)}
    assert sorted(topic_of_subject.values()) == [topic.id for topic in first.topics]
    new = np.flatnonzero(is_new)
    assert [topics[items[row].id] for row in new] == [topic_of_subject[subjects[row]] for row in new]


def test_previous_that_kept_languages_apart_still_does_and_says_so():
    items, embeddings, _ = collection(("de", "en"))
    apart = recs.cluster_items([replace(item, lang=None) for item in items], embeddings)
    again = recs.cluster_items(items, embeddings, previous=apart)
    np.testing.assert_array_equal(again.assigned, apart.assigned)
    assert any(note.startswith("previous: its topics keep the languages de, en apart") for note in again.notes)


@pytest.mark.parametrize(
    ("codes", "each", "model"),
    [
        (("en",), 20, "many languages"),
        (("de", "en"), 6, "many languages"),  # 18 items say little about a language
        (("de", "en"), 20, "all-MiniLM-L6-v2"),  # was trained for English alone
    ],
)
def test_language_means_one_language_leaves_the_vectors_alone(codes, each, model):
    items, embeddings, _ = collection(codes, each, model=model)
    means = LanguageMeans.of(items, embeddings)
    assert means.codes == ()
    assert means.removed_from(embeddings) is embeddings


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_removed_from_leaves_no_difference_between_the_languages(similarity):
    items, embeddings, _ = collection(("de", "en", "es"), seed=3)
    scale = np.float32(1 if similarity == "cosine" else 2)
    given = replace(embeddings, vectors=embeddings.vectors * scale, similarity=similarity)
    means = LanguageMeans.of(items, given)
    shared = means.removed_from(given)
    # The oracle: least squares finds how much of each row the differences of the means explain.
    differences = (means.means[1:] - means.means[0]).T
    explained = differences @ np.linalg.lstsq(differences, given.vectors.T.astype(float), rcond=None)[0]
    rest = given.vectors - explained.T
    if similarity == "cosine":
        rest /= np.linalg.norm(rest, axis=1, keepdims=True)
    np.testing.assert_allclose(shared.vectors, rest, atol=1e-6)
    assert (shared.ids, shared.fingerprint) == (given.ids, given.fingerprint)


def test_removed_from_a_vector_of_nothing_else_stays():
    means = LanguageMeans(("de", "en"), np.array([[1.0, 0.0], [-1.0, 0.0]]))
    only_language = Embeddings.from_array(["a", "b"], [[1.0, 0.0], [1.0, 1.0]], model="m")
    assert means.removed_from(only_language).vectors.tolist() == [[1.0, 0.0], [0.0, 1.0]]


def test_language_means_guesses_at_most_a_sample(monkeypatch):
    guessed = []

    def languages(items, cache):
        guessed.extend(items)
        return [item.lang for item in items]

    monkeypatch.setattr(module, "item_languages", languages)
    monkeypatch.setattr(module, "_SAMPLE", 50)
    items, embeddings, _ = collection(("de", "en"), each=30)
    assert LanguageMeans.of(items, embeddings).codes == ("de", "en")
    assert len(guessed) == 50


def test_load_file_of_a_version_without_languages_and_damaged_ones(tmp_path):
    items, embeddings, _ = collection(("de", "en"))
    clustering = recs.cluster_items([replace(item, lang=None) for item in items], embeddings)
    clustering.save(tmp_path / "new.npz")
    with opened_archive(tmp_path / "new.npz", "recs.clustering/1", "a clustering") as (manifest, arrays):
        old = {name: value for name, value in manifest.items() if name not in ("languages", "format")}
        kept = {name: arrays[name] for name in arrays if name not in ("language_means", "manifest")}
    save_archive(tmp_path / "old.npz", "recs.clustering/1", old, kept)
    loaded = Clustering.load(tmp_path / "old.npz")
    np.testing.assert_array_equal(loaded.predict(embeddings.take(loaded.ids)), loaded.assigned)
    damaged = old | {"languages": ["de", "en"]}
    save_archive(tmp_path / "bad.npz", "recs.clustering/1", damaged, kept | {"language_means": np.ones((2, 3))})
    with pytest.raises(SourceError, match="language_means"):
        Clustering.load(tmp_path / "bad.npz")
