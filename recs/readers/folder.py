"""A folder of Markdown with front matter, as Hugo, Jekyll and others keep it."""

from __future__ import annotations

import json
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recs.errors import SourceError
from recs.items import Skipped
from recs.readers.json_ import read_text

_SUFFIXES = {".md", ".markdown", ".mdx", ".mdown"}
_LEFT_OUT = {"node_modules", "_site", "public", "vendor", "__pycache__"}
_LIST_PAGES = {"_index"}
_DATED = re.compile(r"(\d{4}-\d{2}-\d{2})-(.+)")
_FENCE = re.compile(
    r"\A(?P<fence>---|\+\+\+)[ \t]*\r?\n(?P<matter>.*?)(?:^|\n)(?P=fence)[ \t]*(?:\r?\n|\Z)", re.DOTALL | re.M
)


def folder_records(folder: Path, source: str) -> Iterator[tuple[str, Mapping[str, object] | Skipped]]:
    """Yield (position, record) of each Markdown file below a folder, in the order of their paths.

    The id is the path from the folder without suffix, with "/" between its parts; "a/index.md" is "a". A Jekyll name
    "2020-01-02-slug" gives the date where the front matter has none. Hidden folders and links that lead out are passed
    over.

    Raises
    ------
    SourceError
        If there is no Markdown at all.
    """
    root = folder.resolve()
    found = False
    for path in sorted(_files(root)):
        found = True
        relative = path.relative_to(root)
        where = f"{source}/{relative.as_posix()}"
        if path.stem in _LIST_PAGES:
            yield where, Skipped(where, "a list page, not a post")
            continue
        try:
            yield where, _record(path, relative, where)
        except SourceError as error:
            yield where, Skipped(where, str(error).removeprefix(f"{where}: ").rstrip("."))
    if not found:
        raise SourceError(f"{source}: no Markdown files (.md, .markdown, .mdx) in this folder.")


def _files(root: Path) -> Iterator[Path]:
    for folder, folders, names in os.walk(root, followlinks=False):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _LEFT_OUT]
        for name in names:
            path = Path(folder, name)
            if path.suffix.lower() in _SUFFIXES and not name.startswith(".") and path.resolve().is_relative_to(root):
                yield path


def _record(path: Path, relative: Path, where: str) -> Mapping[str, object]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{where}: cannot be read ({error.strerror}).") from error
    matter, body = split_front_matter(read_text(data, where), where)
    parts = relative.with_suffix("").parts
    item_id = "/".join(parts[:-1] if parts[-1] == "index" and len(parts) > 1 else parts)
    record: dict[str, object] = {name: value for name, value in matter.items() if name.casefold() != "id"}
    record |= {"id": item_id, "content": body}
    dated = _DATED.fullmatch(path.stem)
    if dated and not any(name.casefold() in ("date", "published_at") for name in matter):
        record["date"] = dated[1]
    if "_drafts" in relative.parts:
        record["draft"] = "true"
    if not any(name.casefold() == "title" for name in matter):
        record["title"] = (dated[2] if dated else item_id.rpartition("/")[2]).replace("-", " ").replace("_", " ")
    return record


def split_front_matter(text: str, where: str) -> tuple[Mapping[str, Any], str]:
    """Return the front matter of a file (YAML, TOML or JSON) and its body.

    Values of YAML are the strings that stand there: no "no" that becomes False, no id that loses its zeros.

    Raises
    ------
    SourceError
    """
    fenced = _FENCE.match(text)
    if fenced:
        parse = _yaml if fenced["fence"] == "---" else _toml
        matter, body = parse(fenced["matter"], where), text[fenced.end() :]
    elif text.startswith(("{\n", "{\r\n")):
        matter, body = _json(text, where)
    elif re.match(r"(---|\+\+\+)[ \t]*\r?\n", text):
        raise SourceError(f"{where}: its front matter has no end.")
    else:
        return {}, text
    if matter is None:
        return {}, body
    if not isinstance(matter, Mapping):
        raise SourceError(f"{where}: its front matter is no list of names and values.")
    return {str(name): value for name, value in matter.items()}, body


def _yaml(text: str, where: str) -> Any:
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CBaseLoader", yaml.BaseLoader))  # noqa: S506  (makes strings, lists and dicts only)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" at line {mark.line + 2}" if mark else ""
        raise SourceError(
            f"{where}: its front matter is not YAML{line} ({getattr(error, 'problem', None) or error})."
        ) from error


def _toml(text: str, where: str) -> Any:
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SourceError(f"{where}: its front matter is not TOML ({error}).") from error


def _json(text: str, where: str) -> tuple[Any, str]:
    try:
        matter, stop = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"{where}: its front matter is not JSON ({error}).") from error
    return matter, text[stop:]
