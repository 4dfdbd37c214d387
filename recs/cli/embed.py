"""`recs embed`: vectors of texts."""

from __future__ import annotations

import io
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from recs.cli.common.option_values import CacheOptions, ModelOptions, OutputOptions
from recs.cli.common.options import Place, cache_options, choice, model_options, output_options
from recs.cli.common.session import report_embedding
from recs.cli.common.terminal import embedding_progress, emit, report_reading

if TYPE_CHECKING:
    from recs.embedding.vectors import Embeddings


@click.command("embed")
@click.argument("text", required=False)
@click.option("-d", "--data", metavar="JSON", help='A JSON string or list of strings: \'["a", "b"]\'.')
@click.option("-f", "--file", type=Place(addresses=True), help="A JSON file of strings, or a SOURCE of items.")
@choice("--role", "document query clustering classification", "What the texts are for.")
@output_options("json", "npz")
@model_options
@cache_options
def command(
    *,
    text: str | None,
    data: str | None,
    file: Path | str | None,
    role: str,
    output: OutputOptions,
    model: ModelOptions,
    cache: CacheOptions,
) -> None:
    """Write the vectors of TEXT, --data or --file to stdout, as a JSON list of vectors.

    With -o vectors.npz: ids, vectors and fingerprint, for recs.Embeddings.load.
    """
    from recs.files import write_atomically

    if sum(given is not None for given in (text, data, file)) != 1:
        raise click.UsageError("give one of TEXT, --data and --file.")
    if output.form == "npz" and not output.output:
        raise click.UsageError("npz is not text; name a file with -o.")
    inputs = _of_file(file, quiet=output.quiet) if file is not None else _of_strings(_given(text, data), "--data")
    with cache.opened() as store, embedding_progress(quiet=output.quiet) as progress:
        embeddings = model.find(store).embed(
            [one.text for one in inputs],
            ids=[one.id for one in inputs],
            titles=[one.title for one in inputs],
            role=role,
            instruction=model.instruction,
            overflow=model.overflow,
            store=store,
            progress=progress,
        )
    if not output.quiet:
        report_embedding(embeddings)
    if output.output is None:
        emit(_as_json(embeddings))
    elif output.form == "npz" or (output.form is None and output.output.suffix == ".npz"):
        embeddings.save(output.output)
    else:
        write_atomically(output.output, _as_json(embeddings).encode())


class _Input(NamedTuple):
    id: str
    title: str
    text: str


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


def _of_strings(strings: list[str], where: str) -> list[_Input]:
    from recs.errors import SourceError

    if not strings:
        raise SourceError(f"{where}: an empty list; expected one string or more; nothing was written.")
    return [_Input(str(place), "", text) for place, text in enumerate(strings)]


def _of_file(file: Path | str, *, quiet: bool) -> list[_Input]:
    """Return the strings of a JSON file, or the public items of any other source, in its order."""
    from recs.errors import SourceError
    from recs.readers.json_files import loads
    from recs.readers.read import read_items

    stdin = io.BytesIO(sys.stdin.buffer.read()) if str(file) == "-" and sys.stdin else None
    strings: list[str] | None = None
    with suppress(OSError, ValueError):
        strings = _strings(loads((stdin.getvalue() if stdin else Path(file).read_bytes()).decode("utf-8-sig")))
    if strings is not None:
        return _of_strings(strings, "stdin" if stdin else str(file))
    collection = read_items(stdin or str(file), boilerplate="keep")
    if not quiet:
        report_reading(collection)
    items = [item for item in collection if item.is_public]
    if not items:
        raise SourceError(f"{collection.source}: no public item with text; nothing was written.")
    return [_Input(item.id, item.title, item.text) for item in items]


def _strings(content: object) -> list[str] | None:
    texts = [content] if isinstance(content, str) else content
    return texts if isinstance(texts, list) and all(isinstance(text, str) for text in texts) else None


def _as_json(embeddings: Embeddings) -> str:
    # Nine significant digits give back every float32 exactly.
    rows = ["[" + ", ".join(f"{value:.9g}" for value in row) + "]" for row in embeddings.vectors.tolist()]
    return "[" + ",\n ".join(rows) + "]\n"
