"""The languages of the items of a large collection."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from recs.bulk.shards import Runner, map_shards, read_shard
from recs.bulk.store import Part, StoredTexts

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True)
class _Languages:
    """Returns the languages of the items of a shard: those that they declare, and guesses."""

    cache: Path | None

    def __call__(self, path: Path) -> pa.Table:
        import pyarrow as pa

        return pa.table({"language": pa.array(StoredTexts.read(path).languages(self.cache), pa.string())})


def languages_of(parts: Sequence[Part], place: Path, cache: Path | None, *, runner: Runner) -> list[str | None]:
    """Return the language of each item of the shards of a run, as `item_languages` does.

    Parameters
    ----------
    place
        The folder of the run.
    cache
        The folder of the cache, which keeps guesses; None for none.
    """
    paths = map_shards(_Languages(cache), [part.path for part in parts], place / "languages", runner=runner)
    return [language for path in paths for language in read_shard(path)["language"].to_pylist()]
