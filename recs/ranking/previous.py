"""Lists of an earlier run: an entry stays until an item is edited, its score drifts, or a better match comes.

The rules of the present run come first: `recs.ranking.arrange` makes each list by them, and gives entries that may stay
their score of then and a small advantage.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recs.contract import SCHEMA, Note, content_of, corpus_digest
from recs.errors import SourceError
from recs.items import Item
from recs.ranking.chooser import Pick, Ranking

_DRIFT = 0.05  # a list is made again if a score differs by more from that of the earlier run


def item_digest(item: Item) -> str:
    """Return 16 hexadecimal digits that change when the item is edited.

    Examples
    --------
    >>> item_digest(Item(id="a", text="Plant it.")) == item_digest(Item(id="a", text="Plant it in autumn."))
    False
    """
    return corpus_digest([(item.id, content_of(item))])[:16]


def earlier_lists(path: Path) -> Mapping[str, Any]:
    """Return the items in a result of `recs related` as JSON; none if the file is missing.

    Raises
    ------
    SourceError
        If the file is something else.
    """
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        items: Mapping[str, Any] = document["items"]
        entries = [entry for item in items.values() for entry in item["related"]]
        if document["schema"] != SCHEMA or not all({"id", "score", "via"} <= set(entry) for entry in entries):
            raise ValueError(f"expected lists of {SCHEMA}")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise SourceError(f"{path}: not a result of recs related as JSON ({error}).") from error
    kind = document.get("score", {}).get("kind") if isinstance(document.get("score"), dict) else None
    if kind is not None:
        for entry in entries:
            entry["score_kind"] = kind
    return items


def staying_scores(
    items: Sequence[Item], ranking: Ranking, earlier: Mapping[str, Any], *, scale: str
) -> list[dict[int, float]]:
    """Return for each row the entries of its earlier list that may stay, with the scores of then.

    An entry may stay if neither item was edited since then and the score has hardly changed. If the score of one entry
    has drifted, none of the list stays. `scale` is the kind of the present scores: scores of another kind are not
    compared.

    Examples
    --------
    >>> items = [Item(id="a", text="Soil"), Item(id="b", text="Seed"), Item(id="c", text="Harvest")]
    >>> related = [{"id": "b", "score": 0.52, "via": "auto"}]
    >>> earlier = {"a": {"digest": item_digest(items[0]), "related": related}, "b": {"digest": item_digest(items[1])}}
    >>> staying_scores(items, [[(1, 0.5), (2, 0.4)], [], []], earlier, scale="p_linked")
    [{1: 0.52}, {}, {}]
    """
    row_of = {item.id: row for row, item in enumerate(items)}
    unedited = {item.id for item in items if earlier.get(item.id, {}).get("digest") == item_digest(item)}
    staying: list[dict[int, float]] = []
    for row, item in enumerate(items):
        related = earlier[item.id].get("related", ()) if item.id in unedited else ()
        listed = {row_of[entry["id"]]: entry for entry in related if entry["id"] in unedited}
        scores = dict(ranking[row])
        scores_of_then = {
            other: float(entry["score"])
            for other, entry in listed.items()
            if entry["via"] == "auto" and other in scores and entry.get("score_kind", scale) == scale
        }
        has_drifted = any(abs(scores[other] - score) > _DRIFT for other, score in scores_of_then.items())
        staying.append({} if has_drifted else scores_of_then)
    return staying


def count_changes(items: Sequence[Item], picks: Sequence[Sequence[Pick]], earlier: Mapping[str, Any]) -> Note:
    """Return a message that says how many lists differ from those of an earlier run."""
    before = {name: [entry["id"] for entry in item["related"]] for name, item in earlier.items()}
    now = {item.id: [items[pick.row].id for pick in picks[row]] for row, item in enumerate(items)}
    changed = sum(before.get(name) != ids for name, ids in now.items())
    gone = len(set(before) - set(now))
    return Note(f"{changed} of {len(now)} lists are new or changed; {gone} items are gone", code="changes")
