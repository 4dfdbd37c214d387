"""Terms that are counted shard by shard are those of the whole collection, to the last bit."""

import numpy as np
import pytest

import recs
from recs.bulk.folder import ArrayFolder
from recs.bulk.runners import LocalRunner
from recs.bulk.store import store_items
from recs.bulk.terms import weigh_texts
from recs.ranking.terms import item_terms
from recs.times import Times

pytest.importorskip("pyarrow")
HERE = LocalRunner(workers=0)
LINE = "Subscribe to the letter of our garden club today"
WORDS = [
    "soil",
    "seed",
    "garlic",
    "tea",
    "bread",
    "oven",
    "train",
    "steam",
    "rail",
    "compost",
    "bed",
    "onion",
    "harvest",
    "water",
    "autumn",
]


def make_items(n, seed):
    """Return items with copies, repeated lines, titles that texts mention, and some transcripts."""
    generator = np.random.default_rng(seed)
    items = []
    for row in range(n):
        text = " ".join(generator.choice(WORDS, int(generator.integers(0, 30))).tolist()) + f" rare{row // 2}"
        text += f"\n{LINE}" if row % 3 == 0 else ""
        title = " ".join(generator.choice(WORDS, int(generator.integers(0, 3))).tolist())
        times = None
        if row % 7 == 3:
            begin = len(text)
            text += "\n" + " ".join(generator.choice(WORDS, 60).tolist())
            times = Times((begin,), (0.0,), (9.0,))
        items.append(recs.Item(f"{row:04}", text, title=title, times=times))
    copies = [recs.Item(f"{row:04}c", items[row].text, title=items[row].title) for row in range(0, n, 9)]
    return sorted([*items, *copies], key=lambda item: item.id)


@pytest.mark.parametrize("n", [0, 1, 2, 12, 19, 90])
@pytest.mark.parametrize("shard_items", [1000, 13])
def test_weigh_texts_equals_the_terms_of_the_whole_collection(tmp_path, n, shard_items):
    items = make_items(n, seed=n)
    parts = store_items(items, tmp_path / "items", runner=HERE, shard_items=shard_items)
    arrays = ArrayFolder(tmp_path / "arrays")
    weigh_texts(parts, arrays, runner=HERE)
    whole = item_terms([item.title for item in items], [item.text for item in items], [item.written for item in items])
    terms = arrays.read_rows("terms")
    assert terms.nnz == whole.weights.nnz
    np.testing.assert_array_equal((terms @ terms.T).toarray(), (whole.weights @ whole.weights.T).toarray())
    mentions = arrays.read_rows("present") @ arrays.read_rows("titles").T
    np.testing.assert_array_equal(mentions.toarray(), (whole.present @ whole.titles.T).toarray())
    np.testing.assert_array_equal(arrays.read_rows("terms.turned").toarray(), terms.toarray().T)


def test_weigh_texts_in_several_ranges_of_terms_is_the_same(tmp_path, monkeypatch):
    from recs.bulk import terms

    items = make_items(60, seed=1)
    for name, at_once in (("one", 10**9), ("many", 40)):
        monkeypatch.setattr(terms, "_TERMS_AT_ONCE", at_once)
        parts = store_items(items, tmp_path / name / "items", runner=HERE, shard_items=20)
        weigh_texts(parts, ArrayFolder(tmp_path / name), runner=HERE)
    for array in ("vocabulary", "documents", "terms.data", "terms.indices"):
        one, many = (ArrayFolder(tmp_path / name).read(array) for name in ("one", "many"))
        np.testing.assert_array_equal(one, many)
