"""One record of a source to one item: which field means what, under all the names that exports give it."""

import html
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from recs.errors import OptionError
from recs.items import Item, Link, Markup, Skipped
from recs.readers import visibility as visible
from recs.readers.dates import format_date, parse_date
from recs.text import detect_markup, plain_text

MarkupOption = Literal["auto", "text", "html", "markdown"]

# Field names by what they mean, folded (see `visible.fold`), the better first.
_ALIASES = {
    "id": "id guid slug postid identifier uuid",
    "text": "contenthtml html content contenttext text body plaintext markdown transcript contentencoded description"
    " summary",
    "title": "title name headline",
    "url": "url link permalink externalurl canonicalurl",
    "lang": "lang language locale",
    "published": "date datepublished published publishedat pubdate publishdate createdat created",
    "updated": "updated modified datemodified updatedat lastmod",
    "tags": "tags keywords categories labels",
    "category": "category section",
    "series": "series",
    "group": "group",
    "image": "image featureimage bannerimage cover thumbnail",
    "excerpt": "excerpt customexcerpt teaser",
    "pins": "pins related",
    "excludes": "excludes exclude",
    "no_recommend": "norecommend",
    "links": "links internallinks",
    "visibility": "",  # only where the user maps it: `visible.NAMES` are many
}
ALIASES = {meaning: names.split() for meaning, names in _ALIASES.items()}
KNOWN_NAMES = visible.NAMES.union(*ALIASES.values())
_MARKUP_BY_NAME: Mapping[str, Markup] = {
    **dict.fromkeys(("contenthtml", "html", "contentencoded"), "html"),
    "markdown": "markdown",
}
_TAG = re.compile(r"<[^<>]{0,500}>")


@dataclass(slots=True)
class RecordReader:
    """Turns records into items, as one set of options says, and keeps count of fields without a place.

    What is dated later than `now` is scheduled. `fields` is the user's own mapping, what a field means → its name in
    the source, and goes before every alias; `markup` is of bodies, where "auto" asks the field's name, then the body.
    """

    now: datetime
    fields: Mapping[str, str] = field(default_factory=dict)
    markup: MarkupOption = "auto"
    ignored: Counter[str] = field(default_factory=Counter)
    seen: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        for name in self.fields:
            if name not in ALIASES:
                raise OptionError(f"no field is called {name!r} here; expected one of {', '.join(ALIASES)}.")

    def read(
        self, record: Mapping[str, object], *, where: str, default_id: str, markup: Markup | None = None
    ) -> Item | Skipped:
        """Return the item that a record describes, or why there is none.

        `where` is file and position, for messages, `default_id` the id of a record that has none, `markup` what the
        source's format says its bodies are written in.
        """
        record = {str(name): plain(value) for name, value in record.items()}
        self.seen.update(record)
        folded: dict[str, str] = {}
        for name in record:
            folded.setdefault(visible.fold(name), name)
        used: set[str] = set()
        values = {meaning: self._find(meaning, record, folded, used) for meaning in ALIASES}
        item_id = _scalar(values["id"])
        if not item_id and values["id"] is not None:
            return Skipped(where, f"its id is a {type(values['id']).__name__}; expected a string or a number")
        item_id = item_id or _scalar(values["url"]) or default_id
        body, name = self._body(record, folded, used)
        by_name = markup or _MARKUP_BY_NAME.get(visible.fold(name))
        chosen = self.markup if self.markup != "auto" else by_name or detect_markup(body)
        text = plain_text(body, chosen)
        self.ignored.update(name for name in sorted(record.keys() - used) if visible.fold(name) not in visible.NAMES)
        if not text:
            return Skipped(where, "no text" if body.strip() == "" else "no text but markup", item_id)
        published = values["published"]
        said = [(visible.fold(name), value) for name, value in record.items()]
        if "published" in self.fields:  # then no other date says when
            said = [(name, value) for name, value in said if name not in visible.PUBLISHED_DATES]
        said.append(("status", values["visibility"]))
        shown = visible.visibility(said, _as_date(published), self.now)
        as_told: dict[str, Any] = {name: _scalar(values[name]) or None for name in ("url", "lang", "image")}
        as_told |= {name: _word(values[name]) for name in ("category", "series", "group")}
        as_told |= {name: _words(values[name]) for name in ("tags", "pins", "excludes")}
        return Item(
            **as_told,
            id=item_id,
            text=text,
            title=_title(values["title"]),
            body=body,
            markup=chosen,
            published=format_date(parse_date(_as_date(published))),
            updated=format_date(parse_date(values["updated"])),
            excerpt=_title(values["excerpt"]) or None,
            visibility=shown,
            recommend=visible.is_missing(values["no_recommend"]) or visible.switch(values["no_recommend"]) is False,
            links=tuple(_links(values["links"])),
            meta={name: value for name, value in record.items() if name not in used},
        )

    def check_fields(self, source: str) -> None:
        """Raise `OptionError` if the user mapped a field that no record has."""
        for meaning, name in self.fields.items():
            if name not in self.seen and self.seen:
                found = ", ".join(repr(name) for name in sorted(self.seen)[:20])
                raise OptionError(f"{source}: no record has the field {name!r} for {meaning}; found {found}.")

    def _find(self, meaning: str, record: Mapping[str, object], folded: Mapping[str, str], used: set[str]) -> object:
        """Return the first value under any name of a field that is not missing."""
        for name in self._names(meaning, folded):
            used.add(name)
            if not visible.is_missing(record.get(name)):
                return record[name]
        return None

    def _names(self, meaning: str, folded: Mapping[str, str]) -> Iterator[str]:
        if meaning in self.fields:
            yield self.fields[meaning]
        else:
            yield from (folded[alias] for alias in ALIASES[meaning] if alias in folded)

    def _body(self, record: Mapping[str, object], folded: Mapping[str, str], used: set[str]) -> tuple[str, str]:
        """Return the body and the name of its field: the first that holds text."""
        for name in self._names("text", folded):
            used.add(name)
            value = record.get(name)
            if isinstance(value, Mapping):  # {"rendered": "…"}, {"value": "…"}
                value = next((value[key] for key in ("rendered", "value", "html") if key in value), None)
            if isinstance(value, list):
                value = next((part["value"] for part in value if isinstance(part, Mapping) and "value" in part), None)
            if isinstance(value, str) and value.strip():
                return value, name
        return "", ""


