"""Related lists from shards: those of one process, whatever the shards and the processes are."""

import json
from dataclasses import replace

import numpy as np
import pytest

import recs
from recs.bulk.related import related_in_shards
from recs.bulk.runners import LocalRunner
from recs.bulk.vectors import EmbedTexts, vector_table
from recs.embedding.vectors import Embeddings
from recs.errors import OptionError, OutputError, ShardsError
from recs.writers.related import render_related

pytest.importorskip("pyarrow")
HERE = LocalRunner(workers=0)
WORDS = ["soil", "seed", "garlic", "tea", "bread", "oven", "train", "steam", "rail", "compost", "bed", "onion", "water"]


class WordVectors(EmbedTexts):
    """Vectors of texts by their words, in place of a model: a chunk for each line."""

    def fingerprint(self):
        return "words"

    def __call__(self, path):
        from recs.bulk.store import StoredTexts

        stored = StoredTexts.read(path)
        return vector_table(word_embeddings(stored.ids, stored.texts), None)


def word_embeddings(ids, texts):
    def vector(text):
        rows = [np.random.default_rng(list(word.encode())).standard_normal(16) for word in ["", *text.split()]]
        return np.sum(rows, axis=0) / np.linalg.norm(np.sum(rows, axis=0))

    lines = [text.split("\n") for text in texts]
    rows = np.repeat(np.arange(len(ids)), [len(of_text) for of_text in lines])
    chunks = np.array([vector(line) for of_text in lines for line in of_text], np.float32).reshape(-1, 16)
    vectors = np.array([vector(text) for text in texts], np.float32).reshape(-1, 16)
    return Embeddings(
        tuple(ids),
        vectors,
        "words",
        model="words",
        chunk_vectors=chunks,
        chunk_rows=rows,
        chunk_spans=np.zeros((len(rows), 2), np.int64),
        tokens=np.full(len(ids), 9),
        tokens_lost=np.array([9 if "water water" in text else 0 for text in texts], np.int64),
    )


