"""What `recs tune` gains from few and from many links of a site, judged on posts that it did not learn from.

RECS_DATA, the sites and the strict measure are those of `related_quality.py`. Posts with links are drawn until they
have so many links; the weights are learned from these, and all other posts with links are judged: the mean gain in
nDCG@10 over the default ranking, before rules, of six draws. "all" is a cross-validation over all posts in five parts,
twice. With "chosen", the gain is 0 where the cross-validation within the drawn posts is not clear enough for a file.

    RECS_DATA=… python benchmarks/tuning.py [site …]
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
from related_quality import SITES, Site, Values, read_site

from recs import Cache
from recs.evaluation.judgments import with_judgments
from recs.evaluation.metrics import bootstrap
from recs.evaluation.tuning import LEVEL, Learner

LINKS = (30, 60, 120)
DRAWS = 6


def learner_of(site: Site) -> Learner:
    links = [{"src": one, "dst": other} for one, others in site.judged.items() for other in sorted(others)]
    return Learner(with_judgments(site.collection, links).public, site.ranked, site.judged)


def gains(learner: Learner, learned_from: Values, judged: Values) -> Values:
    """Return the gain of each judged source by weights that were learned from others."""
    features = {name: values[judged] for name, values in learner.features(learned_from).items()}
    after = learner.ndcg(learner.learn(learned_from).scores(features), judged)
    return after - learner.ndcg(learner.default_scores[judged], judged)


def draw(learner: Learner, links: int, seed: int) -> Values:
    """Return sources, in a random order, until they have so many links."""
    order = np.random.default_rng(seed).permutation(len(learner.rows))
    counts = np.cumsum([len(learner.relevant[place]) for place in order])
    return np.sort(order[: int(np.searchsorted(counts, links)) + 1])


def in_parts(learner: Learner, places: Values, repeats: int) -> Values:
    """Return the gains of a cross-validation within some sources."""
    total = np.zeros(len(learner.rows))
    for repeat in range(repeats):
        for part in np.array_split(np.random.default_rng(repeat).permutation(places), 5):
            total[part] += gains(learner, np.setdiff1d(places, part), part) / repeats
    return total[places]


def judge(learner: Learner, links: int) -> tuple[float, float, float]:
    """Return the mean gain, the same where a file would be written, and the share of the draws where it would be."""
    every, chosen, written = [], [], []
    for seed in range(DRAWS):
        places = draw(learner, links, seed)
        gain = gains(learner, places, np.setdiff1d(np.arange(len(learner.rows)), places)).mean()
        is_clear = bootstrap(in_parts(learner, places, 3), level=LEVEL).low > 0
        every.append(gain)
        chosen.append(gain if is_clear else 0.0)
        written.append(is_clear)
    return float(np.mean(every)), float(np.mean(chosen)), float(np.mean(written))


def main() -> None:
    root = Path(os.environ["RECS_DATA"])
    of_links: dict[object, list[tuple[float, ...]]] = {}
    with Cache() as cache:
        for name in sys.argv[1:] or SITES:
            learner = learner_of(read_site(root / name, cache))
            places = np.arange(len(learner.rows))
            cells = []
            for links in LINKS:
                if sum(map(len, learner.relevant)) < 1.5 * links:
                    continue
                gain, chosen, written = judge(learner, links)
                of_links.setdefault(links, []).append((gain, chosen, written))
                cells.append(f"{links}: {gain:+.3f}, chosen {chosen:+.3f} ({written:.2f})")
            estimate = bootstrap(in_parts(learner, places, 2))
            of_links.setdefault("all", []).append((estimate.mean,))
            before = learner.ndcg(learner.default_scores, places).mean()
            cells.append(f"all: {estimate.mean:+.3f} [{estimate.low:+.3f}, {estimate.high:+.3f}]")
            print(f"{name:16} {before:.3f}  {'  '.join(cells)}", flush=True)
    for links, rows in of_links.items():
        print(f"mean of {len(rows)} sites, {links} links: {np.round(np.mean(rows, axis=0), 4).tolist()}")


if __name__ == "__main__":
    main()
