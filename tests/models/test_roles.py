"""Roles, instructions, dimensions and similarities: which vectors may meet, and what a cache may take for the same."""

import re
from dataclasses import replace

import checkpoints as make
import layouts
import numpy as np
import pytest
import references as ref
from hypothesis import given
from hypothesis import strategies as st
from standins import BagEncoder, make_embedder, make_spec

import recs
from recs.embedding.cache import Cache
from recs.embedding.embedder import Embedder
from recs.embedding.load import find_embedder
from recs.embedding.vectors import Embeddings
from recs.errors import FingerprintMismatchError, ModelNotFoundError, OptionError, TextTooLongError
from recs.items import Item
from recs.models.folder import read_model
from recs.models.registry import registry
from recs.models.tokenizer import ModelTokenizer

TABLE = {"query": "query: ", "document": "passage: ", "clustering": "cluster: "}


# Roles and prompts.


def test_unknown_role_is_an_error_that_lists_the_known_ones():
    with pytest.raises(OptionError, match="role is 'passage', expected one of classification, clustering, document, q"):
        make_embedder().embed(["soil"], role="passage")


def test_role_that_only_the_files_of_a_model_know_is_taken():
    embedder = make_embedder(prompts={"Reranking": "rerank: "})
    assert embedder.embed(["soil"], role="Reranking").prompt == "rerank: "


@pytest.mark.parametrize(
    ("one", "two", "may_meet"),
    [
        ("query", "document", True),
        ("document", "document", True),
        ("clustering", "clustering", True),
        ("clustering", "document", False),
        ("query", "clustering", False),
        ("classification", "document", False),  # it has no prompt, a document has one
    ],
)
def test_roles_meet_as_the_registry_says(one, two, may_meet):
    embedder = make_embedder(prompts=TABLE)
    a, b = embedder.embed(["soil"], role=one), embedder.embed(["seed"], role=two)
    if may_meet:
        a.check_comparable(b)
        b.check_comparable(a)
        assert embedder.similarity(a, b).shape == (1, 1)
        return
    for x, y in ((a, b), (b, a)):
        with pytest.raises(FingerprintMismatchError, match=r"cannot be compared .* embed both for one role, or"):
            x.check_comparable(y)
    with pytest.raises(FingerprintMismatchError):
        embedder.similarity(a, b)


def test_roles_whose_prompts_are_equal_meet():
    embedder = make_embedder(prompts={"document": "text: ", "clustering": "text: "})
    embedder.embed(["soil"], role="clustering").check_comparable(embedder.embed(["soil"]))
    bare = make_embedder()
    bare.embed(["soil"], role="classification").check_comparable(bare.embed(["soil"], role="query"))


def test_one_role_with_two_instructions_does_not_meet_and_a_query_with_any_meets_documents():
    embedder = make_embedder(prompts={"document": "text: "})
    one, two = (embedder.embed(["soil"], instruction=each) for each in ("for science: ", "for law: "))
    with pytest.raises(FingerprintMismatchError, match=r"'for science: ' \(document\).*'for law: ' \(document\)"):
        one.check_comparable(two)
    embedder.embed(["soil"], role="query", instruction="for law: ").check_comparable(embedder.embed(["soil"]))


def test_role_and_prompt_survive_save_load_and_take(tmp_path):
    embeddings = make_embedder(prompts=TABLE).embed(["soil", "seed"], role="query")
    embeddings.save(tmp_path / "v.npz")
    for kept in (Embeddings.load(tmp_path / "v.npz"), embeddings.take(["1"])):
        assert (kept.role, kept.prompt) == ("query", "query: ")


def test_instruction_of_a_call_goes_before_that_of_the_embedder_and_an_empty_one_means_none():
    embedder = Embedder(
        make_spec(prompts=TABLE), instruction="mine: ", tokenizer=make_embedder().tokenizer, encoder=BagEncoder()
    )
    assert embedder.prompt("query") == "mine: "
    assert embedder.prompt("query", "yours: ") == "yours: "
    assert embedder.prompt("query", "") == ""
    assert make_embedder(prompts=TABLE).prompt("classification") == ""


