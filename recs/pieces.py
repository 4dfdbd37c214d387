"""Texts to pieces that fit a model's context window, titles and prompts before them, and pieces to batches.

Boundaries are records to keep; batches are composed in a canonical order.
"""

import json
from collections.abc import Sequence
from typing import Any, NamedTuple

from recs.chunks import Span, split_text
from recs.errors import ModelError
from recs.models import ModelSpec
from recs.tokenizer import ModelTokenizer, Spans

# A change in how texts are cut or titles are put before them must not find the boundaries of an older version.
CHUNKING = "chunks/1"
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
    """One text cut to the window, its tokens, and how many of them are in no piece."""

    pieces: list[Piece]
    tokens: int
    lost: int


class Cutter:
    """Cuts texts that come with one prompt; `split` tells whether what does not fit gets pieces of its own.

    `ModelError` if the context window has no room for text beside the prompt.
    """

    def __init__(self, spec: ModelSpec, tokenizer: ModelTokenizer, *, prompt: str, split: bool) -> None:
        self._tokenizer, self._window, self._prompt, self._split = tokenizer, spec.max_tokens, prompt, split
        self._room = self._window - self._around(prompt)
        if self._room < 2:
            raise ModelError(f"{spec.name}: its context window of {self._window} has no room for text.")

    def cut(self, text: str, spans: Spans, title: str) -> bytes:
        """Return a record of where a text (and a title too long to be a prefix) is cut: see `render`."""
        prompt, room, split = self._prompt, self._room, self._split
        title_spans = self._tokenizer.spans([title])[0] if title else []
        text_tokens, title_tokens = len(spans), len(title_spans)
        prefix = title + _TITLE_END if title and text and title_tokens <= room * _TITLE_SHARE else ""
        budget = room - (title_tokens if prefix else 0)
        parts = [[*part, 0] for part in self._fit(text, spans, prompt + prefix, budget)] if text else []
        if title and not prefix:
            parts = [[*part, 1] for part in self._fit(title, title_spans, prompt, room)] + parts
            text_tokens += title_tokens
        parts = parts if split else parts[:1]
        lost = 0 if split else max(text_tokens - parts[0][2], 0)
        return json.dumps({"prefix": bool(prefix), "parts": parts, "tokens": text_tokens, "lost": lost}).encode()

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
    content: dict[str, Any] = json.loads(record)
    before = prompt + (title + _TITLE_END if content["prefix"] else "")
    pieces = [
        Piece(prompt + title[start:stop], length, max(tokens, 1), (0, 0))
        if of_title
        else Piece(before + text[start:stop], length, max(tokens, 1), (start, stop))
        for start, stop, tokens, length, of_title in content["parts"]
    ]
    return Document(pieces, content["tokens"], content["lost"])


def plan_batches(texts: Sequence[str], lengths: Sequence[int], *, budget: int) -> list[list[int]]:
    """Group n different texts into batches of at most `budget` tokens, padding counted; return positions in `texts`.

    `lengths` are the tokens of each text, special tokens included, `budget` the largest number of texts in a batch
    times the length of its longest; a text longer than that is a batch alone. Longest texts first, so that a machine
    with too little memory shows it at once. The batches depend on the set of texts, not on their order.
    """
    order = sorted(range(len(texts)), key=lambda i: (-lengths[i], texts[i]))
    batches: list[list[int]] = []
    current: list[int] = []
    for i in order:
        if current and lengths[current[0]] * (len(current) + 1) > budget:
            batches.append(current)
            current = []
        current.append(i)
    if current:
        batches.append(current)
    return batches


def plan_missing(texts: Sequence[str], lengths: Sequence[int], missing: set[int], *, budget: int) -> list[list[int]]:
    """Plan batches for the positions in `missing`, as an uninterrupted run over all texts would have composed them.

    A batch of the whole plan of which nothing is known yet is kept as it is: a run that was interrupted after some of
    its batches goes on with the very same ones, and ends with the same bytes. What is missing from the other batches
    (one text of many was edited) is planned anew.
    """
    batches = plan_batches(texts, lengths, budget=budget)
    kept = [batch for batch in batches if missing.issuperset(batch)]
    rest = sorted(missing.difference(*kept))
    again = plan_batches([texts[i] for i in rest], [lengths[i] for i in rest], budget=budget)
    return kept + [[rest[i] for i in batch] for batch in again]
