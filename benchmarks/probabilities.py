"""Whether the scores of related lists are probabilities: predicted over observed links on sites that were left out.

RECS_DATA, the sites and the strict measure are those of `related_quality.py`; the score is P(linked), if the item links
to any. Three sub-sites of 30 to 500 posts are drawn from each site, once at random, once as neighbours in time, until
three of the posts link to others; the numbers of the score are fitted to the other nine sites. Printed is, for all
pairs of sub-sites together, the ratio in each decile of the predictions with the number of links that it holds, and
the ratio of each whole site.

    RECS_DATA=… python benchmarks/probabilities.py [site …]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from related_quality import SITES, Site, Values, fitted, read_site

from recs import Cache, Collection, Rules
from recs.ranking.probability import LinkOdds, linked_probability
from recs.ranking.rank import CANDIDATES, rank_items, untuned_scores

SUB_SITES = 3
LEAST = 3  # posts that link to others
FEWEST, MOST = 30, 500


def sub_site(site: Site, rows: Values, cache: Cache) -> Site:
    items = [site.items[row] for row in sorted(rows.tolist())]
    ids = frozenset(item.id for item in items)
    judged = {source: names & ids for source, names in site.judged.items() if source in ids and names & ids}
    embeddings = site.ranked.embeddings
    vectors = embeddings.take([item.id for item in items]) if embeddings is not None else None
    ranked = rank_items(items, vectors, depth=CANDIDATES, rules=Rules(), cache=cache)
    return Site(site.name, Collection(tuple(items), site.collection.source), judged, ranked)


def drawn(site: Site, cache: Cache, generator: np.random.Generator, *, at_random: bool) -> Site:
    """Return a sub-site in which at least three posts link to others."""
    by_date = np.array(sorted(range(len(site.items)), key=lambda row: (site.items[row].published or "", row)))
    most = min(MOST, len(by_date))
    size = int(np.exp(generator.uniform(np.log(FEWEST), np.log(most))))
    while True:
        start = generator.integers(0, len(by_date) - size + 1)
        rows = generator.permutation(by_date)[:size] if at_random else by_date[start : start + size]
        part = sub_site(site, rows, cache)
        if len(part.judged) >= LEAST:
            return part
        size = min(size + size // 2, most)


def pairs(site: Site, link_odds: LinkOdds) -> tuple[Values, Values]:
    """Return the probability of each pair of a judged source with a candidate, and whether the author links them."""
    row_of = {item.id: row for row, item in enumerate(site.items)}
    fused = site.ranked.fused
    predicted = linked_probability(untuned_scores(site.items, site.ranked, link_odds=link_odds))
    rows = [row_of[source] for source in sorted(site.judged)]
    targets = [[row_of[name] for name in site.judged[source]] for source in sorted(site.judged)]
    linked = np.stack([np.isin(fused.indices[row], own) for row, own in zip(rows, targets, strict=True)])
    is_pair = fused.indices[rows] >= 0
    return predicted[rows][is_pair], linked[is_pair]


def by_decile(predicted: Values, linked: Values) -> str:
    cells = []
    for places in np.array_split(np.argsort(predicted, kind="stable"), 10):
        links = int(linked[places].sum())
        cells.append(f"{predicted[places].sum() / max(links, 0.5):.2f} ({links})")
    return ", ".join(cells)


def main() -> None:
    root = Path(os.environ["RECS_DATA"])
    with Cache() as cache:
        sites = [read_site(root / name, cache) for name in sys.argv[1:] or SITES]
        left_out = [fitted([other for other in sites if other is not site]) for site in sites]
        for kind, at_random in (("at random", True), ("neighbours in time", False)):
            generator = np.random.default_rng(0)
            parts = [
                pairs(drawn(site, cache, generator, at_random=at_random), link_odds)
                for site, link_odds in zip(sites, left_out, strict=True)
                for _ in range(SUB_SITES)
            ]
            predicted, linked = (np.concatenate(values) for values in zip(*parts, strict=True))
            print(
                f"sub-sites, {kind}: {predicted.sum() / linked.sum():.2f}; {by_decile(predicted, linked)}", flush=True
            )
        for site, link_odds in zip(sites, left_out, strict=True):
            predicted, linked = pairs(site, link_odds)
            print(f"{site.name:16} {len(site.items):5} items  {predicted.sum() / linked.sum():.2f}  {link_odds}")


if __name__ == "__main__":
    main()
