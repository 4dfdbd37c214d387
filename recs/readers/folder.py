"""A folder of Markdown with front matter, as Hugo, Jekyll and others keep it."""

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from recs.errors import SourceError
from recs.items import Skipped
from recs.readers.fields import KNOWN_NAMES
from recs.readers.json_ import read_text
from recs.readers.visibility import NAMES, fold

MARKDOWN_SUFFIXES = {".md", ".markdown", ".mdx", ".mdown"}
_LEFT_OUT = {"node_modules", "_site", "public", "vendor", "__pycache__"}
_DATED = re.compile(r"(\d{4}-\d{2}-\d{2})-(.+)")
_LEAD = re.compile(r"(?:\s+|<!--.*?-->)*", re.DOTALL)
_FENCE = re.compile(
    r"(?P<fence>---|\+\+\+)[ \t]*\r?\n(?P<matter>.*?)(?:^|\n)(?P=fence)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.M
)
_OTHER_FENCE = re.compile(r"(?:---|\+\+\+|;;;)[^\n]*")
_JSON = re.compile(r'\{(?:\s*["}]|\r?\n)')
# "Name: value" at the head of a file without fences, as Pelican and MultiMarkdown write it.
_NAMED = re.compile(r"(?P<name>[^\W\d][\w -]{0,40}):[ \t]*(?P<value>[^\n]*(?:\n[ \t]{4}[^\n]*)*)(?:\n|\Z)")
_DEEPEST = 100


def folder_records(folder: Path, source: str) -> Iterator[tuple[str, Mapping[str, object] | Skipped]]:
    """Yield (position, record) of each Markdown file below a folder, in the order of their paths.

    The id is the path from the folder without suffix, with "/" between its parts; "a/index.md" is "a". A Jekyll name
    "2020-01-02-slug" gives the date where the front matter has none. Hidden folders and links that lead out are passed
    over. Raises `SourceError` if there is no Markdown at all.
    """
    root = folder.resolve()
    unread: list[OSError] = []
    paths = sorted(_files(root, unread))
    for error in sorted(unread, key=lambda error: str(error.filename)):
        inside = Path(error.filename).relative_to(root).as_posix()
        reason = f"a folder that cannot be read ({error.strerror})"
        if inside == ".":
            raise SourceError(f"{source}: {reason}.") from error
        yield f"{source}/{inside}", Skipped(f"{source}/{inside}", reason)
    lists = [path for path in paths if path.stem.partition(".")[0] == "_index"]  # _index.fr is the French one
    handed_down = {path.parent: _handed_down(path) for path in lists}
    for path in paths:
        relative = path.relative_to(root)
        where = f"{source}/{relative.as_posix()}"
        if path in lists:
            yield where, Skipped(where, "a list page, not a post")
            continue
        try:
            record = _record(path, relative, where)
            for above in path.parents:  # the nearest list page that says something wins, and a page's own field always
                own = {fold(name) for name in record}
                record |= {name: value for name, value in handed_down.get(above, {}).items() if fold(name) not in own}
            yield where, record
        except SourceError as error:
            yield where, Skipped(where, str(error).removeprefix(f"{where}: ").rstrip("."))
    if not paths:
        raise SourceError(f"{source}: no Markdown files (.md, .markdown, .mdx) in this folder.")


def _files(root: Path, unread: list[OSError]) -> Iterator[Path]:
    for folder, folders, names in os.walk(root, onerror=unread.append):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _LEFT_OUT]
        for path in (Path(folder, name) for name in names if not name.startswith(".")):
            # Path.resolve raises on links in a circle
            inside = Path(os.path.realpath(path)).is_relative_to(root)
            if inside and path.suffix.lower() in MARKDOWN_SUFFIXES:
                yield path


