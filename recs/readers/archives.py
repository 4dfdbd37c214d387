"""Opens zip archives without trusting them: names, sizes and counts are checked before anything is written.

An export often comes as an archive: of Substack, Notion, Ghost, or of a folder of Markdown. It is unpacked into a
temporary folder, which is removed afterwards, and read like any other folder or file.
"""

import io
import re
import stat
import struct
import zlib
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZIP_DEFLATED, ZIP_STORED, BadZipFile, ZipFile, ZipInfo

from recs.errors import SourceError
from recs.items import Skipped
from recs.readers.folders.documents import MEDIA
from recs.readers.folders.sites import LEVELS_UP
from recs.readers.values import fold
from recs.readers.visibility.readings import CLOSING_TAGS

MOST_MEMBERS = 200_000
_MOST_BYTES = 4 << 30  # of all files together
_FREE_BYTES = 100 << 20  # an archive may hold this much, however small it is
_MOST_RATIO = 200  # beyond that, this many times its own size
_MOST_NAMES = 64 << 20  # bytes of the list of members
_MOST_READ = 256 << 20  # of one file in memory
_LONGEST_NAME = 1000
_LONGEST_PART = 255  # bytes; most file systems allow no more
_DEEPEST = 50
_CHUNK = 1 << 16
_LEAST_HEADER = 30  # bytes before the content of a member
# A file system or Windows gives these names another meaning: devices, drives, a dot or a blank at the end.
_UNSAFE_PART = re.compile(
    r"\.{1,2}|[A-Za-z]:.*|.*[\x00-\x1f\x7f].*|.*[. ]|(?:con|prn|aux|nul|com\d|lpt\d|conin\$|conout\$)(?:[.:].*)?",
    re.IGNORECASE | re.DOTALL,
)
_ARCHIVES = frozenset((".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz", ".7z", ".rar"))
# Notion cuts a large export into archives, and puts these into one archive.
PART = re.compile(r"Export(?:Block)?-[0-9A-Za-z-]{1,60}-Part-\d{1,3}\.zip")
_OF_SYSTEMS = ("__MACOSX", ".DS_Store", "Thumbs.db", "desktop.ini")
# What zipfile raises for a damaged archive.
_DAMAGE = (BadZipFile, zlib.error, struct.error, ValueError, NotImplementedError, EOFError, OverflowError, IndexError)


@contextmanager
def opened_archive(archive: Path | bytes, source: str) -> Iterator["Archive"]:
    """Open a zip archive, given its path or its bytes; everything that was unpacked is removed at the end.

    Raises `SourceError` if it is damaged, encrypted, an office document, or a bomb: with more than 200,000 members,
    members that overlap, more than 4 GiB, or more than 100 MiB and 200 times its own size, media not counted.

    Examples
    --------
    >>> data = io.BytesIO()
    >>> with ZipFile(data, "w") as file:
    ...     file.writestr("blog/garlic.md", "Plant it.")
    ...     file.writestr("blog/../../leeks.md", "Sow them.")
    >>> with opened_archive(data.getvalue(), "blog.zip") as archive:
    ...     archive.names, archive.read("garlic.md"), [path.name for path in archive.unpack().iterdir()]
    ...     archive.skipped[0].reason
    (('garlic.md',), b'Plant it.', ['garlic.md'])
    'a name that leads out of the archive, or that a system does not allow'
    """
    with ExitStack() as stack:
        with _reporting(f"{source}: cannot be read"):
            file = stack.enter_context(_Watched(archive, source))
            opened = Archive(stack.enter_context(ZipFile(file)), source, file.size)
        stack.callback(opened.close)
        yield opened


