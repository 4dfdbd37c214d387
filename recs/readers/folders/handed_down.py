"""What other files say of the visibility of a page: list pages of Hugo, data files of Eleventy, Nikola and Material."""

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
CODE_SUFFIXES = (".11tydata.js", ".11tydata.cjs", ".11tydata.mjs")
"""Data files of Eleventy that are code: recs runs none, so what they say is not known."""


class HandedDown:
    """What the folders above a page say of it, up to the root of its site, the nearest first."""

    def __init__(self, root: Path, site: Site) -> None:
        self._top = site.root if site.generator and root.is_relative_to(site.root) else root
        self._folders: dict[Path, dict[str, object]] = {}

    def to_page(self, path: Path) -> dict[str, object]:
        """Return what other files say of the visibility of a page; `SourceError` for one that cannot be read."""
        told = _beside(path)
        for folder in path.parents:
            if not folder.is_relative_to(self._top):
                break
            if folder not in self._folders:
                self._folders[folder] = _of_folder(folder)
            take(told, self._folders[folder])
        return told


def take(fields: dict[str, object], more: Mapping[str, object]) -> None:
    """Take what a file does not say itself."""
    own = {fold(name) for name in fields}
    fields.update({name: value for name, value in more.items() if fold(name) not in own})


def _beside(path: Path) -> dict[str, object]:
    """Return what the data files of one page say: "page.json", "page.meta"."""
    told: dict[str, object] = {}
    for suffix in _DATA_SUFFIXES:
        take(told, _data(path.with_suffix(suffix)))
    meta = path.with_suffix(".meta")
    if meta.is_file():
        take(told, _of_visibility(split_front_matter(_read(meta), meta.name)[0]))
    return told


def _of_folder(folder: Path) -> dict[str, object]:
    """Return what the files of a folder say of all pages below it, whatever they target."""
    told: dict[str, object] = {}
    for name in sorted(folder.glob("_index*.*")):
        if name.stem.partition(".")[0] == "_index" and name.suffix.lower() in (".md", ".markdown", ".html"):
            take(told, _cascade(name))
    for suffix in _DATA_SUFFIXES:
        take(told, _data(folder / f"{folder.name}{suffix}"))
    meta = folder / ".meta.yml"
    if meta.is_file():
        try:
            take(told, _of_visibility(yaml_values(_read(meta))))
        except ValueError as error:
            raise SourceError(f"the file {folder.name}/.meta.yml above it cannot be read ({error}).") from error
    return told


def _cascade(path: Path) -> dict[str, object]:
    """Return what the `cascade` of a list page says; a list page that cannot be read closes what is below it."""
    try:
        matter, _ = split_front_matter(_read(path), path.name)
    except SourceError as error:
        raise SourceError(f"the list page above it cannot be read: {error}") from error
    cascade = matter.get("cascade")
    parts = [part for part in (cascade if isinstance(cascade, list) else [cascade]) if isinstance(part, Mapping)]
    told: dict[str, object] = {}
    for part in parts:
        for fields in (part, part.get("params")):
            told |= _of_visibility(fields)
    return told


def _data(path: Path) -> dict[str, object]:
    """Return what a data file of Eleventy says, {} where there is none."""
    if not path.is_file():
        return {}
    try:
        said = json.loads(_read(path), object_pairs_hook=pairs)
    except (ValueError, RecursionError) as error:
        raise SourceError(f"its data file {path.name} cannot be read ({error}).") from error
    return _of_visibility(said)


def _read(path: Path) -> str:
    try:
        return read_text(path.read_bytes(), path.name)
    except OSError as error:
        raise SourceError(f"{path.name}: cannot be read ({error.strerror}).") from error


def _of_visibility(said: Any) -> dict[str, object]:
    fields = said if isinstance(said, Mapping) else {}
    return {str(name): value for name, value in fields.items() if rule_of(fold(str(name)))}
