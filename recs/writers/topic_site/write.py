"""Write the pages of topics into a folder, and remove those of topics that are gone.

A manifest in the folder names every file that recs wrote there, and what was in it. No other file is changed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from recs.clustering.result import Clustering
from recs.errors import OutputError
from recs.files import one_at_a_time, write_if_changed
from recs.items import Item
from recs.writers.cells import whole_characters
from recs.writers.topic_site.data import topic_front_matter, topics_json
from recs.writers.topic_site.entries import topic_entries
from recs.writers.topic_site.feed import topic_feed
from recs.writers.topic_site.pages import index_page, topic_page

MANIFEST = ".recs-topics.json"
_SCHEMA = "recs.topic-site/1"


def write_topic_site(clustering: Clustering, items: Iterable[Item], folder: Path) -> list[str]:
    """Write the pages, feeds and data of the topics; return notes for the user.

    Written are `index.html`, `NAME.html` and (if items have dates) `NAME.xml` for each topic, `data/topics.json` and
    `front-matter/NAME.md`. Each file is replaced as a whole, and one that does not change is not touched. Pages of
    topics that are gone are removed, unless somebody has changed them.

    Raises
    ------
    OutputError
        If a file is in the way that recs did not write, or a file cannot be written.
    """
    files = {name: whole_characters(text).encode() for name, text in _files(clustering, items)}
    digests = {name: hashlib.sha256(data).hexdigest() for name, data in files.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(folder):
            earlier = _manifest(folder)
            _refuse_foreign_files(folder, files, earlier)
            _write_manifest(folder, {**earlier, **digests})  # so that a run that is interrupted leaves no file unnamed
            for name, data in files.items():
                write_if_changed(folder / name, data)
            notes = _remove_stale(folder, {name: earlier[name] for name in earlier if name not in files})
            _write_manifest(folder, digests)
    except OSError as error:
        raise OutputError(f"{folder}: the pages of topics cannot be written: {error.strerror or error}.") from error
    return notes


def _files(clustering: Clustering, items: Iterable[Item]) -> Iterator[tuple[str, str]]:
    topics = topic_entries(clustering, items)
    yield "index.html", index_page(topics)
    yield "data/topics.json", topics_json(topics)
    for topic in topics:
        yield f"{topic.slug}.html", topic_page(topic)
        yield f"front-matter/{topic.slug}.md", topic_front_matter(topic)
        if topic.newest:
            yield f"{topic.slug}.xml", topic_feed(topic)


def _manifest(folder: Path) -> dict[str, str]:
    """Return the digests of the files that earlier runs wrote, by relative path."""
    path = folder / MANIFEST
    if not path.exists():
        return {}
    try:
        read = json.loads(path.read_bytes())
        if read["schema"] != _SCHEMA:
            raise ValueError(read["schema"])
        return {str(name): str(digest) for name, digest in read["files"].items() if _is_inside(str(name))}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise OutputError(
            f"{path}: this is no list of files that recs wrote; remove it, or choose another folder."
        ) from error


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return not path.is_absolute() and ".." not in path.parts and "\\" not in name and ":" not in name


def _refuse_foreign_files(folder: Path, files: Mapping[str, bytes], earlier: Mapping[str, str]) -> None:
    for name, data in files.items():
        path = folder / name
        if name not in earlier and path.exists() and not (path.is_file() and path.read_bytes() == data):
            raise OutputError(f"{path}: recs did not write this file and does not replace it; choose another folder.")


def _remove_stale(folder: Path, stale: Mapping[str, str]) -> list[str]:
    notes = []
    for name, digest in sorted(stale.items()):
        path = folder / name
        if not path.is_file():
            continue
        if hashlib.sha256(path.read_bytes()).hexdigest() == digest:
            path.unlink()
        else:
            notes.append(f"{path}: its topic is gone, but somebody changed the file; it stays.")
    return notes


def _write_manifest(folder: Path, digests: Mapping[str, str]) -> None:
    text = json.dumps({"schema": _SCHEMA, "files": dict(sorted(digests.items()))}, ensure_ascii=False, indent=1)
    write_if_changed(folder / MANIFEST, f"{text}\n".encode())
