"""Reads Buttondown: the list of emails that its API gives, and the folder that its command line writes.

https://github.com/buttondown/openapi names the fields and their values.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from recs.items import Skipped
from recs.readers.bodies import Document
from recs.readers.folders.folder import folder_records
from recs.readers.folders.sites import Site
from recs.readers.values import is_missing, scalar

_OWN = frozenset(("email_type", "archival_mode", "secondary_id", "absolute_url", "commenting_mode", "publish_date"))
_FEWEST_OWN = 2
_FOLDER = "emails"
_BESIDE = ("newsletter.json", ".buttondown.json", ".buttondown-sync.json")
_DROPPED = frozenset(("analytics", "attachments", "callouts", "filters", "template", "email_type", "archival_mode"))
# Where the archive shows an imported email like any other.
_STATUS = {"imported": "sent"}
_MODE = re.compile(r"\s*<!--\s{0,9}buttondown-editor-mode:\s{0,9}(\w+)\s{0,9}-->\s*")
# What is shown to some readers only: the rest of an email after a wall, and what stands in a condition.
_WALL = re.compile(
    r"\{\{[^{}]{0,99}(?:pay|subscription[ _-]?)wall[^{}]{0,99}\}\}|<[^<>]{0,400}(?:pay|subscription[ _-]?)wall", re.I
)
_NO_END = "its conditions {% if … %} do not end, and text in them is not for all"
_CONDITION = re.compile(r"\{%-?\s{0,9}(?P<end>end)?if\b[^%]{0,500}%\}")


def is_buttondown(document: object) -> bool:
    """Whether a JSON document is a list of emails as Buttondown's API gives it.

    Examples
    --------
    >>> is_buttondown({"results": [{"subject": "Garlic", "email_type": "public", "absolute_url": "https://a.example/"}]})
    True
    >>> is_buttondown({"results": [{"title": "Garlic"}]})
    False
    """
    first = next((email for email in _emails(document) if isinstance(email, Mapping)), {})
    return "subject" in first and len(_OWN & first.keys()) >= _FEWEST_OWN


def buttondown_records(document: object, source: str) -> Iterator[tuple[str, object]]:
    """Yield (position, record) of each email, then whether there are more.

    Text behind a paywall or in a condition (`{% if … %}`) is left out.

    Examples
    --------
    >>> email = {"id": "em_1", "subject": "Garlic", "body": "Plant it.", "status": "sent", "email_type": "premium"}
    >>> [(where, record)] = buttondown_records({"results": [email]}, "emails.json")
    >>> where, record["email_type"], record["content_markdown"]
    ('emails.json: email 1', 'premium', 'Plant it.')
    """
    for number, email in enumerate(_emails(document), 1):
        where = f"{source}: email {number}"
        yield where, _record(email, where) if isinstance(email, Mapping) else email
    if isinstance(document, Mapping) and document.get("next"):
        yield source, Skipped(source, "the document continues on a next page; fetch all pages")


def _emails(document: object) -> list[Any]:
    results = document.get("results") if isinstance(document, Mapping) else document
    return results if isinstance(results, list) else []


def _record(email: Mapping[str, Any], where: str) -> Mapping[str, object] | Skipped:
    body = scalar(email.get("body"))
    mode = _MODE.match(body)
    is_html = bool(mode and mode[1] == "fancy")
    text = _shown_to_all(body[mode.end() :] if mode else body)
    if text is None:
        return Skipped(where, _NO_END, scalar(email.get("id")))
    status = scalar(email.get("status"))
    record = {
        **{
            name: value
            for name, value in email.items()
            if name not in _DROPPED and name not in ("body", "absolute_url")
        },
        "content_html" if is_html else "content_markdown": text,
        "status": _STATUS.get(status, status) or "absent",
        "email_type": email.get("email_type"),
        "archival_mode": email.get("archival_mode"),
        "url": email.get("absolute_url"),
        "excerpt": email.get("description"),
        "date": email.get("publish_date"),
        "updated": email.get("modification_date"),
    }
    return {name: value for name, value in record.items() if not is_missing(value)}


def _shown_to_all(body: str) -> str | None:
    """Return the text that all readers see; None if a condition has no end."""
    wall = _WALL.search(body)
    body = body[: wall.start()] if wall else body
    kept = []
    depth = 0
    end = 0
    for mark in _CONDITION.finditer(body):
        if depth == 0:
            kept.append(body[end : mark.start()])
        depth += -1 if mark["end"] else 1
        end = mark.end()
        if depth < 0:
            return None
    if depth and not wall:
        return None
    return "".join((*kept, body[end:] if not depth else ""))


def find_buttondown(folder: Path) -> Path | None:
    """Return the folder of emails that Buttondown's command line writes; None if there is none."""
    emails = folder / _FOLDER
    is_export = emails.is_dir() and any((folder / name).is_file() for name in _BESIDE)
    return emails if is_export and any(emails.glob("*.md")) else None


def buttondown_files(folder: Path, source: str) -> Iterator[tuple[str, object]]:
    """Yield (position, document) of each email in the folder that `find_buttondown` returns.

    The id is the name of the file, which is the slug of the email.
    """
    for where, document in folder_records(folder, source, Site()):
        yield where, _with_subject(document, where) if isinstance(document, Document) else document


def _with_subject(document: Document, where: str) -> Document | Skipped:
    text = _shown_to_all(document.body)
    if text is None:
        return Skipped(where, _NO_END)
    subject = document.fields.get("subject") or document.fields.get("title")
    return Document({**document.fields, "title": subject}, text, document.markup)
