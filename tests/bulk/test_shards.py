"""Shards: the same bytes from every runner, whole or not there, and found again by the next run."""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import pytest
import shard_jobs

from recs.bulk import store
from recs.bulk.runners import LocalRunner
from recs.bulk.shards import MANIFEST, Resources, map_shards, read_shard, whole_shards, write_shard
from recs.errors import ShardsError
from recs.items import Item

pa = pytest.importorskip("pyarrow")
HERE = LocalRunner(workers=0)


@dataclass(frozen=True)
class Squares:
    """Squares of numbers; it writes a line for each shard that is computed, and fails or dies for some."""

    log: Path
    fails: tuple[int, ...] = ()
    dies: tuple[int, ...] = ()

    def __call__(self, number):
        with self.log.open("a") as file:
            file.write(f"{number}\n")
        if number in self.dies:
            os.kill(os.getpid(), signal.SIGKILL)
        if number in self.fails:
            raise ValueError(f"no square of {number}")
        return pa.table({"square": [number**2] * 3})


def digests(paths):
    return [path.name for path in paths]


def computed(log):
    return sorted(map(int, log.read_text().split())) if log.exists() else []


def test_map_shards_processes_and_this_process_make_the_same_bytes(tmp_path):
    squares = Squares(tmp_path / "log")
    here = map_shards(squares, [1, 2, 3], tmp_path / "here", runner=HERE)
    there = map_shards(squares, [1, 2, 3], tmp_path / "there", runner=LocalRunner(workers=2))
    assert digests(here) == digests(there)
    assert [path.read_bytes() for path in here] == [path.read_bytes() for path in there]
    assert (tmp_path / "here" / MANIFEST).read_bytes() == (tmp_path / "there" / MANIFEST).read_bytes()
    assert [read_shard(path)["square"].to_pylist() for path in here] == [[1] * 3, [4] * 3, [9] * 3]


def test_map_shards_a_whole_shard_is_not_computed_again_and_a_torn_one_is(tmp_path):
    squares = Squares(tmp_path / "log")
    paths = map_shards(squares, [1, 2, 3], tmp_path / "out", runner=HERE)
    (tmp_path / "log").unlink()
    whole = paths[1].read_bytes()
    paths[1].write_bytes(whole[:-7])
    (tmp_path / "out" / ".part-00002.abcd.partial").write_bytes(b"half")
    assert map_shards(squares, [1, 2, 3], tmp_path / "out", runner=HERE) == paths
    assert computed(tmp_path / "log") == [2]
    assert paths[1].read_bytes() == whole
    assert not list((tmp_path / "out").glob("*.partial"))


@pytest.mark.parametrize("workers", [0, 2])
def test_map_shards_a_shard_that_fails_is_named_and_the_others_are_done(tmp_path, workers):
    runner = LocalRunner(workers=workers)
    with pytest.raises(ShardsError, match=r"1 of 4 shards failed; the first is out/part-00001.*no square of 2"):
        map_shards(Squares(tmp_path / "log", fails=(2,)), [1, 2, 3, 4], tmp_path / "out", runner=runner)
    assert sorted(whole_shards(tmp_path / "out")) == ["part-00000", "part-00002", "part-00003"]
    (tmp_path / "log").unlink()
    assert len(map_shards(Squares(tmp_path / "log"), [1, 2, 3, 4], tmp_path / "out", runner=runner)) == 4
    assert computed(tmp_path / "log") == [2]


def test_map_shards_a_killed_process_is_an_error_and_the_next_run_goes_on(tmp_path):
    runner = LocalRunner(workers=1)
    with pytest.raises(ShardsError, match="was killed"):
        map_shards(Squares(tmp_path / "log", dies=(3,)), [1, 2, 3, 4], tmp_path / "out", runner=runner)
    assert sorted(whole_shards(tmp_path / "out")) == ["part-00000", "part-00001"]
    (tmp_path / "log").unlink()
    map_shards(Squares(tmp_path / "log"), [1, 2, 3, 4], tmp_path / "out", runner=runner)
    assert computed(tmp_path / "log") == [3, 4]


def test_map_shards_a_full_disk_is_reported_and_nothing_half_is_left(tmp_path, monkeypatch):
    from recs import files

    def full(path, data):
        path.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(files, "_write_flushed", full)
        with pytest.raises(ShardsError, match="No space left on device"):
            map_shards(Squares(tmp_path / "log"), [1], tmp_path / "out", runner=HERE)
    assert list((tmp_path / "out").iterdir()) == []
    assert len(map_shards(Squares(tmp_path / "log"), [1], tmp_path / "out", runner=HERE)) == 1


def test_write_shard_equal_tables_have_one_name(tmp_path):
    for _ in range(2):
        write_shard(pa.table({"id": ["a", "é"], "vector": [[1.0], [2.0]]}), tmp_path, "part-00000")
    assert len(list(tmp_path.iterdir())) == 1


def test_map_shards_of_nothing_is_nothing(tmp_path):
    assert map_shards(Squares(tmp_path / "log"), [], tmp_path / "out", runner=HERE) == []


@dataclass(frozen=True)
class Threads:
    """The limit of threads in the process that computes a shard, and whether the main script sees another."""

    def __call__(self, number):
        names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        return pa.table({"threads": [[os.environ.get(name) for name in names]], "process": [os.getpid()]})


@pytest.mark.parametrize(("cores", "processes"), [(1, 2), (2, 1)])
def test_local_runner_shards_have_as_many_threads_as_cores(tmp_path, monkeypatch, cores, processes):
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "7")
    runner = LocalRunner(workers=2)
    paths = map_shards(Threads(), range(6), tmp_path, runner=runner, resources=Resources(cores))
    rows = [read_shard(path).to_pylist()[0] for path in paths]
    assert {tuple(row["threads"]) for row in rows} == {(str(cores), "1")}
    assert len({row["process"] for row in rows}) <= processes
    assert os.environ["OPENBLAS_NUM_THREADS"] == "7"


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are watched in /proc")
def test_local_runner_a_killed_driver_ends_its_processes_and_the_next_one_goes_on(tmp_path):
    command = [sys.executable, shard_jobs.__file__, "processes", tmp_path / "log", tmp_path / "out", 9, 0.5]
    with subprocess.Popen(list(map(str, command)), env=dict(os.environ)) as driver:
        deadline = time.monotonic() + 60
        while not list((tmp_path / "out").glob("part-*")):
            assert driver.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert shard_jobs.living(tmp_path / "log")
        driver.kill()
    deadline = time.monotonic() + 20
    while shard_jobs.living(tmp_path / "log"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    whole = whole_shards(tmp_path / "out")
    paths = map_shards(shard_jobs.Cubes(tmp_path / "again"), range(9), tmp_path / "out", runner=HERE)
    assert len(paths) == 9
    assert len(shard_jobs.computed(tmp_path / "again")) == 9 - len(whole)


def test_store_items_a_shard_of_long_texts_has_fewer_items(tmp_path, monkeypatch):
    monkeypatch.setattr(store, "_SHARD_CHARACTERS", 10)
    texts = ["aaa", "bbb", "ccc", "d", "a long long text", "e", "f", "g", "h"]
    items = [Item(str(number), text) for number, text in enumerate(texts)]
    parts = store.store_items(items, tmp_path, runner=HERE, shard_items=3)
    assert [(part.start, part.stop) for part in parts] == [(0, 3), (3, 4), (4, 5), (5, 8), (8, 9)]
    assert [text for part in parts for text in store.StoredTexts.read(part.path).texts] == texts
    assert store.store_items([], tmp_path / "none", runner=HERE) == []
