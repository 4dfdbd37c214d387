"""Phrases that name topics, in any script, without a stop list; names that no two siblings share."""

from __future__ import annotations

import numpy as np
import pytest

from recs.clustering.naming import unique_names
from recs.clustering.phrase_index import PhraseIndex
from recs.clustering.phrases import topic_phrases
from recs.items import Item


def index_of(*texts, titles=()):
    titles = titles or [""] * len(texts)
    return PhraseIndex(
        [
            Item(id=f"{row:03}", text=text, title=title)
            for row, (text, title) in enumerate(zip(texts, titles, strict=True))
        ]
    )


def test_topic_phrases_are_npmi_of_documents_by_hand():
    texts = ["the cat sat"] * 6 + ["the dog sat"] * 2 + ["the dog ran"] * 8
    labels = np.repeat([0, 1], 8)
    index = index_of(*texts)
    scores = {index.text(phrase): score for score, phrase in index.telling(labels, 2)[0]}
    # "cat": 6 of 16 documents, all in topic 0, which has half of them.
    npmi = np.log((6 / 16) / ((6 / 16) * 0.5)) / -np.log(6 / 16)
    freedom = 1 / (6 * 5 + 2)  # "the" is before each of the six, and "sat" behind
    assert scores["cat"] == pytest.approx(npmi * (6 / 8) ** 0.15 * 6 / (6 + 3) * freedom**0.5)
    assert "the" not in scores
    assert "dog" not in scores


def test_topic_phrases_leave_out_words_that_all_topics_use():
    rng = np.random.default_rng(0)
    common = ["the", "of", "and", "with", "from"]
    subjects = [["violin", "orchestra", "cello"], ["galaxy", "telescope", "comet"], ["sourdough", "oven", "yeast"]]
    texts, labels = [], []
    for label, words in enumerate(subjects):
        for _ in range(30):
            texts.append(
                " ".join(w for pair in zip(rng.choice(common, 6), rng.choice(words, 6), strict=True) for w in pair)
            )
            labels.append(label)
    found = topic_phrases(index_of(*texts), np.array(labels), 3)
    for phrases, words in zip(found, subjects, strict=True):
        assert phrases[0] in words
        assert not set(" ".join(phrases).split()) & set(common)


def test_topic_phrases_prefer_the_whole_phrase_and_repeat_no_word():
    texts = [f"my visual studio crashes {i}" for i in range(10)] + [f"my garden grows {i}" for i in range(10)]
    found = topic_phrases(index_of(*texts), np.repeat([0, 1], 10), 2)
    assert found[0][0] == "visual studio crashes"
    assert found[1][0] == "garden grows"
    assert all(len(phrases) == 1 for phrases in found)


def test_topic_phrases_are_written_as_most_items_write_them():
    texts = ["SQLite speed"] * 5 + ["sqlite speed"] * 2 + ["garden"] * 7
    assert "SQLite speed" in topic_phrases(index_of(*texts), np.repeat([0, 1], 7), 2)[0]


@pytest.mark.parametrize(
    ("one", "other", "name"),
    [
        ("機械学習 入門", "庭の手入れ", "機械学習"),
        ("обучение моделей", "уход за садом", "обучение моделей"),
        ("تعلم الآلة", "حديقة", "تعلم الآلة"),
    ],
)
def test_topic_phrases_of_other_scripts(one, other, name):
    found = topic_phrases(index_of(*[one] * 8, *[other] * 8), np.repeat([0, 1], 8), 2)
    assert any(name in phrase for phrase in found[0])


def test_topic_phrases_never_run_from_a_title_into_the_text():
    found = topic_phrases(
        index_of(*["beta"] * 8, *["delta"] * 8, titles=["alpha"] * 8 + ["gamma"] * 8), np.repeat([0, 1], 8), 2
    )
    assert [set(phrases) for phrases in found] == [{"alpha", "beta"}, {"delta", "gamma"}]


