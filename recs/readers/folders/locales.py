"""Codes of languages, and fields that keep one value a language."""

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
# Codes that are the names of fields as well.
_WORDS = frozenset(("id", "to", "is", "as", "no", "or"))


def is_language(name: str) -> bool:
    """Whether a name is a code of ISO 639-1, with or without a region: "de", "pt-BR", "zh_Hant"."""
    tag = _TAG.fullmatch(name)
    return tag is not None and tag["code"].lower() in _LANGUAGES


def is_localised(value: object) -> bool:
    """Whether a value is an object that keeps one value a language, as Contentful and Sanity export them."""
    if not isinstance(value, Mapping) or not value or not all(is_language(str(name)) for name in value):
        return False
    has_region = any(len(str(name)) > 2 for name in value)
    return has_region or (len(value) > 1 and not _WORDS & set(value))


def in_language(value: object, language: str) -> object:
    """Return the value for a language, or for the first one where it has none; a value of no language as it is."""
    if not isinstance(value, Mapping) or not is_localised(value):
        return value
    return value[language] if language in value else next(iter(value.values()))


def values_by_language(value: object) -> object:
    """Return all values of an object that keeps one a language, as `Repeated`; any other value as it is."""
    return Repeated(value.values()) if isinstance(value, Mapping) and is_localised(value) else value
