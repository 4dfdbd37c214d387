"""`recs embed`: vectors of texts."""

from __future__ import annotations

import io
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recs.cli.common.option_values import CacheOptions, ModelOptions, OutputOptions
from recs.cli.common.options import cache_options, choice, model_options, output_options
from recs.cli.common.session import report_embedding
from recs.cli.common.sharding import ShardOptions, check_output_folder, embedding_of, shard_options, shard_progress
from recs.cli.common.terminal import embedding_progress, emit, report_reading, say

if TYPE_CHECKING:
    from recs.bulk.shards import Runner
    from recs.bulk.vectors import EmbedTexts
    from recs.embedding.vectors import Embeddings
    from recs.items import Collection


@click.command("embed")
@click.argument("text", required=False)
@click.option("-d", "--data", metavar="JSON", help='A JSON string or list of strings: \'["a", "b"]\'.')
@click.option("-f", "--file", type=click.Path(path_type=Path), help="A JSON file of strings, or a SOURCE of items.")
@choice("--role", "document query clustering classification", "What the texts are for.")
@output_options("json", "npz", "parquet")
@model_options
@cache_options
@shard_options
def command(
    *,
    text: str | None,
    data: str | None,
    file: Path | None,
    role: str,
    output: OutputOptions,
    model: ModelOptions,
    cache: CacheOptions,
    shards: ShardOptions,
) -> None:
    """Write the vectors of TEXT, --data or --file to stdout, as a JSON list of vectors.

    With -o vectors.npz: ids, vectors and fingerprint, for recs.Embeddings.load. With -o DIR --format parquet: a folder
    of Parquet files for it, of any number of items. Their rows (id, vector, tokens, tokens_lost) are sorted by id; JSON
    and npz keep the order of the source.
    """
    from recs.embedding.pipeline import embed_items

    if sum(given is not None for given in (text, data, file)) != 1:
        raise click.UsageError("give one of TEXT, --data and --file.")
    if output.form == "npz" and not output.output:
        raise click.UsageError("npz is not text; name a file with -o.")
    if output.form != "parquet" and shards.are_given:
        raise click.UsageError("--runner, --workers and --work need --format parquet: others are made in memory.")
    runner = shards.make_runner()
    if output.form == "parquet":
        check_output_folder(output, file)
    given = _of_file(file, quiet=output.quiet) if file is not None else _of_strings(_given(text, data), "--data")
    if output.form == "parquet":
        embedding = embedding_of(model, cache, role=role)
        _write_tables(given, embedding, output, runner=runner, folder=shards.folder)
        return
    items = [item for item in given if item.is_public]
    with cache.opened() as store, embedding_progress(quiet=output.quiet) as progress:
        how: dict[str, Any] = {"role": role, "overflow": model.overflow, "progress": progress}
        embeddings = embed_items(items, model.find(store), cache=store or False, **how)
    if not output.quiet:
        report_embedding(embeddings)
    _write(embeddings, output)


def _write(embeddings: Embeddings, output: OutputOptions) -> None:
    from recs.files import write_atomically

    if output.output is None:
        emit(_as_json(embeddings))
    elif output.form == "npz" or (output.form is None and output.output.suffix == ".npz"):
        embeddings.save(output.output)
    else:
        write_atomically(output.output, _as_json(embeddings).encode())


def _write_tables(
    collection: Collection, embedding: EmbedTexts, output: OutputOptions, *, runner: Runner, folder: Path | None
) -> None:
    """Write the vectors as a folder of Parquet files, shard by shard."""
    from recs.bulk.embedding import embedded_shards
    from recs.writers.tables import write_tables

    progress = shard_progress(len(collection.public), quiet=output.quiet)
    with embedded_shards(collection, embedding, runner=runner, folder=folder, progress=progress) as shards:
        if not output.quiet:
            report_embedding(shards.counts)
        if output.output:
            write_tables(shards.tables(), output.output)
    if not output.quiet:
        say(f"wrote {output.output}")


def _given(text: str | None, data: str | None) -> list[str]:
    """Return the strings of TEXT or --data."""
    from recs.errors import SourceError
    from recs.readers.json_files import loads

    if text is not None:
        return [text]
    try:
        strings = _strings(loads(data or ""))
    except ValueError as error:
        raise SourceError(f"--data: not JSON ({error}); expected a string or a list of strings.") from error
    if strings is None:
        raise SourceError("--data: expected a JSON string or a list of strings.")
    return strings


def _of_strings(strings: list[str], where: str) -> Collection:
    """Return strings as items; their ids are their places."""
    from recs.errors import SourceError
    from recs.items import Collection, Item

    if not strings:
        raise SourceError(f"{where}: an empty list; expected one string or more; nothing was written.")
    return Collection(tuple(Item(str(place), text) for place, text in enumerate(strings)), source=where)


def _of_file(file: Path, *, quiet: bool) -> Collection:
    """Return the strings of a JSON file, or the items of any other source."""
    from recs.errors import SourceError
    from recs.readers.json_files import loads
    from recs.readers.read import read_items

    stdin = io.BytesIO(sys.stdin.buffer.read()) if str(file) == "-" and sys.stdin else None
    strings: list[str] | None = None
    with suppress(OSError, ValueError):
        strings = _strings(loads((stdin.getvalue() if stdin else file.read_bytes()).decode("utf-8-sig")))
    if strings is not None:
        return _of_strings(strings, "stdin" if stdin else str(file))
    collection = read_items(stdin or str(file), boilerplate="keep")
    if not quiet:
        report_reading(collection)
    if not any(item.is_public for item in collection):
        raise SourceError(f"{collection.source}: no public item with text; nothing was written.")
    return collection


def _strings(content: object) -> list[str] | None:
    texts = [content] if isinstance(content, str) else content
    return texts if isinstance(texts, list) and all(isinstance(text, str) for text in texts) else None


def _as_json(embeddings: Embeddings) -> str:
    # Nine significant digits give back every float32 exactly.
    rows = ["[" + ", ".join(f"{value:.9g}" for value in row) + "]" for row in embeddings.vectors.tolist()]
    return "[" + ",\n ".join(rows) + "]\n"
