"""What a source is once it is open: its records, and how its format was recognised."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

from recs.errors import SourceError

Format = Literal[
    "json",
    "jsonl",
    "csv",
    "parquet",
    "sqlite",
    "folder",
    "feed",
    "wordpress",
    "wordpress-rest",
    "ghost",
    "substack",
    "medium",
    "blogger",
    "notion",
    "tumblr",
    "buttondown",
]
FORMATS: tuple[Format, ...] = get_args(Format)
OF_DOCUMENTS: frozenset[Format] = frozenset(("ghost", "wordpress-rest", "tumblr", "buttondown"))
"""Formats of platforms that are JSON."""
Records: TypeAlias = Iterator[tuple[str, object]]
"""Pairs of a position, as a person would look it up ("posts.json: item 3"), and the record there."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A source that is open.

    Attributes
    ----------
    name
        The name of the source, for messages.
    records
        Its records with their positions. They are read while the caller goes through them.
    format
        What the source is and how that was recognised, for people.
    kind
        "table" for CSV, Parquet, SQLite and Substack, "frame" for a data frame, "feed" for a feed, "" for any other
        source.
    opt_in, public
        What the configuration of its site says of visibility: see `Site.opt_in` and `Site.public_values`.
    """

    name: str
    records: Records
    format: str
    kind: Literal["", "table", "frame", "feed"] = ""
    opt_in: tuple[str, ...] = ()
    public: tuple[tuple[str, str], ...] = ()


def does_not_fit(source: str, format: Format) -> SourceError:
    """Return the error for a source that is not of the format that the user named."""
    return SourceError(f"{source}: does not look like {format}; leave out --input-format, or name another one.")
