"""Topics of a collection: dense cores, merged over the neighbour graph into layers from coarse to fine.

    vectors → graph of nearest neighbours → spectral coordinates → HDBSCAN: small dense cores
            → cores grow over the graph and merge into a tree → cuts of the tree, rows moved to where they fit best
            → the cut that comes back best when items are left out → a rule that gives any vector to a topic

How each step was settled is told in docs/clusters.md.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from recs.arrays import IntArray
from recs.clustering.blanks import with_blank_items
from recs.clustering.cores import Reduction, Selection
from recs.clustering.description import describe_layers
from recs.clustering.edits import NEW_TOPIC, apply_edits
from recs.clustering.granularity import Cut, Fitted, Space, by_size, layer_cuts, packed, sweep_resolutions
from recs.clustering.graph import grow, renumber
from recs.clustering.phrases import Namer
from recs.clustering.result import Assign, Clustering, SweepRow
from recs.embedding.vectors import Embeddings
from recs.errors import OptionError
from recs.items import Collection, Item

if TYPE_CHECKING:
    from recs.embedding.embedder import Embedder


def cluster_items(
    items: Iterable[Item],
    embeddings: Embeddings,
    *,
    min_cluster_size: int | Literal["auto"] = "auto",
    min_samples: int = 5,
    reduction: Reduction = "spectral",
    cluster_selection_method: Selection = "eom",
    n_topics: int | None = None,
    assign: Assign = "close",
    previous: Clustering | None = None,
    edits: str | os.PathLike[str] | None = None,
    namer: Namer | None = None,
    embedder: Embedder | None = None,
    seed: int = 0,
) -> Clustering:
    """Find the topics of the public items.

    Parameters
    ----------
    embeddings
        Vectors of at least the public items. An item of which the model knows no token (`Embeddings.blank`) is in no
        topic, and moves none.
    min_cluster_size
        The fewest items of a dense core, 2 or more; "auto" takes 5, and 3 or 4 where there are fewer than 80 items.
    min_samples
        How many neighbours make a region dense: HDBSCAN's own, 1 or more.
    reduction
        In which coordinates cores are looked for: "spectral" of the neighbour graph, "pca", "umap" (an extra), "none".
    cluster_selection_method
        "eom" or "leaf": which nodes of HDBSCAN's tree are cores.
    n_topics
        About how many topics are wanted; left out, the granularity that comes back best is taken.
    assign
        "close" leaves outliers unassigned, "all" gives every item that the model can read to its most likely topic.
    previous
        An earlier clustering, whose topics go on with their ids as far as they are still there.
    edits
        A JSON file of the user's: `{"names": {"3": "Gardening"}, "merge": [[3, 7]]}`, by topic id.
    namer
        Called with the phrases and exemplars of each topic of the default layer; returns its name.
    embedder
        The model of `embeddings`; with it, phrases are also judged by how near they are to the topic.
    seed
        For "umap"; nothing else is left to chance.

    Raises
    ------
    OptionError, EmbeddingError, SourceError, MissingDependencyError

    Notes
    -----
    The result depends on the set of items, not on their order. Identical texts are one item until the end. Time O(n² d)
    for the neighbours, memory O(n d).
    """
    _check_options(locals())
    public = Collection(tuple(items)).public
    whole = embeddings.take([item.id for item in public])
    public = tuple(item for item, is_blank in zip(public, whole.blank.tolist(), strict=True) if not is_blank)
    embeddings = whole.take([item.id for item in public])
    if previous is not None:
        previous.check_comparable(embeddings)
    size = max(3, min(5, len(public) // 16)) if min_cluster_size == "auto" else min_cluster_size
    options = {"reduction": reduction, "min_samples": min_samples, "method": cluster_selection_method, "seed": seed}
    twin_of, first = _distinct(public, embeddings)
    space = Space(
        embeddings.vectors[first],
        twin_of,
        size,
        similarity=embeddings.similarity,
        everything=assign == "all",
        options=options,
    )
    cuts = sweep_resolutions(space, n_topics)
    notes: list[str] = []
    chosen = source = _choose(space, cuts, n_topics, notes)
    before = np.full(len(public), -2)
    if previous is not None and previous.topics and space.graph is not None:
        earlier = dict(zip(previous.ids, previous.learned.tolist(), strict=True))
        before = np.array([earlier.get(name, -2) for name in embeddings.ids], np.int64)
        chosen = _continued(space, chosen, previous, before)
    names: Mapping[int, str] = {}
    if edits is not None:
        chosen, names = apply_edits(chosen, Path(edits), notes)
    kept = previous is not None and _kept(space, chosen, previous, before)
    default = kept or Fitted.fit(space, chosen)
    given = [default, *(Fitted.fit(space, cut) for cut in layer_cuts(cuts, source))]
    given.sort(key=lambda one: len(one.ids))
    layers = describe_layers(public, space, given, default, names=names, namer=namer, embedder=embedder)
    place = given.index(default)
    assigned = layers[place].assigned
    labels = np.where((space.core >= 0)[space.twin_of], assigned, -1)
    next_id = max([-1, *default.ids, *((previous.parameters["next_id"] - 1,) if previous else ())]) + 1
    found = Clustering(
        ids=embeddings.ids,
        labels=labels,
        assigned=assigned,
        strengths=np.where(labels >= 0, space.strengths[space.twin_of], 0.0),
        learned=before if kept else renumber(default.cut.labels, default.ids)[space.twin_of],
        layers=tuple(layers),
        default=place,
        topics=layers[place].topics,
        sweep=tuple(
            SweepRow(cut.resolution, len(cut.ids), cut.stability, cut.coverage, round(cut.score, 6), cut is source)
            for cut in cuts
        ),
        rule=default.rule,
        model=embeddings.model,
        fingerprint=embeddings.fingerprint,
        parameters={"min_cluster_size": size, "n_topics": n_topics, "assign": assign, "next_id": next_id, **options},
        metrics={
            "items": len(public),
            "distinct": len(space.vectors),
            "topics": len(default.ids),
            "coverage": layers[place].coverage,
            "core": float((labels >= 0).mean()) if len(labels) else 0.0,
            "stability": chosen.stability,
        },
        notes=tuple(notes),
    )
    return with_blank_items(found, whole)


def _distinct(public: Sequence[Item], embeddings: Embeddings) -> tuple[IntArray, list[int]]:
    """Return the place of each item among the distinct ones, and the rows of those: one for each text and vector."""
    by_text: dict[Any, int] = {}
    by_vector: dict[bytes, int] = {}
    first: list[int] = []
    places = []
    for row, item in enumerate(public):
        text = (item.title, item.text) if item.title or item.text else row
        vector = embeddings.vectors[by_text.setdefault(text, row)].tobytes()
        if vector not in by_vector:
            by_vector[vector] = len(first)
            first.append(row)
        places.append(by_vector[vector])
    return np.array(places, np.int64), first


def _choose(space: Space, cuts: Sequence[Cut], n_topics: int | None, notes: list[str]) -> Cut:
    """Return the cut to show; without any that comes back, the groups of identical texts."""
    if cuts and n_topics is not None:
        best = min(cuts, key=lambda cut: (abs(len(cut.ids) - n_topics), -cut.score))
        if len(best.ids) != n_topics:
            notes.append(f"{n_topics} topics were asked for, {len(best.ids)} is the nearest that was found.")
        return best
    least = space.least_stability() if cuts else 1.0
    found = [cut for cut in cuts if cut.stability >= least]
    if found:
        return max(found, key=lambda cut: cut.score)
    copies = np.bincount(space.twin_of, minlength=len(space.vectors)) >= max(min(space.size, len(space.twin_of)), 2)
    labels = by_size(np.where(copies, np.cumsum(copies) - 1, -1))
    space.core, space.strengths = labels, (labels >= 0).astype(np.float64)
    why = "nothing comes back when some of the items are left out" if cuts else "no part is denser than the rest"
    notes.append(f"no clusters found: {why if len(space.vectors) >= 2 * space.size else 'there are too few texts'}.")
    if copies.any():
        notes.append("the topics are groups of identical texts.")
    return Cut(1.0, labels, tuple(range(int(copies.sum()))), stability=1.0 if copies.any() else 0.0)


def _continued(space: Space, chosen: Cut, previous: Clustering, learned: IntArray) -> Cut:
    """Return the topics of an earlier run, grown to what is new, beside those of `chosen` that are mostly new."""
    ids = [topic.id for topic in previous.topics]
    places = {topic: place for place, topic in enumerate(ids)}
    before = np.full(len(space.vectors), -2)
    np.maximum.at(before, space.twin_of, [places.get(topic, min(topic, -1)) for topic in learned.tolist()])
    start = np.maximum(before, -1)
    next_id = previous.parameters["next_id"]
    for cluster in range(len(chosen.ids)):
        members = chosen.labels == cluster
        if (before[members] >= 0).mean() < 0.5:
            start[members & (before < 0)] = len(ids)
            ids.append(next_id)
            next_id += 1
    labels = np.where(before > -2, start, grow(space.graph, start))  # what was learned from stays as it was
    return packed(replace(chosen, labels=labels, ids=tuple(ids)))


def _kept(space: Space, chosen: Cut, previous: Clustering, learned: IntArray) -> Fitted | None:
    """Return what the earlier rule gives, if it still serves: the same topics, none empty, few items new to it."""
    if chosen.ids != tuple(topic.id for topic in previous.topics) or (learned < -1).sum() > NEW_TOPIC * len(learned):
        return None
    found = Fitted.of(space, chosen, previous.rule, *previous.rule.scores(space.vectors))
    return found if found.filled.all() else None


def _check_options(options: Mapping[str, Any]) -> None:
    for name, known in (("reduction", Reduction), ("cluster_selection_method", Selection), ("assign", Assign)):
        if options[name] not in get_args(known):
            raise OptionError(f"{name} is {options[name]!r}, expected one of {', '.join(get_args(known))}.")
    for name, least in (("min_samples", 1), ("n_topics", 2), ("min_cluster_size", 2)):
        value = options[name]
        if value not in (None, "auto") and (not isinstance(value, int) or value < least):
            raise OptionError(f"{name} is {value!r}, expected a number, {least} or more.")
