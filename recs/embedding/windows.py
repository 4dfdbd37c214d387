"""Texts to pieces that fit a model's context window, titles and prompts before them, and pieces to batches.

Boundaries are records to keep; batches are composed in a canonical order.
"""

import json
from bisect import bisect_left
from collections.abc import Sequence
from typing import NamedTuple

from recs.errors import ModelError
from recs.models.spec import ModelSpec
from recs.models.tokenizer import ModelTokenizer, Spans, Tokens, read_tokens
from recs.text.chunks import Span, split_text

# A change in what a record holds, or in how texts are cut, must not find the records of an older version.
CHUNKING = "chunks/2"
# A title is put before every chunk; one that takes more than this share of the window gets chunks of its own instead.
_TITLE_SHARE = 0.25
_TITLE_END = "\n\n"


class Piece(NamedTuple):
    """What is embedded: tokens with all that goes around them, weight in the mean, characters in the item's text."""

    text: str
    length: int
    weight: int
    span: tuple[int, int]


class Document(NamedTuple):
    """One text and its title cut to the window: their tokens, and how many of these say nothing to the model.

    `cut` counts the tokens past the window, `unknown` those within it that the model does not know.
    """

    pieces: list[Piece]
    tokens: int
    cut: int
    unknown: int


class Cutter:
    """Cuts texts that come with one prompt; `split` tells whether what does not fit gets pieces of its own.

    `ModelError` if the context window has no room for text beside the prompt.
    """

    def __init__(self, spec: ModelSpec, tokenizer: ModelTokenizer, *, prompt: str, split: bool) -> None:
        self._tokenizer, self._window, self._prompt, self._split = tokenizer, spec.max_tokens, prompt, split
        self._room = self._window - self._around(prompt)
        if self._room < 2:
            raise ModelError(f"{spec.name}: its context window of {self._window} has no room for text.")

    def cut(self, text: str, tokens: Tokens, title: str) -> bytes:
        """Return a record of where a text (and a title too long to be a prefix) is cut: see `render`."""
        prompt, room = self._prompt, self._room
        title_tokens = read_tokens(self._tokenizer, [title])[0] if title else Tokens(())
        title_length = len(title_tokens.spans)
        prefix = title + _TITLE_END if title and text and title_length <= room * _TITLE_SHARE else ""
        budget = room - (title_length if prefix else 0)
        parts = [[*part, 0] for part in self._fit(text, tokens.spans, prompt + prefix, budget)] if text else []
        if title and not prefix:
            parts = [[*part, 1] for part in self._fit(title, title_tokens.spans, prompt, room)] + parts
        parts = parts if self._split else parts[:1]
        # Numbers alone: a record is kept in a file that people publish.
        record = [int(bool(prefix)), *self._account(tokens, title_tokens, parts, whole_title=bool(prefix)), parts]
        return json.dumps(record, separators=(",", ":")).encode()

    def _account(
        self, tokens: Tokens, title_tokens: Tokens, parts: Sequence[Sequence[int]], *, whole_title: bool
    ) -> tuple[int, int, int]:
        """Return how many tokens text and title have, how many are past the window, how many of the rest unknown."""
        kept, kept_of_title = len(tokens.spans), len(title_tokens.spans)
        total = kept + kept_of_title
        if not self._split:
            _, _, first_tokens, _, is_title = parts[0]
            kept = 0 if is_title else first_tokens
            if not whole_title:
                kept_of_title = first_tokens if is_title else 0
        unknown = bisect_left(tokens.unknown, kept) + bisect_left(title_tokens.unknown, kept_of_title)
        return total, max(total - kept - kept_of_title, 0), unknown

    def _around(self, before: str) -> int:
        """Return the tokens of what goes before a text, and of what the model adds."""
        return self._lengths([before])[0] if before else self._tokenizer.special_tokens

    def _fit(self, text: str, spans: Spans, before: str, room: int) -> list[tuple[int, int, int, int]]:
        """Cut a text to pieces of at most `room` tokens: (start, stop, tokens, length with all that goes around)."""

        def token_spans(piece: str) -> Spans:
            return spans if piece is text else self._tokenizer.spans([piece])[0]

        additive = self._tokenizer.is_additive
        around = self._around(before)
        while True:
            pieces = [Span(0, spans[room - 1][1] if len(spans) > room else len(text), min(len(spans), room))]
            if self._split:
                pieces = split_text(text, token_spans=token_spans, budget=room, additive=additive)
            if additive:
                lengths = [piece.tokens + around for piece in pieces]
            else:
                lengths = self._lengths([before + text[piece.start : piece.stop] for piece in pieces])
            excess = max(lengths) - self._window
            if excess <= 0 or room == 1:
                return [(*piece, length) for piece, length in zip(pieces, lengths, strict=True)]
            room = max(room - excess, 1)

    def _lengths(self, texts: Sequence[str]) -> list[int]:
        return [count + self._tokenizer.special_tokens for count in self._tokenizer.count(texts)]


def render(record: bytes, text: str, title: str, prompt: str) -> Document:
    """Put prompt and title around the pieces that a record of `Cutter.cut` describes."""
    has_prefix, total, cut, unknown, parts = json.loads(record)
    before = prompt + (title + _TITLE_END if has_prefix else "")
    pieces = [
        Piece(prompt + title[start:stop], length, max(tokens, 1), (0, 0))
        if of_title
        else Piece(before + text[start:stop], length, max(tokens, 1), (start, stop))
        for start, stop, tokens, length, of_title in parts
    ]
    return Document(pieces, total, cut, unknown)
