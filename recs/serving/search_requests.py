"""Requests for a search: their parameters, in an address, a body of JSON or a call of a tool, and their limits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from recs.filters import NAMES
from recs.retrieval.index import Signals
from recs.serving.requests import check, kind, limit, need, parse
from recs.text.characters import has_surrogate

QUERY_CHARACTERS = 400
"""The longest query over HTTP."""
TEXT_CHARACTERS = 200_000
"""The longest text that items are compared with."""
MOST_HITS = 100
MOST_TOKENS = 16_000
"""The largest context for a language model."""
SEARCH = ("k", "signals")
PASSAGES = ("max_tokens", "signals")
RELATED = ("k",)
"""The parameters of each route, beside the query and the filters."""
_VALUES = 32  # of one filter, the most
_VALUE_CHARACTERS = 200
_SIGNALS: tuple[str, ...] = get_args(Signals)
_FILTERS = {
    "tag": "Only items with this tag; case does not matter.",
    "category": "Only items of this category.",
    "series": "Only items of this series.",
    "lang": "Only items in this language: `en` fits `en-GB`.",
    "since": "Only items published on this date or later: `2026`, `2026-03` or `2026-03-01`.",
    "until": "Only items published on this date or earlier.",
}


@dataclass(frozen=True, slots=True)
class SearchRequest:
    """What is asked: a query, or a text to compare with; how many results of which kind; and filters."""

    text: str = ""
    k: int = 10
    max_tokens: int = 2000
    signals: Signals = "auto"
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)


def from_address(pairs: Iterable[tuple[str, str]], text: str | None, names: Sequence[str]) -> SearchRequest:
    """Read the parameters of an address. `text` is the name of the one with the query, `names` are those beside it."""
    asked: dict[str, Any] = {}
    for name, value in pairs:
        if name in NAMES:
            asked.setdefault(name, []).append(value)
            continue
        need(name not in asked, f"{name} is there twice.", name[:40])
        is_number = name == "k" and value.isascii() and value.isdigit() and len(value) < 10
        asked[name] = int(value) if is_number else value
    return from_arguments(asked, text, names)


def from_body(body: bytes, text: str, names: Sequence[str]) -> SearchRequest:
    """Read a body of JSON. `text` is the name of the field with the query, `names` are those beside it."""
    asked = parse(body)
    need(isinstance(asked, dict), f"the body is {kind(asked)}, expected an object with {text}.")
    return from_arguments(asked, text, names)


def from_arguments(
    asked: dict[str, Any], text: str | None, names: Sequence[str], *, longest: int | None = None
) -> SearchRequest:
    """Check all parameters. One that nobody knows is an error: it may be a filter with a wrong letter.

    `text` is the name of the one with the query, `longest` the limit of its characters, if not that of HTTP.
    """
    allowed = [*([text] if text else []), *names, *NAMES]
    for name in asked:
        need(name in allowed, f"{name[:40]!r} is no parameter here, expected one of {', '.join(allowed)}.", name[:40])
    signals = asked.get("signals") or "auto"
    check(asked, "signals", isinstance(signals, str) and signals in _SIGNALS, f"one of {', '.join(_SIGNALS)}")
    return SearchRequest(
        _text(asked, text, longest or _longest(text)) if text else "",
        _number(asked, "k", _default_k(text), MOST_HITS),
        _number(asked, "max_tokens", 2000, MOST_TOKENS),
        signals,  # type: ignore[arg-type]  # one of them
        {name: values for name in NAMES if (values := _values(asked, name))},
    )


def _longest(text: str | None) -> int:
    return TEXT_CHARACTERS if text == "text" else QUERY_CHARACTERS


def _default_k(text: str | None) -> int:
    return 5 if text in (None, "text") else 10


def _text(asked: dict[str, Any], name: str, longest: int) -> str:
    text = asked.get(name)
    if not isinstance(text, str) or not text.strip() or has_surrogate(text):
        check(asked, name, held=False, expected="text: not empty, no half of a surrogate pair")
    limit(len(str(text)), longest, f"characters of {name}")
    return str(text)


def _number(asked: dict[str, Any], name: str, default: int, most: int) -> int:
    number = asked.get(name, default)
    came = kind(number) if type(number) is not int or abs(number) > 10**9 else number
    need(type(number) is int and 1 <= number <= most, f"{name} is {came}, expected 1 to {most:,}.", name)
    return int(number)


def _values(asked: dict[str, Any], name: str) -> list[str]:
    """Return the values of a filter. An empty one is what a form sends for a field that nobody filled."""
    given = asked.get(name)
    values = given if isinstance(given, list) else [given]
    are_texts = all(isinstance(value, str) and not has_surrogate(value) for value in values)
    check(asked, name, given is None or are_texts, "a string or a list of strings")
    limit(len(values), _VALUES, f"values of {name}")
    limit(max((len(value or "") for value in values), default=0), _VALUE_CHARACTERS, f"characters of a {name}")
    return [value for value in values if value and value.strip()]


def address_parameters(text: str | None, names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the description of the parameters of an address, as OpenAPI has it."""
    described = []
    for name, schema in _fields(text, names).items():
        about = str(schema.pop("description"))
        examples = schema.pop("examples", None)
        of_one = {"type": "array", "items": schema} if name in _FILTERS else schema
        entry = {"name": name, "in": "query", "required": name == text, "description": about, "schema": of_one}
        described.append(entry | ({"example": examples[0]} if examples else {}))
    return described


def body_schema(text: str, names: Sequence[str], example: Mapping[str, Any]) -> dict[str, Any]:
    """Return the description of a body of JSON, as OpenAPI has it."""
    schema = object_schema(text, names)
    return {"required": True, "content": {"application/json": {"schema": schema, "example": dict(example)}}}


def object_schema(text: str, names: Sequence[str], *, longest: int | None = None) -> dict[str, Any]:
    """Return the JSON Schema of an object with all parameters. The arguments are those of `from_arguments`."""
    fields = _fields(text, names, longest)
    for name in _FILTERS:
        about = fields[name].pop("description")
        fields[name] = {"anyOf": [fields[name], {"type": "array", "items": fields[name]}], "description": about}
    return {"type": "object", "required": [text], "properties": fields, "additionalProperties": False}


def _fields(text: str | None, names: Sequence[str], longest: int | None = None) -> dict[str, dict[str, Any]]:
    what = "A text, such as a draft." if text == "text" else 'Words or a question; a "quoted phrase" comes first.'
    of_text = {"type": "string", "minLength": 1, "maxLength": longest or _longest(text), "description": what}
    hits = {"type": "integer", "minimum": 1, "maximum": MOST_HITS, "description": "The most hits."}
    tokens = {"type": "integer", "minimum": 1, "maximum": MOST_TOKENS, "description": "The most tokens of the prompt."}
    signals = {"type": "string", "enum": list(_SIGNALS), "description": "Rank by words, by vectors, or by both."}
    others: dict[str, dict[str, Any]] = {
        "k": {**hits, "default": _default_k(text)},
        "max_tokens": {**tokens, "default": 2000},
        "signals": {**signals, "default": "auto"},
    }
    filters = {name: {"type": "string", "description": about} for name, about in _FILTERS.items()}
    own = {text: of_text} if text else {}
    return {**own, **{name: others[name] for name in names}, **filters}
