"""The scripts that a text is written in: a fact of its characters, where its language could only be guessed."""

import re

_SAMPLE = 2000  # characters; more text changes nothing
_SHARE = 0.1  # of the letters: from here on a text counts as written in a script
_LEAST = 20  # letters; a shorter text tells nothing

# Writing of East Asia counts double: a character is a syllable or a word.
_SCRIPTS = {
    "latin": (re.compile("[A-Za-z\u00c0-\u024f\u1e00-\u1eff]"), 1),
    "greek": (re.compile("[\u0370-\u03ff\u1f00-\u1fff]"), 1),
    "cyrillic": (re.compile("[\u0400-\u052f]"), 1),
    "hebrew": (re.compile("[\u0590-\u05ff]"), 1),
    "arabic": (re.compile("[\u0600-\u06ff\u0750-\u077f]"), 1),
    "indic": (re.compile("[\u0900-\u0dff]"), 1),
    "thai": (re.compile("[\u0e00-\u0eff]"), 1),
    "hangul": (re.compile("[\uac00-\ud7a3\u1100-\u11ff]"), 2),
    "han": (re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"), 2),
}
SCRIPTS = tuple(_SCRIPTS)


def scripts_of(text: str) -> frozenset[str]:
    """Return the scripts that make up a tenth of the letters of a text, or more; none for a short text.

    Examples
    --------
    >>> sorted(scripts_of("Der Garten im November, und was noch zu tun ist."))
    ['latin']
    >>> sorted(scripts_of("十一月的花园里还有许多事情要做, print(garden) 大蒜要在秋天种下"))
    ['han', 'latin']
    """
    sample = text[:_SAMPLE]
    if sample.isascii():
        return frozenset({"latin"}) if sum(map(str.isalpha, sample)) >= _LEAST else frozenset()
    counts = {name: weight * len(pattern.findall(sample)) for name, (pattern, weight) in _SCRIPTS.items()}
    letters = sum(counts.values())
    if letters < _LEAST:
        return frozenset()
    return frozenset(name for name, count in counts.items() if count >= _SHARE * letters)
