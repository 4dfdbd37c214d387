"""Topics of a collection: dense cores, merged over the neighbour graph into layers from coarse to fine.

    items, vectors
      → space         distinct vectors, the graph of nearest neighbours, and small dense cores:     space, graph, cores
                      HDBSCAN in spectral coordinates of the graph
      → granularity   cores grow over the graph and merge into a tree, which is cut at many         granularity,
                      resolutions; the cut that is most stable when items are left out is chosen    communities
      → continuity    topics of an earlier run go on; merges and names of the user                  continuation, edits
      → layers        a rule that assigns any vector to a topic; coarser and finer cuts             fitting, assignment
      → description   a name, phrases and examples for each topic                                   description, phrases

The last column names the modules of `recs.clustering`. docs/clusters.md says how each step was chosen and measured.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from recs.clustering.blanks import with_blank_items, without_blank_items
from recs.clustering.continuation import EarlierRun, continue_topics, fit_layers
from recs.clustering.cores import CoreOptions, Reduction, Selection
from recs.clustering.description import describe_layers
from recs.clustering.edits import apply_edits
from recs.clustering.fitting import FittedLayers
from recs.clustering.granularity import Cut, Granularity, choose_granularity
from recs.clustering.phrases import Namer
from recs.clustering.result import Assign, Clustering, Layer, SweepRow
from recs.clustering.space import Space
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
        topic and changes none.
    min_cluster_size
        The fewest items of a dense core, 2 or more; "auto" takes 5, and 3 or 4 for fewer than 80 items.
    min_samples
        How many neighbours make a region dense, 1 or more; as in HDBSCAN.
    reduction
        The coordinates in which cores are searched for: "spectral", those of the neighbour graph, or "umap" (an extra).
    cluster_selection_method
        "eom" or "leaf": which nodes of HDBSCAN's tree are cores.
    n_topics
        About how many topics are wanted, 2 or more. None takes the most stable granularity.
    assign
        "close" leaves outliers unassigned; "all" assigns every item that the model can read to its most likely topic.
    previous
        An earlier clustering. Its topics keep their ids, as long as they still have items.
    edits
        A JSON file of the user: `{"names": {"3": "Gardening"}, "merge": [[3, 7]]}`, by topic id.
    namer
        Called with the phrases and exemplars of each topic of the default layer; returns its name.
    embedder
        The model of `embeddings`. With it, phrases are also judged by how close they are to the topic.
    seed
        For "umap"; nothing else depends on it.

    Raises
    ------
    OptionError, EmbeddingError, SourceError, MissingDependencyError

    Notes
    -----
    The result depends on the set of items, not on their order. Identical texts count as one item until the end. Time
    O(n² d) for the neighbours, memory O(n d).

    Examples
    --------
    >>> import numpy as np, recs
    >>> words = ["bread"] * 12 + ["bicycle"] * 12
    >>> items = [recs.Item(id=f"post-{i:02}", text=f"{word} {i}") for i, word in enumerate(words)]
    >>> X = np.eye(2).repeat(12, axis=0) + np.random.default_rng(0).normal(0, 0.1, (24, 2))
    >>> clustering = recs.cluster_items(items, recs.Embeddings.from_array([item.id for item in items], X, model="demo"))
    >>> [(topic.name, topic.size) for topic in clustering.topics]
    [('bread', 12), ('bicycle', 12)]
    """
    _check_choice("reduction", reduction, Reduction)
    _check_choice("cluster_selection_method", cluster_selection_method, Selection)
    _check_choice("assign", assign, Assign)
    _check_counts(min_samples, n_topics, min_cluster_size)
    public = Collection(tuple(items)).public
    embeddings = embeddings.take([item.id for item in public])
    if previous is not None:
        previous.check_comparable(embeddings)
    readable, vectors = without_blank_items(public, embeddings)

    options = CoreOptions(
        _core_size(min_cluster_size, len(readable)), reduction, min_samples, cluster_selection_method, seed
    )
    space = Space.of_items(readable, vectors, options, everything=assign == "all")
    granularity = choose_granularity(space, n_topics)
    earlier = EarlierRun.of(previous, vectors.ids, space)
    edited = apply_edits(continue_topics(space, granularity.chosen, earlier), edits, earlier_names=_names_of(previous))
    fitted = fit_layers(granularity, edited.cut, earlier)
    layers = describe_layers(readable, fitted, names=edited.names, namer=namer, embedder=embedder)

    parameters = _parameters(options, n_topics, assign, names=edited.names, ids=fitted.default.ids, previous=previous)
    clustering = _assemble(vectors, granularity, fitted, layers, parameters=parameters, notes=edited.notes)
    return with_blank_items(clustering, embeddings)


