"""The rows of a version, as COPY sends them, and a digest of them.

The digest of a table is the sum of a number of 64 bits for each row, so that it does not depend on their order. It
covers all columns. The server computes it from what it has stored; it is the same if nothing was changed on the way.
"""

from __future__ import annotations

import hashlib
import json
import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.arrays import FloatArray, IntArray
from recs.contract import RelatedFile, safe_url
from recs.filters import day, facets, fields_of
from recs.items import Item
from recs.postgres.definitions import ITEM_COLUMNS, LIST_COLUMNS, Columns
from recs.retrieval.index import Index
from recs.retrieval.passages import trimmed
from recs.retrieval.records import item_record

_SEPARATOR = "\x1f"
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_BATCH = 2000  # items
_NUMBER = "('x' || substr(encode(sha256({}), 'hex'), 1, 16))::bit(64)::bigint"
_OF_TEXTS = _NUMBER.format("convert_to(concat_ws(chr(31), {}), 'UTF8')")
_GIVEN = "="  # before a value, to tell an empty one from none
# By the type of a column, how the server writes a value as text. `_written` does the same here.
_WRITTEN = {
    "text": "{}",
    "int4": "{}::text",
    "text[]": "array_to_string({}, chr(30))",
    "int8[]": "array_to_string({}, chr(30))",
    "float8": "encode(float8send({}), 'hex')",
    "jsonb": "{}::text",
}


def _digest(numbers: str) -> str:
    return f"SELECT count(*), coalesce(sum({numbers}), 0) FROM {{schema}}.{{table}}"


def _digest_of(columns: Columns) -> str:
    """Return the SQL of the digest of all columns but the version, which the server checks, in their order."""
    texts = (f"coalesce('{_GIVEN}' || {_WRITTEN[kind]}, '')".format(f'"{name}"') for name, kind in columns[1:])
    return _digest(_OF_TEXTS.format(", ".join(texts)))


DIGEST_OF_ITEMS = _digest_of(ITEM_COLUMNS)
DIGEST_OF_LISTS = _digest_of(LIST_COLUMNS)
DIGEST_OF_PASSAGES = _digest(
    _NUMBER.format('int4send("row") || int4send(start) || int4send(stop) || {vectors}.{send}(v)')
)


@dataclass
class Counted:
    """What went to the server: how many rows, the sum of their numbers, and what could not be stored as it is.

    Attributes
    ----------
    rows, sum
        The rows, and the digest of the table.
    left_out
        Items whose id PostgreSQL cannot hold, by their row: they are not published.
    replaced
        How many items have a character that PostgreSQL cannot hold; it is replaced by U+FFFD.
    fields
        The fields by which the items can be filtered.
    """

    rows: int = 0
    sum: int = 0
    left_out: dict[int, str] = field(default_factory=dict)
    replaced: int = 0
    fields: set[str] = field(default_factory=set)

    def add(self, columns: Columns, row: tuple[Any, ...]) -> tuple[Any, ...]:
        """Count a row with these columns, and return it."""
        pairs = zip(columns[1:], row[1:], strict=True)
        texts = ["" if value is None else _GIVEN + _written(kind, value) for (_, kind), value in pairs]
        self.rows += 1
        self.sum += number(_SEPARATOR.join(texts).encode())
        return row


def _written(kind: str, value: Any) -> str:
    """Return a value as the server writes it as text."""
    if kind == "jsonb":
        return json_as_stored(value)
    if kind == "float8":
        return struct.pack(">d", value).hex()
    return "\x1e".join(map(str, value)) if kind.endswith("[]") else str(value)


def json_as_stored(value: Any) -> str:
    """Return a value as PostgreSQL writes `jsonb`: short names first, numbers without exponents.

    https://www.postgresql.org/docs/current/datatype-json.html

    Examples
    --------
    >>> json_as_stored({"topic": "tea", "top": [1e-05, 2, True, None]})
    '{"top": [0.00001, 2, true, null], "topic": "tea"}'
    """
    if isinstance(value, Mapping):
        names = sorted(value, key=lambda name: (len(name.encode()), name.encode()))
        return "{" + ", ".join(f"{json_as_stored(name)}: {json_as_stored(value[name])}" for name in names) + "}"
    if isinstance(value, list):
        return f"[{', '.join(map(json_as_stored, value))}]"
    if isinstance(value, float):
        return format(Decimal(repr(value + 0.0)), "f")  # the sum has no sign where the value is -0.0
    return json.dumps(value, ensure_ascii=False)


def number(data: bytes) -> int:
    """Return the first 64 bits of a SHA-256, as PostgreSQL reads them: with a sign.

    Examples
    --------
    >>> number(b"garlic") == number(b"garlic"), -(2**63) <= number(b"tea") < 2**63
    (True, True)
    """
    return int.from_bytes(hashlib.sha256(data).digest()[:8], "big", signed=True)


def is_storable(text: str) -> bool:
    """Whether PostgreSQL can hold a text: it holds no NUL, and no half of a pair of surrogates.

    Examples
    --------
    >>> is_storable("garlic"), is_storable("gar\\0lic"), is_storable("\\ud800")
    (True, False, False)
    """
    return _UNSTORABLE.search(text) is None


def storable(text: str) -> str:
    """Return a text with U+FFFD in place of each character that PostgreSQL cannot hold; its length stays.

    Examples
    --------
    >>> storable("gar\\0lic") == "gar\\ufffdlic"
    True
    """
    return _UNSTORABLE.sub("\ufffd", text)


