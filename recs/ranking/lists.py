"""The related lists of a collection, and their entries as files and pages show them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from recs.contract import Entry, Note, safe_url
from recs.errors import MissingDependencyError
from recs.items import Item, Match, Span
from recs.ranking.probability import ScoreScale
from recs.times import moment_url

if TYPE_CHECKING:
    import pandas as pd

_DECIMALS = 4


@dataclass(frozen=True, slots=True, eq=False)
class RelatedLists:
    """The related list of every public item, best first, ties by id.

    Attributes
    ----------
    lists, items
        By item id, sorted: the lists, and the items themselves.
    model
        Name, fingerprint, dim and similarity of the model; None if only terms were used.
    score
        What a score measures, and its range.
    config, counts
        The options that made the lists; how many items were ranked, left out, cut.
    corpus
        Digest of the public items: see `recs.corpus_digest`.
    notes
        Messages for the user, of the type `recs.Note`: a model that is missing, a language that it does not cover.
    twins
        By item id, for items that have any: near-duplicates and translations, sorted.
    by_terms
        The ids of items that had no vector and were ranked by their terms, sorted, if others had one.

    Examples
    --------
    >>> import recs
    >>> items = [recs.Item(id="soil", text="Compost for garden soil."), recs.Item(id="seed", text="Garden seed.")]
    >>> lists = recs.related_items(items, signals="terms", cache=False)
    >>> [(item_id, [match.id for match in lists[item_id]]) for item_id in lists]
    [('seed', ['soil']), ('soil', ['seed'])]

    `get` gives what a page shows, in the same form as the file that `recs.write_related` writes:

    >>> sorted(lists.get("seed")[0]), lists.get("unknown")
    (['id', 'score', 'title', 'url', 'via'], [])
    """

    lists: Mapping[str, tuple[Match, ...]]
    items: Mapping[str, Item]
    model: Mapping[str, object] | None
    score: ScoreScale
    config: Mapping[str, object]
    counts: Mapping[str, int]
    corpus: str
    notes: tuple[Note, ...] = ()
    twins: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    by_terms: tuple[str, ...] = ()

    def __getitem__(self, item_id: str) -> tuple[Match, ...]:
        return self.lists[item_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self.lists)

    def __len__(self) -> int:
        return len(self.lists)

    def get(self, item_id: object, default: Iterable[Entry] = ()) -> list[Entry]:
        """Return the list of an item, best first, as `recs.load_related` does; if it has none, `default` as a list.

        An entry is a dict: "id", "title", "url" (None if it may not be a link), "score", "via", and "why" if that was
        requested. The id may be of any type: 7 is "7".
        """
        matches = self.lists.get(str(item_id))
        if matches is None:
            return list(default or ())
        entries = [entry_of(self.items, str(item_id), match) for match in matches]
        return [{**entry, "url": safe_url(entry["url"])} for entry in entries]

    def to_frame(self) -> pd.DataFrame:
        """Return a table with one row for each match: id, rank (from 1), related_id, title, url, score, via.

        Raises
        ------
        MissingDependencyError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingDependencyError("to_frame", "pandas", "tables") from error
        rows = [
            (item_id, rank, match.id, self.items[match.id].title, self.items[match.id].url, match.score, match.via)
            for item_id, matches in self.lists.items()
            for rank, match in enumerate(matches, 1)
        ]
        return pd.DataFrame(rows, columns=["id", "rank", "related_id", "title", "url", "score", "via"])


def entry_of(items: Mapping[str, Item], name: str, match: Match) -> Entry:
    """Return an entry of the list of the item `name`, as it is written to a file.

    Examples
    --------
    >>> entry_of({"onions": Item("onions", "Sow them.", url="/onions/")}, "garlic", Match("onions", 0.84))
    {'id': 'onions', 'title': '', 'url': '/onions/', 'score': 0.84, 'via': 'auto'}
    """
    target = items[match.id]
    entry: Entry = {
        "id": match.id,
        "title": target.title,
        "url": target.url,
        "score": rounded(match.score),
        "via": match.via,
    }
    if match.why is not None:
        passages = match.why.passages
        entry["why"] = {
            "parts": {name: rounded(part) for name, part in match.why.parts.items()},
            "passages": None if passages is None else [list(span) for span in passages],
            "phrases": list(match.why.phrases),
            "rules": list(match.reasons),
        }
        moments = [_moment(items[each], span) for each, span in zip((name, match.id), passages or (), strict=False)]
        if any(moments):
            entry["why"]["moments"] = moments
    return entry


def _moment(item: Item, span: Span) -> dict[str, Any] | None:
    """Return when a passage is said, and the address of that moment; None if that is not known."""
    if item.times is None:
        return None
    start, end = item.times.span_seconds(*span)
    if start is None:
        return None
    return {"start": start, "end": end, "url": moment_url(item.audio or item.url, start)}


def rounded(value: float) -> float:
    """Return a number as it is written: rounded, and never minus zero.

    Examples
    --------
    >>> rounded(0.123456), rounded(-0.00001)
    (0.1235, 0.0)
    """
    return round(value, _DECIMALS) + 0.0