def test_topic_phrases_of_the_only_topic_are_its_commonest_words():
    assert topic_phrases(index_of(*["a garden"] * 9), np.zeros(9, int), 1)[0][0] == "a garden"


def test_topic_phrases_closeness_of_a_model_reorders_them():
    texts = ["apple pear"] * 3 + ["pear apple"] * 3 + ["stone"] * 6
    index, labels = index_of(*texts), np.repeat([0, 1], 6)

    def closeness(phrases, topic):
        return np.array([1.0 if phrase == "pear" else 0.1 for phrase in phrases])

    assert topic_phrases(index, labels, 2, closeness=closeness)[0][0] == "pear"


@pytest.mark.parametrize("texts", [[], [""], ["", ""], ["1 2 3"], ["one"]])
def test_phrase_index_of_next_to_nothing(texts):
    assert topic_phrases(index_of(*texts), np.zeros(len(texts), int), 1 if texts else 0) in ([], [()], [("one",)])


def test_unique_names_of_siblings_differ_whatever_their_case():
    names = unique_names([("Rust", "async"), ("rust", "compiler"), ("rust",), (), ()], {}, [5, 9, 1, 1, 1])
    assert names[1] == "rust"
    assert names[0] == "Rust, async"
    assert len({name.casefold() for name in names}) == 5


def test_unique_names_without_a_phrase_are_titles_of_typical_items_and_never_a_question_mark():
    names = unique_names([(), (), (), ("soil",)], {}, [4, 3, 2, 1], ["On soil", "on soil", "", "x"])
    assert names == ["On soil", "on soil (2)", "topic", "soil"]


def test_unique_names_given_ones_come_first():
    assert unique_names([("rust",), ("garden",)], {1: "Rust"}, [9, 1]) == ["rust (2)", "Rust"]


def test_topic_phrases_keep_written_forms_whole():
    texts = [
        f"{verb} {form} {end}" for form in ("crates.io", "C++", "Felix S. Klock") for verb in "abc" for end in "xyz"
    ]
    found = topic_phrases(index_of(*texts), np.repeat([0, 1, 2], 9), 3)
    assert [phrases[0] for phrases in found] == ["crates.io", "C++", "Felix S. Klock"]


def test_topic_phrases_of_a_fixed_sentence_come_after_a_free_one():
    rng = np.random.default_rng(0)
    words = [f"w{number}" for number in range(40)]
    texts = [f"get it installed via pip today. {' bicycle '.join(rng.choice(words, 5))}" for _ in range(9)]
    found = topic_phrases(
        index_of(*texts, *[" ".join(rng.choice(words, 8)) for _ in range(9)]), np.repeat([0, 1], 9), 2
    )
    assert found[0][0] == "bicycle"


def test_topic_phrases_run_over_no_comma_and_hold_no_number():
    texts = [f"{start} red, blue {number} green" for number, start in enumerate("abcdefgh")]
    index = index_of(*texts, *["grey"] * 8)
    phrases = {index.text(phrase) for _, phrase in index.telling(np.repeat([0, 1], 8), 2)[0]}
    assert phrases == {"red", "blue", "green"}


def test_topic_phrases_of_two_languages_leave_out_the_words_that_each_language_uses():
    rng = np.random.default_rng(0)
    languages = [
        ["the", "of", "and", "with", "from", "this", "that", "was", "are", "not"],
        ["der", "die", "und", "mit", "von", "das", "ist", "war", "nicht", "ein"],
    ]
    subjects = [["violin", "cello"], ["comet", "galaxy"], ["Geige", "Bratsche"], ["Komet", "Sterne"]]
    texts = [
        " ".join(
            [
                *rng.permutation(languages[topic // 2] * 2),
                *rng.choice(subjects[topic], 2),
                *rng.permutation(languages[topic // 2]),
            ]
        )
        for topic in range(4)
        for _ in range(12)
    ]
    found = topic_phrases(index_of(*texts), np.repeat(np.arange(4), 12), 4)
    for phrases, words in zip(found, subjects, strict=True):
        assert phrases[0].split()[0] in words, phrases
