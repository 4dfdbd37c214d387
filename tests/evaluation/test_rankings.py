"""Evaluation against numbers computed by hand."""

import json
import random
from math import log2

import numpy as np
import pytest
from standins import BagEncoder, make_embedder, make_records

import recs
from recs.errors import MissingDependencyError, OptionError, SourceError
from recs.evaluation import rankings as evaluate
from recs.evaluation.baselines import DEPTH
from recs.evaluation.judgments import judged_sources, with_judgments
from recs.evaluation.metrics import ndcg
from recs.evaluation.rankings import evaluate_related
from recs.text.links import hide_links
from recs.writers.figures import plot_evaluation, save_figure

SITE = "https://site.example"


def page(name, day, body, **fields):
    return {
        "id": name,
        "title": f"Page {name}",
        "url": f"{SITE}/{name}/",
        "date": f"2020-01-{day:02}",
        "content_html": f"<p>{body}</p>",
        **fields,
    }


def anchor(name, words):
    return f'<a href="/{name}/">{words}</a>'


PAGES = [
    page("a", 1, f"Garlic likes {anchor('f', 'zestful')} soil and {anchor('b', 'quixotic')} sun.", tags=["x"]),
    page("b", 2, "Sun and soil make garlic grow.", tags=["X"]),
    page("c", 3, f"Wheels need {anchor('d', 'brazen')} spokes, says {SITE}/d/.", tags=["y"]),
    page("d", 4, "Spokes hold wheels and rims.", tags=["y", "x"]),
    page("e", 5, f"A draft reads {anchor('secret', 'hidden words')} and nothing else.", tags=[]),
    page("f", 6, "Soil and compost."),
    page("secret", 7, f"Garlic draft {anchor('a', 'garlic')}.", status="draft"),
]


def judge(source=PAGES, **options):
    options = {"cache": False, "embedder": make_embedder(), **options}
    return evaluate_related(recs.read_items(source, now="2026-01-01"), **options)


def numbers(evaluation, name):
    (ranking,) = [ranking for ranking in evaluation.rankings if ranking.name == name]
    return {metric: estimate.mean for metric, estimate in ranking.metrics.items()}


def test_evaluate_related_agrees_with_a_table_made_by_hand():
    evaluation = judge()
    assert (evaluation.items, evaluation.sources, evaluation.judged_links, evaluation.round_ups) == (6, 2, 3, 0)
    # The newest of a are f e d c b, of c they are f e d b a; a wants f and b, c wants d.
    ndcg = ((1 + 1 / log2(6)) / (1 + 1 / log2(3)) + 1 / log2(4)) / 2
    expected = {"ndcg@10": ndcg, "recall@10": 1, "mrr@10": (1 + 1 / 3) / 2}
    assert numbers(evaluation, "newest") == pytest.approx(expected)
    # a shares a tag with d and b, c with d alone.
    ndcg = ((1 / log2(3)) / (1 + 1 / log2(3)) + 1) / 2
    expected = {"ndcg@10": ndcg, "recall@10": 0.75, "mrr@10": 0.75}
    assert numbers(evaluation, "tags, then newest") == pytest.approx(expected)


def test_evaluate_related_names_its_rankings_and_pairs_them_with_the_first():
    evaluation = judge()
    names = [ranking.name for ranking in evaluation.rankings]
    assert names == ["fused", "dense", "naive dense", "TF-IDF", "BM25", "tags, then newest", "newest", "random"]
    first = evaluation.rankings[0]
    assert first.behind is None
    for ranking in evaluation.rankings[1:]:
        for metric, estimate in ranking.behind.items():
            assert estimate.mean == pytest.approx(first.metrics[metric].mean - ranking.metrics[metric].mean)
            assert estimate.low <= estimate.mean <= estimate.high


