"""Tokens a second against `SentenceTransformer.encode` with its defaults: identical texts and tokens, interleaved runs.

    RECS_DATA=… python benchmarks/embedding_speed.py [--precision float32|bfloat16] [--runs 3]

Two loads: long posts (18f_blog bodies, cut into the chunks that recs embeds) and one-line queries (banking77). Both
sides get the same strings, none longer than the context window, and start from strings: tokens, their number, batches
and vectors are all timed. Beside the ratio: the smallest cosine between the two sides' vectors; the room in the rows of
tokens that no text fills; the share of the machine's own peak at the matrix shapes of the model, measured in the run;
seconds of processor time a million tokens, which other programs on the machine disturb less than they do the clock.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import time
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

import recs
from recs.embedding.batches import plan_batches
from recs.models.encoders.packing import pack
from recs.text.chunks import split_text


def load_texts(root: Path, embedder: recs.Embedder, posts: int, queries: int) -> dict[str, list[str]]:
    bodies = [json.loads(line)["text"] for line in (root / "18f_blog/data.jsonl").read_text("utf-8").splitlines()]
    room = embedder.spec.max_tokens - embedder.tokenizer.special_tokens
    chunks = [
        text[span.start : span.stop]
        for text in bodies[:: max(len(bodies) // posts, 1)][:posts]
        for span in split_text(text, token_spans=lambda piece: embedder.tokenizer.spans([piece])[0], budget=room)
    ]
    lines = [json.loads(line)["text"] for line in (root / "banking77/data.jsonl").read_text("utf-8").splitlines()]
    return {
        "18f_blog chunks": sorted(set(chunks)),
        "banking77 lines": sorted(set(lines))[:: max(len(lines) // queries, 1)],
    }


def peak(dtype: torch.dtype, tokens: int) -> float:
    """Return GFLOP/s of the model's own matrix products (384 × 1536 both ways, 384 × 384) at one batch of tokens."""
    shapes = [(384, 384)] * 4 + [(384, 1536), (1536, 384)]
    inputs = [(torch.randn(tokens, a).to(dtype), torch.randn(b, a).to(dtype)) for a, b in shapes]
    best, flop = 1e9, sum(2 * tokens * a * b for a, b in shapes)
    with torch.inference_mode():
        for _ in range(20):
            start = time.perf_counter()
            for x, w in inputs:
                torch.nn.functional.linear(x, w)
            best = min(best, time.perf_counter() - start)
    return flop / best / 1e9


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--precision", default="auto")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--posts", type=int, default=100)
    parser.add_argument("--queries", type=int, default=3000)
    options = parser.parse_args()
    embedder = recs.load_embedder(precision=options.precision)
    library = SentenceTransformer(str(embedder.spec.folder), device="cpu", local_files_only=True)
    machine = platform.processor() or platform.machine()
    print(f"{machine}, {torch.get_num_threads()} threads, precision {embedder.precision}")
    dtype = torch.bfloat16 if embedder.precision == "bfloat16" else torch.float32
    ratios = []
    for name, texts in load_texts(Path(os.environ["RECS_DATA"]), embedder, options.posts, options.queries).items():
        lengths = embedder.count_tokens(texts)
        batches = plan_batches(texts, lengths, budget=embedder._encoder.batch_tokens)
        ids = embedder.tokenizer.ids(texts)
        sheets = [
            sheet for batch in batches for sheet in pack([ids[i] for i in batch], tokens=embedder._encoder._tokens)
        ]
        padded = sum(len(sheet.ids) for sheet in sheets)
        embedder.embed(texts[:64])
        library.encode(texts[:64])
        ours, theirs, processor = [], [], []
        for _ in range(options.runs):
            start, used = time.perf_counter(), time.process_time()
            found = embedder.embed(texts).vectors
            ours.append(time.perf_counter() - start)
            processor.append((time.process_time() - used, 0.0))
            start, used = time.perf_counter(), time.process_time()
            expected = library.encode(texts, normalize_embeddings=True)
            theirs.append(time.perf_counter() - start)
            processor[-1] = (processor[-1][0], time.process_time() - used)
        ratio = min(theirs) / min(ours)
        ratios.append(ratio)
        tokens = sum(lengths)
        # 2 FLOP a weight a token in the linear layers, and attention's two products of length × 384 each.
        flop = sum(2 * 6 * (4 * 384**2 + 2 * 384 * 1536) * n + 2 * 6 * 2 * 384 * n * n for n in lengths)
        reached, possible = flop / min(ours) / 1e9, peak(dtype, embedder._encoder._tokens)
        used_here, used_there = np.min(processor, axis=0) / tokens * 1e6
        cosine = (found * expected).sum(axis=1).min()
        print(
            f"{name}: {len(texts)} texts, {tokens} tokens; recs {tokens / min(ours):.0f} tok/s, sentence-transformers "
            f"{tokens / min(theirs):.0f} tok/s, ratio {ratio:.2f}; minimum cosine {cosine:.6f}; padding "
            f"{100 * (padded / tokens - 1):.1f} %; {reached:.0f} of {possible:.0f} GFLOP/s "
            f"({100 * reached / possible:.0f} %); processor {used_here:.0f} and {used_there:.0f} s a million tokens"
        )
    print(f"geometric mean of the ratios: {float(np.exp(np.mean(np.log(ratios)))):.2f}")


if __name__ == "__main__":
    main()
