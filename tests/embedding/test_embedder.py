import json

import numpy as np
import pytest
from standins import DIM, BagEncoder, WordTokenizer, make_embedder, make_spec

from recs.embedding.batches import plan_batches, plan_missing
from recs.embedding.embedder import Embedder
from recs.errors import EmbeddingError, OptionError, TextTooLongError
from recs.models.tokenizer import Tokens

LONG = " ".join(f"word{i}" for i in range(100))


class _Dict(dict):
    """A store that keeps everything in memory."""

    def __init__(self):
        super().__init__()
        self.chunks, self.vectors, self.writes = {}, {}, 0

    def get_chunks(self, keys):
        return {key: self.chunks[key] for key in keys if key in self.chunks}

    def put_chunks(self, records):
        self.chunks |= records

    def get_vectors(self, space, keys, dim):
        return {key: self.vectors[space, key] for key in keys if (space, key) in self.vectors}

    def put_vectors(self, space, vectors, spec):
        self.writes += 1
        self.vectors |= {(space, key): vector for key, vector in vectors.items()}


def test_embed_short_text_equals_encoder_row():
    encoder = BagEncoder()
    embeddings = make_embedder(encoder).embed(["a red bicycle", "soil"])
    expected = encoder.encode(["a red bicycle", "soil"]).astype(np.float64)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(embeddings.vectors, expected, atol=1e-6)
    assert embeddings.ids == ("0", "1")
    assert embeddings.tokens.tolist() == [3, 1]
    assert embeddings.tokens_lost.tolist() == [0, 0]


def test_embed_long_text_is_token_weighted_mean_of_its_chunks():
    embeddings = make_embedder().embed([LONG])
    assert len(embeddings.chunk_vectors) >= 4  # 100 words, 32 a chunk
    assert embeddings.tokens_lost.tolist() == [0]
    encoder, words = BagEncoder(), LONG.split()
    # The oracle cuts by itself: the pieces of the chunker cover all words in order, so their sizes tell the cuts.
    total = np.zeros(DIM)
    covered = 0
    for row in embeddings.chunk_vectors:
        sizes = [
            size
            for size in range(1, 33)
            if np.allclose(
                _unit(encoder.encode([" ".join(words[covered : covered + size])])[0]),
                row,
                atol=1e-5,
            )
        ]
        assert sizes, "a chunk is not a run of the words that come next"
        total += sizes[0] * row
        covered += sizes[0]
    assert covered == 100
    np.testing.assert_allclose(embeddings.vectors[0], _unit(total), atol=1e-6)


def _unit(x):
    return np.asarray(x, dtype=np.float64) / np.linalg.norm(x)


def test_embed_truncate_counts_what_is_lost():
    embeddings = make_embedder().embed([LONG, "short"], overflow="truncate")
    head = make_embedder().embed([" ".join(LONG.split()[:32])])
    np.testing.assert_array_equal(embeddings.vectors[0], head.vectors[0])
    assert embeddings.tokens.tolist() == [100, 1]
    assert embeddings.tokens_lost.tolist() == [68, 0]


def test_embed_overflow_error_names_item_and_numbers():
    with pytest.raises(TextTooLongError, match=r"'post-7' has 100 tokens and 32 fit"):
        make_embedder().embed([LONG], ids=["post-7"], overflow="error")


def test_embed_title_is_part_of_every_chunk():
    plain, titled = make_embedder().embed([LONG]), make_embedder().embed([LONG], titles=["Garlic"])
    assert len(titled.chunk_vectors) >= len(plain.chunk_vectors)
    assert not np.allclose(plain.chunk_vectors[-1], titled.chunk_vectors[-1])


def test_embed_title_longer_than_its_share_gets_chunks_of_its_own():
    title = " ".join(f"head{i}" for i in range(40))
    embeddings = make_embedder().embed(["body text"], titles=[title])
    assert embeddings.tokens.tolist() == [42]
    assert len(embeddings.chunk_vectors) == 3  # two of the title, one of the body
    assert embeddings.tokens_lost.tolist() == [0]


def test_embed_every_chunk_fits_the_window():
    class Strict(BagEncoder):
        def encode(self, texts, *, prompt=""):
            assert max(len(text.split()) + 2 for text in texts) <= 34
            return super().encode(texts)

    make_embedder(Strict()).embed([LONG * 3, "x " * 31, "y " * 33], titles=["t", "Two words", "z " * 50])


class _Ascii(WordTokenizer):
    """Knows no word that has a letter beyond ASCII."""

    def read(self, texts):
        unknown = [[place for place, word in enumerate(text.split()) if not word.isascii()] for text in texts]
        return [Tokens(spans, places) for spans, places in zip(self.spans(texts), unknown, strict=True)]


def _ascii_embedder(**changes):
    return Embedder(make_spec(**changes), device="cpu", precision="float32", tokenizer=_Ascii(), encoder=BagEncoder())


