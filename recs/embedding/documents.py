"""Texts to documents: each text is cut into windows. The cache stores the boundaries."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, NamedTuple

from recs.embedding.cache import Cache
from recs.embedding.windows import CHUNKING, MISSING, Cutter, Document, render
from recs.errors import EmbeddingError, TextTooLongError
from recs.models.spec import ModelSpec
from recs.models.tokenizer import ModelTokenizer, read_tokens

Overflow = Literal["chunk", "truncate", "error"]
OVERFLOWS: tuple[Overflow, ...] = ("chunk", "truncate", "error")
_TEXTS_PER_TOKENIZATION = 64  # tokenized at once, on all cores


class Source(NamedTuple):
    """A text to embed, with its id and its title. From the character `written` on, it is a transcript."""

    id: str
    text: str
    title: str
    written: int

    @property
    def key(self) -> tuple[str, ...]:
        """All that its windows depend on."""
        place = (str(self.written),) if self.written < len(self.text) else ()
        return (self.title, self.text, *place)


def checked_strings(texts: Sequence[str]) -> Sequence[str]:
    """Return the texts; `EmbeddingError` unless they are a list of strings."""
    if isinstance(texts, str) or any(not isinstance(text, str) for text in texts):
        raise EmbeddingError("expected a list of strings; one text is a list of one.")
    return texts


def join_sources(
    texts: Sequence[str], ids: Sequence[str] | None, titles: Sequence[str] | None, written: Sequence[int] | None
) -> list[Source]:
    """Join texts, ids and titles; `EmbeddingError` if their numbers differ, or a text and its title are empty."""
    places = [len(text) for text in texts] if written is None else list(written)
    names = tuple(ids) if ids is not None else tuple(map(str, range(len(texts))))
    headings = list(titles) if titles is not None else [""] * len(texts)
    if not len(names) == len(texts) == len(headings) == len(places):
        raise EmbeddingError(
            f"{len(texts)} texts, {len(names)} ids and {len(headings)} titles; the numbers must be equal."
        )
    sources = [Source(*each) for each in zip(names, texts, headings, places, strict=True)]
    for source in sources:
        if not source.text.strip() and not source.title.strip():
            raise EmbeddingError(f"the text of {source.id!r} is empty; there is nothing to embed.")
    return sources


def cut_documents(
    sources: Sequence[Source],
    spec: ModelSpec,
    tokenizer: Callable[[], ModelTokenizer] | None,
    *,
    prompt: str,
    overflow: Overflow,
    store: Cache | None,
    window: int | None = None,
) -> list[Document]:
    """Cut each text into windows; `TextTooLongError` if `overflow` is "error" and a text is too long.

    `window` is the most tokens of a window, if the model allows more. `tokenizer` returns the model's tokenizer. It is
    called only if the boundaries of a text are not in the store. Without one, the document of such a text is `MISSING`.
    """
    # If only the name of a model is known, its fingerprint does not say where texts are cut.
    max_tokens = spec.max_tokens if window is None else min(window, spec.max_tokens)
    length = [max_tokens] if spec.loader == "bytes" or max_tokens < spec.max_tokens else []
    policy = json.dumps([CHUNKING, spec.fingerprint, prompt, overflow == "chunk", *length])
    keys = [digest_key(policy, *source.key) for source in sources]
    records = dict(store.get_chunks(keys)) if store is not None else {}
    missing = {key: source for key, source in zip(keys, sources, strict=True) if key not in records}
    new_records: dict[bytes, bytes] = {}
    if missing and tokenizer is not None:
        cutter = Cutter(replace(spec, max_tokens=max_tokens), tokenizer(), prompt=prompt, split=overflow == "chunk")
        new_records = _cut(missing, tokenizer(), cutter)
    records |= new_records
    documents = [
        render(records[key], source.text, source.title, prompt, source.written) if key in records else MISSING
        for key, source in zip(keys, sources, strict=True)
    ]
    if overflow == "error":
        _check_lengths(sources, documents, spec)
    if store is not None and new_records:
        store.put_chunks(new_records)
    return documents


def _cut(sources: Mapping[bytes, Source], tokenizer: ModelTokenizer, cutter: Cutter) -> dict[bytes, bytes]:
    """Return the record of each text's windows, by key."""
    records = {}
    keys = list(sources)
    for start in range(0, len(keys), _TEXTS_PER_TOKENIZATION):
        group = keys[start : start + _TEXTS_PER_TOKENIZATION]
        tokens_of_group = read_tokens(tokenizer, [sources[key].text for key in group])
        for key, tokens in zip(group, tokens_of_group, strict=True):
            records[key] = cutter.cut(sources[key].text, tokens, sources[key].title, sources[key].written)
    return records


def _check_lengths(sources: Sequence[Source], documents: Sequence[Document], spec: ModelSpec) -> None:
    for source, document in zip(sources, documents, strict=True):
        if document.cut:
            fitting = document.tokens - document.cut
            raise TextTooLongError(
                f"the text of {source.id!r} has {document.tokens} tokens and {fitting} fit the context window of "
                f"{spec.name}; choose overflow chunk or truncate."
            )


def digest_key(*parts: str) -> bytes:
    """Return a digest of the parts. The length of each part is in it, so that ("a", "bc") and ("ab", "c") differ."""
    framed = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(framed.encode("utf-8", "surrogatepass")).digest()[:20]