def test_evaluate_related_hides_links_before_anything_is_computed(monkeypatch):
    seen = []

    def spy(collection, **options):
        seen.extend(item for item in collection)
        return related_items(collection, **options)

    related_items = evaluate.related_items
    monkeypatch.setattr(evaluate, "related_items", spy)
    judge()
    assert {item.id for item in seen} == set("abcdef")
    text = " ".join(item.text for item in seen)
    for word in ("zestful", "quixotic", "brazen", SITE):
        assert word not in text
    assert "Garlic likes" in text
    assert "spokes, says" in text


def test_evaluate_related_judgments_replace_links(monkeypatch):
    seen = []
    related_items = evaluate.related_items
    monkeypatch.setattr(evaluate, "related_items", lambda c, **o: seen.extend(c) or related_items(c, **o))
    records = [{"src": "b", "dst": "f", "anchor": "garlic"}, {"src": "b", "dst": "a"}, {"src": "b", "dst": "b"}]
    evaluation = judge(judgments=iter(records))
    assert (evaluation.sources, evaluation.judged_links) == (1, 2)
    assert numbers(evaluation, "newest")["mrr@10"] == 1
    texts = {item.id: item.text for item in seen}
    assert "garlic" not in texts["b"]
    assert "zestful" not in texts["a"]  # its own links stay hidden


@pytest.mark.parametrize("record", [{"src": "a"}, {"src": "a", "dst": "nobody"}, "a", {"from": "a", "to": "b"}])
def test_evaluate_related_bad_judgment_is_named(record):
    with pytest.raises(SourceError, match="judgments: record 2 names no two items"):
        judge(judgments=[{"src": "a", "dst": "b"}, record])


@pytest.mark.parametrize(("since", "sources"), [("2019-05-01", 2), ("2020-01-01", 2), ("2020-01-02", 1)])
def test_evaluate_related_since_judges_later_sources(since, sources):
    evaluation = judge(since=since)
    assert (evaluation.sources, evaluation.items) == (sources, 6)


@pytest.mark.parametrize(("since", "error"), [("2020-01-04", SourceError), ("soon", OptionError)])
def test_evaluate_related_since_nothing_or_never_is_an_error(since, error):
    with pytest.raises(error):
        judge(since=since)


def test_evaluate_related_round_ups_are_hidden_and_not_judged():
    words = ["alder", "birch", "cedar", "date", "elm", "fir", "gum", "holly"]
    extra = [page(word, 8 + row, f"The {word} tree.") for row, word in enumerate(words)]
    roundup = page("roundup", 20, " ".join(anchor(word, f"look{word}") for word in words) + " and wheels.")
    evaluation = judge([*PAGES, *extra, roundup])
    assert (evaluation.sources, evaluation.round_ups) == (2, 1)
    assert judge([*PAGES, *extra, roundup], round_up=9).sources == 3


def test_evaluate_related_drafts_are_neither_judged_nor_ranked():
    everything = judge()
    public = [page for page in PAGES if page.get("status") != "draft"]
    without = judge(public)
    assert without.rankings == everything.rankings
    assert without.shown == everything.shown


def test_evaluate_related_no_links_is_one_line_that_says_what_to_do():
    with pytest.raises(SourceError, match=r"no item links to another.*--judgments FILE") as caught:
        judge(make_records(6))
    assert "\n" not in str(caught.value)


def test_evaluate_related_few_sources_are_noted():
    assert judge().notes[0] == "only 2 items are judged: too few to tell rankings apart"
    links = [{"src": f"p{i:03}", "dst": f"p{(i + 3) % 24:03}"} for i in range(20)]
    assert not any("too few" in note for note in judge(make_records(24), judgments=links).notes)


def test_evaluate_related_says_what_the_demotion_of_linked_items_does():
    links = [{"src": f"p{i:03}", "dst": f"p{(i + 3) % 24:03}"} for i in range(20)]
    records = make_records(24)
    (note,) = judge(records, judgments=links, k=3).notes
    assert note.startswith("demote puts linked items and parts of a series last in ")
    collection = with_judgments(recs.read_items(records), links)
    items = recs.Collection(tuple(hide_links(collection.public)), collection.source)
    lists = recs.related_items(items, k=3, cache=False, embedder=make_embedder())
    judged, _ = judged_sources(collection.public)
    mean = np.mean([ndcg([m.id for m in lists[name]], right, 3) for name, right in judged.items()])
    assert note.endswith(f"(with it {mean:.3f})")
    assert judge(records, judgments=links, k=3, rules=recs.Rules(demote=False)).notes == ()


