"""`recs search`: the items and passages that answer a query."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from recs.cli.common.option_values import CollectionOptions, OutputOptions, filters_of
from recs.cli.common.options import choice, collection_options, file_option, output_options, source_argument
from recs.cli.common.session import opened_collection, report_languages
from recs.cli.common.terminal import emit, printable, say

if TYPE_CHECKING:
    from recs.embedding.embedder import Embedder
    from recs.retrieval.context import Context
    from recs.retrieval.hits import Hit
    from recs.retrieval.index import Index, Signals
    from recs.retrieval.passages import Passage

_F = TypeVar("_F", bound=Callable[..., Any])
_WIDTH = 240


def _filter(name: str, help: str, metavar: str = "NAME") -> Callable[[_F], _F]:
    return click.option(f"--{name}", multiple=True, metavar=metavar, help=help)


@click.command("search")
@source_argument
@click.argument("query", nargs=-1)
@click.option("-k", type=click.IntRange(min=1), default=10, show_default=True, help="Hits for each query.")
@choice("--signals", "auto terms dense", "Rank by words, by vectors, or by both.")
@_filter("tag", "Only items with this tag. Like all filters, it may be repeated: one of the values is enough.")
@_filter("category", "Only items of this category.")
@_filter("series", "Only items of this series.")
@_filter("lang", "Only items in this language.", "CODE")
@click.option("--since", metavar="DATE", help="Only items published on this date or later.")
@click.option("--until", metavar="DATE", help="Only items published on this date or earlier.")
@click.option(
    "--where", multiple=True, metavar="FIELD=VALUE", help="Only items with this value of a field of their own."
)
@click.option("--min-score", type=float, metavar="X", help="Leave out hits with a lower score.")
@click.option("--passages", is_flag=True, help="Print passages for a language model, with numbered sources.")
@click.option("--max-tokens", type=click.IntRange(min=1), default=2000, show_default=True, help="Of the passages.")
@file_option("--queries", "Read one query from each line of FILE.")
@click.option("--why", is_flag=True, help="Say what words and vectors add to each score.")
@output_options("table", "json", "jsonl")
@collection_options
def command(
    *,
    source: str,
    query: Sequence[str],
    k: int,
    signals: str,
    min_score: float | None,
    passages: bool,
    max_tokens: int,
    queries: Path | None,
    why: bool,
    output: OutputOptions,
    setup: CollectionOptions,
    **filters: Any,
) -> None:
    """Find the items of SOURCE that answer QUERY. SOURCE is an index, or anything that can be read.

    A phrase in quotation marks comes first if an item holds it, and so does an exact title or id.
    """
    asked = _queries(query, queries)
    where = _where(filters)
    with opened_index(source, setup, signals=signals, quiet=output.quiet) as index:
        chosen: dict[str, Any] = {"signals": signals, "where": where}
        if passages:
            contexts = [index.context(one, max_tokens=max_tokens, **chosen) for one in asked]
            _write([_context_record(*pair) for pair in zip(asked, contexts, strict=True)], contexts, output, asked)
            return
        write_hits(asked, [index.search(one, k=k, min_score=min_score, **chosen) for one in asked], output, why=why)


def write_hits(
    asked: Sequence[str],
    results: Sequence[Sequence[Hit]],
    output: OutputOptions,
    *,
    key: str = "hits",
    why: bool = False,
) -> None:
    """Write the hits of each query, or, without a query, those of a new text."""
    records: list[dict[str, Any]] = [
        {**({"query": query} if query else {}), key: [asdict(hit) for hit in hits]}
        for query, hits in zip(asked, results, strict=True)
    ]
    _write(records, [_table(hits, why=why) for hits in results], output, asked)


def _queries(words: Sequence[str], file: Path | None) -> list[str]:
    if bool(words) == bool(file):
        raise click.UsageError("give a query, or a file of them with --queries.")
    if file is None:
        return [" ".join(words)]
    from recs.errors import SourceError

    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, ValueError) as error:
        raise SourceError(f"{file}: cannot be read ({getattr(error, 'strerror', None) or error}).") from error
    return [line.strip() for line in lines if line.strip()]


def _where(filters: dict[str, Any]) -> dict[str, Any]:
    where = {name: list(value) if isinstance(value, tuple) else value for name, value in filters.items() if value}
    for name, values in filters_of(where.pop("where", ()), "--where").items():
        earlier = where.get(name, [])
        where[name] = [*(earlier if isinstance(earlier, list) else [earlier]), *values]
    return where


@contextmanager
def opened_index(source: str, setup: CollectionOptions, *, signals: str, quiet: bool) -> Iterator[Index]:
    from recs.retrieval.storage import is_index, open_folder

    if is_index(Path(source).expanduser()):
        yield open_folder(Path(source).expanduser(), partial(_embedder, setup))
        return
    from recs.search import build_index

    terms = "terms,mentions" if signals == "terms" else "auto"
    with opened_collection(source, setup, quiet=quiet, signals=terms) as (collection, options):
        chosen = {name: options[name] for name in ("embedder", "cache", "progress")}
        kind: Signals = "terms" if options["embedder"] is None else "auto"
        if options["embedder"] is not None and not quiet:
            report_languages(collection.public, options["embedder"], options["cache"] or None)
        yield build_index(collection, signals=kind, **chosen)


def _embedder(setup: CollectionOptions, model: str, fingerprint: str) -> Embedder:
    """Return what embeds queries for an index: its model, with the options of the command line."""
    from recs.embedding.load import matching_embedder

    return matching_embedder(model, fingerprint, **setup.model.loading)


def _write(
    records: Sequence[dict[str, Any]], texts: Sequence[Any], output: OutputOptions, asked: Sequence[str]
) -> None:
    import json
    import sys

    from recs.files import write_atomically

    form = output.form if output.form in ("table", "json", "jsonl") else None
    form = form or ("table" if sys.stdout.isatty() and not output.output else "json")
    if form == "table":
        blocks = [text if isinstance(text, str) else _shown(text.prompt) for text in texts]
        if len(asked) > 1:
            blocks = [f"{printable(query)}\n{block}" for query, block in zip(asked, blocks, strict=True)]
        text = "\n".join(blocks)
    elif form == "jsonl":
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    else:
        document = records[0] if len(records) == 1 else list(records)
        text = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    if output.output:
        write_atomically(output.output, text.encode("utf-8", "replace"))
        if not output.quiet:
            say(f"wrote {output.output}")
    else:
        emit(text)


def _context_record(query: str, context: Context) -> dict[str, Any]:
    return {"query": query, **asdict(context)}


def _table(hits: Sequence[Hit], *, why: bool) -> str:
    if not hits:
        return "no item answers the query\n"
    lines = []
    for hit in hits:
        mark = "" if hit.via == "auto" else f"  ({hit.via})"
        lines.append(f"  {hit.score:6.3f}  {printable(hit.title or hit.id)}{mark}")
        if why:
            lines.append("          " + " + ".join(f"{name} {part:.3f}" for name, part in hit.parts.items()))
        if hit.passage is not None:
            lines.append(f"          {printable(_snippet(hit.passage))}")
            if hit.passage.seconds:
                lines.append(f"          {printable(hit.passage.url or '')}")
    return "\n".join(lines) + "\n"


def _shown(prompt: str) -> str:
    return "\n".join(map(printable, prompt.split("\n"))) + "\n"


def _snippet(passage: Passage) -> str:
    """Return the part of a passage with the most words of the query, which are marked."""
    text, spans = passage.text, passage.highlights
    start = 0
    if len(text) > _WIDTH and spans:
        counts = [sum(first <= other < first + _WIDTH for other, _ in spans) for first, _ in spans]
        start = max(0, spans[counts.index(max(counts))][0] - 20)
    stop = min(len(text), start + _WIDTH)
    parts, place = [], start
    for first, last in spans:
        if first >= start and last <= stop:
            parts += [text[place:first], "*", text[first:last], "*"]
            place = last
    parts.append(text[place:stop])
    before, after = "…" if start else "", "…" if stop < len(text) else ""
    return before + " ".join("".join(parts).split()) + after
