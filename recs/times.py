"""The times at which the characters of a text are said, as a transcript gives them."""

from bisect import bisect_right
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Times:
    """When the part of a text is said that is the transcript of an episode.

    Attributes
    ----------
    offsets
        Where each cue of the transcript begins in the text, ascending, at least one. The transcript begins at the
        first one and ends with the text. The name of a speaker belongs to the first cue of a turn, the title of a
        chapter is a cue of its own, and what separates two cues belongs to the earlier one.
    starts, ends
        Seconds from the beginning of the episode, for each cue; None if the transcript does not say.

    Raises
    ------
    ValueError
        If the three differ in length, are empty, or the offsets do not ascend.

    Examples
    --------
    >>> times = Times(offsets=(10, 25), starts=(1.0, 4.5), ends=(4.5, 6.0))
    >>> times.seconds_at(3), times.seconds_at(12), times.span_seconds(12, 30)
    (None, 1.0, (1.0, 6.0))
    """

    offsets: tuple[int, ...]
    starts: tuple[float | None, ...]
    ends: tuple[float | None, ...]

    def __post_init__(self) -> None:
        if not self.offsets or not len(self.offsets) == len(self.starts) == len(self.ends):
            raise ValueError("times need offsets, starts and ends of one length, at least 1.")
        if list(self.offsets) != sorted(self.offsets):
            raise ValueError("the offsets of times must ascend.")

    @property
    def begin(self) -> int:
        """Where the transcript begins in the text."""
        return self.offsets[0]

    def seconds_at(self, offset: int) -> float | None:
        """Return when the cue begins that holds the character at an offset; None for one before the transcript."""
        return None if offset < self.begin else self.starts[self._cue_at(offset)]

    def span_seconds(self, start: int, stop: int) -> tuple[float | None, float | None]:
        """Return when the first cue of the span [start, stop) begins, and when its last one ends.

        Both are None if the span begins before the transcript.
        """
        if start < self.begin:
            return None, None
        return self.seconds_at(start), self.ends[self._cue_at(max(start, stop - 1))]

    def moved(self, by: int) -> "Times":
        """Return the times of a text in which `by` more characters stand before the transcript."""
        return replace(self, offsets=tuple(offset + by for offset in self.offsets)) if by else self

    def _cue_at(self, offset: int) -> int:
        return bisect_right(self.offsets, offset) - 1


def clock(seconds: float) -> str:
    """Return seconds as people write the time in an episode.

    Examples
    --------
    >>> clock(754.9), clock(3723)
    ('12:34', '1:02:03')
    """
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def moment_url(address: str | None, seconds: float) -> str | None:
    """Return the address of a moment of an episode; None without an address.

    The fragment is that of W3C Media Fragments: "#t=" and whole seconds.

    Examples
    --------
    >>> moment_url("https://a.org/1.mp3", 754.9)
    'https://a.org/1.mp3#t=754'
    """
    return f"{address.partition('#')[0]}#t={int(seconds)}" if address else None
