"""Loads transcripts and chapters over HTTP, if a person asks for it, and keeps them in the cache."""

import hashlib
import logging
from collections.abc import Sequence
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.parse import urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from recs.errors import SourceError
from recs.files import cache_folder, write_atomically
from recs.readers.transcripts.beside import LARGEST, FilesBeside, host_of
from recs.text.counts import counted

_log = logging.getLogger(__name__)
_FOLDER = "transcripts"
_SECONDS = 30.0  # until a silent host is given up
_SCHEMES = ("http", "https")


class Fetcher:
    """Reads files beside a feed, and loads those that are not there over HTTP or HTTPS.

    A warning says how many files it will load, from where, and how large they may be, before it loads the first one. A
    file is loaded once: it is kept in the user's cache folder. A host that cannot be reached is not asked again.
    """

    def __init__(self, beside: FilesBeside, addresses: Sequence[str]) -> None:
        self._beside = beside
        self._folder = cache_folder() / _FOLDER
        self._silent: set[str] = set()
        self._opener = build_opener(_HttpOnly)
        absent = [address for address in addresses if beside.path(address) is None]
        to_load = [address for address in absent if not self._place(address).exists()]
        hosts = sorted(set(map(host_of, to_load)))
        if to_load:
            files = counted(len(to_load), "file with a transcript or chapters", "files with transcripts or chapters")
            largest = f"at most {LARGEST // 1_000_000} MB each"
            _log.warning("loading up to %s from %s, %s, into %s", files, ", ".join(hosts), largest, self._folder)

    def read(self, address: str) -> bytes:
        """Return the bytes of a file; `SourceError` if it cannot be loaded or is too large."""
        if (data := self._beside.read(address)) is not None:
            return data
        place = self._place(address)
        if place.exists():
            return place.read_bytes()
        host = host_of(address)
        if host in self._silent:
            raise SourceError(f"{host} cannot be reached.")
        data = self._load(address, host)
        write_atomically(place, data)
        return data

    def _load(self, address: str, host: str) -> bytes:
        if not address.lower().startswith(("http://", "https://")):
            raise SourceError(f"its address {address[:200]!r} is not one of HTTP or HTTPS.")
        try:
            with self._opener.open(Request(address, headers={"User-Agent": "recs"}), timeout=_SECONDS) as answer:
                data: bytes = answer.read(LARGEST + 1)
        except URLError as error:
            if not hasattr(error, "code"):  # no answer at all
                self._silent.add(host)
            raise SourceError(f"it cannot be loaded from {host} ({error.reason}).") from error
        except (OSError, HTTPException, ValueError) as error:
            raise SourceError(f"it cannot be loaded from {host} ({type(error).__name__}).") from error
        if len(data) > LARGEST:
            raise SourceError(f"larger than {LARGEST // 1_000_000} MB.")
        return data

    def _place(self, address: str) -> Path:
        return self._folder / hashlib.sha256(address.encode("utf-8", "surrogatepass")).hexdigest()[:40]


class _HttpOnly(HTTPRedirectHandler):
    """Follows redirections to HTTP and HTTPS alone."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]  # noqa: PLR0917 (a method of urllib)
        if urlsplit(newurl).scheme not in _SCHEMES:
            raise URLError("it redirects to another scheme")
        return super().redirect_request(req, fp, code, msg, headers, newurl)
