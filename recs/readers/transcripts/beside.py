"""Finds the transcript and the chapters of each episode of a feed: in files beside the feed, or in its records."""

import html
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import unquote, urlsplit

from recs.errors import SourceError
from recs.items import Skipped
from recs.readers.transcripts.chapters import Chapter, listed_chapters, read_chapters
from recs.readers.transcripts.cues import Transcript
from recs.readers.transcripts.episode import Episode
from recs.readers.transcripts.read import read_transcript
from recs.readers.transcripts.timed import timed_text
from recs.text.counts import counted

LARGEST = 32_000_000  # bytes of one file; an hour of speech takes less than one of these in any format
_NAMED = re.compile(rb"<(?:\w{1,40}:)?(?:transcript|chapters)\b[^<>]{0,2000}?\burl\s*=\s*[\"']([^\"'<>]{1,2000})")
# The most useful formats first: those with times and speakers.
_FORMATS = ("json", "vtt", "srt", "subrip", "html", "plain")
Bytes: TypeAlias = Callable[[str], bytes | None]
"""Returns the bytes that an address stands for; None if they are not here. Raises `SourceError`."""


def with_transcripts(records: Sequence[tuple[str, object]], read: Bytes, source: str) -> Iterator[tuple[str, object]]:
    """Yield the records of a feed, those with a transcript as `Episode`.

    A file that cannot be read is reported as `Skipped` after its record. At the end, one `Skipped` says how many
    files are not here.

    Parameters
    ----------
    records
        Positions and records with the fields "transcripts" and "chapters", as the reader of feeds yields them.
    read
        Returns the bytes of a file by its address.
    source
        The name of the feed, for messages.
    """
    missing: list[str] = []
    for where, record in records:
        if not isinstance(record, dict) or not (record.get("transcripts") or record.get("chapters")):
            yield where, record
            continue
        faults: list[str] = []
        fields = {name: value for name, value in record.items() if name not in ("transcripts", "chapters")}
        chapters = _chapters(record.get("chapters"), read, faults, missing)
        transcript = _transcript(record, read, faults, missing)
        if transcript is not None:
            yield where, Episode(fields, timed_text(transcript, chapters))
        else:
            yield where, _with_titles(fields, chapters)
        yield from ((where, Skipped(where, fault, str(record.get("id") or "") or None)) for fault in faults)
    if missing:
        are = counted(len(missing), "file with a transcript or chapters is", "files with transcripts or chapters are")
        hosts = Counter(map(host_of, missing))
        places = ", ".join(f"{host} ({count:,})" for host, count in sorted(hosts.items()))
        yield source, Skipped(f"{source}: transcripts", f"{are} not beside the feed; --fetch loads from {places}")


def _with_titles(fields: Mapping[str, object], chapters: Sequence[Chapter]) -> Mapping[str, object]:
    """Return a record of an episode without transcript, with the titles of its chapters as a list below its notes."""
    if not chapters:
        return fields
    name = "summary" if "summary" in fields and "content_html" not in fields else "content_html"
    titles = "".join(f"<li>{html.escape(chapter.title)}</li>" for chapter in chapters)
    return {**fields, name: f"{fields.get(name, '')}<ul>{titles}</ul>"}


def _chapters(value: object, read: Bytes, faults: list[str], missing: list[str]) -> tuple[Chapter, ...]:
    """Return the chapters of an episode: those in the feed, or those in the file that it names."""
    if isinstance(value, list):
        return listed_chapters(value)
    address = str(value or "")
    data = _bytes(address, read, faults) if address else None
    if data is None:
        if address and not faults:
            missing.append(address)
        return ()
    try:
        return read_chapters(data, _name(address))
    except SourceError as error:
        faults.append(f"its chapters are left out: {error}")
        return ()


def _transcript(record: Mapping[str, Any], read: Bytes, faults: list[str], missing: list[str]) -> Transcript | None:
    """Return the best transcript of an episode that is here and can be read."""
    offered = sorted(record.get("transcripts") or (), key=lambda one: _preference(one, record.get("lang")))
    own: list[str] = []
    for one in offered:
        data = _bytes(one["url"], read, own)
        if data is None:
            continue
        try:
            return read_transcript(data, _name(one["url"]))
        except SourceError as error:
            own.append(f"its transcript is left out: {error}")
    faults += own
    if offered and not own:
        missing.append(offered[0]["url"])
    return None


def _preference(transcript: Mapping[str, str], language: object) -> tuple[bool, int]:
    """Return a sort key: the language of the episode first, then the formats with times."""
    kind = transcript.get("type", "").lower()
    own = str(language or "").partition("-")[0].lower()
    other = transcript.get("language", own).partition("-")[0].lower()
    place = next((place for place, name in enumerate(_FORMATS) if name in kind), len(_FORMATS))
    return bool(own) and other != own, place


