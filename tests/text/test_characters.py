"""Halves of surrogate pairs, which JSON can hold and UTF-8 cannot."""

import pytest

from recs.text.characters import has_surrogate, replace_surrogates


@pytest.mark.parametrize(
    ("text", "replaced"),
    [
        ("", ""),
        ("plain", "plain"),
        ("\ud83d", "\ufffd"),
        ("a\udc00b\ud83dc", "a\ufffdb\ufffdc"),
        ("\ude00\ud83d", "\ufffd\ufffd"),  # halves in the wrong order
        ("\U0001f600 é 文", "\U0001f600 é 文"),
        ("\ud7ff\ue000", "\ud7ff\ue000"),  # the neighbours of the range
    ],
)
def test_replace_surrogates_keeps_the_length_and_all_else(text, replaced):
    assert replace_surrogates(text) == replaced
    assert has_surrogate(text) == (text != replaced)
    replaced.encode("utf-8")
