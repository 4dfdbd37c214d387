"""Language codes, and fields with one value for each language."""

import re
from collections.abc import Mapping

from recs.readers.values import Repeated
from recs.text.languages import LANGUAGES

# Without the withdrawn code for Serbo-Croatian: a folder sh holds scripts of the shell.
_LANGUAGES = LANGUAGES - {"sh"}
_TAG = re.compile(r"(?P<code>[a-z]{2})(?P<region>[-_](?:[a-z]{2}|[a-z]{4}|\d{3}))?", re.IGNORECASE)
# Codes that are also names of fields.
_WORDS = frozenset(("id", "to", "is", "as", "no", "or"))


def is_language(name: str) -> bool:
    """Whether a name is a code of ISO 639-1, with or without a region or script.

    Examples
    --------
    >>> is_language("de"), is_language("pt-BR"), is_language("zh_Hant"), is_language("qq")
    (True, True, True, False)
    """
    tag = _TAG.fullmatch(name)
    return tag is not None and tag["code"].lower() in _LANGUAGES


def is_localised(value: object) -> bool:
    """Whether a value is an object with one value for each language, as in exports of Contentful and Sanity.

    Examples
    --------
    >>> is_localised({"en-US": "Garlic", "de": "Knoblauch"}), is_localised({"id": 7})
    (True, False)
    """
    if not isinstance(value, Mapping) or not value or not all(is_language(str(name)) for name in value):
        return False
    has_region = any(len(str(name)) > 2 for name in value)
    return has_region or (len(value) > 1 and not _WORDS & set(value))


def in_language(value: object, language: str) -> object:
    """Return the value for a language, or else for the first language. A value without languages stays as it is."""
    if not isinstance(value, Mapping) or not is_localised(value):
        return value
    return value[language] if language in value else next(iter(value.values()))


def values_by_language(value: object) -> object:
    """Return all values of an object with one for each language, as `Repeated`. Any other value stays as it is."""
    return Repeated(value.values()) if isinstance(value, Mapping) and is_localised(value) else value