def test_rendered_prompt_and_precision_are_part_of_what_vectors_are_cached_under(tmp_path):
    embedder, encoder = make_embedder(prompts=TABLE), BagEncoder()
    assert len({embedder.space(prompt) for prompt in ("", "query: ", "passage: ")}) == 3
    with Cache(tmp_path) as cache:
        # The texts that the encoder sees are the same, what the prompt is of them is not.
        embedder.embed(["query: soil"], instruction="", store=cache)
        again = make_embedder(encoder, prompts=TABLE)
        again.embed(["soil"], role="query", store=cache)
        assert encoder.texts == 1
        again.embed(["soil"], role="query", store=cache)
        again.embed(["soil"], instruction="query: ", store=cache)  # another role, the same prompt
        assert encoder.texts == 1


def test_table_of_prompts_is_part_of_the_fingerprint(tmp_path):
    layouts.static(tmp_path, 256)
    bare = read_model(str(tmp_path)).fingerprint
    make.write_json(tmp_path / "config_sentence_transformers.json", {"prompts": {"query": "query: "}})
    asked = read_model(str(tmp_path)).fingerprint
    make.write_json(tmp_path / "config_sentence_transformers.json", {"prompts": {"document": "query: "}})
    assert len({bare, asked, read_model(str(tmp_path)).fingerprint}) == 3


def test_instruction_of_qwen_is_written_as_the_model_was_trained(tmp_path):
    pytest.importorskip("sentence_transformers")
    layouts.qwen3(tmp_path)
    embedder = recs.load_embedder(f"Qwen3-Embedding-0.6B={tmp_path}", device="cpu", precision="float32")
    prompt = "Instruct: Find posts on soil {and} seed\nQuery:"
    assert embedder.prompt("query", "Find posts on soil {and} seed") == prompt
    assert embedder.prompt("document") == ""
    found = embedder.embed(["garlic"], role="query", instruction="Find posts on soil {and} seed").vectors[0]
    np.testing.assert_allclose(found, layouts.qwen3_vector(tmp_path, prompt, "garlic"), atol=2e-6)


# Dimensions.


@pytest.fixture(scope="module")
def matryoshka(tmp_path_factory):
    folder = tmp_path_factory.mktemp("matryoshka")
    layouts.nomic(folder)
    return f"nomic-embed-text-v1.5={folder}"


def test_dim_cuts_and_brings_back_to_length_one(matryoshka):
    pytest.importorskip("sentence_transformers")
    options = {"device": "cpu", "precision": "float32"}
    whole = recs.load_embedder(matryoshka, **options)
    cut = recs.load_embedder(matryoshka, dim=128, **options)
    full, short = whole.embed(make.TEXTS), cut.embed(make.TEXTS)
    expected = [ref.unit(row[:128]) for row in full.vectors.astype(np.float64)]
    np.testing.assert_allclose(short.vectors, expected, atol=1e-6)
    assert (short.model, short.dim) == ("nomic-embed-text-v1.5@128", 128)
    with pytest.raises(FingerprintMismatchError, match=r"nomic-embed-text-v1\.5@128"):
        full.check_comparable(short)
    named = recs.load_embedder(f"{matryoshka}@128", **options)
    assert named.spec == cut.spec


@pytest.mark.parametrize("dim", [100, 0, -1, 1024])
def test_dim_that_a_model_was_not_trained_to_be_cut_to_is_an_error(matryoshka, dim):
    with pytest.raises(OptionError, match="can be cut to one of 768, 512, 256, 128, 64"):
        read_model(matryoshka, dim=dim)


@pytest.mark.parametrize("dim", [0, -3, 257])
def test_dim_of_a_model_that_says_nothing_is_any_that_it_has(tmp_path, dim):
    layouts.static(tmp_path, 256)
    assert read_model(str(tmp_path), dim=1).dim == 1
    with pytest.raises(OptionError, match="can be cut to 1 to 256"):
        read_model(str(tmp_path), dim=dim)


