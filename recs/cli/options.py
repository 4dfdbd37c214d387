"""Options that verbs share, each with one name, one meaning and one help text, and what they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from recs.cache import Cache
    from recs.items import Collection

_F = TypeVar("_F", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)


def source_argument(function: _F) -> _F:
    """SOURCE: a file, a folder or -."""
    return click.argument("source")(function)


def source_options(function: _F) -> _F:
    """How a source is read."""
    return _all(
        function,
        click.option(
            "--input-format",
            type=click.Choice(["json", "jsonl", "csv", "parquet", "folder"]),
            help="What SOURCE is, where its name does not say.",
        ),
        click.option(
            "--field",
            "fields",
            multiple=True,
            metavar="NAME=FIELD",
            help="Read NAME (id, title, text, url, date, …) from FIELD: --field text=body_md",
        ),
        click.option(
            "--markup",
            type=click.Choice(["auto", "text", "html", "markdown"]),
            default="auto",
            show_default=True,
            help="What the bodies are written in.",
        ),
        click.option("--keep-boilerplate", is_flag=True, help="Keep lines that stand in most items."),
        click.option(
            "--now", metavar="DATE", help="The moment that decides what is still scheduled; the present if left out."
        ),
    )


def model_options(function: _F) -> _F:
    """Which model, and how it runs."""
    return _all(
        function,
        click.option(
            "-m", "--model", metavar="NAME", help="A model's name, hub id or folder.  [default: all-MiniLM-L6-v2]"
        ),
        click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1 or mps; the best there is if left out."),
        click.option(
            "--precision",
            type=click.Choice(["auto", "float32", "bfloat16"]),
            default="auto",
            show_default=True,
            help="Of the model's arithmetic.",
        ),
        click.option(
            "--overflow",
            type=click.Choice(["chunk", "truncate", "error"]),
            default="chunk",
            show_default=True,
            help="What happens to text past the context window.",
        ),
        click.option("--offline", is_flag=True, help="Never ask the network."),
    )


def cache_options(function: _F) -> _F:
    """Where vectors are kept."""
    return _all(
        function,
        click.option(
            "--cache",
            "cache_folder",
            type=_PATH,
            metavar="DIR",
            help="Keep vectors in DIR instead of the user's cache folder.",
        ),
        click.option("--no-cache", is_flag=True, help="Keep no vectors and use none that were kept."),
    )


def output_options(*formats: str) -> Callable[[_F], _F]:
    """Where the result goes and what it looks like."""

    def decorate(function: _F) -> _F:
        return _all(
            function,
            click.option("-o", "--output", type=_PATH, metavar="FILE", help="Write the whole result to FILE."),
            click.option(
                "--format", "form", type=click.Choice(formats), help="Of the result; by the suffix of FILE if left out."
            ),
            click.option("-q", "--quiet", is_flag=True, help="No progress, no summary."),
        )

    return decorate


def _all(function: _F, *decorators: Callable[[_F], _F]) -> _F:
    for decorate in reversed(decorators):
        function = decorate(function)
    return function


def read_source(source: str, values: Mapping[str, Any]) -> Collection:
    """Read SOURCE as the options of `source_options` say."""
    from recs.readers import read_items

    fields = {}
    for pair in values["fields"]:
        name, equals, field = pair.partition("=")
        if not equals or not name or not field:
            raise click.BadParameter(f"{pair!r} is not NAME=FIELD, as in text=body_md", param_hint="--field")
        fields[name] = field
    return read_items(
        source,
        format=values["input_format"],
        fields=fields or None,
        markup=values["markup"],
        boilerplate="keep" if values["keep_boilerplate"] else "remove",
        now=values["now"],
    )


@contextmanager
def opened_cache(values: Mapping[str, Any]) -> Iterator[Cache | None]:
    """Yield the cache that the options of `cache_options` name; None for none."""
    from recs.cache import Cache

    if values.get("no_cache"):
        yield None
        return
    with Cache(values["cache_folder"]) as cache:
        yield cache
