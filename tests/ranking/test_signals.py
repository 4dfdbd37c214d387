"""Signals against plain loops."""

from dataclasses import replace
from math import log

import numpy as np
import pytest
from standins import make_embedder, make_records

import recs
from recs import Embeddings, Item
from recs.ranking.centred import centre
from recs.ranking.signals import SIGNALS, blank_note, make_signals
from recs.ranking.vector_signals import Dense, Passages


def whole(signal, n):
    return signal.block(np.arange(n), None)


def embedded(n=14, words=70):
    items = recs.read_items(make_records(n, words=words)).public
    return items, recs.embed_items(items, make_embedder(), cache=False)


@pytest.mark.parametrize("names", [SIGNALS, ("passages", "terms"), ("dense",)])
def test_make_signals_makes_what_is_asked_in_a_fixed_order(names):
    items, embeddings = embedded()
    items = [*items[:-1], Item(id="p013", title="Slug lemon", text=items[-1].text + " slug lemon oven")]
    found = make_signals(items, embeddings, names)
    assert [signal.name for signal in found] == [name for name in SIGNALS if name in names]
    assert [signal.symmetric for signal in found] == [name != "mentions" for name in SIGNALS if name in names]


def test_make_signals_leaves_out_what_cannot_be_made():
    items, embeddings = embedded()
    untitled = [Item(id=item.id, text=item.text) for item in items]
    plain = Embeddings.from_array([item.id for item in items], embeddings.vectors, model="m")

    def names(items, embeddings, asked=SIGNALS):
        return [signal.name for signal in make_signals(items, embeddings, asked)]

    assert names(untitled, embeddings) == ["terms", "dense", "passages"]
    assert names(untitled, plain) == ["terms", "dense"]
    assert names(untitled, None) == ["terms"]
    assert names(untitled, None, ("dense", "passages", "mentions")) == []
    short, one_chunk_each = embedded(words=8)
    assert len(one_chunk_each.chunk_vectors) == len(short)
    assert names(short, one_chunk_each, ("dense", "passages")) == ["dense"]
    assert names([], None) == ["terms"]


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_dense_equals_plain_loops(similarity):
    x = np.random.default_rng(1).standard_normal((25, 6)) * 3
    items = [Item(id=f"i{row:02}", text="text") for row in range(25)]
    embeddings = Embeddings.from_array([item.id for item in items], x, model="m", similarity=similarity)
    (dense,) = make_signals(items, embeddings, ("dense",))
    y = np.array([row / np.linalg.norm(row) for row in x]) if similarity == "cosine" else x
    if similarity == "cosine":
        y = y - y.mean(axis=0) * (25 / 35)
    cosine = lambda a, b: a @ b / np.linalg.norm(a) / np.linalg.norm(b)  # noqa: E731
    measure = {"cosine": cosine, "dot": np.dot, "euclidean": lambda a, b: -np.linalg.norm(a - b)}[similarity]
    expected = np.array([[measure(a, b) for b in y] for a in y])
    np.testing.assert_allclose(whole(dense, 25), expected, atol=1e-5 if similarity != "euclidean" else 3e-3)
    check_faces(dense, 25)


def check_faces(signal, n):
    """Blocks and parts of blocks say the same; a symmetric signal is symmetric."""
    found = whole(signal, n)
    rows, columns = np.array([n - 1, 0, 3]), np.array([2, 0, n - 2, 5])
    np.testing.assert_allclose(signal.block(rows, columns), found[np.ix_(rows, columns)], atol=1e-9)
    np.testing.assert_allclose(signal.block(rows[2:], columns), found[3:4, columns], atol=1e-9)
    assert signal.block(rows[:1], columns[:0]).shape == (1, 0)
    assert not signal.symmetric or np.allclose(found, found.T, atol=1e-9)


@pytest.mark.parametrize("block_pairs", [1, 40, 1 << 22])
@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_passages_equals_the_best_pair_of_chunks(monkeypatch, block_pairs, similarity):
    monkeypatch.setattr("recs.ranking.vector_signals._BLOCK_PAIRS", block_pairs)
    generator = np.random.default_rng(2)
    owners = np.repeat(np.arange(12), generator.integers(1, 5, 12))
    vectors = generator.standard_normal((len(owners), 4)).astype(np.float32)
    signal = Passages(vectors, owners, similarity)
    y = vectors.astype(float)
    if similarity == "cosine":
        y /= np.linalg.norm(y, axis=1, keepdims=True)
        y -= y.mean(axis=0) * (len(y) / (len(y) + 10))
        y /= np.linalg.norm(y, axis=1, keepdims=True)
    between = -np.linalg.norm(y[:, None] - y, axis=2) if similarity == "euclidean" else y @ y.T
    # Coarse cosines: each of four components is wrong by half of 1 / 4,095 at most. Else float32.
    exactness = 2 * np.sqrt(4) * 0.5 / 4095 if similarity == "cosine" else 1e-6
    for row in range(12):
        for column in range(12):
            pairs = [
                (between[a, b], a, b) for a in np.flatnonzero(owners == row) for b in np.flatnonzero(owners == column)
            ]
            assert whole(signal, 12)[row, column] == pytest.approx(max(pairs)[0], abs=exactness)
            if row != column:
                assert signal.best_pair(row, column) == max(pairs)[1:]
    check_faces(signal, 12)


