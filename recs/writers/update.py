"""A file of related lists that is kept up to date: made anew only if something that the lists depend on has changed.

pages of a CMS → plain values → their digest → the file, if it was made of the same → else items → lists → the file

If nothing has changed, neither numpy nor any code that ranks is imported. The file is JSON (`recs.related/1`) with more
keys: "made_of" and "made_with" are digests of the pages with the options, and of the model; "incomplete" tells that a
vector is missing; "changes_at" is the moment at which a page is published or expires; "notes" are those of the run.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import recs
from recs.contract import SCHEMA, Note, RelatedFile
from recs.errors import OptionError, OutputError, RecsError, SourceError
from recs.files import write_atomically
from recs.items import Collection, Item
from recs.models.registry import DEFAULT_MODEL, find_model
from recs.readers.dates import parse_date, parse_now
from recs.readers.values import plain

if TYPE_CHECKING:
    from recs.ranking.rules import Rules

_MOST_VALUES = 100_000  # in one page, lists in lists included
_LISTED = 5  # ids in a note
_ONLY_TERMS = frozenset({"terms", "mentions"})


def update_related(
    pages: Iterable[Mapping[str, Any] | Item],
    path: str | os.PathLike[str],
    *,
    k: int = 5,
    signals: str | Sequence[str] = "auto",
    rules: Rules | None = None,
    embedder: str | None = None,
    cache: str | os.PathLike[str] | bool = True,
    cached_only: bool = False,
    now: str | date | datetime | None = None,
) -> RelatedFile:
    """Return the related lists of the pages of a site; make them, and write them to a file, if something has changed.

    Parameters
    ----------
    pages
        Each is an `Item`, or a dict with the fields of a page: at least an id and a text. `recs.read_items` says which
        names of fields are understood. Give the metadata of the page too: a field that hides the page then keeps it
        out. Values may be objects of the CMS: see Notes.
    path
        The file. It is made if it is not there, and may be removed at any time.
    k, signals, rules
        As in `recs.related_items`.
    embedder
        The name of a model, or None for the default model.
    cache
        Where vectors are kept: True for the user's cache folder, False for no cache, or a folder.
    cached_only
        Whether no model is loaded. A new or edited page is then ranked by its terms, and `RelatedFile.by_terms` and a
        note name it, until a run without `cached_only` computes its vector.
    now
        The moment that decides which pages are still scheduled; the present if left out.

    Returns
    -------
    RelatedFile
        `get` returns the list of a page by its id. `notes` says what a person should know, with codes and levels.

    Raises
    ------
    SourceError
        If the pages cannot be read: two share an id, or they are no pages at all.
    ModelError, EmbeddingError, OptionError
        As in `recs.related_items`. A model that is not installed is no error, unless `embedder` names it.

    Notes
    -----
    An object with a text of its own (a lazy title, a tag, a path) becomes that text, and a generator becomes a list. A
    page with any other object is left out; a note says so.

    If the file cannot be written, the lists are returned all the same, with a note of the level "warning".

    Examples
    --------
    >>> import recs, tempfile
    >>> pages = [
    ...     {"id": 1, "title": "Soil", "html": "<p>Compost for garden soil.</p>", "url": "/soil/"},
    ...     {"id": 2, "title": "Seeds", "html": "<p>Seeds for garden beds.</p>", "url": "/seeds/"},
    ...     {"id": 3, "title": "Leeks", "html": "<p>Garden leeks.</p>", "status": "draft"},
    ... ]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     lists = recs.update_related(pages, f"{folder}/related.json", signals="terms", cache=False)
    ...     [entry["url"] for entry in lists.get(1)], lists.get(3)
    (['/seeds/'], [])
    """
    if isinstance(pages, str | bytes | Mapping) or not isinstance(pages, Iterable):
        raise SourceError(f"a {type(pages).__name__} is no list of pages; expected dicts or items.")
    if embedder is not None and not isinstance(embedder, str):
        raise OptionError(f"embedder is a {type(embedder).__name__}, expected the name of a model.")
    whole = list(pages) if isinstance(pages, Collection) else [_whole(page) for page in pages]
    made_of = _digest(SCHEMA, recs.__version__, k, signals, rules, embedder, *whole)
    made_with = _digest(*_model_files(embedder or DEFAULT_MODEL))
    wants_model = not set(signals.split(",") if isinstance(signals, str) else signals) <= _ONLY_TERMS
    document = _read(Path(path))
    if document.get("made_of") == made_of and _is_present(document, now):
        is_complete = not wants_model or (document.get("made_with") == made_with and not document.get("incomplete"))
        if cached_only or is_complete:
            return RelatedFile(path)
    options: dict[str, Any] = {"k": k, "signals": signals, "rules": rules, "embedder": embedder}
    collection = pages if isinstance(pages, Collection) else recs.read_items(whole, now=now)
    options |= {"cache": cache, "cached_only": cached_only}
    return _written(_made(collection, options, {"made_of": made_of, "made_with": made_with}), Path(path))


# What the lists depend on.


def _whole(page: Any) -> Any:
    """Return a page with plain values alone: an iterator, which can be read once, becomes a list."""
    if isinstance(page, Mapping):
        left = [_MOST_VALUES]
        return {str(name): _plain(value, left) for name, value in page.items()}
    if isinstance(page, Item):
        return page
    raise SourceError(f"a page is a {type(page).__name__}, expected a dict with its fields or an item.")


def _plain(value: Any, left: list[int]) -> Any:
    """Return a value with plain values in it; an object that is not text stays, and reading reports it."""
    left[0] -= 1
    if left[0] < 0:
        raise SourceError(f"a page has more than {_MOST_VALUES:,} values in its fields.")
    if isinstance(value, Mapping):
        return {str(name): _plain(part, left) for name, part in value.items()}
    if not isinstance(value, list | tuple):
        try:
            value = plain(value)
        except TypeError:
            return value
    return [_plain(part, left) for part in value] if isinstance(value, list | tuple) else value


def _digest(*parts: Any) -> str:
    digest = hashlib.sha256()
    for part in parts:
        text = repr(part) if isinstance(part, Item) else json.dumps(part, sort_keys=True, default=_described)
        data = text.encode("utf-8", "surrogatepass")
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.hexdigest()


def _described(value: Any) -> str:
    """Return what tells a value of another type from others, without the address of an object in memory."""
    own_text: Any = type(value).__repr__
    return repr(value) if own_text is not object.__repr__ else f"a {type(value).__name__}"


def _model_files(name: str) -> list[Any]:
    """Return what changes when a model is installed, replaced or removed, or the engine that runs it."""
    engines = [importlib.util.find_spec(engine) is not None for engine in ("torch", "onnxruntime")]
    try:
        folder = find_model(name)
    except RecsError:  # a service, or no such folder: reading it says so
        folder = None
    files = [] if folder is None else sorted(path for path in folder.rglob("*") if path.is_file())
    return [name, engines, *((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files)]


# The file.


def _read(path: Path) -> dict[str, Any]:
    """Return the content of the file; nothing if it is not there or is something else."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return document if isinstance(document, dict) and document.get("schema") == SCHEMA else {}


