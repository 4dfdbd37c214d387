"""Kinds of files that are not read, and what to tell the user about them."""

from pathlib import Path

from recs.errors import SourceError
from recs.readers.folders.documents import markup_of

_NOT_READ = frozenset((".yaml", ".yml", ".toml", ".org", ".adoc", ".srt", ".vtt", ".tex", ".ini"))
# How files of other kinds begin, and what to tell the user about them.
_FOREIGN = {
    b"SQLite format 3\0": "an SQLite database; give its path",
    b"%PDF": "a PDF; convert it to text or HTML",
    b"\xd0\xcf\x11\xe0": "an office document; save a text as HTML, a sheet as CSV",
    b"\x1f\x8b": "a gzip archive; unpack it",
    b"WEBVTT": "a transcript in WebVTT, which is not read yet; put the text of each episode in one JSON or CSV row",
    b"\x89PNG": "a picture",
}


def check_beginning(data: bytes, source: str) -> None:
    """Raise `SourceError` for a file of another kind, by its first bytes."""
    for beginning, advice in _FOREIGN.items():
        if data.removeprefix(b"\xef\xbb\xbf").startswith(beginning):
            raise SourceError(f"{source}: {advice}.")


def check_kind(text: str, source: str) -> None:
    """Raise `SourceError` for a text file of a kind that is not read."""
    suffix = Path(source).suffix.lower()
    markup = markup_of(suffix)
    if markup is not None:
        kind = "Markdown" if markup == "markdown" else suffix
        raise SourceError(f"{source}: a single {kind} file; give its folder.")
    if text.lstrip().startswith("<"):
        raise SourceError(
            f"{source}: XML or HTML that is neither a feed nor an export of WordPress or Blogger; expected one of "
            "these, JSON, CSV, Parquet or a folder."
        )
    if suffix in _NOT_READ:
        raise SourceError(f"{source}: a {suffix} file, which is not read; expected JSON, CSV, Parquet or a folder.")
