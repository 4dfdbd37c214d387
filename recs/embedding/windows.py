"""From texts to windows: parts that fit a model's context window, each with prompt and title before it.

The boundaries of a text's windows are a short record of numbers, which the cache can store.
"""

import json
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from recs.errors import ModelError
from recs.models.spec import ModelSpec
from recs.models.tokenizer import ModelTokenizer, Spans, Tokens, read_tokens
from recs.text.chunks import Span, split_text

CHUNKING = "chunks/2"
"""The version of the records and of the way texts are cut: recs does not use records of another version."""
_TITLE_SHARE = 0.25  # of the window; a longer title is not put before each chunk but gets windows of its own
_TITLE_END = "\n\n"


class Window(NamedTuple):
    """A text that the model embeds as a whole.

    `length` is the number of its tokens, with prompt, title and special tokens; `weight` is its weight in the mean of
    the item; `span` is the start and stop of its characters in the item's text.
    """

    text: str
    length: int
    weight: float
    span: tuple[int, int]


class Document(NamedTuple):
    """The windows of one text with its title.

    `tokens` is the number of tokens of text and title. Of these, `cut` are in no window, and `unknown` are in a window
    but unknown to the model.
    """

    windows: list[Window]
    tokens: int
    cut: int
    unknown: int


MISSING = Document([Window("", 0, 1, (0, 0))], tokens=0, cut=1, unknown=0)
"""Stands for a text whose boundaries or vectors are not in the cache; more tokens are lost than it has."""


class Cutter:
    """Cuts texts that have the same prompt. With `split`, a long text gets several windows, else only its first one.

    Raises `ModelError` if the prompt leaves no room for text in the context window.
    """

    def __init__(self, spec: ModelSpec, tokenizer: ModelTokenizer, *, prompt: str, split: bool) -> None:
        self._tokenizer = tokenizer
        self._max_tokens = spec.max_tokens
        self._prompt = prompt
        self._split = split
        self._room = self._max_tokens - self._around(prompt)
        if self._room < 2:
            raise ModelError(f"{spec.name}: its context window of {self._max_tokens} has no room for text.")

    def cut(self, text: str, tokens: Tokens, title: str, written: int) -> bytes:
        """Return a record of where a text, and a title that is too long for a prefix, is cut; `render` reads it.

        What is written and the transcript, which begins at the character `written`, are cut each by itself.
        """
        prompt = self._prompt
        room = self._room
        title_tokens = read_tokens(self._tokenizer, [title])[0] if title else Tokens(())
        title_length = len(title_tokens.spans)
        prefix = title + _TITLE_END if title and text and title_length <= room * _TITLE_SHARE else ""
        budget = room - (title_length if prefix else 0)
        parts = [
            [begin + start, begin + stop, *counts, 0]
            for begin, part, spans in _halves(text, tokens.spans, written)
            for start, stop, *counts in self._fit(part, spans, prompt + prefix, budget)
        ]
        if title and not prefix:
            parts = [[*part, 1] for part in self._fit(title, title_tokens.spans, prompt, room)] + parts
        parts = parts if self._split else parts[:1]
        # Only numbers: a record is in a file that people publish.
        record = [int(bool(prefix)), *self._account(tokens, title_tokens, parts, whole_title=bool(prefix)), parts]
        return json.dumps(record, separators=(",", ":")).encode()

    def _account(
        self, tokens: Tokens, title_tokens: Tokens, parts: Sequence[Sequence[int]], *, whole_title: bool
    ) -> tuple[int, int, int]:
        """Return how many tokens text and title have, how many are in no window, how many of the rest are unknown."""
        kept = len(tokens.spans)
        kept_of_title = len(title_tokens.spans)
        total = kept + kept_of_title
        if not self._split:
            _, _, first_tokens, _, is_title = parts[0]
            kept = 0 if is_title else first_tokens
            if not whole_title:
                kept_of_title = first_tokens if is_title else 0
        unknown = bisect_left(tokens.unknown, kept) + bisect_left(title_tokens.unknown, kept_of_title)
        return total, max(total - kept - kept_of_title, 0), unknown

    def _around(self, before: str) -> int:
        """Return how many tokens the text `before` and the model's special tokens take."""
        return self._lengths([before])[0] if before else self._tokenizer.special_tokens

    def _fit(self, text: str, spans: Spans, before: str, room: int) -> list[tuple[int, int, int, int]]:
        """Cut a text into parts of at most `room` tokens: (start, stop, tokens, length in the context window)."""

        def token_spans(part: str) -> Spans:
            return spans if part is text else self._tokenizer.spans([part])[0]

        additive = self._tokenizer.is_additive
        around = self._around(before)
        while True:
            parts = [Span(0, spans[room - 1][1] if len(spans) > room else len(text), min(len(spans), room))]
            if self._split:
                parts = split_text(text, token_spans=token_spans, budget=room, additive=additive)
            if additive:
                lengths = [part.tokens + around for part in parts]
            else:
                lengths = self._lengths([before + text[part.start : part.stop] for part in parts])
            excess = max(lengths) - self._max_tokens
            if excess <= 0 or room == 1:
                return [(*part, length) for part, length in zip(parts, lengths, strict=True)]
            room = max(room - excess, 1)

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        return [count + self._tokenizer.special_tokens for count in self._tokenizer.count(texts)]


def _halves(text: str, spans: Spans, written: int) -> Iterator[tuple[int, str, Spans]]:
    """Yield what is written and the transcript, with their places and tokens; nothing for an empty one."""
    if not 0 < written < len(text):
        if text:
            yield 0, text, spans
        return
    first = bisect_left(spans, (written, 0))
    yield 0, text[:written], spans[:first]
    yield written, text[written:], [(start - written, stop - written) for start, stop in spans[first:]]


def render(record: bytes, text: str, title: str, prompt: str, written: int) -> Document:
    """Return the windows that a record of `Cutter.cut` describes, with prompt and title before each.

    The windows of a transcript, which begins at the character `written`, weigh together at most as much as all that is
    written, or as one window if that is more: a long talk must not drown a few lines of notes.

    Examples
    --------
    >>> record = b"[1,4,0,0,[[0,4,1,9,0],[5,12,1,9,0]]]"  # title before each; 4 tokens, all known; two parts
    >>> [window.text for window in render(record, "soil compost", "Garden", "passage: ", 12).windows]
    ['passage: Garden\\n\\nsoil', 'passage: Garden\\n\\ncompost']
    """
    has_prefix, total, cut, unknown, parts = json.loads(record)
    before = prompt + (title + _TITLE_END if has_prefix else "")
    windows = []
    for start, stop, tokens, length, of_title in parts:
        if of_title:
            windows.append(Window(prompt + title[start:stop], length, max(tokens, 1), (0, 0)))
        else:
            windows.append(Window(before + text[start:stop], length, max(tokens, 1), (start, stop)))
    return Document(_balanced(windows, written), total, cut, unknown)


def _balanced(windows: list[Window], written: int) -> list[Window]:
    spoken = sum(window.weight for window in windows if window.span[0] >= written > 0)
    most = max(sum(window.weight for window in windows) - spoken, *(window.weight for window in windows), 1)
    if spoken <= most:
        return windows
    share = most / spoken
    return [
        window._replace(weight=window.weight * share) if window.span[0] >= written else window for window in windows
    ]
