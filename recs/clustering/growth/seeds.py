"""Topics that the user asks for: a name, and words or ids of items that belong to it."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from recs.arrays import IntArray
from recs.clustering.granularity import Cut
from recs.clustering.space import Space
from recs.errors import SourceError
from recs.items import Item
from recs.text.words import tokenize

_SAME = 0.5  # of the items of a seed are in one topic, and of this topic's items are in the seed: it takes the name
_TIMES = 2  # a text that is about a word has it so often, or has it in the title


@dataclass(frozen=True, slots=True, eq=False)
class SeededCut:
    """A cut with the topics that the user asked for: their names by id, and notes on those that are not there."""

    cut: Cut
    names: Mapping[int, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def seed_topics(
    space: Space, cut: Cut, items: Sequence[Item], path: str | os.PathLike[str] | None, *, next_id: int
) -> SeededCut:
    """Return the cut with a topic for each seed in the file; unchanged without a file.

    The items of a seed are its examples, and the items that are about one of its words. Items whose neighbours are
    mostly of the seed come in too. If they are a topic already, it takes the name.

    Raises
    ------
    SourceError
        If the file cannot be read, or is not a file of seeds.
    """
    if path is None:
        return SeededCut(cut)
    labels = cut.labels.copy()
    ids = [*cut.ids]
    names: dict[int, str] = {}
    notes: list[str] = []
    for name, entries in _read_seeds(Path(path)).items():
        rows = _rows_of_seed(space, items, entries)
        if len(rows) < space.size:
            notes.append(
                f"seed topics: nothing is there for {name!r}: {len(rows)} texts, expected {space.size} or more."
            )
            continue
        place = _same_topic(labels, rows, len(ids))
        if place < 0:
            place = len(ids)
            ids.append(max([next_id, *(topic + 1 for topic in ids)]))
            labels[rows] = place
        names[ids[place]] = name
    return SeededCut(replace(cut, labels=labels, ids=tuple(ids)).packed(), names, tuple(notes))


def _rows_of_seed(space: Space, items: Sequence[Item], entries: Sequence[str]) -> IntArray:
    """Return the rows of the examples and of the texts that are about a word, with rows that are mostly beside them."""
    examples = set(entries) & {item.id for item in items}
    phrases = [tuple(tokenize(entry)) for entry in entries if entry not in examples]
    is_seed = np.zeros(len(space.vectors), bool)
    for item, row in zip(items, space.row_of_item.tolist(), strict=True):
        is_seed[row] |= item.id in examples or any(_is_about(item, phrase) for phrase in phrases if phrase)
    if space.graph is not None:
        weight = np.asarray(space.graph.sum(axis=1)).ravel()
        is_seed |= space.graph @ is_seed.astype(np.float64) > weight / 2
    return np.flatnonzero(is_seed)


def _is_about(item: Item, phrase: tuple[str, ...]) -> bool:
    return bool(_count(item.title or "", phrase)) or _count(item.text, phrase) >= _TIMES


def _count(text: str, phrase: tuple[str, ...]) -> int:
    words = tokenize(text)
    return sum(tuple(words[start : start + len(phrase)]) == phrase for start in range(len(words) - len(phrase) + 1))


def _same_topic(labels: IntArray, rows: IntArray, topics: int) -> int:
    """Return the place of the topic that has the rows, -1 if there is none."""
    shared = np.bincount(labels[rows][labels[rows] >= 0], minlength=topics)
    if not len(shared):
        return -1
    place = int(shared.argmax())
    least = _SAME * max(len(rows), int((labels == place).sum()))
    return place if shared[place] >= max(least, 1) else -1


def _read_seeds(path: Path) -> dict[str, list[str]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        seeds = {str(name): entries for name, entries in document.items()}
        for name, entries in seeds.items():
            if not name.strip() or not isinstance(entries, list) or not all(isinstance(one, str) for one in entries):
                raise ValueError(f"{name!r} has no list of words or ids")
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        expected = '{"Gardening": ["compost", "seedlings", "post-12"]}'
        raise SourceError(f"{path}: not a file of seed topics ({error}); expected {expected}.") from error
    return seeds
