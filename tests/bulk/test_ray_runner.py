"""Shards on Ray: the bytes of the local runner, whatever is killed; and what is wrong is said, not waited for."""

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import shard_jobs
from shard_jobs import Cubes, computed

from recs.bulk import ray_connection, ray_runner
from recs.bulk.ray_runner import RETRIES, RayRunner
from recs.bulk.runners import LocalRunner, core_count
from recs.bulk.shards import MANIFEST, Call, Resources, map_shards, read_shard, whole_shards
from recs.errors import MissingDependencyError, OptionError, ShardsError

pytest.importorskip("pyarrow")
HERE = LocalRunner(workers=0)
needs_ray = pytest.mark.skipif(
    __import__("importlib.util").util.find_spec("ray") is None, reason="Ray is not installed: extra 'ray'"
)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """A runner that is connected to a Ray of its own, whose workers can import the modules of these tests."""
    with pytest.MonkeyPatch.context() as patch:
        places = [str(Path(shard_jobs.__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        patch.setenv("PYTHONPATH", os.pathsep.join(places))
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))  # where Ray writes a token for a new cluster
        patch.delenv("RAY_AUTH_MODE", raising=False)  # Ray sets it
        with RayRunner("local").connected() as runner:
            yield runner


class Recorded:
    """A runner that remembers the problems of another one."""

    def __init__(self, runner):
        self.runner = runner
        self.problems = {}

    def run(self, calls, resources):
        for done in self.runner.run(calls, resources):
            self.problems[done.name] = done.problem
            yield done


def names_of(paths):
    return [path.name for path in paths]


def test_ray_runner_without_ray_names_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingDependencyError, match=r"work in shards on Ray needs Ray: pip install '.*\[ray\]'"):
        map_shards(Cubes(tmp_path / "log"), [1], tmp_path / "out", runner=RayRunner("local"))


@pytest.mark.parametrize("address", ["", "somewhere", "10.0.0.1", "http://10.0.0.1:6379", "host:port", "host:6379/x"])
def test_ray_runner_an_address_that_is_none_is_refused(address):
    with pytest.raises(OptionError, match="expected 'auto', 'local', 'host:port'"):
        RayRunner(address)


@pytest.mark.parametrize("address", ["auto", "local", "127.0.0.1:6379", "ray://head.example:10001", "[::1]:6379"])
def test_ray_runner_takes_the_addresses_of_ray(address):
    assert RayRunner(address).address == address


@pytest.mark.slow
@needs_ray
@pytest.mark.parametrize("form", ["{}", "ray://{}"])
def test_ray_runner_no_cluster_at_the_address_is_said_at_once(tmp_path, form):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = form.format(f"127.0.0.1:{free.getsockname()[1]}")
    start = time.monotonic()
    with pytest.raises(ShardsError, match=rf"no cluster of Ray at {address} .*refused.* Start one with `ray start"):
        map_shards(Cubes(tmp_path / "log"), [1], tmp_path / "out", runner=RayRunner(address))
    assert time.monotonic() - start < 30  # the import of Ray, on a busy machine
    assert computed(tmp_path / "log") == []


