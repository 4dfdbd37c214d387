"""Rules against what an editor was promised, on rankings made by chance."""

import json
from dataclasses import replace
from datetime import date

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recs import Item
from recs.errors import OptionError, SourceError
from recs.items import Link
from recs.ranking.arrange import arrange
from recs.ranking.chooser import DEMOTION
from recs.ranking.rules import NO_RULES, Rules, load_rules


def make_items(n, **fields):
    """Return n items; a field is a function of the row."""
    return [
        Item(id=f"i{row:02}", text=f"text {row}", **{name: of(row) for name, of in fields.items()}) for row in range(n)
    ]


def unlike(a, b):
    return np.zeros((len(a), len(b)))


def random_ranking(seed, n, candidates):
    """Return a ranking in which every item has the same number of candidates, their scores in (0, 1)."""
    generator = np.random.default_rng(seed)
    ranking = []
    for row in range(n):
        others = generator.permutation([other for other in range(n) if other != row])[:candidates].tolist()
        scores = np.sort(np.round(generator.random(len(others)), 3))[::-1].tolist()
        ranking.append(sorted(zip(others, scores, strict=True), key=lambda pair: (-pair[1], pair[0])))
    return ranking


def shown(items, ranking, k=5, *, rules=None, twins=None, similar=unlike):
    twins = twins or [set() for _ in items]
    return arrange(items, ranking, twins, k, rules=rules or Rules(), similar=similar)


def rows(picks):
    return [pick.row for pick in picks]


def line(n):
    """Return a ranking in which row 0 has all others, in order, and nobody else has any."""
    return [[(row, round(1 - row / 100, 4)) for row in range(1, n)], *([[]] * (n - 1))]


@given(seed=st.integers(0, 999), n=st.integers(0, 12), k=st.integers(0, 6))
def test_arrange_without_rules_is_the_start_of_the_ranking(seed, n, k):
    ranking = random_ranking(seed, n, 8)
    for picks, candidates in zip(shown(make_items(n), ranking, k, rules=NO_RULES), ranking, strict=True):
        assert [(pick.row, pick.score) for pick in picks] == candidates[:k]
        assert all((pick.via, pick.reasons) == ("auto", ()) for pick in picks)


def test_arrange_equal_scores_keep_the_order_of_the_ranking():
    assert rows(shown(make_items(4), [[(3, 0.0), (1, 0.0), (2, 0.0)], [], [], []])[0]) == [3, 1, 2]


@pytest.mark.parametrize("where", ["item", "rules"])
def test_pins_come_first_in_their_order_and_are_filled_up(where):
    pins = ("i07", "i00", "unknown", "i09", "i07")
    items = make_items(10)
    rules = Rules(pins={"i00": pins} if where == "rules" else {})
    if where == "item":
        items[0] = replace(items[0], pins=pins)
    picks = shown(items, [*line(9), []], 4, rules=rules)[0]  # the last item is no candidate
    assert rows(picks) == [7, 9, 1, 2]
    assert [(pick.via, pick.reasons) for pick in picks[:2]] == [("pin", ("pinned",))] * 2
    assert [pick.score for pick in picks] == [0.93, 0.0, 0.99, 0.98]
    assert rows(shown(items, [*line(9), []], 1, rules=rules)[0]) == [7]


def test_pins_of_the_rules_come_before_those_of_the_item():
    items = [replace(item, pins=("i03",)) for item in make_items(5)]
    assert rows(shown(items, line(5), 2, rules=Rules(pins={"i00": ("i04",)}))[0]) == [4, 3]


@given(seed=st.integers(0, 999), k=st.integers(1, 6))
def test_pins_never_hold_the_item_itself_nor_one_item_twice(seed, k):
    generator = np.random.default_rng(seed)
    items = [replace(item, pins=tuple(f"i{row:02}" for row in generator.integers(0, 12, 4))) for item in make_items(12)]
    for row, picks in enumerate(shown(items, random_ranking(seed, 12, 11), k)):
        assert row not in rows(picks)
        assert len(set(rows(picks))) == len(picks) <= k


def test_min_score_leaves_a_list_short_and_pins_alone():
    rules = Rules(min_score=0.97, pins={"i00": ("i08",)})
    assert rows(shown(make_items(9), line(9), 5, rules=rules)[0]) == [8, 1, 2, 3]
    assert shown(make_items(9), line(9), 5, rules=Rules(min_score=2))[0] == []