def make_collection(n, seed=0):
    generator = np.random.default_rng(seed)
    items = []
    for row in range(n):
        text = " ".join(generator.choice(WORDS, int(generator.integers(4, 20))).tolist())
        text += "\nsoil bread " + str(row // 2) if row % 4 == 0 else ""
        lang = ["en", "de", None][row % 3] if row % 5 == 0 else None
        title = " ".join(generator.choice(WORDS, 2).tolist())
        published = f"2026-{row % 12 + 1:02}-01"
        items.append(recs.Item(f"{row:04}", text, title=title, lang=lang, published=published))
    items[0] = recs.Item("draft", "soil bread oven", visibility="draft")
    return recs.Collection(tuple(items))


def lists_of(lists):
    return {name: [match.id for match in lists[name]] for name in lists}


@pytest.mark.parametrize("signals", ["auto", "terms,mentions", "dense", "terms"])
@pytest.mark.parametrize("n", [3, 12, 45])
def test_related_in_shards_equals_related_items_where_every_cell_is_searched(tmp_path, n, signals):
    collection = make_collection(n)
    public = collection.public
    vectors = word_embeddings([item.id for item in public], [item.text for item in public])
    rules = recs.Rules(min_inbound=1)
    expected = recs.related_items(collection, vectors, k=4, signals=signals, rules=rules, cache=False, now="2026-11-01")
    options = {"k": 4, "signals": signals, "rules": rules, "now": "2026-11-01", "runner": HERE, "folder": tmp_path}
    made = related_in_shards(collection, WordVectors("words"), **options, shard_items=11)
    assert lists_of(made) == lists_of(expected)
    assert "draft" not in made
    for name in made:
        scores, exact = ([match.score for match in lists[name]] for lists in (made, expected))
        np.testing.assert_allclose(scores, exact, atol=0.003)  # vectors of whole numbers


def test_related_in_shards_the_shards_and_the_order_of_items_change_nothing(tmp_path):
    collection = make_collection(230)
    texts = set()
    for number, shard_items in enumerate((1000, 50, 7)):
        items = collection.items if number % 2 else collection.items[::-1]
        options = {"runner": HERE, "folder": tmp_path / str(number), "now": "2026-11-01"}
        lists = related_in_shards(recs.Collection(items), WordVectors("words"), **options, shard_items=shard_items)
        texts.add(render_related(lists))
    assert len(texts) == 1
    assert json.loads(texts.pop())["counts"]["items"] == 229


def test_related_in_shards_finds_what_all_pairs_find(tmp_path, monkeypatch):
    from recs.ranking import fusion

    collection = make_collection(600, seed=3)
    public = collection.public
    vectors = word_embeddings([item.id for item in public], [item.text for item in public])
    expected = lists_of(recs.related_items(collection, vectors, k=10, cache=False, now="2026-11-01"))
    monkeypatch.setattr(fusion, "_SAMPLE", 598)
    made = lists_of(
        related_in_shards(collection, WordVectors("words"), k=10, runner=HERE, folder=tmp_path, now="2026-11-01")
    )
    shared = [len(set(made[name]) & set(expected[name])) / 10 for name in made]
    assert np.mean(shared) > 0.97


class FailsOnce(WordVectors):
    """Fails for a shard until a file is there."""

    def __call__(self, path):
        if "part-00001" in path.name and not (path.parent.parent.parent / "fixed").exists():
            raise ValueError("no memory for it")
        return super().__call__(path)


def test_related_in_shards_a_run_that_failed_goes_on_and_removes_nothing(tmp_path):
    collection = make_collection(60)
    options = {"runner": HERE, "folder": tmp_path, "now": "2026-11-01", "shard_items": 20}
    with pytest.raises(ShardsError, match=r"1 of 3 shards failed; the first is vectors/part-00001.*no memory for it"):
        related_in_shards(collection, FailsOnce("words"), **options)
    (tmp_path / "fixed").touch()
    steps = []
    lists = related_in_shards(
        collection, FailsOnce("words"), progress=lambda step, done, of: steps.append((step, of)), **options
    )
    assert ("vectors", 1) in steps
    assert not any(step == "weights" for step, _ in steps)
    whole = related_in_shards(collection, WordVectors("words"), **{**options, "folder": tmp_path / "other"})
    assert render_related(lists) == render_related(whole)


def test_related_in_shards_goes_on_only_with_what_may_be_listed_now(tmp_path):
    collection = make_collection(40)
    options = {"runner": HERE, "folder": tmp_path, "now": "2026-11-01", "k": 8}
    before = lists_of(related_in_shards(collection, WordVectors("words"), **options))
    hidden = next(iter(before["0005"]))
    items = tuple(replace(item, recommend=item.id != hidden) for item in collection)
    now = lists_of(related_in_shards(recs.Collection(items), WordVectors("words"), **options))
    assert hidden not in {other for others in now.values() for other in others}
    assert now[hidden]
    rules = recs.Rules(no_recommend=frozenset({"0007"}))
    ruled = lists_of(related_in_shards(collection, WordVectors("words"), rules=rules, **options))
    assert "0007" not in {other for others in ruled.values() for other in others}


def test_related_in_shards_needs_two_items_and_a_cosine(tmp_path):
    with pytest.raises(OptionError, match="1 public items"):
        related_in_shards(make_collection(2), None, runner=HERE, folder=tmp_path)


def test_related_in_shards_in_cells_is_near_to_exact_and_says_how_near(tmp_path, monkeypatch):
    from recs.bulk import nearest, related
    from recs.ranking import fusion

    monkeypatch.setattr(fusion, "_SAMPLE", 300)
    collection = make_collection(900, seed=5)
    options = {"k": 5, "runner": HERE, "now": "2026-11-01", "signals": "dense"}
    exact = lists_of(related_in_shards(collection, WordVectors("words"), folder=tmp_path / "exact", **options))
    for module in (nearest, related):
        monkeypatch.setattr(module, "EXACT", 100)
    monkeypatch.setattr(nearest, "_FEWEST_ROWS", 1)
    lists = related_in_shards(collection, WordVectors("words"), folder=tmp_path / "cells", **options)
    made = lists_of(lists)
    (note,) = [note for note in lists.notes if note.code == "recall"]
    recall = float(note.split()[2])
    shared = np.mean([len(set(made[name]) & set(exact[name])) / 5 for name in made])
    assert 0.8 < recall < 1
    assert abs(shared - recall) < 0.1
    monkeypatch.setattr(nearest, "SHARE", 1.0)
    lists = related_in_shards(collection, WordVectors("words"), folder=tmp_path / "all", **options)
    assert lists_of(lists) == exact
    assert any("1.000 of the 10 nearest" in note for note in lists.notes)


class OtherVectors(WordVectors):
    """Vectors of another model that has the same name: other weights in the same folder."""

    def fingerprint(self):
        return "other words"

    def __call__(self, path):
        from recs.bulk.store import StoredTexts

        stored = StoredTexts.read(path)
        return vector_table(word_embeddings(stored.ids, [text[::-1] for text in stored.texts]), None)

    def __repr__(self):
        return repr(WordVectors("words"))


def test_related_in_shards_other_weights_of_the_same_name_make_other_vectors(tmp_path):
    collection = make_collection(40)
    options = {"runner": HERE, "now": "2026-11-01", "signals": "dense"}
    related_in_shards(collection, WordVectors("words"), folder=tmp_path / "one", **options)
    other = related_in_shards(collection, OtherVectors("words"), folder=tmp_path / "one", **options)
    alone = related_in_shards(collection, OtherVectors("words"), folder=tmp_path / "two", **options)
    assert render_related(other) == render_related(alone)


def test_related_in_shards_a_folder_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be made"):
        related_in_shards(make_collection(9), None, runner=HERE, folder=tmp_path / "file" / "work")
