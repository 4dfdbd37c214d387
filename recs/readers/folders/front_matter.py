"""Reads front matter: the fields at the beginning of a file, with and without fences around them."""

import json
import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any

from recs.errors import SourceError
from recs.readers.field_names import is_known_name
from recs.readers.values import fold, one_or_repeated, pairs, switch
from recs.readers.visibility.closings import rule_of

_LEAD = re.compile(r"(?:\s+|<!--(?:(?!-->).)*-->)*", re.DOTALL)
_FENCED = re.compile(
    r"(?:---[ \t]*\n(?P<yaml>.*?)(?:^|\n)(?:---|\.\.\.)"
    r"|\+\+\+[ \t]*\n(?P<toml>.*?)(?:^|\n)\+\+\+"
    r"|;;;[ \t]*\n(?P<json>.*?)(?:^|\n);;;)[ \t]*(?:\n|\Z)",
    re.DOTALL | re.MULTILINE,
)
_OTHER_FENCE = re.compile(r"(?:---|\+\+\+|;;;)[^\n]*")
_JSON = re.compile(r'\{(?:\s*["}]|\n)')
# Lines of metadata without an opening fence: "name: value", 'name = "value"', '"name": value,'.
_NAME = re.compile(
    r"(?P<quote>[\"']?)(?P<name>[^\W\d][\w .-]{0,40})(?P=quote)[ \t]*[:=](?:[ \t]|(?=\n|\Z)|(?=[\[{\"']))"
)
_CONTINUED = re.compile(r"[ \t]+\S|-[ \t]|#|[\]}],?[ \t]*(?:\n|\Z)")
_END = re.compile(r"(?:---|\.\.\.|\+\+\+|;;;)[ \t]*(?:\n|\Z)")
_NAMED = re.compile(r"(?P<name>[^\W\d][\w -]{0,40}):[ \t]*(?P<value>[^\n]*(?:\n[ \t]{4}[^\n]*)*)(?:\n|\Z)")
# The metadata of Nikola, often inside an HTML comment.
_NIKOLA = re.compile(r"(?:<!--\s*)?(?P<lines>(?:\.\. [\w-]+:[^\n]*(?:\n|\Z))+)\s*(?:-->)?", re.MULTILINE)
_NIKOLA_LINE = re.compile(r"\.\. (?P<name>[\w-]+):[ \t]*(?P<value>[^\n]*)")
_COMMENT = re.compile(r"\s*<!--(?P<inside>(?:(?!-->).)*)-->", re.DOTALL)
_HEADING = re.compile(r"#{1,6}[ \t][^\n]*\n+")
# A property of Notion may have any name: "🏷 Tags", "Published?", "Author/Editor".
_PROPERTY = re.compile(r"(?P<name>[^\n:]{1,60}): ?(?P<value>[^\n]*)")
_PROPERTIES = re.compile(
    rf"(?:{_PROPERTY.pattern.replace('?P<name>', '?:').replace('?P<value>', '?:')}(?:\n|\Z))+(?:\n|\Z)"
)
_MOST_LINES = 500
_DEEPEST = 100
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


def has_front_matter(text: str) -> bool:
    """Whether a text begins with a fence and a line of metadata below it.

    Examples
    --------
    >>> has_front_matter("---\\ntitle: Garlic\\n---\\n"), has_front_matter("---\\nPlant it.")
    (True, False)
    """
    first, _, rest = text.lstrip("\ufeff \t\r\n").partition("\n")
    is_fence = first.strip() in ("---", "+++", ";;;")
    return is_fence and bool(_NAME.match(rest.replace("\r\n", "\n").lstrip("\n")))


