"""What a contestant costs: its files, its vectors, its speed and memory on this machine."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from recs.comparison.contestants import Contestant
from recs.embedding.embedder import Embedder
from recs.embedding.vectors import Embeddings
from recs.errors import RecsError
from recs.evaluation.queries import sample
from recs.items import Item
from recs.models.registry import registry_row

_TEXTS = 32  # embedded for the speed
_CHARACTERS = 1200  # of each: about a chunk
_ROUNDS = 3
_WEIGHTS = (".safetensors", ".onnx", ".bin", ".npz")
_FIRST_VECTOR = """
import json, os, resource, sys, time
started = time.perf_counter()
import recs
name, options = json.loads(sys.argv[1])
recs.load_embedder(name, **options).embed(["A first text."])
unit = 1 if sys.platform == "darwin" else 1024
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(json.dumps([time.perf_counter() - started, peak / 1e6]))
"""


@dataclass(frozen=True, slots=True)
class Costs:
    """What a contestant costs; None where it is not known, or was not measured.

    Attributes
    ----------
    dim, window
        Of the model: numbers in a vector, and tokens that it reads at once.
    licence
        Of the model.
    languages
        The share of the items with a known language that the model was trained for; None if it does not say.
    download_mb
        The size of its weights.
    tokens, tokens_lost
        Of the collection: how many there are, and which share of them is in no vector.
    vectors_mb
        The size of the vectors of items and chunks.
    tokens_per_second
        On this machine, with warm caches of the processor: the median of interleaved rounds.
    minutes
        To embed the whole collection once, by this speed.
    seconds_to_first_vector, memory_mb
        Of a process that imports recs, loads the model and embeds one text: its time, and its peak memory.
    price
        Of embedding the collection, if a price of a million tokens was given; in its currency.
    """

    dim: int | None = None
    window: int | None = None
    licence: str | None = None
    languages: float | None = None
    download_mb: float | None = None
    tokens: int | None = None
    tokens_lost: float | None = None
    vectors_mb: float | None = None
    tokens_per_second: float | None = None
    minutes: float | None = None
    seconds_to_first_vector: float | None = None
    memory_mb: float | None = None
    price: float | None = None

    @property
    def order(self) -> tuple[float, float, float]:
        """What makes a contestant cheaper: smaller files, then fewer tokens to embed, then smaller vectors.

        A model without files here, such as that of a service, comes after all others.
        """
        read = (self.tokens or 0) * (1 - (self.tokens_lost or 0.0))
        return (math.inf if self.download_mb is None else self.download_mb, read, self.vectors_mb or 0.0)


def costs_of(
    one: Contestant,
    embeddings: Embeddings | None,
    languages: Sequence[str | None],
    *,
    speed: float | None,
    first: tuple[float, float] | None,
    price: float | None,
) -> Costs:
    """Return the costs of a contestant.

    Parameters
    ----------
    embeddings
        Its vectors of the collection.
    languages
        Of the items; None where unknown.
    speed
        In tokens a second.
    first
        Seconds to the first vector, and the peak memory in megabytes.
    price
        Of a million tokens.
    """
    if embeddings is None:
        return Costs(download_mb=0.0, vectors_mb=0.0)
    tokens = int(embeddings.tokens.sum()) if len(embeddings.tokens) else None
    lost = int(embeddings.tokens_lost.sum()) / tokens if tokens else None
    size = (embeddings.vectors.nbytes + embeddings.chunk_vectors.nbytes) / 1e6
    embedder = one.embedder
    if embedder is None:
        return Costs(dim=embeddings.dim, download_mb=0.0, tokens=tokens, tokens_lost=lost, vectors_mb=size)
    row = registry_row(embedder.spec.name)[1]
    read = (tokens or 0) * (1 - (lost or 0.0))
    return Costs(
        dim=embeddings.dim,
        window=one.window or embedder.spec.max_tokens,
        licence=row.licence if row else None,
        languages=_covered(languages, embedder.spec.languages),
        download_mb=_weights(embedder),
        tokens=tokens,
        tokens_lost=lost,
        vectors_mb=size,
        tokens_per_second=speed,
        minutes=read / speed / 60 if speed else None,
        seconds_to_first_vector=first[0] if first else None,
        memory_mb=first[1] if first else None,
        price=None if price is None else price * read / 1e6,
    )


def _covered(languages: Sequence[str | None], covered: Sequence[str]) -> float | None:
    sure = [language for language in languages if language]
    return sum(language in covered for language in sure) / len(sure) if sure and covered else None


def _weights(embedder: Embedder) -> float | None:
    """Return the size of the weights in megabytes; None for a service, or vectors in a cache alone."""
    folder = embedder.spec.folder
    if folder is None:
        return None
    return sum(path.stat().st_size for path in folder.rglob("*") if path.suffix in _WEIGHTS) / 1e6


def measured_speeds(contestants: Sequence[Contestant], items: Sequence[Item]) -> dict[str, float]:
    """Return the tokens that each model embeds in a second, by `Contestant.space`.

    All models embed the same texts, without a cache, in turns: a machine that becomes slower is so for all. Each is
    warmed up first.
    """
    texts = [text[:_CHARACTERS] for text in sample((item.text for item in items if item.text.strip()), _TEXTS)]
    embedders = {one.space: one.embedder for one in contestants if one.embedder is not None}
    seconds: dict[str, list[float]] = {}
    tokens: dict[str, int] = {}
    if not texts:
        return {}
    for space, embedder in embedders.items():
        tokens[space] = sum(embedder.count_tokens(texts))
        embedder.embed(texts[:4])
    for _ in range(_ROUNDS):
        for space, embedder in embedders.items():
            started = time.perf_counter()
            embedder.embed(texts)
            seconds.setdefault(space, []).append(time.perf_counter() - started)
    return {space: tokens[space] / sorted(times)[_ROUNDS // 2] for space, times in seconds.items()}


def first_vectors(contestants: Sequence[Contestant]) -> dict[str, tuple[float, float]]:
    """Return, by `Contestant.space`, seconds to the first vector and peak megabytes, each in a process of its own.

    A service is left out, and so is a model that fails there.
    """
    measured: dict[str, tuple[float, float]] = {}
    for one in contestants:
        embedder = one.embedder
        if embedder is None or embedder.spec.folder is None or one.space in measured:
            continue
        options: Mapping[str, object] = {
            "precision": embedder.precision if embedder.engine == "torch" else "auto",
            "engine": embedder.engine,
            "offline": True,
        }
        name = one.name.partition("?")[0]
        command = [sys.executable, "-c", _FIRST_VECTOR, json.dumps([name, options])]
        done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), check=False)
        if done.returncode == 0:
            seconds, memory = json.loads(done.stdout.splitlines()[-1])
            measured[one.space] = (float(seconds), float(memory))
    return measured


def parsed_prices(prices: Mapping[str, float], names: Sequence[str]) -> dict[str, float]:
    """Return prices by contestant; `RecsError` for one of no contestant."""
    if unknown := sorted(set(prices) - set(names)):
        raise RecsError(f"a price is given for {unknown[0]!r}, which is no contestant.")
    return dict(prices)
