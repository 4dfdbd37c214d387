"""The evaluation of search: which queries are asked, what is relevant, and figures against a plain computation."""

from __future__ import annotations

import json
from math import log2
from typing import Any

import numpy as np
import pytest
from standins import make_embedder, make_records

import recs
from recs.errors import OptionError, SourceError
from recs.evaluation import queries as module
from recs.evaluation.queries import queries_from_titles, read_queries


@pytest.fixture(scope="module")
def collection() -> recs.Collection:
    """Posts whose titles have words of their texts, one pair with one title, one draft."""
    items = []
    for row, record in enumerate(make_records(30)):
        words = record["text"].lower().replace(".", "").split()
        title = " ".join(words[7:10]) + f" note {row}"
        items.append(recs.Item(record["id"], record["text"], title="Shared title" if row in (3, 4) else title))
    items.append(recs.Item("draft", "Shared title.", title="A draft of soil", visibility="draft"))
    return recs.Collection(tuple(items))


def evaluate(collection: recs.Collection, **options: Any) -> Any:
    return recs.evaluate_search(collection, **{"embedder": make_embedder(), "cache": False, **options})


def test_titles_are_asked_of_bodies_without_titles(collection: recs.Collection) -> None:
    asked = queries_from_titles(collection)
    assert all(not item.title for item in asked.collection)
    text_of = {item.id: item.text for item in asked.collection}
    expected: dict[str, set[str]] = {}
    for item in collection.public:
        expected.setdefault(item.title, set()).add(item.text)
    got = {query.text: {text_of[name] for name in query.relevant} for query in asked.queries.values()}
    assert got == expected
    assert "A draft of soil" not in got
    assert not set(text_of) & {item.id for item in collection}


def test_body_does_not_begin_with_its_title() -> None:
    items = [
        recs.Item("a", "Garlic!\n\nPlant it.", title="garlic"),
        recs.Item("b", "Tea", title="Tea"),
        recs.Item("c", "?"),
    ]
    asked = queries_from_titles(recs.Collection(tuple(items)))
    assert sorted(item.text for item in asked.collection) == ["?", "Plant it."]
    assert [query.text for query in asked.queries.values()] == ["garlic"]


