"""`recs embed`: vectors of texts."""

from __future__ import annotations

import io
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recs.cli.options import cache_options, choice, find_options_embedder, model_options, opened_cache, output_options
from recs.cli.session import report_embedding
from recs.cli.terminal import embedding_progress, emit, report_reading

if TYPE_CHECKING:
    from recs.embedding.vectors import Embeddings


@click.command("embed")
@click.argument("text", required=False)
@click.option("-d", "--data", metavar="JSON", help='A JSON string or list of strings: \'["a", "b"]\'.')
@click.option("-f", "--file", type=click.Path(path_type=Path), help="A JSON file of strings, or a SOURCE of items.")
@choice("--role", "document query clustering classification", "What the texts are for.")
@output_options("json", "npz")
@model_options
@cache_options
def command(text: str | None, data: str | None, file: Path | None, output: Path | None, **values: Any) -> None:
    """Write the vectors of TEXT, --data or --file to stdout, as a JSON list of vectors.

    With -o vectors.npz: ids, vectors and fingerprint, for recs.Embeddings.load.
    """
    from recs.files import write_atomically

    if sum(given is not None for given in (text, data, file)) != 1:
        raise click.UsageError("give one of TEXT, --data and --file.")
    form, quiet = values["form"], values["quiet"]
    if form == "npz" and not output:
        raise click.UsageError("npz is not text; name a file with -o.")
    ids, titles, texts = _inputs(text, data, file, quiet=quiet)
    with opened_cache(values) as cache, embedding_progress(quiet=quiet) as progress:
        options = {name: values[name] for name in ("role", "instruction", "overflow")}
        embedder = find_options_embedder(values, cache)
        embeddings = embedder.embed(texts, ids=ids, titles=titles, **options, store=cache, progress=progress)
    if not quiet:
        report_embedding(embeddings)
    if output and (form == "npz" or (form is None and output.suffix == ".npz")):
        embeddings.save(output)
    elif output:
        write_atomically(output, _as_json(embeddings).encode())
    else:
        emit(_as_json(embeddings))


def _inputs(
    text: str | None, data: str | None, file: Path | None, *, quiet: bool
) -> tuple[list[str], list[str], list[str]]:
    """Return ids, titles and texts: of strings as they are, of other sources the public items in their order."""
    from recs.errors import SourceError
    from recs.readers.json_files import loads
    from recs.readers.read import read_items

    stdin = io.BytesIO(sys.stdin.buffer.read()) if str(file) == "-" and sys.stdin else None
    texts: list[str] | None = None
    if text is not None:
        texts = [text]
    elif data is not None:
        try:
            texts = _strings(loads(data))
        except ValueError as error:
            raise SourceError(f"--data: not JSON ({error}); expected a string or a list of strings.") from error
        if texts is None:
            raise SourceError("--data: expected a JSON string or a list of strings.")
    elif file is not None:
        with suppress(OSError, ValueError):
            texts = _strings(loads((stdin.getvalue() if stdin else file.read_bytes()).decode("utf-8-sig")))
    if texts is not None and not texts:
        where = "--data" if file is None else "stdin" if stdin else file
        raise SourceError(f"{where}: an empty list; expected one string or more; nothing was written.")
    if texts is not None:
        return [str(i) for i in range(len(texts))], [""] * len(texts), texts
    collection = read_items(stdin or str(file), boilerplate="keep")
    if not quiet:
        report_reading(collection)
    items = [item for item in collection if item.is_public]
    if not items:
        raise SourceError(f"{collection.source}: no public item with text; nothing was written.")
    return [item.id for item in items], [item.title for item in items], [item.text for item in items]


def _strings(content: object) -> list[str] | None:
    texts = [content] if isinstance(content, str) else content
    return texts if isinstance(texts, list) and all(isinstance(text, str) for text in texts) else None


def _as_json(embeddings: Embeddings) -> str:
    # Nine significant digits bring every float32 back exactly.
    rows = ["[" + ", ".join(f"{value:.9g}" for value in row) + "]" for row in embeddings.vectors.tolist()]
    return "[" + ",\n ".join(rows) + "]\n"
