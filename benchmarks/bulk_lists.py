"""Whether related lists in shards are as good as those in memory, when candidates are proposed in cells.

A site of some hundred posts is far too small for that: here it is forced, with cells of which 300 rows are searched,
or all. Judged by the authors' links as in `related_quality.py`. Printed are nDCG@10 in memory and in shards, and the
share of the entries in memory that are in the lists of the shards as well.

    RECS_DATA=… python benchmarks/bulk_lists.py [site …]
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np
from related_quality import SITES, read_site

import recs
import recs.bulk.nearest
import recs.bulk.ranking
import recs.bulk.related
from recs.files import cache_folder
from recs.models.registry import DEFAULT_MODEL
from recs.ranking.lists import RelatedLists

DEPTH = 10
ROWS = (1 << 15, 300)  # that a search of cells compares with


def ids_of(lists: RelatedLists) -> dict[str, list[str]]:
    """Return the ids in each list."""
    return {name: [match.id for match in lists[name]] for name in lists}


def main() -> None:
    """Print a line for each site and number of rows."""
    recs.bulk.ranking.is_all_pairs = lambda _: False
    for name in sys.argv[1:] or SITES[:5]:
        site = read_site(Path(os.environ["RECS_DATA"], name), cache=True)
        expected = ids_of(recs.related_items(site.collection, k=DEPTH))
        line = f"{name:15} {len(site.items):5} items, nDCG@10 in memory {site.values(expected).mean():.4f}"
        for rows in ROWS:
            recs.bulk.nearest.EXACT = recs.bulk.related.EXACT = 1 << 15 if rows > len(site.items) else 100
            recs.bulk.nearest._FEWEST_ROWS = rows
            with tempfile.TemporaryDirectory() as folder:
                embedding = recs.EmbedTexts(DEFAULT_MODEL, (("offline", True),), cache=cache_folder())
                options = {"k": DEPTH, "runner": recs.LocalRunner(workers=0), "folder": folder}
                lists = ids_of(recs.related_in_shards(site.collection, embedding, **options))
            same = np.mean([len({*lists[one]} & {*expected[one]}) / max(len(expected[one]), 1) for one in expected])
            line += f"; {min(rows, len(site.items))} rows {site.values(lists).mean():.4f}, same {same:.4f}"
        print(line, flush=True)


if __name__ == "__main__":
    main()
