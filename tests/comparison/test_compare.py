"""Comparisons of models on our own posts: who wins, what is said, and pages that cannot be harmed by titles."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import checkpoints as make
import numpy as np
import pytest
from click.testing import CliRunner
from places import POSTS

import recs
from recs.cli import cli
from recs.cli.compare import _labels
from recs.comparison import latent
from recs.comparison.choice import change, choose
from recs.comparison.contestants import read_contestant
from recs.comparison.costs import Costs
from recs.comparison.verdicts import Difference
from recs.errors import OptionError, SourceError
from recs.writers.comparison_page import comparison_page
from recs.writers.comparison_text import comparison_text

BASE = "sentence_transformers.models"


@pytest.fixture(scope="module")
def random_model(tmp_path_factory) -> Path:
    """A table of random vectors of letters and a few words: a model that knows nothing."""
    folder = tmp_path_factory.mktemp("models") / "random"
    inner = folder / "0_StaticEmbedding"
    make.save_tensors(inner, make.random_tensors({"embedding.weight": (make.unigram(inner), 24)}))
    listed = [{"idx": 0, "name": "0", "path": "0_StaticEmbedding", "type": f"{BASE}.StaticEmbedding"}]
    make.write_json(folder / "modules.json", listed)
    return folder


@pytest.fixture(scope="module")
def posts() -> recs.Collection:
    return recs.read_items(POSTS, now="2026-11-01")


@pytest.fixture(scope="module")
def comparison(posts, random_model, tmp_path_factory):
    names = [str(random_model), f"{random_model}?truncate", "no-such-model-anywhere"]
    with recs.Cache(tmp_path_factory.mktemp("cache")) as cache:
        return recs.compare_models(posts, names, cache=cache, offline=True, prices={str(random_model): 0.5})


def test_a_random_model_loses_and_a_missing_one_is_left_out(comparison, random_model):
    assert comparison.contestants[0] == str(random_model)
    assert list(comparison.left_out) == ["no-such-model-anywhere"]
    assert comparison.choice.name not in (str(random_model), f"{random_model}?truncate")
    verdicts = {(each.task, each.second): each.verdict for each in comparison.differences[:400]}
    of_first = {pair: verdict for pair, verdict in verdicts.items() if pair[1] in ("terms", "LSA")}
    assert of_first["search by vectors", "LSA"] == "worse"
    assert of_first["related by vectors", "LSA"] == "worse"
    assert of_first["neighbours", "LSA"] == "worse"
    tasks = [each.task for each in comparison.scores]
    assert tasks == ["related", "related by vectors", "search", "search by vectors", "neighbours", "labels"]


def test_costs_are_those_of_the_files_and_of_the_collection(comparison, posts, random_model):
    costs = comparison.costs[str(random_model)]
    size = sum(path.stat().st_size for path in random_model.rglob("*.safetensors")) / 1e6
    assert (costs.dim, costs.download_mb) == (24, pytest.approx(size))
    assert costs.tokens_lost >= 0
    assert costs.price == pytest.approx(0.5 * costs.tokens * (1 - costs.tokens_lost) / 1e6)
    assert costs.tokens_per_second > 0
    assert costs.seconds_to_first_vector > 0
    assert costs.memory_mb > 10
    assert comparison.costs["terms"].download_mb == 0
    assert comparison.items == len(posts.public)


def test_scores_of_related_lists_are_those_of_the_evaluation(comparison, posts, tmp_path):
    evaluation = recs.evaluate_related(posts, signals="terms,mentions", cache=False)
    expected = {ranking.name: ranking.metrics["ndcg@10"].mean for ranking in evaluation.rankings}
    means = {name: estimate.mean for name, estimate in comparison.scores[0].means.items()}
    assert [means[name] for name in ("terms", "BM25", "TF-IDF")] == pytest.approx(
        [expected[name] for name in ("terms", "BM25", "TF-IDF")]
    )
    search = recs.evaluate_search(posts, signals="terms")
    assert comparison.scores[2].means["terms"].mean == pytest.approx(search.rankings[0].metrics["ndcg@10"].mean)


def test_the_same_again_gives_the_same(posts):
    options = {"baselines": ["terms", "TF-IDF", "LSA"], "measure": False, "cache": False}
    one, other = (recs.compare_models(posts, [], **options).to_dict() for _ in range(2))
    assert json.dumps(one) == json.dumps(other)


def test_vectors_in_a_file_take_part_where_no_query_is_needed(posts, tmp_path):
    generator = np.random.default_rng(0)
    ids = [item.id for item in posts.public]
    recs.Embeddings.from_array(ids, generator.normal(size=(len(ids), 8)), model="noise").save(tmp_path / "v.npz")
    file = str(tmp_path / "v.npz")
    found = recs.compare_models(posts, [file], baselines=["LSA"], measure=False, cache=False)
    assert [each.task for each in found.scores] == ["related", "related by vectors", "neighbours", "labels"]
    assert {each.task for each in found.choice.beaten_by[file]} >= {"neighbours", "labels"}
    assert any("may have seen the links" in note for note in found.notes)
    (tmp_path / "torn.npz").write_bytes(b"no")
    with pytest.raises(SourceError, match="not a file of embeddings"):
        read_contestant(str(tmp_path / "torn.npz"), None)


def test_too_few_judgments_cannot_tell():
    items = [recs.Item(f"i{row}", f"word{row} soil seeds", title=f"word{row}") for row in range(6)]
    found = recs.compare_models(recs.Collection(tuple(items)), [], baselines=["terms", "LSA"], measure=False)
    assert {each.verdict for each in found.differences} <= {"cannot tell"}
    assert "well enough" in found.choice.reason
    assert any("related lists are not judged" in note for note in found.notes)


@pytest.mark.parametrize("name", ["all-MiniLM-L6-v2?chunk=0", "all-MiniLM-L6-v2?cut", "all-MiniLM-L6-v2?precision"])
def test_a_way_that_is_none_is_an_error(name):
    with pytest.raises(OptionError, match=r"is no way to use a model; expected chunk=N"):
        read_contestant(name, None)


def test_lsa_is_left_out_without_scikit_learn(posts, monkeypatch):
    monkeypatch.setattr(latent, "find_spec", lambda name: None)
    found = recs.compare_models(posts, [], baselines=["terms", "BM25", "LSA"], tasks=["related"], measure=False)
    assert found.contestants == ("terms", "BM25")
    assert "pip install 'recs-toolkit[classify]'" in found.left_out["LSA"]
    note = recs.compare_models(posts, [], baselines=["terms", "BM25"], tasks=["labels"], measure=False).notes[0]
    assert note.startswith("labels are not judged: a judgment by labels needs scikit-learn")


def test_a_field_of_labels_is_read_as_a_classifier_reads_it(tmp_path):
    rows = [{"id": row, "text": f"soil seeds word{row}", "Kind": ["a", "b"][row % 2]} for row in range(8)]
    source = tmp_path / "posts.json"
    source.write_text(json.dumps(rows))
    collection = recs.read_items(source)
    assert _labels(collection, "kind") == {str(row): "ab"[row % 2] for row in range(8)}
    assert _labels(collection, "category") == {}
    with pytest.raises(OptionError, match="colour"):
        _labels(collection, "colour")


def test_one_contestant_is_an_error(posts):
    with pytest.raises(OptionError, match="a comparison needs two"):
        recs.compare_models(posts, ["no-such-model-anywhere"], baselines=["terms"], offline=True, cache=False)


def difference(first, second, verdict, task="related"):
    return Difference(task, first, second, 0.1, 0.05, 0.15, 100, 0.05, verdict)


def test_the_choice_is_the_cheapest_that_nothing_beats():
    costs = {"big": Costs(download_mb=400.0), "small": Costs(download_mb=90.0), "words": Costs(download_mb=0.0)}
    pairs = [difference("big", "small", "no difference"), difference("big", "words", "better")]
    pairs.append(difference("small", "words", "better"))
    choice = choose(list(costs), pairs, costs)
    assert choice.name == "small"
    assert choice.reason.endswith("big is no better and cost more; words is beaten")
    service = {**costs, "small": Costs(download_mb=None, price=0.01)}
    assert choose(list(service), pairs, service).name == "big"  # a service is not free
    worse_here = [*pairs, difference("big", "small", "better", task="search")]
    assert choose(["big", "small"], worse_here, costs).name == "big"
    assert choose(list(costs), pairs, costs, offered=["words", "big"]).name == "big"
    aside = [*pairs, difference("big", "small", "better", task="search by vectors")]
    assert choose(list(costs), aside, costs).name == "small"


def test_change_shows_the_lists_that_differ_most_and_links():
    old = {"a": ["b", "c"], "b": ["a", "c"], "c": ["a", "b"]}
    new = {"a": ["c", "d"], "b": ["a", "c"], "c": ["b", "a"]}
    found = change("x", "y", {"x": old, "y": new}, {"a": frozenset({"d"})})
    assert (found.lists, found.changed, [each.id for each in found.examples]) == (3, 2, ["a", "c"])
    assert found.kept == pytest.approx((0.5 + 1 + 1) / 3)
    assert found.examples[0].linked == ("d",)


HOSTILE = "</script><script>document.title='pwned'</script><img src=x onerror=alert(1)>&\"'"


def test_the_page_is_one_file_in_which_no_title_is_markup(comparison):
    hostile = replace(
        comparison,
        titles=dict.fromkeys(comparison.titles, HOSTILE),
        notes=(HOSTILE,),
        left_out={HOSTILE: HOSTILE},
    )
    page = comparison_page(hostile)
    assert "<script" not in page
    assert "<img" not in page
    assert re.findall(r'(?:src|href)="([^"]*)"', page) == ["data:,"]
    assert len(page.encode()) < 1_000_000
    assert comparison.choice.name in page
    text = comparison_text(comparison)
    assert comparison.choice.reason in text
    assert f"left out: no-such-model-anywhere: {comparison.left_out['no-such-model-anywhere']}" in text


def test_recs_compare_writes_a_report_a_page_and_a_figure(tmp_path, random_model):
    report, page, figure = (tmp_path / name for name in ("c.json", "c.html", "c.png"))
    options = ["--task", "related", "--no-speed", "--offline", "--no-baselines", "--no-cache", "-o", str(report)]
    options += ["-m", str(random_model), "-m", "terms", "--page", str(page), "--figure", str(figure)]
    done = CliRunner().invoke(cli, ["compare", str(POSTS), *options])
    assert done.exit_code == 0, done.output
    document = json.loads(report.read_text())
    assert document["contestants"] == [str(random_model), "terms"]
    assert document["differences"][0]["sentence"]
    assert "What would change" in page.read_text()
    assert figure.read_bytes()[:4] == b"\x89PNG"
    wrong = CliRunner().invoke(cli, ["compare", str(POSTS), "--price", "terms=cheap"])
    assert wrong.exit_code == 2
