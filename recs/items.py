"""The nouns of a collection: items, the links between them, what was left out, and what was matched."""

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import date
from pathlib import PurePath
from typing import Any, Literal, get_args

from recs.errors import SourceError

Markup = Literal["text", "html", "markdown"]
Visibility = Literal["public", "unlisted", "draft", "private", "scheduled", "unknown"]
Via = Literal["auto", "pin", "fallback"]
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Link:
    """A link from one item to another.

    start and stop are its span in the body, in characters, half open (0, 0 where only its words are known); anchor is
    the words that carry it, target the id of the item it leads to.
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
        The plain text that is embedded and that every offset addresses: no markup, NFC, blocks separated by one blank
        line, sections (each begins with its heading) by two.
    body, markup
        The source as it was read, and what it is written in.
    published, updated
        ISO 8601 dates as normalised by the reader, or None.
    visibility
        Only "public" is ever recommended, searched or mapped; "unknown" is a value the reader did not recognise.
    group
        A name shared by items of which few should be shown together.
    links
        To other items of the collection: found in the body, or declared.
    pins, excludes
        Ids that an editor wants first in this item's list, and never in it.
    aliases
        Other names, and earlier URLs, by which links may call the item.
    closed_by
        The field and the value that closed the item, as the source spells them; None where nothing did.
    recommend
        Whether the item may stand in the lists of others.
    meta
        Fields of the source that recs has no place for.

    Notes
    -----
    What is given in place of text (a path, a lazy title, a tag of a CMS) becomes its text, what is given in place of a
    tuple (a list, a generator) a tuple. `SourceError` for an object that has no text of its own.
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
    meta: Mapping[str, object] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        for name in _TEXTS:
            value = getattr(self, name)
            if value is None and name in ("title", "body"):
                object.__setattr__(self, name, "")
            elif type(value) is not str and (value is not None or name in ("id", "text")):
                object.__setattr__(self, name, _as_text(value, f"item {self.id!r}: its {name}"))
        for name in _NAMES:
            values = getattr(self, name)
            if type(values) is not tuple or any(type(value) is not str for value in values):
                object.__setattr__(self, name, _as_names(values, f"item {self.id!r}: its {name}"))
        for name, kind in _CHOICES.items():
            if getattr(self, name) not in get_args(kind):
                expected = ", ".join(get_args(kind))
                raise SourceError(f"item {self.id!r}: its {name} is {getattr(self, name)!r}, expected {expected}.")
        if any(not isinstance(link, Link) for link in self.links):
            raise SourceError(f"item {self.id!r}: its links must be of the type Link.")

    @property
    def is_public(self) -> bool:
        """Whether the item may be recommended, searched or mapped."""
        return self.visibility == "public"


_TEXTS = (
    *("id", "text", "title", "body", "url", "lang", "published", "updated", "category", "series", "group", "image"),
    "excerpt",
)
_NAMES = ("tags", "pins", "excludes", "aliases")
_CHOICES: Mapping[str, Any] = {"markup": Markup, "visibility": Visibility}


def _as_names(values: Any, what: str) -> tuple[str, ...]:
    """Return strings of whatever holds them, sets sorted; `SourceError` for what holds none."""
    if values is None:
        return ()
    if isinstance(values, str):
        return (values,)
    if isinstance(values, Mapping) or not isinstance(values, Iterable):
        raise SourceError(f"{what} are a {type(values).__name__}; expected strings.")
    named = tuple(_as_text(value, f"{what} hold what") for value in values)
    return tuple(sorted(named)) if isinstance(values, Set) else named


def _as_text(value: Any, what: str) -> str:
    """Return an object as the text that it has; `SourceError` for one without a text of its own."""
    if isinstance(value, PurePath):
        return value.as_posix()
    if isinstance(value, date):
        return value.isoformat()
    own_text: Any = type(value).__str__
    has_text = own_text is not object.__str__ and not isinstance(value, bytes)
    if not (has_text or isinstance(value, int | float)) or isinstance(value, bool):
        raise SourceError(f"{what} is a {type(value).__name__}; expected text.")
    return str(value)


@dataclass(frozen=True, slots=True)
class Skipped:
    """Something that a source held and the collection does not.

    where is file and position, as a person would look it up ("posts.json: item 3", "notes.csv: line 17"), reason is
    why, in a few words ("no text"), and id the id, if it was known.
    """

    where: str
    reason: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Why:
    """Why a match stands in a list.

    parts is what each signal has of the score, to which they sum; phrases are words that both items use and few others
    do, the most telling first; passages the two passages that are most alike, as spans in the texts of the item and of
    the match, None where the texts were not cut into passages.
    """

    parts: Mapping[str, float]
    phrases: tuple[str, ...] = ()
    passages: tuple[Span, Span] | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """One entry of a list: an item, how well it scored, and where it came from.

    score is higher for better; what it measures is told by the list it stands in. via is "auto" from the ranking, "pin"
    from an editor, "fallback" where it stands so that some list holds the item. reasons say which rule put it there,
    why what makes the two related, where that was asked for.
    """

    id: str
    score: float
    via: Via = "auto"
    reasons: tuple[str, ...] = ()
    why: Why | None = None


@dataclass(frozen=True, slots=True)
class Collection(Sequence[Item]):
    """What one source holds, with an account of what was left out.

    Attributes
    ----------
    items
        In the order of the source, ids unique, drafts and private items included (`public` leaves them out).
    source
        The name of the source, for messages.
    skipped
        What was not read and why.
    ignored_fields
        Fields of the source that recs has no place for, and in how many items each was seen.
    boilerplate
        Lines that stood in most items and were removed from `Item.text`, with the number of items that each stood in.
    notes
        What a person should be told of how the source was read: where ids came from, which fields were passed over.

    Raises `SourceError` if two items share an id.
    """

    items: tuple[Item, ...]
    source: str = "items"
    skipped: tuple[Skipped, ...] = ()
    ignored_fields: Mapping[str, int] = field(default_factory=dict)
    boilerplate: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

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

    @property
    def public(self) -> tuple[Item, ...]:
        """The items that may be shown, sorted by id: the canonical order of every computation."""
        return tuple(sorted((item for item in self.items if item.is_public), key=lambda item: item.id))


@dataclass(frozen=True, slots=True)
class ScoreScale:
    """What a score measures and the range it lies in, None for no bound.

    Kinds: "p_linked" (how likely it is that the author links the two, estimated on other sites: within a factor of
    about 2.5 on a new one), "p_linked_here" (the same, learned from the site's own links by `recs tune`),
    "centred_cosine" (cosine after the mean of the collection was taken out of every vector), "dot", "euclidean" (minus
    the distance), "tfidf_cosine" or "share_of_title".
    """

    kind: str
    range: tuple[float | None, float | None]
