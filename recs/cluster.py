"""Topics of a collection: dense cores, merged over the neighbour graph into layers from coarse to fine.

    items, vectors
      → languages     what says in which of several languages a text is, taken out of the vectors         languages
      → space         distinct texts, the graph of nearest neighbours, and small dense cores:       copies, space,
                      HDBSCAN in spectral coordinates of the graph                                  graph, cores
      → granularity   cores grow over the graph and merge into a tree, which is cut at many         granularity,
                      resolutions; the cut is chosen that is stable when items are left out,  communities
                      and whose topics are well apart
      → continuity    topics of an earlier run go on; merges and names of the user                  growth, edits
      → layers        a rule that assigns any vector to a topic; coarser and finer cuts             fitting, assignment
      → description   a name, phrases and examples for each topic                                   phrases, closeness,
                                                                                                    description

The last column names the modules of `recs.clustering`. docs/clusters.md says how each step was chosen and measured.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from recs.clustering.blanks import with_blank_items, without_blank_items
from recs.clustering.checks import check_choice, check_counts
from recs.clustering.closeness import PhraseModel
from recs.clustering.copies import DistinctTexts
from recs.clustering.cores import CoreOptions, Selection, core_options
from recs.clustering.description import Description, describe_layers
from recs.clustering.edits import EditedCut, apply_edits
from recs.clustering.fitting import FittedLayers, best_temperature
from recs.clustering.granularity import Granularity, choose_granularity
from recs.clustering.growth.changes import changes_since
from recs.clustering.growth.continuation import Continuation, continue_topics, fit_default, fit_layers
from recs.clustering.growth.earlier import EarlierRun
from recs.clustering.growth.seeds import SeededCut
from recs.clustering.growth.seeds import seed_topics as with_seeds
from recs.clustering.languages import BySubject
from recs.clustering.parts import Layer, TopicChange
from recs.clustering.phrase_reader import BannedWords
from recs.clustering.phrases import Namer
from recs.clustering.result import Assign, Clustering
from recs.clustering.space import Space
from recs.embedding.pipeline import open_cache
from recs.embedding.vectors import Embeddings
from recs.items import Collection, Item

if TYPE_CHECKING:
    from recs.embedding.cache import Cache
    from recs.embedding.embedder import Embedder


def cluster_items(
    items: Iterable[Item],
    embeddings: Embeddings,
    *,
    min_cluster_size: int | Literal["auto"] = "auto",
    min_samples: int | Literal["auto"] = "auto",
    cluster_selection_method: Selection = "eom",
    n_topics: int | None = None,
    assign: Assign = "close",
    previous: Clustering | None = None,
    edits: str | os.PathLike[str] | None = None,
    seed_topics: str | os.PathLike[str] | None = None,
    ban: str | os.PathLike[str] | None = None,
    namer: Namer | None = None,
    embedder: Embedder | None = None,
    cache: Cache | str | os.PathLike[str] | bool = True,
) -> Clustering:
    """Find the topics of the public items.

    Parameters
    ----------
    embeddings
        Vectors of at least the public items. An item of which the model knows no token (`Embeddings.blank`) is in no
        topic and changes none.
    min_cluster_size
        The fewest texts of a dense core, 2 or more; "auto" takes 5, 4 for fewer than about 1,950
        distinct texts, and 3 for fewer than 80.
    min_samples
        How many neighbours make a region dense, 1 or more; as in HDBSCAN. "auto" takes 2.
    cluster_selection_method
        "eom" or "leaf": which nodes of HDBSCAN's tree are cores.
    n_topics
        How many topics are wanted, 2 or more. A note says if no cut has so many. None takes the best granularity.
    assign
        "close" leaves outliers unassigned; "all" assigns every item that the model can read to its most likely topic.
    previous
        An earlier clustering. Its topics keep their ids and names, as long as they have items. They are recognised by
        the items that it had, and by its rule if none of them is here. `Clustering.changes` says what is new.
    edits
        A JSON file of the user: `{"names": {"3": "Gardening"}, "merge": [[3, 7]]}`, by topic id.
    seed_topics
        A JSON file of topics that must be there, with words or ids of items: `{"Gardening": ["compost", "post-12"]}`.
        A note names those of which nothing is there.
    ban
        A text file of words that no name and no phrase of a topic may hold, one a line.
    namer
        Called with the phrases and exemplars of each topic of the default layer; returns its name.
    embedder
        The model of `embeddings`. With it, phrases are also ranked by how close they are to the topic: they are
        embedded in the role of the items. `Clustering.parameters["phrases"]` says how they were ranked, and a note
        says why if the model cannot run here.
    cache
        Where the vectors of phrases are kept: as in `embed_items`.

    Raises
    ------
    OptionError, EmbeddingError, SourceError, MissingDependencyError
    FingerprintMismatchError
        If `previous` or `embedder` is of another model than `embeddings`, or has another prompt.

    Notes
    -----
    The result depends on the set of items, not on their order. Equal texts, and three or more copies in which only
    numbers or a twentieth of the words differ, count as one item until the end. Time O(n² d) for the neighbours, memory
    O(n d).

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
    check_choice("cluster_selection_method", cluster_selection_method, Selection)
    check_choice("assign", assign, Assign)
    check_counts(min_samples, n_topics, min_cluster_size)
    public = Collection(tuple(items)).public
    embeddings = embeddings.take([item.id for item in public])
    if previous is not None:
        previous.check_comparable(embeddings)
    readable, vectors = without_blank_items(public, embeddings)

    with open_cache(cache if embedder is not None else False) as store:
        model = PhraseModel.of(embedder, vectors, store)
        by_subject = BySubject.of(readable, vectors, previous.languages if previous is not None else None, cache=store)
        texts = DistinctTexts.of(readable, by_subject.vectors)
        options = core_options(texts, min_cluster_size, min_samples, cluster_selection_method)
        space = Space.of(texts, vectors.similarity, options, everything=assign == "all")
        steps = _Steps.of(space, n_topics, readable, previous, edits=edits, seeds=seed_topics)
        description = steps.described(readable, namer, model, BannedWords.read(ban))

    parameters = _parameters(options, n_topics, assign, steps, description)
    return with_blank_items(_assemble(by_subject, steps, description, parameters=parameters), embeddings)


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """What the steps between the space and the description gave.

    `continued` is the chosen cut with the topics of an earlier run, `edited` the same after the edits of the user.
    """

    granularity: Granularity
    earlier: EarlierRun | None
    continued: Continuation
    seeded: SeededCut
    edited: EditedCut
    fitted: FittedLayers

    @classmethod
    def of(
        cls,
        space: Space,
        n_topics: int | None,
        items: Sequence[Item],
        previous: Clustering | None,
        *,
        edits: str | os.PathLike[str] | None,
        seeds: str | os.PathLike[str] | None,
    ) -> _Steps:
        granularity = choose_granularity(space, n_topics)
        earlier = EarlierRun.of(previous, [item.id for item in items])
        given_names = previous.parameters.get("names", {}) if previous is not None else {}
        continued = continue_topics(granularity, earlier)
        first_free = earlier.next_id if earlier is not None else 0
        seeded = with_seeds(granularity.space, continued.cut, items, seeds, next_id=first_free)
        given_names = given_names | {str(topic): name for topic, name in seeded.names.items()}
        edited = apply_edits(seeded.cut, edits, earlier_names=given_names)
        default = fit_default(granularity.space, continued, edited.cut, earlier)
        return cls(granularity, earlier, continued, seeded, edited, fit_layers(granularity, default))

    def described(
        self, items: Sequence[Item], namer: Namer | None, model: PhraseModel | None, banned: BannedWords
    ) -> Description:
        earlier_names = self.earlier.names_without(self.edited.merged) if self.earlier is not None else {}
        return describe_layers(
            items,
            self.fitted,
            names=self.edited.names,
            earlier_names=earlier_names,
            namer=namer,
            model=model,
            banned=banned,
        )

    @property
    def next_id(self) -> int:
        """The first id that no topic has, or had in an earlier run."""
        first_free = self.earlier.next_id if self.earlier is not None else 0
        return max([first_free, *(topic + 1 for topic in self.fitted.default.ids)])

    def changes(self, ids: Sequence[str], shown: Layer) -> tuple[TopicChange, ...]:
        """Return what is not as in the earlier run; `shown` is the default layer."""
        return changes_since(self.earlier.clustering, ids, shown) if self.earlier is not None else ()

    @property
    def notes(self) -> tuple[str, ...]:
        """Why these topics were chosen, which of an earlier run go on, and which edits had no effect."""
        if self.earlier is None:
            return (*self.granularity.notes, *self.seeded.notes, *self.edited.notes)
        goes_on = not set(self.earlier.topic_ids).isdisjoint(self.continued.cut.ids)
        has_no_clusters = self.granularity.chosen not in self.granularity.cuts
        # "no clusters found" is not the whole truth if topics of the earlier run go on.
        why = () if goes_on and has_no_clusters else self.granularity.notes
        return (*why, *self.earlier.notes(self.continued.cut), *self.seeded.notes, *self.edited.notes)


