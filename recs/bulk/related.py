"""The related lists of a large collection: the steps of `recs.related_items`, each in shards on the disk."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from recs.bulk.folder import ArrayFolder
from recs.bulk.languages import languages_of
from recs.bulk.nearest import write_mask
from recs.bulk.ranking import rank_shards
from recs.bulk.recall import TOP, measured_recall
from recs.bulk.run import Progress, Watched, opened_run
from recs.bulk.runners import LocalRunner
from recs.bulk.shards import EMBEDDING, Runner, map_shards
from recs.bulk.signals import read_signals
from recs.bulk.store import SHARD_ITEMS, Part, store_items
from recs.bulk.terms import weigh_texts
from recs.bulk.vectors import EmbedTexts, VectorShards, made_anew, write_vectors
from recs.contract import Note
from recs.embedding.vectors import Embeddings
from recs.errors import OptionError
from recs.items import Collection, Item
from recs.models.registry import model_languages
from recs.ranking.cells import EXACT
from recs.ranking.pairs import AllowedPairs
from recs.ranking.rank import CANDIDATES, RankedItems, notes_on_vectors, signal_names
from recs.ranking.rules import Rules
from recs.ranking.signals import TERM_SIGNALS
from recs.readers.dates import parse_now
from recs.related import ranked_lists
from recs.text.languages import uncovered_note

if TYPE_CHECKING:
    from recs.ranking.lists import RelatedLists


@dataclass(frozen=True, slots=True)
class _Run:
    """One run: its items, where its files are, and what computes its shards."""

    items: Sequence[Item]
    folder: Path
    runner: Runner
    parts: Sequence[Part]

    @property
    def arrays(self) -> ArrayFolder:
        return ArrayFolder(self.folder / "arrays")

    @property
    def ids(self) -> list[str]:
        return [item.id for item in self.items]


def related_in_shards(
    collection: Collection,
    embedding: EmbedTexts | None,
    *,
    k: int = 5,
    signals: str | Sequence[str] = "auto",
    rules: Rules | None = None,
    tuned: str | Path | None = None,
    previous: str | Path | None = None,
    now: str | date | datetime | None = None,
    runner: Runner | None = None,
    folder: str | os.PathLike[str] | None = None,
    shard_items: int = SHARD_ITEMS,
    progress: Progress | None = None,
) -> RelatedLists:
    """Return the related lists of a large collection, as `recs.related_items` does, from shards on the disk.

    Parameters
    ----------
    embedding
        What embeds the texts; None to rank by terms alone.
    k, signals, rules, tuned, previous, now
        As in `recs.related_items`.
    runner
        What computes the shards: `LocalRunner` or `RayRunner`. The result does not depend on it.
    folder
        Where the shards are. They stay there; if the run is broken off, the next one with the same items and options
        goes on from them. By default they are in the cache folder, and are removed when the run is finished.
    shard_items
        Items of a shard.
    progress
        Called when a shard is done: with the step, the number of shards that are done, and of all.

    Raises
    ------
    OptionError
        If there are fewer than two items, or the similarity of the model is not cosine.
    ShardsError
        If shards failed.
    MissingDependencyError
        If pyarrow is not installed.

    Notes
    -----
    Each item is compared by its terms with all items that share a rare one, and by vectors with those in the cells near
    to it (`recs.ranking.cells`), which are a twelfth of all. Memory: the items, some 2 KB for each more, and
    for each worker a shard. Disk: some 10 KB an item.

    Examples
    --------
    >>> import recs, tempfile
    >>> texts = {"bread": "bread oven flour", "toast": "toast bread", "train": "steam train", "rail": "rail and train"}
    >>> items = recs.Collection(tuple(recs.Item(name, text) for name, text in texts.items()))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     here = recs.LocalRunner(workers=0)
    ...     lists = related_in_shards(items, None, signals="terms", k=1, runner=here, folder=folder)
    >>> [(name, [match.id for match in lists[name]]) for name in lists]
    [('bread', ['toast']), ('rail', ['train']), ('toast', ['bread']), ('train', ['rail'])]
    """
    items = collection.public
    if len(items) < 2:
        raise OptionError(f"there are {len(items)} public items; shards need two.")
    names = signal_names(signals)
    shown = (rules := rules or Rules()).at(collection.items, parse_now(now))
    mask = shown.mask(items)
    options = (embedding, embedding and embedding.fingerprint(), names, k, shard_items, _mask_digest(mask))
    with opened_run(items, options, folder, anew=made_anew(embedding, "vectors", "arrays")) as place:
        parts = store_items(items, place / "items", runner=LocalRunner(workers=0), shard_items=shard_items)
        with (runner or LocalRunner()).connected() as kept:
            run = _Run(items, place, Watched(kept, progress), parts)
            ranked = _rank(run, names, embedding, mask, depth=max(CANDIDATES, k))
        overflow = "chunk" if embedding is None else embedding.overflow
        listing: dict[str, Any] = {"rules": rules, "shown": shown, "tuned": tuned, "previous": previous}
        return ranked_lists(collection, ranked, k=k, overflow=overflow, **listing)


def _mask_digest(mask: AllowedPairs | None) -> str:
    """Return a digest of the pairs that may be listed: a run goes on only if they are the same."""
    digest = hashlib.sha256()
    for field in fields(mask) if mask is not None else ():
        array = getattr(mask, field.name)
        digest.update(f"{field.name} {array is not None} ".encode())
        digest.update(b"" if array is None else array.tobytes())
    return digest.hexdigest()


def _rank(
    run: _Run, names: tuple[str, ...], embedding: EmbedTexts | None, mask: AllowedPairs | None, *, depth: int
) -> RankedItems:
    """Return the ranking of the items by the named signals, as far as there is something to compute them from."""
    notes: list[Note] = []
    cache = None if embedding is None else embedding.cache
    languages = languages_of(run.parts, run.folder, cache, runner=run.runner)
    if set(names) & set(TERM_SIGNALS):
        weigh_texts(run.parts, run.arrays, runner=run.runner)
    embeddings = None
    if embedding is not None and not set(names) <= set(TERM_SIGNALS):
        embeddings = _embeddings(run, embedding, passages="passages" in names)
        covered = model_languages(embeddings.model)
        notes += notes_on_vectors(embeddings, uncovered_note(languages, covered, embeddings.model))
    used = _used(names, run.arrays, embeddings)
    if not used:
        raise OptionError(f"these items have nothing from which to compute the signals {', '.join(names)}.")
    write_mask(mask, run.arrays)
    fused = rank_shards(run.parts, run.ids, used, depth=depth, arrays=run.arrays, runner=run.runner)
    if "dense" in used and len(run.items) > EXACT:
        recall = measured_recall(run.ids, run.arrays)
        notes.append(Note(f"vectors found {recall:.3f} of the {TOP} nearest items, of 1,000 items", code="recall"))
    chunks = 0 if embeddings is None else int(run.arrays.read("chunk_count")[0])
    return RankedItems(read_signals(used, run.arrays), fused, languages, embeddings, notes, chunks)


def _embeddings(run: _Run, embedding: EmbedTexts, *, passages: bool) -> Embeddings:
    """Return the vectors of all items, as a memory map, without those of their chunks, which are on the disk."""
    files = [part.path for part in run.parts]
    paths = map_shards(embedding, files, run.folder / "vectors", runner=run.runner, resources=EMBEDDING)
    vectors = VectorShards.of(paths)
    if (similarity := vectors.same["similarity"]) != "cosine":
        raise OptionError(f"{embedding.model}: its similarity is {similarity}; only cosine is computed in shards.")
    several = passages and int(vectors.counts.sum()) > len(run.items)
    write_vectors(vectors, run.ids, run.arrays, passages=several)
    run.arrays.save("has_passages", np.array([several]))
    run.arrays.save("chunk_count", np.array([vectors.counts.sum() - (vectors.lost > vectors.tokens).sum()]))
    same = {name: vectors.same[name] for name in ("fingerprint", "similarity", "model", "role", "prompt")}
    made = Embeddings(tuple(run.ids), run.arrays.read("vectors"), **same)
    return replace(made, tokens=vectors.tokens, tokens_lost=vectors.lost)


def _used(names: tuple[str, ...], arrays: ArrayFolder, embeddings: Embeddings | None) -> tuple[str, ...]:
    """Return the names of the signals for which there is something."""
    is_there = {
        "terms": True,
        "mentions": "mentions" in names and len(arrays.read("titles.data")) > 0,
        "dense": embeddings is not None,
        "passages": embeddings is not None and bool(arrays.read("has_passages")[0]),
    }
    return tuple(name for name in names if is_there[name])
