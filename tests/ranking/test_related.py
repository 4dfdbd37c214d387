import json
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import POSTS
from standins import BagEncoder, make_embedder, make_records

import recs
from recs import Embeddings, Item, related_items
from recs.errors import EmbeddingError, MissingDependencyError, OptionError, SourceError
from recs.ranking.centred import centre
from recs.ranking.fusion import fuse
from recs.ranking.probability import LINK_ODDS
from recs.ranking.rules import NO_RULES, Rules
from recs.ranking.signals import make_signals
from recs.readers.dates import parse_date
from recs.writers.related import render_related


def _posts(n):
    """Return n posts of the sample blog, as records without links or dates."""
    posts = recs.read_items(POSTS, now="2026-11-01").public[:n]
    return [
        {"id": f"p{row:03}", "title": post.title, "text": post.text, "lang": "en"} for row, post in enumerate(posts)
    ]


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
    lists = related_items(items, embeddings, k=7, signals="dense", rules=NO_RULES)
    x = embeddings.vectors.astype(np.float64)
    x = x - x.mean(axis=0) * (30 / 40)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    scores = x @ x.T
    for i, name in enumerate(embeddings.ids):
        others = sorted((j for j in range(30) if j != i), key=lambda j: (-round(scores[i, j], 4), embeddings.ids[j]))
        assert [match.id for match in lists[name]] == [embeddings.ids[j] for j in others[:7]]
        np.testing.assert_allclose(
            [match.score for match in lists[name]], [scores[i, j] for j in others[:7]], atol=6e-5
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
        lists = _lists([*records, twin], signals=signals, rules=NO_RULES)
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
    lists = _lists(make_records(n), signals=signals, rules=NO_RULES)
    assert {name: len(matches) for name, matches in lists.lists.items()} == {
        f"p{i:03}": min(5, n - 1) for i in range(n)
    }


def test_related_items_two_alike_items_do_not_come_out_as_opposites():
    lists = _lists(["soil seed compost bed frost", "soil seed compost bed rain"])
    assert lists["0"][0].score > 0


@pytest.mark.parametrize("signals", ["dense", "terms"])
def test_related_items_thousands_of_duplicates(signals):
    items = [Item(id=f"{i:05}", text="the same words in every item") for i in range(2_200)]
    assert not any(_lists(items, signals=signals).lists.values())
    lists = _lists(items, signals=signals, rules=NO_RULES)
    assert [match.id for match in lists["00000"]] == ["00001", "00002", "00003", "00004", "00005"]
    assert [match.id for match in lists["02199"]] == ["00000", "00001", "00002", "00003", "00004"]


def test_related_items_k_zero_gives_empty_lists():
    assert all(matches == () for matches in _lists(make_records(4), k=0).lists.values())


@pytest.mark.parametrize(
    ("option", "said"), [({"k": -1}, "k is -1"), ({"k": True}, "k is True"), ({"signals": "magic"}, "'magic'")]
)
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
        def encode(self, texts, *, prompt=""):
            raise MissingDependencyError("computing vectors", "torch", "models")

    lists = _lists(make_records(12), embedder=make_embedder(NoTorch()))
    assert lists.model is None
    assert lists.score.kind == "p_linked"
    assert lists.config["signals"] == ["terms", "mentions"]
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


def _months_apart(left, right):
    return abs((parse_date(left.published) - parse_date(right.published)).total_seconds()) / (365.25 / 12 * 86400)


def test_related_items_fused_scores_are_odds_that_fall_with_the_months_between_dates():
    posts = recs.read_items(_posts(30)).public
    items = [replace(post, published=f"{2000 + row * 7 % 19}-{row % 12 + 1:02}-01") for row, post in enumerate(posts)]
    lists = related_items(items, k=29, signals=("terms", "mentions"), cache=False, rules=NO_RULES)
    made = make_signals(items, None, ("terms", "mentions"))
    fused = fuse(made, [item.id for item in items], 29)
    assert (lists.score.kind, lists.score.range) == ("p_linked", (0.0, 1.0))
    months = np.array(
        [[_months_apart(item, items[column]) for column in fused.indices[row]] for row, item in enumerate(items)]
    )
    usual = np.log1p(months).mean()
    for row, item in enumerate(items):
        factors = np.exp(-LINK_ODDS.decay * (np.log1p(months[row]) - usual)) / (LINK_ODDS.level * len(items))
        odds = np.maximum(fused.scores[row], 0) ** LINK_ODDS.power * factors
        order = np.argsort(-odds, kind="stable")
        assert [match.id for match in lists[item.id]] == [items[column].id for column in fused.indices[row][order]]
        np.testing.assert_allclose([m.score for m in lists[item.id]], (odds / (1 + odds))[order], atol=1e-6)


def test_related_items_without_dates_keep_the_order_of_the_fused_scores():
    items = recs.read_items(_posts(30)).public
    lists = related_items(items, k=29, signals=("terms", "mentions"), cache=False, rules=NO_RULES)
    fused = fuse(make_signals(items, None, ("terms", "mentions")), [item.id for item in items], 29)
    for row, item in enumerate(items):
        assert [match.id for match in lists[item.id]] == [items[column].id for column in fused.indices[row]]


@pytest.mark.parametrize("signals", ["auto", "terms,dense,passages", "terms,dense", "dense,passages"])
def test_related_items_combinations_keep_to_the_subject_and_to_the_range(signals):
    records = make_records(45, words=80)
    subject = {record["id"]: record["topic"] for record in records}
    lists = _lists(records, signals=signals)
    pairs = [(name, match) for name, matches in lists.lists.items() for match in matches]
    assert np.mean([subject[name] == subject[match.id] for name, match in pairs]) > 0.95
    assert all(0 <= match.score <= 1 for _, match in pairs)
    made = ["terms", "dense", "passages"] if signals == "auto" else signals.split(",")  # nobody mentions a title
    assert lists.config["signals"] == made


@pytest.mark.parametrize("rules", [NO_RULES, Rules()])
@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_related_items_ranks_by_the_similarity_of_the_model(similarity, rules):
    x = np.random.default_rng(8).standard_normal((30, 5)) * 6
    items = [Item(id=f"i{row:02}", text=f"text {row}") for row in range(30)]
    embeddings = Embeddings.from_array([item.id for item in items], x, model="m", similarity=similarity)
    lists = related_items(items, embeddings, signals="dense", k=6, rules=rules)
    y = embeddings.vectors.astype(float)
    if similarity == "cosine":
        y -= y.mean(axis=0) * 30 / 40
        y /= np.linalg.norm(y, axis=1, keepdims=True)
    scores = -np.linalg.norm(y[:, None] - y, axis=2) if similarity == "euclidean" else y @ y.T
    np.fill_diagonal(scores, -np.inf)
    for row, item in enumerate(items):
        best = [f"i{column:02}" for column in np.argsort(-np.round(scores[row], 4), kind="stable")[:6]]
        assert [match.id for match in lists[item.id]] == best


def test_related_items_demoted_items_come_last_where_scores_are_negative():
    angles = np.radians(25 * np.arange(12))
    x = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    items = [Item(id=f"i{row:02}", text=f"text {row}", series="s" if row < 2 else None) for row in range(12)]
    embeddings = Embeddings.from_array([item.id for item in items], x, model="m", similarity="euclidean")
    lists = related_items(items, embeddings, signals="dense", k=11)
    distances = np.linalg.norm(x - x[0], axis=1)
    distances[1] *= 4
    assert [match.id for match in lists["i00"]] == [f"i{row:02}" for row in np.argsort(distances, kind="stable")[1:]]
    assert lists["i00"][0].id == "i02"


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_related_items_near_duplicates_by_vectors_are_collapsed(similarity):
    x = np.random.default_rng(8).standard_normal((30, 5)) * 6
    x[11] = x[4] * 1.0001
    items = [Item(id=f"i{row:02}", text=f"text {row}") for row in range(30)]
    embeddings = Embeddings.from_array([item.id for item in items], x, model="m", similarity=similarity)
    lists = related_items(items, embeddings, signals="dense", k=29)
    shown = {name: {match.id for match in matches} for name, matches in lists.lists.items()}
    assert "i11" not in shown["i04"]
    assert "i04" not in shown["i11"]
    assert all(len(ids & {"i04", "i11"}) <= 1 for ids in shown.values())


def test_related_items_near_duplicates_by_terms_are_collapsed():
    records = make_records(30)
    twin = {**records[4], "id": "twin", "text": records[4]["text"] + " Afterword."}
    for rules, most in ((Rules(), 1), (NO_RULES, 2)):
        lists = _lists([*records, twin], signals="terms,mentions", k=30, rules=rules)
        shown = [{match.id for match in matches} & {"twin", "p004"} for matches in lists.lists.values()]
        assert max(map(len, shown)) == most
        assert ("twin" in {match.id for match in lists["p004"]}) == (most == 2)


@pytest.mark.parametrize(("languages", "expected"), [(("en", "de"), False), (("en", None), True), (("en", "en"), True)])
def test_related_items_translations_are_collapsed_where_languages_may_meet(languages, expected):
    x = np.random.default_rng(8).standard_normal((30, 8))
    x[1] = x[0] + 0.5 * x[1]
    langs = [*languages, *["en", "de"] * 14]
    items = [Item(id=f"i{row:02}", text=f"1 {row}", lang=lang) for row, lang in enumerate(langs)]
    embeddings = Embeddings.from_array([item.id for item in items], x, model="m")
    lists = related_items(items, embeddings, signals="dense", k=29, rules=Rules(same_language=False))
    y = centre(embeddings.vectors)
    assert 0.85 < y[0] @ y[1] < 0.95
    assert ("i01" in [match.id for match in lists["i00"]]) == expected
    assert {langs[int(match.id[1:])] for match in lists["i05"]} >= {"en", "de"}


def _entries(text):
    return json.loads(text)["items"]


def _holders(entries, name):
    return {item for item, entry in entries.items() if name in [match["id"] for match in entry["related"]]}


def _run(records, path, **options):
    lists = _lists(records, signals="terms,mentions", **options)
    path.write_text(_json(lists), encoding="utf-8")
    return lists, _entries(_json(lists))


@pytest.mark.parametrize("seed", range(2))
@pytest.mark.parametrize("change", ["edit", "rewrite", "add", "remove"])
def test_related_items_previous_changes_only_lists_that_a_change_concerns(tmp_path, change, seed):
    records = _posts(41)
    extra, chosen = records.pop(), records[7 + seed]
    _, before = _run(records, tmp_path / "old.json")
    concerned = {chosen["id"]}
    if change == "edit":
        chosen["text"] += " A last word on this."
    elif change == "rewrite":
        chosen["text"] = _posts(60)[50 + seed]["text"]
    elif change == "remove":
        records.remove(chosen)
    else:
        records.append(extra)
        concerned = {extra["id"]}
    lists, after = _run(records, tmp_path / "new.json", previous=tmp_path / "old.json")
    (name,) = concerned
    concerned |= _holders(before, name) | _holders(after, name)
    _, fresh = _run(records, tmp_path / "fresh.json", k=40)
    for item in set(before) & set(fresh):  # what the whole collection's figures have moved by more than the bound
        now = {match["id"]: match["score"] for match in fresh[item]["related"]}
        moved = [abs(now.get(match["id"], -1) - match["score"]) for match in before[item]["related"]]
        concerned |= {item} if max(moved, default=0) > 0.05 else set()
    assert len(concerned) < 25
    assert all(after[item] == before[item] for item in after if item not in concerned)
    changed = sum(
        [m["id"] for m in after[item]["related"]] != [m["id"] for m in before.get(item, {"related": []})["related"]]
        for item in after
    )
    gone = int(change == "remove")
    assert f"{changed} of {len(after)} lists are new or changed; {gone} items are gone" in lists.notes
    assert not _holders(after, name) or change != "remove"


def test_related_items_previous_of_the_same_items_changes_nothing(tmp_path):
    records = _posts(40)
    lists, before = _run(records, tmp_path / "old.json")
    again, after = _run(records, tmp_path / "new.json", previous=tmp_path / "old.json")
    assert after == before
    assert again.notes == ("0 of 40 lists are new or changed; 0 items are gone",)
    assert not lists.notes


@pytest.mark.parametrize(("drift", "kept"), [(0.03, True), (0.2, False), (-0.2, False)])
def test_related_items_previous_scores_that_drifted_are_made_anew(tmp_path, drift, kept):
    records = _posts(40)
    _, fresh = _run(records, tmp_path / "old.json")
    document = json.loads((tmp_path / "old.json").read_text())
    mine = document["items"]["p004"]["related"]
    for match in mine:
        match["score"] = round(match["score"] + drift, 4)
    (tmp_path / "old.json").write_text(json.dumps(document))
    _, after = _run(records, tmp_path / "new.json", previous=tmp_path / "old.json")
    assert (after["p004"]["related"] == mine) == kept
    assert (after["p004"]["related"] == fresh["p004"]["related"]) != kept


def test_related_items_previous_newcomer_has_to_be_clearly_better(tmp_path):
    records = _posts(40)
    _, fresh = _run(records, tmp_path / "fresh.json", k=6)
    _, _ = _run(records, tmp_path / "old.json")
    document = json.loads((tmp_path / "old.json").read_text())
    for name, entry in document["items"].items():
        entry["related"] = [*entry["related"][:4], fresh[name]["related"][5]]  # the sixth instead of the fifth
    (tmp_path / "old.json").write_text(json.dumps(document))
    _, after = _run(records, tmp_path / "new.json", previous=tmp_path / "old.json")
    for name, entry in after.items():
        fifth, sixth = fresh[name]["related"][4:6]
        shown = {match["id"] for match in entry["related"]}
        odds = [match["score"] / (1 - match["score"]) for match in (fifth, sixth)]
        is_better = fifth["score"] > sixth["score"] + 0.01 + 1e-9 and odds[0] > 2 * odds[1] + 1e-9
        assert (fifth["id"] in shown) == is_better


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"schema": "recs.related/1"}', '{"schema": "x/2", "items": {}}', "\u00e9\x00"]
)
def test_related_items_previous_of_another_kind_is_an_error(tmp_path, content):
    path = tmp_path / "old.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(SourceError, match=r"old\.json: not a result of recs related"):
        _lists(make_records(6), previous=path)


