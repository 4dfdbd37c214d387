import random

import numpy as np
import pytest
from standins import BagEncoder, make_embedder, make_records

import recs
from recs import Embeddings, Item, related_items
from recs.errors import EmbeddingError, MissingDependencyError, OptionError
from recs.related import centre
from recs.writers import render_related


def _lists(source, **options):
    options.setdefault("cache", False)
    options.setdefault("embedder", make_embedder())
    return related_items(source, **options)


def _json(lists):
    return render_related(lists, format="json")


@pytest.mark.parametrize("signals", ["dense", "terms"])
def test_related_items_finds_the_subject(signals):
    records = make_records(45)
    subject = {record["id"]: record["topic"] for record in records}
    lists = _lists(records, signals=signals)
    right = [subject[match.id] == subject[name] for name, matches in lists.lists.items() for match in matches]
    assert len(right) >= 45 * 4  # items that share no telling term are not related by terms
    assert np.mean(right) > 0.95


@pytest.mark.parametrize("signals", ["dense", "terms"])
def test_related_items_permuted_rows_give_identical_bytes(signals):
    records = make_records(40)
    expected = _json(_lists(records, signals=signals))
    for seed in range(3):
        random.Random(seed).shuffle(records)
        assert _json(_lists(records, signals=signals)) == expected


def test_related_items_equals_brute_force():
    items = recs.read_items(make_records(30))
    embeddings = recs.embed_items(items, make_embedder(), cache=False)
    lists = related_items(items, embeddings, k=7)
    x = embeddings.vectors.astype(np.float64)
    x = x - x.mean(axis=0) * (30 / 40)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    scores = x @ x.T
    for i, name in enumerate(embeddings.ids):
        others = sorted((j for j in range(30) if j != i), key=lambda j: (-round(scores[i, j], 6), embeddings.ids[j]))
        assert [match.id for match in lists[name]] == [embeddings.ids[j] for j in others[:7]]
        np.testing.assert_allclose(
            [match.score for match in lists[name]], [scores[i, j] for j in others[:7]], atol=2e-6
        )


@pytest.mark.parametrize("scale", [1e-3, 7.0, 1e4])
def test_related_items_scaled_vectors_give_the_same_ranking(scale):
    items = recs.read_items(make_records(30))
    x = np.random.default_rng(3).standard_normal((30, 8))
    ids = [item.id for item in items]
    factors = np.random.default_rng(4).uniform(0.5, 2, size=(30, 1)) * scale
    one = related_items(items, Embeddings.from_array(ids, x, model="m"))
    two = related_items(items, Embeddings.from_array(ids, x * factors, model="m"))
    assert [[m.id for m in one[i]] for i in one] == [[m.id for m in two[i]] for i in two]


def test_related_items_no_item_recommends_itself_exact_twins_included():
    records = make_records(20)
    twin = {**records[4], "id": "twin"}
    for signals in ("dense", "terms"):
        lists = _lists([*records, twin], signals=signals)
        for name, matches in lists.lists.items():
            assert name not in [match.id for match in matches]
            assert len({match.id for match in matches}) == len(matches)
        assert lists[records[4]["id"]][0].id == "twin"
        assert lists["twin"][0].id == records[4]["id"]
        assert lists["twin"][0].score == pytest.approx(1, abs=1e-5)


def test_related_items_shrunk_corpus_leaves_no_stale_id(tmp_path):
    records = make_records(20)
    with recs.Cache(tmp_path) as cache:
        _lists(records, cache=cache)
        lists = _lists(records[:9], cache=cache)
    kept = {record["id"] for record in records[:9]}
    assert set(lists) == kept
    assert {match.id for matches in lists.lists.values() for match in matches} <= kept


@pytest.mark.parametrize("signals", ["dense", "terms"])
@pytest.mark.parametrize(
    "field",
    [{"status": "draft"}, {"visibility": "private"}, {"draft": True}, {"date": "2099-01-01"}, {"status": "embargoed"}],
)
def test_related_items_closed_items_stand_on_neither_side(signals, field):
    records = make_records(12)
    records[3] |= field
    encoder = BagEncoder()
    lists = _lists(records, signals=signals, embedder=make_embedder(encoder), now="2026-01-01")
    assert records[3]["id"] not in lists
    assert records[3]["id"] not in lists.items
    assert all(match.id != records[3]["id"] for matches in lists.lists.values() for match in matches)
    assert lists.counts["closed"] == 1
    assert "Note 3." not in _json(lists)


def test_related_items_languages_do_not_meet_and_unknown_ones_meet_all():
    records = make_records(12)
    for i, record in enumerate(records):
        record["lang"] = ["en", "de-AT", "de", None][i % 4]
    language = {record["id"]: (record["lang"] or "")[:2] for record in records}
    lists = _lists(records, k=11)
    for name, matches in lists.lists.items():
        assert all(language[name] in ("", language[m.id]) or language[m.id] == "" for m in matches)
    assert len(lists["p000"]) == 5  # two more in English, three unknown
    assert len(lists["p003"]) == 11
    assert lists.counts["short_lists"] == 9


