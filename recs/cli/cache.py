"""`recs cache`: shows and removes the content of the vector cache."""

import click

from recs.cli.common.option_values import CollectionOptions
from recs.cli.common.options import collection_options, source_argument
from recs.cli.common.session import opened_collection
from recs.cli.common.terminal import emit, say
from recs.text.counts import counted

_FOLDER = click.option(
    "--cache", "cache_folder", metavar="DIR", help="The folder of the cache. Default: the user's cache folder."
)


@click.group("cache")
def command() -> None:
    """Show, prune or clear the vector cache."""


@command.command("info")
@_FOLDER
def info(cache_folder: str | None) -> None:
    """Show where the cache is and what it holds."""
    from recs.embedding.cache import Cache

    with Cache(cache_folder) as cache:
        content = cache.info()
    emit(f"{content.path}  {content.bytes / 1e6:.1f} MB, boundaries of {counted(content.chunks, 'text')}\n")
    for space in content.spaces:
        size = f"{counted(space.vectors, 'vector')}  {space.bytes / 1e6:.1f} MB"
        emit(f"  {space.model}  {space.precision}  {size}  {space.fingerprint[:12]}\n")


@command.command("prune")
@source_argument
@collection_options
def prune(*, source: str, setup: CollectionOptions) -> None:
    """Remove all cached vectors that the public items of SOURCE do not need with this model."""
    from recs.embedding.pipeline import embed_items
    from recs.errors import OptionError
    from recs.text.languages import item_languages

    if setup.cache.no_cache:
        raise OptionError("--no-cache leaves nothing to prune.")
    with opened_collection(source, setup, quiet=False, signals="dense") as (collection, options):
        items = collection.public
        cache = options["cache"]
        del options["signals"]
        item_languages(items, cache)
        embed_items(items, **options)
        items_have = counted(len(items), "item has all it needs", "items have all they need")
        say(f"removed {counted(cache.prune(), 'record')}; {items_have}")


@command.command("clear")
@_FOLDER
def clear(cache_folder: str | None) -> None:
    """Remove the cache file, and models that were unpacked beside it."""
    from recs.embedding.cache_file import clear_cache

    say(f"freed {clear_cache(cache_folder) / 1e6:.1f} MB")