class Archive:
    """An open zip archive whose members were checked. `opened_archive` makes it.

    Attributes
    ----------
    names
        The paths of its files, sorted, with "/" between their parts. If all of them are in one folder, that folder is
        the root. Media files are not among them.
    skipped
        What is not read: archives in the archive, links, names that are not safe, members that occur twice.
    """

    def __init__(self, zip_file: ZipFile, source: str, size: int) -> None:
        self._zip_file = zip_file
        self._source = source
        self._folder: TemporaryDirectory[str] | None = None
        self._skipped: list[Skipped] = []
        members = self._members(zip_file.infolist())
        top = _top_folder(members)
        self._files = {path.removeprefix(top): info for path, info in members.items() if not path.endswith("/")}
        self._folders = [path.removeprefix(top) for path in members if path.endswith("/")]
        self.names = tuple(sorted(self._files))
        self.skipped = tuple(self._skipped)
        _check_sizes(self._files.values(), size, source)
        _check_folders(members, source)
        if not self.names:
            reasons = "; ".join(dict.fromkeys(skipped.reason for skipped in self.skipped)) or "it is empty"
            raise SourceError(f"{source}: a zip archive without a file to read: {reasons}.")

    def read(self, name: str, most: int = _MOST_READ) -> bytes:
        """Return the content of one file; `SourceError` if it has more bytes than `most`, or is damaged."""
        info = self._files[name]
        if info.file_size > most:
            raise SourceError(f"{self._source}/{name}: {info.file_size:,} bytes; at most {most:,} are read.")
        return b"".join(self._chunks(name))

    def unpack(self) -> Path:
        """Return the root of a temporary folder with all files. It is removed when the archive is closed.

        Raises `SourceError` if a file is damaged, or cannot be written.
        """
        if self._folder is None:
            self._folder = TemporaryDirectory(prefix="recs-")
            try:
                self._write_all(self._root)
            except BaseException:  # half of an archive must not be read: what is missing may say what is hidden
                self.close()
                raise
        return self._root

    @property
    def _root(self) -> Path:
        """Where files are unpacked: so deep that no configuration of a site is looked for outside."""
        return Path(self._folder.name if self._folder else "", *["archive"] * LEVELS_UP)

    def _write_all(self, root: Path) -> None:
        for name in ("", *self._folders):
            with _reporting(f"{self._source}/{name}: cannot be unpacked"):
                (root / name).mkdir(parents=True, exist_ok=True)
        for name in self.names:
            with _reporting(f"{self._source}/{name}: cannot be unpacked"):
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                with (root / name).open("xb") as copy:
                    copy.writelines(self._chunks(name))

    def _chunks(self, name: str) -> Iterator[bytes]:
        """Yield the content of a file. There is never more than its size in the list of members."""
        with _reporting(f"{self._source}/{name}: cannot be read"), self._zip_file.open(self._files[name]) as file:
            yield from iter(lambda: file.read(_CHUNK), b"")

    def close(self) -> None:
        """Remove what was unpacked."""
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    def _members(self, infos: Iterable[ZipInfo]) -> dict[str, ZipInfo]:
        """Return the members to read by their paths; those of folders end with "/"."""
        members: dict[str, ZipInfo] = {}
        unread = 0
        for info in infos:
            path = _path_of(info)
            parts = PurePosixPath(path).parts
            if any(part in _OF_SYSTEMS or part.startswith("._") for part in parts):
                continue
            is_folder = path.endswith("/")
            if reason := _reason_to_skip(path, info, is_folder=is_folder):
                self._skipped.append(Skipped(f"{self._source}/{_shown(path)}", reason))
            elif is_folder or PurePosixPath(path).suffix.lower() not in MEDIA:
                unread += bool(info.flag_bits & 1) or info.compress_type not in (ZIP_STORED, ZIP_DEFLATED)
                self._add(members, path, info)
        if unread:  # one of them may be the table that says what is hidden
            problem = f"{unread:,} files that are encrypted, or compressed by a method that recs does not read"
            raise SourceError(f"{self._source}: {problem}; unpack it and give the folder.")
        _check_office(members, self._source)
        return members

    def _add(self, members: dict[str, ZipInfo], path: str, info: ZipInfo) -> None:
        """Add a member. Two that differ are an error: one of them may be the table that says what is hidden."""
        first = members.setdefault(path, info)
        if first is info or path.endswith("/"):
            return
        where = f"{self._source}/{_shown(path)}"
        if (first.CRC, first.file_size) != (info.CRC, info.file_size):
            raise SourceError(f"{where}: two files with this name differ; unpack the archive and keep one of them.")
        self._skipped.append(Skipped(where, "the same file as an earlier member of the archive"))


