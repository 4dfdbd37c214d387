"""A server under load while its index is replaced: errors, replies of two versions at once, and memory.

    python benchmarks/search_load.py [REQUESTS] [CLIENTS]    # a system with /proc

Each version of the index marks the title of every item with its number; a reply whose hits have two marks is torn.
"""

from __future__ import annotations

import json
import random
import re
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import recs

WORDS = ("soil", "garlic", "bread", "bicycle", "shed", "winter", "wood", "recipe", "path", "sensor")
POSTS = Path(__file__).parents[1] / "datasets" / "posts.json"
MARK = re.compile(r"\[version ([0-9]+)\]")


def write(items: list[recs.Item], place: Path, version: int, embedder: recs.Embedder) -> None:
    marked = [replace(item, title=f"{item.title} [version {version}]") for item in items]
    recs.save_index(recs.build_index(marked, embedder=embedder), place)


def requests_of(draw: random.Random, ids: list[str], count: int) -> list[tuple[str, str, Any]]:
    """Return method, path and body of some requests: words, words and vectors, passages, related items."""
    asked: list[tuple[str, str, Any]] = []
    for _ in range(count):
        words = " ".join(draw.sample(WORDS, 3))
        kinds: list[tuple[str, str, Any]] = [
            ("GET", f"/search?{urlencode({'q': words, 'signals': 'terms'})}", None),
            ("GET", f"/search?{urlencode({'q': words})}", None),
            ("POST", "/passages", {"query": words, "max_tokens": 300}),
            ("GET", f"/related?{urlencode({'id': draw.choice(ids)})}", None),
        ]
        asked.append(draw.choice(kinds))
    return asked


def client(port: int, asked: list[tuple[str, str, Any]], results: Counter[str], lock: threading.Lock) -> None:
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    for method, path, body in asked:
        start = time.perf_counter()
        try:
            connection.request(method, path, None if body is None else json.dumps(body))
            reply = connection.getresponse()
            text = reply.read().decode()
            kind = "ok" if reply.status == 200 else f"status {reply.status}"
            if len(set(MARK.findall(text))) > 1:
                kind = "torn"
        except OSError as error:
            kind, connection = type(error).__name__, HTTPConnection("127.0.0.1", port, timeout=60)
        with lock:
            results[kind] += 1
            results["milliseconds"] += int(1000 * (time.perf_counter() - start))


def megabytes(process: int) -> float:
    """Return the resident memory of a process."""
    (line,) = [line for line in Path(f"/proc/{process}/status").read_text().splitlines() if line.startswith("VmRSS")]
    return int(line.split()[1]) / 1024


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    clients = int(sys.argv[2]) if len(sys.argv) > 2 else 64
    embedder = recs.load_embedder()
    items = list(recs.read_items(POSTS, now="2026-11-01").public)
    with tempfile.TemporaryDirectory() as name:
        place = Path(name) / "index"
        write(items, place, 0, embedder)
        command = [sys.executable, "-m", "recs", "serve", "--index", str(place), "--port", "0", "--quiet"]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        try:
            run(server, items, place, embedder, count, clients)
        finally:
            server.terminate()
            server.communicate(timeout=40)


def run(server: Any, items: list[recs.Item], place: Path, embedder: recs.Embedder, count: int, clients: int) -> None:
    line = server.stderr.readline()
    (number,) = re.findall(r":([0-9]+)/", line)
    port = int(number)
    threading.Thread(target=server.stderr.read, daemon=True).start()
    results: Counter[str] = Counter()
    lock, draw = threading.Lock(), random.Random(3)
    ids = [item.id for item in items]
    shares = [requests_of(draw, ids, count // clients) for _ in range(clients)]
    threads = [threading.Thread(target=client, args=(port, share, results, lock)) for share in shares]
    start, versions, memory = time.perf_counter(), 0, []
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        versions += 1
        write(items, place, versions, embedder)
        memory.append(megabytes(server.pid))
        time.sleep(1.0)
    seconds, spent = time.perf_counter() - start, results.pop("milliseconds")
    print(f"{sum(results.values()):,} requests by {clients} clients in {seconds:.0f} s: {dict(results)}")
    print(f"mean time of a reply {spent / sum(results.values()):.0f} ms; the index was replaced {versions} times")
    quarter = memory[len(memory) // 4]
    print(f"memory of the server: {quarter:.0f} MB after a quarter, {memory[-1]:.0f} MB at the end")


if __name__ == "__main__":
    main()
