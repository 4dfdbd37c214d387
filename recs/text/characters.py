"""Characters that a text should not hold: invisible ones, and halves of surrogate pairs."""

import re

# Control characters, soft hyphens, zero-width spaces, byte order marks: a reader sees none of them. Joiners are kept,
# because Persian and emoji need them.
INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u2060\ufeff]")
_SURROGATE = re.compile("[\ud800-\udfff]")


def replace_surrogates(text: str) -> str:
    r"""Return a text with U+FFFD in place of each surrogate (U+D800 to U+DFFF). The length stays the same.

    JSON can hold half of a surrogate pair, as in "\ud83d". UTF-8 cannot, and parsers and tokenizers refuse it.

    Examples
    --------
    >>> replace_surrogates("half a smile: \ud83d")
    'half a smile: �'
    """
    return _SURROGATE.sub("\ufffd", text) if has_surrogate(text) else text


def has_surrogate(text: str) -> bool:
    r"""Whether a text holds a surrogate, half of a pair.

    Examples
    --------
    >>> has_surrogate("\ud83d"), has_surrogate("a whole smile: \U0001f600")
    (True, False)
    """
    try:
        text.encode()  # many times faster than a search
    except UnicodeEncodeError:
        return True
    return False