@pytest.mark.parametrize(("most", "expected"), [(0, [1, 2, 3, 4, 5]), (1, [1, 2, 6, 7, 8]), (2, [1, 2, 3, 4, 6])])
def test_per_group_takes_so_many_of_a_group(most, expected):
    items = make_items(10, group=lambda row: ["a", "b"][row % 2] if row < 6 else None)
    assert rows(shown(items, line(10), 5, rules=Rules(per_group=most))[0]) == expected


def test_per_group_counts_pins():
    items = make_items(8, group=lambda row: "a" if row < 5 else None)
    assert rows(shown(items, line(8), 3, rules=Rules(per_group=1, pins={"i00": ("i04",)}))[0]) == [4, 5, 6]


def test_diversity_is_maximal_marginal_relevance():
    generator = np.random.default_rng(3)
    vectors = generator.standard_normal((30, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    likeness = vectors @ vectors.T
    ranking = random_ranking(1, 30, 20)
    for diversity in (0.2, 0.5, 0.9, 1.0):
        found = shown(
            make_items(30),
            ranking,
            rules=Rules(diversity=diversity),
            similar=lambda a, b: likeness[np.ix_(list(a), list(b))],
        )
        for picks, candidates in zip(found, ranking, strict=True):
            scores, chosen = dict(candidates), []
            while len(chosen) < 5:
                gain = {
                    row: (1 - diversity) * score / candidates[0][1]
                    - diversity * max(0, *(likeness[row, one] for one in chosen), 0)
                    for row, score in scores.items()
                    if row not in chosen
                }
                chosen.append(max(gain, key=gain.__getitem__))
            assert rows(picks) == chosen


def test_diversity_zero_changes_nothing_and_one_shows_each_kind():
    items, ranking = make_items(20), line(20)
    alike = lambda a, b: np.equal.outer(np.array(a) // 5, np.array(b) // 5).astype(float)  # noqa: E731
    assert rows(shown(items, ranking, 4, rules=Rules(diversity=0), similar=alike)[0]) == [1, 2, 3, 4]
    assert sorted(row // 5 for row in rows(shown(items, ranking, 4, rules=Rules(diversity=1), similar=alike)[0])) == [
        0,
        1,
        2,
        3,
    ]


def demoting(row):
    """Return items of which the first has met rows 1 (in its text), 2 (its series), 3 and 4 (next in time)."""
    items = make_items(
        9,
        series={0: "s", 2: "s", 5: "other"}.get,
        published={0: "2020-01-03", 3: "2020-01-02", 4: "2020-01-04", 5: "2020-01-01"}.get,
    )
    items[0] = replace(items[0], links=(Link(0, 0, "words", "i01"), Link(0, 0, "words", "elsewhere")))
    return items


def test_demotion_puts_what_the_page_shows_behind_and_says_why():
    picks = shown(demoting(0), line(9), 8)[0]
    assert rows(picks) == [3, 4, 5, 6, 7, 8, 1, 2]  # published just before and after: the page need not show them
    assert [pick.reasons for pick in picks[6:]] == [("demoted: linked in the text",), ("demoted: of the same series",)]
    assert all(pick.reasons == () for pick in picks[:6])
    assert [pick.score for pick in picks] == [dict(line(9)[0])[pick.row] for pick in picks]
    assert rows(shown(demoting(0), line(9), 8, rules=Rules(demote=False))[0]) == [1, 2, 3, 4, 5, 6, 7, 8]


@given(seed=st.integers(0, 999))
def test_demotion_only_moves_behind(seed):
    generator = np.random.default_rng(seed)
    series = generator.integers(0, 3, 15)
    items = make_items(15, series=lambda row: f"s{series[row]}", published=lambda row: f"2020-02-{row + 1:02}")
    ranking = [[(row, score - 0.5) for row, score in candidates] for candidates in random_ranking(seed, 15, 14)]
    for picks, candidates in zip(shown(items, ranking, 14), ranking, strict=True):
        place = {row: number for number, (row, _) in enumerate(candidates)}
        assert set(rows(picks)) == set(place)
        for met in (True, False):  # the order among those moved, and among those that stayed, is the ranking's
            places = [place[pick.row] for pick in picks if bool(pick.reasons) == met]
            assert places == sorted(places)
        for number, pick in enumerate(picks):
            assert not pick.reasons or number >= sum(
                place[other.row] < place[pick.row] for other in picks if not other.reasons
            )
        strong = [pick.score * (DEMOTION if pick.score > 0 and pick.reasons else 1) for pick in picks if pick.score > 0]
        assert strong == sorted(strong, reverse=True)


def test_collapse_shows_one_of_several_twins_and_none_of_the_item_itself():
    twins = [set() for _ in range(9)]
    for group in ({0, 1}, {2, 3, 4}, {6, 7}):
        for row in group:
            twins[row] = group - {row}
    assert rows(shown(make_items(9), line(9), 8, twins=twins)[0]) == [2, 5, 6, 8]
    assert rows(shown(make_items(9), line(9), 8, twins=twins, rules=Rules(collapse=False))[0]) == list(range(1, 9))
    pinned = Rules(pins={"i00": ("i04", "i01")})
    assert rows(shown(make_items(9), line(9), 4, twins=twins, rules=pinned)[0]) == [4, 1, 5, 6]  # an editor may


@settings(max_examples=60)
@given(seed=st.integers(0, 9999), n=st.integers(2, 40), k=st.integers(1, 5), least=st.integers(1, 2))
def test_min_inbound_makes_no_new_orphan_and_no_longer_list(seed, n, k, least):
    ranking = random_ranking(seed, n, 20)
    before = shown(make_items(n), ranking, k, rules=NO_RULES)
    after = shown(make_items(n), ranking, k, rules=replace(NO_RULES, min_inbound=least))

    def inbound(lists):
        return np.bincount([row for picks in lists for row in rows(picks)], minlength=n)

    assert (inbound(after) >= np.minimum(inbound(before), least)).all()
    scores = [dict(candidates) for candidates in ranking]
    for row, (old, new) in enumerate(zip(before, after, strict=True)):
        assert len(old) <= len(new) <= k
        assert len(set(rows(new))) == len(new)
        placed = [pick for pick in new if pick.via == "fallback"]
        assert len(placed) <= max(k // 2, 1)
        assert new[len(new) - len(placed) :] == placed
        assert all(pick.score == scores[row][pick.row] for pick in new)
        assert all(pick.reasons for pick in placed)


@pytest.mark.parametrize("seed", range(30))
def test_min_inbound_one_leaves_no_orphan_where_everybody_is_a_candidate(seed):
    n = 30
    items = make_items(n)
    generator = np.random.default_rng(seed)
    popular = generator.random(n) ** 3  # hubs, and items that nobody would list
    likeness = np.round(generator.random((n, n)) * 0.5 + popular * 0.5, 4)
    ranking = [
        sorted(((c, likeness[r, c]) for c in range(n) if c != r), key=lambda pair: (-pair[1], pair[0]))
        for r in range(n)
    ]
    before, after = (shown(items, ranking, 5, rules=Rules(min_inbound=least)) for least in (0, 1))
    assert set(range(n)) > {row for picks in before for row in rows(picks)}
    assert {row for picks in after for row in rows(picks)} == set(range(n))
    assert np.sum([p.score for picks in after for p in picks]) > 0.9 * np.sum(
        [p.score for picks in before for p in picks]
    )


def test_min_inbound_reaches_no_copy_and_nothing_that_an_editor_left_out():
    items = [replace(item, excludes=("i04",)) for item in make_items(10)]
    items[3] = replace(items[3], text=items[2].text)
    items[5] = replace(items[5], recommend=False)
    ranking = [[(c, 0.5) for c in range(10) if c not in (r, 3, 4, 5, 6, 7)] for r in range(10)]  # 6 stands nowhere
    lists = shown(items, ranking, 4, rules=Rules(min_inbound=1, no_recommend=frozenset({"i07"})))
    reached = {row for picks in lists for row in rows(picks)}
    assert reached == {0, 1, 2, 6, 8, 9}
    assert 3 in {
        row for picks in shown(items, ranking, 4, rules=replace(NO_RULES, min_inbound=1)) for row in rows(picks)
    }


def test_min_inbound_keeps_to_the_other_rules():
    items = make_items(30, group=lambda row: f"g{row % 7}")
    ranking = random_ranking(5, 30, 29)
    twins = [{row ^ 1} for row in range(30)]
    rules = Rules(min_inbound=1, per_group=1, min_score=0.3, pins={"i00": ("i05", "i06", "i04")})
    for row, picks in enumerate(shown(items, ranking, 3, twins=twins, rules=rules)):
        auto = [pick for pick in picks if pick.via != "pin"]
        assert row not in rows(picks)
        assert row ^ 1 not in rows(auto)
        assert all(pick.score >= 0.3 for pick in auto)
        assert all(pick.row ^ 1 not in rows(picks) for pick in auto)
        if row:
            assert len({pick.row % 7 for pick in picks}) == len(picks)
        else:
            assert rows(picks) == [5, 6, 4]


LANGUAGES = ["en", "en", "de", None]


def mask(items, rules):
    """Return the pairs that a ranking lists: those of the rules, without an item and itself."""
    allowed = rules.mask(items)
    others = ~np.eye(len(items), dtype=bool)
    return others if allowed is None else allowed(np.arange(len(items))[:, None], np.arange(len(items))) & others


def test_mask_keeps_declared_languages_apart():
    items = make_items(4, lang=LANGUAGES.__getitem__)
    found = mask(items, Rules())
    assert (found[0].tolist(), found[2].tolist(), found[3].tolist()) == (
        [False, True, False, True],
        [False, False, False, True],
        [True, True, True, False],
    )
    assert (mask(items, Rules(same_language=False)) == ~np.eye(4, dtype=bool)).all()
    assert (mask(items, replace(NO_RULES, same_language=False)) == ~np.eye(4, dtype=bool)).all()


LATIN = "Der Garten im November und was in ihm noch zu tun ist. "
HAN = "十一月的花园里还有许多事情要做，大蒜要在秋天种下，土地也要翻一遍。"
CODE = "def plant(bed): return [clove for clove in bed]  # print(plant(garlic))\n"


def test_mask_keeps_scripts_apart_where_no_language_is_declared():
    texts = [
        LATIN,
        "The garden in November, and what is left to do.",
        HAN,
        HAN + 2 * CODE,
        "kurz",
        "Сад в ноябре и дела",
    ]
    items = [Item(id=f"i{row}", text=text) for row, text in enumerate(texts)]
    allowed = mask(items, Rules())
    assert allowed[0].tolist() == [False, True, False, True, True, True]  # the last is too short to tell
    assert allowed[2].tolist() == [False, False, False, True, True, True]
    assert (allowed == allowed.T).all()
    assert mask(items, Rules(same_language=False))[0, 2]


def test_mask_of_a_guessed_language_removes_nothing():
    lorem = "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor incididunt ut labore. " * 5
    english = "The garden in November is quiet, and there is time to sharpen the tools and to read the seed lists. " * 5
    german = "Der Garten im November ist still, und es bleibt Zeit, die Werkzeuge zu schärfen und zu lesen. " * 5
    items = [Item(id=name, text=text) for name, text in {"a": lorem, "b": english, "c": german}.items()]
    assert (mask(items, Rules()) == ~np.eye(3, dtype=bool)).all()


def test_one_title_is_in_a_list_once_unless_it_is_a_series():
    titles = {1: "Links", 2: " links ", 3: "Other", 4: "Links"}
    items = make_items(6, title=titles.get)
    assert rows(shown(items, line(6), 5)[0]) == [1, 3, 5]
    assert rows(shown(items, line(6), 5, rules=Rules(collapse=False))[0]) == [1, 2, 3, 4, 5]
    series = make_items(6, title=lambda row: "Part", series=lambda row: "s")
    assert rows(shown(series, line(6), 5)[0]) == [1, 2, 3, 4, 5]


def test_diversity_of_negative_scores_prefers_items_that_differ():
    items = make_items(4)
    ranking = [[(1, -1.0), (2, -1.1), (3, -1.2)], [], [], []]
    alike = np.array([[1, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 1]], float)

    def similar(a, b):
        return alike[np.ix_(a, b)]

    plain = arrange(items, ranking, [set()] * 4, 3, rules=Rules(demote=False), similar=similar)
    varied = arrange(items, ranking, [set()] * 4, 3, rules=Rules(demote=False, diversity=0.5), similar=similar)
    assert rows(plain[0]) == [1, 2, 3]
    assert rows(varied[0]) == [1, 3, 2]


def test_mask_in_blocks_equals_the_whole():
    items = make_items(9, lang=lambda row: ["en", "de", None][row % 3])
    items = [replace(item, excludes=("i03", "unknown")) for item in items]
    rules = Rules(excludes={"i05": ("i01", "i02")}, no_recommend=frozenset({"i08"}))
    allowed = rules.mask(items)
    rows = np.arange(9)
    whole = allowed(rows[:, None], rows)
    assert (np.vstack([allowed(part[:, None], rows) for part in (rows[:2], rows[2:7], rows[7:])]) == whole).all()
    assert (allowed(rows, rows[::-1]) == whole[rows, rows[::-1]]).all()
    assert not whole[:, [3, 8]].any()
    assert not whole[5, [1, 2]].any()
    assert whole[4, 1]


def test_mask_items_that_are_not_recommended_still_have_lists():
    items = make_items(3, recommend=lambda row: row != 1)
    assert mask(items, NO_RULES).tolist() == [[False, False, True], [True, False, True], [True, False, False]]


def test_mask_of_equal_items_lists_the_first_and_never_in_their_own_lists():
    items = [Item(id=f"i{row}", text=text, title="t") for row, text in enumerate("abab")]
    assert mask(items, Rules()).tolist() == [
        [False, True, False, False],
        [True, False, False, False],
        [False, True, False, False],
        [True, False, False, False],
    ]
    assert mask([], Rules()).shape == (0, 0)


@pytest.mark.parametrize("options", [{"diversity": -0.1}, {"diversity": 1.1}, {"min_inbound": -1}, {"per_group": -1}])
def test_rules_out_of_range_are_errors(options):
    with pytest.raises(OptionError, match=next(iter(options))):
        Rules(**options)


def test_changed_says_what_is_not_at_its_default():
    assert Rules().changed() == {}
    rules = Rules(min_score=0.2, demote=False, pins={"a": ("b",)}, no_recommend=frozenset({"x", "y"}))
    assert rules.changed() == {"min_score": 0.2, "demote": False, "pins": 1, "no_recommend": 2}


GOOD = """
no_recommend = ["about", 7]
min_score = 1
diversity = 0.3
min_inbound = 1
per_group = 2
demote = false
collapse = false
same_language = false
max_age = "18m"
prefer_recent = "2y"
fill = "category"
[include]
category = ["garden", "kitchen"]
since = 2024-01-01
[exclude]
sponsored = true
[pins]
"post a" = ["b", "c"]
[excludes]
d = ["é"]
"""


def test_load_rules_reads_every_rule(tmp_path):
    path = tmp_path / "recs.toml"
    path.write_text(GOOD, encoding="utf-8")
    assert load_rules(path) == Rules(
        pins={"post a": ("b", "c")},
        excludes={"d": ("é",)},
        no_recommend=frozenset({"about", "7"}),
        min_score=1,
        diversity=0.3,
        min_inbound=1,
        per_group=2,
        demote=False,
        collapse=False,
        same_language=False,
        max_age="18m",
        prefer_recent="2y",
        fill="category",
        include={"category": ["garden", "kitchen"], "since": date(2024, 1, 1)},
        exclude={"sponsored": True},
    )
    assert json.loads(json.dumps(load_rules(path).changed()))["include"] == {
        "category": ["garden", "kitchen"],
        "since": ["2024-01-01"],
    }
    path.write_text("")
    assert load_rules(path) == Rules()


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        ("minscore = 0.5", OptionError, "no rule is called 'minscore'; expected one of pins"),
        ("demote = 1", OptionError, "demote is 1"),
        ("min_inbound = true", OptionError, "min_inbound is True"),
        ("min_inbound = 1.5", OptionError, "min_inbound is 1.5"),
        ('min_score = "high"', OptionError, "min_score is 'high'"),
        ("diversity = true", OptionError, "diversity is True"),
        ("diversity = 7", OptionError, "diversity is 7"),
        ('pins = ["a"]', OptionError, "pins is"),
        ('[pins]\na = "b"', OptionError, "pins is"),
        ('include = ["a"]', OptionError, "include is ['a'], expected a table of fields"),
        ("[exclude.category]\na = 1", OptionError, "exclude is"),
        ("max_age = 2", OptionError, "max_age is 2, expected a text"),
        ('max_age = "2 decades"', OptionError, "max_age is '2 decades', expected a number of days"),
        ('prefer_recent = "soon"', OptionError, "prefer_recent is 'soon'"),
        ('fill = "random"', OptionError, "fill is 'random', expected one of none, recent, category"),
        ('no_recommend = "a"', OptionError, "no_recommend is 'a'"),
        ('[pins\na = ["b"]', SourceError, "not TOML"),
        (b"demote = \xff", SourceError, "not TOML"),
    ],
)
def test_load_rules_bad_file_is_one_line_that_names_it(tmp_path, content, error, said):
    path = tmp_path / "recs.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(error) as caught:
        load_rules(path)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["missing.toml", "."])
def test_load_rules_missing_file_is_an_error(tmp_path, name):
    with pytest.raises(SourceError, match="cannot be read"):
        load_rules(tmp_path / name)
