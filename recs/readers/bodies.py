"""The body of a record: which of its fields holds the whole text, and what that text is written in."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from recs.errors import SourceError
from recs.items import Markup
from recs.readers.blocks.text import blocks_html, hidden_blocks
from recs.readers.field_names import ALIASES, TEASERS, is_known_name, markup_by_name, says_body
from recs.readers.folders.front_matter import has_front_matter, split_front_matter
from recs.readers.values import Repeated, fold
from recs.text.plain import plain_text

_JSON = re.compile(r'\s*(?:\{\s*"|\[\s*\{)')
_SHORT = 500  # characters of HTML that may hold no text at all
_FEWEST_WORDS = 8  # of a text that a person could mean for the body


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a record.

    Attributes
    ----------
    text, markup
        The source of the body, and what it is written in where the field's name or its shape says so.
    name
        The field that it was read from; "" where the record has no text.
    is_teaser
        Whether that field is a teaser: no field with the whole text was found.
    longer
        A field whose name says nothing, and which holds more text than the one that was read; "" for none.
    front_matter
        Fields that stood at the head of the body itself.
    hidden_blocks
        How many of its blocks say that they are hidden; they are not in the text.
    """

    text: str = ""
    markup: Markup | None = None
    name: str = ""
    is_teaser: bool = False
    longer: str = ""
    front_matter: Mapping[str, Any] = field(default_factory=dict)
    hidden_blocks: int = 0


def find_body(record: Mapping[str, object], folded: Mapping[str, str], mapped: str | None, where: str) -> Body:
    """Return the body of a record.

    The field that the user mapped alone, if one was; else the first with text among the fields that are known to hold
    a body; then one whose name says body or content; then a teaser. `folded` goes from folded names to names. Raises
    `SourceError` if front matter in the body cannot be read: what it may hide stays closed.
    """
    if mapped is not None:
        return _read(record, mapped, where) or Body()
    known = (folded[alias] for alias in ALIASES["text"] if alias in folded)
    found = next((body for name in known if (body := _read(record, name, where))), None)
    if found is None:
        others = [name for name in record if says_body(name) and not is_known_name(fold(name))]
        bodies = [body for name in others if (body := _read(record, name, where))]
        found = min(bodies, key=_preference, default=None)
    if found is not None:
        return found
    teaser = next((body for name in TEASERS if name in folded and (body := _read(record, folded[name], where))), Body())
    longer = _longer_field(record, teaser.text)
    return replace(teaser, is_teaser=bool(teaser.text), longer=longer)


def _preference(body: Body) -> tuple[bool, int, str]:
    """HTML first, which is what the author's readers see; then the longest; ties by name."""
    return body.markup != "html", -len(body.text), body.name


def _read(record: Mapping[str, object], name: str, where: str) -> Body | None:
    """Return what a field holds as a body; None for no text."""
    value = record.get(name)
    if isinstance(value, Repeated):
        value = value[-1]
    if isinstance(value, Mapping | list) or (isinstance(value, str) and _holds_blocks(value)):
        try:
            html = blocks_html(value)
        except ValueError as error:
            raise SourceError(f"{where}: its {name} cannot be read: {error}.") from error
        if html or not isinstance(value, str):
            return Body(html, "html", name, hidden_blocks=hidden_blocks(value)) if html else None
    if not isinstance(value, str) or not value.strip():
        return None
    markup = markup_by_name(name)
    if markup == "html" and len(value) < _SHORT and not plain_text(value, "html"):
        return None
    if markup != "html" and has_front_matter(value):
        front_matter, rest = split_front_matter(value, where)
        return Body(rest, markup, name, front_matter=front_matter)
    return Body(value, markup, name)


def _holds_blocks(text: str) -> bool:
    """Whether a text is JSON with blocks, as a column of a table holds them."""
    if not _JSON.match(text):
        return False
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _longer_field(record: Mapping[str, object], teaser: str) -> str:
    """Return the name of the longest field with running text that means nothing to recs; "" for none."""
    texts = {name: value for name, value in _unknown_texts(record) if len(value) > len(teaser)}
    return min(texts, key=lambda name: (-len(texts[name]), name), default="")


def _unknown_texts(record: Mapping[str, object]) -> Iterable[tuple[str, str]]:
    for name, value in record.items():
        if is_known_name(fold(name)):
            continue
        text = _text_of_blocks(value) if isinstance(value, list | Mapping) else value
        if isinstance(text, str) and len(text[:2000].split()) >= _FEWEST_WORDS:
            yield name, text


def _text_of_blocks(value: object) -> str:
    try:
        return plain_text(blocks_html(value), "html")
    except ValueError:  # nested too deeply
        return ""
