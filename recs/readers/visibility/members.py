"""Reads the fields of plugins and newsletters that show a post to members alone, or to some of them."""

import re
from datetime import datetime

from recs.items import Visibility
from recs.readers.values import switch, text_of

FIELDS = re.compile(
    r"\w{0,40}restrict(?:ed|ions?)?(?:content|access|posts?|pages?|to|by|roles?|users?|levels?)\w{0,20}"
    r"|\w{0,40}(?:content|access|post|page)restrict(?:ed|ions?)?|restricted|members?access\w{0,20}|wpmemblock"
    r"|rcp(?:access|subscription|user)level|(?:groups)+read(?:post)?|jetpacknewsletteraccess"
    r"|membership(?:levels?|plans?|required)"
)
"""The folded names: Members, WP-Members, Restrict Content, Ultimate Member, Groups, Jetpack and others."""

# What Buttondown writes for an email that everybody sees in its archive.
_IN_ARCHIVE = frozenset(("public", "archival", "enabled", "archive_only"))
_FOR_ALL = frozenset(("none", "all", "anyone", "anybody", "everyone", "everybody", "public", "free"))


def restriction(value: object, _: datetime) -> Visibility:
    """Read who may see an item: a no, "none" or "everyone" keeps nobody out.

    Examples
    --------
    >>> [restriction(value, datetime.now()) for value in ("0", "everybody", "subscribers")]
    ['public', 'public', 'private']
    """
    is_for_all = switch(value) is False or text_of(value).casefold() in _FOR_ALL
    return "public" if is_for_all else "private"


def newsletter(value: object, _: datetime) -> Visibility:
    """Read who may see an email in the archive of a newsletter: only words that mean everybody open it.

    Examples
    --------
    >>> [newsletter(value, datetime.now()) for value in ("public", "premium", "enabled_for_subscribers")]
    ['public', 'private', 'private']
    """
    return "public" if text_of(value).casefold() in _IN_ARCHIVE else "private"
