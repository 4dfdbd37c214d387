"""Folders of files in object stores, by addresses such as s3://bucket/prefix. The file systems are those of pyarrow.

This is the one module that knows of them: what an address is, how it is opened, what its errors mean to a person, and
how a folder is replaced where nothing can be renamed as a whole.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeGuard
from urllib.parse import parse_qsl, unquote, urlsplit

from recs.errors import MissingDependencyError, OptionError, OutputError, RecsError, SourceError

_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://")  # two characters at least: C:// is a drive of Windows
_SPOILT = re.compile("(s3|gs|gcs|hdfs|abfss?|https?|ftp):/")
_REFUSED = {
    **dict.fromkeys(("http", "https", "ftp"), "save the file, or give an address such as s3://bucket/prefix"),
    **dict.fromkeys(
        ("abfs", "abfss"),
        "pyarrow ends the whole process where Azure gives it no token; with the package adlfs: fsspec+abfs://…",
    ),
}
_CONNECT_SECONDS = 5.0
_REQUEST_SECONDS = 10.0  # in which nothing arrives; there are three tries
_S3_OPTIONS = ("region", "scheme", "endpoint_override")
_S3_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL")
_FROM_VARIABLES = (
    "S3 takes credentials, region and endpoint from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and "
    "AWS_ENDPOINT_URL"
)
_NOISE = re.compile(r"^When .*?: (?=AWS Error)|,? \(Request ID: [^)]*\)")  # the name and the reason are enough
_OWN = re.compile(r"part-[0-9]{5,}\.[0-9a-f]{16}\.parquet")
_NEW = "_recs-new"  # a folder for files that are no result yet; readers of tables leave out names with an underscore


def is_address(place: object) -> TypeGuard[str]:
    """Whether a place is the address of an object store, and no path.

    Examples
    --------
    >>> is_address("s3://bucket/posts"), is_address("posts/2026"), is_address("C:/posts")
    (True, False, False)
    """
    return isinstance(place, str) and _ADDRESS.match(place) is not None


def without_secrets(address: str) -> str:
    """Return an address for messages: without a user, a password and options. A path stays as it is.

    Examples
    --------
    >>> without_secrets("s3://key:secret@bucket/posts?region=eu-west-1")
    's3://bucket/posts'
    """
    if not is_address(address):
        return address
    scheme, _, rest = address.partition("://")
    rest = _without_broken_secret(rest)
    place = re.split("[?#]", rest, maxsplit=1)[0].rstrip("/")
    bucket, slash, path = place.partition("/")
    return f"{scheme}://{bucket.rpartition('@')[2]}{slash}{path}"


def _without_broken_secret(rest: str) -> str:
    """Return what is after the scheme without a user and a secret that has a /, ? or #: it looks like a path then."""
    start = re.split("[/?#]", rest, maxsplit=1)[0]
    return rest.rpartition("@")[2] if ":" in start and "@" not in start else rest


def local_path(place: str | os.PathLike[str]) -> Path:
    """Return the path of a file to write; `OptionError` for an address, which takes a folder of tables alone.

    Examples
    --------
    >>> local_path("s3://bucket/related.json")
    Traceback (most recent call last):
    recs.errors.OptionError: s3://bucket/related.json: an object store takes tables alone, the format 'parquet'; \
expected a path.
    """
    if is_address(place):
        name = without_secrets(place)
        raise OptionError(f"{name}: an object store takes tables alone, the format 'parquet'; expected a path.")
    check_no_address(Path(place))
    return Path(place)


