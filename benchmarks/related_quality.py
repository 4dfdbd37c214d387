"""How well related lists find the items that authors linked to themselves, on sites that no choice was made on.

RECS_DATA names a folder of collections; each is a folder with
    data.jsonl    one item a line: id, title, text, date, …
    links.jsonl   one link a line: src, dst, the words that carry it (anchor), the number of links of src (out_degree)
The measure is strict: from the text of a source, every occurrence of the words of its links is removed, and sources of
eight links and more are not judged. Guesses of languages by whoever collected the items ("lang") are not read.
Judged are the lists that `recs related` writes by default, rules included, of ten entries. Beside them:

    no dates          the same without the dates of the items: the order of the weighted sum of signals
    left out          the same as the default, with numbers fitted to the other sites alone
    left-out weights  the weights of the signals that are best on the other sites (with --weights; takes minutes)
    terms             the default without a model
    TF-IDF            cosines of word counts; pairs of characters in a collection that is written without blanks

Printed is nDCG@10 with its 95 % interval, and the default less each of the others, source by source: for each site, for
the mean of the sites, and for all sources together; then how many ways were compared, and the fitted numbers.

    RECS_DATA=… python benchmarks/related_quality.py [--weights] [--text text_full] [--rankings NAMES] [site …]
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from recs import Cache, Collection, Item, Rules, read_items, related_items
from recs.evaluation.baselines import DEPTH, Ranked, bm25_scores, naive_ranking, ranked_by_score
from recs.evaluation.judgments import ROUND_UP, Judgments
from recs.evaluation.metrics import RESAMPLES, bootstrap, ndcg
from recs.evaluation.rankings import ids_of_lists
from recs.ranking.ages import closeness_in_time
from recs.ranking.arrange import arrange
from recs.ranking.duplicates import near_duplicates, similarity_of
from recs.ranking.fusion import fuse
from recs.ranking.probability import LINK_ODDS, LinkOdds
from recs.ranking.rank import CANDIDATES, RankedItems, rank_items, scored_candidates
from recs.readers.read import read_records

SITES = (
    *("18f_blog", "rust_blog", "recipes", "til", "podcast_syntax"),
    *("isotopp", "letsencrypt", "podcast_jupiter", "ropensci_blog", "yihui_cn"),
)
RANKINGS = ("default", "no dates", "left out", "terms", "TF-IDF")
OTHERS = ("left-out weights", "BM25", "naive dense")
WEIGHTS = tuple(product((2.0,), (0.5, 1.0, 2.0), (0.0, 0.5, 1.0, 2.0)))
"""Of terms, of mentions, and of each of the two signals of vectors; only their ratios count."""

Values = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Site:
    """A collection without the words of its links, the links that are judged, and the ranking of the items."""

    name: str
    collection: Collection
    judged: Judgments
    ranked: RankedItems

    @property
    def items(self) -> Sequence[Item]:
        return self.collection.public

    def values(self, lists: Mapping[str, Sequence[str]]) -> Values:
        """Return nDCG@10 of each judged source, in the order of their ids."""
        return np.array([ndcg(lists[source], self.judged[source], DEPTH) for source in sorted(self.judged)])

    def lists(self, ranked: RankedItems, link_odds: LinkOdds) -> Ranked:
        """Return the lists that `recs related` would write if these were its ranking and its numbers."""
        picks = arrange(
            self.items,
            scored_candidates(self.items, ranked, None, link_odds=link_odds),
            near_duplicates(ranked),
            DEPTH,
            rules=Rules(),
            similar=similarity_of(ranked),
            languages=ranked.languages,
        )
        ids = [item.id for item in self.items]
        return {name: [ids[pick.row] for pick in picks[row]] for row, name in enumerate(ids)}


def read_site(folder: Path, cache: Cache | bool, text: str = "text") -> Site:
    """Read a collection, hide the words of its links, and rank it."""
    items = read_items(folder / "data.jsonl", fields={"text": text})
    ids = {item.id for item in items.public}
    targets: dict[str, set[str]] = {}
    words: dict[str, set[str]] = {}
    for link in read_records(folder / "links.jsonl"):
        source, target = str(link["src"]), str(link["dst"])
        if source == target or not {source, target} <= ids or link.get("out_degree", 1) >= ROUND_UP:
            continue
        targets.setdefault(source, set()).add(target)
        words.setdefault(source, set()).add(link.get("anchor") or "")
    hidden = []
    for item in items.public:
        left = item.text
        for anchor in sorted(words.get(item.id, set()) - {""}, key=lambda anchor: (-len(anchor), anchor)):
            left = left.replace(anchor, " ")
        # The rules put linked items last, which would be the very judgments.
        hidden.append(replace(item, text=left, links=(), lang=None))
    collection = Collection(tuple(hidden), items.source)
    ranked = rank_items(collection.public, depth=CANDIDATES, rules=Rules(), cache=cache)
    return Site(folder.name, collection, {name: frozenset(ids) for name, ids in targets.items()}, ranked)


def fitted(sites: Sequence[Site]) -> LinkOdds:
    """Return the numbers that a logistic regression on the pairs of these sites gives; each site counts as much."""
    features, linked, weights = [], [], []
    for site in sites:
        row_of = {item.id: row for row, item in enumerate(site.items)}
        fused = site.ranked.fused
        closeness = closeness_in_time(site.items, fused.indices)
        for source in sorted(site.judged):
            row = row_of[source]
            is_pair = fused.scores[row] > 0
            pairs = (np.log(fused.scores[row, is_pair]), closeness[row, is_pair])
            features.append(np.stack(pairs, axis=1))
            rows_of_targets = [row_of[target] for target in site.judged[source]]
            linked.append(np.isin(fused.indices[row, is_pair], rows_of_targets))
            weights.append(np.full(is_pair.sum(), 1e4 / len(site.judged)))
    model = LogisticRegression(C=1e6, max_iter=1000)
    model.fit(np.concatenate(features), np.concatenate(linked), sample_weight=np.concatenate(weights))
    power, decay = np.maximum(model.coef_[0], 0)  # neither a lower score nor more time makes a link likelier
    strengths = [np.exp(pairs @ [power, decay]) for pairs in features]
    return LinkOdds(power=float(power), decay=float(decay), level=level_of(sites, strengths, linked))


def level_of(sites: Sequence[Site], strengths: Sequence[Values], linked: Sequence[Values]) -> float:
    """Return the level by which each site would have as many expected links as there are: the geometric mean."""
    levels = []
    stops = np.cumsum([len(site.judged) for site in sites])
    for site, stop in zip(sites, stops.tolist(), strict=True):
        own = slice(stop - len(site.judged), stop)
        values, links = np.concatenate(strengths[own]), np.concatenate(linked[own]).sum()
        low, high = -30.0, 30.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if (values / (values + np.exp(middle))).sum() > links else (low, middle)
        levels.append(low - np.log(len(site.items)))
    return float(np.exp(np.mean(levels)))


def tfidf(items: Sequence[Item]) -> Ranked:
    texts = [f"{item.title}\n{item.text}" for item in items]
    sample = "".join(text[:300] for text in texts)
    is_blankless = sum("\u3040" <= char <= "\u9fff" for char in sample) > len(sample) / 4
    options: dict[str, Any] = {"analyzer": "char", "ngram_range": (2, 2)} if is_blankless else {}
    terms = TfidfVectorizer(sublinear_tf=True, min_df=2, max_df=0.3, **options).fit_transform(texts)
    return ranked_by_score(items, lambda start, stop: (terms[start:stop] @ terms.T).toarray())


class Ready:
    """A signal whose similarities of all pairs are computed already, with a weight to try."""

    proposes = True

    def __init__(self, name: str, symmetric: bool, matrix: npt.NDArray[Any], weight: float) -> None:
        self.name = name
        self.symmetric = symmetric
        self.matrix = matrix
        self.weight = weight

    def block(self, rows: Any, columns: Any) -> Any:
        return self.matrix[rows] if columns is None else self.matrix[np.ix_(rows, columns)]


def by_weights(site: Site) -> Iterator[Values]:
    """Yield the values of a site for each of `WEIGHTS`, without dates."""
    rows = np.arange(len(site.items))
    matrices = [signal.block(rows, None) for signal in site.ranked.signals]
    ids = [item.id for item in site.items]
    for terms, mentions, vectors in WEIGHTS:
        weight_of = {"terms": terms, "mentions": mentions, "dense": vectors, "passages": vectors}
        made = [
            Ready(signal.name, signal.symmetric, matrix, weight_of[signal.name])
            for signal, matrix in zip(site.ranked.signals, matrices, strict=True)
        ]
        fused = fuse(made, ids, CANDIDATES, mask=Rules().mask(site.items))
        yield site.values(site.lists(replace(site.ranked, fused=fused), replace(LINK_ODDS, decay=0.0)))


def left_out_weights(sites: Sequence[Site]) -> list[Values]:
    """Return for each site its values by the weights that have the best mean on the others."""
    values_of_sites = [list(by_weights(site)) for site in sites]
    means = np.array([[values.mean() for values in values_of_site] for values_of_site in values_of_sites])
    best = (means.sum(axis=0) - means).argmax(axis=1)
    for site, choice in zip(sites, best.tolist(), strict=True):
        print(f"weights of terms, mentions, vectors chosen without {site.name}: {WEIGHTS[choice]}", flush=True)
    return [values_of_site[choice] for values_of_site, choice in zip(values_of_sites, best.tolist(), strict=True)]


def judge(sites: Sequence[Site], place: int, ranking: str, cache: Cache | bool) -> Values:
    """Return the values of one ranking on the site at a place of the list."""
    site = sites[place]
    texts = [f"{item.title}\n{item.text}" for item in site.items]
    made = {
        "default": lambda: ids_of_lists(related_items(site.collection, site.ranked.embeddings, k=DEPTH, cache=cache)),
        "no dates": lambda: site.lists(site.ranked, replace(LINK_ODDS, decay=0.0)),
        "left out": lambda: site.lists(site.ranked, fitted([*sites[:place], *sites[place + 1 :]])),
        "terms": lambda: ids_of_lists(related_items(site.collection, k=DEPTH, signals="terms,mentions", cache=cache)),
        "TF-IDF": lambda: tfidf(site.items),
        "BM25": lambda: ranked_by_score(site.items, bm25_scores(texts)),
        "naive dense": lambda: naive_ranking(site.items, cache=cache),
    }
    return site.values(made[ranking]())


def mean_of_means(collections: Sequence[Values]) -> tuple[float, float, float]:
    """Return the mean of the means of several collections, and the interval that resampling the sources gives it."""
    generator = np.random.default_rng(0)
    means = [
        np.mean([values[generator.integers(0, len(values), len(values))].mean() for values in collections])
        for _ in range(RESAMPLES)
    ]
    low, high = np.percentile(means, [2.5, 97.5])
    return float(np.mean([values.mean() for values in collections])), float(low), float(high)


def pooled(collections: Sequence[Values]) -> tuple[float, float, float]:
    estimate = bootstrap(np.concatenate(collections))
    return estimate.mean, estimate.low, estimate.high


def show(name: str, values: Mapping[str, Sequence[Values]], combine: Any) -> None:
    """Print each ranking, and by how much the first one is better."""
    first = next(iter(values.values()))
    print(f"\n{name:26}{'nDCG@10':>15}{'the default less this':>30}")
    for ranking, own in values.items():
        mean, low, high = combine(own)
        line = f"{ranking:20}{mean:8.4f} [{low:.3f}, {high:.3f}]"
        if own is not first:
            mean, low, high = combine([ours - theirs for ours, theirs in zip(first, own, strict=True)])
            line += f"{mean:+12.4f} [{low:+.3f}, {high:+.3f}]"
        print(line)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--text", default="text", help="the field that holds the text")
    parser.add_argument("--rankings", default=",".join(RANKINGS), help=f"also {', '.join(OTHERS)}")
    parser.add_argument("--weights", action="store_true", help="also try other weights of the signals")
    parser.add_argument("sites", nargs="*")
    arguments = parser.parse_args()
    root = Path(os.environ["RECS_DATA"])
    rankings = ("default", *(name for name in arguments.rankings.split(",") if name != "default"))
    with Cache() as cache:
        sites = [read_site(root / name, cache, arguments.text) for name in arguments.sites or SITES]
        values = {name: [judge(sites, place, name, cache) for place in range(len(sites))] for name in rankings}
    if arguments.weights:
        values["left-out weights"] = left_out_weights(sites)
    for place, site in enumerate(sites):
        show(f"{site.name} ({len(site.judged)})", {name: [own[place]] for name, own in values.items()}, pooled)
    show("mean", values, mean_of_means)
    show("pooled", values, pooled)
    tried = len(rankings) + (len(WEIGHTS) if arguments.weights else 0)
    print(f"\n{tried} ways to rank were compared in this run; docs/benchmarks.md counts those before it.")
    print(f"fitted to all of these sites: {fitted(sites)}")


if __name__ == "__main__":
    main()
