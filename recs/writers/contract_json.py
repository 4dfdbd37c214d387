"""The contract `recs.related/1`: keys sorted, one item a line, so that a diff shows the lists that changed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from recs.contract import SCHEMA
from recs.kept import item_digest

if TYPE_CHECKING:
    from recs.items import Match
    from recs.related import RelatedLists

DECIMALS = 4


def render(lists: RelatedLists) -> str:
    """Return the whole document."""
    head: dict[str, Any] = {
        "config": dict(lists.config),
        "corpus": lists.corpus,
        "counts": dict(lists.counts),
        "model": dict(lists.model) if lists.model is not None else None,
        "schema": SCHEMA,
        "score": {"kind": lists.score.kind, "range": list(lists.score.range)},
    }
    lines = [f"{dumps(name)}:{dumps(item(lists, name))}" for name in sorted(lists.lists)]
    members = [f"{dumps(key)}:{dumps(head[key])}" for key in sorted(head)]
    members.append('"items":{' + ("\n" + ",\n".join(lines) + "\n" if lines else "") + "}")
    return "{\n" + ",\n".join(sorted(members)) + "\n}\n"


def render_lines(lists: RelatedLists) -> str:
    """Return JSON Lines: a line an item, sorted by id, its id beside what the document says of it."""
    return "".join(f"{dumps({'id': name, **item(lists, name)})}\n" for name in sorted(lists.lists))


def item(lists: RelatedLists, name: str) -> dict[str, Any]:
    """Return what the document says of one item."""
    source = lists.items[name]
    said = {field: getattr(source, field) for field in ("excerpt", "image", "lang", "title", "url")}
    related = [entry(lists, match) for match in lists.lists[name]]
    return {**said, "digest": item_digest(source), "related": related}


def entry(lists: RelatedLists, match: Match) -> dict[str, Any]:
    """Return one entry of a list."""
    target = lists.items[match.id]
    of_target = {"id": match.id, "title": target.title, "url": target.url}
    found: dict[str, Any] = {**of_target, "score": score(match), "via": match.via}
    if match.why is not None:
        found["why"] = {
            "parts": {name: round(part, DECIMALS) + 0.0 for name, part in match.why.parts.items()},
            "passages": match.why.passages,
            "phrases": match.why.phrases,
            "rules": match.reasons,
        }
    return found


def score(match: Match) -> float:
    """Return a score as it is written: rounded, and never minus zero."""
    return round(match.score, DECIMALS) + 0.0


def dumps(value: object) -> str:
    """Return compact JSON with sorted keys; characters that end a line in some readers are escaped."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("\x85", "\\u0085")
