"""Names and merges that an editor wrote into a file of topics, applied to a new clustering."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from recs.clustering.granularity import Cut, packed
from recs.errors import SourceError

NEW_TOPIC = 0.2  # of the items may be new before the rule of an earlier run is learned again


def apply_edits(cut: Cut, path: Path, notes: list[str]) -> tuple[Cut, Mapping[int, str]]:
    """Return the cut with the user's merges, and the names that the user gave."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        names = {int(topic): str(name) for topic, name in document.get("names", {}).items()}
        merges = [[int(topic) for topic in group] for group in document.get("merge", [])]
        unknown = sorted(set(document) - {"names", "merge"})
        if unknown:
            raise ValueError(f"{unknown[0]!r} is none of names, merge")
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise SourceError(
            f'{path}: not a file of edits ({error}); expected {{"names": {{"3": "Gardening"}}, "merge": [[3, 7]]}}.'
        ) from error
    labels, known = cut.labels.copy(), {name: place for place, name in enumerate(cut.ids)}
    for into, *others in merges:
        for other in others:
            if into in known and other in known:
                labels[labels == known[other]] = known[into]
    gone = sorted(({topic for group in merges for topic in group} | set(names)) - set(known))
    if gone:
        notes.append(f"edits: there is no topic {', '.join(map(str, gone))}.")
    return packed(replace(cut, labels=labels)), names