def test_related_items_previous_that_is_missing_is_none(tmp_path):
    records = make_records(12)
    assert _lists(records, previous=tmp_path / "none.json").lists == _lists(records).lists


@pytest.mark.parametrize("way", ["item", "rules", "no_recommend", "pin"])
def test_related_items_previous_gives_way_to_new_rules(tmp_path, way):
    items = list(recs.read_items(_posts(40)))
    lists, _ = _run(items, tmp_path / "old.json")
    gone = lists["p004"][1].id
    rules = Rules()
    if way == "item":
        items[4] = replace(items[4], excludes=(gone,))
    elif way == "rules":
        rules = Rules(excludes={"p004": (gone,)})
    elif way == "no_recommend":
        rules = Rules(no_recommend=frozenset({gone}))
    else:
        rules = Rules(pins={"p004": ("p030",)})
    _, after = _run(items, tmp_path / "new.json", previous=tmp_path / "old.json", rules=rules)
    shown = [match["id"] for match in after["p004"]["related"]]
    assert len(shown) == 5
    if way == "pin":
        assert shown[0] == "p030"
    else:
        assert gone not in shown
    assert way != "no_recommend" or not _holders(after, gone)


RULES = {
    "min_score": Rules(min_score=0.05),
    "per_group": Rules(per_group=1),
    "diversity": Rules(diversity=0.4),
    "min_inbound": Rules(min_inbound=1),
    "demote": Rules(),
}


