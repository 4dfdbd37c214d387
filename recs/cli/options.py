"""Options that verbs share, each with one name, one meaning and one help text, and what they stand for."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from recs.cli.terminal import report_reading, say

if TYPE_CHECKING:
    from recs.embedding.cache import Cache
    from recs.embedding.embedder import Embedder
    from recs.items import Collection
    from recs.ranking.rules import Rules

_F = TypeVar("_F", bound=Callable[..., Any])
_PATH = click.Path(path_type=Path)
_RULES_FILE = "recs.toml"


def choice(flag: str, choices: str, help: str | None = None, *, default: bool = True) -> Callable[[_F], _F]:
    """Return an option ("--format form" where its argument has another name) that takes one of the words `choices`.

    The first word is the default, if there is to be one.
    """
    words = choices.split()
    first = words[0] if default else None
    return click.option(*flag.split(), type=click.Choice(words), default=first, show_default=default, help=help)


def file_option(flags: str, help: str, *, metavar: str = "FILE", suffixes: str = "") -> Callable[[_F], _F]:
    """Return an option ("--rules rules_file") that takes a path, one that ends in any of the suffixes (".png .svg")."""

    def check(_: click.Context, __: click.Parameter, path: Path | None) -> Path | None:
        if path is not None and suffixes and path.suffix.lower() not in suffixes.split():
            raise click.BadParameter(f"{path} ends in none of {suffixes}")
        return path

    return click.option(*flags.split(), type=_PATH, metavar=metavar, help=help, callback=check)


def _together(*decorators: Callable[[_F], _F]) -> Callable[[_F], _F]:
    return lambda function: reduce(lambda done, decorate: decorate(done), reversed(decorators), function)


source_argument = click.argument("source")  # a file, a folder or -

# How a source is read.
source_options = _together(
    choice(
        "--input-format",
        "json jsonl csv parquet folder",
        "The format of SOURCE, if its name does not tell it.",
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
    click.option("--allow-empty", is_flag=True, help="Write the result even if no item is public."),
)

# Which model, and how it runs.
model_options = _together(
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

# Where vectors are kept.
cache_options = _together(
    file_option("--cache cache_folder", "Cache vectors in DIR instead of the user's cache folder.", metavar="DIR"),
    click.option("--no-cache", is_flag=True, help="Do not use the cache."),
)

quiet_option = click.option("-q", "--quiet", is_flag=True, help="Print no progress and no summary.")


def output_options(*formats: str) -> Callable[[_F], _F]:
    """Where the result goes and what it looks like."""
    return _together(
        file_option("-o --output", "Write the whole result to FILE."),
        choice(
            "--format form",
            " ".join(formats),
            "The format of the result. Default: by the suffix of FILE.",
            default=False,
        ),
        quiet_option,
    )


# What is shown of a ranking. An option given here goes before the file of rules.
rule_options = _together(
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
        help="Put last what the reader meets anyway: linked items, the same series, the next in time.  [default: on]",
    ),
    click.option(
        "--collapse/--no-collapse", default=None, help="Show only one of several near-duplicates.  [default: on]"
    ),
    click.option(
        "--same-language/--any-language", default=None, help="Relate only items in the same language.  [default: on]"
    ),
)

judgments_option = file_option(
    "--judgments", "Read the links from FILE instead: src, dst and, if the text holds the words of the link, anchor."
)


def read_rules(values: Mapping[str, Any]) -> Rules:
    """Return the rules that the options of `rule_options` and their file say."""
    from recs.ranking.rules import Rules, load_rules

    file = values["rules_file"]
    if file is None and Path(_RULES_FILE).is_file():
        file = Path(_RULES_FILE)
        say(f"rules: {_RULES_FILE} of this folder")
    rules = load_rules(file) if file else Rules()
    names = ("min_score", "diversity", "min_inbound", "per_group", "demote", "collapse", "same_language")
    return replace(rules, **{name: values[name] for name in names if values[name] is not None})


def find_options_embedder(values: Mapping[str, Any], cache: Cache | None) -> Embedder:
    """Return the embedder that the options of `model_options` name."""
    from recs.embedding.load import find_embedder
    from recs.models.registry import DEFAULT_MODEL

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


def read_source(source: str, values: Mapping[str, Any]) -> Collection:
    """Read SOURCE as the options of `source_options` say.

    Raises `SourceError` where no item is public, unless that was allowed: no earlier result is replaced by nothing.
    """
    from recs.errors import SourceError
    from recs.readers.read import read_items

    collection = read_items(
        source,
        format=values["input_format"],
        fields=dict(_pairs(values["fields"], "--field", "NAME=FIELD, as in text=body_md")),
        markup=values["markup"],
        boilerplate="keep" if values["keep_boilerplate"] else "remove",
        now=values["now"],
        public=_pairs(values["opened"], "--public", "FIELD=VALUE, as in status=Veröffentlicht"),
        include_unlisted=values["include_unlisted"],
    )
    wanted = collection.items if values.get("drafts") else collection.public
    if not wanted and not values["allow_empty"]:
        report_reading(collection)
        raise SourceError(f"{collection.source}: no public item with text; nothing was written (see --allow-empty).")
    return collection


def _pairs(given: Sequence[str], flag: str, expected: str) -> list[tuple[str, str]]:
    for pair in given:
        if not all(pair.partition("=")):
            raise click.BadParameter(f"{pair!r} is not {expected}", param_hint=flag)
    return [(name, value) for name, _, value in (pair.partition("=") for pair in given)]


@contextmanager
def opened_cache(values: Mapping[str, Any]) -> Iterator[Cache | None]:
    """Yield the cache that the options of `cache_options` name; None for none."""
    from recs.embedding.cache import Cache

    with nullcontext() if values.get("no_cache") else Cache(values["cache_folder"]) as cache:
        yield cache