def plain(value: Any) -> Any:
    """Return a value of numpy, pandas, decimal or uuid as Python's own; None for NaT and NA."""
    if value is None or type(value) in (str, int, float, bool, dict, datetime):
        return value
    if isinstance(value, list | tuple):
        return [part if isinstance(part, list | tuple) else plain(part) for part in value]  # no deeper: a YAML bomb
    if getattr(getattr(value, "dtype", None), "kind", "") == "M" and hasattr(value, "astype"):
        value = value.astype("datetime64[us]")  # nanoseconds have no datetime
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    if type(value).__name__ in ("NaTType", "NAType"):
        return None
    if isinstance(value, Decimal):
        whole = value.is_finite() and value.adjusted() < 30 and value == value.to_integral_value()
        return None if value.is_nan() else int(value) if whole else str(value)
    return str(value) if isinstance(value, UUID) else value


def _scalar(value: object) -> str:
    """Return an id, url or code as a string; "" for what cannot be one. A whole number has no decimal point."""
    if isinstance(value, Mapping):
        value = next((value[key] for key in ("rendered", "value", "url") if key in value), None)
    if isinstance(value, bool) or visible.is_missing(value):
        return ""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    # A lone surrogate, which JSON may hold and UTF-8 cannot, is replaced.
    return str(value).encode("utf-8", "replace").decode("utf-8") if isinstance(value, str | int | float) else ""


def _title(value: object) -> str:
    """Return one line of plain text."""
    text = _scalar(value)
    return " ".join(plain_text(html.unescape(_TAG.sub("", text) if "</" in text else text), "text").split())


def _links(value: object) -> Iterator[Link]:
    """Yield declared links: ids or addresses, or objects that hold one and perhaps the words of the link."""
    for entry in value if isinstance(value, list | tuple) else [value]:
        record = entry if isinstance(entry, Mapping) else {"target": entry}
        target = next((_scalar(record[key]) for key in ("target", "dst", "url", "href", "id") if key in record), "")
        if target:
            yield Link(0, 0, _scalar(record.get("anchor") or record.get("text")), target)


def _as_date(value: object) -> object:
    """Return a value that should be a date; None for the yes or no of a field like "published"."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number or visible.switch(value) is None else None


def _word(value: object) -> str | None:
    """Return the first name of a value, a string being one name whatever commas it holds."""
    return next(iter(_words([value] if isinstance(value, str) else value)), None)


def _words(value: object) -> tuple[str, ...]:
    """Return tags: of a list of strings or of objects with a name, or of a string with commas."""
    listed = value.split(",") if isinstance(value, str) else value
    parts: list[object] = list(listed) if isinstance(listed, list | tuple | set) else [listed]
    names = [part.get("name") or part.get("slug") if isinstance(part, Mapping) else part for part in parts]
    return tuple(dict.fromkeys(filter(None, (_scalar(name).strip() for name in names))))
