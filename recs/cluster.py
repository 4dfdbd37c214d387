"""Topics of a collection: dense cores, merged over the neighbour graph into layers from coarse to fine.

    vectors → graph of nearest neighbours → spectral coordinates → HDBSCAN: small dense cores
            → cores grow over the graph and merge into a tree → cuts of the tree, rows moved to where they fit best
            → the cut that comes back best when items are left out → a rule that gives any vector to a topic

How each step was settled is told in docs/clusters.md.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import numpy.typing as npt

from recs.clustering import Assign, Clustering, Layer, SweepRow
from recs.density import Discriminant, Reduction, Selection
from recs.embeddings import Embeddings, IntArray
from recs.errors import OptionError, SourceError
from recs.granularity import Cut, Fitted, Space, by_size, layer_cuts, packed, returned, sweep_resolutions
from recs.graph import Float64Array, grow, renumber
from recs.items import Collection, Item
from recs.topics import EXEMPLARS, Namer, PhraseIndex, Topic, topic_phrases, unique_names

if TYPE_CHECKING:
    from recs.embedder import Embedder

_NEW = 0.2  # of the items may be new before the rule of an earlier run is learned again


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
        chosen, names = _edited(chosen, Path(edits), notes)
    kept = previous is not None and _kept(space, chosen, previous, before)
    default = kept or Fitted.fit(space, chosen)
    given = [default, *(Fitted.fit(space, cut) for cut in layer_cuts(cuts, source))]
    given.sort(key=lambda one: len(one.ids))
    layers = _layers(public, space, given, default, names=names, namer=namer, embedder=embedder)
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
    return _with_blank(found, whole)


def _with_blank(found: Clustering, whole: Embeddings) -> Clustering:
    """Return the clustering with the items of which the model knows no token: in no topic, and not learned from."""
    is_blank = whole.blank
    count = int(is_blank.sum())
    if not count:
        return found

    def spread(values: npt.NDArray[Any], missing: int) -> npt.NDArray[Any]:
        result = np.full(len(whole), missing, dtype=values.dtype)
        result[~is_blank] = values
        return result

    given = [spread(layer.assigned, -1) for layer in found.layers]
    layers = tuple(
        replace(layer, assigned=assigned, coverage=_share(assigned >= 0))
        for layer, assigned in zip(found.layers, given, strict=True)
    )
    labels = spread(found.labels, -1)
    figures = {"items": len(whole), "coverage": layers[found.default].coverage, "core": float((labels >= 0).mean())}
    read = 1 - count / len(whole)
    items = "1 item is" if count == 1 else f"{count:,} items are"
    return replace(
        found,
        ids=whole.ids,
        labels=labels,
        assigned=given[found.default],
        strengths=spread(found.strengths, 0),
        learned=spread(found.learned, -2),  # as if it came later: by then it may be readable
        layers=layers,
        sweep=tuple(replace(row, coverage=round(row.coverage * read, 6)) for row in found.sweep),
        metrics={**found.metrics, **figures},
        notes=(*found.notes, f"{items} in no topic: the model knows no token of {'it' if count == 1 else 'them'}."),
    )


def _share(members: npt.NDArray[np.bool_]) -> float:
    return round(float(members.mean()), 6)


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
    if chosen.ids != tuple(topic.id for topic in previous.topics) or (learned < -1).sum() > _NEW * len(learned):
        return None
    found = Fitted.of(space, chosen, previous.rule, *previous.rule.scores(space.vectors))
    return found if found.filled.all() else None


def _edited(cut: Cut, path: Path, notes: list[str]) -> tuple[Cut, Mapping[int, str]]:
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


def _layers(
    public: Sequence[Item],
    space: Space,
    given: Sequence[Fitted],
    default: Fitted,
    *,
    names: Mapping[int, str],
    namer: Namer | None,
    embedder: Embedder | None,
) -> list[Layer]:
    """Describe the topics of every layer, from coarse to fine."""
    index = PhraseIndex(public) if any(one.ids for one in given) else None
    layers: list[Layer] = []
    for one in given:
        ids, places = one.ids, one.assigned[space.twin_of]
        closeness = _closeness(one.rule, embedder) if embedder is not None and one is default else None
        phrases = topic_phrases(index, places, len(ids), closeness=closeness) if index is not None else []
        examples = _exemplars(space, one, public)
        chosen: dict[int, str] = {}
        if one is default:
            if namer is not None:
                chosen = {place: namer(phrases[place], examples[place]) for place in range(len(ids))}
            chosen |= {place: names[topic] for place, topic in enumerate(ids) if topic in names}
        sizes = np.bincount(places[places >= 0], minlength=len(ids))
        cores = np.bincount(places[(places >= 0) & (space.core >= 0)[space.twin_of]], minlength=len(ids))
        stability = returned(one)
        parents = _parents(layers, places, len(ids))
        called = unique_names(phrases, chosen, sizes.tolist())
        topics = tuple(
            Topic(
                id=topic,
                name=called[place],
                phrases=phrases[place],
                exemplars=tuple(item.id for item in examples[place]),
                size=int(sizes[place]),
                core=int(cores[place]),
                stability=round(float(stability[place]), 4),
                parent=parents[place],
            )
            for place, topic in enumerate(ids)
        )
        assigned = renumber(places, ids)
        coverage = float((assigned >= 0).mean()) if len(assigned) else 0.0
        layers.append(Layer(one.cut.resolution, one.cut.stability, round(coverage, 6), assigned, topics))
    return layers


def _exemplars(space: Space, given: Fitted, public: Sequence[Item]) -> list[list[Item]]:
    """Return the items of each topic that are nearest to its middle, texts of the dense core first."""
    best, first = given.assigned, np.unique(space.twin_of, return_index=True)[1]
    ranked = np.lexsort((-given.cosines, space.core < 0))
    return [
        [public[first[row]] for row in ranked[best[ranked] == place][:EXEMPLARS]] for place in range(len(given.ids))
    ]


def _parents(layers: Sequence[Layer], places: IntArray, topics: int) -> list[int | None]:
    if not layers:
        return [None] * topics
    above = layers[-1].assigned
    both = [np.bincount(above[(places == place) & (above >= 0)]) for place in range(topics)]
    return [int(counts.argmax()) if len(counts) else None for counts in both]


def _closeness(rule: Discriminant, embedder: Embedder) -> Any:
    def closeness(phrases: Sequence[str], topic: int) -> Float64Array:
        vectors = embedder.embed(phrases).vectors.astype(np.float64)
        return np.asarray(np.clip(vectors @ rule.centroids[topic], 0, 1))

    return closeness


def _check_options(options: Mapping[str, Any]) -> None:
    for name, known in (("reduction", Reduction), ("cluster_selection_method", Selection), ("assign", Assign)):
        if options[name] not in get_args(known):
            raise OptionError(f"{name} is {options[name]!r}, expected one of {', '.join(get_args(known))}.")
    for name, least in (("min_samples", 1), ("n_topics", 2), ("min_cluster_size", 2)):
        value = options[name]
        if value not in (None, "auto") and (not isinstance(value, int) or value < least):
            raise OptionError(f"{name} is {value!r}, expected a number, {least} or more.")
