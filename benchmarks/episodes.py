"""Episodes with transcripts of an hour: reading, cutting and ranking 2,000; and whether a talk drowns the notes.

    python benchmarks/episodes.py scale TURNS [EPISODES]   # a folder with data.jsonl: {"text", "speaker"} in each line
    python benchmarks/episodes.py drown SITE TURNS         # SITE: a folder with data.jsonl and links.jsonl

`scale` writes a feed with WebVTT files beside it: notes of sixty words, and turns drawn by a fixed rule until an hour
is full. Vectors are drawn too, from the digest of each window, since embedding is not what is measured here.
`drown` adds to each episode of the site a transcript that has nothing to do with it, and compares the lists.
"""

from __future__ import annotations

import hashlib
import json
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from html import escape
from pathlib import Path
from typing import Any

import numpy as np

import recs
from recs.embedding.embedder import Embedder
from recs.readers.transcripts.cues import Cue, Transcript
from recs.readers.transcripts.episode import with_spoken
from recs.readers.transcripts.timed import timed_text

HOUR = 3600.0
WORDS_A_SECOND = 2.6


def turns(folder: Path) -> list[tuple[str, str]]:
    """Return the turns: speaker and words."""
    rows = (json.loads(line) for line in (folder / "data.jsonl").open(encoding="utf-8"))
    return [(row.get("speaker") or "Guest", " ".join(row["text"].split())) for row in rows]


def cues(said: Sequence[tuple[str, str]], draw: random.Random, seconds: float) -> Iterator[Cue]:
    """Yield cues of ten words from turns that are drawn until the time is over."""
    now = 0.0
    while now < seconds:
        speaker, text = draw.choice(said)
        words = text.split()
        for first in range(0, len(words), 10):
            some = words[first : first + 10]
            end = now + len(some) / WORDS_A_SECOND
            yield Cue(round(now, 3), round(end, 3), speaker, " ".join(some))
            now = end


def clock(seconds: float) -> str:
    return f"{int(seconds // 3600):02}:{int(seconds // 60 % 60):02}:{seconds % 60:06.3f}"


def make_feed(folder: Path, said: Sequence[tuple[str, str]], episodes: int) -> int:
    """Write the feed and its transcripts, and return the bytes of the transcripts."""
    draw, size, entries = random.Random(7), 0, []
    for number in range(episodes):
        lines = [
            f"{clock(cue.start or 0)} --> {clock(cue.end or 0)}\n<v {cue.speaker}>{cue.text}\n"
            for cue in cues(said, draw, HOUR)
        ]
        size += (folder / f"{number}.vtt").write_text("\n".join(["WEBVTT\n", *lines]), encoding="utf-8")
        notes = escape(" ".join(draw.choice(said)[1].split()[:60]))
        title = escape(" ".join(draw.choice(said)[1].split()[:6]))
        link = f'<podcast:transcript url="https://a.example/{number}.vtt" type="text/vtt"/>'
        entries.append(
            f"<item><guid>{number}</guid><title>{title}</title><description>{notes}</description>{link}</item>"
        )
    head = '<rss version="2.0" xmlns:podcast="https://podcastindex.org/namespace/1.0"><channel><title>Talks</title>'
    (folder / "feed.xml").write_text(f"{head}{''.join(entries)}</channel></rss>", encoding="utf-8")
    return size


class Drawn:
    """Stands for a model: a vector that the digest of the text decides."""

    batch_tokens = 1 << 16

    def encode(self, texts: Sequence[str], *, prompt: str = "") -> np.ndarray[Any, np.dtype[np.float32]]:  # noqa: ARG002 (of the protocol)
        digests = [hashlib.sha256(text.encode()).digest()[:4] for text in texts]
        rows = [np.random.default_rng(int.from_bytes(digest, "big")).standard_normal(384) for digest in digests]
        vectors = np.array(rows, np.float32)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def timed(what: str, start: float, note: str = "") -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{what:34} {time.perf_counter() - start:7.1f} s   peak {peak:6.0f} MB   {note}", flush=True)
    return time.perf_counter()


def scale(folder: Path, episodes: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        size = make_feed(Path(place), turns(folder), episodes)
        start = time.perf_counter()
        items = recs.read_items(Path(place) / "feed.xml", now="2026-01-01").public
        seconds = time.perf_counter() - start
    start = timed("read", start, f"{size / 1e6 / seconds:.1f} MB of transcript a second")
    real = recs.load_embedder()
    count = sum(len(tokens) for tokens in map(real.tokenizer.tokens, (item.text for item in items[:20])))
    start = time.perf_counter()
    for first in range(0, len(items), 64):
        real.tokenizer.spans([item.text for item in items[first : first + 64]])
    alone = time.perf_counter() - start
    start = timed("tokenizer alone", start, f"about {count / 20:.0f} tokens an episode")
    drawn = Embedder(real.spec, device="cpu", precision="float32", encoder=Drawn())
    from recs.embedding.documents import cut_documents, join_sources

    sources = join_sources([i.text for i in items], None, [i.title for i in items], [i.written for i in items])
    documents = cut_documents(sources, real.spec, lambda: real.tokenizer, prompt="", overflow="chunk", store=None)
    cut = time.perf_counter() - start
    timed("cut into chunks", start, f"{alone / cut:.2f} of the speed of the tokenizer alone")
    print(f"{'':34} {sum(len(document.windows) for document in documents):,} chunks")
    del documents, sources
    start = time.perf_counter()
    embeddings = recs.embed_items(items, drawn, cache=False)
    start = timed("vectors drawn", start)
    collection = recs.Collection(tuple(items))
    recs.related_items(collection, embeddings, embedder=drawn, cache=False)
    timed("related beyond embedding", start)


def drown(site: Path, folder: Path) -> None:
    said, draw = turns(folder), random.Random(7)
    items = recs.read_items(site / "data.jsonl", now="2030-01-01", boilerplate="keep").public
    judged = recs.Collection(tuple(items))
    links = site / "links.jsonl"
    spoken = [timed_text(Transcript(tuple(cues(said, draw, HOUR / 12)), "vtt")) for _ in items]
    both = [with_spoken(item, one) for item, one in zip(items, spoken, strict=True)]
    kinds = {
        "notes alone": judged,
        "with five unrelated minutes": recs.Collection(tuple(both)),
        "the same without the rule": recs.Collection(tuple(replace(item, times=None) for item in both)),
    }
    for name, collection in kinds.items():
        judgments = [json.loads(line) for line in links.open(encoding="utf-8")]
        report = recs.evaluate_related(collection, judgments=judgments, embedder=recs.load_embedder())
        print(f"{name:40} nDCG@10 {report.rankings[0].metrics['ndcg@10'].mean:.3f}", flush=True)


def main() -> None:
    if sys.argv[1] == "scale":
        scale(Path(sys.argv[2]), int(sys.argv[3]) if len(sys.argv) > 3 else 2000)
    else:
        drown(Path(sys.argv[2]), Path(sys.argv[3]))


if __name__ == "__main__":
    main()