def item_rows(version: int, items: Iterable[tuple[int, Item]], counted: Counted) -> Iterator[tuple[Any, ...]]:
    """Yield the row of each item in the order of `ITEM_COLUMNS`, and count it."""
    for row, given in items:
        if not is_storable(given.id):
            counted.left_out[row] = given.id
            continue
        item = _stored(given)
        counted.replaced += item.text != given.text or item.title != given.title
        counted.fields |= set(filter(is_storable, fields_of(item)))
        keys = sorted({number(_SEPARATOR.join(pair).encode()) for pair in facets(item)})
        values = (
            *(version, row, item.id, item.title, item.url, item.lang, item.published, day(item), list(item.tags)),
            *(item.category, item.series, item.excerpt, item.image, item.text, item.meta, keys),
        )
        yield counted.add(ITEM_COLUMNS, values)


def _stored(item: Item) -> Item:
    """Return an item as PostgreSQL holds it: with texts that it can store, and addresses that are safe in a page."""
    texts: dict[str, Any] = {name: storable(getattr(item, name)) for name in ("title", "text")}
    others = {name: getattr(item, name) for name in ("lang", "published", "category", "series", "excerpt")}
    others |= {name: safe_url(getattr(item, name)) for name in ("url", "image")}
    texts |= {name: None if value is None else storable(value) for name, value in others.items()}
    meta = {storable(name): _plain(value) for name, value in item_record(item).get("meta", {}).items()}
    return replace(item, **texts, tags=tuple(map(storable, item.tags)), meta=meta)


def _plain(value: Any) -> Any:
    """Return a value as `jsonb` can hold it: texts that can be stored, numbers that are finite."""
    if isinstance(value, Mapping):
        return {storable(str(name)): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return storable(value) if isinstance(value, str) else value


def list_rows(version: int, lists: RelatedFile, counted: Counted) -> Iterator[tuple[Any, ...]]:
    """Yield a row for each match in the order of `LIST_COLUMNS`, and count it.

    A match that is not an item of the result itself is left out: whether it may be shown is not known.
    """
    ids = set(filter(is_storable, lists))
    for name in sorted(ids):
        for rank, entry in enumerate((each for each in lists.get(name) if each.get("id") in ids), 1):
            more = {key: value for key, value in entry.items() if key not in ("id", "title", "url", "score", "via")}
            title, via = (storable(str(entry.get(key) or "")) for key in ("title", "via"))
            url = None if entry.get("url") is None else storable(entry["url"])
            score = float(entry.get("score") or 0)
            values = (version, name, rank, entry["id"], title, url, score, via, _plain(more))
            yield counted.add(LIST_COLUMNS, values)


def passage_blocks(index: Index, storage: str, counted: Counted, left_out: Iterable[int]) -> Iterator[bytes]:
    """Yield the passages of an index as binary COPY reads them: row, start, stop, vector.

    The vector is half that of the item and half that of the passage. Its inner product with a query is the mean of the
    two cosines, so that the best passage of an item gives the score of the item in a search by vectors.
    """
    vectors = index.vectors
    assert vectors is not None
    gone = set(left_out)
    yield b"PGCOPY\n\xff\r\n\0" + bytes(8)
    for first in range(0, len(index), _BATCH):
        rows = [row for row in range(first, min(first + _BATCH, len(index))) if row not in gone]
        if rows:
            texts = [index.table[row].text for row in rows]
            spans = [_spans(text, vectors.spans(row)) for row, text in zip(rows, texts, strict=True)]
            mixed = [0.5 * vectors.item(row) + 0.5 * vectors.passage_vectors(row) for row in rows]
            owners = np.repeat(rows, [len(each) for each in spans])
            yield _block(owners, np.concatenate(spans), np.concatenate(mixed), storage, counted)
    yield b"\xff\xff"


def _spans(text: str, spans: IntArray) -> IntArray:
    """Return the spans of passages without white space around them, shape (count, 2)."""
    return np.array([trimmed(text, (start, stop)) for start, stop in spans.tolist()])


def _block(owners: IntArray, spans: IntArray, vectors: FloatArray, storage: str, counted: Counted) -> bytes:
    """Return rows as binary COPY reads them: the length of each field, and the field; numbers are big-endian."""
    d = vectors.shape[1]
    kind = ">f4" if storage == "vector" else ">f2"
    values: list[tuple[Any, ...]] = [(name, ">i4") for name in ("row", "start", "stop")]
    values += [("dim", ">i2"), ("unused", ">i2"), ("v", kind, (d,))]
    plain: npt.NDArray[Any] = np.zeros(len(owners), np.dtype(values))
    for name, column in (("row", owners), ("start", spans[:, 0]), ("stop", spans[:, 1]), ("dim", d), ("v", vectors)):
        plain[name] = column
    counted.rows += len(plain)
    counted.sum += sum(number(row.tobytes()) for row in plain)
    lengths = {"fields": 4, "of_row": 4, "of_start": 4, "of_stop": 4, "of_v": 4 + d * np.dtype(kind).itemsize}
    kinds = {"fields": (">i2",), **dict.fromkeys(("of_row", "of_start", "of_stop", "of_v"), (">i4",))}
    kinds |= {name: tuple(rest) for name, *rest in values}
    order = ("fields", "of_row", "row", "of_start", "start", "of_stop", "stop", "of_v", "dim", "unused", "v")
    packed: npt.NDArray[Any] = np.zeros(len(plain), np.dtype([(name, *kinds[name]) for name in order]))
    for name in order:
        packed[name] = lengths[name] if name in lengths else plain[name]
    return packed.tobytes()
