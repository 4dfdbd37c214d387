"""Names of topics: the tag that most of their items bear, a language of their own, or their most telling phrase.

There is no list of words. No two topics of a layer have the same name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from recs.arrays import Float64Array, IntArray
from recs.clustering.closeness import PhraseModel
from recs.clustering.phrase_index import PhraseIndex
from recs.clustering.phrases import topic_phrases
from recs.items import Item
from recs.text.languages import item_languages, language_name
from recs.text.words import tokenize

_UNNAMED = "topic"  # without a phrase and without a title


_MOST = 0.5  # of a topic's items bear the tag that names it
_INSIDE = 0.6  # of the items that bear it are in the topic
_ALONE = 0.6  # of the items in a language are in the topic that it names, and of the topic's items are in it
_FITS = (
    0.6  # least harmonic mean of the shares of the topic that bears the tag, and of the tag that is in the topic (F1)
)


def name_topics(
    items: Sequence[Item], labels: IntArray, topics: int, *, vectors: Float64Array, model: PhraseModel | None
) -> list[str]:
    """Return a name for each topic of any clustering.

    Parameters
    ----------
    labels : int64 array of shape (n,)
        The topic of each item: 0 to `topics` - 1, or -1.
    vectors : float64 array of shape (n, d)
        Of the items.
    model
        As in `describe_layers`.
    """
    index = PhraseIndex(items)
    centroids = np.stack([vectors[labels == topic].mean(axis=0) for topic in range(topics)])
    closeness = model.closeness_to(centroids) if model is not None else None
    phrases = topic_phrases(index, labels, topics, closeness=closeness)
    headings = topic_headings(index, items, labels, phrases)
    return unique_names(headings, {}, np.bincount(labels[labels >= 0], minlength=topics).tolist())


def topic_headings(
    index: PhraseIndex, items: Sequence[Item], labels: IntArray, phrases: Sequence[Sequence[str]]
) -> list[list[str]]:
    """Return for each topic what may name it, the best first: a tag, its language, or its phrases."""
    tags = _telling_tags(items, labels, len(phrases))
    tags = {topic: tag for topic, tag in tags.items() if not index.banned.within(index.as_written(tag))}
    languages = _own_languages(index, items, labels, len(phrases))
    languages = {topic: name for topic, name in languages.items() if not index.banned.within(name)}
    headings = []
    for topic, of_topic in enumerate(phrases):
        head = index.as_written(tags[topic]) if topic in tags else next(iter(of_topic), "")
        rest = [phrase for phrase in of_topic if tokenize(phrase) != tokenize(head)]
        if topic in languages:
            # Which of its words are common in the language, and which in the topic, cannot be told.
            head, rest = languages[topic], list(of_topic)
        headings.append([index.as_heading(head), *rest] if head else [])
    return headings


def _telling_tags(items: Sequence[Item], labels: IntArray, topics: int) -> dict[int, str]:
    """Return the tag or category of each topic that most of its items bear and few others do."""
    if topics < 2:
        return {}
    of_all: Counter[str] = Counter()
    of_topics = [Counter[str]() for _ in range(topics)]
    for item, topic in zip(items, labels.tolist(), strict=True):
        tags = {tag.strip().casefold(): tag.strip() for tag in (*item.tags, item.category or "") if tag.strip()}
        of_all.update(tags.values())
        if topic >= 0:
            of_topics[topic].update(tags.values())
    telling: dict[int, str] = {}
    for topic, counts in enumerate(of_topics):
        size = int((labels == topic).sum())
        own = {tag: n for tag, n in counts.items() if n >= _MOST * size and n >= _INSIDE * of_all[tag]}
        fits = {tag: 2 * count / (size + of_all[tag]) for tag, count in own.items()}
        best = min(fits, key=lambda tag: (-fits[tag], tag), default="")
        if best and fits[best] >= _FITS:
            telling[topic] = best
    return telling


def _own_languages(index: PhraseIndex, items: Sequence[Item], labels: IntArray, topics: int) -> dict[int, str]:
    """Return the name of the language of each topic that is alone in its language."""
    alone = [topic for topic, is_alone in enumerate(index.has_own_language(labels, topics)) if is_alone]
    if not alone:
        return {}
    languages = np.array([language or "" for language in item_languages(items)])
    names: dict[int, str] = {}
    for topic in alone:
        counts = Counter(languages[labels == topic].tolist())
        language = min(counts, key=lambda language: (-counts[language], language))
        name = language_name(language)
        if name and counts[language] >= _ALONE * max((labels == topic).sum(), (languages == language).sum()):
            names[topic] = name
    return names


def unique_names(
    phrases: Sequence[Sequence[str]], given: Mapping[int, str], sizes: Sequence[int], titles: Sequence[str] = ()
) -> list[str]:
    """Return a name for each topic: the given one, or its first phrase; no two are equal, in upper or lower case.

    If two topics have the same first phrase, the larger keeps it and the other adds its next phrase. A topic without a
    phrase is called by its title in `titles`, that of a typical item.

    Examples
    --------
    >>> unique_names([["bread", "oven"], ["bread", "butter"], []], {2: "Travel"}, [5, 9, 3])
    ['bread, oven', 'bread', 'Travel']
    """
    names: dict[int, str] = {}
    taken: set[str] = set()
    for topic in sorted(range(len(phrases)), key=lambda topic: (topic not in given, -sizes[topic], topic)):
        candidates = _possible_names(
            phrases[topic], given.get(topic, ""), titles[topic] if titles else "", count=len(phrases)
        )
        names[topic] = next(name for name in candidates if name.casefold() not in taken)
        taken.add(names[topic].casefold())
    return [names[topic] for topic in range(len(phrases))]


def _possible_names(phrases: Sequence[str], given: str, title: str, *, count: int) -> Iterator[str]:
    """Yield names of a topic, the best first; more than `count` of them are different."""
    head = given or next(iter(phrases), "") or title or _UNNAMED
    yield head
    for phrase in phrases[1:]:
        yield f"{head}, {phrase}"
    for number in range(2, count + 3):
        yield f"{head} ({number})"
