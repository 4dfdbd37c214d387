"""Finds the tags that enclose hidden text, and the closing tag of each opening tag.

One pass finds all tags of a kind and groups them by name, so that many names cost no more than one.
"""

import re
from bisect import bisect_left
from collections.abc import Iterable
from typing import NamedTuple

# Names of tags that hide the text between them. Liquid, Django and Hugo use "comment", Liquid also "doc". The others
# are names that sites give to their own tags, and WordPress shortcodes for members.
_OF_ALL = (
    r"(?:comments?|doc)(?![\w./-])"
    r"|[\w./-]{0,40}?(?:encrypt|passw|protect|hide|hidden|private|secret|draft)[\w./-]{0,40}"
)
_OF_WORDPRESS = (
    r"(?:private|hide|hidden|secret|mepr-show|ihc-hide-content|um_loggedin|s2if|wlm_private)(?![\w-])"
    r"|(?![\w-]{0,40}?non?t?[_-]?(?:logged|member|subscri|paid|premium))"
    r"[\w-]{0,40}?(?:protect|restrict|member|logged_?in|passw|passster|ppwp|premium|paid|subscri)[\w-]{0,40}"
)
TAGS = {
    "liquid": rf"\{{%-?\s{{0,9}}(?P<liquid_end>end)?(?P<liquid_name>{_OF_ALL})(?![\w-])[^{{}}%]{{0,200}}%\}}",
    "hugo": rf"\{{\{{[<%]\s{{0,9}}(?P<hugo_end>/\s{{0,9}})?(?P<hugo_name>{_OF_ALL})(?![\w-])[^{{}}]{{0,200}}[>%]\}}\}}",
    "wordpress": rf"\[(?P<wordpress_end>/)?(?P<wordpress_name>{_OF_WORDPRESS})(?![\w-])[^\[\]]{{0,200}}\](?!:)",
}
# Liquid and Jinja: a condition that is never true; text that is stored in a variable.
NEVER = r"\{%-?\s{0,9}(?:if\s{1,9}(?:false|nil|none|null)|unless\s{1,9}true)\s{0,9}-?%\}"
ASSIGNED = (
    r"\{%-?\s{0,9}(?P<assigned_end>end)?(?P<assigned_name>capture|macro|set)(?!\w)"
    r"(?:(?<=macro)[^{}%]{0,200}|[^{}%=]{0,200})%\}"
)
_BRANCH = (
    r"\{%-?\s{0,9}(?P<branch_end>end)?(?P<branch_name>if|unless|for|case|tablerow|(?P<other>else|elsif|elif))"
    r"(?![\w-])[^%]{0,300}%\}"
)
_PATTERNS = {**TAGS, "branch": _BRANCH, "assigned": ASSIGNED}
SELF_CLOSED = ("/>}}", "/%}}", "/]")
_BLOCK = re.compile(r"<!--\s{0,9}(?P<end>/)?wp:(?P<name>[a-z][\w/-]{0,80})", re.IGNORECASE)


class Tag(NamedTuple):
    """A tag: its position, whether it is a closing tag, and whether it is an `else` between opening and closing tag."""

    start: int
    stop: int
    is_end: bool
    is_other: bool = False


class Tags:
    """The tags of one name, in their order."""

    def __init__(self, tags: Iterable[Tag]) -> None:
        self.tags = list(tags)
        self.starts = [tag.start for tag in self.tags]
        self.last_end = max((tag.start for tag in self.tags if tag.is_end), default=-1)

    def end(self, place: int) -> int | None:
        """Return where the pair ends whose opening tag ends at a position; None if it is never closed.

        If there are more opening than closing tags, the last closing tag closes all of them.
        """
        if self.last_end < place:
            return None
        depth = 1
        last = None
        for index in range(bisect_left(self.starts, place), len(self.tags)):
            tag = self.tags[index]
            if tag.is_other:
                if depth == 1:
                    return tag.stop
                continue
            depth += -1 if tag.is_end else 1
            last = tag.stop if tag.is_end else last
            if not depth:
                break
        return last


class TagFinder:
    """The tags of a body, by kind and name. Each kind is searched for once, when it is needed.

    Examples
    --------
    >>> finder = TagFinder("{% comment %}Check this.{% endcomment %} Plant it.")
    >>> finder.end("liquid", "comment", len("{% comment %}"))
    40
    """

    def __init__(self, body: str) -> None:
        self.body = body
        self.kinds: dict[str, dict[str, Tags]] = {}

    def end(self, kind: str, name: str, place: int) -> int | None:
        """Return where the pair ends whose opening tag ends at a position; None if it is never closed."""
        if kind not in self.kinds:
            self.kinds[kind] = by_name(_blocks(self.body) if kind == "block" else _named(self.body, kind))
        tags = self.kinds[kind].get(name)
        return tags.end(place) if tags else None


def by_name(tags: Iterable[tuple[str, Tag]]) -> dict[str, Tags]:
    """Return the tags grouped by name, each group in the order given."""
    groups: dict[str, list[Tag]] = {}
    for name, tag in tags:
        groups.setdefault(name, []).append(tag)
    return {name: Tags(group) for name, group in groups.items()}


def _named(body: str, kind: str) -> Iterable[tuple[str, Tag]]:
    for match in re.compile(_PATTERNS[kind], re.IGNORECASE).finditer(body):
        if not match[0].endswith(SELF_CLOSED):
            is_other = kind == "branch" and bool(match["other"])
            name = "" if kind == "branch" else match[f"{kind}_name"].lower()
            yield name, Tag(*match.span(), bool(match[f"{kind}_end"]), is_other)


def _blocks(body: str) -> Iterable[tuple[str, Tag]]:
    """Yield the comments that begin and end WordPress blocks."""
    stop = 0
    for match in _BLOCK.finditer(body):
        if match.start() < stop:
            continue
        stop = body.find("-->", match.end()) + 3
        if stop < 3:
            return
        if not body.endswith("/-->", match.end(), stop):
            yield match["name"].lower(), Tag(match.start(), stop, bool(match["end"]))
