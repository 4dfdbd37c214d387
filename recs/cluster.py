"""Topics of a collection: dense cores, merged over the neighbour graph into layers from coarse to fine.

    vectors → graph of nearest neighbours → spectral coordinates → HDBSCAN: small dense cores
            → cores grow over the graph and merge into a tree → cuts of the tree, rows moved to where they fit best
            → the cut that comes back best when items are left out → a rule that gives any vector to a topic

How each step was settled is told in docs/clusters.md.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from recs.clustering import Assign, Clustering, Layer, SweepRow, renumber
from recs.density import (
    Discriminant,
    Reduction,
    Selection,
    cluster_means,
    core_thresholds,
    density_cores,
    scatter_matrix,
)
from recs.embeddings import Embeddings, FloatArray, IntArray, Similarity, unit_rows
from recs.errors import OptionError, SourceError
from recs.graph import Float64Array, grow, merge_clusters, move_rows, neighbor_graph
from recs.items import Collection, Item
from recs.topics import EXEMPLARS, Namer, PhraseIndex, Topic, topic_phrases, unique_names

if TYPE_CHECKING:
    from recs.embedder import Embedder

_NEIGHBORS = 25
_RESOLUTIONS = tuple(2.0 ** (step / 2) for step in range(-4, 7))  # from 1/4 to 8
_RUNS, _SHARE = 4, 0.7  # how often items are left out to see what comes back, and what share stays in
_FOUND = 0.6  # stability that noise does not reach: it has .2 to .5, and collections of writing have .7 and more
_FEW, _SHUFFLES, _FOUND_FEW, _MARGIN = 300, 3, 0.5, 0.1  # fewer rows vary more: what noise reaches is measured
_LAYERS, _STEP = 3, 1.5  # so many on either side of the default, each with so many times fewer or more topics
_USUAL = 0.75  # binary logarithm of the resolution that is preferred where stability hardly differs


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
        Vectors of at least the public items.
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
        "close" leaves outliers unassigned, "all" gives every item to its most likely topic.
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
    embeddings = embeddings.take([item.id for item in public])
    if previous is not None:
        previous.check_comparable(embeddings)
    size = max(3, min(5, len(public) // 16)) if min_cluster_size == "auto" else min_cluster_size
    options = {"reduction": reduction, "min_samples": min_samples, "method": cluster_selection_method, "seed": seed}
    twin_of, first = _distinct(public, embeddings)
    space = _Space(
        embeddings.vectors[first],
        twin_of,
        size,
        similarity=embeddings.similarity,
        everything=assign == "all",
        options=options,
    )
    cuts = _sweep(space, n_topics)
    notes: list[str] = []
    chosen = source = _choose(space, cuts, n_topics, notes)
    if previous is not None and previous.topics and space.graph is not None:
        chosen = _continued(space, chosen, previous, [public[row].id for row in first])
    names: Mapping[int, str] = {}
    if edits is not None:
        chosen, names = _edited(chosen, Path(edits), notes)
    default = _Given.fit(space, chosen)
    given = [default, *(_Given.fit(space, cut) for cut in _offered(cuts, source))]
    given.sort(key=lambda one: len(one.ids))
    layers = _layers(public, space, given, default, names=names, namer=namer, embedder=embedder)
    place = given.index(default)
    assigned = layers[place].assigned
    labels = np.where((space.core >= 0)[space.twin_of], assigned, -1)
    next_id = max([-1, *default.ids, *((previous.parameters["next_id"] - 1,) if previous else ())]) + 1
    return Clustering(
        ids=embeddings.ids,
        labels=labels,
        assigned=assigned,
        strengths=np.where(labels >= 0, space.strengths[space.twin_of], 0.0),
        layers=tuple(layers),
        default=place,
        topics=layers[place].topics,
        sweep=tuple(_row(cut, cut is source) for cut in cuts),
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


class _Space:
    """The distinct vectors of the public items, the graph of their neighbours, and its dense cores.

    Attributes
    ----------
    twin_of : int64 array of shape (items,)
        The row of each item; items of one text, or of one vector, share it.
    core, strengths : arrays of shape (rows,)
        As `density_cores` returns them.
    grown : int64 array of shape (rows,)
        Cores with all that an edge leads to.
    """

    def __init__(
        self,
        vectors: FloatArray,
        twin_of: IntArray,
        size: int,
        *,
        similarity: Similarity,
        everything: bool,
        options: Any,
    ) -> None:
        self.vectors, self.twin_of, self.size, self.everything = vectors, twin_of, size, everything
        self.core, self.strengths = np.full(len(vectors), -1), np.zeros(len(vectors))
        self.scatter = scatter_matrix(vectors)
        self.graph: Any = None
        if len(vectors) >= 2 * size:
            neighbors = min(_NEIGHBORS, max(5, len(vectors) // 8))
            self.graph = neighbor_graph(vectors, neighbors, similarity=similarity)
            self.core, self.strengths = density_cores(vectors, self.graph, min_cluster_size=size, **options)
        self.grown = grow(self.graph, self.core) if self.graph is not None else self.core
        self._options = {"similarity": similarity, "everything": everything, "options": options}

    def least_stability(self) -> float:
        """Return what stability has to reach: for few rows, more than the same numbers shuffled within each column."""
        if len(self.vectors) > _FEW:
            return _FOUND
        random = np.random.default_rng(0)
        found = []
        for _ in range(_SHUFFLES):
            shuffled = _Space(
                random.permuted(self.vectors, axis=0), np.arange(len(self.vectors)), self.size, **self._options
            )
            found += [cut.stability for cut in _sweep(shuffled, None)]
        return min(max(_FOUND_FEW, max(found, default=0.0) + _MARGIN), 0.9)


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


@dataclass(frozen=True, slots=True, eq=False)
class _Cut:
    """Clusters of the rows at one resolution, 0 to c - 1, and what came back of them in each run.

    `ids` are those of the clusters; `runs` hold rows and their labels.
    """

    resolution: float
    labels: IntArray
    ids: tuple[int, ...]
    runs: tuple[tuple[IntArray, IntArray], ...] = ()
    stability: float = 0.0
    coverage: float = 0.0

    @property
    def score(self) -> float:
        """Return stability, less where items are left over, far from the usual resolution, and below five topics."""
        far = math.log2(self.resolution) - _USUAL
        few = math.log2(5 / len(self.ids)) if 0 < len(self.ids) < 5 else 0.0
        return self.stability * (1 + self.coverage) / 2 - 0.015 * far**2 - 0.1 * few


def _sweep(space: _Space, n_topics: int | None) -> list[_Cut]:
    """Cut the tree of merges at one resolution after another; see how much comes back without some of the rows."""
    if space.graph is None or space.core.max(initial=-1) < 0:
        return []
    rows = np.flatnonzero(space.grown >= 0)
    tree = _Tree(space, rows)
    by_count: dict[int, float] = {}
    for resolution in _RESOLUTIONS:
        count = tree.merges.count(resolution)
        known = by_count.get(count)
        if count > 1 and (known is None or abs(math.log2(resolution) - _USUAL) < abs(math.log2(known) - _USUAL)):
            by_count[count] = resolution
    if n_topics is not None:
        by_count[n_topics] = tree.merges.resolution(n_topics)
    resolutions = sorted(set(by_count.values()))
    found = [_by_size(tree.labels(resolution)) for resolution in resolutions]
    random = np.random.default_rng(0)
    runs: list[list[tuple[IntArray, IntArray]]] = [[] for _ in resolutions]
    for _ in range(_RUNS):
        part = _Tree(space, np.sort(random.permutation(rows)[: math.ceil(_SHARE * len(rows))]))
        for place, resolution in enumerate(resolutions):
            runs[place].append((part.rows, part.labels(resolution)))
    return [
        _judged(space, _Cut(resolution, labels, tuple(range(labels.max() + 1)), tuple(some)))
        for resolution, labels, some in zip(resolutions, found, runs, strict=True)
        if labels.max(initial=-1) > 0
    ]


class _Tree:
    """The tree of merges of some rows, all of which belong to a grown core."""

    def __init__(self, space: _Space, rows: IntArray) -> None:
        self.rows, self._n, self._size = rows, len(space.vectors), space.size
        self._graph = space.graph[rows][:, rows]
        self._cores = np.unique(space.grown[rows], return_inverse=True)[1]
        middles = unit_rows(cluster_means(space.vectors[rows], self._cores))
        self.merges = merge_clusters(self._graph, self._cores, 1.001 + middles @ middles.T)

    def labels(self, resolution: float) -> IntArray:
        """Return the cluster of each row of the space at a resolution; -1 outside the tree, and where it is small."""
        into = self.merges.cut(self.merges.count(resolution))
        labels = np.full(self._n, -1)
        labels[self.rows] = move_rows(self._graph, into[self._cores], resolution)
        return _without_small(labels, self._size)


def _without_small(labels: IntArray, size: int) -> IntArray:
    counts = np.bincount(labels[labels >= 0])
    return renumber(labels, np.where(counts >= size, np.cumsum(counts >= size) - 1, -1).tolist())


def _by_size(labels: IntArray) -> IntArray:
    """Renumber clusters: 0 for the largest, ties to the one with the earlier first row."""
    counts = np.bincount(labels[labels >= 0])
    firsts = [int(np.argmax(labels == cluster)) for cluster in range(len(counts))]
    return renumber(labels, np.argsort(np.lexsort((np.array(firsts), -counts))).tolist())


def _judged(space: _Space, cut: _Cut) -> _Cut:
    from sklearn.metrics import adjusted_mutual_info_score

    alike = [adjusted_mutual_info_score(cut.labels[rows], labels[rows]) for rows, labels in cut.runs]
    centroids = np.vstack([unit_rows(cluster_means(space.vectors, cut.labels)), np.zeros(space.vectors.shape[1])])
    cosines = np.einsum("ij,ij->i", space.vectors, centroids[cut.labels].astype(np.float32)).astype(np.float64)
    thresholds = core_thresholds(cut.labels, cosines, space.core >= 0, len(cut.ids))
    close = cosines >= np.append(thresholds, np.inf)[cut.labels]
    coverage = float(close[space.twin_of].mean())  # nearly what the rule of the layer will have
    return replace(cut, stability=round(float(np.mean(alike)), 6), coverage=round(coverage, 6))


def _choose(space: _Space, cuts: Sequence[_Cut], n_topics: int | None, notes: list[str]) -> _Cut:
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
    labels = _by_size(np.where(copies, np.cumsum(copies) - 1, -1))
    space.core, space.strengths = labels, (labels >= 0).astype(np.float64)
    why = "nothing comes back when some of the items are left out" if cuts else "no part is denser than the rest"
    notes.append(f"no clusters found: {why if len(space.vectors) >= 2 * space.size else 'there are too few texts'}.")
    if copies.any():
        notes.append("the topics are groups of identical texts.")
    return _Cut(1.0, labels, tuple(range(int(copies.sum()))), stability=1.0 if copies.any() else 0.0)


def _offered(cuts: Sequence[_Cut], chosen: _Cut) -> list[_Cut]:
    """Return the cuts for layers beside the chosen one: what comes back best of each step coarser and finer."""
    offered: list[_Cut] = []
    if chosen not in cuts:
        return offered
    for finer in (False, True):
        last = len(chosen.ids)
        for _ in range(_LAYERS):
            factors = [(len(cut.ids) / last if finer else last / len(cut.ids), cut) for cut in cuts]
            step = [cut for factor, cut in factors if _STEP <= factor < _STEP**2]
            step = step or [cut for factor, cut in factors if factor >= _STEP][:: -1 if not finer else 1][:1]
            step = [cut for cut in step if cut.stability >= _FOUND_FEW]
            if not step:
                break
            offered.append(max(step, key=lambda cut: cut.stability))
            last = len(offered[-1].ids)
    return offered


def _continued(space: _Space, chosen: _Cut, previous: Clustering, names: Sequence[str]) -> _Cut:
    """Return the topics of an earlier run, grown to what is new, beside those of `chosen` that are mostly new."""
    place = {topic.id: place for place, topic in enumerate(previous.topics)}
    topic_of = dict(zip(previous.ids, previous.assigned.tolist(), strict=True))
    before = np.array([place.get(topic_of.get(name, -1), -1) for name in names], np.int64)
    start, ids = before.copy(), [topic.id for topic in previous.topics]
    next_id = previous.parameters["next_id"]
    for cluster in range(len(chosen.ids)):
        members = chosen.labels == cluster
        if (before[members] >= 0).mean() < 0.5:
            start[members & (before < 0)] = len(ids)
            ids.append(next_id)
            next_id += 1
    grown = grow(space.graph, start)
    rows = np.flatnonzero(grown >= 0)
    labels = np.full(len(grown), -1)
    labels[rows] = grown[rows]
    return _packed(replace(chosen, labels=labels, ids=tuple(ids)), space.size)


def _packed(cut: _Cut, size: int = 1) -> _Cut:
    """Return the cut without clusters of fewer than `size` rows; the others keep their ids."""
    counts = np.bincount(cut.labels[cut.labels >= 0], minlength=len(cut.ids))
    ids = tuple(name for name, count in zip(cut.ids, counts, strict=True) if count >= size)
    return replace(cut, labels=_without_small(cut.labels, size), ids=ids)


def _edited(cut: _Cut, path: Path, notes: list[str]) -> tuple[_Cut, Mapping[int, str]]:
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
    return _packed(replace(cut, labels=labels)), names


@dataclass(frozen=True, slots=True, eq=False)
class _Given:
    """A cut, and what its rule gives to each row: places of `ids`."""

    cut: _Cut
    ids: tuple[int, ...]
    rule: Discriminant
    assigned: IntArray
    cosines: Float64Array

    @classmethod
    def fit(cls, space: _Space, cut: _Cut) -> _Given:
        """Fit the rule; a cluster to which it gives nothing is left out."""
        while True:
            rule = Discriminant.fit(space.vectors, cut.labels, space.scatter)
            best, cosines = rule.scores(space.vectors)
            rule = rule.with_thresholds(best, cosines, space.core >= 0)
            assigned = best if space.everything else rule.close(best, cosines)
            counts = np.bincount(assigned[assigned >= 0], minlength=len(cut.ids))
            if counts.all():
                return cls(cut, cut.ids, rule, assigned, cosines)
            empty = np.append(counts == 0, False)
            cut = _packed(replace(cut, labels=np.where(empty[cut.labels], -1, cut.labels)))


def _layers(
    public: Sequence[Item],
    space: _Space,
    given: Sequence[_Given],
    default: _Given,
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
        stability = _returned(one)
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


def _exemplars(space: _Space, given: _Given, public: Sequence[Item]) -> list[list[Item]]:
    """Return the items of each topic that are nearest to its middle, texts of the dense core first."""
    best, first = given.assigned, np.unique(space.twin_of, return_index=True)[1]
    ranked = np.lexsort((-given.cosines, space.core < 0))
    return [
        [public[first[row]] for row in ranked[best[ranked] == place][:EXEMPLARS]] for place in range(len(given.ids))
    ]


def _returned(given: _Given) -> Float64Array:
    """Return for each topic the mean of how much of it came back: the best Jaccard index in each run."""
    if not given.cut.runs:
        return np.full(len(given.ids), given.cut.stability)
    total = np.zeros(len(given.ids))
    for rows, labels in given.cut.runs:
        ours, theirs = given.cut.labels[rows] + 1, labels[rows] + 1
        both = np.zeros((len(given.ids) + 1, theirs.max() + 1))
        np.add.at(both, (ours, theirs), 1)
        union = both.sum(axis=1, keepdims=True) + both.sum(axis=0) - both
        total += (both / np.maximum(union, 1))[1:, 1:].max(axis=1, initial=0.0)
    return np.asarray(total / len(given.cut.runs))


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


def _row(cut: _Cut, chosen: bool) -> SweepRow:
    return SweepRow(cut.resolution, len(cut.ids), cut.stability, cut.coverage, round(cut.score, 6), chosen)


def _check_options(options: Mapping[str, Any]) -> None:
    for name, known in (("reduction", Reduction), ("cluster_selection_method", Selection), ("assign", Assign)):
        if options[name] not in get_args(known):
            raise OptionError(f"{name} is {options[name]!r}, expected one of {', '.join(get_args(known))}.")
    for name, least in (("min_samples", 1), ("n_topics", 2), ("min_cluster_size", 2)):
        value = options[name]
        if value not in (None, "auto") and (not isinstance(value, int) or value < least):
            raise OptionError(f"{name} is {value!r}, expected a number, {least} or more.")
