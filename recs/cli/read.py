"""`recs read`: what is in a source, before anything is made of it."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click

from recs.cli.common.option_values import OutputOptions, ReadingOptions
from recs.cli.common.options import output_options, reading_options, source_argument
from recs.cli.common.session import write_report
from recs.cli.common.terminal import heading, printable, report_reading, say
from recs.object_stores import without_secrets
from recs.text.counts import counted

if TYPE_CHECKING:
    from recs.items import Collection, Item, Skipped

_TITLES = 10
_BROKEN = 5


@click.command("read")
@source_argument
@output_options("json", "table", "jsonl")
@reading_options
def command(*, source: str, output: OutputOptions, reading: ReadingOptions) -> None:
    """Report what recs reads in SOURCE, before you trust a result: format, items, languages, dates, fields, links.

    No model is needed. What is left out, and why, goes to stderr, as in all verbs; it is in the JSON too.
    --format jsonl writes the public items themselves, one in each line, without holding them all in memory.
    """
    from dataclasses import replace

    if output.form == "jsonl" or (output.form is None and output.output and output.output.suffix == ".jsonl"):
        _write_items(source, output, reading)
        return
    collection = replace(reading, allow_empty=True).read(source)
    if not output.quiet:
        report_reading(collection)
    report = _report(collection)
    write_report(report, _text(report), output)


def _write_items(source: str, output: OutputOptions, reading: ReadingOptions) -> None:
    """Write the public items to the file that -o names or to stdout, and report what is left out."""
    from recs.files import write_atomically
    from recs.writers.items import item_lines

    lines = item_lines(_reported_items(source, reading, quiet=output.quiet))
    if output.output:
        write_atomically(output.output, lines)
        if not output.quiet:
            say(f"wrote {output.output}")
    else:
        sys.stdout.buffer.writelines(lines)


def _reported_items(source: str, reading: ReadingOptions, *, quiet: bool) -> Iterator[Item]:
    """Yield the public items, and at the end report what is left out; `SourceError` if no item is public."""
    from dataclasses import replace

    from recs.errors import SourceError
    from recs.items import Collection
    from recs.readers.stream import iter_items

    closed: list[Item] = []
    skipped: list[Skipped] = []
    is_empty = True
    for item in iter_items(source, **reading.choices, on_skipped=skipped.append):
        if item.is_public:
            is_empty = False
            yield item
        else:
            closed.append(replace(item, text="", body="", links=(), meta={}))  # the report needs no more
    if not quiet:
        report_reading(Collection(tuple(closed), without_secrets(source), tuple(skipped)))
    if is_empty and not reading.allow_empty:
        shown = without_secrets(source)
        raise SourceError(f"{shown}: no public item with text; nothing was written (see --allow-empty).")


def _report(collection: Collection) -> dict[str, Any]:
    from recs.text.languages import item_languages
    from recs.text.links import broken_links

    public = collection.public
    dates = sorted(item.published for item in public if item.published)
    step = max(len(public) // _TITLES, 1)
    return {
        "source": collection.source,
        "format": collection.format,
        "items": len(collection),
        "visibility": _counts(item.visibility for item in collection),
        "languages": _counts(language or "unknown" for language in item_languages(public)),
        "dates": {"first": dates[0] if dates else None, "last": dates[-1] if dates else None, "dated": len(dates)},
        "fields": {meaning: dict(names) for meaning, names in collection.fields.items()},
        "ignored_fields": dict(sorted(collection.ignored_fields.items())),
        "links": {
            "between_items": sum(len(item.links) for item in public),
            "broken": [{"id": item_id, "url": url} for item_id, url in broken_links(public)],
        },
        "transcripts": _transcripts(public),
        "closed": [
            {"id": item.id, "visibility": item.visibility, "by": list(item.closed_by or ())}
            for item in collection
            if not item.is_public
        ],
        "skipped": [{"where": one.where, "reason": one.reason, "id": one.id} for one in collection.skipped],
        "boilerplate": dict(collection.boilerplate),
        "notes": list(collection.notes),
        "titles": [heading(item) for item in public[::step][:_TITLES]],
    }


def _transcripts(items: Sequence[Item]) -> dict[str, int]:
    """Return how many items end with a transcript, and how many of these know their times."""
    times = [item.times for item in items if item.times is not None]
    return {"items": len(times), "with_times": sum(each.starts[-1] is not None for each in times)}


def _counts(values: Iterator[str]) -> dict[str, int]:
    """Return how often each value occurs, the most frequent first; ties in the order of the values."""
    return dict(sorted(Counter(values).items(), key=lambda pair: (-pair[1], pair[0])))


def _text(report: Mapping[str, Any]) -> str:
    dates = report["dates"]
    public = report["visibility"].get("public", 0)
    lines = [
        f"{report['source']}: {report['format']}",
        f"{counted(report['items'], 'item')}: {_listed(report['visibility']) or 'none'}",
        f"languages: {_listed(report['languages']) or 'none'}",
        _dates(dates, public),
        *_fields(report["fields"]),
        *_links(report["links"]),
        *_spoken(report["transcripts"]),
    ]
    if report["titles"]:
        lines += ["some titles:", *(f"  {title}" for title in report["titles"])]
    return "\n".join(printable(line) for line in lines) + "\n"


def _spoken(transcripts: Mapping[str, int]) -> Iterator[str]:
    if transcripts["items"]:
        yield f"transcripts: {transcripts['items']:,}, {transcripts['with_times']:,} of them with times"


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def _dates(dates: Mapping[str, Any], public: int) -> str:
    if not dates["dated"]:
        return "dates: none"
    without = public - dates["dated"]
    missing = f", {counted(without, 'item')} without" if without else ""
    return f"dates: {dates['first'][:10]} to {dates['last'][:10]}{missing}"


def _fields(fields: Mapping[str, Mapping[str, int]]) -> Iterator[str]:
    """Yield a line for each meaning: the fields that it was read from, with the number of items."""
    if fields:
        yield "read from these fields:"
    for meaning, names in fields.items():
        yield f"  {meaning}: {', '.join(f'{name} ({count:,})' for name, count in names.items())}"


def _links(links: Mapping[str, Any]) -> Iterator[str]:
    broken = links["broken"]
    yield f"links: {links['between_items']:,} between items, {len(broken):,} to pages of the site that are not items"
    items_by_url: dict[str, list[str]] = {}
    for one in broken:
        items_by_url.setdefault(one["url"], []).append(one["id"])
    by_count = sorted(items_by_url.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    for url, items in by_count[:_BROKEN]:
        yield f"  {url} in {counted(len(items), 'link')}, the first in {items[0]}"
    if len(by_count) > _BROKEN:
        yield f"  … and {len(by_count) - _BROKEN:,} other URLs (--format json)"
