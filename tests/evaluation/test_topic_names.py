"""The evaluation of names of topics: figures that are certain by construction, and no dependence on row order."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from standins import make_embedder

import recs
from recs.errors import OptionError, SourceError
from recs.evaluation.topic_names import (
    Judge,
    NamedItems,
    by_class_tf_idf,
    class_tf_idf,
    commonest_classes,
    halves,
    identification,
    matches,
)

SUBJECTS = ("bread", "bicycle", "violin")
TOPICS = 40


def named_items(*, topics: int = TOPICS, each: int = 6) -> NamedItems:
    """Items around one direction a topic; each has the name of its topic, a word of its own, and a word of all."""
    labels = np.arange(topics).repeat(each)
    noise = np.random.default_rng(0).normal(0, 0.01, (len(labels), topics))
    texts = [f"common name{topic} own{row}" for row, topic in enumerate(labels)]
    items = tuple(recs.Item(id=f"item {row:03}", text=text) for row, text in enumerate(texts))
    return NamedItems(items, np.eye(topics)[labels] + noise, labels, topics)


def embed_names(names: Any) -> Any:
    """Return the direction of the topic that a name names, and zeros for a name that names none."""
    directions = {f"name{topic}": row for topic, row in enumerate(np.eye(TOPICS))}
    return np.array([directions.get(name, np.zeros(TOPICS)) for name in names])


def ranks_of(names: list[str]) -> Any:
    topics = named_items()
    sides = [topics.part(rows) for rows in halves(topics)]
    return identification(sides, [Judge(side, embed_names) for side in sides], lambda _: names)


def test_name_of_all_items_of_one_topic_scores_1() -> None:
    assert ranks_of([f"name{topic}" for topic in range(TOPICS)]).tolist() == [[1.0] * TOPICS] * 2


@pytest.mark.parametrize("seed", range(3))
def test_random_names_score_about_chance(seed: int) -> None:
    order = np.random.default_rng(seed).permutation(TOPICS)
    # One name in each row is right by chance; all others tie at zero.
    means = ranks_of([f"name{topic}" for topic in order]).mean(axis=1)
    assert (means < 0.2).all(), means
    silent = ranks_of(["common"] * TOPICS)[0].mean()
    assert silent < 0.2, silent


def test_name_that_tells_nothing_has_the_mean_rank_of_all() -> None:
    assert np.allclose(ranks_of(["unheard"] * TOPICS), 1 / ((TOPICS + 1) / 2))


def test_a_namer_never_sees_the_half_that_judges_it() -> None:
    topics = named_items()
    sides = [topics.part(rows) for rows in halves(topics)]
    ids = [{item.id for item in side.items} for side in sides]
    assert not ids[0] & ids[1]
    assert len(ids[0] | ids[1]) == len(topics.items)
    assert all((np.bincount(side.labels) == 3).all() for side in sides)


def test_names_are_judged_by_the_other_half() -> None:
    # Words that one item has find its topic in its own half, and nothing in the other one.
    topics = named_items()
    sides = [topics.part(rows) for rows in halves(topics)]
    judges = [Judge(side, None) for side in sides]

    def own_words(side: NamedItems) -> list[str]:
        first = [side.labels.tolist().index(topic) for topic in range(TOPICS)]
        return [side.items[row].text.split()[-1] for row in first]

    assert (judges[0].reciprocal_ranks(own_words(sides[0])) == 1).all()
    assert np.allclose(identification(sides, judges, own_words), 1 / ((TOPICS + 1) / 2))


def test_halves_do_not_depend_on_the_order_of_rows_but_on_the_seed() -> None:
    topics = named_items()
    order = np.random.default_rng(5).permutation(len(topics.items))
    shuffled = topics.part(order)

    def ids(of: NamedItems, seed: int) -> list[set[str]]:
        return [{of.items[row].id for row in rows} for rows in halves(of, seed=seed)]

    assert ids(shuffled, 0) == ids(topics, 0)
    assert ids(topics, 1) != ids(topics, 0)


def test_bm25_scores_are_those_of_a_plain_computation() -> None:
    items = tuple(recs.Item(id=str(row), text=text) for row, text in enumerate(("a a b", "a c", "b c c d", "e")))
    judge = Judge(NamedItems(items, np.eye(4), np.array([0, 0, 1, -1]), 2), None)
    idf = np.log(1 + (4 - 2 + 0.5) / (2 + 0.5))  # "a" is in two of four items; their mean length is 2.5
    first = idf * 2 * 2.2 / (2 + 1.2 * (0.25 + 0.75 * 3 / 2.5))
    second = idf * 1 * 2.2 / (1 + 1.2 * (0.25 + 0.75 * 2 / 2.5))
    assert judge._scores[0]["a"] == pytest.approx((first + second) / 2)
    assert "a" not in judge._scores[1]


def test_class_tf_idf_is_that_of_its_formula_and_leaves_out_rare_terms() -> None:
    texts = ("the garlic garlic rare", "the garlic the", "the tea tea tea")
    items = tuple(recs.Item(id=str(row), text=text) for row, text in enumerate(texts))
    topics = NamedItems(items, np.eye(3), np.array([0, 0, 1]), 2)
    weights = class_tf_idf(topics)
    mean_length = (6 + 4) / 2
    assert weights[0] == pytest.approx(
        {"the": 3 / 6 * np.log(1 + mean_length / 4), "garlic": 3 / 6 * np.log(1 + 5 / 3)}
    )
    assert by_class_tf_idf(1)(topics) == ["garlic", "tea"]


def test_matches_by_words_and_by_cosine() -> None:
    directions = {
        "card fee": [1.0, 0.0],
        "Fees of a card": [0.9, 0.1],
        "lost pin": [0.0, 1.0],
        "The card fee": [0, 1.0],
    }
    names = ["Fees of a card", "The card fee", "lost pin"]
    matched = matches(
        names, ["card fee", "card fee", "lost pin"], lambda texts: np.array([directions[x] for x in texts])
    )
    assert matched.tolist() == [[0, 1, 1], [1, 0, 1]]


def test_class_of_a_topic_is_that_of_most_of_its_items() -> None:
    classes = [["b"], ["b", "a"], [], ["a"], [], []]
    labels = np.array([0, 0, 0, 1, 1, 1])
    assert commonest_classes(classes, labels, 2) == ["b", "a"]
    assert commonest_classes(classes, labels, 2, least=0.5) == ["b", None]


# ----------------------------------------------------------------------------------------------- the whole evaluation


@pytest.fixture(scope="module")
def posts() -> list[recs.Item]:
    """Posts on three subjects, each with its subject as kind, and a draft."""
    words = [subject for subject in SUBJECTS for _ in range(12)]
    posts = [
        recs.Item(id=f"post-{row:02}", text=f"{word} {word} {word} note{row}", meta={"kind": word})
        for row, word in enumerate(words)
    ]
    return [*posts, recs.Item(id="draft", text="bread secret", visibility="draft", meta={"kind": "hidden"})]


def evaluate(items: list[recs.Item], **options: Any) -> Any:
    options = {"embedder": make_embedder(), "cache": False, **options}
    return recs.evaluate_topics(recs.Collection(tuple(items)), **options)


def test_evaluation_of_clear_topics(posts: list[recs.Item]) -> None:
    evaluation = evaluate(posts, label="kind")
    assert [score.names for score in evaluation.scores] == [
        "as given",
        "made anew",
        "c-tf-idf, 1 word",
        "c-tf-idf, 3 words",
    ]
    assert {topic.class_name for topic in evaluation.topics} == set(SUBJECTS)
    for score in evaluation.scores[:3]:
        figures = (score.by_words, score.by_vectors, score.mean, score.class_by_words, score.class_by_vectors)
        assert [figure.mean for figure in figures] == [1.0] * 5, score
    assert evaluation.chance == pytest.approx((1 + 1 / 2 + 1 / 3) / 3)
    assert "secret" not in json.dumps(evaluation.to_dict())
    assert any("too few" in note for note in evaluation.notes)


def test_evaluation_does_not_depend_on_the_order_of_items(posts: list[recs.Item]) -> None:
    order = np.random.default_rng(1).permutation(len(posts))
    assert evaluate([posts[row] for row in order]).to_dict() == evaluate(posts).to_dict()


def test_given_names_are_judged_as_they_are(posts: list[recs.Item]) -> None:
    public = recs.Collection(tuple(posts)).public
    embedder = make_embedder()
    embeddings = recs.embed_items(public, embedder, role="clustering", cache=False)
    clustering = recs.cluster_items(public, embeddings, embedder=embedder, cache=False)
    swapped = {topic.id: clustering.topics[number - 1].name for number, topic in enumerate(clustering.topics)}
    wrong = replace(clustering, topics=tuple(replace(topic, name=swapped[topic.id]) for topic in clustering.topics))
    given, anew, *_ = evaluate(posts, clustering=wrong, embeddings=embeddings, label="kind").scores
    assert given.by_words.mean < 0.5
    assert given.class_by_words.mean == 0
    assert anew.by_words.mean == anew.class_by_words.mean == 1


def test_names_made_anew_for_classes_do_not_see_the_classes(posts: list[recs.Item]) -> None:
    secret = {"bread": "alpha", "bicycle": "beta", "violin": "gamma"}
    tagged = [replace(item, category=secret.get(item.meta["kind"])) for item in posts]
    evaluation = evaluate(tagged)
    given, anew, *_ = evaluation.scores
    assert evaluation.label == "category"
    assert given.class_by_words.mean == 1
    assert anew.class_by_words.mean == 0
    assert any("the label itself" in note for note in evaluation.notes)


def test_without_embedder_words_alone_judge(posts: list[recs.Item]) -> None:
    public = recs.Collection(tuple(posts)).public
    embeddings = recs.embed_items(public, make_embedder(), role="clustering", cache=False)
    evaluation = evaluate(posts, embeddings=embeddings, embedder=None, label="kind")
    assert evaluation.model is None
    for score in evaluation.scores:
        assert score.by_vectors is None
        assert score.class_by_vectors is None
        assert score.mean == score.by_words


def test_what_cannot_be_judged_is_an_error_or_a_note(posts: list[recs.Item]) -> None:
    with pytest.raises(OptionError, match="no item has a label in 'colour'"):
        evaluate(posts, label="colour")
    with pytest.raises(SourceError, match="two public items"):
        evaluate(posts[:3])
    one_class = [replace(item, category="all") for item in posts]
    evaluation = evaluate(one_class)
    assert evaluation.label is None
    assert evaluation.scores[0].class_by_words is None
    assert any("fewer than two labels" in note for note in evaluation.notes)
