"""Lists that stay as an earlier run made them, until an item is edited, a score drifts or something better comes."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from recs.contract import SCHEMA, corpus_digest
from recs.errors import SourceError
from recs.items import Item
from recs.ranking.arrange import DEMOTION, Pick, Ranking

# Scores this far from those of an earlier run are drift; a newcomer this much better replaces an old match.
_DRIFT, _BETTER = 0.05, 0.01


def item_content(item: Item) -> str:
    """Return what a digest of an item is taken of: whatever an author may edit."""
    return f"{item.title}\n{item.body or item.text}"


def item_digest(item: Item) -> str:
    """Return 16 hexadecimal digits that change when the item is edited."""
    return corpus_digest([(item.id, item_content(item))])[:16]


def earlier_lists(path: Path) -> Mapping[str, Any]:
    """Return the items of an earlier `recs related` as JSON, none where no file is; `SourceError` for another file."""
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
    items: Sequence[Item], picks: list[list[Pick]], ranking: Ranking, known: Mapping[str, Any], *, k: int
) -> list[list[Pick]]:
    """Return the lists of an earlier run, changed where an item was edited or something better has come."""
    row_of = {item.id: row for row, item in enumerate(items)}
    same = {item.id for item in items if known.get(item.id, {}).get("digest") == item_digest(item)}
    result = []
    for row, item in enumerate(items):
        old = known.get(item.id, {}).get("related", ())
        kept = [Pick(row_of[e["id"]], float(e["score"]), e["via"]) for e in old if e["id"] in same]
        result.append(_merged(kept, picks[row], dict(ranking[row]), k) if item.id in same else picks[row])
    return result


def _merged(old: Sequence[Pick], new: Sequence[Pick], scores: Mapping[int, float], k: int) -> list[Pick]:
    """Return the old list with what is better of the new one; the new one where editors or drift have moved it."""
    pinned = [pick.row for pick in new if pick.via == "pin"]
    if pinned != [pick.row for pick in old if pick.via == "pin"] or len(old) > k:
        return list(new)
    if any(abs(scores.get(pick.row, -1.0) - pick.score) > _DRIFT for pick in old if pick.via == "auto"):
        return list(new)
    kept = list(old)
    for pick in new:
        score = pick.score * DEMOTION if pick.reasons and pick.via == "auto" else pick.score
        if any(pick.row == one.row for one in kept):
            continue
        weakest = min((one for one in kept if one.via == "auto"), key=lambda one: one.score, default=None)
        if len(kept) >= k:
            if weakest is None or score <= weakest.score + _BETTER:
                continue
            kept.remove(weakest)
        place = next((i for i, one in enumerate(kept) if one.via != "pin" and one.score < score), len(kept))
        kept.insert(place, pick)
    return kept


def count_changes(items: Sequence[Item], picks: Sequence[Sequence[Pick]], known: Mapping[str, Any]) -> str:
    """Say how many lists differ from those of an earlier run."""
    before = {name: [entry["id"] for entry in item["related"]] for name, item in known.items()}
    shown = {item.id: [items[pick.row].id for pick in picks[row]] for row, item in enumerate(items)}
    changed = sum(before.get(name) != ids for name, ids in shown.items())
    return f"{changed} of {len(shown)} lists are new or changed; {len(set(before) - set(shown))} items are gone"
