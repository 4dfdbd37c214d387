"""The comparison of models on a collection: contestants → tasks → verdicts and costs → choice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from recs.comparison.choice import Change, Choice, change, choose, switch_sentence
from recs.comparison.contestants import BASELINES, Contestant, read_contestant
from recs.comparison.costs import Costs, costs_of, first_vectors, measured_speeds, parsed_prices
from recs.comparison.latent import check_installed
from recs.comparison.result import Comparison, TaskScores
from recs.comparison.tasks import Judged, Vectors, judge_labels, judge_related, judge_search, related_lists
from recs.comparison.verdicts import Difference, differences
from recs.embedding.cache import Cache
from recs.embedding.pipeline import open_cache
from recs.embedding.progress import Progress
from recs.errors import MissingDependencyError, ModelError, OptionError, SourceError
from recs.evaluation.baselines import Ranked
from recs.evaluation.judgments import Judgments, judged_sources, with_judgments
from recs.evaluation.metrics import bootstrap
from recs.evaluation.queries import queries_from_titles, read_queries
from recs.items import Collection, Item
from recs.text.languages import item_languages
from recs.text.links import hide_links

_LEAST_LABELLED = 2  # items of a label that can be judged
TASKS = ("related", "search", "labels")


def compare_models(
    collection: Collection,
    models: Sequence[str],
    *,
    baselines: Sequence[str] = BASELINES,
    judgments: Iterable[Any] | None = None,
    queries: Iterable[Any] | None = None,
    query_judgments: Iterable[Any] | None = None,
    labels: Mapping[str, str] | None = None,
    tasks: Sequence[str] = TASKS,
    measure: bool = True,
    prices: Mapping[str, float] | None = None,
    cache: Cache | bool = True,
    offline: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Comparison:
    """Say which model is worth it on this collection, by what the collection can judge.

    Parameters
    ----------
    models
        Contestants as `recs.comparison.contestants` writes them; the first is the current one.
    baselines
        Contestants that need no model.
    judgments
        Links that replace those in the bodies, as in `recs.evaluate_related`.
    queries, query_judgments
        As in `recs.evaluate_search`; without queries, titles must find their texts.
    labels
        By item id; without them the categories of the items.
    tasks
        Some of "related", "search", "labels". What the data cannot judge is left out, with a note.
    measure
        Whether speed, memory and the time to the first vector are measured.
    prices
        By contestant: the price of a million tokens.
    cache, progress
        As in `recs.embed_items`.
    offline
        Do not download models.

    Returns
    -------
    Comparison

    Raises
    ------
    OptionError
        If fewer than two contestants are left.

    Notes
    -----
    The same items and contestants give the same numbers, except for speeds, times and memory.

    Examples
    --------
    >>> import recs
    >>> texts = {"Garlic": "Plant the garlic cloves.", "Tea": "Boil water for tea.", "Rye": "Knead the rye dough."}
    >>> items = [recs.Item(name.lower(), text, title=name) for name, text in texts.items()]
    >>> comparison = recs.compare_models(
    ...     recs.Collection(tuple(items)), [], baselines=["terms", "LSA"], tasks=["search"], measure=False, cache=False
    ... )
    >>> comparison.contestants, comparison.choice.name
    (('terms', 'LSA'), 'terms')
    """
    if unknown := sorted(set(tasks) - set(TASKS)):
        raise OptionError(f"{unknown[0]!r} is no task; expected some of {', '.join(TASKS)}.")
    with open_cache(cache) as store:
        contestants, left_out = _read([*models, *baselines], store, offline=offline)
        contest = _Contest(collection, contestants, store or False, {"progress": progress})
        if "related" in tasks:
            contest.related(judgments)
        if "search" in tasks:
            contest.search(queries, query_judgments)
        if "labels" in tasks:
            contest.labels(labels)
        return contest.result(left_out, measure=measure, prices=prices or {})


def _read(names: Sequence[str], store: Cache | None, *, offline: bool) -> tuple[list[Contestant], dict[str, str]]:
    """Return the contestants that are there, each once, and why others are not."""
    contestants = []
    left_out = {}
    for name in dict.fromkeys(names):
        try:
            contestants.append(read_contestant(name, store, offline=offline))
        except (ModelError, MissingDependencyError, SourceError) as error:
            left_out[name] = str(error)
    if len(contestants) < 2:
        reasons = "".join(f" {name}: {reason}" for name, reason in left_out.items())
        raise OptionError(f"{len(contestants)} contestant is left; a comparison needs two.{reasons}")
    return contestants, left_out


class _Contest:
    """The state of one comparison: vectors that are made once, and what was judged."""

    def __init__(
        self, collection: Collection, contestants: Sequence[Contestant], cache: Cache | bool, options: dict[str, Any]
    ) -> None:
        self.collection = collection
        self.contestants = list(contestants)
        self.cache = cache
        self.options = options
        self.whole = Vectors(collection.public, cache, options)
        self.judged: list[Judged] = []
        self.notes: list[str] = []
        self.rankings: dict[str, Ranked] = {}
        self.links: Judgments = {}

    def related(self, judgments: Iterable[Any] | None) -> None:
        """Judge related lists by links; without any, the lists are made all the same, to show what would change."""
        collection = self.collection if judgments is None else with_judgments(self.collection, judgments)
        hidden: Sequence[Item] = collection.public
        try:
            self.links, _ = judged_sources(collection.public)
            hidden = hide_links(collection.public, collection.boilerplate)
        except SourceError as error:
            self.notes.append(f"related lists are not judged: {error}")
        vectors = Vectors(hidden, self.cache, self.options) if self.links else self.whole
        self.rankings = related_lists(self.contestants, vectors)
        if self.links:
            self.judged += judge_related(self.contestants, vectors, self.rankings, self.links)
            given = [one.name for one in self.contestants if one.given is not None]
            self.notes += [f"{name}: vectors in a file may have seen the links that judge them" for name in given]

    def search(self, queries: Iterable[Any] | None, judgments: Iterable[Any] | None) -> None:
        """Judge search by queries, or by titles."""
        try:
            if queries is None:
                asked = queries_from_titles(self.collection)
            else:
                asked = read_queries(self.collection, queries, judgments)
        except SourceError as error:
            if queries is not None:
                raise
            self.notes.append(f"search is not judged: {error}")
            return
        self.notes += asked.notes
        self.judged += judge_search(self.contestants, asked, self.cache, self.options)

    def labels(self, labels: Mapping[str, str] | None) -> None:
        """Judge vectors by the labels of items."""
        items = self.collection.public
        given = labels if labels is not None else {item.id: item.category for item in items if item.category}
        counts = Counter(given.get(item.id) for item in items)
        usable = {item.id: given[item.id] for item in items if item.id in given}
        usable = {name: label for name, label in usable.items() if counts[label] >= _LEAST_LABELLED}
        if len(set(usable.values())) < 2:
            self.notes.append("labels are not judged: fewer than two labels are on two items")
            return
        try:
            check_installed("a judgment by labels")
        except MissingDependencyError as error:
            self.notes.append(f"labels are not judged: {error}")
            return
        self.judged += judge_labels(self.contestants, self.whole, usable)

    def result(self, left_out: Mapping[str, str], *, measure: bool, prices: Mapping[str, float]) -> Comparison:
        """Return what was found."""
        judged = [each for each in self.judged if len(each.values) > 1]
        pairs = tuple(pair for each in judged for pair in differences(each.task, each.values))
        names = tuple(one.name for one in self.contestants)
        costs = self._costs(parsed_prices(prices, names), measure=measure)
        if not pairs:
            self.notes.append("nothing in this collection judges the contestants")
        choice = choose(names, pairs, costs, [one.name for one in self.contestants if one.is_offered])
        changed = self._change(choice, pairs)
        shown = {changed.before, changed.after} if changed else set()
        ids = {one for each in (changed.examples if changed else ()) for one in (each.id, *each.before, *each.after)}
        return Comparison(
            items=len(self.collection.public),
            contestants=names,
            left_out=left_out,
            scores=tuple(_scores(each) for each in judged),
            differences=pairs,
            costs=costs,
            choice=choice,
            switch=switch_sentence(names[0], costs[choice.name], choice),
            change=changed if len(shown) == 2 else None,
            titles={item.id: item.title or item.id for item in self.collection.public if item.id in ids},
            notes=tuple(self.notes),
        )

    def _costs(self, prices: Mapping[str, float], *, measure: bool) -> dict[str, Costs]:
        items = self.collection.public
        languages = item_languages(items, self.cache if isinstance(self.cache, Cache) else None)
        speeds = measured_speeds(self.contestants, items) if measure else {}
        first = first_vectors(self.contestants) if measure else {}
        costs = {}
        for one in self.contestants:
            embeddings = self.whole.of(one) if one.has_vectors else None
            measured: dict[str, Any] = {"speed": speeds.get(one.space), "first": first.get(one.space)}
            costs[one.name] = costs_of(one, embeddings, languages, price=prices.get(one.name), **measured)
        return costs

    def _change(self, choice: Choice, pairs: Sequence[Difference]) -> Change | None:
        """Return what changes from the current contestant to the choice, or else to the one that comes nearest."""
        current = self.contestants[0].name
        if not self.rankings:
            return None
        other = choice.name
        if other == current:
            others = [one.name for one in self.contestants if one.name != current and one.has_vectors]
            others = others or [one.name for one in self.contestants if one.name != current]
            gaps = {each.second: each.mean for each in pairs if each.task == "related" and each.first == current}
            other = min(others, key=lambda name: gaps.get(name, 0.0))
        return change(current, other, self.rankings, self.links)


def _scores(judged: Judged) -> TaskScores:
    means = {name: bootstrap(values) for name, values in judged.values.items()}
    return TaskScores(judged.task, judged.metric, len(judged.queries), means)