def test_coarse_cosines_are_exact_sums_so_that_no_order_of_rows_changes_a_bit():
    generator = np.random.default_rng(3)
    vectors = generator.standard_normal((300, 384)).astype(np.float32)
    vectors[200] = vectors[7]
    cosines = whole(Dense(vectors, "cosine", coarse=True), 300)
    order = generator.permutation(300)
    centred = (centre(vectors) * (4096 - 10)).round().astype(int)
    np.testing.assert_array_equal(cosines, (centred @ centred.T).astype(np.float32) * np.float32(1 / 4086**2))
    np.testing.assert_array_equal(cosines[200], cosines[7])
    mixed = Dense(vectors[order], "cosine", coarse=True).block(np.arange(299), None)
    np.testing.assert_array_equal(mixed, cosines[np.ix_(order[:299], order)])
    np.testing.assert_allclose(cosines, whole(Dense(vectors, "cosine"), 300), atol=0.001)


def test_passages_of_embedded_items_find_the_copied_passage():
    records = make_records(9, words=120)
    copied = " Copper kettle whistles over quiet harbour lights while gulls argue about yesterday bread."
    records[2]["text"] += copied
    records[7]["text"] = copied.strip() + " " + records[7]["text"]
    items = recs.read_items(records).public
    embeddings = recs.embed_items(items, make_embedder(), cache=False)
    (signal,) = make_signals(items, embeddings, ("passages",))
    ours, theirs = signal.best_pair(2, 7)
    for chunk, item in ((ours, items[2]), (theirs, items[7])):
        start, stop = embeddings.chunk_spans[chunk]
        assert "kettle" in item.text[start:stop]
        assert embeddings.chunk_rows[chunk] == items.index(item)


def test_mentions_equals_a_table_made_by_hand():
    titles = ["Garlic", "Copper pans", "", "Garlic pans"]
    texts = ["About copper.", "Garlic, garlic.", "Copper pans shine.", "Nothing here."]
    items = [
        Item(id=str(row), title=title, text=text) for row, (title, text) in enumerate(zip(titles, texts, strict=True))
    ]
    _, mentions = make_signals(items, None, ("terms", "mentions"))
    idf = lambda documents: log((2 + 4) / (1 + documents))  # noqa: E731
    garlic, copper, pans, both, mixed = idf(3), idf(3), idf(3), idf(2), idf(1)
    prior = log((1 + 4) / 2)
    of_0, of_1, of_3 = garlic + prior, copper + pans + both + prior, garlic + pans + mixed + prior
    # "garlic" is in items 0, 1, 3; "copper" in 0, 1, 2; "pans" in 1, 2, 3; "copper pans" in 1, 2; "garlic pans" in 3,
    # and what one item alone holds connects nothing, but is part of its title.
    expected = [
        [garlic / of_0, copper / of_1, 0, garlic / of_3],
        [garlic / of_0, (copper + pans + both) / of_1, 0, (garlic + pans) / of_3],
        [0, (copper + pans + both) / of_1, 0, pans / of_3],
        [garlic / of_0, pans / of_1, 0, (garlic + pans) / of_3],
    ]
    np.testing.assert_allclose(whole(mentions, 4), expected, atol=1e-9)


def test_term_signals_agree_with_themselves():
    items = recs.read_items(make_records(30)).public
    items = [Item(id=item.id, title=f"Slug {item.id} lemon rim", text=item.text) for item in items]
    for signal in make_signals(items, None, ("terms", "mentions")):
        check_faces(signal, 30)
    terms = whole(make_signals(items, None, ("terms",))[0], 30)
    np.testing.assert_allclose(np.diag(terms), 1)
    assert terms.min() >= 0


def test_signals_of_vectors_know_nothing_of_items_without_a_known_token():
    items, embeddings = embedded()
    blank = np.zeros(len(items), dtype=bool)
    blank[[2, 5]] = True
    marked = replace(embeddings, tokens_lost=np.where(blank, embeddings.tokens, 0))
    for before, after in zip(*(make_signals(items, e, SIGNALS) for e in (embeddings, marked)), strict=True):
        found, expected = whole(after, len(items)), whole(before, len(items))
        touched = blank[:, None] | blank
        if after.name in ("dense", "passages"):
            assert np.isnan(found[touched]).all()
            assert np.isfinite(found[~touched]).all()
            assert np.isnan(after.block(np.array([2, 3]), np.array([3, 5]))).tolist() == [[True, True], [False, True]]
        else:
            np.testing.assert_array_equal(found, expected)


def test_centre_leaves_blank_rows_out_of_the_mean():
    x = np.random.default_rng(3).standard_normal((20, 5)).astype(np.float32)
    blank = np.arange(20) % 4 == 0
    found = centre(x, blank)
    assert not found[blank].any()
    np.testing.assert_array_equal(found[~blank], centre(x[~blank]))
    np.testing.assert_array_equal(centre(x, np.zeros(20, dtype=bool)), centre(x))
    assert not centre(x, np.ones(20, dtype=bool)).any()


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([], None),
        ([3], "the model knows no token of 1 item ('p003'): its vector says nothing about it and ranks nothing."),
        (
            [1, 0],
            "the model knows no token of 2 items ('p000', 'p001'): "
            "their vectors say nothing about them and rank nothing.",
        ),
        ([0, 1, 2, 3], "the model knows no token of 4 items ('p000', 'p001', 'p002', …): "),
    ],
)
def test_blank_note_counts_and_names_three(rows, expected):
    _, embeddings = embedded()
    lost = np.zeros(len(embeddings), np.int64)
    lost[rows] = embeddings.tokens[rows]
    note = blank_note(replace(embeddings, tokens_lost=lost))
    assert note == expected or (expected is not None and note.startswith(expected))
