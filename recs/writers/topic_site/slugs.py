"""Names of files for topics: from the name of the topic, safe on every file system, and each only once."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recs.clustering.phrases import Topic

_LONGEST = 60
_SPOKEN: Mapping[str, str] = {"+": " plus ", "#": " sharp ", "&": " and ", "@": " at "}
# A file of one of these names is a device on Windows; `index` is the page of all topics.
_TAKEN = {"con", "prn", "aux", "nul", "index", *(f"{port}{n}" for port in ("com", "lpt") for n in range(10))}


def slug_of(name: str) -> str:
    """Return a name in small letters, with hyphens between words; letters lose their accents. "" if nothing is left.

    Examples
    --------
    >>> slug_of("Crème brûlée, C++ & C#"), slug_of("園芸"), slug_of("../..")
    ('creme-brulee-c-plus-plus-and-c-sharp', '園芸', '')
    """
    spoken = "".join(_SPOKEN.get(character, character) for character in name)
    split = unicodedata.normalize("NFKD", spoken.casefold())
    bare = "".join(character for character in split if unicodedata.category(character) != "Mn")
    words = re.findall(r"[^\W_]+", unicodedata.normalize("NFC", bare))
    return "-".join(words)[:_LONGEST].strip("-")


def topic_slugs(topics: Sequence[Topic]) -> dict[int, str]:
    """Return the slug of each topic, by id. Of two topics with one name, the one with the lower id keeps the plain one.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> topic_slugs([SimpleNamespace(id=4, name="Soil"), SimpleNamespace(id=7, name="soil!")])
    {4: 'soil', 7: 'soil-7'}
    """
    slugs: dict[int, str] = {}
    taken = set(_TAKEN)
    for topic in sorted(topics, key=lambda topic: topic.id):
        slug = slug_of(topic.name) or "topic"
        while slug in taken:
            slug = f"{slug}-{topic.id}"
        taken.add(slug)
        slugs[topic.id] = slug
    return slugs
