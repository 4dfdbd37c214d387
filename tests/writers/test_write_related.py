import copy
import csv
import io
import json
import random
from importlib.resources import files

import pytest
from standins import make_embedder, make_records

from recs import Item, Match, RelatedLists, load_related, related_items
from recs.errors import OptionError
from recs.ranking.probability import ScoreScale
from recs.writers.related import FORMATS, render_related, write_related

SCHEMA = json.loads((files("recs") / "writers" / "related.schema.json").read_text(encoding="utf-8"))
NAMES = ["a/b", "quote\"'", "new\nline", "émoji 🚲", "\u2028", "עברית", "0", "=1+1"]


def _lists(**changes):
    items = {
        name: Item(id=name, text="t", title=f"Title {name}", url=f"https://example.org/{i}/?x=1")
        for i, name in enumerate(NAMES)
    }
    values = {
        "lists": {
            name: tuple(Match(other, 0.123456) for other in sorted(NAMES) if other != name)[:3]
            for name in sorted(NAMES)
        },
        "items": items,
        "model": {"name": "m", "fingerprint": "f", "dim": 2, "similarity": "cosine"},
        "score": ScoreScale("centred_cosine", (-1.0, 1.0)),
        "config": {"k": 3, "signals": ["dense"]},
        "counts": {"items": len(NAMES)},
        "corpus": "0" * 64,
    }
    return RelatedLists(**{**values, **changes})


@pytest.fixture(scope="module")
def real():
    return related_items(make_records(12), embedder=make_embedder(), cache=False)


def _valid(document):
    jsonschema = pytest.importorskip("jsonschema")
    return jsonschema.Draft202012Validator(SCHEMA).is_valid(document)


@pytest.mark.parametrize("signals", ["dense", "terms"])
def test_render_json_is_valid_under_the_schema(signals):
    lists = related_items(make_records(12), embedder=make_embedder(), cache=False, signals=signals)
    assert _valid(json.loads(render_related(lists)))
    assert _valid(json.loads(render_related(related_items([], embedder=make_embedder(), cache=False))))


def test_schema_is_itself_valid():
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize(
    "mutate",
    [
        lambda d: d.pop("schema"),
        lambda d: d.update(schema="recs.related/2"),
        lambda d: d.pop("model"),
        lambda d: d["model"].pop("fingerprint"),
        lambda d: d["model"].update(dim=0),
        lambda d: d["score"].update(range=[1]),
        lambda d: d.update(corpus="xyz"),
        lambda d: d["counts"].update(items=-1),
        lambda d: d["items"]["p000"].pop("related"),
        lambda d: d["items"]["p000"].pop("lang"),
        lambda d: d["items"]["p000"]["related"][0].pop("score"),
        lambda d: d["items"]["p000"]["related"][0].update(score="high"),
        lambda d: d["items"]["p000"]["related"][0].update(via="magic"),
        lambda d: d["items"].update(x=[]),
    ],
)
def test_schema_refuses_a_broken_document(real, mutate):
    document = json.loads(render_related(real))
    broken = copy.deepcopy(document)
    mutate(broken)
    assert _valid(document)
    assert not _valid(broken)


def test_render_json_round_trips_through_the_reader(tmp_path):
    lists = _lists()
    write_related(lists, tmp_path / "related.json")
    related = load_related(tmp_path / "related.json")
    assert sorted(related) == sorted(NAMES)
    for name in NAMES:
        assert [(entry["id"], entry["score"]) for entry in related.get(name)] == [(m.id, 0.1235) for m in lists[name]]
        assert all(entry["title"] == lists.items[entry["id"]].title for entry in related.get(name))


def test_render_json_has_sorted_keys_and_an_item_a_line():
    text = render_related(_lists())
    document = json.loads(text)
    assert list(document) == sorted(document)
    assert list(document["items"]) == sorted(NAMES)
    assert text.endswith("}\n")
    assert "\r" not in text
    lines = text.splitlines()
    assert (
        sum('"related":[' in line for line in lines)
        == len(NAMES)
        == len([x for x in lines if x.startswith('"') and '"excerpt"' in x])
    )


def test_render_changed_list_changes_one_line(real):
    lists = dict(real.lists)
    lists["p003"] = lists["p003"][::-1]
    other = RelatedLists(lists, real.items, real.model, real.score, real.config, real.counts, real.corpus)
    one, two = render_related(real).splitlines(), render_related(other).splitlines()
    assert sum(a != b for a, b in zip(one, two, strict=True)) == 1


@pytest.mark.parametrize("form", FORMATS)
def test_render_is_a_function_of_the_result_alone(form):
    names = list(NAMES)
    lists = _lists()
    expected = render_related(lists, format=form)
    for seed in range(3):
        random.Random(seed).shuffle(names)
        shuffled = _lists(lists={n: lists.lists[n] for n in names}, items={n: lists.items[n] for n in reversed(names)})
        assert render_related(shuffled, format=form) == expected
    assert expected.endswith("\n")
    assert "\r" not in expected


def test_render_scores_are_rounded_and_never_minus_zero():
    matches = (Match("a/b", -0.00001), Match("0", 1e-9), Match("=1+1", 0.99999))
    lists = _lists(lists={"new\nline": matches})
    text = render_related(lists)
    assert '"score":0.0' in text
    assert '"score":1.0' in text
    assert "-0.0" not in text
    assert "e-" not in text.replace("one-", "")


def test_render_lone_surrogate_is_valid_utf_8(tmp_path):
    items = {"a": Item(id="a", text="t", title="broken \ud800 title")}
    lists = _lists(lists={"a": ()}, items=items)
    for form in FORMATS:
        write_related(lists, tmp_path / form, format=form)
        (tmp_path / form).read_text(encoding="utf-8")


def test_render_jsonl_has_a_line_an_item():
    rows = [json.loads(line) for line in render_related(_lists(), format="jsonl").splitlines()]
    assert [row["id"] for row in rows] == sorted(NAMES)


def test_render_csv_has_a_row_a_match_and_no_formula():
    items = {name: Item(id=name, text="t", title="=HYPERLINK(1)", url="@x") for name in NAMES}
    rows = list(csv.DictReader(io.StringIO(render_related(_lists(items=items), format="csv"))))
    assert len(rows) == 3 * len(NAMES)
    assert {row["title"] for row in rows} == {"'=HYPERLINK(1)"}
    assert {row["url"] for row in rows} == {"'@x"}
    assert {row["rank"] for row in rows} == {"1", "2", "3"}
    assert {row["id"] for row in rows} == set(NAMES)


def test_render_data_file_has_a_list_for_each_id_alone():
    lists = _lists()
    pages = json.loads(render_related(lists, format="hugo"))
    assert {name: [entry["id"] for entry in pages[name]] for name in pages} == {
        name: [match.id for match in lists[name]] for name in NAMES
    }
    assert render_related(lists, format="jekyll") == render_related(lists, format="eleventy")


@pytest.mark.parametrize(
    ("name", "first"), [("r.json", "{\n"), ("r.jsonl", '{"digest"'), ("r.csv", "id,rank"), ("r", "{\n")]
)
def test_write_related_chooses_the_format_by_suffix(tmp_path, name, first):
    write_related(_lists(), tmp_path / name)
    assert (tmp_path / name).read_text(encoding="utf-8").startswith(first)


def test_write_related_unknown_format_is_an_error(tmp_path):
    with pytest.raises(OptionError, match="'xml'"):
        write_related(_lists(), tmp_path / "r", format="xml")
    assert list(tmp_path.iterdir()) == []
