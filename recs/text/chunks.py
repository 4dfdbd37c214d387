"""Texts cut into chunks that fit a model's context window, at the best places there are.

A cut is as good as the boundary it falls on: between sections, blocks, lines, sentences, words, tokens, in that order.
Dynamic programming over a thinned set of boundaries finds the pieces of the lowest total cost: a piece costs more the
worse the boundary at its end and the less it fills the budget, and even pieces cost less than uneven ones.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from operator import le
from typing import NamedTuple

TokenSpans = Callable[[str], Sequence[tuple[int, int]]]


class Span(NamedTuple):
    """A piece of a text: its characters, half open, and how many tokens it has."""

    start: int
    stop: int
    tokens: int


# What a cut costs at each kind of boundary; a full piece costs 2. A cut after a heading or a line that ends in a colon
# parts it from what it introduces, for which one more piece is the lesser evil.
_SECTION, _BLOCK, _LINE, _SENTENCE, _WRAPPED_LINE, _WORD, _LEAD, _TOKEN = 0.0, 0.08, 0.2, 0.35, 0.6, 0.7, 1.0, 1.4
# A piece under this share of the budget is a crumb.
_CRUMB = 0.25
# Boundaries considered in a stretch as long as the budget: the best of each of so many parts.
_CANDIDATES = 16

_CLOSERS = "\"'”’»)\\]}」』）】》"
_STOPS = ".!?…‽؟۔।።"
_WIDE_STOPS = "。！？｡"
# Lines; the white space after what may be the end of a sentence; stops that need no white space.
_BOUNDARY = re.compile(
    rf"\n\s*|(?<=[{_STOPS}{_CLOSERS}*_])[^\S\n]+(?=\S)|[{_WIDE_STOPS}][{_CLOSERS}]*(?:[^\S\n]+(?=\S))?(?!\s)"
)
_SENTENCE_END = re.compile(rf"[{_STOPS}{_WIDE_STOPS}][{_CLOSERS}*_]*$")
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\[\"'“‘])(?:[^\W\d_]|[Mm]rs?|[Mm]s|[Dd]rs?|[Pp]rof|[Ss]t|[Jj]r|[Ss]r|vs|etc|cf|ca|[Nn]os?|[Ff]igs?|[Ee]qs?|[Vv]ol|pp"
    r"|approx|[Ii]nc|[Ll]td|[Cc]o|[Cc]orp|[Dd]ept|[Ee]st|[Gg]en|[Ss]en|[Rr]ep|[Gg]ov|bzw|ggf|usw|(?:[^\W\d_]\.)+[^\W\d_])\.$"
)
_LIST_MARK = re.compile(r"\s*(?:[-*+•–|>#]|\d+[.)]\s|\S+\s*\|)")
_LONGEST_HEADING = 120
# A line at least so long that ends in a word or comma and goes on with a word was wrapped by an editor.
_WRAPPED = re.compile(r"[^\n]{40}[^\W_],?\n[^\W\d_]")
_SPACE = re.compile(r"\s")


def split_text(text: str, *, token_spans: TokenSpans, budget: int, additive: bool = False) -> list[Span]:
    """Cut plain text (sections after two blank lines, blocks after one, lines) to pieces of at most `budget` tokens.

    The pieces tile the text: in order, contiguous, none empty; white space belongs to the piece before it. There are
    none of "". No piece has more tokens than the budget, but for a single character that has. `ValueError` for a budget
    below 1.

    `token_spans` gives the span in characters of every token of a text, in order, special tokens left out: the offsets
    of a Hugging Face tokenizer. `additive` tells whether the tokens of a text are those of its parts where it is cut at
    white space (true of WordPiece).

    The text is tokenised once. As subword tokens depend on what stands around them, each piece is then tokenised alone
    to count its tokens, and cut again if it has too many; `additive` saves that. Cost: linear in the characters.
    """
    if budget < 1:
        raise ValueError(f"budget is {budget}, expected at least 1 token.")
    if not text:
        return []
    done: list[Span] = []
    # Pieces yet to be looked at, the next one last: (start, stop, tokens if they are known).
    todo: list[tuple[int, int, int | None]] = [(0, len(text), None)]
    while todo:
        start, stop, tokens = todo.pop()
        if tokens is not None:
            done.append(Span(start, stop, tokens))
            continue
        piece = text[start:stop] if stop - start < len(text) else text
        spans = token_spans(piece)
        cuts = _cut(piece, spans, budget) if len(spans) > budget else []
        if not cuts:
            done.append(Span(start, stop, len(spans)))
            continue
        edges = [_Cut(0, 0, _SECTION), *cuts, _Cut(len(piece), len(spans), _SECTION)]
        parts: list[tuple[int, int, int | None]] = []
        for left, right in pairwise(edges):
            tokens = right.tokens - left.tokens
            # Not isspace(): tokenizers drop some of the rarer kinds, so that a word goes on behind them.
            apart = all(edge.at in (0, len(piece)) or piece[edge.at - 1] in " \n" for edge in (left, right))
            known = additive and tokens <= budget and apart
            parts.append((start + left.at, start + right.at, tokens if known else None))
        todo.extend(reversed(parts))
    return done


class _Cut(NamedTuple):
    """A place where a text may be cut: before which character, after how many tokens, at what cost."""

    at: int
    tokens: int
    cost: float


def _cut(text: str, spans: Sequence[tuple[int, int]], budget: int) -> list[_Cut]:
    """Return the best places to cut a text that has more tokens than the budget; none if it is one character."""
    starts = _token_starts(text, spans)
    cuts = [_Cut(0, 0, _SECTION), *_candidates(text, starts, budget), _Cut(len(text), len(starts), _SECTION)]
    if len(cuts) == 2:  # no token starts after the first: between the characters
        begin, stop = len(text) - len(text.lstrip()), len(text.rstrip())
        return [_Cut((begin + stop) // 2, len(starts) // 2, _TOKEN)] if stop - begin > 1 else []
    size_cost = [_size_cost(size / budget) for size in range(budget + 1)]
    positions = [cut.tokens for cut in cuts]
    # best[j]: the cost of everything before cut j, the cut included; came[j]: the cut before it.
    best = [0.0] * len(cuts)
    came = [0] * len(cuts)
    first = 0
    for j in range(1, len(cuts)):
        while positions[j] - positions[first] > budget and first < j - 1:
            first += 1
        lowest, at = float("inf"), first
        for i in range(first, j):
            size = positions[j] - positions[i]
            cost = best[i] + (size_cost[size] if size <= budget else _size_cost(size / budget))
            if cost < lowest:
                lowest, at = cost, i
        best[j] = lowest + cuts[j].cost
        came[j] = at
    chosen = [came[-1]]
    while chosen[-1]:
        chosen.append(came[chosen[-1]])
    return [cuts[j] for j in reversed(chosen[:-1])]


def _size_cost(fill: float) -> float:
    """Cost of a piece that fills this share of the budget.

    With 1 + fill² the cost of a token is lowest in full pieces and rises slowly (by 2.5 % at .8, by a quarter at .5),
    so the number of pieces stays low; of two ways to the same number, the more even one is cheaper.
    """
    return 1 + fill * fill + max(0.0, _CRUMB - fill) * 4


def _token_starts(text: str, spans: Sequence[tuple[int, int]]) -> list[int]:
    """Return where each token starts, in ascending order; white space that a token begins with is not counted to it."""
    starts = [begin for begin, _ in spans]
    if all(map(le, starts, starts[1:])) and not _SPACE.search("".join(map(text[: starts[-1] + 1].__getitem__, starts))):
        return starts
    words = (text[begin:stop].lstrip() for begin, stop in spans)
    inked = (stop - len(word) if word else begin for (begin, stop), word in zip(spans, words, strict=True))
    return list(accumulate(inked, max))


def _candidates(text: str, starts: Sequence[int], budget: int) -> Iterator[_Cut]:
    """Give the cheapest cut of each small stretch of tokens, in order; each has tokens on both sides."""
    width = max(1, budget // _CANDIDATES)
    boundaries = _boundaries(text)
    beyond = (len(text) + 1, _TOKEN)
    at, cost = next(boundaries, beyond)
    total = len(starts)
    previous = 0
    for low in range(1, total, width):
        high = min(low + width, total) - 1
        found: _Cut | None = None
        # A place after the start of token low - 1 and not after that of token high has low to high tokens before it.
        while at <= starts[high]:
            if at > starts[low - 1] and (found is None or cost <= found.cost):
                found = _Cut(at, bisect_left(starts, at, low, high), cost)
            at, cost = next(boundaries, beyond)
        if found is None:
            found = _word_cut(text, starts, low, high)
        if found is not None and previous < found.at < len(text):
            previous = found.at
            yield found


def _word_cut(text: str, starts: Sequence[int], low: int, high: int) -> _Cut | None:
    """Return the last place before a word, else before a token, that has `low` to `high` tokens before it."""
    space = text.rfind(" ", starts[low - 1], starts[high])
    if space < 0:
        space = max((gap.end() - 1 for gap in _SPACE.finditer(text, starts[low - 1], starts[high])), default=-1)
    if space >= 0:
        return _Cut(space + 1, bisect_left(starts, space + 1, low, high), _WORD)
    token = bisect_left(starts, starts[high], low, high)  # the first of several tokens of one character
    return _Cut(starts[token], token, _TOKEN) if starts[token] > starts[token - 1] else None


def _boundaries(text: str) -> Iterator[tuple[int, float]]:
    """Give the places where sentences, lines, blocks and sections of a text begin, with what a cut there costs."""
    for match in _BOUNDARY.finditer(text):
        start, stop = match.span()
        if text[start] == "\n":
            gap = match.group()
            yield stop - len(gap) + 1 + gap.rindex("\n"), _line_cost(text, start, stop, gap.count("\n"))
        elif not text[start].isspace() or _is_sentence_end(text, start, stop):
            yield stop, _SENTENCE


def _is_sentence_end(text: str, stop: int, following: int) -> bool:
    before = text[max(0, stop - 24) : stop]
    return not (text[following].islower() or not _SENTENCE_END.search(before) or _ABBREVIATION.search(before))


def _line_cost(text: str, stop: int, following: int, newlines: int) -> float:
    """Return what a cut costs between a line that ends at `stop` and the next, so many newlines on."""
    while stop and text[stop - 1].isspace():
        stop -= 1
    if stop and text[stop - 1] in ":：":
        return _LEAD
    if newlines > 1:
        begin = text.rfind("\n", max(0, stop - _LONGEST_HEADING - 1), stop) + 1
        if (begin or stop <= _LONGEST_HEADING) and _is_heading(text, begin, stop):
            return _LEAD
        return _SECTION if newlines > 2 else _BLOCK
    end = text.find("\n\n", following, following + _LONGEST_HEADING)
    if end > 0 and _is_heading(text, following, end):
        return _BLOCK
    wrapped = stop and _WRAPPED.match(text, max(0, stop - 42 + (text[stop - 1] != ",")))
    return _WRAPPED_LINE if wrapped else _LINE


def _is_heading(text: str, begin: int, stop: int) -> bool:
    """Whether the line text[begin:stop], which has a blank line after it, reads as the heading of what follows."""
    line = text[begin:stop]
    if begin == 0 or text[max(0, begin - 3) : begin] == "\n\n\n":
        return line[-1:] not in ".。"
    return (
        line[:1].isupper() and line[-1:].isalnum() and len(line) <= _LONGEST_HEADING // 2 and not _LIST_MARK.match(line)
    )