@pytest.mark.slow
@needs_ray
@pytest.mark.parametrize("words", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_ray_runner_a_server_that_is_not_ray_is_said_at_once(monkeypatch, words):
    monkeypatch.setattr(ray_connection, "_ANSWER", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            connection, _ = server.accept()
            with connection:
                connection.sendall(words)
                time.sleep(0.5)

        thread = threading.Thread(target=serve)
        thread.start()
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(ShardsError, match=r"\(timed out|not Ray\)"), RayRunner(address).connected():
            pass
        thread.join()


@needs_ray
def test_ray_runner_auto_is_the_address_that_is_written_down(monkeypatch, tmp_path):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.setenv("RAY_TMPDIR", str(tmp_path))
    assert ray_connection._recorded() == "auto"
    (tmp_path / "ray").mkdir()
    (tmp_path / "ray" / "ray_current_cluster").write_text("10.0.0.1:6379\n")
    assert ray_connection._recorded() == "10.0.0.1:6379"
    monkeypatch.setenv("RAY_ADDRESS", "ray://head:10001")
    assert ray_connection._recorded() == "ray://head:10001"


@pytest.mark.slow
@needs_ray
@pytest.mark.parametrize("cores", [1, 2])
def test_ray_runner_makes_the_bytes_of_the_local_runner(cluster, tmp_path, cores):
    if cores > core_count():
        pytest.skip("this machine has one core")
    resources = Resources(cores)
    there = map_shards(Cubes(tmp_path / "log"), [1, 2, 3], tmp_path / "ray", runner=cluster, resources=resources)
    local = LocalRunner(workers=1)
    here = map_shards(Cubes(tmp_path / "log"), [1, 2, 3], tmp_path / "here", runner=local, resources=resources)
    assert [path.read_bytes() for path in there] == [path.read_bytes() for path in here]
    assert (tmp_path / "ray" / MANIFEST).read_bytes() == (tmp_path / "here" / MANIFEST).read_bytes()
    assert sorted(path.name for path in (tmp_path / "ray").iterdir()) == [MANIFEST, *names_of(there)]
    table = read_shard(there[1]).to_pydict()
    assert table == {"cube": [8] * 4, "threads": [str(cores), "1", str(cores), str(cores)]}


@pytest.mark.slow
@needs_ray
def test_ray_runner_a_killed_process_is_replaced_by_ray(cluster, tmp_path, capsys):
    work = Cubes(tmp_path / "log", dies_once=(2,))
    with ray_connection._clean_output():
        paths = map_shards(work, [1, 2, 3], tmp_path / "out", runner=cluster)
        time.sleep(0.5)  # Ray reports from a thread
    assert computed(tmp_path / "log") == [1, 2, 2, 3]
    said = capsys.readouterr()
    assert said.out == ""
    assert "worker died" in said.err
    assert names_of(paths) == names_of(map_shards(Cubes(tmp_path / "x"), [1, 2, 3], tmp_path / "x2", runner=cluster))


@pytest.mark.slow
@needs_ray
def test_ray_runner_a_shard_that_always_fails_or_dies_is_named_and_the_others_are_done(cluster, tmp_path):
    work = Cubes(tmp_path / "log", fails=(2,), dies=(3,), full_disk=(4,))
    runner = Recorded(cluster)
    with pytest.raises(ShardsError, match=r"3 of 5 shards failed; the first is out/part-00001.*no cube of 2"):
        map_shards(work, [1, 2, 3, 4, 5], tmp_path / "out", runner=runner)
    assert sorted(whole_shards(tmp_path / "out")) == ["part-00000", "part-00004"]
    assert computed(tmp_path / "log") == [1, 2, *[3] * (RETRIES + 1), 4, 5]
    assert runner.problems["part-00002"] == f"its process or node was killed, {RETRIES + 1} times; was memory full?"
    assert "No space left on device" in runner.problems["part-00003"]
    assert not list((tmp_path / "out").glob("*.partial"))
    assert len(map_shards(Cubes(tmp_path / "again"), [1, 2, 3, 4, 5], tmp_path / "out", runner=cluster)) == 5
    assert computed(tmp_path / "again") == [2, 3, 4]


@pytest.mark.slow
@needs_ray
def test_ray_runner_more_cores_than_any_node_has_is_refused_before_anything_is_computed(cluster, tmp_path):
    message = rf"a shard needs 5000 cores; the largest node of the cluster at local has {core_count()}\."
    with pytest.raises(ShardsError, match=message):
        map_shards(Cubes(tmp_path / "log"), [1], tmp_path / "out", runner=cluster, resources=Resources(5000))
    assert computed(tmp_path / "log") == []


@pytest.mark.slow
@needs_ray
def test_ray_runner_a_node_that_does_not_see_the_folder_says_so(cluster, tmp_path, monkeypatch):
    """Simulated: the mark is of a folder that is not there, as the driver's is for a node without a shared disk."""

    @contextmanager
    def elsewhere(folder):
        yield ray_runner._Mark(tmp_path / "elsewhere" / "mark", "token", "0")

    monkeypatch.setattr(ray_runner, "_marked", elsewhere)
    with pytest.raises(
        ShardsError, match=r"the node [0-9.]+ does not see the folder .*elsewhere; all nodes must share"
    ):
        map_shards(Cubes(tmp_path / "log"), [1], tmp_path / "out", runner=cluster)
    assert computed(tmp_path / "log") == []


@needs_ray
def test_mark_knows_another_folder_and_another_version(tmp_path, monkeypatch):
    monkeypatch.setattr(ray_runner, "_node", lambda: "10.0.0.7")
    with ray_runner._marked(tmp_path) as mark:
        assert mark.problem() == ""
        older = ray_runner._Mark(mark.path, mark.token, "0.0.1")
        assert "the node 10.0.0.7 has version" in older.problem()
        mark.path.write_text("of another disk")
        assert "the node 10.0.0.7 does not see the folder" in mark.problem()
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(OptionError, match="must have an absolute path"), ray_runner._marked(Path("out")):
        pass


def test_mark_counts_the_tries_of_each_shard_and_ends_them(tmp_path):
    """Ray tries a shard that fills the memory of its node without end."""
    calls = [Call(Cubes(tmp_path / "log"), number, f"part-{number:05}", tmp_path / "out") for number in (1, 2)]
    (tmp_path / "out").mkdir()
    with ray_runner._marked(tmp_path / "out") as mark:
        tries = [ray_runner._compute(calls[0], mark, 1) for _ in range(RETRIES + 3)]
        assert [done.problem for done in tries[: RETRIES + 1]] == [""] * (RETRIES + 1)
        assert all("memory was full, 4 times" in done.problem for done in tries[RETRIES + 1 :])
        assert ray_runner._compute(calls[1], mark, 1).problem == ""
        lost = ray_runner._Mark(tmp_path / "none" / "mark", mark.token, mark.version)
        assert "none: cannot be written: No such file" in lost.count("part-00001")
    assert not list((tmp_path / "out").glob(".*"))


@pytest.mark.slow
@needs_ray
def test_ray_runner_a_run_that_is_broken_off_ends_its_tasks(cluster, tmp_path):
    calls = [Call(Cubes(tmp_path / "log", seconds=0.5), number, str(number), tmp_path) for number in range(40)]
    run = cluster.run(calls, Resources())
    assert next(run).path is not None
    run.close()
    time.sleep(1.5)
    begun = computed(tmp_path / "log")
    time.sleep(1.5)
    assert computed(tmp_path / "log") == begun
    assert len(begun) < 20
    whole_shards(tmp_path)  # as the next run does, which removes what a killed process left
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
@needs_ray
def test_ray_runner_a_killed_driver_ends_its_tasks_and_the_next_one_goes_on(cluster, tmp_path):
    import ray

    address = ray.get_runtime_context().gcs_address
    command = [sys.executable, shard_jobs.__file__, address, tmp_path / "log", tmp_path / "out", 40, 0.5]
    with subprocess.Popen(list(map(str, command)), env=dict(os.environ)) as driver:
        deadline = time.monotonic() + 60
        while len(list((tmp_path / "out").glob("part-*"))) < 3:
            assert driver.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        driver.kill()
    time.sleep(2)
    begun = computed(tmp_path / "log")
    assert len(begun) < 20
    time.sleep(1.5)
    assert computed(tmp_path / "log") == begun
    whole = set(whole_shards(tmp_path / "out"))
    paths = map_shards(Cubes(tmp_path / "again"), range(40), tmp_path / "out", runner=cluster)
    assert len(paths) == 40
    assert {f"part-{number:05}" for number in computed(tmp_path / "again")} == {
        path.name[:10] for path in paths
    } - whole
    assert not list((tmp_path / "out").glob(".*"))


@pytest.mark.slow
@needs_ray
def test_ray_runner_leaves_the_environment_and_the_logger_as_they_were(cluster):
    assert "RAY_USAGE_STATS_ENABLED" not in os.environ
    assert "RAY_TMPDIR" not in os.environ
    assert logging.getLogger("ray").level < logging.ERROR  # Ray's own level
