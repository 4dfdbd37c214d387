"""Finds what other files say about a page's visibility: list pages (Hugo), data files (Eleventy, Nikola, Material)."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from recs.errors import SourceError
from recs.readers.folders.front_matter import split_front_matter, yaml_values
from recs.readers.folders.sites import Site
from recs.readers.json_files import read_text
from recs.readers.values import fold, pairs
from recs.readers.visibility.closings import rule_of

_DATA_SUFFIXES = (".json", ".11tydata.json")


class HandedDown:
    """What the folders above a page say about it, up to the root of its site. The nearest folder has precedence."""

    def __init__(self, root: Path, site: Site) -> None:
        self._top = site.root if site.generator and root.is_relative_to(site.root) else root
        self._folders: dict[Path, dict[str, object]] = {}

    def to_page(self, path: Path) -> dict[str, object]:
        """Return the fields on visibility that other files give to a page; `SourceError` if one cannot be read."""
        fields = _beside(path)
        for folder in path.parents:
            if not folder.is_relative_to(self._top):
                break
            if folder not in self._folders:
                self._folders[folder] = _of_folder(folder)
            add_missing(fields, self._folders[folder])
        return fields


def add_missing(fields: dict[str, object], more: Mapping[str, object]) -> None:
    """Add the fields that are not there yet. Names are compared folded.

    Examples
    --------
    >>> fields = {"Draft": "no"}
    >>> add_missing(fields, {"draft": "yes", "search": "no"})
    >>> fields
    {'Draft': 'no', 'search': 'no'}
    """
    own = {fold(name) for name in fields}
    fields.update({name: value for name, value in more.items() if fold(name) not in own})


def _beside(path: Path) -> dict[str, object]:
    """Return what the data files of one page say: "page.json", "page.meta"."""
    fields: dict[str, object] = {}
    for suffix in _DATA_SUFFIXES:
        add_missing(fields, _data(path.with_suffix(suffix)))
    meta = path.with_suffix(".meta")
    if meta.is_file():
        add_missing(fields, _of_visibility(split_front_matter(_read(meta), meta.name)[0]))
    return fields


def _of_folder(folder: Path) -> dict[str, object]:
    """Return what the files of a folder say about all pages below it, whatever target they name."""
    fields: dict[str, object] = {}
    for name in sorted(folder.glob("_index*.*")):
        if name.stem.partition(".")[0] == "_index" and name.suffix.lower() in (".md", ".markdown", ".html"):
            add_missing(fields, _cascade(name))
    for suffix in _DATA_SUFFIXES:
        add_missing(fields, _data(folder / f"{folder.name}{suffix}"))
    meta = folder / ".meta.yml"
    if meta.is_file():
        try:
            add_missing(fields, _of_visibility(yaml_values(_read(meta))))
        except ValueError as error:
            raise SourceError(f"the file {folder.name}/.meta.yml above it cannot be read ({error}).") from error
    return fields


def _cascade(path: Path) -> dict[str, object]:
    """Return what the `cascade` of a list page says. If the list page cannot be read, all pages below it are closed."""
    try:
        matter, _ = split_front_matter(_read(path), path.name)
    except SourceError as error:
        raise SourceError(f"the list page above it cannot be read: {error}") from error
    cascade = matter.get("cascade")
    parts = [part for part in (cascade if isinstance(cascade, list) else [cascade]) if isinstance(part, Mapping)]
    fields: dict[str, object] = {}
    for part in parts:
        fields |= _of_visibility(part)
        fields |= _of_visibility(part.get("params"))
    return fields


def _data(path: Path) -> dict[str, object]:
    """Return what a data file of Eleventy says; {} if there is no such file."""
    if not path.is_file():
        return {}
    try:
        values = json.loads(_read(path), object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"its data file {path.name} cannot be read ({error}).") from error
    return _of_visibility(values)


def _read(path: Path) -> str:
    try:
        return read_text(path.read_bytes(), path.name)
    except OSError as error:
        raise SourceError(f"{path.name}: cannot be read ({error.strerror}).") from error


def _of_visibility(values: Any) -> dict[str, object]:
    """Return the fields in a file that the table of visibility has."""
    fields = values if isinstance(values, Mapping) else {}
    return {str(name): value for name, value in fields.items() if rule_of(fold(str(name)))}
