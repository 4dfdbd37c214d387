"""Language codes, and fields with one value for each language."""

import re
from collections.abc import Mapping

from recs.readers.values import Repeated

# ISO 639-1.
_CODES = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en "
    "eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv "
    "ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne "
    "ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st "
    "su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
)
_LANGUAGES = frozenset(_CODES.split())
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
