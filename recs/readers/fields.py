"""Turns one record of a source into one item."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Literal

from recs.errors import OptionError, SourceError
from recs.items import Item, Markup, Skipped
from recs.readers.account import Account
from recs.readers.bodies import Body, find_body
from recs.readers.dates import format_date, parse_date, updated_of
from recs.readers.field_names import ALIASES
from recs.readers.record import Record
from recs.readers.transcripts.episode import spoken_field, with_spoken
from recs.readers.transcripts.timed import TimedText
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
from recs.readers.visibility.closings import is_only_visibility
from recs.readers.visibility.judge import OPENING, OPT_IN, PUBLICATION_MOMENTS, PUBLISHED_DATES, Judge, Verdict
from recs.text.headings import first_heading
from recs.text.plain import detect_markup, plain_text

MarkupOption = Literal["auto", "text", "html", "markdown"]
_EXTRAS = ("trailer", "bonus")  # episodes that no list shows


class RecordReader:
    """Turns records into items with one set of options, and counts what it sees.

    Parameters
    ----------
    now
        The moment after which a date makes an item scheduled.
    fields
        The user's own names of fields, by meaning; they are preferred to all aliases.
    markup
        The markup of bodies; "auto" looks at the name of the field, then at the body.
    public
        Pairs (field, value) that mean public here, whatever the table of visibility says.
    include_unlisted
        Whether unlisted items are public.
    opt_in
        Folded names of fields that publish an item. If one item says yes in such a field, every item that does not is
        closed.

    Examples
    --------
    >>> from datetime import UTC
    >>> reader = RecordReader(datetime(2026, 1, 1, tzinfo=UTC))
    >>> item = reader.read({"html": "<p>Plant it.</p>", "draft": True}, where="item 1", default_id="0")
    >>> item.id, item.text, item.visibility, item.closed_by
    ('0', 'Plant it.', 'draft', ('draft', 'true'))
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
        self.fields = dict(fields or {})
        self.markup = markup
        self.include_unlisted = include_unlisted
        public = list(public)
        self.judge = Judge(now, public)
        self._opened = {value.casefold() for name, value in public if fold(name) in ALIASES["episode_type"]}
        self.opt_in = OPT_IN | set(opt_in)
        self.account = Account()
        for name in self.fields:
            if name not in ALIASES:
                raise OptionError(f"no field is called {name!r} here; expected one of {', '.join(ALIASES)}.")
            if not isinstance(self.fields[name], str):
                raise OptionError(f"the field for {name} is {self.fields[name]!r}, expected the name of one field.")

    def read(
        self,
        record: Mapping[str, object],
        *,
        where: str,
        default_id: str,
        body: Body | None = None,
        spoken: TimedText | None = None,
    ) -> Item | Skipped:
        """Return the item that a record describes, or `Skipped` with the reason why there is none.

        `where` is file and position, for messages. `default_id` is for a record without an id. `body` is given if the
        body is not one of the fields, `spoken` if a transcript is not.
        """
        try:
            fields = Record(record, self.fields)
            spoken = spoken or _spoken(fields)
            if body is None or not body.text.strip():
                body = find_body(fields.values, fields.folded, self.fields.get("text"), where)
            fields.add(body.front_matter)
        except (TypeError, SourceError) as error:
            return Skipped(where, str(error).removeprefix(f"{where}: ").rstrip("."))
        item_id, source_of_id = self._id(fields, default_id)
        if not item_id:
            kind = type(fields.first("id")).__name__
            return Skipped(where, f"its id is a {kind}; expected a string or a number")
        markup = self.markup if self.markup != "auto" else body.markup or detect_markup(body.text)
        text = plain_text(body.text, markup)
        verdict = self._verdict(fields, body)
        item = _item(fields, body, verdict, item_id=item_id, text=text, markup=markup)
        if spoken is not None:
            item = with_spoken(item, spoken)
            body = replace(body, is_teaser=False)
        if self._is_extra(fields):
            item = replace(item, recommend=False)
        self._count(fields, body)
        if not item.text:
            return Skipped(where, _why_empty(body), item_id)
        self._remember(fields, item_id, source_of_id)
        return item

    def check_options(self, source: str, public: Iterable[tuple[str, str]] = ()) -> None:
        """Raise `OptionError` if the user names a field that no record has, in `fields` or in `public`."""
        seen = self.account.seen
        named = [(name, f"for {meaning}") for meaning, name in self.fields.items()]
        folded = {fold(name) for name in seen}
        named += [(name, "to be public") for name, _ in public if fold(name.partition(".")[0]) not in folded]
        for name, purpose in named:
            if name not in seen and seen:
                present = ", ".join(repr(name) for name in sorted(seen)[:20])
                raise OptionError(f"{source}: no record has the field {name!r} {purpose}; found {present}.")

    def afterthought(self, item: Item) -> Verdict | None:
        """Return what closes an item when all other items are known; None if nothing does.

        Some tools publish only items that say yes to publication. And if some items have a moment of publication, an
        item with an empty one was not published.
        """
        opted_in = self.account.opted_in
        if opted_in and not any(item.id in ids for ids in opted_in.values()):
            return Verdict("draft", min(opted_in), "(absent)")
        for name, ids in sorted(self.account.unpublished.items()):
            if item.id in ids and name in self.account.moments:
                return Verdict("draft", name, "(empty)")
        return None

    def _is_extra(self, fields: Record) -> bool:
        """Whether a record is a trailer or a bonus, and the user has not opened that type."""
        kind = word(fields.first("episode_type")) or ""
        return kind.casefold() in _EXTRAS and kind.casefold() not in self._opened

    def _id(self, fields: Record, default_id: str) -> tuple[str, str]:
        """Return the id of a record, and the meaning of its field, "" for a position. The id is "" if it is no use."""
        for meaning in ("id", "url"):
            value = fields.first(meaning)
            text = "" if isinstance(value, list) else scalar(value)
            if text and (meaning == "id" or switch(value) is None):
                return text, meaning
            if meaning == "id" and value is not None:
                return "", ""
        return default_id, ""

    def _verdict(self, fields: Record, body: Body) -> Verdict:
        pairs = [*fields.fields, *body.front_matter.items()]
        if "published" in self.fields:  # then no other field has the date of publication
            pairs = [(name, value) for name, value in pairs if fold(name) not in PUBLISHED_DATES]
        also: list[tuple[str, object, readings.Reading]] = []
        name, value = fields.date()
        if (
            not name and parse_date(fields.first("updated")) is not None
        ):  # Hugo takes it as the date if there is no other
            name, value = fields.name_of("updated"), fields.first("updated")
        if name:
            also.append((name, value, readings.publication))
        if "visibility" in self.fields:
            name = self.fields["visibility"]
            also.append((name, fields.values.get(name), readings.status_word))
        verdict = self.judge.verdict(pairs, also)
        return Verdict("public") if verdict.visibility == "unlisted" and self.include_unlisted else verdict

    def _count(self, fields: Record, body: Body) -> None:
        account = self.account
        account.seen.update(fields.record)
        unused = fields.values.keys() - fields.used - {body.name}
        unused = {name for name in unused if not is_missing(fields.values[name])}
        of_bodies = ALIASES["text"] if not body.name else ()
        ignored = [name for name in unused if fold(name) not in of_bodies and not is_only_visibility(fold(name))]
        account.ignored.update(sorted(ignored))
        if body.is_teaser:
            account.teasers[body.name] += 1
            account.longer.update([body.longer] if body.longer else [])
        account.used.update(fields.used_fields(body.name))
        account.hidden_blocks += body.hidden_blocks
        account.unread.update(fields.unread)
        account.languages.update([fields.languages] if len(fields.languages) > 1 else [])

    def _remember(self, fields: Record, item_id: str, source_of_id: str) -> None:
        """Remember where the id came from, and which fields publish the item or leave its publication open."""
        account = self.account
        if source_of_id:
            account.id_fields[source_of_id] += 1
            account.id_names.add(fields.name_of(source_of_id))
        else:
            account.positional += 1
        has_status = any(fold(name) in ("status", "published", "ispublished") for name, _ in fields.fields)
        for name, value in fields.fields:
            folded = fold(name.rpartition(".")[2])
            if folded in self.opt_in and switch(value):
                account.opted_in[name].add(item_id)
            if folded in PUBLICATION_MOMENTS or folded in OPENING:
                is_of_moment = folded in PUBLICATION_MOMENTS
                if not is_missing(value) and (is_of_moment or switch(value)):
                    account.moments.add(name)
                elif is_missing(value) and not (is_of_moment and has_status):
                    account.unpublished[name].add(item_id)


