"""Names and merges that an editor wrote into a file of topics, applied to a new clustering."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from recs.clustering.granularity import Cut
from recs.errors import SourceError


@dataclass(frozen=True, slots=True, eq=False)
class EditedCut:
    """A cut after the merges of the user.

    `names` are those that the user gave, by topic id. `merged` holds the topics that took others. `notes` are for the
    user.
    """

    cut: Cut
    names: Mapping[int, str] = field(default_factory=dict)
    merged: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Edits:
    names: Mapping[int, str]
    merges: list[list[int]]

    @property
    def topics(self) -> set[int]:
        """The ids of all topics that are named in the file."""
        return {topic for group in self.merges for topic in group} | set(self.names)


def apply_edits(
    cut: Cut, path: str | os.PathLike[str] | None, *, earlier_names: Mapping[str, str] | None = None
) -> EditedCut:
    """Return the cut with the merges and names in the file; unchanged without a file.

    `earlier_names` are the names that an earlier run was given, by topic id; those in the file replace them.

    Raises
    ------
    SourceError
        If the file cannot be read, or is not a file of edits.
    """
    names = {int(topic): name for topic, name in (earlier_names or {}).items()}
    if path is None:
        return EditedCut(cut, names)
    edits = _read_edits(Path(path))
    labels = cut.labels.copy()
    cluster_of_topic = {topic: cluster for cluster, topic in enumerate(cut.ids)}
    merged: set[int] = set()
    for group in _united(edits.merges):
        into, *others = [cluster_of_topic[topic] for topic in group if topic in cluster_of_topic] or [-1]
        labels[np.isin(labels, others)] = into
        merged |= {cut.ids[into]} if others else set()
    missing = sorted(edits.topics - set(cluster_of_topic))
    notes = (f"edits: there is no topic {', '.join(map(str, missing))}.",) if missing else ()
    return EditedCut(replace(cut, labels=labels).packed(), {**names, **edits.names}, frozenset(merged), notes)


def _united(groups: list[list[int]]) -> list[list[int]]:
    """Return groups that share no topic: [[0, 1], [1, 2]] is [[0, 1, 2]]. The first topic of a group keeps its id."""
    united: list[list[int]] = []
    for group in groups:
        touching = [other for other in united if set(other) & set(group)]
        united = [other for other in united if other not in touching]
        united.append(list(dict.fromkeys([topic for other in touching for topic in other] + group)))
    return united


def _read_edits(path: Path) -> _Edits:
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
        names = {int(topic): str(name) for topic, name in document.get("names", {}).items()}
        merges = [[int(topic) for topic in group] for group in document.get("merge", [])]
        unexpected = sorted(set(document) - {"names", "merge"})
        if unexpected:
            raise ValueError(f"the key {unexpected[0]!r} is not one of names, merge")
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        expected = '{"names": {"3": "Gardening"}, "merge": [[3, 7]]}'
        raise SourceError(f"{path}: not a file of edits ({error}); expected {expected}.") from error
    return _Edits(names, merges)