@pytest.mark.parametrize(
    ("text", "title", "tokens", "lost", "truncated"),
    [
        ("all known", "", 2, 0, 0),
        ("süß and sour", "", 3, 1, 1),
        ("süß", "", 1, 1, 1),
        ("süß", "Known", 2, 1, 1),
        ("known", "Süß", 2, 1, 1),
        ("süß", "Süß", 2, 2, 2),
        ("", "Süß known", 2, 1, 1),
        (LONG + " ü", "", 101, 1, 69),  # the unknown one is past the window: it is lost once
        ("ü " + LONG, "", 101, 1, 70),
        ("ü " + LONG + " ü", "Tä", 103, 3, 73),
        ("ü " + LONG, "ö " * 9, 110, 10, 10 + 100),  # a title too long to be a prefix is a piece before the text
        ("ü " * 40, "", 40, 40, 40),
    ],
)
def test_embed_unknown_tokens_are_lost(text, title, tokens, lost, truncated):
    stores = {"chunk": _Dict(), "truncate": _Dict()}
    for overflow, expected in (("chunk", lost), ("truncate", truncated)):
        for _ in range(2):  # computed, then of a record
            made = _ascii_embedder().embed([text], titles=[title], overflow=overflow, store=stores[overflow])
            assert made.tokens.tolist() == [tokens]
            assert made.tokens_lost.tolist() == [expected]
            assert made.blank.tolist() == [expected == tokens]


def test_embed_overflow_error_asks_for_the_window_alone():
    _ascii_embedder().embed(["süß"], overflow="error")
    with pytest.raises(TextTooLongError, match="has 101 tokens and 32 fit"):
        _ascii_embedder().embed([LONG + " ü"], overflow="error")


def test_embed_unknown_tokens_change_no_vector():
    made = _ascii_embedder().embed(["süß and sour", LONG], titles=["ä", ""])
    expected = make_embedder().embed(["süß and sour", LONG], titles=["ä", ""])
    assert made.vectors.tobytes() == expected.vectors.tobytes()
    assert expected.tokens_lost.tolist() == [0, 0]  # this tokenizer cannot tell


def test_embed_records_hold_numbers_and_those_of_an_older_version_are_not_found(monkeypatch):
    store = _Dict()
    monkeypatch.setattr("recs.embedding.documents.CHUNKING", "chunks/1")
    _ascii_embedder().embed(["süß and sour"], store=store)
    old = dict.fromkeys(store.chunks, b'{"prefix": false, "parts": [[0, 12, 3, 5, 0]], "tokens": 3, "lost": 0}')
    monkeypatch.undo()
    store = _Dict()
    store.chunks |= old
    assert _ascii_embedder().embed(["süß and sour"], store=store).tokens_lost.tolist() == [1]
    (record,) = [record for key, record in store.chunks.items() if key not in old]
    assert json.loads(record) == [0, 3, 0, 1, [[0, 12, 3, 5, 0]]]
    assert not any(char.isalpha() for char in record.decode())


@pytest.mark.model
def test_embed_unknown_tokens_of_the_real_model_are_counted():
    from recs import load_embedder

    texts = ["\U0001f600 smile", "\U0001f600\U0001f680", "ภาษาไทย ꦗꦮ", "x" * 2_000_000, "Привет, 日本語", "\u200b"]
    made = load_embedder("all-MiniLM-L6-v2", precision="float32").embed(texts)
    assert made.tokens_lost.tolist() == [1, 1, 2, 1, 0, 0]
    assert made.blank.tolist() == [False, True, True, True, False, True]


def test_embed_order_of_texts_changes_no_byte():
    texts = [f"text number {i} about " + "soil " * (i % 30) for i in range(50)]
    one = make_embedder().embed(texts)
    two = make_embedder().embed(texts[::-1])
    np.testing.assert_array_equal(one.vectors, two.vectors[::-1])


def test_embed_equal_texts_are_computed_once():
    encoder = BagEncoder()
    make_embedder(encoder).embed(["same words"] * 1000)
    assert encoder.texts == 1


def test_embed_with_store_computes_nothing_twice():
    store, encoder = _Dict(), BagEncoder()
    first = make_embedder(encoder).embed([LONG, "b"], store=store)
    asked = encoder.texts
    second = make_embedder(encoder).embed([LONG, "b"], store=store)
    assert encoder.texts == asked
    np.testing.assert_array_equal(first.vectors, second.vectors)


def test_embed_known_boundaries_need_no_tokenizer():
    store = _Dict()
    first = make_embedder().embed([LONG], titles=["T"], store=store)
    embedder = make_embedder()
    del embedder.tokenizer  # asking for it now would fail: the stand-in has no folder
    np.testing.assert_array_equal(embedder.embed([LONG], titles=["T"], store=store).vectors, first.vectors)


@pytest.mark.parametrize("change", [{"fingerprint": "e" * 64}, {"prompts": {"document": "passage: "}}])
def test_embed_other_space_finds_nothing_in_store(change):
    store, encoder = _Dict(), BagEncoder()
    make_embedder().embed(["a b c"], store=store)
    make_embedder(encoder, **change).embed(["a b c"], store=store)
    assert encoder.texts == 1