def test_related_items_excluded_item_is_not_in_the_list():
    items = list(recs.read_items(make_records(12)))
    first = _lists(items)[items[0].id][0].id
    items[0] = Item(id=items[0].id, text=items[0].text, title=items[0].title, excludes=(first, "unknown id"))
    lists = _lists(items)
    assert first not in [match.id for match in lists[items[0].id]]
    assert len(lists[items[0].id]) == 5


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 6])
@pytest.mark.parametrize("signals", ["dense", "terms"])
def test_related_items_small_collections(n, signals):
    lists = _lists(make_records(n), signals=signals)
    assert {name: len(matches) for name, matches in lists.lists.items()} == {
        f"p{i:03}": min(5, n - 1) for i in range(n)
    }


def test_related_items_two_alike_items_do_not_come_out_as_opposites():
    lists = _lists(["soil seed compost bed frost", "soil seed compost bed rain"])
    assert lists["0"][0].score > 0


@pytest.mark.parametrize("signals", ["dense", "terms"])
def test_related_items_ten_thousand_duplicates(signals):
    items = [Item(id=f"{i:05}", text="the same words in every item") for i in range(10_000)]
    lists = _lists(items, signals=signals)
    assert [match.id for match in lists["00000"]] == ["00001", "00002", "00003", "00004", "00005"]
    assert [match.id for match in lists["09999"]] == ["00000", "00001", "00002", "00003", "00004"]


def test_related_items_k_zero_gives_empty_lists():
    assert all(matches == () for matches in _lists(make_records(4), k=0).lists.values())


@pytest.mark.parametrize(("option", "said"), [({"k": -1}, "k is -1"), ({"signals": "magic"}, "'magic'")])
def test_related_items_bad_option_is_an_error(option, said):
    with pytest.raises(OptionError, match=said):
        _lists(make_records(3), **option)


def test_related_items_embeddings_that_lack_an_item_name_it():
    items = recs.read_items(make_records(4))
    embeddings = Embeddings.from_array(["p000", "p001"], np.eye(2), model="m")
    with pytest.raises(EmbeddingError, match="2 items have no vector, the first is 'p002'"):
        related_items(items, embeddings)


def test_related_items_without_a_model_ranks_by_terms_and_says_so(monkeypatch):
    class NoTorch(BagEncoder):
        def encode(self, ids):
            raise MissingDependencyError("computing vectors", "torch", "models")

    lists = _lists(make_records(12), embedder=make_embedder(NoTorch()))
    assert lists.model is None
    assert lists.score.kind == "tfidf_cosine"
    assert "terms alone" in lists.notes[0]
    with pytest.raises(MissingDependencyError):
        _lists(make_records(12), embedder=make_embedder(NoTorch()), signals="dense")


def test_related_items_model_that_does_not_cover_a_language_is_said_aloud():
    records = [{**record, "lang": "fi"} for record in make_records(6)]
    lists = _lists(records, embedder=make_embedder(languages=("en",)))
    assert any("6 in 'fi'" in note for note in lists.notes)
    assert not _lists(make_records(6), embedder=make_embedder(languages=("en",))).notes


def test_related_items_hostile_ids_survive():
    names = ["a/b/../c", "id with spaces", "quote\"'", "new\nline", "émoji 🚲", "__proto__", "0", "00", "tab\tbed"]
    records = [{**record, "id": name} for record, name in zip(make_records(9), names, strict=True)]
    lists = _lists(records)
    assert set(lists) == set(names)


def test_to_frame_has_a_row_a_match():
    pytest.importorskip("pandas", reason="pandas is part of the extra 'tables'")
    frame = _lists(make_records(10)).to_frame()
    assert frame.shape == (50, 7)
    assert frame.groupby("id")["rank"].apply(list).map(lambda ranks: ranks == [1, 2, 3, 4, 5]).all()


def test_centre_large_n_takes_the_mean_out():
    x = np.random.default_rng(0).standard_normal((4000, 6)).astype(np.float32) + 3
    assert np.linalg.norm(centre(x).mean(axis=0)) < 0.05
    assert np.allclose(np.linalg.norm(centre(x), axis=1), 1)


def test_centre_identical_rows_stay_finite():
    assert np.isfinite(centre(np.ones((10_000, 4), np.float32))).all()


@pytest.mark.model
def test_related_items_one_liner_with_the_real_model(tmp_path):
    lists = related_items(
        [
            "How to plant garlic in autumn",
            "Growing onions and garlic",
            "Truing a bicycle wheel",
            "Replacing a bicycle chain",
        ],
        k=1,
        cache=recs.Cache(tmp_path),
    )
    assert [lists[str(i)][0].id for i in range(4)] == ["1", "0", "3", "2"]
    assert lists.model["name"] == "all-MiniLM-L6-v2"
