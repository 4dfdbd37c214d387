"""Options that verbs share, each with one name, one meaning and one help text, and what they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from recs.cli.terminal import say

if TYPE_CHECKING:
    from recs.cache import Cache
    from recs.embedder import Embedder
    from recs.items import Collection
    from recs.rules import Rules

_F = TypeVar("_F", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)
_RULES_FILE = "recs.toml"


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
        click.option("--dim", type=int, metavar="N", help="Keep the first N dimensions of every vector."),
        click.option(
            "--pooling",
            type=click.Choice(["mean", "cls", "max", "lasttoken", "pooler"]),
            help="How token vectors become one, where the model's files do not say.",
        ),
        click.option(
            "--instruction", metavar="TEXT", help="What the vectors are for, instead of the model's own prompt."
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
            "--engine",
            type=click.Choice(["auto", "torch", "onnx"]),
            default="auto",
            show_default=True,
            help="What runs the model: torch where it is installed, else onnxruntime.",
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


def rule_options(function: _F) -> _F:
    """What is shown of a ranking. An option given here goes before the file of rules."""
    return _all(
        function,
        click.option(
            "--rules",
            "rules_file",
            type=_PATH,
            metavar="FILE",
            help="Pins, exclusions and the options below, as TOML; recs.toml of this folder if it is there.",
        ),
        click.option(
            "--min-score", type=float, metavar="SCORE", help="Show nothing that scores less.  [default: none]"
        ),
        click.option(
            "--diversity",
            type=float,
            metavar="0..1",
            help="From best matches to matches unlike each other.  [default: 0]",
        ),
        click.option("--min-inbound", type=int, metavar="N", help="Lists that every item stands in.  [default: 0]"),
        click.option(
            "--per-group", type=int, metavar="N", help="Matches of one group in a list.  [default: any number]"
        ),
        click.option(
            "--demote/--no-demote",
            default=None,
            help="Put what is linked, of the series or next in time last.  [default: on]",
        ),
        click.option(
            "--collapse/--no-collapse", default=None, help="Show one of several near-duplicates.  [default: on]"
        ),
        click.option(
            "--same-language/--any-language",
            default=None,
            help="Keep items of different languages apart.  [default: on]",
        ),
    )


def judgments_option(function: _F) -> _F:
    """Links from a file."""
    return click.option(
        "--judgments",
        type=_PATH,
        metavar="FILE",
        help="Links from a file instead: src, dst and, where the text holds its words, anchor.",
    )(function)


def read_rules(values: Mapping[str, Any]) -> Rules:
    """Return the rules that the options of `rule_options` and their file say."""
    from recs.rules import Rules, load_rules

    file = values["rules_file"]
    if file is None and Path(_RULES_FILE).is_file():
        file = Path(_RULES_FILE)
        say(f"rules: {_RULES_FILE} of this folder")
    rules = load_rules(file) if file else Rules()
    names = ("min_score", "diversity", "min_inbound", "per_group", "demote", "collapse", "same_language")
    return replace(rules, **{name: values[name] for name in names if values[name] is not None})


def find_options_embedder(values: Mapping[str, Any], cache: Cache | None) -> Embedder:
    """Return the embedder that the options of `model_options` name."""
    from recs.embed import find_embedder
    from recs.registry import DEFAULT_MODEL

    names = ("dim", "pooling", "instruction", "device", "precision", "engine", "offline")
    options = {name: values[name] for name in names}
    return find_embedder(values["model"] or DEFAULT_MODEL, cache, **options)


def optional_embedder(values: Mapping[str, Any], cache: Cache | None) -> Embedder | None:
    """Return the same, or None where the default model is not here: lists can be made from terms alone."""
    from recs.errors import ModelNotFoundError

    try:
        return find_options_embedder(values, cache)
    except ModelNotFoundError as error:
        if values["model"]:
            raise
        say(f"note: without a model, by terms alone: {error}")
        return None


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
