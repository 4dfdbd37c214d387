"""Finds the body of a record: the field that holds the whole text, and its markup."""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from recs.errors import SourceError
from recs.items import Markup
from recs.readers.field_names import ALIASES, TEASERS, is_known_name, markup_by_name, says_body
from recs.readers.folders.front_matter import has_front_matter, split_front_matter
from recs.readers.values import Repeated, fold
from recs.text.plain import plain_text

_JSON = re.compile(r'\s*(?:\{\s*"|\[\s*\{)')
_SHORT = 500  # characters; HTML below this length may hold no text at all
_FEWEST_WORDS = 8  # in a text that may be the body


@dataclass(frozen=True, slots=True)
class Body:
    """The body of a record.

    Attributes
    ----------
    text, markup
        The source of the body, and its markup if the field's name or its content tells it.
    name
        The field that it was read from; "" if the record has no text.
    is_teaser
        Whether that field is a teaser, because there is no field with the whole text.
    longer
        A field with an unknown name that holds more text than the field that was read; "" for none.
    front_matter
        Fields from the beginning of the body itself.
    hidden_blocks
        How many of its blocks are marked as hidden; they are not in the text.
    """

    text: str = ""
    markup: Markup | None = None
    name: str = ""
    is_teaser: bool = False
    longer: str = ""
    front_matter: Mapping[str, Any] = field(default_factory=dict)
    hidden_blocks: int = 0


@dataclass(frozen=True, slots=True)
class Document:
    """A file of a folder: its fields and its body."""

    fields: Mapping[str, object]
    body: str
    markup: Markup


def find_body(record: Mapping[str, object], folded: Mapping[str, str], mapped: str | None, where: str) -> Body:
    """Return the body of a record.

    If the user named a field (`mapped`), only that field is read. Otherwise these are tried in turn: the fields that
    are known to hold a body, fields with a name like body or content, and teasers. `folded` maps folded names to names.

    Raises `SourceError` if front matter in the body cannot be read, since it may say that the item is closed.

    Examples
    --------
    >>> record = {"summary": "On garlic.", "content_md": "Plant it in *October*."}
    >>> body = find_body(record, {fold(name): name for name in record}, None, "item 1")
    >>> body.name, body.markup
    ('content_md', 'markdown')
    """
    if mapped is not None:
        return _read(record, mapped, where) or Body()
    names = [folded[alias] for alias in ALIASES["text"] if alias in folded]
    body = _first_body(record, names, where)
    if body is None:
        others = [name for name in record if says_body(name) and not is_known_name(fold(name))]
        bodies = [body for name in others if (body := _read(record, name, where))]
        body = min(bodies, key=_preference, default=None)
    if body is not None:
        return body
    teaser = _first_body(record, [folded[name] for name in TEASERS if name in folded], where) or Body()
    longer = _longer_field(record, teaser.text)
    return replace(teaser, is_teaser=bool(teaser.text), longer=longer)


def _first_body(record: Mapping[str, object], names: Iterable[str], where: str) -> Body | None:
    return next((body for name in names if (body := _read(record, name, where))), None)


def _preference(body: Body) -> tuple[bool, int, str]:
    """Return a sort key: HTML first, since it is what the author's readers see; then the longest; ties by name."""
    return body.markup != "html", -len(body.text), body.name


def _read(record: Mapping[str, object], name: str, where: str) -> Body | None:
    """Return the content of a field as a body; None if it has no text."""
    value = record.get(name)
    if isinstance(value, Repeated):
        value = value[-1]
    if isinstance(value, Mapping | list) or (isinstance(value, str) and _holds_blocks(value)):
        from recs.readers.blocks.text import blocks_html, hidden_blocks

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
    """Whether a text is JSON with blocks, as in a column of a table."""
    if not _JSON.match(text):
        return False
    try:
        return isinstance(json.loads(text), dict | list)
    except (ValueError, RecursionError):
        return False


def _longer_field(record: Mapping[str, object], teaser: str) -> str:
    """Return the name of the longest field with running text that recs does not know; "" for none."""
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
    from recs.readers.blocks.text import blocks_html

    try:
        return plain_text(blocks_html(value), "html")
    except ValueError:  # nested too deeply
        return ""