@pytest.mark.slow
def test_evaluate_related_permuted_rows_give_the_same_numbers():
    expected = judge()
    for seed in range(3):
        mixed = random.Random(seed).sample(PAGES, len(PAGES))
        assert judge(mixed) == expected


def test_evaluate_related_shown_lists_agree_with_related_items():
    links = [{"src": f"p{i:03}", "dst": f"p{(i + 3) % 24:03}"} for i in range(24)]
    records = make_records(24)
    evaluation = judge(records, judgments=links, k=3)
    lists = recs.related_items(records, k=3, cache=False, embedder=make_embedder())
    shown = dict(evaluation.shown)["without rules"]
    targets = [
        m.id
        for matches in recs.related_items(records, k=3, cache=False, embedder=make_embedder()).lists.values()
        for m in matches
    ]
    counts = [targets.count(record["id"]) for record in records]
    assert len(lists) == 24
    ruled = dict(evaluation.shown)["with rules"]
    for found in (shown, ruled):
        assert found.k == 3
        assert found.coverage == pytest.approx(1 - found.orphans / 24)
    assert shown.orphans == counts.count(0)
    assert shown.largest_hub == max(counts)
    assert shown.empty == 0
    assert ruled.ndcg == pytest.approx(shown.ndcg)  # the rule that puts linked items last does not count
    no_recommend = frozenset(record["id"] for record in records)
    unlisted = judge(records, judgments=links, k=3, rules=recs.Rules(no_recommend=no_recommend))
    assert dict(unlisted.shown)["with rules"].ndcg == 0  # other rules do


def test_evaluate_related_without_a_model_judges_terms():
    class NoTorch(BagEncoder):
        def encode(self, texts, *, prompt=""):
            raise MissingDependencyError("computing vectors", "torch", "models")

    evaluation = judge(embedder=make_embedder(NoTorch()))
    names = [ranking.name for ranking in evaluation.rankings]
    assert names == ["terms", "TF-IDF", "BM25", "tags, then newest", "newest", "random"]
    assert any("by terms" in note for note in evaluation.notes)


def test_to_dict_is_json_with_intervals():
    found = json.loads(json.dumps(judge().to_dict()))
    assert set(found["shown"]) == {"with rules", "without rules"}
    for ranking in found["rankings"]:
        assert set(ranking["metrics"]) == {f"ndcg@{DEPTH}", f"recall@{DEPTH}", f"mrr@{DEPTH}"}
        for estimate in ranking["metrics"].values():
            assert 0 <= estimate["low"] <= estimate["mean"] <= estimate["high"] <= 1


@pytest.mark.parametrize(("suffix", "start"), [(".png", b"\x89PNG"), (".svg", b"<?xml")])
def test_figure_is_written_with_the_same_bytes_twice(tmp_path, suffix, start):
    pytest.importorskip("matplotlib", reason="matplotlib is part of the extra 'notebooks'")
    evaluation = judge()
    paths = [tmp_path / f"{number}{suffix}" for number in range(2)]
    for path in paths:
        save_figure(plot_evaluation(evaluation), path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    assert paths[0].read_bytes().startswith(start)


@pytest.mark.parametrize("name", ["figure.xyz", "missing/figure.png"])
def test_figure_that_cannot_be_written_is_an_error(tmp_path, name):
    pytest.importorskip("matplotlib", reason="matplotlib is part of the extra 'notebooks'")
    with pytest.raises(recs.errors.OutputError, match="figure"):
        save_figure(plot_evaluation(judge()), tmp_path / name)
