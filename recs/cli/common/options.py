"""Options that verbs share. Each has one name, one meaning and one help text; each group becomes one object."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar

import click

from recs.cli.common.option_values import (
    CacheOptions,
    CollectionOptions,
    ModelOptions,
    OutputOptions,
    ReadingOptions,
    RuleOptions,
)
from recs.object_stores import is_address, without_secrets
from recs.readers.opened import FORMATS

_F = TypeVar("_F", bound=Callable[..., Any])


class Place(click.Path):
    """A path; or the address of an object store, as text, where that is allowed."""

    def __init__(self, *, addresses: bool = False, **options: Any) -> None:
        super().__init__(path_type=Path, **options)
        self._addresses = addresses

    def convert(self, value: Any, parameter: click.Parameter | None, context: click.Context | None) -> Any:
        if is_address(value):
            if not self._addresses:
                self.fail(f"{without_secrets(value)} is an address; expected a path.", parameter, context)
            return value  # a Path would make one slash of two
        return super().convert(value, parameter, context)


def choice(flag: str, choices: str, help: str | None = None, *, default: bool = True) -> Callable[[_F], _F]:
    """Return an option whose value is one of the words in `choices`; with `default`, the first word is the default.

    `flag` may also name the argument of the function: "--format form".
    """
    words = choices.split()
    first = words[0] if default else None
    return click.option(*flag.split(), type=click.Choice(words), default=first, show_default=default, help=help)


def file_option(flags: str, help: str, *, metavar: str = "FILE", suffixes: str = "") -> Callable[[_F], _F]:
    """Return an option whose value is a path. `flags` are like "--rules rules_file", `suffixes` like ".png .svg"."""

    def check(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
        if path is not None and suffixes and path.suffix.lower() not in suffixes.split():
            raise click.BadParameter(f"{path} ends in none of {suffixes}")
        return path

    return click.option(*flags.split(), type=Place(), metavar=metavar, help=help, callback=check)


def _together(*decorators: Callable[[Any], Any]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return one decorator for several; --help lists their options in this order."""

    def decorate_all(function: Callable[..., Any]) -> Callable[..., Any]:
        for decorate in reversed(decorators):
            function = decorate(function)
        return function

    return decorate_all


