"""Splits a text in any language into words."""

import functools
import re
import unicodedata

STEM = 6  # the first letters of a word, by which "watering" matches "watered"
# Scripts that write no spaces between words, and Hangul, where particles are attached to words.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai and Lao; Burmese; Khmer
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"  # Hangul
    "\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff"  # kana and iteration marks
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_ASCII_WORD = re.compile(r"\w+(?:'\w+)*")
_MAY_BE_UNSPACED = re.compile("[\u0e00-\U0003ffff]")  # one range: a much faster search


def tokenize(text: str) -> list[str]:
    """Return the terms of a text in order: words and numbers, in lower case and without compatibility forms.

    Combining marks and inner apostrophes are part of a word. In scripts without spaces between words (Chinese,
    Japanese, Thai and others), and in Hangul, the terms are the pairs of neighbouring characters.

    Examples
    --------
    >>> tokenize("Don’t plant 3 cloves of 大蒜")
    ["don't", 'plant', '3', 'cloves', 'of', '大蒜']
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    words: list[str] = word_pattern(folded).findall(folded.replace("’", "'"))
    if not _MAY_BE_UNSPACED.search(folded) or not _unspaced().search(folded):
        return words
    return [term for word in words for run in _runs().findall(word) for term in _bigrams(run)]


def _bigrams(run: str) -> list[str]:
    if len(run) == 1 or not _unspaced().match(run):
        return [run]
    return [run[i : i + 2] for i in range(len(run) - 1)]


@functools.cache  # to compile these takes longer than most texts, and most texts do not need them
def _unspaced() -> re.Pattern[str]:
    return re.compile(f"[{_UNSPACED}]")


@functools.cache
def _runs() -> re.Pattern[str]:
    return re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")


def word_pattern(text: str) -> re.Pattern[str]:
    """Return what matches the words of a text.

    Combining marks are part of a word. `\\w` leaves them out, which would break Indic words and words with vowel signs.
    A text in ASCII has none, and needs a pattern that is compiled and matched faster.
    """
    return _ASCII_WORD if text.isascii() else _word()


@functools.cache
def _word() -> re.Pattern[str]:
    marks = "".join(char for char in map(chr, range(0x300, 0xAC00)) if unicodedata.category(char).startswith("M"))
    return re.compile(rf"[\w{marks}]+(?:'[\w{marks}]+)*")