def _check_choice(name: str, value: str, choices: Any) -> None:
    """Raise `OptionError` unless the value is one of a `Literal`."""
    if value not in get_args(choices):
        raise OptionError(f"{name} is {value!r}, expected one of {', '.join(get_args(choices))}.")


def _check_counts(min_samples: int, n_topics: int | None, min_cluster_size: int | Literal["auto"]) -> None:
    _check_count("min_samples", min_samples, least=1)
    if n_topics is not None:
        _check_count("n_topics", n_topics, least=2)
    if min_cluster_size != "auto":
        _check_count("min_cluster_size", min_cluster_size, least=2)


def _check_count(name: str, value: object, *, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise OptionError(f"{name} is {value!r}, expected a whole number, {least} or more.")


def _core_size(min_cluster_size: int | Literal["auto"], items: int) -> int:
    return max(3, min(5, items // 16)) if min_cluster_size == "auto" else min_cluster_size


def _parameters(
    options: CoreOptions,
    n_topics: int | None,
    assign: Assign,
    *,
    names: Mapping[int, str],
    ids: Sequence[int],
    previous: Clustering | None,
) -> dict[str, Any]:
    """Return the options, and what a next run needs: the names that were given, and the first free id."""
    return asdict(options) | {
        "n_topics": n_topics,
        "assign": assign,
        "names": {str(topic): names[topic] for topic in ids if topic in names},
        "next_id": _next_id(ids, previous),
    }


def _names_of(previous: Clustering | None) -> Mapping[str, str]:
    """Return the names that an earlier run was given, by topic id."""
    return {} if previous is None else previous.parameters.get("names", {})


def _next_id(ids: Sequence[int], previous: Clustering | None) -> int:
    """Return the first id that no topic has, or had in an earlier run."""
    first_free = previous.parameters["next_id"] if previous is not None else 0
    return max([first_free, *(topic + 1 for topic in ids)])


def _assemble(
    embeddings: Embeddings,
    granularity: Granularity,
    fitted: FittedLayers,
    layers: Sequence[Layer],
    *,
    parameters: Mapping[str, Any],
    notes: Sequence[str],
) -> Clustering:
    """Return the result, put together from those of the steps."""
    space = fitted.space
    default = fitted.default
    shown = layers[fitted.place]
    labels = np.where(space.in_core[space.row_of_item], shown.assigned, -1)
    return Clustering(
        ids=embeddings.ids,
        labels=labels,
        assigned=shown.assigned,
        strengths=np.where(labels >= 0, space.cores.strengths[space.row_of_item], 0.0),
        learned=default.learned,
        layers=tuple(layers),
        default=fitted.place,
        topics=shown.topics,
        sweep=tuple(_sweep_row(cut, is_chosen=cut is granularity.chosen) for cut in granularity.cuts),
        rule=default.rule,
        model=embeddings.model,
        fingerprint=embeddings.fingerprint,
        parameters=parameters,
        metrics={
            "items": len(embeddings),
            "distinct": len(space.vectors),
            "topics": len(default.ids),
            "coverage": shown.coverage,
            "core": float((labels >= 0).mean()) if len(labels) else 0.0,
            "stability": default.cut.stability,
        },
        notes=(*granularity.notes, *notes),
    )


def _sweep_row(cut: Cut, *, is_chosen: bool) -> SweepRow:
    return SweepRow(cut.resolution, len(cut.ids), cut.stability, cut.coverage, round(cut.score, 6), is_chosen)