class _Watched(io.BufferedReader):
    """A file of which no reader can take more at once than the list of members may have.

    zipfile reads the whole list of members and makes an object of each, however many there are.
    """

    def __init__(self, archive: Path | bytes, source: str) -> None:
        raw: Any = io.BytesIO(archive) if isinstance(archive, bytes) else io.FileIO(archive)
        super().__init__(raw)
        self._source = source
        self.size = self.seek(0, io.SEEK_END)
        self.seek(0)

    def read(self, size: int | None = -1, /) -> bytes:
        """Return the next bytes; `SourceError` if they are too many, or list too many members."""
        rest = max(self.size - self.tell(), 0)
        size = rest if size is None or size < 0 else min(size, rest)
        data = super().read(size) if size <= _MOST_NAMES else b""
        if size > _MOST_NAMES or data.count(b"PK\x01\x02") > MOST_MEMBERS:
            raise SourceError(f"{self._source}: a zip archive with more than {MOST_MEMBERS:,} members.")
        return data


@contextmanager
def _reporting(problem: str) -> Iterator[None]:
    """Report errors of files and archives as `SourceError`."""
    try:
        yield
    except OSError as error:
        raise SourceError(f"{problem} ({error.strerror or error}).") from error
    except _DAMAGE as error:
        raise SourceError(f"{problem}, the zip archive is damaged ({_shown(str(error))}).") from error


def _path_of(info: ZipInfo) -> str:
    """Return the path of a member with "/" between its parts.

    Some tools write UTF-8 without saying so; zipfile takes such a name for CP437.
    """
    path = info.filename
    if not info.flag_bits & 0x800:
        with suppress(UnicodeError):
            path = path.encode("cp437").decode("utf-8")
    return path.replace("\\", "/")


def _shown(path: str) -> str:
    """Return a path for a message, on one line."""
    return "".join(char if char.isprintable() else "?" for char in path[:200])


def _reason_to_skip(path: str, info: ZipInfo, *, is_folder: bool) -> str:
    """Return why a member is not read; "" if it is."""
    parts = path.removesuffix("/").split("/")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if any(not part or _UNSAFE_PART.fullmatch(part) for part in parts):
        return "a name that leads out of the archive, or that a system does not allow"
    if len(path) > _LONGEST_NAME or len(parts) > _DEEPEST or any(map(_is_long, parts)):
        return "a name that is too long"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "a link, which is not followed" if kind == stat.S_IFLNK else "a device, not a file"
    if not is_folder and PurePosixPath(path).suffix.lower() in _ARCHIVES and not PART.fullmatch(parts[-1]):
        return "an archive inside the archive, which is not opened; unpack it and give it alone"
    return ""


def _is_long(part: str) -> bool:
    return len(part.encode("utf-8", "surrogatepass")) > _LONGEST_PART


def _top_folder(members: Iterable[str]) -> str:
    """Return the folder that holds all members, with a slash; "" if there is none, or if its name closes its files."""
    tops = {path.partition("/")[0] for path in members}
    are_inside = all("/" in path for path in members)
    top = tops.pop() if len(tops) == 1 and are_inside else ""
    return f"{top}/" if top and fold(top) not in CLOSING_TAGS else ""


def _check_office(names: Iterable[str], source: str) -> None:
    """Raise `SourceError` for an archive that is one document."""
    is_office = not {"[Content_Types].xml", "META-INF/container.xml", "META-INF/manifest.xml"}.isdisjoint(names)
    if is_office:
        raise SourceError(f"{source}: an office document or a book; save a text as HTML, a sheet as CSV.")


def _check_sizes(infos: Iterable[ZipInfo], size: int, source: str) -> None:
    """Raise `SourceError` if the members are too large, or overlap, so that few bytes stand for many files."""
    ordered = sorted(infos, key=lambda info: info.header_offset)
    most = min(_MOST_BYTES, max(_FREE_BYTES, _MOST_RATIO * size))
    total = sum(info.file_size for info in ordered)
    if total > most:
        raise SourceError(
            f"{source}: unpacks to {total:,} bytes; at most {most:,} are read. Unpack it if you trust it."
        )
    end = 0
    for info in ordered:
        if info.header_offset < end or info.header_offset + info.compress_size > size:
            raise SourceError(f"{source}: a damaged zip archive, its members overlap.")
        end = info.header_offset + info.compress_size + _LEAST_HEADER


def _check_folders(paths: Iterable[str], source: str) -> None:
    """Raise `SourceError` if too many folders are to be made."""
    folders: set[str] = set()
    for path in paths:
        above = path.rpartition("/")[0]
        while above and above not in folders:
            folders.add(above)
            above = above.rpartition("/")[0]
        if len(folders) > MOST_MEMBERS:
            raise SourceError(f"{source}: a zip archive with more than {MOST_MEMBERS:,} folders.")