def grouped(name: str, kind: type[Any], *options: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return a decorator that adds options to a verb, which gets their values as one argument `name` of type `kind`."""
    names = [field.name for field in fields(kind)]

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(**values: Any) -> Any:
            group = kind(**{each: values.pop(each) for each in names})
            return function(**values, **{name: group})

        return _together(*options)(call)

    return decorate


source_argument = click.argument("source")  # a file, a folder, an address or -

reading_options = grouped(
    "reading",
    ReadingOptions,
    choice(
        "--input-format",
        " ".join(FORMATS),
        "The format of SOURCE, if recs does not recognise it by its content and its name.",
        default=False,
    ),
    click.option(
        "--field",
        "fields",
        multiple=True,
        metavar="NAME=FIELD",
        help="Read NAME (id, title, text, url, date, …) from FIELD: --field text=body_md",
    ),
    choice("--markup", "auto text html markdown", "The markup of the texts."),
    click.option("--keep-boilerplate", is_flag=True, help="Keep lines that most items repeat."),
    click.option("--now", metavar="DATE", help="Items with a later date are scheduled. Default: now."),
    click.option(
        "--public",
        "opened",
        multiple=True,
        metavar="FIELD=VALUE",
        help="Treat this value of this field as public: --public status=Veröffentlicht",
    ),
    click.option("--include-unlisted", is_flag=True, help="Treat unlisted items as public."),
    click.option("--fetch", is_flag=True, help="Load the transcripts that a feed names over HTTP; they are kept."),
    click.option("--allow-empty", is_flag=True, help="Write the result even if no item is public."),
)

model_options = grouped(
    "model",
    ModelOptions,
    click.option(
        "-m", "--model", metavar="NAME", help="A model's name, hub id or folder.  [default: all-MiniLM-L6-v2]"
    ),
    click.option("--dim", type=int, metavar="N", help="Keep the first N dimensions of every vector."),
    choice(
        "--pooling",
        "mean cls max lasttoken pooler",
        "How to combine token vectors, if the model's files do not tell it.",
        default=False,
    ),
    click.option(
        "--instruction", metavar="TEXT", help="Say what the vectors are for. This replaces the model's own prompt."
    ),
    click.option("--device", metavar="NAME", help="cpu, cuda, cuda:1 or mps. Default: the fastest one."),
    choice("--precision", "auto float32 bfloat16", "The number format of the model's computation."),
    choice("--engine", "auto torch onnx", "What runs the model. auto: torch if it is installed, else onnxruntime."),
    choice("--overflow", "chunk truncate error", "What to do with text past the context window."),
    click.option("--offline", is_flag=True, help="Do not use the network."),
)

cache_options = grouped(
    "cache",
    CacheOptions,
    file_option("--cache cache_folder", "Cache vectors in DIR instead of the user's cache folder.", metavar="DIR"),
    click.option("--no-cache", is_flag=True, help="Do not use the cache."),
)

cached_only_option = click.option(
    "--cached-only", is_flag=True, help="Load no model: use only vectors that are in the cache."
)

topics_option = click.option(
    "--topics",
    type=Place(),
    metavar="FILE",
    help="Serve the topics in FILE, a result of `recs cluster`, too: of each, the items that the index has.",
)
quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print no progress and no summary.")


def output_options(*formats: str) -> Callable[[Any], Any]:
    """Return the options of a result: where it is written, and in which format."""
    has_addresses = "parquet" in formats
    more = "; for --format parquet a folder, or an address such as s3://bucket/prefix" if has_addresses else ""
    return grouped(
        "output",
        OutputOptions,
        click.option(
            *("-o", "--output", "target"),
            type=Place(addresses=has_addresses),
            metavar="FILE",
            help=f"Write the whole result to FILE{more}.",
        ),
        choice(
            "--format form",
            " ".join(formats),
            "The format of the result. Default: by the suffix of FILE.",
            default=False,
        ),
        quiet_option,
    )


rule_options = grouped(
    "rules",
    RuleOptions,
    file_option(
        "--rules rules_file",
        "TOML file with pins, exclusions and the options below. Default: recs.toml in this folder.",
    ),
    click.option(
        "--min-score", type=float, metavar="SCORE", help="Leave out matches with a lower score.  [default: none]"
    ),
    click.option(
        "--diversity",
        type=float,
        metavar="0..1",
        help="0: the best matches. 1: matches that differ most from each other.  [default: 0]",
    ),
    click.option("--min-inbound", type=int, metavar="N", help="Put each item into at least N lists.  [default: 0]"),
    click.option(
        "--per-group",
        type=int,
        metavar="N",
        help="Show at most N matches of one group in a list.  [default: any number]",
    ),
    click.option(
        "--demote/--no-demote",
        default=None,
        help="Put last what the page shows anyway: linked items and the same series.  [default: on]",
    ),
    click.option(
        "--collapse/--no-collapse", default=None, help="Show only one of several near-duplicates.  [default: on]"
    ),
    click.option(
        "--same-language/--any-language", default=None, help="Relate only items in the same language.  [default: on]"
    ),
    click.option(
        "--include",
        multiple=True,
        metavar="FIELD=VALUE",
        help="Recommend only items with this value: category=garden, since=2024. May be repeated: one of the values of "
        "a field is enough. Other items have lists all the same.",
    ),
    click.option(
        "--exclude", multiple=True, metavar="FIELD=VALUE", help="Recommend no item with this value. May be repeated."
    ),
    click.option(
        "--max-age", metavar="AGE", help="Recommend no item older than this: 90d, 6w, 18m, 2y.  [default: none]"
    ),
    click.option(
        "--prefer-recent",
        metavar="AGE",
        help="Let an item that is so much older than the newest one count half: 2y.  [default: none]",
    ),
    choice(
        "--fill",
        "none recent category",
        "Fill short lists with the newest items, or the newest of the same category.  [default: none]",
        default=False,
    ),
)

judgments_option = file_option(
    "--judgments", "Read the links from FILE instead: src, dst and, if the text holds the words of the link, anchor."
)


def collection_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of `CollectionOptions` to a verb, as one argument `setup`."""

    @wraps(function)
    def call(*, reading: ReadingOptions, model: ModelOptions, cache: CacheOptions, **values: Any) -> Any:
        return function(**values, setup=CollectionOptions(reading=reading, model=model, cache=cache))

    return _together(reading_options, model_options, cache_options)(call)