@pytest.mark.parametrize("rules", RULES.values(), ids=RULES)
def test_related_items_previous_obeys_the_present_rules_and_then_changes_nothing(tmp_path, rules):
    items = [
        replace(item, group=f"g{row % 3}", series=f"s{row % 9}") for row, item in enumerate(recs.read_items(_posts(40)))
    ]
    _run(items, tmp_path / "old.json", rules=Rules(demote=False, collapse=False))
    first, after = _run(items, tmp_path / "new.json", previous=tmp_path / "old.json", rules=rules)
    groups = {item.id: item.group for item in items}
    series = {item.id: item.series for item in items}
    for name, matches in first.lists.items():
        assert all(
            bool(match.reasons) == (series[match.id] == series[name]) for match in matches if match.via == "auto"
        )
        assert all(match.score >= rules.min_score for match in matches)
        shown = [groups[match.id] for match in matches]
        assert not rules.per_group or len(set(shown)) == len(shown)
    again, unchanged = _run(items, tmp_path / "again.json", previous=tmp_path / "new.json", rules=rules)
    assert unchanged == after
    assert again.notes == ("0 of 40 lists are new or changed; 0 items are gone",)


def test_related_items_previous_with_scores_of_another_kind_is_not_compared(tmp_path):
    records = _posts(40)
    _run(records, tmp_path / "old.json")
    document = json.loads((tmp_path / "old.json").read_text())
    document["score"]["kind"] = "centred_cosine"
    for entry in document["items"].values():
        entry["related"].reverse()
    (tmp_path / "old.json").write_text(json.dumps(document))
    _, fresh = _run(records, tmp_path / "fresh.json")
    _, after = _run(records, tmp_path / "new.json", previous=tmp_path / "old.json")
    assert after == fresh


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_related_items_incremental_run_equals_a_full_one(tmp_path_factory, data):
    records = make_records(24, words=50)
    with recs.Cache(tmp_path_factory.mktemp("cache")) as cache:
        _lists(records, cache=cache)
        for _ in range(data.draw(st.integers(1, 3))):
            place = data.draw(st.integers(0, len(records) - 1))
            change = data.draw(st.sampled_from(["edit", "add", "remove"]))
            if change == "edit":
                records[place] = {**records[place], "text": records[place]["text"] + " Frost on the saddle."}
            elif change == "add":
                number = data.draw(st.integers(30, 99))
                records.append({**records[place], "id": f"new{number}-{len(records)}", "title": f"Lemon {number}"})
            else:
                records.pop(place)
        assert _json(_lists(records, cache=cache)) == _json(_lists(records))


