"""Context for a language model: passages that fit a budget of tokens, in reading order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

from recs.errors import OptionError
from recs.items import Item, Span
from recs.retrieval.passages import Passage, trimmed
from recs.text.words import word_pattern

if TYPE_CHECKING:
    from recs.embedding.embedder import Embedder

_LEAST_TOKENS = 8  # of a passage that is cut to fit
_GAP = "\n\n"


@dataclass(frozen=True, slots=True)
class Source:
    """One numbered source of a context: neighbouring passages of an item are one.

    Attributes
    ----------
    number
        From 1, in the order of the prompt.
    title
        The title of the item.
    passage
        The text and where it stands.
    """

    number: int
    title: str
    passage: Passage


@dataclass(frozen=True, slots=True)
class Context:
    """Passages for a language model.

    Attributes
    ----------
    sources
        The items by their best score, and the passages of one item in reading order.
    prompt
        A block of text with numbered sources.
    tokens, max_tokens
        How many tokens the prompt has, and how many it may have.
    left_out
        How many of the passages that were considered are not in it, because they did not fit.
    """

    sources: tuple[Source, ...]
    prompt: str
    tokens: int
    max_tokens: int
    left_out: int


def fill(
    passages: Sequence[Passage],
    read: Callable[[Sequence[str]], Mapping[str, Item]],
    max_tokens: int,
    count: Callable[[str], int],
) -> Context:
    """Return the context that takes passages in their order until the budget is used.

    A passage that does not fit is cut at a word if more than a few tokens are left, and what comes after it is left
    out. A text that is there already is taken once. `read` returns items by id, `count` counts tokens.

    Raises `OptionError` if the budget is below 1.
    """
    if max_tokens < 1:
        raise OptionError(f"max_tokens is {max_tokens}, expected 1 or more.")
    items = read(sorted({passage.id for passage in passages}))
    taken: list[Passage] = []
    texts: set[str] = set()
    repeated = 0
    for passage in passages:
        if passage.text in texts:
            repeated += 1
            continue
        longer = _prompt(_sources([*taken, passage], items))
        if count(longer) > max_tokens:
            if (part := _cut(passage, taken, items, max_tokens, count)) is not None:
                taken.append(part)
            break
        texts.add(passage.text)
        taken.append(passage)
    sources = _sources(taken, items)
    prompt = _prompt(sources)
    left_out = len(passages) - len(taken) - repeated
    return Context(sources, prompt, count(prompt) if prompt else 0, max_tokens, left_out)


def _cut(
    passage: Passage, taken: Sequence[Passage], items: Mapping[str, Item], max_tokens: int, count: Callable[[str], int]
) -> Passage | None:
    """Return the longest beginning of a passage that still fits; None if that is hardly more than nothing."""
    words = passage.text.split(" ")
    low, high = 0, len(words)
    while low < high:
        middle = (low + high + 1) // 2
        part = _beginning(passage, words[:middle])
        fits = count(_prompt(_sources([*taken, part], items))) <= max_tokens
        low, high = (middle, high) if fits else (low, middle - 1)
    part = _beginning(passage, words[:low])
    return part if part.text and count(part.text) >= _LEAST_TOKENS else None


def _beginning(passage: Passage, words: Sequence[str]) -> Passage:
    text = " ".join(words).rstrip()
    highlights = tuple(span for span in passage.highlights if span[1] <= len(text))
    return replace(passage, text=text, stop=passage.start + len(text), highlights=highlights)


def _sources(passages: Sequence[Passage], items: Mapping[str, Item]) -> tuple[Source, ...]:
    """Return the passages as sources: those of one item together, neighbours merged."""
    best: dict[str, float] = {}
    for passage in passages:
        best[passage.id] = max(best.get(passage.id, passage.score), passage.score)
    ordered = sorted(passages, key=lambda passage: (-best[passage.id], passage.id, passage.start))
    merged = [
        one for name, group in groupby(ordered, key=lambda passage: passage.id) for one in _merged(group, items[name])
    ]
    return tuple(Source(number, items[one.id].title, one) for number, one in enumerate(merged, 1))


def _merged(passages: Iterable[Passage], item: Item) -> list[Passage]:
    """Return the passages of one item with those that touch or overlap as one."""
    merged: list[Passage] = []
    for passage in passages:
        last = merged[-1] if merged else None
        if last is not None and not item.text[last.stop : passage.start].strip():
            merged[-1] = _joined(last, passage, item)
        else:
            merged.append(passage)
    return merged


def _joined(first: Passage, second: Passage, item: Item) -> Passage:
    span: Span = trimmed(item.text, (first.start, max(first.stop, second.stop)))
    moved = second.start - span[0]
    highlights = {*first.highlights, *((start + moved, stop + moved) for start, stop in second.highlights)}
    seconds = None if item.times is None else item.times.span_seconds(*span)
    return replace(
        first,
        start=span[0],
        stop=span[1],
        text=item.text[slice(*span)],
        score=max(first.score, second.score),
        highlights=tuple(sorted(highlights)),
        seconds=seconds if first.seconds else None,
    )


def _prompt(sources: Sequence[Source]) -> str:
    return _GAP.join(_block(source) for source in sources)


def _block(source: Source) -> str:
    address = f" ({source.passage.url})" if source.passage.url else ""
    return f"[{source.number}] {source.title or source.passage.id}{address}\n{source.passage.text}"


def token_counter(embedder: Embedder | None) -> Callable[[str], int]:
    """Return what counts the tokens of a text: the tokenizer of a model, or four tokens for three words."""
    if embedder is None:
        return lambda text: -(-len(word_pattern(text).findall(text)) * 4 // 3)
    tokenizer = embedder.tokenizer
    return lambda text: len(tokenizer.spans([text])[0])