def test_embed_role_with_prompt_changes_the_vector():
    embedder = make_embedder(prompts={"query": "query: "})
    query, document = embedder.embed(["soil"], role="query"), embedder.embed(["soil"])
    assert not np.allclose(query.vectors, document.vectors)
    query.check_comparable(document)  # the prompt table is in the fingerprint, the role is not


def test_embed_interrupted_run_goes_on_with_the_same_batches():
    texts = [" ".join(f"w{i}-{j}" for j in range(1 + i % 20)) for i in range(200)]
    whole = BagEncoder()
    expected = make_embedder(whole).embed(texts)

    class Dies(BagEncoder):
        def encode(self, texts, *, prompt=""):
            if len(self.batches) == 20:
                raise KeyboardInterrupt
            return super().encode(texts)

    store, again = _Dict(), BagEncoder()
    with pytest.raises(KeyboardInterrupt):
        make_embedder(Dies()).embed(texts, store=store)
    resumed = make_embedder(again).embed(texts, store=store)
    np.testing.assert_array_equal(resumed.vectors, expected.vectors)
    assert 0 < len(again.batches) < len(whole.batches)
    assert again.batches == whole.batches[-len(again.batches) :]


@pytest.mark.parametrize("text", ["", "  \n "])
def test_embed_empty_text_is_an_error(text):
    with pytest.raises(EmbeddingError, match="'1' is empty"):
        make_embedder().embed(["fine", text])


@pytest.mark.parametrize(("value", "said"), [(np.nan, "NaN"), (0.0, "zero")])
def test_embed_vector_without_direction_is_an_error(value, said):
    class Broken(BagEncoder):
        def encode(self, texts, *, prompt=""):
            rows = super().encode(texts)
            rows[-1] = value
            return rows

    with pytest.raises(EmbeddingError, match=said):
        make_embedder(Broken()).embed(["a", "b"])


def test_embed_wrong_dimension_is_an_error():
    with pytest.raises(EmbeddingError, match=r"expected \(1, 7\)"):
        make_embedder(dim=7).embed(["a"])


def test_embed_string_instead_of_list_is_an_error():
    with pytest.raises(EmbeddingError, match="a list of one"):
        make_embedder().embed("text")


def test_embed_unknown_overflow_is_an_error():
    with pytest.raises(OptionError, match="expected one of chunk, truncate, error"):
        make_embedder().embed(["a"], overflow="drop")


def test_embed_no_texts_gives_no_rows():
    embeddings = make_embedder().embed([])
    assert embeddings.vectors.shape == (0, DIM)


def test_embed_progress_ends_at_the_total():
    seen = []
    make_embedder().embed([f"text {i}" for i in range(60)], progress=seen.append)
    assert seen[-1].texts_done == seen[-1].texts == 60
    assert seen[-1].tokens_done == seen[-1].tokens
    assert [p.texts_done for p in seen] == sorted(p.texts_done for p in seen)


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_similarity_equals_its_definition(similarity):
    embedder = make_embedder(similarity=similarity)
    a, b = embedder.embed(["soil seed", "wheel"]), embedder.embed(["soil", "chain", "oven"])
    got = embedder.similarity(a, b)
    for i, x in enumerate(a.vectors.astype(np.float64)):
        for j, y in enumerate(b.vectors.astype(np.float64)):
            expected = {
                "cosine": x @ y / np.sqrt(x @ x) / np.sqrt(y @ y),
                "dot": x @ y,
                "euclidean": -np.sqrt(((x - y) ** 2).sum()),
            }
            assert got[i, j] == pytest.approx(expected[similarity], abs=1e-12)


def test_plan_batches_covers_all_within_budget_and_ignores_order():
    rng = np.random.default_rng(1)
    lengths = rng.integers(1, 300, size=500).tolist()
    texts = [f"t{i}" for i in range(500)]
    batches = plan_batches(texts, lengths, budget=512)
    assert sorted(i for batch in batches for i in batch) == list(range(500))
    assert all(len(batch) == 1 or len(batch) * max(lengths[i] for i in batch) <= 512 for batch in batches)
    order = rng.permutation(500)
    permuted = plan_batches([texts[i] for i in order], [lengths[i] for i in order], budget=512)
    assert [[int(order[i]) for i in batch] for batch in permuted] == batches


def test_plan_batches_padding_waste_is_small():
    rng = np.random.default_rng(2)
    lengths = rng.integers(3, 256, size=3000).tolist()
    batches = plan_batches([str(i) for i in range(3000)], lengths, budget=2048)
    padded = sum(len(batch) * max(lengths[i] for i in batch) for batch in batches)
    assert padded <= 1.05 * sum(lengths)


def test_plan_missing_keeps_whole_batches_and_replans_the_rest():
    texts, lengths = [f"t{i:03}" for i in range(90)], [10] * 90
    whole = plan_batches(texts, lengths, budget=100)
    assert plan_missing(texts, lengths, set(range(90)), budget=100) == whole
    missing = set(whole[3]) | {whole[5][0], whole[7][2]}
    assert plan_missing(texts, lengths, missing, budget=100) == [whole[3], [whole[5][0], whole[7][2]]]