def split_front_matter(text: str, where: str) -> tuple[Mapping[str, Any], str]:
    """Return the front matter of a file (YAML, TOML, JSON, or lines of "Name: value") and its body.

    Blank lines and comments may come before the front matter. Its opening fence may be missing, as in Hexo and in old
    versions of Jekyll. The values of YAML stay strings, and null is None: "no" does not become False, and an id keeps
    its leading zeros. If a name has two values, both are returned, as `Repeated`.

    Raises `SourceError` if a part of the front matter cannot be read, since that part may say that the item is closed.

    Examples
    --------
    >>> split_front_matter("---\\nid: 007\\ndraft: no\\n---\\nPlant it.", "garlic.md")
    ({'id': '007', 'draft': 'no'}, 'Plant it.')
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    in_comments = _in_comments(text, where)
    start = re.match(_LEAD, text).end()  # type: ignore[union-attr]  # (matches the empty string too)
    fenced = _FENCED.match(text, start)
    if fenced:
        kind = next(kind for kind, matter in fenced.groupdict().items() if matter is not None)
        matter, body = _parsed(fenced[kind], kind, where), text[fenced.end() :]
    elif _JSON.match(text, start):
        matter, body = _leading_json(text, start, where)
    elif other := _OTHER_FENCE.match(text, start):
        raise SourceError(
            f"{where}: its front matter, from {other[0][:3]!r}, has no end; expected two lines --- or +++."
        )
    else:
        matter, body = _without_fence(text, start, where)
    _check_rest(body, where)
    return {**in_comments, **matter}, body


def _parsed(source: str, kind: str, where: str) -> dict[str, Any]:
    """Return the fields in YAML, TOML or JSON; JSON may lack its outer braces."""
    try:
        if kind == "yaml":
            matter = yaml_values(source)
        elif kind == "toml":
            matter = tomllib.loads(source)
        else:
            inside = source.strip().removesuffix(",")
            matter = json.loads(inside if inside.startswith("{") else f"{{{inside}}}", object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{where}: its front matter is not {kind.upper()} ({error}).") from error
    return _mapping(matter, where)


def _mapping(matter: Any, where: str) -> dict[str, Any]:
    if not isinstance(matter, Mapping | None):
        raise SourceError(f"{where}: its front matter is not a list of names and values.")
    return {str(name): value for name, value in (matter or {}).items()}


def _leading_json(text: str, start: int, where: str) -> tuple[dict[str, Any], str]:
    try:
        matter, stop = json.JSONDecoder(object_pairs_hook=pairs).raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{where}: its front matter is not JSON ({error}).") from error
    return _mapping(matter, where), text[stop:]


def _in_comments(text: str, where: str) -> dict[str, Any]:
    """Return the metadata in comments at the beginning of a file, as Nikola writes it."""
    fields: dict[str, Any] = {}
    position = 0
    while comment := _COMMENT.match(text, position):
        position = comment.end()
        inside = comment["inside"].strip("\n")
        if nikola := _NIKOLA.match(inside.lstrip()):
            fields |= _pairs_of(_NIKOLA_LINE.finditer(nikola["lines"]))
        elif (lines := _metadata_lines(inside)) and not inside[lines:].strip():
            fields |= _parsed(inside, "yaml", where)
    return fields


def _without_fence(text: str, start: int, where: str) -> tuple[dict[str, Any], str]:
    """Return the metadata lines at the beginning of a file without an opening fence, and the body after them."""
    if text.startswith(".. ", start) and (nikola := _NIKOLA.match(text, start)):
        matter = _pairs_of(_NIKOLA_LINE.finditer(nikola["lines"]))
        if any(is_known_name(fold(name)) for name in matter):
            return matter, text[nikola.end() :]
    length = _metadata_lines(text[start:])
    head, rest = text[start : start + length], text[start + length :]
    names = [match["name"] for line in head.split("\n") if (match := _NAME.match(line))]
    if not any(is_known_name(fold(name)) for name in names):
        return {}, text[start:]
    if end := _END.match(rest):
        kind = {"+": "toml", ";": "json"}.get(end[0][0], "yaml")
        return _parsed(head, kind, where), rest[end.end() :]
    named = _named(head)
    if named is not None:
        return named, rest
    return _parsed(head, "yaml", where), rest


def _metadata_lines(text: str) -> int:
    """Return how many characters at the beginning of a text are lines of metadata.

    They end at a closing fence, if all lines before it are metadata or blank. Otherwise they end at the first blank
    line, or at the first line that is not metadata.
    """
    position = 0
    first_blank = None
    for _ in range(_MOST_LINES):
        if position >= len(text) or _END.match(text, position):
            break
        line_end = text.find("\n", position)
        line_end = len(text) if line_end < 0 else line_end
        line = text[position:line_end]
        if not line.strip():
            first_blank = position if first_blank is None else first_blank
        elif not (_NAME.match(line) or (position and _CONTINUED.match(line))):
            return position if first_blank is None else first_blank
        position = line_end + 1
    is_closed = bool(_END.match(text, position))
    return min(position, len(text)) if is_closed or first_blank is None else first_blank


def _named(head: str) -> dict[str, Any] | None:
    """Return lines of "Name: value" as Pelican and MultiMarkdown read them; None if there are other lines."""
    position = 0
    lines = []
    while line := _NAMED.match(head, position):
        lines.append(line)
        position = line.end()
    return _pairs_of(lines) if not head[position:].strip() else None


def _pairs_of(lines: Iterable[re.Match[str]]) -> dict[str, Any]:
    return pairs([(line["name"], line["value"].strip()) for line in lines])


def _check_rest(body: str, where: str) -> None:
    """Raise `SourceError` if metadata that closes the item is at the beginning of a body or after its first heading."""
    head = body.lstrip("\n")
    heading = _HEADING.match(head)
    head = head[heading.end() :] if heading else head
    for line in head[: _metadata_lines(head)].split("\n"):
        named = _NAME.match(line)
        if named is None:
            continue
        rule = rule_of(fold(named["name"]))
        value = line[named.end() :].strip(" \t\"',")
        is_setting = switch(value) is not None or " " not in value
        if rule and value and is_setting and rule.read(value, _END_OF_TIME) not in ("public", "unknown"):
            raise SourceError(
                f"{where}: its text begins with a line {named['name']!r}, which looks like metadata that closes it; "
                "put it between two lines --- at the head of the file."
            )


def split_properties(text: str, where: str) -> tuple[Mapping[str, Any], str]:
    """Return the properties that Notion writes below the first heading of a page, and the text without them.

    Examples
    --------
    >>> split_properties("# Garlic\\n\\nTags: bulbs\\n\\nPlant it.", "garlic.md")
    ({'Tags': 'bulbs'}, '# Garlic\\n\\nPlant it.')
    """
    text = text.replace("\r\n", "\n").lstrip("\ufeff\n")
    heading = _HEADING.match(text)
    start = heading.end() if heading else 0
    block = _PROPERTIES.match(text, start)
    if not block:
        return split_front_matter(text, where)
    lines = [_PROPERTY.match(line) for line in block[0].strip("\n").split("\n")]
    return _pairs_of(line for line in lines if line), text[:start] + text[block.end() :]


def yaml_values(text: str) -> Any:
    """Return the value of a YAML text, with strings for all scalars; `ValueError` if it is not YAML.

    Examples
    --------
    >>> yaml_values("draft: no\\norder: 010\\ntags: [a, b]")
    {'draft': 'no', 'order': '010', 'tags': ['a', 'b']}
    """
    import yaml

    depth = 0
    try:
        for event in yaml.parse(text, Loader=_yaml_loader()):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:  # deeper nesting overruns the stack of the parser in C
                raise ValueError("nested too deeply")
        return yaml.load(text, Loader=_yaml_loader())  # noqa: S506  (makes strings, lists and dicts only)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f"line {mark.line + 2}: " if mark else ""
        raise ValueError(f"{line}{getattr(error, 'problem', None) or error}") from error


@cache
def _yaml_loader() -> Any:
    import yaml

    base: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)

    class Loader(base):  # type: ignore[misc]  # (the base is chosen at run time)
        """Makes strings, lists and dicts only. A plain null is None, "<<" merges, and a name may occur twice."""

        def construct_scalar(self, node: Any) -> Any:
            is_null = not node.style and node.value in ("", "~", "null", "Null", "NULL")
            return None if is_null else super().construct_scalar(node)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            mapping = super().construct_mapping(node, deep)
            names = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
            for name in (name for name, count in names.items() if count > 1 and name != "<<"):
                values = [self.construct_object(part, deep=True) for key, part in node.value if key.value == name]
                mapping[name] = one_or_repeated(values)
            merged = mapping.pop("<<", None)
            for other in merged if isinstance(merged, list) else [merged]:
                mapping = {**other, **mapping} if isinstance(other, dict) else mapping
            return mapping

    return Loader