def _spoken(fields: Record) -> TimedText | None:
    """Return the transcript in a field of a record."""
    name = fields.name_of("transcript")
    spoken = spoken_field(fields.values[name]) if name else None
    if name and spoken is None:
        fields.used.discard(name)  # it is reported as a field that is not read
    return spoken


def _why_empty(body: Body) -> str:
    if body.text.strip():
        return "no text but markup"
    if body.longer:
        return f"no text; its field {body.longer!r} holds some: --field text={body.longer}"
    return "no text"


def _item(fields: Record, body: Body, verdict: Verdict, *, item_id: str, text: str, markup: Markup) -> Item:
    """Return the item that a record describes."""
    no_recommend = fields.first("no_recommend")
    _, published = fields.date()
    updated = fields.read("updated", _moment) or _moment(updated_of(published))
    values: dict[str, Any] = {name: fields.read(name, word) for name in ("category", "series", "group")}
    values |= {name: fields.read(name, words) or () for name in ("tags", "pins", "aliases", "excludes")}
    values |= {name: fields.read(name, scalar) for name in ("lang", "image", "audio")}
    return Item(
        id=item_id,
        text=text,
        title=fields.read("title", one_line) or first_heading(body.text, markup),
        body=body.text,
        markup=markup,
        url=fields.read("url", _url),
        published=_moment(published),
        updated=updated,
        excerpt=fields.read("excerpt", one_line),
        visibility=verdict.visibility,
        closed_by=(verdict.field, verdict.value) if verdict.field else None,
        recommend=is_missing(no_recommend) or switch(no_recommend) is False,
        links=tuple(fields.read("links", lambda value: list(declared_links(value))) or ()),
        meta=fields.meta(body.name),
        **values,
    )


def _moment(value: object) -> str | None:
    return format_date(parse_date(value)) if value is not None else None


def _url(value: object) -> str:
    """Return a URL; "" for a yes or no, and for a template that a site generator would fill in."""
    text = scalar(value)
    return "" if switch(value) is not None or "{{" in text else text
