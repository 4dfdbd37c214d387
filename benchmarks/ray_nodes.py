"""Related lists in shards on Ray: the same bytes whatever is killed, and what Ray costs.

`faults` starts a cluster of two nodes, each in a network namespace of its own, on this machine (Linux, as root), and
computes the lists of one collection four times: by processes of this machine; on both nodes; with the second node
killed in mid-run; with the driver killed in mid-run and started again. The names of the files of all shards, which are
digests of their bytes, must be the same.

`overhead` computes the lists of mixed items (`bulk_related.py`) with as many processes by both engines in turn.

    python benchmarks/ray_nodes.py faults --source datasets/posts.json --shard-items 12
    RECS_DATA=… python benchmarks/ray_nodes.py faults --source $RECS_DATA/18f_blog/data.jsonl --shard-items 50
    RECS_DATA=… python benchmarks/ray_nodes.py overhead --rows 20000 --repeat 3
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path

import bulk_related
import numpy as np

import recs
from recs.bulk.ray_runner import RayRunner
from recs.bulk.related import related_in_shards
from recs.bulk.runners import LocalRunner
from recs.bulk.vectors import EmbedTexts

SPACES = ("recs-first", "recs-second")
PLACES = ("10.77.0.1", "10.77.0.2")
ADDRESS = f"{PLACES[0]}:6379"
CORES = 2  # of each node
MIXED = "mixed"
os.environ.update(RAY_worker_niceness="0")  # else the workers of Ray would give way to all other programs


# one run, in a process of its own


def drive(arguments: argparse.Namespace) -> None:
    """Compute the lists once, and print the seconds, the processor seconds and the digests."""
    collection, embedding = read(arguments)
    runner = LocalRunner() if arguments.engine == "processes" else RayRunner(arguments.engine)
    start = time.perf_counter()
    with nullcontext() if isinstance(runner, LocalRunner) else runner.connected():
        started = time.perf_counter() - start
        options = {"runner": runner, "folder": arguments.folder, "shard_items": arguments.shard_items}
        lists = related_in_shards(collection, embedding, **options, now="2026-11-29")
        seconds = time.perf_counter() - start - started
        processor = processor_seconds()
    recs.write_related(lists, arguments.folder / "related.json")
    report = {"start": started, "seconds": seconds, "processor": processor, "digest": digest(arguments.folder)}
    print(json.dumps(report | {"shards": len(shards(arguments.folder)), "ended": time.perf_counter() - start}))


def read(arguments: argparse.Namespace) -> tuple[recs.Collection, EmbedTexts]:
    """Return the items, and what makes their vectors."""
    if arguments.source != MIXED:
        return recs.read_items(arguments.source), EmbedTexts("all-MiniLM-L6-v2")
    source = recs.read_items(Path(os.environ["RECS_DATA"], bulk_related.SOURCE, "data.jsonl")).public
    items = bulk_related.mixed_items([item.text for item in source], arguments.rows)
    return items, bulk_related.MixedVectors("mixed", vectors=arguments.vectors)


def shards(folder: Path) -> list[str]:
    """Return the files of all shards of all steps; their names are digests of their bytes."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("part-*.parquet"))


def digest(folder: Path) -> str:
    """Return one digest of the files of all shards and of the result."""
    names = "\n".join(shards(folder)).encode()
    return hashlib.sha256(names + (folder / "related.json").read_bytes()).hexdigest()[:16]


def processor_seconds() -> float:
    """Return the processor seconds of this process and of those that it started, dead or alive."""
    import psutil

    me = psutil.Process()
    total = sum(me.cpu_times()[:4])
    for child in me.children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            total += sum(child.cpu_times()[:4])
    return total


def command_of(arguments: argparse.Namespace, engine: str, folder: Path) -> list[str]:
    """Return the command of one run."""
    command = [sys.executable, __file__, "drive", "--engine", engine, "--folder", folder, "--source", arguments.source]
    command += ["--shard-items", arguments.shard_items, "--rows", arguments.rows]
    return [*map(str, command), *(["--vectors", str(arguments.vectors)] if arguments.vectors else [])]


