"""One record of a source to one item: which field means what, under all the names that exports give it."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Literal

from recs.errors import OptionError, SourceError
from recs.items import Item, Skipped
from recs.readers.account import Account
from recs.readers.bodies import Body, find_body
from recs.readers.dates import format_date, parse_date, updated_of
from recs.readers.field_names import ALIASES
from recs.readers.record import Record
from recs.readers.values import (
    declared_links,
    fold,
    is_missing,
    one_line,
    scalar,
    switch,
    word,
    words,
)
from recs.readers.visibility import readings
from recs.readers.visibility.closings import is_known
from recs.readers.visibility.judge import OPENING, OPT_IN, PUBLICATION_MOMENTS, PUBLISHED_DATES, Judge, Verdict
from recs.text.headings import first_heading
from recs.text.plain import detect_markup, plain_text

MarkupOption = Literal["auto", "text", "html", "markdown"]


class RecordReader:
    """Turns records into items, as one set of options says, and keeps account of what it saw.

    Parameters
    ----------
    now
        What is dated later is scheduled.
    fields
        The user's own mapping, what a field means → its name in the source; goes before every alias.
    markup
        Of bodies; "auto" asks the field's name, then the body.
    public
        Pairs (field, value) that mean public here, whatever the table of visibility says.
    include_unlisted
        Whether unlisted items are public.
    opt_in
        Folded names of fields that open: where one item says yes to one, an item that does not is closed.
    """

    def __init__(
        self,
        now: datetime,
        fields: Mapping[str, str] | None = None,
        markup: MarkupOption = "auto",
        *,
        public: Iterable[tuple[str, str]] = (),
        include_unlisted: bool = False,
        opt_in: Iterable[str] = (),
    ) -> None:
        self.fields, self.markup = dict(fields or {}), markup
        self.include_unlisted = include_unlisted
        self.judge = Judge(now, public)
        self.opt_in = OPT_IN | set(opt_in)
        self.account = Account()
        for name in self.fields:
            if name not in ALIASES:
                raise OptionError(f"no field is called {name!r} here; expected one of {', '.join(ALIASES)}.")
            if not isinstance(self.fields[name], str):
                raise OptionError(f"the field for {name} is {self.fields[name]!r}, expected the name of one field.")

    def read(
        self, record: Mapping[str, object], *, where: str, default_id: str, body: Body | None = None
    ) -> Item | Skipped:
        """Return the item that a record describes, or why there is none.

        `where` is file and position, for messages, `default_id` the id of a record that has none, `body` the body where
        it is none of the fields.
        """
        try:
            found = Record(record, self.fields)
            if body is None or not body.text.strip():
                body = find_body(found.values, found.folded, self.fields.get("text"), where)
            found.add(body.front_matter)
        except (TypeError, SourceError) as error:
            return Skipped(where, str(error).removeprefix(f"{where}: ").rstrip("."))
        item_id, source_of_id = self._id(found, default_id)
        if not item_id:
            kind = type(found.first("id")).__name__
            return Skipped(where, f"its id is a {kind}; expected a string or a number")
        chosen = self.markup if self.markup != "auto" else body.markup or detect_markup(body.text)
        text = plain_text(body.text, chosen)
        verdict = self._verdict(found, body)
        item = _item(found, body, verdict, id=item_id, text=text, markup=chosen)
        self._count(found, body)
        if not text:
            return Skipped(where, _why_empty(body), item_id)
        self._remember(found, item_id, source_of_id)
        return item

    def check_options(self, source: str, public: Iterable[tuple[str, str]] = ()) -> None:
        """Raise `OptionError` if the user mapped a field that no record has, or said of one that it means public."""
        seen = self.account.seen
        named = [(name, f"for {meaning}") for meaning, name in self.fields.items()]
        folded = {fold(name) for name in seen}
        named += [(name, "to be public") for name, _ in public if fold(name.partition(".")[0]) not in folded]
        for name, what_for in named:
            if name not in seen and seen:
                found = ", ".join(repr(name) for name in sorted(seen)[:20])
                raise OptionError(f"{source}: no record has the field {name!r} {what_for}; found {found}.")

    def afterthought(self, item: Item) -> Verdict | None:
        """Return what closes an item in view of all others; None where nothing does.

        Some tools publish what says yes and nothing else, and an item that leaves its moment of publication empty,
        where others fill it, was not published.
        """
        opted_in = self.account.opted_in
        if opted_in and not any(item.id in ids for ids in opted_in.values()):
            return Verdict("draft", min(opted_in), "(absent)")
        for name, ids in sorted(self.account.unpublished.items()):
            if item.id in ids and name in self.account.moments:
                return Verdict("draft", name, "(empty)")
        return None

    def _id(self, found: Record, default_id: str) -> tuple[str, str]:
        """Return the id of a record and the field that it came from, "" for its position; "" for an id of no use."""
        for meaning in ("id", "url"):
            value = found.first(meaning)
            text = "" if isinstance(value, list) else scalar(value)
            if text and (meaning == "id" or switch(value) is None):
                return text, meaning
            if meaning == "id" and value is not None:
                return "", ""
        return default_id, ""

    def _verdict(self, found: Record, body: Body) -> Verdict:
        said = [*found.said, *body.front_matter.items()]
        if "published" in self.fields:  # then no other date says when
            said = [(name, value) for name, value in said if fold(name) not in PUBLISHED_DATES]
        also: list[tuple[str, object, readings.Reading]] = []
        name, value = found.date()
        if not name and parse_date(found.first("updated")) is not None:  # the date, to Hugo, where there is no other
            name, value = found.name_of("updated"), found.first("updated")
        if name:
            also.append((name, value, readings.publication))
        if "visibility" in self.fields:
            name = self.fields["visibility"]
            also.append((name, found.values.get(name), readings.status_word))
        verdict = self.judge.verdict(said, also)
        return Verdict("public") if verdict.visibility == "unlisted" and self.include_unlisted else verdict

    def _count(self, found: Record, body: Body) -> None:
        account = self.account
        account.seen.update(found.record)
        unused = [name for name in found.values.keys() - found.used - {body.name} if not is_missing(found.values[name])]
        placed = ALIASES["text"] if not body.name else ()
        unused = [name for name in unused if fold(name) not in placed and not is_known(fold(name))]
        account.ignored.update(sorted(unused))
        if body.is_teaser:
            account.teasers[body.name] += 1
            account.longer.update([body.longer] if body.longer else [])
        account.hidden_blocks += body.hidden_blocks
        account.unread.update(found.unread)
        account.languages.update([found.languages] if len(found.languages) > 1 else [])

    def _remember(self, found: Record, item_id: str, source_of_id: str) -> None:
        account = self.account
        if source_of_id:
            account.id_fields[source_of_id] += 1
            account.id_names.add(found.name_of(source_of_id))
        else:
            account.positional += 1
        is_open = any(fold(name) in ("status", "published", "ispublished") for name, _ in found.said)
        for name, value in found.said:
            folded = fold(name.rpartition(".")[2])
            if folded in self.opt_in and switch(value):
                account.opted_in[name].add(item_id)
            if folded in PUBLICATION_MOMENTS or folded in OPENING:
                is_of_moment = folded in PUBLICATION_MOMENTS
                if not is_missing(value) and (is_of_moment or switch(value)):
                    account.moments.add(name)
                elif is_missing(value) and not (is_of_moment and is_open):
                    account.unpublished[name].add(item_id)


def _why_empty(body: Body) -> str:
    if body.text.strip():
        return "no text but markup"
    return f"no text; its field {body.longer!r} holds some: --field text={body.longer}" if body.longer else "no text"


def _item(found: Record, body: Body, verdict: Verdict, **known: Any) -> Item:
    """Return the item that a record describes."""
    no_recommend = found.first("no_recommend")
    _, published = found.date()
    updated = found.read("updated", _moment) or _moment(updated_of(published))
    told: dict[str, Any] = {name: found.read(name, word) for name in ("category", "series", "group")}
    told |= {name: found.read(name, words) or () for name in ("tags", "pins", "aliases", "excludes")}
    told |= {name: found.read(name, scalar) for name in ("lang", "image")}
    return Item(
        **known,
        **told,
        title=found.read("title", one_line) or first_heading(body.text, known["markup"]),
        body=body.text,
        url=found.read("url", _url),
        published=_moment(published),
        updated=updated,
        excerpt=found.read("excerpt", one_line),
        visibility=verdict.visibility,
        closed_by=(verdict.field, verdict.value) if verdict.field else None,
        recommend=is_missing(no_recommend) or switch(no_recommend) is False,
        links=tuple(found.read("links", lambda value: list(declared_links(value))) or ()),
        meta=found.meta(body.name),
    )


def _moment(value: object) -> str | None:
    return format_date(parse_date(value)) if value is not None else None


def _url(value: object) -> str:
    """Return a URL; "" for a yes or no, and for what a generator has still to fill in."""
    text = scalar(value)
    return "" if switch(value) is not None or "{{" in text else text
