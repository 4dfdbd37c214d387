"""What a person sees: progress, tables, what was skipped."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from textwrap import shorten
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from recs.embedder import Progress as EmbedderProgress
    from recs.items import Collection, Item, Match, Why
    from recs.metrics import Estimate
    from recs.related import RelatedLists

_SKIPPED_SHOWN = 5
_HEADING_WIDTH = 80


def say(line: str) -> None:
    """Tell the person something: a line on stderr."""
    sys.stderr.write(f"{printable(line)}\n")


def emit(text: str) -> None:
    """Write data to stdout, in UTF-8 whatever the terminal's locale is."""
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


def printable(text: str) -> str:
    """Return a text without control characters: a title must not move the cursor or colour the screen."""
    return "".join(char if char.isprintable() else " " for char in text)


@contextmanager
def embedding_progress(*, quiet: bool) -> Iterator[Callable[[EmbedderProgress], None] | None]:
    """Yield a callback that draws a bar with tokens a second and time left; None where no terminal watches."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    said = TextColumn("{task.fields[texts]} chunks  {task.fields[speed]} tokens/s")
    columns = (TextColumn("embedding"), BarColumn(), said, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", visible=False, texts="", speed="…")

        def draw(progress: EmbedderProgress) -> None:
            speed, texts = bar.tasks[task].speed, f"{progress.texts_done:,}/{progress.texts:,}"
            shown: Any = {"texts": texts, "speed": f"{speed:,.0f}" if speed else "…"}
            bar.update(task, visible=True, total=progress.tokens, completed=progress.tokens_done, **shown)

        yield draw


@contextmanager
def working(*, quiet: bool) -> Iterator[Callable[[str], None] | None]:
    """Yield a callback that shows what is being done; None where no terminal watches."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield lambda what: status.update(printable(what))


def report_reading(collection: Collection) -> None:
    """Say what a source held that is not ranked: skipped rows, closed items, removed lines, fields without a place."""
    closed = Counter(item.visibility for item in collection if not item.is_public)
    if closed:
        listed = ", ".join(f"{count} {name}" for name, count in sorted(closed.items()))
        say(f"left out: {closed.total()} items that are not public ({listed})")
    if collection.skipped:
        say(f"skipped: {len(collection.skipped)}")
        for skipped in collection.skipped[:_SKIPPED_SHOWN]:
            name = f" ({skipped.id})" if skipped.id else ""
            say(f"  {skipped.where}{name}: {skipped.reason}")
        if len(collection.skipped) > _SKIPPED_SHOWN:
            say(f"  … and {len(collection.skipped) - _SKIPPED_SHOWN} more")
    if collection.boilerplate:
        times = sum(collection.boilerplate.values())
        say(f"removed: {len(collection.boilerplate)} lines that stand in most items, {times:,} times in all")
    if collection.ignored_fields:
        say(f"not used: the fields {', '.join(sorted(collection.ignored_fields))}")


def report_related(lists: RelatedLists) -> None:
    """Say what was ranked and by what."""
    counts = lists.counts
    line = f"ranked: {counts['items']:,} items by {lists.model['name'] if lists.model else 'terms alone'}"
    if "chunks" in counts:
        line += f", {counts['chunks']:,} chunks, {counts['tokens']:,} tokens, {counts['tokens_lost']:,} lost"
    say(line)
    if counts["duplicates"] and lists.config.get("collapse", True):
        say(f"{counts['duplicates']:,} items repeat the text of another and stand in no list")
    if counts["short_lists"]:
        say(f"{counts['short_lists']:,} lists have fewer than {lists.config['k']} entries")
    for note in lists.notes:
        say(f"note: {note}")


def estimate(found: Estimate, *, sign: bool = False) -> str:
    """Return a mean and its interval."""
    return "{:{s}.3f} [{:{s}.3f}, {:{s}.3f}]".format(found.mean, found.low, found.high, s="+" if sign else "")


def heading(item: Item) -> str:
    """Return what a person knows an item by: its title, or else how its text begins."""
    return printable(item.title or _short(item.text))


def _short(text: str) -> str:
    return shorten(text, _HEADING_WIDTH, placeholder="…")


def _reasons(lists: RelatedLists, item_id: str, match: Match, why: Why) -> Iterator[str]:
    parts = [f"{name} {part:.3f}" for name, part in sorted(why.parts.items(), key=lambda p: -p[1]) if part >= 0.001]
    yield f"{' + '.join(parts)}; {', '.join((*why.phrases, *match.reasons))}"
    if why.passages is not None:
        spans = zip((item_id, match.id), why.passages, strict=True)
        yield "  ~ ".join(f"“{_short(lists.items[name].text[start:stop])}”" for name, (start, stop) in spans)


def sample_table(lists: RelatedLists, *, samples: int) -> str:
    """Return the lists of a few items, spread over the collection, as text for a terminal."""
    blocks = []
    for item_id in list(lists)[:: max(len(lists) // samples, 1)][:samples]:
        rows = [heading(lists.items[item_id])]
        for match in lists[item_id]:
            mark = "" if match.via == "auto" else f"  ({match.via})"
            rows.append(f"  {match.score:6.3f}  {heading(lists.items[match.id])}{mark}")
            if match.why is not None:
                rows += [f"          {printable(line)}" for line in _reasons(lists, item_id, match, match.why)]
        if len(rows) == 1:
            rows.append("  (no related item)")
        blocks.append("\n".join(rows))
    return "\n\n".join(blocks) + "\n" if blocks else "no public items\n"