def _bytes(address: str, read: Bytes, faults: list[str]) -> bytes | None:
    try:
        return read(address)
    except SourceError as error:
        faults.append(f"{_name(address)} is left out: {error}")
        return None


def host_of(address: str) -> str:
    """Return the host in an address, for messages.

    Examples
    --------
    >>> host_of("https://a.org/1.vtt"), host_of("1.vtt")
    ('a.org', 'no host')
    """
    try:
        return urlsplit(address).hostname or "no host"
    except ValueError:
        return "no host"


def _name(address: str) -> str:
    return _parts(address)[-1] if _parts(address) else address


def _parts(address: str) -> list[str]:
    """Return the folders and the name in the path of an address; none if it could lead elsewhere on this machine."""
    try:
        path = unquote(urlsplit(address).path)
    except ValueError:
        return []
    parts = [part for part in path.split("/") if part not in ("", ".")]
    is_safe = not any(part == ".." or "\\" in part or "\0" in part or ":" in part for part in parts)
    return parts if is_safe else []


class FilesBeside:
    """Reads the files beside a feed that its addresses stand for.

    The address https://a.org/podcast/ep-1.vtt stands for podcast/ep-1.vtt or, if no other address of the feed ends in
    that name, for ep-1.vtt in the folder of the feed. Links that lead out of the folder are not followed.

    Parameters
    ----------
    folder
        The folder of the feed; None if there is none.
    addresses
        All addresses that the feed names.
    """

    def __init__(self, folder: Path | None, addresses: Sequence[str]) -> None:
        self._folder = folder and folder.resolve()
        self._names = Counter(parts[-1] for parts in map(_parts, set(addresses)) if parts)

    def path(self, address: str) -> Path | None:
        """Return the file that an address stands for; None if it is not here."""
        if self._folder is None:
            return None
        parts = _parts(address)
        for first in range(len(parts)):
            is_name_alone = first == len(parts) - 1
            if is_name_alone and first and self._names[parts[-1]] > 1:
                return None
            path = self._folder.joinpath(*parts[first:])
            try:
                if path.is_file() and path.resolve().is_relative_to(self._folder):
                    return path
            except OSError:  # a name that is too long
                continue
        return None

    def read(self, address: str) -> bytes | None:
        """Return the bytes of the file that an address stands for; `SourceError` if it is too large or unreadable."""
        path = self.path(address)
        if path is None:
            return None
        try:
            if path.stat().st_size > LARGEST:
                raise SourceError(f"larger than {LARGEST // 1_000_000} MB.")
            return path.read_bytes()
        except OSError as error:
            raise SourceError(f"it cannot be read ({error.strerror}).") from error


def transcribed(
    records: Iterable[tuple[str, object]], folder: Path | None, source: str, *, fetch: bool
) -> Iterator[tuple[str, object]]:
    """Yield the records of a feed with the transcripts and chapters in files beside it.

    Parameters
    ----------
    folder
        The folder of the feed; None if it has none.
    fetch
        Whether files that are not there are loaded over HTTP.
    """
    listed = list(records)
    addresses = addresses_of(listed)
    beside = FilesBeside(folder, addresses)
    read: Bytes = beside.read
    if fetch and addresses:
        from recs.readers.transcripts.fetch import Fetcher

        read = Fetcher(beside, addresses).read
    yield from with_transcripts(listed, read, source)


def addresses_of(records: Sequence[tuple[str, object]]) -> list[str]:
    """Return the addresses of transcripts and chapters that records name, each once, in their order."""
    fields = [record for _, record in records if isinstance(record, dict)]
    named = chain.from_iterable(
        (*(one["url"] for one in record.get("transcripts") or ()), record.get("chapters")) for record in fields
    )
    return list(dict.fromkeys(address for address in named if isinstance(address, str)))


def named_files(feed: Path) -> list[Path]:
    """Return the files beside a feed that its transcripts and chapters may be read from, without parsing it.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as name:
    ...     feed = Path(name, "feed.xml")
    ...     _ = feed.write_text('<podcast:transcript url="https://a.org/t/1.vtt" type="text/vtt"/>')
    ...     _ = Path(name, "1.vtt").write_text("WEBVTT")
    ...     [path.name for path in named_files(feed)]
    ['1.vtt']
    """
    addresses = [html.unescape(match.decode("utf-8", "replace")) for match in _NAMED.findall(feed.read_bytes())]
    beside = FilesBeside(feed.parent, addresses)
    return sorted({path for path in map(beside.path, addresses) if path is not None})