def test_every_dim_and_the_whole_are_spaces_of_their_own(matryoshka):
    prints = [read_model(matryoshka, dim=dim).fingerprint for dim in registry()["nomic-embed-text-v1.5"].matryoshka]
    assert len(set(prints)) == len(prints)
    assert prints[0] == read_model(matryoshka).fingerprint  # 768 is all of it


class Longer(BagEncoder):
    """Vectors of length one, as a model with a module for it makes them."""

    def encode(self, texts, *, prompt=""):
        rows = super().encode(texts, prompt=prompt)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
@pytest.mark.parametrize("normalize", [True, False])
def test_dim_keeps_the_length_where_the_model_has_one(similarity, normalize):
    encoder = Longer() if normalize else BagEncoder()
    embedder = make_embedder(encoder, similarity=similarity, normalize=normalize)
    whole, cut = embedder.embed(["soil seed"]).vectors[0], embedder.with_dim(8).embed(["soil seed"]).vectors[0]
    np.testing.assert_allclose(cut, ref.unit(whole[:8]) if normalize else whole[:8], rtol=1e-6)


def test_cached_model_is_known_by_name_and_dimension_without_its_files(tmp_path):
    spec = make_spec(name="org/model", pooling="cls")
    whole = Embedder(spec, device="cpu", precision="float32", tokenizer=make_embedder().tokenizer, encoder=BagEncoder())
    with Cache(tmp_path) as cache:
        expected = {dim: whole.with_dim(dim).embed(["soil"], store=cache) for dim in (8, 16)}
        whole.embed(["soil"], store=cache)
        for dim, vectors in expected.items():
            for found in (find_embedder("org/model", cache, dim=dim), find_embedder(f"org/model@{dim}", cache)):
                assert (found.spec.name, found.spec.dim) == (f"org/model@{dim}", dim)
                np.testing.assert_array_equal(found.embed(["soil"], store=cache).vectors, vectors.vectors)
        assert find_embedder("org/model", cache, pooling="cls").spec.dim == spec.dim
        assert find_embedder("org/model", cache, dim=spec.dim).spec.name == "org/model"
        for options in ({"dim": 12}, {"pooling": "mean"}):
            with pytest.raises(ModelNotFoundError):
                find_embedder("org/model", cache, **options)


# Similarities.


def items_of(n):
    return [Item(id=f"i{k}", text=f"text {k}", title=f"Title {k}") for k in range(n)]


@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
def test_related_items_rank_by_the_models_own_similarity(similarity):
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((30, 5)) * rng.uniform(0.2, 5, (30, 1))  # the lengths differ, so cosine would differ
    items = items_of(30)
    embeddings = Embeddings.from_array([item.id for item in items], vectors, model="m", similarity=similarity)
    lists = recs.related_items(items, embeddings, k=4, signals="dense", rules=recs.Rules(collapse=False))
    x = vectors.astype(np.float32).astype(np.float64)
    scores = x @ x.T if similarity == "dot" else -np.sqrt(((x[:, None] - x[None]) ** 2).sum(axis=2))
    np.fill_diagonal(scores, -np.inf)
    for row, item in enumerate(items):
        best = np.argsort(-scores[row], kind="stable")[:4]
        assert [match.id for match in lists[item.id]] == [items[column].id for column in best]
        np.testing.assert_allclose([match.score for match in lists[item.id]], scores[row, best], atol=1e-4)
    assert lists.score.kind == similarity
    assert lists.model["similarity"] == similarity
    cosine = Embeddings.from_array([item.id for item in items], vectors, model="m")
    others = recs.related_items(items, cosine, k=4, signals="dense", rules=recs.Rules(collapse=False))
    assert any([m.id for m in lists[i.id]] != [m.id for m in others[i.id]] for i in items)


