"""What the plugins share: headings in several languages, the folder of templates, and notes in the log of the CMS."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path

import recs

TEMPLATES = Path(__file__).parent / "templates"

HEADINGS = {
    "da": "Læs også",
    "de": "Auch interessant",
    "en": "Related",
    "es": "Relacionado",
    "fi": "Lue myös",
    "fr": "À lire aussi",
    "it": "Leggi anche",
    "ja": "関連記事",
    "nl": "Lees ook",
    "pl": "Zobacz też",
    "pt": "Leia também",
    "ru": "Читайте также",
    "sv": "Läs också",
    "tr": "İlgili yazılar",
    "uk": "Читайте також",
    "zh": "相关文章",
}


def heading(lang: object, own: str | None = None) -> str:
    """Return the heading of a list: the site's own one, or that of the language; English if there is none.

    Examples
    --------
    >>> heading("de-AT"), heading(None), heading("de", "More")
    ('Auch interessant', 'Related', 'More')
    """
    code = str(lang or "").replace("_", "-").partition("-")[0].lower()
    return own or HEADINGS.get(code, HEADINGS["en"])


def log_notes(notes: Iterable[recs.Note], log: logging.Logger) -> None:
    """Write notes to the log: only what an author should put right is a warning, which may stop a strict build.

    Examples
    --------
    >>> log_notes([recs.Note("ranked by terms alone", code="no-model")], logging.getLogger("recs.plugins"))
    """
    for note in notes:
        log.log(logging.WARNING if note.level == "warning" else logging.INFO, "recs: %s", note)
