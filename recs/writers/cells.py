"""Values in files: JSON text, and cells of a table that a spreadsheet does not run."""

from __future__ import annotations

import json

# A cell that begins with one of these is run as a formula by a spreadsheet.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def plain(text: str) -> str:
    """Return a cell of CSV, with an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def dumps(value: object) -> str:
    """Return compact JSON with sorted keys; characters that end a line in some readers are escaped."""
    text = json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return text.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029").replace("\x85", "\\u0085")
