"""Filters against the words of their documentation."""

import pytest

from recs import Item, search_items
from recs.errors import OptionError
from recs.filters import ItemTable, allowed, check_fields, fits_all, fits_any
from recs.retrieval.table import ItemsInMemory

ITEMS = [
    Item("a", "Soil.", tags=["Garden"], meta={"level": 2, "author": "Ann", "empty": ""}),
    Item("b", "Seed.", published="2026-03-01", meta={"people": ["Ann", "Bo"]}),
]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("auhtor", "the nearest is author"),
        ("tagz", "the nearest is tag"),
        ("empty", "items have tag, since, until, author, level, people"),
        ("x" * 500, f"no item has a field '{'x' * 40}'"),
    ],
)
@pytest.mark.parametrize("table", [ItemTable(ITEMS), ItemsInMemory(ITEMS)], ids=["ranking", "search"])
def test_a_field_that_no_item_has_is_an_error_that_names_the_nearest(name, said, table):
    with pytest.raises(OptionError) as caught:
        allowed({name: "x"}, table)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_field_that_one_item_has_or_a_filter_of_recs_is_no_error():
    for where in ({"people": "x"}, {"level": 7}, {"category": "x"}, {"lang": "de"}):
        assert allowed(where, ItemTable(ITEMS)).tolist() == [False, False]
    assert allowed({"feild": "x"}, ItemTable([])).tolist() == []


def test_check_fields_wants_each_field_in_some_item():
    check_fields({"tag": "x", "since": "2026", "level": 3}, ItemTable(ITEMS))
    with pytest.raises(OptionError, match="'category'"):
        check_fields({"tag": "x", "category": "x"}, ItemTable(ITEMS))


def test_fits_any_and_fits_all_are_or_and_and_of_single_filters():
    where = {"tag": "garden", "people": ["ann"], "unknown": "x"}
    single = {name: fits_all({name: value}, ITEMS).tolist() for name, value in where.items()}
    assert single == {"tag": [True, False], "people": [False, True], "unknown": [False, False]}
    assert fits_any(where, ITEMS).tolist() == [True, True]
    assert fits_all(where, ITEMS).tolist() == [False, False]
    assert fits_any({}, ITEMS).tolist() == [False, False]
    assert fits_all({}, ITEMS).tolist() == [True, True]


def test_search_items_reports_a_misspelt_field():
    with pytest.raises(OptionError, match="the nearest is author"):
        search_items("soil", ITEMS, signals="terms", where={"auhtor": "ann"})