def test_many_titles_are_sampled_always_the_same(collection: recs.Collection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_TITLES", 7)
    asked = queries_from_titles(collection)
    assert len(asked.queries) == 7
    assert asked.notes == ("7 of 29 titles are asked",)
    reverse = recs.Collection(tuple(reversed(collection.items)))
    assert queries_from_titles(reverse).queries == asked.queries


@pytest.mark.parametrize("with_model", [True, False])
def test_figures_are_those_of_a_plain_computation(collection: recs.Collection, with_model: bool) -> None:
    evaluation = evaluate(collection, signals="auto" if with_model else "terms")
    asked = queries_from_titles(collection)
    index = recs.build_index(asked.collection, embedder=make_embedder(), cache=False)
    names = ["auto", "dense", "terms"] if with_model else ["terms"]
    assert [ranking.name for ranking in evaluation.rankings] == names
    values: dict[str, dict[str, list[float]]] = {}
    for name in names:
        own: dict[str, list[float]] = {"ndcg@10": [], "recall@10": [], "mrr@10": []}
        for query in asked.queries.values():
            hits = [hit.id in query.relevant for hit in index.search(query.text, k=10, signals=name)]  # type: ignore[arg-type]
            ideal = sum(1 / log2(2 + rank) for rank in range(len(query.relevant)))
            own["ndcg@10"].append(sum(1 / log2(2 + rank) for rank, hit in enumerate(hits) if hit) / ideal)
            own["recall@10"].append(sum(hits) / len(query.relevant))
            own["mrr@10"].append(1 / (hits.index(True) + 1) if any(hits) else 0.0)
        values[name] = own
    for ranking in evaluation.rankings:
        for metric, estimate in ranking.metrics.items():
            assert estimate.mean == pytest.approx(np.mean(values[ranking.name][metric]))
            assert estimate.low <= estimate.mean <= estimate.high
        if ranking.behind is not None:
            for metric, gain in ranking.behind.items():
                difference = np.subtract(values[names[0]][metric], values[ranking.name][metric])
                assert gain.mean == pytest.approx(difference.mean())
    assert evaluation.rankings[0].metrics["ndcg@10"].mean > 0.1
    if with_model:
        better = max(("dense", "terms"), key=lambda name: np.mean(values[name]["ndcg@10"]))
        assert (evaluation.better_single, evaluation.model) == (better, "bag-of-words")
    else:
        assert (evaluation.better_single, evaluation.model) == (None, None)


def test_titles_are_not_given_away_by_ids_or_titles() -> None:
    # With its title or its id in the index, each item would be the first hit for its title.
    items = [recs.Item(f"Title {n}", f"Text about nothing {n % 2}.", title=f"Title {n}") for n in range(8)]
    scores = evaluate(recs.Collection(tuple(items)), signals="terms").rankings[0].metrics
    assert scores["mrr@10"].mean < 0.5


def test_queries_and_judgments_of_files_decide(collection: recs.Collection) -> None:
    queries = [{"id": 1, "text": "Shared title"}, {"id": "two", "text": "p005"}, {"id": "none", "text": "soil"}]
    judgments = [
        {"query": "1", "doc": "p003", "gain": 2},
        {"query": "1", "id": "p004"},
        {"query": "1", "doc": "p009", "gain": 0},
        {"query": "two", "doc": "p005", "gain": "1"},
        {"query": "none", "doc": "draft"},
    ]
    asked = read_queries(collection, queries, judgments)
    assert {name: set(query.relevant) for name, query in asked.queries.items()} == {
        "1": {"p003", "p004"},
        "two": {"p005"},
    }
    evaluation = evaluate(collection, queries=queries, judgments=judgments)
    # A query that is a title or an id has its items first, whatever the scores are.
    assert evaluation.rankings[0].metrics["ndcg@10"].mean == 1
    assert (evaluation.queries, evaluation.items, evaluation.judged_by) == (2, 30, "judgments")
    assert evaluation.notes[0].startswith("only 2 queries are judged")
    assert evaluation.notes[1] == "1 query is not judged: no public item is relevant"


def test_answers_are_looked_for_in_contexts() -> None:
    text = "Nothing here. " * 60 + "The lock was built in 1791 by Ann Moss. " + "Nothing there. " * 60
    items = [recs.Item("lock", text, title="The lock"), recs.Item("other", "Built in 1791 was the mill, too.")]
    start = text.index("1791")

    def share(**record: Any) -> list[float]:
        queries = [{"id": "q", "text": "When was the lock built?", "relevant": ["lock"], **record}]
        evaluation = evaluate(recs.Collection(tuple(items)), queries=queries)
        assert list(evaluation.answers) == ["auto", "dense", "terms"]
        assert list(evaluation.answers["terms"]) == ["500", "1000", "2000"]
        return [estimate.mean for estimate in evaluation.answers["terms"].values()]

    assert share(answer="1791", start=start)[-1] == 1
    assert share(answer="ann  moss")[-1] == 1
    assert share(answer=["no such words", "Ann Moss"])[-1] == 1
    assert share(answer="the mill") == [0, 0, 0]  # in an item that is not relevant
    assert share(answer="no such words") == [0, 0, 0]


@pytest.mark.parametrize(
    ("queries", "judgments", "message"),
    [
        ([], [], "no query has a relevant public item"),
        (["soil"], None, "expected id and text"),
        ([{"id": 1}], None, "expected id and text"),
        ([{"text": "soil"}], None, "expected id and text"),
        ([{"id": 1, "text": " "}], None, "expected id and text"),
        ([{"id": 1, "text": "a"}, {"id": "1", "text": "b"}], None, "ids must be unique"),
        ([{"id": 1, "text": "a", "relevant": "nobody"}], None, "no item has the id 'nobody'"),
        ([{"id": 1, "text": "a", "relevant": ["draft"]}], None, "no query has a relevant public item"),
        ([{"id": 1, "text": "a"}], [{"query": 2, "doc": "p003"}], "record 1"),
        ([{"id": 1, "text": "a"}], [{"query": 1}], "record 1"),
        ([{"id": 1, "text": "a"}], [{"query": 1, "doc": "p003", "gain": "much"}], "record 1"),
        ([{"id": 1, "text": "a"}], [{"query": 1, "doc": "p003", "gain": float("nan")}], "record 1"),
        ([{"id": 1, "text": "a"}], ["p003"], "record 1"),
        ([{"id": 1, "text": "a"}], [{"query": 1, "doc": "p003", "gain": -1}], "no query has"),
    ],
)
def test_records_that_cannot_be_read_are_refused(
    collection: recs.Collection, queries: Any, judgments: Any, message: str
) -> None:
    with pytest.raises(SourceError, match=message):
        recs.evaluate_search(collection, queries=queries, judgments=judgments, signals="terms")


def test_nothing_to_ask_is_refused(collection: recs.Collection) -> None:
    for items in ((), (recs.Item("a", "No title."),), (recs.Item("a", "", title="No text"),)):
        with pytest.raises(SourceError, match="bring queries"):
            recs.evaluate_search(recs.Collection(items), signals="terms")
    with pytest.raises(OptionError, match="give queries too"):
        recs.evaluate_search(collection, judgments=[])


def test_result_is_plain_and_the_same_again(collection: recs.Collection) -> None:
    first, second = (evaluate(collection).to_dict() for _ in range(2))
    assert json.loads(json.dumps(first)) == json.loads(json.dumps(second))
    assert first["rankings"][1]["behind"]["mrr@10"].keys() == {"mean", "low", "high"}


def test_contexts_are_made_for_a_sample_of_many_queries(
    collection: recs.Collection, monkeypatch: pytest.MonkeyPatch
) -> None:
    from recs.evaluation import search
    from recs.retrieval.index import Index

    monkeypatch.setattr(search, "MOST_ANSWERS", 2)
    asked: list[str] = []
    context = Index.context
    monkeypatch.setattr(
        Index, "context", lambda self, query, **options: (asked.append(query), context(self, query, **options))[1]
    )
    queries = [{"id": n, "text": f"soil {n}", "relevant": "p001", "answer": "Note 1"} for n in range(5)]
    evaluation = evaluate(collection, queries=queries)
    assert len(set(asked)) == 2
    assert len(asked) == 2 * 3 * 3
    assert evaluation.queries == 5
