"""What the verbs of a collection share: reading it, embedding it, and writing reports as JSON or text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from recs.cli.common.option_values import CollectionOptions, OutputOptions
from recs.cli.common.recording import record_change
from recs.cli.common.terminal import embedding_progress, emit, report_reading, say

if TYPE_CHECKING:
    from recs.embedding.cache import Cache
    from recs.embedding.counts import TokenCounts
    from recs.embedding.embedder import Embedder
    from recs.embedding.vectors import Embeddings
    from recs.items import Collection, Item
    from recs.ranking.rules import Rules


@contextmanager
def opened_collection(
    source: str,
    setup: CollectionOptions,
    *,
    quiet: bool,
    signals: str = "auto",
    cached_only: bool = False,
    report: Callable[[Embeddings], None] | None = None,
) -> Iterator[tuple[Collection, dict[str, Any]]]:
    """Yield the items of SOURCE, and the options of `recs.related_items` that follow from the command line.

    If the default model is not installed, the options rank by terms. Unless `quiet`, this reports which parts of SOURCE
    are not ranked, and at the end calls `report` with the first vectors that were made.
    """
    collection = setup.reading.read(source)
    made: list[Embeddings] = []
    if not quiet:
        report_reading(collection)
    with setup.cache.opened() as cache, embedding_progress(quiet=quiet) as progress:
        embedder = None
        if not set(signals.split(",")) <= {"terms", "mentions"}:
            find = setup.model.find_or_none if signals == "auto" else setup.model.find
            embedder = find(cache, cached_only=cached_only)
            signals = signals if embedder else "terms,mentions"
        if embedder is not None and report is not None:
            embedder.observer = made.append
        ranking: dict[str, Any] = {"signals": signals, "embedder": embedder, "overflow": setup.model.overflow}
        if cached_only:
            ranking["cached_only"] = True
        yield collection, {**ranking, "cache": cache or False, "progress": progress}
    if made and report is not None and not quiet:
        report(made[0])


def present_for(rules: Rules, setup: CollectionOptions) -> datetime:
    """Return the moment from which ages count. If that is the present, the result of `max_age` is right for a day."""
    from recs.ranking.ages import NO_AGE, next_day
    from recs.readers.dates import format_date, parse_now

    now = parse_now(setup.reading.now)
    if rules.max_age != NO_AGE and setup.reading.now is None:
        record_change(format_date(next_day(now)))
    return now


@contextmanager
def embedded(
    items: Sequence[Item],
    setup: CollectionOptions,
    *,
    role: str,
    quiet: bool,
    cached_only: bool = False,
    check: Callable[[Embeddings], None] | None = None,
) -> Iterator[tuple[Embeddings, Embedder, Cache | None]]:
    """Yield the vectors of items for a role, the embedder, and the cache while it is open.

    `check` gets vectors of the model without any row before the items are embedded, and may refuse them.
    """
    from recs.embedding.pipeline import embed_items

    with setup.cache.opened() as cache, embedding_progress(quiet=quiet) as progress:
        embedder = setup.model.find(cache, cached_only=cached_only)
        if check is not None:
            check(embedder.embed([], role=role, cached_only=cached_only))
        if not quiet:
            report_languages(items, embedder, cache)
        options: dict[str, Any] = {"overflow": setup.model.overflow, "cached_only": cached_only, "progress": progress}
        embeddings = embed_items(items, embedder, role=role, cache=cache or False, **options)
        if not quiet:
            report_embedding(embeddings)
        yield embeddings, embedder, cache


def report_embedding(embeddings: Embeddings | TokenCounts) -> None:
    """Report how many tokens are lost, and of how many items the model knows no token, if there are any."""
    from recs.ranking.signals import blank_note, missing_note

    report_lost_tokens(embeddings)
    for note in filter(None, (blank_note(embeddings), missing_note(embeddings, "left out"))):
        say(f"note: {note}")


def report_languages(items: Sequence[Item], embedder: Embedder, cache: Cache | None) -> None:
    """Report the languages of the items that the model was not trained for, if there are any."""
    from recs.text.languages import item_languages, uncovered_note

    if note := uncovered_note(item_languages(items, cache), embedder.spec.languages, embedder.spec.name):
        say(f"note: {note}")


def report_lost_tokens(embeddings: Embeddings | TokenCounts) -> None:
    """Report how many tokens are lost, past the context window or unknown to the model, if there are any."""
    if lost := int(embeddings.tokens_lost[~embeddings.missing].sum()):
        are = "is" if lost == 1 else "are"
        say(f"note: {lost:,} of {int(embeddings.tokens.sum()):,} tokens {are} lost")


def write_report(report: Mapping[str, Any], text: str, output: OutputOptions) -> None:
    """Write a report as JSON to the file that -o names; without one, or for --format table, to stdout as text."""
    from recs.files import write_atomically

    document = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    if output.output:
        write_atomically(output.output, document.encode("utf-8", "replace"))
        if not output.quiet:
            say(f"wrote {output.output}")
    if not output.output or output.form == "table":
        emit(document if output.form == "json" else text)