def check_no_address(path: Path) -> None:
    """Raise `OptionError` for a path that was made of an address.

    Examples
    --------
    >>> check_no_address(Path("s3://bucket/posts"))
    Traceback (most recent call last):
    recs.errors.OptionError: s3:/bucket/posts: an address must be text, since a Path makes one slash of two: 's3://…'.
    """
    name = path.as_posix()
    if scheme := _SPOILT.match(name):
        raise OptionError(f"{name}: an address must be text, since a Path makes one slash of two: '{scheme[1]}://…'.")


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """A place in an object store, which need not be there yet.

    Attributes
    ----------
    system, path
        The file system of pyarrow, and the path in it.
    name
        The address for messages.
    problem
        The class of the errors that are raised: `SourceError` for a place to read, `OutputError` for one to write.
    """

    system: Any
    path: str
    name: str
    problem: type[RecsError]

    def files(self) -> list[str] | None:
        """Return the names of all files in and below a folder, sorted by path; None if the place is a file itself.

        Raises `problem` if the place cannot be reached. A folder that is not there has no files.
        """
        from pyarrow.fs import FileSelector, FileType

        with self.told():
            if self.system.get_file_info(self.path).type == FileType.File:
                return None
            try:
                listed = self.system.get_file_info(FileSelector(self.path, recursive=True))
            except FileNotFoundError:  # a bucket that is not there is another error
                listed = []
        start = len(self.path.rstrip("/")) + 1
        names = [info.path[start:] for info in listed if info.type == FileType.File]
        return sorted(names, key=lambda name: name.split("/"))  # the order of paths

    def opened(self, name: str | None) -> Any:
        """Return a file, open at any place of it; None is the place itself."""
        with self.told():
            return self.system.open_input_file(self._at(name) if name else self.path)

    def _at(self, name: str) -> str:
        return f"{self.path.rstrip('/')}/{name}"

    @contextmanager
    def told(self, kept: str = "") -> Iterator[None]:
        """Turn an error of the store into one of recs, in one line, whose message ends with `kept`."""
        try:
            yield
        except Exception as error:  # those of pyarrow, and whatever the packages of fsspec raise
            did = "written" if issubclass(self.problem, OutputError) else "read"
            reason = _first_line(error)
            is_reached = not self.name.startswith("s3:") or "NO_SUCH_BUCKET" in reason
            hint = "" if is_reached else f" {_FROM_VARIABLES}."
            raise self.problem(f"{self.name}: cannot be {did} ({reason}).{hint}{kept}") from error

    def check_replaceable(self) -> list[str]:
        """Return the tables of recs that are there; `OutputError` if there is anything else, which would be lost."""
        files = self.files()
        others = [self.path] if files is None else [name for name in files if not _is_of_recs(name)]
        if others:
            raise OutputError(
                f"{self.name}: holds {others[0]}, which is no table that recs wrote there; name an empty folder."
            )
        return [name for name in files or () if _OWN.fullmatch(name)]

    def replace_tables(self, tables: Iterable[bytes]) -> None:
        """Replace the tables in a folder by new ones, given their bytes.

        An object store cannot rename a folder, so there is a moment in which both are there. New tables are loaded
        under names that readers leave out. Then each gets its own name, which has the digest of its bytes; so no file
        ever changes while it is read. The old ones are removed last: a reader finds each row at least once.

        Raises
        ------
        OutputError
            If the store fails, or holds anything else.
        """
        old = self.check_replaceable()
        names: list[str] = []
        with self.told(" What was there before is untouched."):
            self._clear()
            self.system.create_dir(self._at(_NEW))
        for number, data in enumerate(tables):
            names.append(f"part-{number:05}.{hashlib.sha256(data).hexdigest()[:16]}.parquet")
            if names[-1] not in old:
                with self.told(" What was there before is untouched."), self._sink(names[-1]) as sink:
                    sink.write(data)
        with self.told(" New and old tables may be there; run it again."):
            for name in sorted(set(names) - set(old)):
                self.system.move(self._at(f"{_NEW}/{name}"), self._at(name))
            for name in sorted(set(old) - set(names)):
                self.system.delete_file(self._at(name))
            self._clear()

    def _sink(self, name: str) -> Any:
        return self.system.open_output_stream(self._at(f"{_NEW}/{name}"))

    def _clear(self) -> None:
        """Remove what a run that was broken off has left."""
        from pyarrow.fs import FileType

        if self.system.get_file_info(self._at(_NEW)).type != FileType.NotFound:
            self.system.delete_dir(self._at(_NEW))


def _is_of_recs(name: str) -> bool:
    return _OWN.fullmatch(name) is not None or name.startswith(("_", "."))


def open_store(address: str, problem: type[RecsError] = SourceError) -> Store:
    """Return the place of an address; nothing is read yet.

    Raises
    ------
    MissingDependencyError
        If pyarrow is not installed.
    RecsError
        `problem`, if no file system has such addresses.
    """
    try:
        import pyarrow.fs  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError("an address of an object store", "pyarrow", "tables") from error
    scheme = address.partition("://")[0].lower()
    name = without_secrets(address)
    if scheme in _REFUSED:
        raise problem(f"{name}: {scheme}:// is not taken; {_REFUSED[scheme]}.")
    try:
        system, path = _s3(address) if scheme == "s3" else _of_uri(address, scheme)
    except OptionError:
        raise
    except (OSError, ValueError, ImportError) as error:
        # The message may repeat the address with a password in it.
        reason = _first_line(error).replace(address, name)
        raise problem(
            f"{name}: no address that can be opened ({reason}); expected s3://, gs://, hdfs:// or file://."
        ) from None
    if not path:
        raise problem(f"{name}: names no bucket; expected an address such as s3://bucket/prefix.")
    return Store(system, path, name, problem)


def _s3(address: str) -> tuple[Any, str]:
    """Return the file system of S3 and the path. Its own reading of addresses sets no time limits."""
    from pyarrow.fs import S3FileSystem

    rest = address.partition("://")[2]
    if _without_broken_secret(rest) != rest and "@" in rest:
        raise OptionError(f"{without_secrets(address)}: in a secret, / is written as %2F, ? as %3F and # as %23.")
    parts = urlsplit(address)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    unread = [name for name in options if name not in _S3_OPTIONS]
    if unread or parts.fragment:
        what = f"the option {unread[0]!r:.40}" if unread else "the character #"
        raise OptionError(
            f"{without_secrets(address)}: {what} is not read here, expected ?{'=…&'.join(_S3_OPTIONS)}=… or none; "
            "in names, ? is written as %3F and # as %23."
        )
    endpoint = next((os.environ[name] for name in _S3_ENDPOINTS if os.environ.get(name)), None)
    if endpoint is not None:
        options.setdefault("endpoint_override", endpoint)
    user, _, host = parts.netloc.rpartition("@")
    if user:
        key, _, secret = user.partition(":")
        options |= {"access_key": unquote(key), "secret_key": unquote(secret)}
    limits = {"connect_timeout": _CONNECT_SECONDS, "request_timeout": _REQUEST_SECONDS}
    return S3FileSystem(**options, **limits), f"{host}{unquote(parts.path)}".strip("/")


def _of_uri(address: str, scheme: str) -> tuple[Any, str]:
    from pyarrow.fs import FileSystem

    if scheme in ("gs", "gcs") and "retry_limit_seconds=" not in address:
        address += f"{'&' if '?' in address else '?'}retry_limit_seconds={_REQUEST_SECONDS:.0f}"
    system, path = FileSystem.from_uri(address)
    return system, path


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    line = _NOISE.sub("", " ".join(lines[0].split()))
    return line[:300].rstrip(".")
