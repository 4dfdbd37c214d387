"""Fallbacks, filters and ages of related lists, against what an editor was promised."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import recs
from recs import Item, Rules
from recs.errors import OptionError
from recs.ranking.ages import first_day, newest_first, recency_weights
from recs.ranking.arrange import arrange
from recs.writers.related import render_related

NOW = "2026-11-01"
ITEM = st.builds(
    dict,
    day=st.sampled_from([None, "2026-03-01", "2026-02-14T10:00:00Z", "2025-01-01", "2020", "not a date"]),
    category=st.sampled_from([None, "", "Soil", " soil", "bread"]),
    lang=st.sampled_from([None, "en", "de"]),
    group=st.sampled_from([None, "g"]),
    tags=st.sampled_from([(), ("x",)]),
    recommend=st.booleans(),
    title=st.sampled_from(["", "One", "Two"]),
)
RULES = st.builds(
    dict,
    fill=st.sampled_from(["none", "recent", "category"]),
    max_age=st.sampled_from(["none", "1y", "400w"]),
    min_score=st.sampled_from([-1.0, 0.5]),
    per_group=st.sampled_from([0, 1]),
    collapse=st.booleans(),
    same_language=st.booleans(),
    filter=st.sampled_from(["", "include", "exclude"]),
)


def make_items(specs):
    names = ("category", "lang", "group", "tags", "recommend", "title")
    fields = [{name: spec[name] for name in names} for spec in specs]
    return [Item(f"i{row:02}", f"text {row}", published=specs[row]["day"], **each) for row, each in enumerate(fields)]


def may_be_shown(items, other, row, spec, languages):
    """Whether the rules allow an item in a list, one rule after the other and without the code of recs."""
    item = items[other]
    day = (item.published or "")[:10]
    if other == row or not item.recommend:
        return False
    if spec["max_age"] != "none" and not (
        day[:2] == "20" and day >= {"1y": "2025-11-01", "400w": "2019"}[spec["max_age"]]
    ):
        return False
    if spec["filter"] and ("x" in item.tags) != (spec["filter"] == "include"):
        return False
    ours, theirs = languages[row], languages[other]
    return not (spec["same_language"] and ours and theirs and ours != theirs)


def fallbacks(items, row, shown, spec, languages, k):
    """Return the rows that should fill a list, by the words of the documentation."""
    dates = [recs.readers.dates.parse_date(item.published) for item in items]
    dated = sorted((r for r in range(len(items)) if dates[r]), key=lambda r: (-dates[r].timestamp(), r))
    fold = lambda item: (item.category or "").strip().lower()  # noqa: E731
    choice = [*dated, *(r for r in range(len(items)) if not dates[r])] if spec["fill"] == "category" else dated
    if spec["fill"] == "category":
        choice = [r for r in choice if fold(items[r]) and fold(items[r]) == fold(items[row])]
    added = []
    for other in choice:
        there = [*shown, *added]
        groups = [items[r].group for r in there]
        titles = [items[r].title for r in (row, *there)]
        twice = spec["collapse"] and items[other].title and items[other].title in titles
        crowded = spec["per_group"] and items[other].group and groups.count("g") >= spec["per_group"]
        if other in there or twice or crowded or not may_be_shown(items, other, row, spec, languages):
            continue
        if len(there) < k:
            added.append(other)
    return added


@settings(max_examples=200, deadline=None)
@given(specs=st.lists(ITEM, max_size=12), spec=RULES, k=st.integers(0, 5), seed=st.integers(0, 99))
def test_fill_equals_the_oracle_and_no_list_shows_what_a_rule_forbids(specs, spec, k, seed):
    items = make_items(specs)
    options = {name: value for name, value in spec.items() if name != "filter"}
    options |= {spec["filter"]: {"tag": "X"}} if spec["filter"] else {}
    rules = replace(Rules(**options), demote=False)
    if items and not any(item.tags for item in items):
        rules = replace(rules, include={}, exclude={})
        spec = {**spec, "filter": ""}
    rules = rules.at(items, datetime(2026, 11, 1, tzinfo=UTC))
    generator = np.random.default_rng(seed)
    allowed = rules.mask(items)
    rows_of = np.arange(len(items))
    mask = allowed(rows_of[:, None], rows_of) if allowed else np.ones((len(items), len(items)), dtype=bool)
    np.fill_diagonal(mask, val=False)
    pairs = [generator.permutation(np.flatnonzero(line))[: int(generator.integers(0, 3))].tolist() for line in mask]
    ranking = [[(other, round(0.8 - place / 4, 2)) for place, other in enumerate(rows)] for rows in pairs]
    languages = [item.lang or generator.choice([None, "de"]) for item in items]
    twins = [set() for _ in items]
    plain = arrange(items, ranking, twins, k, rules=replace(rules, fill="none"), similar=None)
    lists = arrange(items, ranking, twins, k, rules=rules, similar=None, languages=languages)
    for row, picks in enumerate(lists):
        before = [pick.row for pick in plain[row]]
        added = fallbacks(items, row, before, spec, languages, k) if spec["fill"] != "none" else []
        assert [pick.row for pick in picks] == [*before, *added]
        assert [pick.via for pick in picks] == ["auto"] * len(before) + ["fallback"] * len(added)
        assert all(pick.reasons[0].startswith("fallback: one of the newest") for pick in picks[len(before) :])


POSTS = [
    Item("new", "Compost.", published="2026-10-30", category="soil", lang="en"),
    Item("old", "Bread.", published="2019-01-01", category="bread", lang="en", series="s"),
    Item("undated", "Bicycle.", category="soil", lang="en"),
    Item("german", "Ein Brot.", published="2026-10-31", category="bread", lang="de"),
    Item("draft", "Soil.", published="2026-10-29", category="soil", visibility="draft", meta={"mood": "bad"}),
    Item("hidden", "Rust.", published="2026-10-28", category="soil", lang="en", recommend=False),
]


def lists_of(items=POSTS, *, k=3, now=NOW, **options):
    rules = Rules(**options)
    return recs.related_items(recs.Collection(tuple(items)), k=k, signals="terms", rules=rules, now=now, cache=False)


def shown(lists, name):
    return [(match.id, match.via) for match in lists[name]]


def test_fill_recent_adds_the_newest_of_the_language_and_never_what_is_closed():
    lists = lists_of(fill="recent")
    assert shown(lists, "old") == [("new", "fallback")]
    assert shown(lists, "hidden") == [("new", "fallback"), ("old", "fallback")]
    assert shown(lists, "german") == []
    assert {match.id for name in lists for match in lists[name]} == {"new", "old"}


def test_a_fallback_is_not_in_another_language_that_was_guessed():
    text = "Im Herbst stecke ich die Zehen in das Beet und decke sie mit Laub zu, damit kein Frost in den Boden geht. "
    items = [*POSTS, Item("guessed", text * 3, published="2026-10-31")]
    assert shown(lists_of(items, fill="recent"), "old") == [("new", "fallback")]
    assert shown(lists_of(items, fill="recent"), "german") == [("guessed", "fallback")]
    assert ("guessed", "fallback") in shown(lists_of(items, fill="recent", same_language=False), "old")


def test_fill_category_adds_the_newest_of_the_category_then_those_without_a_date():
    lists = lists_of(fill="category")
    assert shown(lists, "hidden") == [("new", "fallback"), ("undated", "fallback")]
    assert shown(lists, "old") == []


def test_fill_puts_what_the_page_shows_anyway_last():
    items = [*POSTS, Item("part", "Stones.", published="2026-10-31", series="s", lang="en")]
    assert [name for name, _ in shown(lists_of(items, fill="recent"), "old")] == ["new", "part"]
    match = lists_of(items, fill="recent")["old"][1]
    assert match.reasons == ("fallback: one of the newest items", "demoted: of the same series")


def test_a_fallback_says_so_in_json_and_its_parts_sum_to_its_score():
    collection = recs.Collection(tuple(POSTS))
    lists = recs.related_items(collection, signals="terms", rules=Rules(fill="recent"), why=True, cache=False)
    document = json.loads(render_related(lists))
    (entry,) = document["items"]["old"]["related"]
    assert (entry["id"], entry["via"], entry["score"]) == ("new", "fallback", 0.0)
    assert entry["why"]["rules"] == ["fallback: one of the newest items"]
    assert entry["why"]["parts"] == {"terms": 0.0}
    assert document["config"]["fill"] == "recent"
    jsonschema = pytest.importorskip("jsonschema")
    schema = Path(recs.__file__).parent / "writers" / "related.schema.json"
    jsonschema.validate(document, json.loads(schema.read_text(encoding="utf-8")))


def test_fill_and_max_age_say_what_they_cannot_judge():
    undated = [Item("a", "Soil."), Item("b", "Bread.")]
    notes = lists_of(undated, fill="recent", max_age="2y").notes
    assert "fill: no item has a date, so no list was filled with the newest items" in notes
    assert "max_age: 2 items have no date, so no list shows them" in notes
    assert "fill: no item has a category, so no list was filled" in lists_of(undated, fill="category").notes
    assert lists_of(fill="category").notes == ()


def test_items_that_a_filter_leaves_out_have_lists_of_their_own():
    items = [Item(name, "Garden soil and seed.", title=name, category=name[0]) for name in ("a1", "a2", "b1", "b2")]
    for options in ({"include": {"category": ["a"]}}, {"exclude": {"category": "B"}}):
        lists = lists_of(items, **options)
        assert {name: sorted(match.id for match in lists[name]) for name in lists} == {
            "a1": ["a2"], "a2": ["a1"], "b1": ["a1", "a2"], "b2": ["a1", "a2"]
        }  # fmt: skip


def test_include_wants_all_fields_and_exclude_any():
    items = [
        Item(f"{a}{b}", f"Garden soil {a}{b}.", category=a, tags=[b], meta={"hot": b == "y"})
        for a in "cd"
        for b in "xy"
    ]

    def ids(**options):
        lists = lists_of(items, k=9, **options)
        return sorted({match.id for name in lists for match in lists[name]})

    assert ids() == ["cx", "cy", "dx", "dy"]
    assert ids(include={"category": "c", "tag": ["y"]}) == ["cy"]
    assert ids(exclude={"category": "c", "tag": ["y"]}) == ["dx"]
    assert ids(include={"category": ["c", "d"]}, exclude={"hot": True}) == ["cx", "dx"]


def test_a_pin_comes_before_filters():
    lists = lists_of(exclude={"category": "soil"}, max_age="1y", pins={"old": ("new",)})
    assert shown(lists, "old") == [("new", "pin")]


@pytest.mark.parametrize("name", ["include", "exclude"])
def test_a_field_that_no_item_has_is_named(name):
    with pytest.raises(OptionError, match="no item has a field 'modo' to filter by; the nearest is mood"):
        lists_of(**{name: {"modo": "bad"}})
    lists_of(**{name: {"mood": "bad"}})  # a draft has it
    with pytest.raises(OptionError, match="expected a value or a list"):
        lists_of(**{name: {"category": {"a": 1}}})
    with pytest.raises(OptionError, match="is no date"):
        lists_of(**{name: {"since": "yesterday"}})


def test_max_age_counts_from_now_and_leaves_out_what_has_no_date():
    items = [Item(name, "Garden soil.", title=name, published=day) for name, day in
             {"a": "2024-11-01", "b": "2024-10-31T23:00:00Z", "c": None, "d": "2026-01-01"}.items()]  # fmt: skip

    def ids(now, **options):
        lists = lists_of(items, now=now, max_age="2y", **options)
        return sorted({match.id for name in lists for match in lists[name]})

    assert ids("2026-11-01") == ["a", "d"]
    assert ids("2026-11-02") == ["d"]
    assert ids("2026-10-01") == ["a", "b", "d"]
    assert ids("2026-11-01", include={"since": "2025"}) == ["d"]
    assert ids("2026-11-01", include={"since": ["2020", "2026"]}) == ["a", "d"]
    assert ids("2026-11-01", include={"since": []}) == []


@pytest.mark.parametrize(
    ("age", "day"),
    [("1d", "2026-10-31"), ("2w", "2026-10-18"), ("12m", "2025-11-01"), ("4y", "2022-11-01"), ("99999y", "0001-01-01")],
)
def test_first_day_of_an_age(age, day):
    assert first_day(age, datetime(2026, 11, 1, 12, tzinfo=UTC)) == day


@pytest.mark.parametrize("age", ["2", "y", "0y", "-1y", "1.5y", "2 years", "2yy", "", "٢y", "999999y"])
@pytest.mark.parametrize("name", ["max_age", "prefer_recent"])
def test_an_age_that_is_none_is_an_error(name, age):
    with pytest.raises(OptionError, match=name):
        Rules(**{name: age})


@given(days=st.lists(st.one_of(st.none(), st.integers(0, 9000)), max_size=8), half=st.integers(1, 4000))
def test_recency_weights_halve_with_each_half_life_before_the_newest(days, half):
    start = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
    dates = [None if day is None else datetime.fromtimestamp(start + 86400 * day, UTC).isoformat() for day in days]
    weights = recency_weights([Item(str(row), "x", published=day) for row, day in enumerate(dates)], f"{half}d")
    known_days = [day for day in days if day is not None]
    for day, weight in zip(days, weights.tolist(), strict=True):
        age = 0 if not known_days else max(known_days) - (min(known_days) if day is None else day)
        assert weight == pytest.approx(max(0.5 ** (age / half), 1e-9))


def test_prefer_recent_changes_the_order_and_no_score():
    items = [Item(f"i{row}", f"{row}", published=f"{2026 - row}-01-01") for row in range(4)]
    ranking = [[], [(3, 0.4), (2, 0.3), (0, 0.2)], [(3, -0.1), (1, -0.2), (0, -0.4)], []]

    def order(row, half_life):
        lists = arrange(items, ranking, [set()] * 4, 3, rules=Rules(prefer_recent=half_life), similar=None)
        assert {pick.row: pick.score for pick in lists[row]} == dict(ranking[row])
        return [pick.row for pick in lists[row]]

    assert order(1, "none") == order(1, "99y") == [3, 2, 0]
    assert order(1, "1y") == [0, 2, 3]  # .2, .3 / 4, .4 / 8
    assert order(2, "1y") == [1, 0, 3]  # -.2 * 1.999 (a year has 365 days), -.4, -.1 * 8
    assert order(1, "1d")[0] == 0


def test_newest_first_compares_moments():
    days = ["2026-01-01T00:30:00+02:00", "2025-12-31T23:00:00Z", "", "2026-01-01T00:30:00+02:00"]
    assert newest_first([Item(str(row), "x", published=day) for row, day in enumerate(days)]) == [1, 0, 3]
