"""Phrases by the model: in the role of the items, from the cache, and not at all where the model cannot run."""

from __future__ import annotations

import numpy as np
import pytest
from standins import BagEncoder, make_embedder, make_records, make_spec

import recs
from recs.cluster import cluster_items
from recs.embedding.cache import Cache
from recs.embedding.embedder import Embedder
from recs.errors import FingerprintMismatchError
from recs.items import Item

pytest.importorskip("hdbscan")

PROMPTS = {"clustering": "group: ", "document": "text: "}


class Recorder(BagEncoder):
    """Keeps the prompts that it was called with, and can be switched off."""

    def __init__(self):
        super().__init__()
        self.prompts = set()
        self.is_on = True

    def encode(self, texts, *, prompt=""):
        assert self.is_on, "the model was used"
        self.prompts.add(prompt)
        return super().encode(texts, prompt=prompt)


@pytest.fixture
def posts():
    return [Item(id=record["id"], title=record["title"], text=record["text"]) for record in make_records(60)]


def test_phrases_are_embedded_in_the_role_of_the_items_and_a_second_run_uses_no_model(posts, tmp_path):
    encoder = Recorder()
    embedder = make_embedder(encoder, prompts=PROMPTS)
    results = []
    for is_on in (True, False):
        encoder.is_on = is_on
        with Cache(tmp_path) as cache:
            embeddings = recs.embed_items(posts, embedder, role="clustering", cache=cache)
            results.append(cluster_items(posts, embeddings, embedder=embedder, cache=cache))
    assert encoder.prompts == {"group: "}
    assert results[0].topics == results[1].topics
    assert [result.parameters["phrases"] for result in results] == ["words and vectors"] * 2
    assert (results[0].role, results[0].prompt) == ("clustering", "group: ")


def test_phrases_without_a_model_are_ranked_by_words_and_the_result_says_so(posts):
    embedder = make_embedder(prompts=PROMPTS)
    embeddings = recs.embed_items(posts, embedder, role="clustering", cache=False)
    without = cluster_items(posts, embeddings)
    assert (without.parameters["phrases"], without.notes) == ("words", ())
    absent = Embedder(make_spec(prompts=PROMPTS), device="cpu", precision="float32", engine="onnx")
    clustering = cluster_items(posts, embeddings, embedder=absent, cache=False)
    assert clustering.parameters["phrases"] == "words"
    assert clustering.topics == without.topics
    assert clustering.notes[-1].startswith("the phrases of topics are ranked by words alone, without vectors: ")
    assert "\n" not in clustering.notes[-1]


@pytest.mark.parametrize("change", [{"fingerprint": "0" * 64}, {"prompts": {"clustering": "another: "}}])
def test_embedder_of_another_model_or_prompt_is_refused_before_anything_is_computed(posts, change):
    embeddings = recs.embed_items(posts, make_embedder(prompts=PROMPTS), role="clustering", cache=False)
    encoder = Recorder()
    other = make_embedder(encoder, **{"prompts": PROMPTS, **change})
    with pytest.raises(FingerprintMismatchError, match="give the embedder of the items"):
        cluster_items(posts, embeddings, embedder=other, cache=False)
    assert not encoder.texts


def test_blank_phrases_and_no_topics_need_no_model():
    encoder = Recorder()
    embedder = make_embedder(encoder)
    items = [Item(id="a", text="one post"), Item(id="b", text="another")]
    embeddings = recs.embed_items(items, embedder, cache=False)
    encoder.is_on = False
    clustering = cluster_items(items, embeddings, embedder=embedder, cache=False)
    assert clustering.topics == ()
    np.testing.assert_array_equal(clustering.assigned, [-1, -1])
