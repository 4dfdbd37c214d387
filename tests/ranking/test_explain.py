"""Reasons that add up and that stand in the texts."""

import json
from importlib.resources import files

import jsonschema
import numpy as np
import pytest
from standins import make_embedder, make_records

import recs
from recs import Item, related_items
from recs.ranking.explain import Explainer
from recs.ranking.fusion import Fused
from recs.ranking.rules import Rules
from recs.ranking.signals import make_signals
from recs.text.words import tokenize
from recs.writers.related import render_related

COPIED = " Copper kettle whistles over quiet harbour lights while gulls argue about yesterday bread."


def explain(items, signals, score, parts):
    """Return why the second item stands in the list of the first, where the signals add these parts to the score."""
    fused = Fused(np.array([[1]]), np.array([[score]]), np.array([[parts]]), np.array([[parts]]))
    return Explainer(items, make_signals(items, None, signals), None, fused).explain(0, 1, score)


def explained(**options):
    records = make_records(24, words=80)
    records[2]["text"] += COPIED
    records[12]["text"] = COPIED.strip() + " " + records[12]["text"]
    records[12]["title"] = "Copper kettle"
    for row, record in enumerate(records[2:]):
        record["date"] = f"{2000 + row * 7 % 19}-{row % 12 + 1:02}-01"
    options.setdefault("embedder", make_embedder())
    return related_items(records, cache=False, why=True, **options)


@pytest.mark.parametrize("signals", ["auto", "terms", "dense", "terms,mentions", "dense,passages"])
@pytest.mark.parametrize("rules", [Rules(), Rules(min_inbound=2, pins={"p000": ("p001", "p013")}, diversity=0.3)])
def test_why_parts_sum_to_the_score_and_name_the_signals(signals, rules):
    lists = explained(signals=signals, rules=rules)
    matches = [match for matches in lists.lists.values() for match in matches]
    assert len(matches) > 60
    dates = ["dates"] if "," in signals or signals == "auto" else []
    for match in matches:
        assert list(match.why.parts) == [*lists.config["signals"], *dates]
        assert sum(match.why.parts.values()) == pytest.approx(match.score, abs=1e-9)


def test_why_dates_speak_for_the_items_that_are_closer_in_time():
    near = {"id": "near", "title": "", "text": "garlic bed compost", "date": "2026-01-02"}
    far = {**near, "id": "far", "text": "garlic bed straw", "date": "2016-01-02"}
    own = {**near, "id": "own", "text": "garlic bed soil", "date": "2026-01-01"}
    others = [{"id": f"z{row}", "text": f"steam train number {row}", "date": "2020-01-01"} for row in range(9)]
    records = [own, near, far, *others]
    options = {"cache": False, "why": True, "signals": "terms,dense", "embedder": make_embedder()}
    dates = {match.id: match.why.parts["dates"] for match in related_items(records, **options)["own"]}
    assert dates["near"] > 0 > dates["far"]
    undated = related_items([{**record, "date": None} for record in records], **options)["own"]
    assert undated
    assert all("dates" not in match.why.parts for match in undated)


def test_why_is_left_out_where_nobody_asked():
    lists = related_items(make_records(6), cache=False, embedder=make_embedder())
    assert all(match.why is None for matches in lists.lists.values() for match in matches)


def test_why_phrases_stand_in_both_items_and_passages_in_their_texts():
    lists = explained(k=20)
    passages = 0
    for name, matches in lists.lists.items():
        for match in matches:
            ours, theirs = lists.items[name], lists.items[match.id]
            for phrase in match.why.phrases:
                for item in (ours, theirs):
                    assert f" {phrase} " in f" {' '.join(tokenize(item.title + chr(10) + item.text))} "
            assert len(match.why.phrases) <= 5
            assert len(set(match.why.phrases)) == len(match.why.phrases)
            for (start, stop), item in zip(match.why.passages, (ours, theirs), strict=True):
                assert 0 <= start < stop <= len(item.text)
                passages += 1
    assert passages
    why = next(match.why for match in lists["p002"] if match.id == "p012")
    assert any("kettle" in phrase for phrase in why.phrases)
    (start, stop), (their_start, their_stop) = why.passages
    assert "kettle" in lists.items["p002"].text[start:stop]
    assert "kettle" in lists.items["p012"].text[their_start:their_stop]


def test_why_phrases_are_rare_words_not_numbers_nor_parts_of_each_other():
    texts = ["the red fox runs at 2024", "the red fox sleeps at 2024", *(f"the w{i} at 2024" for i in range(30))]
    items = [Item(id=f"{row:02}", text=text) for row, text in enumerate(texts)]
    why = explain(items, ("terms",), 0.5, [0.5])
    assert why.phrases == ("red fox",)
    assert why.passages is None
    assert why.parts == {"terms": 0.5}


@pytest.mark.parametrize(
    ("parts", "expected"),
    [([3.0, 1.0], [0.6, 0.2]), ([3.0, -1.0], [0.8, 0.0]), ([-1.0, -2.0], [0.4, 0.4]), ([np.nan, np.nan], [0.4, 0.4])],
)
def test_why_parts_of_signals_that_speak_against_are_none(parts, expected):
    items = [Item(id=str(row), title=f"garlic {row}", text="garlic bed") for row in range(3)]
    assert list(explain(items, ("terms", "mentions"), 0.8, parts).parts.values()) == pytest.approx(expected)


def test_why_in_json_agrees_with_the_schema_and_names_the_rules():
    text = render_related(explained(rules=Rules(pins={"p000": ("p001",)}, min_inbound=1)), format="json")
    document = json.loads(text)
    schema = json.loads((files("recs") / "writers" / "related.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(document, schema)
    first = document["items"]["p000"]["related"][0]
    assert (first["id"], first["why"]["rules"]) == ("p001", ["pinned"])
    for item in document["items"].values():
        for match in item["related"]:
            assert set(match["why"]) == {"parts", "passages", "phrases", "rules"}
            assert sum(match["why"]["parts"].values()) == pytest.approx(match["score"], abs=3e-4)
    assert text == render_related(explained(rules=Rules(pins={"p000": ("p001",)}, min_inbound=1)), format="json")


def test_why_of_collections_too_small_to_compare():
    for n in (1, 2):
        lists = related_items(
            [f"soil seed compost {i}" for i in range(n)], cache=False, why=True, embedder=make_embedder()
        )
        assert all(sum(m.why.parts.values()) == pytest.approx(m.score) for ms in lists.lists.values() for m in ms)
    assert recs.related_items([], cache=False, why=True, embedder=make_embedder()).lists == {}
