"""The types of a collection: items, the links between them, what was skipped, and what was matched."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from typing import Any, Literal, get_args

from recs.errors import SourceError
from recs.texts import as_names, as_text
from recs.times import Times

Markup = Literal["text", "html", "markdown"]
Visibility = Literal["public", "unlisted", "draft", "private", "scheduled", "unknown"]
Via = Literal["auto", "pin", "fallback"]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Link:
    """A link from one item to another.

    start and stop are its span in the body, in characters, half open (0, 0 if only its words are given); anchor is the
    words of the link; target is the id of the item that it leads to.

    Examples
    --------
    >>> body = "Plant it after the onions."
    >>> link = Link(start=15, stop=25, anchor="the onions", target="onions")
    >>> body[link.start : link.stop]
    'the onions'
    """

    start: int
    stop: int
    anchor: str
    target: str


@dataclass(frozen=True, slots=True)
class Item:
    """One piece of writing.

    Attributes
    ----------
    text
        The plain text: it is embedded, and every offset counts its characters. It has no markup and is in NFC. One
        blank line separates blocks; two separate sections, each of which begins with its heading.
    body, markup
        The text as the source has it, and the markup of that text.
    published, updated
        ISO 8601 dates, or None.
    visibility
        Only "public" items are recommended, searched or mapped. "unknown" means that the source has a value that recs
        does not recognise.
    group
        A name that items share. `recs.Rules.per_group` limits how many of a group are in one list.
    links
        Links to other items of the collection, from the body or from a field of the source.
    pins, excludes
        Ids that an editor wants first in this item's list, and ids that must not be in it.
    aliases
        Other names and earlier URLs of the item; a link may use them.
    closed_by
        The field and the value that made the item not public, as the source spells them; else None.
    recommend
        Whether the item may be in the lists of other items.
    audio
        The URL of the sound of an episode.
    times
        If the text ends with a transcript: when its characters are said. What an author wrote comes before it.
    meta
        Fields of the source that recs does not use.

    Raises
    ------
    SourceError
        If a value has the wrong type, or markup or visibility has an unknown value.

    Notes
    -----
    A value that can be written as text (a path, a date, a lazy title or a tag of a CMS) is converted to text. A list or
    a generator is converted to a tuple.

    Examples
    --------
    >>> item = Item(id="garlic", text="Plant the cloves in autumn.", title="Garlic", tags=["garden"])
    >>> item.tags, item.visibility, item.is_public
    (('garden',), 'public', True)
    """

    id: str
    text: str
    title: str = ""
    body: str = ""
    markup: Markup = "text"
    url: str | None = None
    lang: str | None = None
    published: str | None = None
    updated: str | None = None
    tags: tuple[str, ...] = ()
    category: str | None = None
    series: str | None = None
    group: str | None = None
    image: str | None = None
    excerpt: str | None = None
    visibility: Visibility = "public"
    links: tuple[Link, ...] = ()
    pins: tuple[str, ...] = ()
    excludes: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    closed_by: tuple[str, str] | None = None
    recommend: bool = True
    audio: str | None = None
    times: Times | None = None
    meta: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name in _TEXTS:
            value = getattr(self, name)
            if value is None and name in ("title", "body"):
                object.__setattr__(self, name, "")
            elif type(value) is not str and (value is not None or name in ("id", "text")):
                object.__setattr__(self, name, as_text(value, f"item {self.id!r}: its {name}"))
        for name in _NAMES:
            values = getattr(self, name)
            if type(values) is not tuple or any(type(value) is not str for value in values):
                object.__setattr__(self, name, as_names(values, f"item {self.id!r}: its {name}"))
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                expected = ", ".join(choices)
                raise SourceError(f"item {self.id!r}: its {name} is {getattr(self, name)!r}, expected {expected}.")
        if self.times is not None and not isinstance(self.times, Times):
            raise SourceError(f"item {self.id!r}: its times must be of the type Times.")
        if any(not isinstance(link, Link) for link in self.links):
            raise SourceError(f"item {self.id!r}: its links must be of the type Link.")

    @property
    def is_public(self) -> bool:
        """Whether the item may be recommended, searched or mapped."""
        return self.visibility == "public"

    @property
    def written(self) -> int:
        """How many characters of the text were written: all of it, or those before the transcript."""
        return len(self.text) if self.times is None else self.times.begin


_TEXTS = (
    *("id", "text", "title", "body", "url", "lang", "published", "updated", "category", "series", "group", "image"),
    *("excerpt", "audio"),
)
_NAMES = ("tags", "pins", "excludes", "aliases")
_CHOICES = {"markup": get_args(Markup), "visibility": get_args(Visibility)}


@dataclass(frozen=True, slots=True)
class Skipped:
    """An entry of a source that is not in the collection.

    where is the file and the position ("posts.json: item 3"), reason says why it was skipped, and id is its id or None.

    Examples
    --------
    >>> skipped = Skipped("posts.json: item 3", "no text")
    >>> f"{skipped.where}: {skipped.reason}"
    'posts.json: item 3: no text'
    """

    where: str
    reason: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """Why a match is in a list.

    parts is the share of each signal in the score, and what closeness in time adds to it ("dates", below 0 if the items
    are further apart than most); the parts add up to the score. phrases are words that both items use and few others
    do, the most telling first. passages are the two most similar passages, as spans in the texts of the item and of the
    match; None if the texts were not cut into passages.
    """

    parts: Mapping[str, float]
    phrases: tuple[str, ...] = ()
    passages: tuple[Span, Span] | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """One entry of a list: the id of an item, its score, and how it came into the list.

    A higher score is better; `RelatedLists.score` says what it measures. via is "auto" if the ranking chose the item,
    "pin" if an editor did, and "fallback" if it was added so that enough lists have it, or that a list is full. reasons
    are the rules that put it into the list. why says what makes the two items related, if that was requested.

    Examples
    --------
    >>> match = Match("onions", 0.84)
    >>> match.id, match.score, match.via
    ('onions', 0.84, 'auto')
    """

    id: str
    score: float
    via: Via = "auto"
    reasons: tuple[str, ...] = ()
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class Collection(Sequence[Item]):
    """The items of one source, and what was left out of them.

    Attributes
    ----------
    items
        All items in the order of the source, drafts and private items included (`public` leaves them out). Ids are
        unique.
    source
        The name of the source, for messages.
    skipped
        Entries that were not read, and why.
    ignored_fields
        Fields of the source that recs does not use, each with the number of items that have it.
    boilerplate
        Lines that most items repeat and that were removed from `Item.text`, each with the number of items that had it.
    notes
        Messages for the user about the reading: which field gave the ids, which fields were not used.
    changes_at
        The next moment in ISO 8601 at which a scheduled item becomes public or an item expires; None if there is none.
    format
        What the source is, and how that was recognised, for people.
    fields
        The fields of the source that were read: by meaning ("title", "text", …), their names with numbers of items.

    Raises
    ------
    SourceError
        If two items share an id.

    Examples
    --------
    >>> draft = Item(id="c", text="Rot.", visibility="draft")
    >>> collection = Collection((Item(id="b", text="Soil."), Item(id="a", text="Garlic."), draft))
    >>> len(collection), collection[0].id, [item.id for item in collection.public]
    (3, 'b', ['a', 'b'])
    """

    items: tuple[Item, ...]
    source: str = "items"
    skipped: tuple[Skipped, ...] = ()
    ignored_fields: Mapping[str, int] = field(default_factory=dict)
    boilerplate: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    changes_at: str | None = None
    format: str = "a list"
    fields: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        first: dict[str, int] = {}
        for position, item in enumerate(self.items, 1):
            if item.id in first:
                both = f"items {first[item.id]} and {position}"
                raise SourceError(f"{self.source}: {both} share the id {item.id!r}; ids must be unique.")
            first[item.id] = position

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, index: Any) -> Any:
        return self.items[index]

    def _repr_html_(self) -> str:
        """Return what a notebook shows: where the items come from, how many are public, and some of them."""
        counts = Counter(item.visibility for item in self.items)
        kinds = ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items(), key=lambda pair: -pair[1]))
        rows = "".join(
            f"<tr><td>{escape(item.id)}</td><td>{escape(item.title or item.text[:80])}</td>"
            f"<td>{escape(item.published or '')[:10]}</td><td>{escape(', '.join(item.tags))}</td></tr>"
            for item in self.public[:10]
        )
        left_out = f"<p>{len(self.skipped):,} entries were skipped.</p>" if self.skipped else ""
        head = f"<p><b>{escape(self.source)}</b>: {escape(self.format)}; {len(self.items):,} items: {kinds}</p>"
        return f"{head}{left_out}<table><tr><th>id<th>title<th>date<th>tags</tr>{rows}</table>"

    @property
    def public(self) -> tuple[Item, ...]:
        """The public items, sorted by id. Every computation uses this order."""
        return tuple(sorted((item for item in self.items if item.is_public), key=lambda item: item.id))
