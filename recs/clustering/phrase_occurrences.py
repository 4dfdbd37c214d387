"""Where phrases of one length stand: in which items and titles, how most items write them, and how freely."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from recs.arrays import BoolArray, Float64Array, IntArray
from recs.clustering.phrase_reader import BREAK, Words


@dataclass(frozen=True, slots=True, eq=False)
class Occurrences:
    """The phrases that at least two items share.

    Attributes
    ----------
    items, phrases : int64 arrays of shape (pairs,)
        Distinct pairs of an item and a phrase.
    titled : int64 array of shape (pairs,)
        1 if the phrase is in the title of the item, else 0.
    lengths : int64 array of shape (phrases,)
        Of each phrase, in words.
    places : int64 array of shape (phrases,)
        The first word of a place where the phrase stands as most items write it.
    freedom : float64 array of shape (phrases,)
        Near 0 if it always has the same neighbour on one side, as parts of a fixed sentence have; else up to 1.
    title_rate : float64 array of shape (phrases,)
        How often it is in titles, relative to texts of the same length: 0 to 1, and 1 for all that are more frequent.
    """

    items: IntArray
    phrases: IntArray
    titled: IntArray
    lengths: IntArray
    places: IntArray
    freedom: Float64Array
    title_rate: Float64Array

    @classmethod
    def joined(cls, parts: Sequence[Occurrences]) -> Occurrences:
        """Return the phrases of all parts, numbered on."""
        starts = np.cumsum([0, *(len(part.places) for part in parts)]).tolist()
        numbers = [part.phrases + start for part, start in zip(parts, starts, strict=False)]
        return cls(
            np.concatenate([part.items for part in parts]),
            np.concatenate(numbers),
            np.concatenate([part.titled for part in parts]),
            np.concatenate([part.lengths for part in parts]),
            np.concatenate([part.places for part in parts]),
            np.concatenate([part.freedom for part in parts]),
            np.concatenate([part.title_rate for part in parts]),
        )

    @classmethod
    def of(cls, read: Words, length: int) -> Occurrences:
        """Return the phrases of `length` words."""
        places = _whole_places(read, length)
        code = _code_rows([read.words[places + step] for step in range(length)])
        phrases = int(code.max(initial=0)) + 1
        pairs, first = np.unique(read.owners[places] * phrases + code, return_index=True)
        is_shared = np.bincount(pairs % phrases, minlength=phrases) >= 2
        number = np.cumsum(is_shared) - 1
        pair_is_kept = is_shared[pairs % phrases]
        place_is_kept = is_shared[code]
        kept_places, kept = places[place_is_kept], number[code[place_is_kept]]
        count = int(is_shared.sum())
        return cls(
            items=pairs[pair_is_kept] // phrases,
            phrases=number[pairs[pair_is_kept] % phrases],
            titled=read.in_title[places[first[pair_is_kept]]],  # a title is read before its text
            lengths=np.full(count, length, np.int64),
            places=_usual_places(read, kept_places, kept, length),
            freedom=_freedom(read, kept_places, kept, length, count),
            title_rate=_title_rate(read, kept_places, kept, count),
        )


def _whole_places(read: Words, length: int) -> IntArray:
    """Return where phrases may begin: they run over no break, hold no number, and cut no written form such as "a.b"."""
    stop = max(len(read.words) - length + 1, 0)
    is_whole: BoolArray = ~read.binds[:stop] & ~np.append(read.binds, False)[length : stop + length]
    for step in range(length):
        is_whole &= read.may_name[step : stop + step]
        if step:
            is_whole &= read.gaps[step : stop + step] != BREAK
    return np.flatnonzero(is_whole)


def _usual_places(read: Words, places: IntArray, code: IntArray, length: int) -> IntArray:
    """Return for each phrase its first place among those that are written in the commonest way."""
    forms = [read.forms[places + step] for step in range(length)]
    joints = [read.gaps[places + step] for step in range(1, length)]
    written = _code_rows([*forms, *joints])
    ways = int(written.max(initial=0)) + 1
    owners = int(read.owners.max(initial=0)) + 1
    of_items, places_in_items = np.unique((code * ways + written) * owners + read.owners[places], return_index=True)
    keys, first, counts = np.unique(of_items // owners, return_index=True, return_counts=True)
    first = places_in_items[first]
    order = np.lexsort((first, -counts, keys // ways))
    best = np.unique((keys // ways)[order], return_index=True)[1]
    return np.asarray(places[first[order[best]]])


def _freedom(read: Words, places: IntArray, code: IntArray, length: int, count: int) -> Float64Array:
    """Return how often two occurrences of a phrase have different neighbours, on the side where that is rarer."""
    part = np.cumsum(read.starts)
    total = np.bincount(code, minlength=count)
    pairs = total * (total - 1)
    sides = []
    for step in (-1, length):
        beside = np.clip(places + step, 0, max(len(read.words) - 1, 0))
        is_inside = (places + step == beside) & (part[beside] == part[places])
        is_inside &= read.may_name[beside]
        # A number, and the beginning and the end of a text, are like a new neighbour each time.
        neighbor = np.where(is_inside, read.words[beside], read.words.max(initial=0) + 1 + np.arange(len(places)))
        width = int(neighbor.max(initial=0)) + 1
        keys, repeats = np.unique(code * width + neighbor, return_counts=True)
        same = np.bincount(keys // width, repeats * (repeats - 1), minlength=count)
        sides.append((pairs - same + 1) / (pairs + 2))
    return np.asarray(np.minimum(*sides))


def _title_rate(read: Words, places: IntArray, code: IntArray, count: int) -> Float64Array:
    titled = np.bincount(code, read.in_title[places], minlength=count)
    in_text = np.bincount(code, minlength=count) - titled
    expected = in_text * read.in_title.sum() / max((read.in_title == 0).sum(), 1)
    if not read.in_title.any():
        return np.ones(count)
    return np.asarray(np.minimum((titled + 0.5) / (expected + 0.5), 1.0))


def _code_rows(columns: Sequence[IntArray]) -> IntArray:
    """Return a number for each row of the columns, equal for equal rows: 0 to c - 1."""
    code = np.zeros(len(columns[0]), np.int64)
    for column in columns:  # numbers of pairs, then of triples, fit into 64 bits
        code = np.unique(code * (int(column.max(initial=0)) + 1) + column, return_inverse=True)[1]
    return code
