"""Names as a menu: tags of the site, a language of its own, capitals where the items have them."""

from __future__ import annotations

import numpy as np

from recs.clustering.naming import topic_headings
from recs.clustering.phrase_index import PhraseIndex
from recs.clustering.phrases import topic_phrases
from recs.items import Item

GERMAN = "Wir haben das heute mit der Hand in die Erde gesetzt und es ist auch noch nicht alles für den Winter so weit"
ENGLISH = "We have put it into the soil with our hands today and not all of this is what the winter will need from us"


def first_headings(items, labels):
    labels = np.array(labels)
    index = PhraseIndex(items)
    topics = int(labels.max()) + 1
    found = topic_headings(index, items, labels, topic_phrases(index, labels, topics))
    return [next(iter(headings), "") for headings in found]


def posts(count, text, **fields):
    return [Item(id=f"{text[:9]}-{number:02}", text=f"{text} {number}.", **fields) for number in range(count)]


def test_topic_headings_take_the_tag_of_most_items_as_the_texts_write_it():
    items = posts(6, "Use GitHub Actions", tags=["github-actions", "blog"]) + posts(6, "Bake bread", tags=["blog"])
    assert first_headings(items, [0] * 6 + [1] * 6)[0] == "GitHub Actions"


def test_topic_headings_leave_a_tag_that_other_topics_bear_too():
    items = posts(6, "Prune roses", tags=["diary"]) + posts(6, "Bake bread", tags=["diary"])
    assert "diary" not in " ".join(first_headings(items, [0] * 6 + [1] * 6)).lower()


def test_topic_headings_begin_with_a_capital_unless_the_items_never_write_it():
    items = [Item(id=f"{n:02}", text=f"npm {n} a. So npm b. npm c {n}") for n in range(8)]
    items += [Item(id=f"b{n:02}", text=f"Bread {n} d. So bread e. Bread f {n}") for n in range(8)]
    assert first_headings(items, [0] * 8 + [1] * 8) == ["npm", "Bread"]


def test_topic_headings_of_items_in_a_language_of_their_own_are_its_name():
    items = posts(9, GERMAN, lang="de") + posts(12, f"{ENGLISH} roses", lang="en")
    items += posts(12, f"{ENGLISH} bread", lang="en")
    headings = first_headings(items, [0] * 9 + [1] * 12 + [2] * 12)
    assert headings == ["German", "Roses", "Bread"]


def test_topic_headings_of_topics_that_share_no_word_are_no_language_if_all_are_in_it():
    items = posts(9, GERMAN, lang="en") + posts(12, f"{ENGLISH} roses", lang="en")
    assert "English" not in first_headings(items, [0] * 9 + [1] * 12)
