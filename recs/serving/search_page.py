"""The page of a search: one file, without anything from elsewhere."""

import base64
import hashlib
import re
from functools import cache
from pathlib import Path

from fastapi import Response

_PAGE = Path(__file__).with_name("search.html")


def page_reply() -> Response:
    """Return the page, with a policy that lets it run its own script and ask its own server, and nothing else."""
    return Response(_page(), 200, _headers(), "text/html")


@cache
def _page() -> bytes:
    return _PAGE.read_bytes()


@cache
def _headers() -> dict[str, str]:
    script, style = (_digest(tag) for tag in ("script", "style"))
    policy = {
        "default-src": "'none'",
        "script-src": script,
        "style-src": style,
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-cache",
    }


def _digest(tag: str) -> str:
    """Return the digest of the page's one script or style, by which a browser knows it."""
    (content,) = re.findall(rb"<%b>(.*?)</%b>" % (tag.encode(), tag.encode()), _page(), re.S)
    return f"'sha256-{base64.b64encode(hashlib.sha256(content).digest()).decode()}'"