def _parameters(
    options: CoreOptions, n_topics: int | None, assign: Assign, steps: _Steps, description: Description
) -> dict[str, Any]:
    """Return the options, and what a next run needs: the names that were given, and the first free id."""
    names = steps.edited.names
    return asdict(options) | {
        "n_topics": n_topics,
        "assign": assign,
        "phrases": description.ranked_by,
        "names": {str(topic): names[topic] for topic in steps.fitted.default.ids if topic in names},
        "next_id": steps.next_id,
        "temperature": best_temperature(steps.fitted.space, steps.fitted.default),
    }


def _assemble(
    by_subject: BySubject, steps: _Steps, description: Description, *, parameters: Mapping[str, Any]
) -> Clustering:
    """Return the result, put together from those of the steps."""
    embeddings = by_subject.vectors
    fitted = steps.fitted
    space = fitted.space
    default = fitted.default
    shown = description.layers[fitted.place]
    labels = np.where(space.in_core[space.row_of_item], shown.assigned, -1)
    return Clustering(
        ids=embeddings.ids,
        labels=labels,
        assigned=shown.assigned,
        strengths=np.where(labels >= 0, space.cores.strengths[space.row_of_item], 0.0),
        learned=default.learned,
        leanings=steps.continued.leanings,
        layers=tuple(description.layers),
        default=fitted.place,
        topics=shown.topics,
        sweep=steps.granularity.sweep,
        rule=default.rule,
        languages=by_subject.languages,
        model=embeddings.model,
        fingerprint=embeddings.fingerprint,
        role=embeddings.role,
        prompt=embeddings.prompt,
        parameters=parameters,
        metrics={
            "items": len(embeddings),
            "distinct": len(space.vectors),
            "topics": len(default.ids),
            "coverage": shown.coverage,
            "core": float((labels >= 0).mean()) if len(labels) else 0.0,
            "stability": default.cut.stability,
        },
        notes=(*steps.notes, *by_subject.notes, *description.notes),
        changes=steps.changes(embeddings.ids, shown),
    )