BLANK = [3, 4, 12, 17, 25]


def _half_read(similarity, fill):
    """Return items and vectors of a model that knows no token of some: `fill` makes their rows."""
    items = recs.read_items(make_records(30, words=70)).public
    embeddings = recs.embed_items(items, make_embedder(similarity=similarity), cache=False)
    vectors, chunks = embeddings.vectors.copy(), embeddings.chunk_vectors.copy()
    of_blank = np.isin(embeddings.chunk_rows, BLANK)
    vectors[BLANK], chunks[of_blank] = fill(len(BLANK)), fill(int(of_blank.sum()))
    lost = np.where(np.isin(np.arange(30), BLANK), embeddings.tokens, 0)
    return items, replace(embeddings, vectors=vectors, chunk_vectors=chunks, tokens_lost=lost)


def _same(n):
    return np.tile(np.eye(24, dtype=np.float32)[:1], (n, 1))


def _random(n):
    rows = np.random.default_rng(n).standard_normal((n, 24))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
@pytest.mark.parametrize("signals", ["auto", "dense", "terms,passages"])
def test_related_items_vectors_of_unknown_tokens_change_no_byte(similarity, signals):
    one, two = (
        related_items(*_half_read(similarity, fill), signals=signals, why=True, rules=Rules(diversity=0.3))
        for fill in (_same, _random)
    )
    assert _json(one) == _json(two)
    (note,) = one.notes
    named = "('p003', 'p004', 'p012', …)"
    expected = f"the model knows no token of 5 items {named}: their vectors say nothing about them and rank nothing."
    assert note == expected


