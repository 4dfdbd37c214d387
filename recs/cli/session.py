"""What verbs over a collection share: their options, the items with what ranks them, and reports as JSON or text."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

from recs.cli.options import (
    cache_options,
    find_options_embedder,
    model_options,
    opened_cache,
    optional_embedder,
    read_source,
    source_options,
)
from recs.cli.terminal import embedding_progress, emit, report_reading, say

if TYPE_CHECKING:
    from recs.embedding.cache import Cache
    from recs.embedding.embedder import Embedder
    from recs.embedding.vectors import Embeddings
    from recs.items import Collection, Item

_F = TypeVar("_F", bound=Callable[..., Any])


def collection_options(function: _F) -> _F:
    """How a source is read, by which model its items are embedded, and where vectors are kept."""
    return source_options(model_options(cache_options(function)))


@contextmanager
def opened_collection(
    source: str, values: Mapping[str, Any], *, report: Callable[[Embeddings], None] | None = None
) -> Iterator[tuple[Collection, dict[str, Any]]]:
    """Yield the items of SOURCE, and as options of `recs.related_items` what the command line says of ranking them.

    Where no model is installed and none was asked for, that is a ranking by terms. Reports, unless quiet, what SOURCE
    held that is not ranked and, by `report`, on the first vectors that were made.
    """
    collection = read_source(source, values)
    made: list[Embeddings] = []
    if not values["quiet"]:
        report_reading(collection)
    with opened_cache(values) as cache, embedding_progress(quiet=values["quiet"]) as progress:
        signals, embedder = values.get("signals", "auto"), None
        if not set(signals.split(",")) <= {"terms", "mentions"}:
            embedder = (optional_embedder if signals == "auto" else find_options_embedder)(values, cache)
            signals = signals if embedder else "terms,mentions"
        if embedder is not None and report is not None:
            embedder.observer = made.append
        ranking = {"signals": signals, "embedder": embedder, "overflow": values["overflow"]}
        yield collection, {**ranking, "cache": cache or False, "progress": progress}
    if made and report is not None and not values["quiet"]:
        report(made[0])


@contextmanager
def embedded(
    items: Sequence[Item], values: Mapping[str, Any], *, role: str
) -> Iterator[tuple[Embeddings, Embedder, Cache | None]]:
    """Yield the vectors of items for a role, the model that the options name, and the cache while it is open."""
    from recs.embedding.pipeline import embed_items

    with opened_cache(values) as cache, embedding_progress(quiet=values["quiet"]) as progress:
        embedder = find_options_embedder(values, cache)
        options = {"cache": cache or False, "overflow": values["overflow"], "progress": progress}
        embeddings = embed_items(items, embedder, role=role, **options)
        if not values["quiet"]:
            report_embedding(embeddings)
        yield embeddings, embedder, cache


def report_embedding(embeddings: Embeddings) -> None:
    """Say how many tokens are lost, and of how many items the model knows no token; nothing where there are none."""
    from recs.ranking.signals import blank_note

    report_lost_tokens(embeddings)
    if note := blank_note(embeddings):
        say(f"note: {note}")


def report_lost_tokens(embeddings: Embeddings) -> None:
    """Say how many tokens are lost: past the context window, or not known to the model; nothing where none is."""
    if lost := int(embeddings.tokens_lost.sum()):
        say(f"note: {lost:,} of {int(embeddings.tokens.sum()):,} tokens are lost")


def write_report(report: Mapping[str, Any], text: str, values: Mapping[str, Any]) -> None:
    """Write a report as JSON to the file that -o names; without one, or for --format table, to stdout as text."""
    from recs.files import write_atomically

    document = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    if values["output"]:
        write_atomically(values["output"], document.encode("utf-8", "replace"))
        if not values["quiet"]:
            say(f"wrote {values['output']}")
    if not values["output"] or values["form"] == "table":
        emit(document if values["form"] == "json" else text)
