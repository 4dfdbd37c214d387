"""Floors on the test suites of two other readers of feeds, if RECS_DATA names a folder that holds them."""

import sys

import pytest
from places import ROOT

sys.path.insert(0, str(ROOT / "benchmarks"))

pytestmark = pytest.mark.data

# Measured: categories 23, id 27, language 25, link 24, published 20, text 646, title 180, updated 16.
FEWEST_MET = {
    "categories": 23,
    "id": 27,
    "language": 25,
    "link": 24,
    "published": 20,
    "text": 640,
    "title": 178,
    "updated": 16,
}


def test_fields_are_read_as_other_readers_expect(data_dir):
    pytest.importorskip("feedparser")
    pytest.importorskip("lxml")
    if not (data_dir / "cms_feedparser.tar.gz").is_file():
        pytest.skip("no cms_feedparser.tar.gz in the folder of RECS_DATA")
    from feed_fields import below_floor, measure  # benchmarks/

    tally = measure(data_dir)  # a traceback of any file would end it
    assert tally.files > 2_600
    assert tally.with_entries > 1_400
    assert tally.errors < 30
    assert not below_floor(tally)
    assert {field: min(tally.met[field], fewest) for field, fewest in FEWEST_MET.items()} == FEWEST_MET