def _is_present(document: Mapping[str, Any], now: str | date | datetime | None) -> bool:
    """Whether no page has been published or has expired since the file was made."""
    changes_at = document.get("changes_at")
    moment = parse_date(changes_at) if changes_at is not None else None
    return changes_at is None or (moment is not None and parse_now(now) < moment)


def _made(collection: Collection, options: Mapping[str, Any], more: Mapping[str, Any]) -> str:
    """Return the content of the file for a collection; `more` is added to it."""
    from recs.related import related_items
    from recs.writers.cells import whole_characters
    from recs.writers.related import json_document

    lists = related_items(collection, **options)
    notes = [
        {"code": getattr(note, "code", "note"), "level": getattr(note, "level", "info"), "text": str(note)}
        for note in (*_left_out(collection), *collection.notes, *lists.notes)
    ]
    is_incomplete = bool(lists.by_terms) or any(note["code"] == "not-cached" for note in notes)
    more = {**more, "changes_at": collection.changes_at, "incomplete": is_incomplete, "notes": notes}
    return whole_characters(json_document(lists, more))


def _left_out(collection: Collection) -> list[Note]:
    """Return notes on pages that are in no list, although nobody has hidden them."""
    doubtful = [item.id for item in collection if item.visibility == "unknown"]
    notes = [
        Note(f"{one.where}{f' ({one.id})' if one.id else ''} is left out: {one.reason}", code="skipped")
        for one in collection.skipped
    ]
    if doubtful:
        named = ", ".join(doubtful[:_LISTED]) + (", …" if len(doubtful) > _LISTED else "")
        text = f"closed, since a field about its visibility is not understood: {named}"
        notes.append(Note(text, code="doubtful", level="warning"))
    return notes


def _written(text: str, path: Path) -> RelatedFile:
    """Write the file and return its lists; if it cannot be written, those in memory."""
    try:
        write_atomically(path, text.encode())
    except OutputError as error:
        document = json.loads(text)
        document["notes"].append({"code": "not-written", "level": "warning", "text": str(error)})
        return RelatedFile(path, document=document)
    return RelatedFile(path)
