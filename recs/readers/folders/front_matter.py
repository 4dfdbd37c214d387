"""Front matter: what a file says of itself before its text, with and without fences around it."""

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
from recs.readers.values import Repeated, fold, pairs, switch
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
# Nikola's metadata, often within a comment of HTML.
_NIKOLA = re.compile(r"(?:<!--\s*)?(?P<lines>(?:\.\. [\w-]+:[^\n]*(?:\n|\Z))+)\s*(?:-->)?", re.MULTILINE)
_NIKOLA_LINE = re.compile(r"\.\. (?P<name>[\w-]+):[ \t]*(?P<value>[^\n]*)")
_COMMENT = re.compile(r"\s*<!--(?P<inside>(?:(?!-->).)*)-->", re.DOTALL)
_HEADING = re.compile(r"#{1,6}[ \t][^\n]*\n+")
# A property of Notion may be called anything: "🏷 Tags", "Published?", "Author/Editor".
_PROPERTY = re.compile(r"(?P<name>[^\n:]{1,60}): ?(?P<value>[^\n]*)")
_PROPERTIES = re.compile(
    rf"(?:{_PROPERTY.pattern.replace('?P<name>', '?:').replace('?P<value>', '?:')}(?:\n|\Z))+(?:\n|\Z)"
)
_MOST_LINES = 500
_DEEPEST = 100
_END_OF_TIME = datetime.max.replace(tzinfo=UTC)


def has_front_matter(text: str) -> bool:
    """Whether a text begins with a fence and, below it, a line of metadata."""
    first, _, rest = text.lstrip("\ufeff \t\r\n").partition("\n")
    is_fence = first.strip() in ("---", "+++", ";;;")
    return is_fence and bool(_NAME.match(rest.replace("\r\n", "\n").lstrip("\n")))


def split_front_matter(text: str, where: str) -> tuple[Mapping[str, Any], str]:
    """Return the front matter of a file (YAML, TOML, JSON, or lines of "Name: value") and its body.

    Blank lines and comments may stand before it. It may lack its opening fence, as in Hexo and in old Jekyll. Values of
    YAML are the strings that stand there, and None for null: no "no" that becomes False, no id that loses its zeros. A
    name that comes twice has both values (`Repeated`). Raises `SourceError` for what looks like front matter and cannot
    be read whole: what it may hide stays closed.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\ufeff")
    told = _in_comment(text, where)
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
    return {**told, **matter}, body


def _parsed(source: str, kind: str, where: str) -> dict[str, Any]:
    """Return what YAML, TOML or JSON (with or without its braces) says."""
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
        raise SourceError(f"{where}: its front matter is no list of names and values.")
    return {str(name): value for name, value in (matter or {}).items()}


def _leading_json(text: str, start: int, where: str) -> tuple[dict[str, Any], str]:
    try:
        matter, stop = json.JSONDecoder(object_pairs_hook=pairs).raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{where}: its front matter is not JSON ({error}).") from error
    return _mapping(matter, where), text[stop:]


def _in_comment(text: str, where: str) -> dict[str, Any]:
    """Return metadata that stands in comments at the head of a file, as Nikola writes it."""
    told: dict[str, Any] = {}
    position = 0
    while comment := _COMMENT.match(text, position):
        position = comment.end()
        inside = comment["inside"].strip("\n")
        if nikola := _NIKOLA.match(inside.lstrip()):
            told |= _pairs_of(_NIKOLA_LINE.finditer(nikola["lines"]))
        elif (lines := _metadata_lines(inside)) and not inside[lines:].strip():
            told |= _parsed(inside, "yaml", where)
    return told


def _without_fence(text: str, start: int, where: str) -> tuple[dict[str, Any], str]:
    """Return leading lines of metadata that no fence opens, and the body; all of it as body where there are none."""
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
    """Return how many characters at the head of a text are lines of metadata.

    Up to a closing fence, if all lines before it are metadata or blank; else up to the first blank line or the first
    line of another kind.
    """
    position, first_blank = 0, None
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
    """Return lines of "Name: value" as Pelican and MultiMarkdown read them; None where there are others among them."""
    position, found = 0, []
    while line := _NAMED.match(head, position):
        found.append(line)
        position = line.end()
    return _pairs_of(found) if not head[position:].strip() else None


def _pairs_of(lines: Iterable[re.Match[str]]) -> dict[str, Any]:
    return pairs([(line["name"], line["value"].strip()) for line in lines])


def _check_rest(body: str, where: str) -> None:
    """Raise `SourceError` if a body, or what follows its first heading, begins with metadata that closes the item."""
    head = body.lstrip("\n")
    heading = _HEADING.match(head)
    head = head[heading.end() :] if heading else head
    for line in head[: _metadata_lines(head)].split("\n"):
        named = _NAME.match(line)
        if named is None:
            continue
        rule = rule_of(fold(named["name"]))
        value = line[named.end() :].strip(" \t\"',")
        is_said = switch(value) is not None or " " not in value
        if rule and value and is_said and rule.read(value, _END_OF_TIME) not in ("public", "unknown"):
            raise SourceError(
                f"{where}: its text begins with a line {named['name']!r}, which looks like metadata that closes it; "
                "put it between two lines --- at the head of the file."
            )


def split_properties(text: str, where: str) -> tuple[Mapping[str, Any], str]:
    """Return the properties that Notion writes below the first heading of a page, and the text without them."""
    text = text.replace("\r\n", "\n").lstrip("\ufeff\n")
    heading = _HEADING.match(text)
    start = heading.end() if heading else 0
    block = _PROPERTIES.match(text, start)
    if not block:
        return split_front_matter(text, where)
    lines = [_PROPERTY.match(line) for line in block[0].strip("\n").split("\n")]
    return _pairs_of(line for line in lines if line), text[:start] + text[block.end() :]


def yaml_values(text: str) -> Any:
    """Return what a YAML text holds, scalars as the strings that stand there; `ValueError` for what is none."""
    import yaml

    depth = 0
    try:
        for event in yaml.parse(text, Loader=_yaml_loader()):
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > _DEEPEST:  # the parser written in C overruns its stack
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
        """Strings, lists and dicts; besides, a plain null is None, "<<" merges, and a name may come twice."""

        def construct_scalar(self, node: Any) -> Any:
            is_null = not node.style and node.value in ("", "~", "null", "Null", "NULL")
            return None if is_null else super().construct_scalar(node)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            mapping = super().construct_mapping(node, deep)
            names = Counter(key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode))
            for name in (name for name, count in names.items() if count > 1 and name != "<<"):
                said = [self.construct_object(part, deep=True) for key, part in node.value if key.value == name]
                mapping[name] = said[0] if all(one == said[0] for one in said) else Repeated(said)
            merged = mapping.pop("<<", None)
            for other in merged if isinstance(merged, list) else [merged]:
                mapping = {**other, **mapping} if isinstance(other, dict) else mapping
            return mapping

    return Loader
