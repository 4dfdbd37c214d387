"""Counts in messages for people."""

import pytest

from recs.text.counts import counted


@pytest.mark.parametrize(
    ("count", "words", "expected"),
    [
        (0, ("label",), "0 labels"),
        (1, ("label",), "1 label"),
        (2, ("label",), "2 labels"),
        (1234, ("label",), "1,234 labels"),
        (1, ("item has", "items have"), "1 item has"),
        (0, ("item has", "items have"), "0 items have"),
    ],
)
def test_counted_has_the_grammar_of_one_and_of_several(count, words, expected):
    assert counted(count, *words) == expected