def _handed_down(path: Path) -> dict[str, object]:
    """Return what the `cascade` of a list page says of the visibility of all pages below it, whatever it targets."""
    try:
        matter, _ = split_front_matter(read_text(path.read_bytes(), path.name), path.name)
    except (OSError, SourceError):
        return {}
    cascade = matter.get("cascade")
    parts = [part for part in (cascade if isinstance(cascade, list) else [cascade]) if isinstance(part, Mapping)]
    return {str(name): value for part in parts for name, value in part.items() if fold(str(name)) in NAMES}


def _record(path: Path, relative: Path, where: str) -> dict[str, object]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{where}: cannot be read ({error.strerror}).") from error
    matter, body = split_front_matter(read_text(data, where), where)
    parts = relative.with_suffix("").parts
    item_id = "/".join(parts[:-1] if parts[-1] == "index" and len(parts) > 1 else parts)
    record: dict[str, object] = {name: value for name, value in matter.items() if name.casefold() != "id"}
    record |= {"id": item_id, "content": body}
    said = {name.casefold(): value for name, value in matter.items()}
    dated = _DATED.fullmatch(path.stem)
    if dated and not (said.get("date") or said.get("published_at")):
        record["date"] = dated[1]
    if "_drafts" in relative.parts:
        record["draft"] = "true"
    if "title" not in said:
        record["title"] = (dated[2] if dated else item_id.rpartition("/")[2]).replace("-", " ").replace("_", " ")
    return record


def split_front_matter(text: str, where: str) -> tuple[Mapping[str, Any], str]:
    """Return the front matter of a file (YAML, TOML, JSON, or lines of "Name: value") and its body.

    Blank lines and comments may stand before it. Values of YAML are the strings that stand there, and None for null: no
    "no" that becomes False, no id that loses its zeros. Raises `SourceError`, also for a first line that looks like a
    fence and is none: what it may hide stays closed.
    """
    start = re.match(_LEAD, text).end()  # type: ignore[union-attr]  # (matches the empty string too)
    fenced = _FENCE.match(text, start)
    if fenced:
        kind, stop = "YAML" if fenced["fence"] == "---" else "TOML", fenced.end()
    elif _JSON.match(text, start):
        kind = "JSON"
    elif other := _OTHER_FENCE.match(text, start):
        raise SourceError(
            f"{where}: its front matter, from {other[0].strip()[:40]!r}, has no end; expected two lines --- or +++."
        )
    else:
        return _named(text, start)
    matter: Any = fenced and fenced["matter"].replace("\r\n", "\n")
    try:
        if fenced:
            matter = _yaml(matter) if kind == "YAML" else tomllib.loads(matter)
        else:
            matter, stop = json.JSONDecoder().raw_decode(text, start)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{where}: its front matter is not {kind} ({error}).") from error
    matter = {} if matter is None else matter
    if not isinstance(matter, Mapping):
        raise SourceError(f"{where}: its front matter is no list of names and values.")
    return {str(name): value for name, value in matter.items()}, text[stop:]


def _named(text: str, start: int) -> tuple[Mapping[str, Any], str]:
    """Return leading lines of "Name: value" and the body, if one of the names is known; else all as body."""
    matter: dict[str, Any] = {}
    while line := _NAMED.match(text, start):
        matter[line["name"]] = line["value"].strip()
        start = line.end()
    known = any(fold(name) in KNOWN_NAMES for name in matter)
    return (matter, text[start:]) if known else ({}, text)


def _yaml(text: str) -> Any:
    """Return what a YAML text holds; `ValueError` for what is none."""
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
        """Strings, lists and dicts; besides, a plain null is None and "<<" merges."""

        def construct_scalar(self, node: Any) -> Any:
            is_null = not node.style and node.value in ("", "~", "null", "Null", "NULL")
            return None if is_null else super().construct_scalar(node)

        def construct_mapping(self, node: Any, deep: bool = False) -> Any:
            mapping = super().construct_mapping(node, deep)
            merged = mapping.pop("<<", None)
            for other in merged if isinstance(merged, list) else [merged]:
                mapping = {**other, **mapping} if isinstance(other, dict) else mapping
            return mapping

    return Loader
