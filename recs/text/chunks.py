"""Cuts texts into chunks that fit a model's context window, at the best boundaries.

From best to worst, a cut falls between two sections, blocks, lines, sentences, words or tokens. Each piece has a cost:
it is higher if the boundary at its end is worse, and if the piece fills less of the budget; pieces of even size cost
less than uneven ones. Dynamic programming over a thinned set of boundaries finds the pieces with the lowest total cost.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate, pairwise
from operator import le
from typing import NamedTuple

TokenSpans = Callable[[str], Sequence[tuple[int, int]]]


class Span(NamedTuple):
    """A piece of a text: the characters text[start:stop], and how many tokens it has."""

    start: int
    stop: int
    tokens: int


# What a cut costs at each kind of boundary. For comparison, a full piece costs 2.
_SECTION = 0.0
_BLOCK = 0.08
_LINE = 0.2
_SENTENCE = 0.35
_WRAPPED_LINE = 0.6
_WORD = 0.7
# After a heading, or a line that ends in a colon. Such a cut separates it from what it introduces, which is worse than
# one more piece.
_LEAD = 1.0
_TOKEN = 1.4
# A piece that fills less than this share of the budget costs extra.
_CRUMB = 0.25
# A stretch of text as long as the budget is divided into so many parts; only the best boundary of each is considered.
_CANDIDATES = 16

_CLOSERS = "\"'”’»)\\]}」』）】》"
_STOPS = ".!?…‽؟۔।።"
_WIDE_STOPS = "。！？｡"
# Line breaks; the white space after a possible end of a sentence; full stops that need no white space after them.
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
# An editor wrapped a line if it has at least 40 characters, ends in a word or comma, and a word begins the next line.
_WRAPPED = re.compile(r"[^\n]{40}[^\W_],?\n[^\W\d_]")
_SPACE = re.compile(r"\s")


def split_text(text: str, *, token_spans: TokenSpans, budget: int, additive: bool = False) -> list[Span]:
    """Cut plain text (see `recs.text.plain`) into pieces of at most `budget` tokens.

    Parameters
    ----------
    text
        Plain text: two blank lines separate sections, one separates blocks.
    token_spans
        Returns the span in characters of each token of a text, in order, without special tokens: the offsets of a
        Hugging Face tokenizer.
    budget
        The most tokens that a piece may have, at least 1.
    additive
        Whether the tokens of a text are the tokens of its parts if it is cut at white space. This is true of WordPiece.

    Returns
    -------
    list of Span
        The pieces, in order. They cover the whole text without gaps, and none is empty; white space belongs to the
        piece before it. "" has no pieces. A piece has more tokens than the budget only if it is one character.

    Raises
    ------
    ValueError
        If the budget is below 1.

    Notes
    -----
    The text is tokenised once. Subword tokens depend on the characters around them. So each piece is then tokenised
    alone to count its tokens, and is cut again if it has too many; `additive` saves this step. Cost: linear in the
    number of characters.

    Examples
    --------
    >>> import re
    >>> words = lambda text: [match.span() for match in re.finditer(r"\\w+", text)]
    >>> text = "Plant garlic in October. Water it well.\\n\\nHarvest in July."
    >>> [text[piece.start : piece.stop] for piece in split_text(text, token_spans=words, budget=7)]
    ['Plant garlic in October. Water it well.\\n\\n', 'Harvest in July.']
    """
    if budget < 1:
        raise ValueError(f"budget is {budget}, expected at least 1 token.")
    if not text:
        return []
    pieces: list[Span] = []
    waiting = [_Part(0, len(text), None)]  # the next part is the last
    while waiting:
        part = waiting.pop()
        if part.tokens is not None:
            pieces.append(Span(part.start, part.stop, part.tokens))
            continue
        part_text = text[part.start : part.stop] if part.stop - part.start < len(text) else text
        spans = token_spans(part_text)
        cuts = _best_cuts(part_text, spans, budget) if len(spans) > budget else []
        if not cuts:
            pieces.append(Span(part.start, part.stop, len(spans)))
            continue
        edges = [_Cut(0, 0, _SECTION), *cuts, _Cut(len(part_text), len(spans), _SECTION)]
        parts = [_part_between(left, right, part_text, budget, additive) for left, right in pairwise(edges)]
        waiting.extend(inner.moved(part.start) for inner in reversed(parts))
    return pieces


class _Part(NamedTuple):
    """A part of a text that may become a piece or be cut again; tokens is None until they are counted."""

    start: int
    stop: int
    tokens: int | None

    def moved(self, offset: int) -> "_Part":
        return _Part(self.start + offset, self.stop + offset, self.tokens)


class _Cut(NamedTuple):
    """A place where a text may be cut: before which character, after how many tokens, at what cost."""

    at: int
    tokens: int
    cost: float


def _part_between(left: _Cut, right: _Cut, text: str, budget: int, additive: bool) -> _Part:
    """Return the part of a text between two cuts, with its tokens if they need not be counted again."""
    tokens = right.tokens - left.tokens
    # isspace() would not do: tokenizers drop some rare kinds of white space, and a word continues after them.
    is_between_words = all(edge.at in (0, len(text)) or text[edge.at - 1] in " \n" for edge in (left, right))
    is_counted = additive and tokens <= budget and is_between_words
    return _Part(left.at, right.at, tokens if is_counted else None)


def _best_cuts(text: str, spans: Sequence[tuple[int, int]], budget: int) -> list[_Cut]:
    """Return the best places to cut a text that has more tokens than the budget; none if it is one character."""
    starts = _token_starts(text, spans)
    cuts = [_Cut(0, 0, _SECTION), *_candidates(text, starts, budget), _Cut(len(text), len(starts), _SECTION)]
    if len(cuts) == 2:  # all tokens start at one place, so the cut falls between two characters
        begin = len(text) - len(text.lstrip())
        stop = len(text.rstrip())
        return [_Cut((begin + stop) // 2, len(starts) // 2, _TOKEN)] if stop - begin > 1 else []
    previous = _cheapest_predecessors(cuts, budget)
    chosen = [previous[-1]]
    while chosen[-1]:
        chosen.append(previous[chosen[-1]])
    return [cuts[j] for j in reversed(chosen[:-1])]


def _cheapest_predecessors(cuts: Sequence[_Cut], budget: int) -> list[int]:
    """Return, for each cut, the cut before it in the cheapest way to cut the text up to there."""
    size_costs = [_size_cost(size / budget) for size in range(budget + 1)]
    positions = [cut.tokens for cut in cuts]
    total_costs = [0.0] * len(cuts)  # of all pieces before each cut, and of their cuts
    previous = [0] * len(cuts)
    first = 0
    for j in range(1, len(cuts)):
        while positions[j] - positions[first] > budget and first < j - 1:
            first += 1
        lowest = float("inf")
        for i in range(first, j):
            size = positions[j] - positions[i]
            cost = total_costs[i] + (size_costs[size] if size <= budget else _size_cost(size / budget))
            if cost < lowest:
                lowest = cost
                previous[j] = i
        total_costs[j] = lowest + cuts[j].cost
    return previous


def _size_cost(fill: float) -> float:
    """Return the cost of a piece that fills this share of the budget.

    With 1 + fill² a token costs least in a full piece, and a little more in others (2.5 % more at 0.8, a quarter more
    at 0.5). So the number of pieces stays low; with the same number of pieces, more even pieces cost less.
    """
    return 1 + fill * fill + max(0.0, _CRUMB - fill) * 4


def _token_starts(text: str, spans: Sequence[tuple[int, int]]) -> list[int]:
    """Return where each token starts, in ascending order. White space at the beginning of a token is not part of it."""
    starts = [begin for begin, _ in spans]
    if all(map(le, starts, starts[1:])) and not _SPACE.search("".join(map(text[: starts[-1] + 1].__getitem__, starts))):
        return starts
    words = (text[begin:stop].lstrip() for begin, stop in spans)
    word_starts = (stop - len(word) if word else begin for (begin, stop), word in zip(spans, words, strict=True))
    return list(accumulate(word_starts, max))


def _candidates(text: str, starts: Sequence[int], budget: int) -> Iterator[_Cut]:
    """Yield the cheapest cut of each small stretch of tokens, in order. Each cut has tokens on both sides."""
    width = max(1, budget // _CANDIDATES)
    boundaries = _boundaries(text)
    no_boundary = (len(text) + 1, _TOKEN)
    at, cost = next(boundaries, no_boundary)
    total = len(starts)
    previous = 0
    for low in range(1, total, width):
        high = min(low + width, total) - 1
        best: _Cut | None = None
        # A place has low to high tokens before it if it is after the start of token low - 1, and not after the start
        # of token high.
        while at <= starts[high]:
            if at > starts[low - 1] and (best is None or cost <= best.cost):
                best = _Cut(at, bisect_left(starts, at, low, high), cost)
            at, cost = next(boundaries, no_boundary)
        if best is None:
            best = _word_cut(text, starts, low, high)
        if best is not None and previous < best.at < len(text):
            previous = best.at
            yield best


def _word_cut(text: str, starts: Sequence[int], low: int, high: int) -> _Cut | None:
    """Return the last place with `low` to `high` tokens before it that begins a word; if none does, a token."""
    space = text.rfind(" ", starts[low - 1], starts[high])
    if space < 0:
        space = max((gap.end() - 1 for gap in _SPACE.finditer(text, starts[low - 1], starts[high])), default=-1)
    if space >= 0:
        return _Cut(space + 1, bisect_left(starts, space + 1, low, high), _WORD)
    token = bisect_left(starts, starts[high], low, high)  # one character may have several tokens; take the first
    return _Cut(starts[token], token, _TOKEN) if starts[token] > starts[token - 1] else None


def _boundaries(text: str) -> Iterator[tuple[int, float]]:
    """Yield the places where sentences, lines, blocks and sections begin, each with the cost of a cut there."""
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
    """Return the cost of a cut between two lines: one ends at `stop`, the next begins `newlines` newlines later."""
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
    """Whether the line text[begin:stop], with a blank line after it, looks like the heading of what follows."""
    line = text[begin:stop]
    if begin == 0 or text[max(0, begin - 3) : begin] == "\n\n\n":
        return line[-1:] not in ".。"
    return (
        line[:1].isupper() and line[-1:].isalnum() and len(line) <= _LONGEST_HEADING // 2 and not _LIST_MARK.match(line)
    )
