"""Hits: filters before the best are chosen, what comes first, wrong letters, odd queries."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from sites import TAGS, make_index, make_items
from standins import make_embedder, make_records

import recs
from recs.errors import FingerprintMismatchError, OptionError
from recs.filters import allowed
from recs.retrieval.table import ItemsInMemory

ITEMS = make_items()
BY_ID = {item.id: item for item in ITEMS}
INDEXES = {"terms": make_index(terms=True), "auto": make_index()}

WHERE = st.fixed_dictionaries(
    {},
    optional={
        "tag": st.lists(st.sampled_from([*TAGS, "GARDEN", "none"]), max_size=2),
        "category": st.sampled_from(["notes", "Essays", "x"]),
        "series": st.just("spring"),
        "lang": st.sampled_from(["en", "de", "English", "klingon"]),
        "since": st.sampled_from(["2026", "2026-02", "2026-02-13"]),
        "until": st.sampled_from(["2026", "2026-02", "2026-02-13"]),
        "topic": st.sampled_from(["garden", "bicycle"]),
        "level": st.sampled_from([0, "1", [1, 2]]),
        "people": st.sampled_from(["ann", "Bo"]),
    },
)


def fits(item: recs.Item, where: dict[str, Any]) -> bool:
    """Whether an item fits filters, one after the other and without the code of recs."""
    day = (item.published or "")[:10]
    languages = {"en": "en", "en-GB": "en", "de": "de", None: None}
    for name, wanted in where.items():
        values = [str(value).lower() for value in (wanted if isinstance(wanted, list) else [wanted])]
        if name == "since":
            held = bool(day) and day >= values[0]
        elif name == "until":
            held = bool(day) and (day <= values[0] or day.startswith(values[0]))
        elif name == "lang":
            held = languages[item.lang] == {"english": "en"}.get(values[0], values[0])
        elif name == "tag":
            held = any(tag.lower() in values for tag in item.tags)
        elif name in ("category", "series"):
            held = str(getattr(item, name)).lower() in values
        else:
            own = item.meta[name]
            held = any(str(one).lower() in values for one in (own if isinstance(own, list) else [own]))
        if not held:
            return False
    return True


@given(
    WHERE, st.integers(0, 25), st.sampled_from(["terms", "auto"]), st.sampled_from(["soil seed", "Kitchen 2", "p003"])
)
def test_hits_are_the_best_of_those_that_fit(where: dict[str, Any], k: int, kind: str, query: str) -> None:
    index = INDEXES[kind]
    everything = index.search(query, k=len(ITEMS))
    expected = [hit for hit in everything if fits(BY_ID[hit.id], where)]
    assert index.search(query, k=k, where=where) == expected[:k]
    if kind == "auto":
        matches = sum(fits(item, where) for item in ITEMS)
        assert len(index.search(query, k=k, where=where)) == min(k, matches)


@given(WHERE, st.integers(0, 30), st.sampled_from(["terms", "auto"]))
def test_passages_are_of_items_that_fit(where: dict[str, Any], k: int, kind: str) -> None:
    passages = INDEXES[kind].passages("soil dough wheel", k=k, where=where)
    assert len(passages) <= k
    assert all(fits(BY_ID[passage.id], where) for passage in passages)


def test_scores_fall_and_ties_are_by_id() -> None:
    same = [recs.Item(name, "Plant the cloves in autumn.") for name in ("c", "a", "b")]
    for terms in (True, False):
        hits = make_index([*same, recs.Item("d", "Boil the water.")], terms=terms).search("cloves autumn")
        assert [hit.id for hit in hits][:3] == ["a", "b", "c"]
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
        assert all(sum(hit.parts.values()) == pytest.approx(hit.score, abs=2e-6) for hit in hits)


def test_min_score_leaves_out_what_is_below() -> None:
    for index in INDEXES.values():
        hits = index.search("soil seed compost", k=99)
        least = hits[len(hits) // 2].score
        assert index.search("soil seed compost", k=99, min_score=least) == [hit for hit in hits if hit.score >= least]


@pytest.mark.parametrize("kind", ["terms", "auto"])
def test_id_then_title_then_phrase_come_first(kind: str) -> None:
    noise = [recs.Item(f"n{row}", "quiet river walk " * 5, title="River walk") for row in range(4)]
    named = [
        recs.Item("quiet-river", "Nothing else.", title="Other"),
        recs.Item("z1", "Nothing else.", title="The Quiet, River!"),
        recs.Item("z2", "Nothing else.", title="the quiet river"),
        recs.Item("z3", "We walked the quiet: river banks.", title="Other"),
    ]
    index = make_index([*noise, *named], terms=kind == "terms")

    def first(query: str, **options: Any) -> list[tuple[str, str]]:
        return [(hit.id, hit.via) for hit in index.search(query, **options) if hit.via != "auto"]

    assert first("quiet-river") == [("quiet-river", "id")]
    titled = first(" the QUIET river? ")
    assert sorted(titled) == [("z1", "title"), ("z2", "title")]
    assert sorted(first('walk "the quiet river"')) == [("z1", "phrase"), ("z2", "phrase"), ("z3", "phrase")]
    assert first("„quiet river“ «banks»") == [("z3", "phrase")]
    assert first('"quiet river" "absent phrase"') == []
    assert first("the quiet river", k=1) == titled[:1]
    assert first("quiet-river", where={"tag": "none"}) == []


WORD = st.text("abcdefghijklmnopqrstuvwxyzäß", min_size=5, max_size=9)


def changed(word: str, kind: str, place: int, letter: str) -> str:
    place %= len(word)
    if kind == "insert":
        return word[:place] + letter + word[place:]
    if kind == "delete":
        return word[:place] + word[place + 1 :]
    if kind == "replace":
        return word[:place] + letter + word[place + 1 :]
    place = min(place, len(word) - 2)
    return word[:place] + word[place + 1] + word[place] + word[place + 2 :]


@example(word="garlic", kind="swap", place=3, letter="x")
@example(word="garlic", kind="insert", place=0, letter="x")
@given(
    word=WORD,
    kind=st.sampled_from(["insert", "delete", "replace", "swap"]),
    place=st.integers(0, 8),
    letter=st.sampled_from("aqzö"),
)
def test_word_with_a_wrong_letter_is_understood(word: str, kind: str, place: int, letter: str) -> None:
    typed = changed(word, kind, place, letter)
    assume(len(typed) >= 5 and "ß" not in word)
    index = make_index([recs.Item("right", f"One {word} more."), recs.Item("wrong", "One 1234567 more.")], terms=True)
    hits = index.search(typed)
    assert [hit.id for hit in hits] == ["right"]


def test_word_of_the_collection_is_not_corrected() -> None:
    index = make_index(
        [recs.Item("a", "Plant garlic."), *(recs.Item(f"b{n}", "Plant garlix.") for n in range(5))], terms=True
    )
    assert [hit.id for hit in index.search("garlic")] == ["a"]


def test_closed_quotation_does_not_join_words() -> None:
    index = make_index([recs.Item("a", "Plant the garlic."), recs.Item("b", "Good soil.")], terms=True)
    assert {hit.id for hit in index.search('"garlic"soil')} == {"a", "b"}


@pytest.mark.parametrize("kind", ["terms", "auto"])
@pytest.mark.parametrize("query", ["", "  ", "?!", '""', '"', "\x00\x1b[", "\ud83d", "🧄"])
def test_query_without_words_has_no_hits(query: str, kind: str) -> None:
    index = INDEXES[kind]
    assert index.search(query) == index.passages(query) == []
    assert index.context(query).prompt == ""


@pytest.mark.parametrize("query", ["soil\x00seed", "soil \x1b[31mseed", "\ud83d soil", "soil\n\tseed", "ＳＯＩＬ seed"])
def test_odd_characters_do_not_hide_words(query: str) -> None:
    expected = {hit.id for hit in INDEXES["terms"].search("soil", k=99)}
    assert expected <= {hit.id for hit in INDEXES["terms"].search(query, k=99)}


def test_long_query_is_corrected_in_few_places(monkeypatch: pytest.MonkeyPatch) -> None:
    import recs.retrieval.query as module

    asked: list[str] = []
    correct = module._correction
    monkeypatch.setattr(module, "_correction", lambda word, postings: (asked.append(word), correct(word, postings))[1])
    letters = "abcdefghij"
    words = [f"q{a}{b}{c}{d}xyz" for a in letters for b in letters for c in letters for d in letters]
    hits = INDEXES["terms"].search(" ".join([*words, "soil"]))
    assert hits
    assert 0 < len(asked) <= 40


def test_words_without_spaces_are_matched_by_pairs_of_characters() -> None:
    index = make_index(
        [recs.Item("ja", "東京の古い図書館で本を読む。"), recs.Item("zh", "在北京图书馆看书。")], terms=True
    )
    assert [hit.id for hit in index.search("図書館")] == ["ja"]
    assert [hit.id for hit in index.search("图书馆")] == ["zh"]


def test_empty_collection_and_item_without_text() -> None:
    for terms in (True, False):
        empty = make_index([], terms=terms)
        assert (empty.search("soil"), empty.passages("soil"), empty.context("soil").sources) == ([], [], ())
        (hit,) = make_index([recs.Item("a", "", title="Only a title")], terms=terms).search("titles only")
        assert (hit.id, hit.passage) == ("a", None)


@pytest.mark.parametrize("k", [-1, 2.5, None])
def test_k_that_is_no_count_is_refused(k: Any) -> None:
    index = INDEXES["auto"]
    for search in (
        lambda: index.search("soil", k=k),
        lambda: index.passages("soil", k=k),
        lambda: index.similar("soil", k=k),
    ):
        with pytest.raises(OptionError, match="expected a whole number"):
            search()


@pytest.mark.parametrize(
    "where", [{"tag": None}, {"level": {"a": 1}}, {"since": None}, {"since": "2026-W10-1"}, {"until": "May"}]
)
def test_filter_that_cannot_be_read_is_refused(where: dict[str, Any]) -> None:
    with pytest.raises(OptionError):
        INDEXES["auto"].search("soil", where=where)


def test_dates_are_those_of_the_author_and_may_be_objects() -> None:
    moments = ("2026-03-01T00:30:00+09:00", "2026-02-28T23:30:00-05:00", None, "yesterday")
    table = ItemsInMemory([recs.Item(str(row), "-", published=moment) for row, moment in enumerate(moments)])
    for day in ("2026-03-01", date(2026, 3, 1), datetime(2026, 3, 1, 12, 0)):
        mask = allowed({"since": day}, table)
        assert mask is not None
        assert mask.tolist() == [True, False, False, False]
    mask = allowed({"until": "2026-02"}, table)
    assert mask is not None
    assert mask.tolist() == [False, True, False, False]


def test_several_values_are_alternatives_and_none_fits_nothing() -> None:
    table = ItemsInMemory(ITEMS)

    def ids(where: dict[str, Any]) -> set[str]:
        mask = allowed(where, table)
        assert mask is not None
        return {item.id for item, may in zip(ITEMS, mask.tolist(), strict=True) if may}

    for name, values in {"since": ["2026-02", "2026"], "until": ["2026-01", "2026-02-13"], "tag": TAGS[1:]}.items():
        assert ids({name: list(values)}) == set.union(*(ids({name: value}) for value in values))
        assert ids({name: []}) == set()


def test_vectors_of_another_model_are_refused() -> None:
    index = recs.build_index(make_records(6), embedder=make_embedder(), cache=False)
    other = recs.build_index(
        make_records(6),
        recs.embed_items(recs.read_items(make_records(6)).public, make_embedder(), cache=False),
        embedder=make_embedder(fingerprint="e" * 64),
    )
    assert index.search("soil")
    with pytest.raises(FingerprintMismatchError):
        other.search("soil")
    with pytest.raises(OptionError, match="no vectors"):
        INDEXES["terms"].search("soil", signals="dense")


def test_vectors_without_passages_are_refused() -> None:
    made_elsewhere = recs.Embeddings.from_array(["a", "b"], [[1.0, 0.0], [0.0, 1.0]], model="mine")
    with pytest.raises(recs.RecsError, match="no passages"):
        recs.build_index([recs.Item("a", "Soil."), recs.Item("b", "Seed.")], made_elsewhere)


def test_related_to_finds_the_item_itself() -> None:
    for index in INDEXES.values():
        assert recs.related_to(ITEMS[4].text, index, k=1)[0].id == ITEMS[4].id
    with pytest.raises(OptionError, match="empty"):
        recs.related_to("  ", INDEXES["auto"])


def test_items_in_a_language_of_which_the_model_knows_nothing_are_ranked_by_their_words() -> None:
    items = [
        recs.Item("de", "Knoblauch kommt im Herbst in die Erde.", lang="de"),
        recs.Item("en", "Plant the garlic in autumn.", lang="en"),
        recs.Item("none", "Garlic and Knoblauch."),
    ]
    index = recs.build_index(items, embedder=make_embedder(languages=("en",)), cache=False)
    terms = {hit.id: hit.score for hit in index.search("Knoblauch im Herbst", signals="terms")}
    hits = {hit.id: hit for hit in index.search("Knoblauch im Herbst")}
    assert hits["de"].score == pytest.approx(terms["de"], abs=0.01)
    assert abs(hits["de"].parts["dense"]) <= 0.01
    assert hits["de"].passage is not None
    assert abs(hits["none"].parts["dense"]) > 0.01  # its language is not known
    assert [hit.id for hit in index.search("autumn")][-1] == "de"
    assert [hit.id for hit in index.search("autumn", where={"lang": "de"})] == ["de"]
    many = recs.build_index(items, embedder=make_embedder(languages=()), cache=False)
    assert {hit.id: abs(hit.parts["dense"]) for hit in many.search("Knoblauch im Herbst")}["de"] > 0.01
