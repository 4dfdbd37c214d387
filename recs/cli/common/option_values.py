"""The values of options that verbs share: a class for each group, with methods that use them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recs.cli.common.recording import record_change
from recs.cli.common.terminal import report_reading, say
from recs.object_stores import without_secrets

if TYPE_CHECKING:
    from recs.embedding.cache import Cache
    from recs.embedding.documents import Overflow
    from recs.embedding.embedder import Embedder
    from recs.items import Collection
    from recs.ranking.rules import Rules

RULES_FILE = "recs.toml"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadingOptions:
    """How a source is read. The fields are the options of `reading_options`."""

    input_format: Any
    fields: Sequence[str]
    markup: Any
    keep_boilerplate: bool
    now: str | None
    opened: Sequence[str]
    include_unlisted: bool
    fetch: bool
    allow_empty: bool

    @property
    def choices(self) -> dict[str, Any]:
        """The options that `recs.read_items` and `recs.iter_items` share."""
        return {
            "format": self.input_format,
            "fields": dict(_pairs(self.fields, "--field", "NAME=FIELD, as in text=body_md")),
            "markup": self.markup,
            "now": self.now,
            "public": _pairs(self.opened, "--public", "FIELD=VALUE, as in status=Veröffentlicht"),
            "include_unlisted": self.include_unlisted,
            "fetch": self.fetch,
        }

    def read(self, source: str, *, with_drafts: bool = False) -> Collection:
        """Read SOURCE.

        Raises `SourceError` if no item is public, so that an empty result does not replace an earlier one, unless
        `allow_empty` is set.
        """
        from recs.errors import SourceError
        from recs.readers.read import read_items

        collection = read_items(source, boilerplate="keep" if self.keep_boilerplate else "remove", **self.choices)
        if self.now is None:
            record_change(collection.changes_at)
        wanted = collection.items if with_drafts else collection.public
        if not wanted and not self.allow_empty:
            report_reading(collection)
            raise SourceError(
                f"{collection.source}: no public item with text; nothing was written (see --allow-empty)."
            )
        return collection


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelOptions:
    """Which model is used, and how it runs. The fields are the options of `model_options`."""

    model: str | None
    dim: int | None
    pooling: str | None
    instruction: str | None
    device: str | None
    precision: str
    engine: str
    overflow: Overflow
    offline: bool

    @property
    def name(self) -> str:
        """The name of the model that the user chose, or of the default one."""
        from recs.models.registry import DEFAULT_MODEL

        return self.model or DEFAULT_MODEL

    @property
    def loading(self) -> dict[str, Any]:
        """The options of `recs.load_embedder`."""
        names = ("dim", "pooling", "instruction", "device", "precision", "engine", "offline")
        return {name: getattr(self, name) for name in names}

    def find(self, cache: Cache | None, *, cached_only: bool = False) -> Embedder:
        """Return the embedder; with `cached_only`, one that never loads the model."""
        from recs.embedding.load import find_embedder

        return find_embedder(self.name, cache, cached_only=cached_only, **self.loading)

    def find_or_none(self, cache: Cache | None, *, cached_only: bool = False) -> Embedder | None:
        """Return the embedder, or None if the default model is not on this machine: terms alone can rank."""
        from recs.errors import ModelNotFoundError

        try:
            return self.find(cache, cached_only=cached_only)
        except ModelNotFoundError as error:
            if self.model:
                raise
            say(f"note: without a model, by terms alone: {error}")
            return None


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheOptions:
    """Where vectors are cached. The fields are the options of `cache_options`."""

    cache_folder: Path | None
    no_cache: bool

    @contextmanager
    def opened(self) -> Iterator[Cache | None]:
        """Yield the cache while it is open, or None for --no-cache."""
        from recs.embedding.cache import Cache

        with nullcontext() if self.no_cache else Cache(self.cache_folder) as cache:
            yield cache


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectionOptions:
    """How a collection is read, which model embeds it, and where its vectors are cached."""

    reading: ReadingOptions
    model: ModelOptions
    cache: CacheOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """Where the result is written, and in which format. The fields are the options of `output_options`.

    `target` is a path, or the address of an object store, which takes `--format parquet` alone.
    """

    target: Path | str | None
    form: str | None
    quiet: bool

    def __post_init__(self) -> None:
        if isinstance(self.target, str) and self.form != "parquet":
            raise click.UsageError(f"{self.shown}: an object store takes a folder of tables alone: --format parquet.")

    @property
    def output(self) -> Path | None:
        """The path; None for standard output and for an object store."""
        return self.target if isinstance(self.target, Path) else None

    @property
    def shown(self) -> str:
        """The target as it is told to the user, without a password."""
        return without_secrets(self.target) if isinstance(self.target, str) else str(self.target)


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleOptions:
    """What is shown of a ranking. The fields are the options of `rule_options`."""

    rules_file: Path | None
    min_score: float | None
    diversity: float | None
    min_inbound: int | None
    per_group: int | None
    demote: bool | None
    collapse: bool | None
    same_language: bool | None
    include: Sequence[str]
    exclude: Sequence[str]
    max_age: str | None
    prefer_recent: str | None
    fill: str | None

    def read(self) -> Rules:
        """Return the rules of the file; the options of the command line replace them."""
        from recs.ranking.rules import Rules, load_rules

        file = self.rules_file
        if file is None and Path(RULES_FILE).is_file():
            file = Path(RULES_FILE)
            say(f"rules: {RULES_FILE} of this folder")
        rules = load_rules(file) if file else Rules()
        names = ("min_score", "diversity", "min_inbound", "per_group", "demote", "collapse", "same_language")
        given = {name: getattr(self, name) for name in (*names, "max_age", "prefer_recent", "fill")}
        given |= {name: filters_of(getattr(self, name), f"--{name}") or None for name in ("include", "exclude")}
        return replace(rules, **{name: value for name, value in given.items() if value is not None})


def filters_of(given: Sequence[str], flag: str) -> dict[str, list[str]]:
    """Return the values of each field of options like --where FIELD=VALUE."""
    values: dict[str, list[str]] = {}
    for name, value in _pairs(given, flag, "FIELD=VALUE, as in category=garden"):
        values.setdefault(name, []).append(value)
    return values


def _pairs(given: Sequence[str], flag: str, expected: str) -> list[tuple[str, str]]:
    for pair in given:
        if not all(pair.partition("=")):
            raise click.BadParameter(f"{pair!r} is not {expected}", param_hint=flag)
    return [(name, value) for name, _, value in (pair.partition("=") for pair in given)]