def run(command: list[str]) -> dict:
    """Run a command and return what it prints as JSON, its last line."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        return {"problem": done.stderr.strip().splitlines()[-1:], "seconds": 0.0, "digest": "-", "shards": 0}
    return json.loads(done.stdout.splitlines()[-1])


# two nodes


@contextmanager
def two_nodes(folder: Path) -> Iterator[None]:
    """Start the cluster; at the end nothing of it is left."""
    os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32), RAY_USAGE_STATS_ENABLED="0")
    try:
        for line in (
            f"netns add {SPACES[0]}",
            f"netns add {SPACES[1]}",
            f"link add veth-r1 netns {SPACES[0]} type veth peer name veth-r2 netns {SPACES[1]}",
        ):
            ip(*line.split())
        for space, place, link in zip(SPACES, PLACES, ("veth-r1", "veth-r2"), strict=True):
            for line in (f"addr add {place}/24 dev {link}", "link set lo up", f"link set {link} up"):
                ip("-n", space, *line.split())
            other = PLACES[1 - PLACES.index(place)]
            ip("-n", space, "route", "add", "default", "via", other)  # so that Ray takes this address for its own
        start_node(0, folder)
        start_node(1, folder)
        yield
    finally:
        for space in SPACES:
            kill(space)
            subprocess.run(["ip", "netns", "del", space], check=False, capture_output=True)


def ip(*arguments: str) -> None:
    """Run `ip`."""
    subprocess.run(["ip", *arguments], check=True)


def within(space: int, command: list[str]) -> list[str]:
    """Return a command that runs in a namespace."""
    return ["ip", "netns", "exec", SPACES[space], *command]


def start_node(number: int, folder: Path) -> None:
    """Start a node of Ray in its namespace and wait until the cluster knows it."""
    ray = str(Path(sys.executable).with_name("ray"))
    command = [ray, "start", f"--node-ip-address={PLACES[number]}", f"--num-cpus={CORES}"]
    command += ["--object-store-memory=200000000", "--disable-usage-stats"]
    head = ["--head", "--port=6379", "--include-dashboard=false", f"--temp-dir={folder / 'ray'}"]
    command += head if number == 0 else [f"--address={ADDRESS}"]
    for _ in range(3):  # a node has 30 s to start, which is short on a busy machine
        done = subprocess.run(within(number, command), capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return
        kill(SPACES[number])
    raise SystemExit(f"node {number} did not start:\n{done.stdout}\n{done.stderr}")


def kill(space: str) -> int:
    """Kill all processes of a namespace at once, as the loss of a machine does; return how many there were."""
    count = 0
    for _ in range(3):  # some may be starting others
        listed = subprocess.run(["ip", "netns", "pids", space], check=False, capture_output=True, text=True)
        for pid in listed.stdout.split():
            with suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)
                count += 1
        time.sleep(0.2)
    return count


# what is measured


def faults(arguments: argparse.Namespace, folder: Path) -> None:
    """Compare the four runs."""
    print("| run | shards | seconds | digest | |\n| --- | --- | --- | --- | --- |", flush=True)
    show("processes of this machine", run(command_of(arguments, "processes", folder / "processes")))
    start = time.perf_counter()
    with two_nodes(folder):
        started = f"the start of both nodes took {time.perf_counter() - start:.0f} s"
        show("two nodes", run(within(0, command_of(arguments, ADDRESS, folder / "nodes"))), started)
        show("a node killed", *node_killed(arguments, folder))
        start_node(1, folder)
        show("the driver killed, started again", *driver_killed(arguments, folder))


def show(name: str, report: dict, note: str = "") -> None:
    """Print a line of the table."""
    note = "; ".join(filter(None, [note, *map(str, report.get("problem", ()))]))
    print(f"| {name} | {report['shards']} | {report['seconds']:.0f} | {report['digest']} | {note} |", flush=True)


def node_killed(arguments: argparse.Namespace, folder: Path) -> tuple[dict, str]:
    """Kill the second node when half of the vectors are there."""
    place = folder / "node-killed"
    with subprocess.Popen(
        within(0, command_of(arguments, ADDRESS, place)), stdout=subprocess.PIPE, text=True
    ) as driver:
        wait_for(place, "vectors", arguments.half, driver)
        busy = wait_until_busy(driver)
        count = kill(SPACES[1])
        output, _ = driver.communicate()
    report = json.loads(output.splitlines()[-1]) if driver.returncode == 0 else run(["false"])
    return report, f"{count} processes killed, {busy} of them at work on a shard"


def wait_until_busy(driver: subprocess.Popen) -> int:
    """Wait until the second node computes a shard; return how many tasks run there."""
    while not (busy := busy_on_second()):
        if driver.poll() is not None:
            raise SystemExit("the run ended before the second node was at work")
        time.sleep(0.02)
    return busy


def busy_on_second() -> int:
    """Return how many tasks run on the second node."""
    listed = subprocess.run(["ip", "netns", "pids", SPACES[1]], check=False, capture_output=True, text=True)
    names = []
    for pid in listed.stdout.split():
        with suppress(OSError):  # it has ended meanwhile
            names.append(Path(f"/proc/{pid}/cmdline").read_text())
    return sum("ray::_compute" in name for name in names)


def driver_killed(arguments: argparse.Namespace, folder: Path) -> tuple[dict, str]:
    """Kill the driver when half of the vectors are there, and start it again."""
    place = folder / "driver-killed"
    command = within(0, command_of(arguments, ADDRESS, place))
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as driver:
        wait_for(place, "vectors", arguments.half, driver)
        driver.kill()
    before = shards(place)
    time.sleep(3)
    late = len(shards(place)) - len(before)
    times = {name: (place / name).stat().st_mtime_ns for name in before}
    report = run(command)
    kept = sum(
        (place / name).stat().st_mtime_ns == time_of for name, time_of in times.items() if (place / name).exists()
    )
    return report, f"{kept} of {len(before)} shards kept; {late} were written after it was killed"


def wait_for(folder: Path, step: str, count: int, driver: subprocess.Popen) -> None:
    """Wait until a step has so many shards."""
    while len(list(folder.glob(f"*/{step}/part-*"))) < count:
        if driver.poll() is not None:
            raise SystemExit("the run ended before it could be disturbed")
        time.sleep(0.02)


def overhead(arguments: argparse.Namespace, folder: Path) -> None:
    """Compare both engines on this machine in turn."""
    arguments.source, arguments.vectors = MIXED, arguments.vectors or folder / "small.npy"
    if not arguments.vectors.exists():
        source = recs.read_items(Path(os.environ["RECS_DATA"], bulk_related.SOURCE, "data.jsonl")).public
        np.save(arguments.vectors, recs.embed_items(source).vectors)
    reports: dict[str, list[dict]] = {"processes": [], "local": []}
    for number in range(arguments.repeat):
        for engine, of_engine in reports.items():
            report = run(command_of(arguments, engine, folder / f"{engine}{number}"))
            of_engine.append(report)
            print(engine, report, flush=True)
    for what in ("seconds", "processor"):
        pairs = [(here[what], ray[what]) for here, ray in zip(*reports.values(), strict=True) if "problem" not in ray]
        print(f"{what}: Ray / processes, median: {statistics.median(ray / here for here, ray in pairs):.3f}")


def main() -> None:
    """Run what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=["faults", "overhead", "drive"])
    parser.add_argument("--source", default="datasets/posts.json")
    parser.add_argument("--shard-items", type=int, default=12)
    parser.add_argument("--half", type=int, default=4, help="shards of vectors before something is killed")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--engine", help="processes, or an address of Ray")
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--vectors", type=Path, help="of the small collection; made if they are not there")
    arguments = parser.parse_args()
    if arguments.what == "drive":
        drive(arguments)
        return
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as temporary:
        {"faults": faults, "overhead": overhead}[arguments.what](arguments, Path(temporary))


if __name__ == "__main__":
    main()
