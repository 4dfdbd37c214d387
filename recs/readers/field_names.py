"""The names that sources use for the fields of an item, folded by `values.fold`, best name first."""

import re
from collections.abc import Mapping

from recs.items import Markup
from recs.readers.values import fold
from recs.readers.visibility.closings import rule_of

_ALIASES = {
    "id": "id guid slug postid identifier uuid",
    "text": "contenthtml html content contenttext text body plaintext markdown contentencoded",
    "title": "title name headline subject",
    "url": "url link permalink externalurl htmlurl canonicalurl",
    "lang": "lang language locale",
    "published": "date datepublished published publishedat pubdate publishdate postdate firstpublishedat createdat"
    " created",
    "time": "time",
    "timezone": "timezone tz",
    "updated": "updated modified datemodified updatedat lastmod",
    "tags": "tags keywords labels categories taglist",
    "category": "category categories section",
    "series": "series",
    "group": "group",
    "image": "image featureimage bannerimage cover coverimage thumbnail",
    "excerpt": "excerpt customexcerpt teaser",
    "pins": "pins related",
    "excludes": "excludes exclude",
    "aliases": "aliases alias redirectfrom",
    "no_recommend": "norecommend",
    "links": "links internallinks",
    "audio": "audio audiourl enclosureurl",
    "episode_type": "episodetype itunesepisodetype",
    "transcript": "transcript",
    "visibility": "",  # only if the user names the field: the table of `visibility` has many names
}
ALIASES: Mapping[str, list[str]] = {meaning: names.split() for meaning, names in _ALIASES.items()}
TEASERS = ("description", "summary", "excerpt", "customexcerpt", "teaser")
_KNOWN = frozenset(TEASERS).union(*ALIASES.values())

# Names of fields that may hold the whole text, and the endings that show that such a field holds something else.
_BODY = re.compile(r"body|blocks|sections|content|markdown|html|fulltext|richtext|article(?!s)|posttext|maintext")
_NOT_BODY = re.compile(
    r".*(?:type|url|uri|link|id|class|length|rating|status|lang|language|image|hash|digest|version|format|warning|count"
    r"|size|encoding|date|at|by|author|path|file|filename|tag|tags|title|raw)"
)


def is_known_name(name: str) -> bool:
    """Whether recs knows a folded name.

    Examples
    --------
    >>> is_known_name("headline"), is_known_name("mood")
    (True, False)
    """
    return name in _KNOWN or rule_of(name) is not None


def says_body(name: str) -> bool:
    """Whether a name that recs does not know suggests that its field holds the whole text.

    Examples
    --------
    >>> says_body("post_body"), says_body("body_color_id")
    (True, False)
    """
    folded = fold(name)
    return bool(_BODY.search(folded)) and not _NOT_BODY.fullmatch(folded)


def markup_by_name(name: str) -> Markup | None:
    """Return the markup of a field if its name tells it.

    Examples
    --------
    >>> [markup_by_name(name) for name in ("content_html", "body_md", "plain_text", "body")]
    ['html', 'markdown', 'text', None]
    """
    folded = fold(name)
    if "html" in folded or folded == "contentencoded":
        return "html"
    if folded == "plaintext":
        return "text"
    return "markdown" if "markdown" in folded or re.search(r"[_-]md$", name.casefold()) else None