@pytest.mark.parametrize("similarity", ["dot", "euclidean"])
def test_fused_lists_do_not_depend_on_the_unit_of_a_similarity_that_has_one(similarity):
    rng = np.random.default_rng(4)
    items = [replace(item, text=f"soil seed {k % 5} garlic") for k, item in enumerate(items_of(20))]
    vectors = rng.standard_normal((20, 6)) * rng.uniform(0.5, 3, (20, 1))
    ids = [item.id for item in items]
    lists = [
        recs.related_items(items, Embeddings.from_array(ids, vectors * unit, model="m", similarity=similarity), k=5)
        for unit in (1, 64)
    ]
    for item in items:
        one, two = (each[item.id] for each in lists)
        assert [match.id for match in one] == [match.id for match in two]
        np.testing.assert_allclose([m.score for m in one], [m.score for m in two], atol=1e-4)


# The context window, with tokenizers of every kind.


@pytest.fixture(scope="module")
def tokenizers_of_all_kinds(tmp_path_factory):
    root = tmp_path_factory.mktemp("tokenizers")
    make.word_piece(root / "word_piece")
    make.unigram(root / "unigram")
    make.byte_pairs(root / "byte_pairs", bert=False)
    return {path.name: ModelTokenizer(path) for path in root.iterdir()}


class Measured(BagEncoder):
    """Keeps the longest text it has seen, in tokens of the real tokenizer."""

    def __init__(self, tokenizer):
        super().__init__(10_000)
        self.tokenizer, self.longest = tokenizer, 0

    def encode(self, texts, *, prompt=""):
        assert all(text.startswith(prompt) for text in texts)
        self.longest = max(self.longest, *map(len, self.tokenizer.ids(texts)))
        return super().encode(texts)


ALPHABET = st.sampled_from("ab,. \n\u00e9\u65e5wheel")
TEXTS = st.one_of(st.text(ALPHABET, min_size=1), st.text(ALPHABET, min_size=80, max_size=300)).filter(str.strip)


@pytest.mark.parametrize("kind", ["word_piece", "unigram", "byte_pairs"])
@pytest.mark.parametrize("prompt", ["", "query: ", "Instruct: plant\nQuery:"])
@given(text=TEXTS)
def test_no_text_past_the_window_reaches_the_model_and_what_is_lost_is_counted(
    tokenizers_of_all_kinds, kind, prompt, text
):
    tokenizer = tokenizers_of_all_kinds[kind]
    encoder, window = Measured(tokenizer), 48
    spec = make_spec(max_tokens=window)
    embedder = Embedder(spec, device="cpu", precision="float32", tokenizer=tokenizer, encoder=encoder)
    whole = embedder.embed([text], instruction=prompt)
    head = embedder.embed([text], instruction=prompt, overflow="truncate")
    assert encoder.longest <= window
    spans = whole.chunk_spans.tolist()
    assert "".join(text[start:stop] for start, stop in spans) == text
    tokens = tokenizer.count([text])[0]
    assert whole.tokens.tolist() == head.tokens.tolist() == [tokens]
    (read,) = tokenizer.read([text])
    assert whole.tokens_lost.tolist() == [len(read.unknown)]
    cut = 0
    try:
        embedder.embed([text], instruction=prompt, overflow="error")
    except TextTooLongError as error:
        has, fit = map(int, re.findall(r"has (\d+) tokens and (\d+) fit", str(error))[0])
        cut = has - fit
    assert 0 <= cut < max(tokens, 1)
    assert (cut > 0) == (head.chunk_spans[0, 1] < len(text) or len(head.chunk_vectors) < len(whole.chunk_vectors))
    assert head.tokens_lost.tolist() == [cut + sum(place < tokens - cut for place in read.unknown)]


def test_roles_of_the_command_line_are_those_of_the_embedder():
    from recs.cli.embed import command
    from recs.embedding.embedder import ROLES

    (role,) = [option for option in command.params if option.name == "role"]
    assert set(role.type.choices) == set(ROLES)
