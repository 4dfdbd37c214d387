"""Records what a run says and writes, so that an equal run can repeat it: see `recs.cli.common.repeat`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field


@dataclass(slots=True)
class Recording:
    """What a run has said and written so far.

    Attributes
    ----------
    lines
        Pairs (stream, text) in their order; the stream is "stdout" or "stderr".
    changes_at
        The moment in ISO 8601 at which an item becomes public or stops to be; None if there is none.
    """

    lines: list[tuple[str, str]] = field(default_factory=list)
    changes_at: str | None = None


_CURRENT: ContextVar[Recording | None] = ContextVar("recording", default=None)


@contextmanager
def recorded() -> Iterator[Recording]:
    """Yield a recording of what the block says and writes."""
    recording = Recording()
    token = _CURRENT.set(recording)
    try:
        yield recording
    finally:
        _CURRENT.reset(token)


def record_line(stream: str, text: str) -> None:
    """Add a text to the present recording, if there is one."""
    if (recording := _CURRENT.get()) is not None:
        recording.lines.append((stream, text))


def record_change(changes_at: str | None) -> None:
    """Tell the present recording, if there is one, when the visibility of an item changes next."""
    recording = _CURRENT.get()
    if recording is not None and changes_at is not None:
        recording.changes_at = min(changes_at, recording.changes_at or changes_at)
