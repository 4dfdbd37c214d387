"""With `cached_only`, no model is loaded: what has no vector in the cache is marked, and ranked by its terms."""

import numpy as np
import pytest
from standins import BagEncoder, make_embedder, make_records

import recs
from recs.embedding.embedder import Embedder
from recs.embedding.pipeline import embed_items


class NeverLoaded:
    """In place of weights and tokenizer that may not be loaded."""

    def __getattr__(self, name):
        raise AssertionError(f"the model was asked for {name}")


@pytest.fixture
def items():
    return recs.read_items(make_records(24)).public


@pytest.fixture
def sleeping():
    spec = make_embedder().spec
    return Embedder(spec, device="cpu", precision="float32", tokenizer=NeverLoaded(), encoder=NeverLoaded())


def test_items_with_vectors_have_the_same_ones_and_the_others_are_marked(items, sleeping, tmp_path):
    computed = embed_items(items[:20], make_embedder(), cache=tmp_path)
    cached = embed_items(items, sleeping, cache=tmp_path, cached_only=True)
    known = ~cached.missing
    assert known.tolist() == [True] * 20 + [False] * 4
    np.testing.assert_array_equal(cached.vectors[known], computed.vectors)
    assert cached.blank[~known].all()


def test_an_item_of_which_one_chunk_is_not_cached_is_missing(tmp_path, sleeping):
    text = " ".join(f"word{i}" for i in range(90))
    encoder = BagEncoder()
    embed_items([recs.Item(id="a", text=text)], make_embedder(encoder), cache=tmp_path)
    with recs.Cache(tmp_path) as cache:
        cache._connection.execute("DELETE FROM vectors WHERE id = 2")
    assert encoder.texts > 1
    cached = embed_items([recs.Item(id="a", text=text)], sleeping, cache=tmp_path, cached_only=True)
    assert cached.missing.tolist() == [True]


def test_without_a_cache_all_are_missing(items, sleeping):
    assert embed_items(items, sleeping, cache=False, cached_only=True).missing.all()


def test_related_lists_say_which_items_were_ranked_by_terms(items, sleeping, tmp_path):
    embed_items(items[:20], make_embedder(), cache=tmp_path)
    lists = recs.related_items(items, embedder=sleeping, cache=recs.Cache(tmp_path), cached_only=True)
    new = sorted(item.id for item in items[20:])
    assert list(lists.by_terms) == new
    assert [note for note in lists.notes if "4 items have no vector in the cache" in note]
    assert all(lists[item_id] for item_id in new)
    assert lists.counts["tokens_lost"] == 0


def test_with_all_vectors_the_lists_are_those_of_a_run_with_the_model(items, sleeping, tmp_path):
    with recs.Cache(tmp_path) as cache:
        whole = recs.related_items(items, embedder=make_embedder(), cache=cache)
        cached = recs.related_items(items, embedder=sleeping, cache=cache, cached_only=True)
    assert cached.lists == whole.lists
    assert cached.by_terms == ()
    assert cached.notes == whole.notes


def test_with_no_vector_the_lists_are_those_of_terms(items, sleeping):
    by_terms = recs.related_items(items, signals="terms,mentions", cache=False)
    cached = recs.related_items(items, embedder=sleeping, cache=False, cached_only=True)
    ids = {name: [match.id for match in cached[name]] for name in cached}
    assert ids == {name: [match.id for match in by_terms[name]] for name in by_terms}


def test_a_missing_item_is_in_no_topic_and_gets_no_label(items, sleeping, tmp_path):
    embed_items(items[:20], make_embedder(), cache=tmp_path)
    cached = embed_items(items, sleeping, cache=tmp_path, cached_only=True)
    clustering = recs.cluster_items(items, cached, assign="all")
    assert (clustering.assigned[20:] == -1).all()
    assert "4 items are in no topic: they have no vector in the cache." in clustering.notes
    labelled = [recs.Item(id=item.id, text=item.text, category=item.meta["topic"]) for item in items]
    classifier = recs.train_classifier(labelled[:20], cached, label="category", min_support=1)
    assert [prediction.answer for prediction in classifier.predict(cached)[20:]] == ["abstain"] * 4


def test_a_forbidden_model_is_never_loaded(tmp_path):
    embedder = make_embedder()
    embedder.may_load = False
    del embedder.tokenizer, embedder._encoder
    with pytest.raises(recs.RecsError, match="only cached vectors are wanted"):
        embedder.embed(["garlic"])
