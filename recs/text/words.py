"""Words of a text in any language: tokens, stems and patterns."""

import functools
import re
import unicodedata

STEM = 6  # letters that stand for a word: "watering" meets "watered"
# Scripts that write no spaces between words, and Hangul, whose words carry particles.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff"  # Thai and Lao; Burmese; Khmer
    "\u1100-\u11ff\u3130-\u318f\uac00-\ud7af"  # Hangul
    "\u3005-\u3007\u3041-\u309f\u30a1-\u30fa\u30fc-\u30ff"  # kana and iteration marks
    "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # Han
)
_UNSPACED_CHARACTER = re.compile(f"[{_UNSPACED}]")
_RUNS = re.compile(f"[{_UNSPACED}]+|[^{_UNSPACED}]+")


def tokenize(text: str) -> list[str]:
    """Return the terms of a text in order: words and numbers, case and compatibility forms folded.

    Combining marks and inner apostrophes belong to a word. Where a script writes no spaces (Chinese, Japanese, Thai,
    ...), and in Hangul, each run of it gives its pairs of neighbouring characters.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    words: list[str] = word_pattern().findall(folded.replace("’", "'"))
    if not _UNSPACED_CHARACTER.search(folded):
        return words
    return [term for word in words for run in _RUNS.findall(word) for term in _bigrams(run)]


def _bigrams(run: str) -> list[str]:
    if len(run) == 1 or not _UNSPACED_CHARACTER.match(run):
        return [run]
    return [run[i : i + 2] for i in range(len(run) - 1)]


@functools.cache
def word_pattern() -> re.Pattern[str]:
    """Words with the combining marks that `\\w` leaves out, without which Indic and vocalised words would break."""
    marks = "".join(char for char in map(chr, range(0x300, 0xAC00)) if unicodedata.category(char).startswith("M"))
    return re.compile(rf"[\w{marks}]+(?:'[\w{marks}]+)*")
