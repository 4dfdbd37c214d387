"""Output for people: progress, tables, and reports of what was skipped."""

from __future__ import annotations

import re
import shlex
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from recs.cli.common.recording import record_line
from recs.text.counts import counted
from recs.times import clock

if TYPE_CHECKING:
    from recs.embedding.progress import Progress as EmbedderProgress
    from recs.evaluation.metrics import Estimate
    from recs.items import Collection, Item, Match, Span, Why
    from recs.ranking.lists import RelatedLists

_SKIPPED_SHOWN = 5
_GROUPS_SHOWN = 12
_IDS_SHOWN = 5
_HEADING_WIDTH = 80


def say(line: str) -> None:
    """Write a line for the user to stderr."""
    record_line("stderr", line)
    sys.stderr.write(f"{printable(line)}\n")


def emit(text: str) -> None:
    """Write data to stdout, in UTF-8 whatever the terminal's locale is."""
    record_line("stdout", text)
    sys.stdout.flush()
    sys.stdout.buffer.write(text.encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


def printable(text: str) -> str:
    """Return a text without control characters: a title must not move the cursor or colour the screen."""
    return "".join(char if char.isprintable() else " " for char in text)


@contextmanager
def embedding_progress(*, quiet: bool) -> Iterator[Callable[[EmbedderProgress], None] | None]:
    """Yield a callback that draws a bar with tokens per second and time left; None without a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    counts = TextColumn("{task.fields[texts]} chunks  {task.fields[speed]} tokens/s")
    columns = (TextColumn("embedding"), BarColumn(), counts, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", visible=False, texts="", speed="…")

        def draw(progress: EmbedderProgress) -> None:
            speed, texts = bar.tasks[task].speed, f"{progress.texts_done:,}/{progress.texts:,}"
            shown: Any = {"texts": texts, "speed": f"{speed:,.0f}" if speed else "…"}
            bar.update(task, visible=True, total=progress.tokens, completed=progress.tokens_done, **shown)

        yield draw


@contextmanager
def working(*, quiet: bool) -> Iterator[Callable[[str], None] | None]:
    """Yield a callback that shows what is being done; None without a terminal."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console

    with Console(stderr=True).status("") as status:
        yield lambda what: status.update(printable(what))


def report_reading(collection: Collection) -> None:
    """Report what a source held that is not ranked: closed items, skipped rows, removed lines, unused fields."""
    _report_closed([item for item in collection if not item.is_public])
    if collection.skipped:
        say(f"skipped: {len(collection.skipped)}")
        for skipped in collection.skipped[:_SKIPPED_SHOWN]:
            name = f" ({skipped.id})" if skipped.id else ""
            say(f"  {skipped.where}{name}: {skipped.reason}")
        if len(collection.skipped) > _SKIPPED_SHOWN:
            say(f"  … and {len(collection.skipped) - _SKIPPED_SHOWN} more")
    if collection.boilerplate:
        times = sum(collection.boilerplate.values())
        lines = counted(len(collection.boilerplate), "line")
        say(f"removed: {lines} that most items repeat, {counted(times, 'time')} in all")
    if collection.ignored_fields:
        fields = "field" if len(collection.ignored_fields) == 1 else "fields"
        say(f"not used: the {fields} {', '.join(sorted(collection.ignored_fields))}")
    for note in collection.notes:
        say(f"note: {note}")


def _report_closed(closed: Sequence[Item]) -> None:
    """Report the closed items, grouped by the field and value that closed them, and what to do if that is wrong."""
    if not closed:
        return
    say(f"left out: {counted(len(closed), 'item that is', 'items that are')} not public")
    groups: defaultdict[tuple[str, str], list[Item]] = defaultdict(list)
    for item in closed:
        groups[_closing(item)].append(item)
    by_size = sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    for (what, advice), items in by_size[:_GROUPS_SHOWN]:
        ids = ", ".join(item.id for item in items[:_IDS_SHOWN]) + (", …" if len(items) > _IDS_SHOWN else "")
        say(f"  {len(items):,} closed by {what}: {ids}{advice}")
    if len(by_size) > _GROUPS_SHOWN:
        rest = by_size[_GROUPS_SHOWN:]
        say(f"  … and {sum(len(items) for _, items in rest):,} more, for {counted(len(rest), 'other reason')}")


def _quoted(argument: str) -> str:
    """Return an argument as a shell reads it; letters of any language need no quotes."""
    return argument if re.fullmatch(r"[\w.,:/@%+=-]+", argument) else shlex.quote(argument)


def _closing(item: Item) -> tuple[str, str]:
    """Return what closed an item, and what to do if the item should be public."""
    from recs.readers.field_names import ALIASES
    from recs.readers.values import fold

    if item.closed_by is None:
        return f"visibility {item.visibility}", ""
    name, value = item.closed_by
    if item.visibility == "scheduled":
        return f"`{name}`, a date in the future", ""
    if item.visibility == "unlisted":
        return f"`{name}: {value}` (unlisted)", "; --include-unlisted reads them"
    opening = f"--public {_quoted(f'{name}={value}')}"
    if item.visibility == "unknown":
        return f"`{name}: {value}`, which is not understood", f"; if that means public: {opening}"
    if fold(name) in ALIASES["tags"]:
        return f"the tag `{value}` in `{name}`", f"; if that is a subject: {opening}"
    return f"`{name}: {value}` ({item.visibility})", ""


def report_related(lists: RelatedLists) -> None:
    """Report how many items were ranked, and by which model."""
    counts = lists.counts
    line = f"ranked: {counted(counts['items'], 'item')} by {lists.model['name'] if lists.model else 'terms alone'}"
    if "chunks" in counts:
        sizes = f"{counted(counts['chunks'], 'chunk')}, {counted(counts['tokens'], 'token')}"
        line += f", {sizes}, {counts['tokens_lost']:,} lost"
    say(line)
    if counts["duplicates"] and lists.config.get("collapse", True):
        repeat = ("item repeats the text of another and is", "items repeat the text of another and are")
        say(f"{counted(counts['duplicates'], *repeat)} in no list")
    if counts["short_lists"]:
        lists_have = counted(counts["short_lists"], "list has", "lists have")
        say(f"{lists_have} fewer than {lists.config['k']} entries")
    for note in lists.notes:
        say(f"note: {note}")


def estimate(of: Estimate, *, sign: bool = False) -> str:
    """Return a mean and its confidence interval as text."""
    return "{:{s}.3f} [{:{s}.3f}, {:{s}.3f}]".format(of.mean, of.low, of.high, s="+" if sign else "")


def heading(item: Item) -> str:
    """Return the title of an item, or else the beginning of its text."""
    return printable(item.title or _short(item.text))


def _short(text: str) -> str:
    return shorten(text, _HEADING_WIDTH, placeholder="…")


def _reasons(lists: RelatedLists, item_id: str, match: Match, why: Why) -> Iterator[str]:
    parts = [f"{name} {part:.3f}" for name, part in sorted(why.parts.items(), key=lambda p: -p[1]) if part >= 0.001]
    yield f"{' + '.join(parts)}; {', '.join((*why.phrases, *match.reasons))}"
    if why.passages is not None:
        spans = zip((item_id, match.id), why.passages, strict=True)
        yield "  ~ ".join(_passage(lists.items[name], span) for name, span in spans)


def _passage(item: Item, span: Span) -> str:
    """Return the beginning of a passage, and when it is said."""
    start = None if item.times is None else item.times.seconds_at(span[0])
    return f"{'' if start is None else f'{clock(start)} '}“{_short(item.text[slice(*span)])}”"


def sample_table(lists: RelatedLists, *, samples: int) -> str:
    """Return the lists of a few items from the whole collection as text for a terminal."""
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
