"""`recs serve` under load, beside the plain server: FastAPI, and for each request one `SentenceTransformer.encode`.

    python benchmarks/server_load.py [--seconds 10] [--clients 1 8 32] [--requests 10000] [--rounds 2]

Every server runs alone in a process of its own, the rounds interleaved; the clients are here, on keep-alive
connections, each sending its next request when it has its reply. Four requests of five hold one line, the fifth a
passage of about 150 tokens. Then the memory of recs serve over many requests of mixed sizes: batches, single lines,
refusals, clients that hang up.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

PLAIN = """
import sys
from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer
import uvicorn

model = SentenceTransformer(sys.argv[1], device="cpu", local_files_only=True)
app = FastAPI()

class Request(BaseModel):
    input: str
    model: str = ""

def embed(request: Request):
    return {"data": [{"embedding": model.encode([request.input])[0].tolist()}]}

async def embed_in_turn(request: Request):
    return embed(request)

app.post("/v1/embeddings")(embed_in_turn if sys.argv[3] == "async" else embed)
app.get("/health")(lambda: {})
uvicorn.run(app, port=int(sys.argv[2]), access_log=False, log_level="warning")
"""
SERVERS = {
    "plain, def": ["plain", "def"],
    "plain, async def": ["plain", "async"],
    "recs": ["recs", "auto"],
    "recs, float32": ["recs", "float32"],
}


def passages() -> tuple[list[str], list[str]]:
    """Return lines of 8 to 20 words and passages of 120, all different, from the words of the sample posts."""
    posts = json.loads((Path(__file__).parent.parent / "datasets" / "posts.json").read_text("utf-8"))
    text = json.dumps(posts, ensure_ascii=False).replace("\\n", " ").split()
    words = [word for word in text if word.isalpha()]
    rng = random.Random(0)
    lines = [" ".join(rng.choices(words, k=rng.randint(8, 20))) for _ in range(4000)]
    return lines, [" ".join(rng.choices(words, k=120)) for _ in range(1000)]


def message(content: object, path: str = "/v1/embeddings") -> bytes:
    body = json.dumps(content).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


@contextmanager
def running(kind: str, option: str, folder: str) -> Iterator[tuple[int, int, float]]:
    """Start a server; yield its port, its process id and the seconds until it answered; stop it."""
    port = free_port()
    command = {
        "plain": [sys.executable, "-c", PLAIN, folder, str(port), option],
        "recs": [sys.executable, "-m", "recs", "serve", "-q", "--port", str(port), "--precision", option],
    }[kind]
    started = time.perf_counter()
    process = subprocess.Popen(command)
    try:
        while True:
            try:
                asyncio.run(one(port, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"))
                break
            except OSError:
                if process.poll() is not None or time.perf_counter() - started > 180:
                    raise
                time.sleep(0.02)
        yield port, process.pid, time.perf_counter() - started
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


async def reply(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    return int(head[9:12]), await reader.readexactly(length)


async def one(port: int, request: bytes) -> tuple[int, bytes]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        return await reply(reader)
    finally:
        writer.close()


async def load(port: int, requests: Sequence[bytes], clients: int, seconds: float) -> list[float]:
    """Return the latencies of all requests that were answered within the time."""
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def client(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        turn = number * 101
        while (sent := time.perf_counter()) < end:
            writer.write(requests[turn % len(requests)])
            status, _ = await reply(reader)
            if status != 200:
                raise RuntimeError(f"status {status}")
            latencies.append(time.perf_counter() - sent)
            turn += 1
        writer.close()

    await asyncio.gather(*map(client, range(clients)))
    return latencies


def cpu_seconds(pid: int) -> float:
    """Return the processor time of a process: on a busy machine it says more than the clock."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text("ascii")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


async def mixed(port: int, pid: int, lines: list[str], longer: list[str], total: int) -> None:
    """Send requests of all kinds from 16 clients and print the server's memory on the way."""
    rng = random.Random(1)
    done = 0
    statuses: dict[int, int] = {}

    async def client() -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        while done < total:
            done += 1
            if done % (total // 10) == 0:
                print(f"| {done:,} | {resident_mb(pid):,.0f} |", flush=True)
            kind = rng.random()
            texts: object = rng.sample(lines, rng.choice((1, 1, 1, 2, 8, 32)))
            if kind < 0.05:
                texts = "too long " * 300
            elif kind < 0.1:
                texts = rng.sample(longer, 4)
            form = rng.choice(("float", "base64"))
            request = message({"model": "all-MiniLM-L6-v2", "input": texts, "encoding_format": form})
            writer.write(request)
            if kind > 0.97:  # hangs up
                writer.close()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                continue
            status, _ = await reply(reader)
            statuses[status] = statuses.get(status, 0) + 1
        writer.close()

    await asyncio.gather(*(client() for _ in range(16)))
    print(f"replies by status: {dict(sorted(statuses.items()))}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 8, 32])
    parser.add_argument("--requests", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--servers", nargs="+", choices=SERVERS, default=list(SERVERS))
    options = parser.parse_args()
    import recs

    folder = str(recs.load_embedder().spec.folder)
    lines, longer = passages()
    texts = [longer[i % len(longer)] if i % 5 == 4 else lines[i % len(lines)] for i in range(5000)]
    requests = [message({"model": "all-MiniLM-L6-v2", "input": text}) for text in texts]
    print(f"{os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} before, {options.seconds:.0f} s a cell")
    found: dict[tuple[str, int], list[float]] = {}
    used: dict[tuple[str, int], float] = {}
    starts: dict[str, list[float]] = {}
    memory: dict[str, float] = {}
    vectors: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        for name in options.servers:
            with running(*SERVERS[name], folder) as (port, pid, seconds):
                starts.setdefault(name, []).append(seconds)
                asyncio.run(load(port, requests, 8, 2))
                for clients in options.clients:
                    before = cpu_seconds(pid)
                    latencies = asyncio.run(load(port, requests, clients, options.seconds))
                    found.setdefault((name, clients), []).extend(latencies)
                    used[name, clients] = used.get((name, clients), 0) + cpu_seconds(pid) - before
                vectors[name] = json.loads(asyncio.run(one(port, requests[4]))[1])["data"][0]["embedding"]
                memory[name] = resident_mb(pid)
    print(
        "| server | clients | requests/s | p50 ms | p99 ms | CPU ms a request |\n| --- | --- | --- | --- | --- | --- |"
    )
    for (name, clients), latencies in found.items():
        rate = len(latencies) / options.seconds / options.rounds
        cpu = 1000 * used[name, clients] / len(latencies)
        p50, p99 = np.percentile(latencies, [50, 99]) * 1000
        print(f"| {name} | {clients} | {rate:.0f} | {p50:.1f} | {p99:.1f} | {cpu:.1f} |")
    print("| server | seconds until it answers | MB | cosine to the first |\n| --- | --- | --- | --- |")
    first = np.array(vectors[options.servers[0]])
    for name in options.servers:
        cosine = float(np.dot(first, vectors[name]))
        print(f"| {name} | {min(starts[name]):.1f} | {memory[name]:.0f} | {cosine:.6f} |")
    if options.requests:
        with running("recs", "auto", folder) as (port, pid, _):
            asyncio.run(load(port, requests, 32, 3))
            print("| requests | MB |\n| --- | --- |")
            asyncio.run(mixed(port, pid, lines, longer, options.requests))
    print(f"load average {os.getloadavg()[0]:.1f} after")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as cache:
        os.environ.setdefault("RECS_CACHE_DIR", cache)
        main()