def test_related_items_items_of_unknown_tokens_are_ranked_by_their_words():
    items, embeddings = _half_read("cosine", _same)
    lists = related_items(items, embeddings, why=True, rules=NO_RULES)
    by_words = related_items(items, signals="terms,mentions", rules=NO_RULES)
    names = [items[row].id for row in BLANK]
    for name in names:
        assert lists[name][0].id == by_words[name][0].id
        assert all(match.why.parts["dense"] == match.why.parts["passages"] == 0 for match in lists[name])
        assert all(match.why.passages is None for match in lists[name])
    assert not any(set(found) & set(names) for name, found in lists.twins.items() if name in names)
    other = next(name for name in lists if name not in names)
    assert any(match.why.parts["dense"] > 0 for match in lists[other])


@pytest.mark.parametrize("similarity", ["cosine", "dot", "euclidean"])
def test_related_items_of_unknown_tokens_are_no_translations(similarity):
    items, embeddings = _half_read(similarity, _same)
    spoken = [replace(item, lang=["en", "de"][row % 2]) for row, item in enumerate(items)]
    lists = related_items(spoken, embeddings, rules=Rules(same_language=False))
    names = {items[row].id for row in BLANK}
    assert not names & {other for name in names for other in lists.twins.get(name, ())}


def test_related_items_by_vectors_alone_say_nothing_of_unknown_tokens():
    items, embeddings = _half_read("cosine", _same)
    lists = related_items(items, embeddings, signals="dense", rules=NO_RULES)
    names = {items[row].id for row in BLANK}
    assert all(not lists[name] for name in names)
    assert not names & {match.id for matches in lists.lists.values() for match in matches}
    assert lists.counts["short_lists"] == len(BLANK)


@pytest.mark.model
def test_related_items_of_emoji_and_foreign_scripts_with_the_real_model(tmp_path):
    texts = [
        "\U0001f600\U0001f680",
        "ภาษาไทยง่าย",
        "x" * 300_000,
        "\U0001f680 rocket science",
        "the rocket flies",
        "bread",
    ]
    records = [{"id": f"t{place}", "text": text} for place, text in enumerate(texts)]
    for _ in range(2):  # the second time from the cache
        lists = related_items(records, cache=recs.Cache(tmp_path), rules=NO_RULES)
        assert lists.counts["tokens_lost"] == 4
        assert any("the model knows no token of 3 items ('t0', 't1', 't2'): their" in note for note in lists.notes)
    alone = related_items(records, cache=recs.Cache(tmp_path), rules=NO_RULES, signals="dense")
    assert [len(alone[f"t{place}"]) for place in range(6)] == [0, 0, 0, 2, 2, 2]
    assert alone["t3"][0].id == "t4"


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
