"""Lists of an earlier run: they stay until an item is edited, a score drifts, or a better match comes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recs.contract import SCHEMA, corpus_digest
from recs.errors import SourceError
from recs.items import Item
from recs.ranking.arrange import DEMOTION, Pick, Ranking

_DRIFT = 0.05  # a list is made again if a score differs by more from that of the earlier run
_BETTER = 0.01  # a new match replaces an old one if its score is so much higher


def item_content(item: Item) -> str:
    """Return the title and the body of an item: the digest changes when these do.

    Examples
    --------
    >>> item_content(Item(id="a", title="Garlic", text="Plant it in autumn."))
    'Garlic\\nPlant it in autumn.'
    """
    return f"{item.title}\n{item.body or item.text}"


def item_digest(item: Item) -> str:
    """Return 16 hexadecimal digits that change when the item is edited.

    Examples
    --------
    >>> item_digest(Item(id="a", text="Plant it.")) == item_digest(Item(id="a", text="Plant it in autumn."))
    False
    """
    return corpus_digest([(item.id, item_content(item))])[:16]


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
    return items


def keep_lists(
    items: Sequence[Item], picks: list[list[Pick]], ranking: Ranking, earlier: Mapping[str, Any], *, k: int
) -> list[list[Pick]]:
    """Return the lists of an earlier run, changed where an item was edited or a better match has come."""
    row_of = {item.id: row for row, item in enumerate(items)}
    unedited = {item.id for item in items if earlier.get(item.id, {}).get("digest") == item_digest(item)}
    lists = []
    for row, item in enumerate(items):
        if item.id not in unedited:
            lists.append(picks[row])
            continue
        entries = [entry for entry in earlier[item.id].get("related", ()) if entry["id"] in unedited]
        kept = [Pick(row_of[entry["id"]], float(entry["score"]), entry["via"]) for entry in entries]
        lists.append(_merged(kept, picks[row], dict(ranking[row]), k))
    return lists


def _merged(old: Sequence[Pick], new: Sequence[Pick], scores: Mapping[int, float], k: int) -> list[Pick]:
    """Return the old list with the better picks of the new one; the new list if pins have changed or scores drifted."""
    pins = [pick.row for pick in new if pick.via == "pin"]
    if pins != [pick.row for pick in old if pick.via == "pin"] or len(old) > k:
        return list(new)
    if any(abs(scores.get(pick.row, -1.0) - pick.score) > _DRIFT for pick in old if pick.via == "auto"):
        return list(new)
    merged = list(old)
    for pick in new:
        if not any(pick.row == one.row for one in merged):
            _insert_if_better(merged, pick, k)
    return merged


def _insert_if_better(picks: list[Pick], new: Pick, k: int) -> None:
    """Insert a pick in the order of scores; if the list is full, the weakest pick makes room for a better one."""
    is_demoted = bool(new.reasons) and new.via == "auto"
    score = new.score * DEMOTION if is_demoted else new.score
    if len(picks) >= k:
        weakest = min((one for one in picks if one.via == "auto"), key=lambda one: one.score, default=None)
        if weakest is None or score <= weakest.score + _BETTER:
            return
        picks.remove(weakest)
    place = next((i for i, one in enumerate(picks) if one.via != "pin" and one.score < score), len(picks))
    picks.insert(place, new)


def count_changes(items: Sequence[Item], picks: Sequence[Sequence[Pick]], earlier: Mapping[str, Any]) -> str:
    """Return a message that says how many lists differ from those of an earlier run."""
    before = {name: [entry["id"] for entry in item["related"]] for name, item in earlier.items()}
    now = {item.id: [items[pick.row].id for pick in picks[row]] for row, item in enumerate(items)}
    changed = sum(before.get(name) != ids for name, ids in now.items())
    return f"{changed} of {len(now)} lists are new or changed; {len(set(before) - set(now))} items are gone"
