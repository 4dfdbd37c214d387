"""Topics that grow with a blog: months replayed with `previous`, beside a fresh fit of every month.

    python benchmarks/topic_growth.py FOLDER                       # rust_blog, 18f_blog, podcast_syntax
    python benchmarks/topic_growth.py FOLDER --sets til --months 24

The first fit sees the items before the last `--months` months with posts; each update adds the posts of one month.

kept        The share of the items with a topic that have the same topic after an update: the least and the mean.
agreement   AMI of the last state with a fresh fit of all items, as a share of the AMI of fresh fits of two samples of
            nine tenths of the items (the mean over pairs of samples, on the items that both have). Beside it, the same
            of the first state that was never updated, whose rule assigns the later items.
renamed     Topics that go on with at least half of their items and have another name (with --names).
delay       In months, for each topic of the last fresh fit that comes back in the samples (mean Jaccard index .5 or
            more) and was not there at first. A topic is there from the first of three months in a row in which a topic
            has at least a quarter of those of its items that are there, and these are more than half of it. Counted
            from the fresh fits of each month to `previous`; negative if it was there earlier, inf if it never was.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from unittest import mock

import numpy as np
from sklearn.metrics import adjusted_mutual_info_score

sys.path.insert(0, str(Path(__file__).parent.parent))

import recs
import recs.clustering.copies
import recs.clustering.description

SETS = ("rust_blog", "18f_blog", "podcast_syntax")
SAMPLES = 4
STABLE = 0.5  # Jaccard index with the same topic in a sample
QUARTER = 0.25  # of the items of a topic
LASTING = 3  # months in a row


@dataclass(frozen=True, eq=False)
class Blog:
    """The items of a blog from the oldest to the newest, and how many there are at the end of each month."""

    items: list[recs.Item]
    embeddings: recs.Embeddings
    months: list[int]

    def fit(self, rows: Sequence[int], previous: recs.Clustering | None = None) -> recs.Clustering:
        return recs.cluster_items([self.items[row] for row in rows], self.embeddings, previous=previous)

    def labels(self, clustering: recs.Clustering) -> np.ndarray:
        """Return the topic of each item of the blog; -1 for none, -2 for an item that is not there."""
        topic_of = dict(zip(clustering.ids, clustering.assigned.tolist(), strict=True))
        return np.array([topic_of.get(item.id, -2) for item in self.items])


def read(folder: Path, name: str, embedder: recs.Embedder, months: int) -> Blog:
    public = recs.read_items(str(folder / name / "data.jsonl"), now="2026-11-01").public
    items = sorted((item for item in public if item.published), key=lambda item: (item.published, item.id))
    month_of_item = [item.published[:7] for item in items]
    ends = [
        row for row in range(1, len(items) + 1) if row == len(items) or month_of_item[row] != month_of_item[row - 1]
    ]
    return Blog(items, recs.embed_items(items, embedder, role="clustering"), ends[-months - 1 :])


@contextmanager
def lighter(blog: Blog) -> Iterator[None]:
    """Leave out the names of topics, and find copies once: most of the time of a fit, and no part of what is judged."""
    groups = recs.clustering.copies.copy_groups(blog.items).tolist()
    group_of = dict(zip([item.id for item in blog.items], groups, strict=True))

    def groups_at_hand(items: Sequence[recs.Item]) -> np.ndarray:
        return np.unique([group_of[item.id] for item in items], return_inverse=True)[1]

    def nothing(*arguments: object, **_: object) -> list[tuple[str, ...]]:
        topics = arguments[-1]  # their number, or the phrases of each
        return [()] * (len(topics) if isinstance(topics, list) else topics)

    module = recs.clustering.description
    with (
        mock.patch.object(recs.clustering.copies, "copy_groups", groups_at_hand),
        mock.patch.object(module, "PhraseIndex", return_value=None),
        mock.patch.object(module, "topic_phrases", nothing),
        mock.patch.object(module, "topic_headings", nothing),
    ):
        yield


def jaccard(labels: np.ndarray, rows: np.ndarray) -> float:
    """Return the Jaccard index of some rows with the topic of `labels` that fits them best."""
    sizes = np.bincount(labels[labels >= 0], minlength=1)
    shared = np.bincount(labels[rows][labels[rows] >= 0], minlength=len(sizes))
    return float((shared / np.maximum(sizes + len(rows) - shared, 1)).max())


def is_there(labels: np.ndarray, members: np.ndarray) -> bool:
    rows = members & (labels > -2)
    sizes = np.bincount(labels[labels >= 0], minlength=1)
    shared = np.bincount(labels[rows & (labels >= 0)], minlength=len(sizes))
    return bool(((shared > 0) & (shared >= QUARTER * rows.sum()) & (2 * shared > sizes)).any())


def first_month(states: Sequence[np.ndarray], members: np.ndarray) -> float:
    """Return the place of the state from which a topic is there; infinity if it never is."""
    there = [is_there(labels, members) for labels in states]
    places = [place for place in range(len(there)) if all(there[place : place + LASTING])]
    return places[0] if places else np.inf


def delays(states: list[np.ndarray], fresh: list[np.ndarray], samples: list[np.ndarray]) -> list[float]:
    """Return for each stable topic of the last fresh fit that is younger than the first state how late it appears."""
    late = []
    for topic in sorted(set(fresh[-1].tolist()) - {-1, -2}):
        members = fresh[-1] == topic
        back = [jaccard(labels, np.flatnonzero(members & (labels > -2))) for labels in samples]
        begins = first_month(fresh, members)
        if np.mean(back) >= STABLE and 0 < begins < np.inf:
            late.append(first_month(states, members) - begins)
    return late


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    both = (one > -2) & (other > -2)
    return float(adjusted_mutual_info_score(one[both], other[both]))


def sample_fits(blog: Blog) -> list[np.ndarray]:
    """Return the labels of fresh fits of samples of nine tenths of all items."""
    n = len(blog.items)
    random = np.random.default_rng(0)
    chosen = [np.sort(random.permutation(n)[: round(0.9 * n)]).tolist() for _ in range(SAMPLES)]
    return [blog.labels(blog.fit(rows)) for rows in chosen]


def renamed(before: recs.Clustering, after: recs.Clustering) -> int:
    """Return how many topics that keep half of their items have another name."""
    names = {topic.id: topic.name for topic in after.topics}
    topic_of = dict(zip(after.ids, after.assigned.tolist(), strict=True))
    count = 0
    for topic in before.topics:
        members = [
            topic_of.get(item)
            for item, own in zip(before.ids, before.assigned.tolist(), strict=True)
            if own == topic.id
        ]
        goes_on = members.count(topic.id) * 2 >= len(members)
        count += goes_on and topic.id in names and names[topic.id] != topic.name
    return count


def report(name: str, blog: Blog, *, verbose: bool) -> None:
    start = time.perf_counter()
    state = blog.fit(range(blog.months[0]))
    first = state.predict(blog.embeddings.take([item.id for item in blog.items]))
    chain = [blog.labels(state)]
    kept, other_names, told = [], 0, 0
    for end in blog.months[1:]:
        after = blog.fit(range(end), previous=state)
        chain.append(blog.labels(after))
        had = chain[-2] >= 0
        kept.append(float((chain[-1][had] == chain[-2][had]).mean()) if had.any() else 1.0)
        other_names += renamed(state, after)
        told += len(after.changes)
        for change in after.changes if verbose else ():
            print(f"{blog.items[end - 1].published[:7]} {change}")
        state = after
    seconds = (time.perf_counter() - start) / len(blog.months)
    fresh = [blog.labels(blog.fit(range(end))) for end in blog.months]
    samples = sample_fits(blog)
    usual = np.mean([agreement(one, two) for place, one in enumerate(samples) for two in samples[:place]])
    late = delays(chain, fresh, samples)
    moves = sum(int(((one >= 0) & (one != two)).sum()) for one, two in pairwise(chain))
    counts = [len(set(labels.tolist()) - {-1, -2}) for labels in (chain[0], chain[-1], fresh[-1])]
    scores = [agreement(labels, fresh[-1]) for labels in (chain[-1], first)]
    cells = [name, str(len(kept)), f"{blog.months[0]} to {len(blog.items)}", f"{min(kept):.3f}; {np.mean(kept):.4f}"]
    cells += [str(moves), f"{scores[0]:.3f}", f"{usual:.3f}", f"{scores[0] / usual:.2f}; {scores[1] / usual:.2f}"]
    cells += ["; ".join(map(str, counts)), f"{(chain[-1] >= 0).mean():.2f}; {(fresh[-1] >= 0).mean():.2f}"]
    cells += [str(other_names), ", ".join(f"{value:g}" for value in sorted(late)) or "–", str(told), f"{seconds:.1f}"]
    print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--sets", nargs="*", default=SETS)
    parser.add_argument("--months", type=int, default=36)
    parser.add_argument("--verbose", action="store_true", help="print what each update told")
    parser.add_argument("--names", action="store_true", help="name the topics too: several times as long")
    options = parser.parse_args()
    embedder = recs.load_embedder()
    print(
        "| blog | updates | items | kept: least; mean | moves | AMI with fresh | of two samples | agreement; of the "
        "first state | topics at first; at last; fresh | coverage; fresh | renamed | delays | changes told | seconds |"
    )
    print("|---" * 14 + "|")
    for name in options.sets:
        blog = read(options.data, name, embedder, options.months)
        with nullcontext() if options.names else lighter(blog):
            report(name, blog, verbose=options.verbose)


if __name__ == "__main__":
    main()
