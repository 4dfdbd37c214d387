"""Quality floors: on our own posts always, on real collections where RECS_DATA names them."""

import sys
from pathlib import Path

import numpy as np
import pytest

import recs

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "benchmarks"))
POSTS = ROOT / "datasets" / "posts.json"

# Measured 2026-11-23, less a margin of about .01: see docs/benchmarks.md.
DENSE = {"recipes": 0.20, "til": 0.55}
TERMS = {"18f_blog": 0.42, "rust_blog": 0.42, "recipes": 0.20, "til": 0.60, "podcast_syntax": 0.20}


@pytest.mark.model
def test_lists_of_our_own_posts_stay_in_their_subject(tmp_path):
    items = recs.read_items(POSTS, now="2026-11-01")
    category = {item.id: item.category for item in items}
    with recs.Cache(tmp_path) as cache:
        lists = recs.related_items(items, cache=cache)
    same = [category[name] == category[match.id] for name, matches in lists.lists.items() for match in matches]
    assert np.mean(same) >= 0.55


@pytest.mark.data
@pytest.mark.parametrize("name", TERMS)
def test_terms_floor_on_real_links(data_dir, name):
    from related_quality import judge

    assert judge(data_dir / name, signals="terms", cache=False) >= TERMS[name]


@pytest.mark.data
@pytest.mark.model
@pytest.mark.slow
@pytest.mark.parametrize("name", DENSE)
def test_dense_floor_on_real_links(data_dir, name, tmp_path):
    from related_quality import judge

    with recs.Cache(tmp_path) as cache:
        assert judge(data_dir / name, signals="dense", cache=cache) >= DENSE[name]
