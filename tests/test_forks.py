"""What was used in a parent works in its forked children: models, tokenizers, caches, the queue of a server."""

from __future__ import annotations

import os
import subprocess
import sys

import checkpoints as make
import layouts
import pytest
from places import TESTS

import recs
from recs.errors import EmbeddingError
from recs.models.encoders import kernels

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")

_PARENT = """
import faulthandler, os, sys
import recs
from recs.embedding.cache import Cache
folder, engine, uses = sys.argv[1:]

def texts(owner):
    return [f"{owner} {number} " + "the wheel of the stand in soil " * (number % 9) for number in range(200)]

def stored(cache):
    return cache.info().spaces[0].vectors

def main():
    embedder = recs.load_embedder(folder, engine=engine, device="cpu", precision="float32", offline=True)
    cache = Cache(os.path.join(folder, "cache"))
    expected = embedder.embed(texts("child")).vectors
    embedder.embed(texts("parent"), store=cache)
    before = stored(cache)
    pid = os.fork()
    if not pid:
        faulthandler.dump_traceback_later(40, exit=True)  # a child that hangs says where
        if uses == "yes":
            vectors = embedder.embed(texts("child"), store=cache).vectors
            assert abs(vectors - expected).max() < 1e-5
            assert stored(cache) > before
        sys.exit(7)  # by the whole way out, which closes what is open
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    assert (stored(cache) > before) == (uses == "yes")
    embedder.embed(texts("again"), store=cache)
    cache.close()
    print("works")

main()
"""


def _run(folder, engine, uses="yes", **environment):
    command = [sys.executable, "-W", "error", "-c", _PARENT, str(folder), engine, uses]
    variables = {**os.environ, "OMP_NUM_THREADS": "3", **environment}
    return subprocess.run(command, capture_output=True, text=True, timeout=90, env=variables, check=False)


def _bert(folder):
    layouts.bert(folder, 48, kind="bert")
    make.sentence_transformers(folder, "Pooling", "Normalize", pooling="mean", dim=48)


def _static(folder):
    layouts.static(folder, 32)


def _library(folder):
    layouts.modernbert(folder, 32)


@pytest.mark.parametrize(
    ("write", "engine", "uses"),
    [
        (_bert, "torch", "yes"),
        (_bert, "torch", "no"),
        (_bert, "onnx", "yes"),
        (_bert, "onnx", "no"),
        (_static, "torch", "yes"),
        pytest.param(_library, "torch", "yes", marks=pytest.mark.slow),
    ],
)
def test_child_of_a_fork_embeds_and_ends_as_its_parent(tmp_path, write, engine, uses):
    pytest.importorskip({"torch": "torch", "onnx": "onnxruntime"}[engine])
    write(tmp_path)
    done = _run(tmp_path, engine, uses)
    assert (done.returncode, done.stdout, done.stderr) == (0, "works\n", "")


def test_child_writes_to_the_cache_although_its_parent_has_closed_it(tmp_path):
    code = """
import os, sys
from recs.embedding.cache import Cache
cache = Cache(sys.argv[1])
cache.put_chunks({b"parent": b"1"})
reads, writes = os.pipe()
pid = os.fork()
if not pid:
    assert cache.get_chunks([b"parent"]) == {b"parent": b"1"}
    os.read(reads, 1)
    cache.put_chunks({b"child": b"2"})
    assert cache.problem is None
    os._exit(7)  # as a child of multiprocessing ends
cache.close()
os.write(writes, b"closed")
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
assert set(Cache(sys.argv[1]).get_chunks([b"parent", b"child"])) == {b"parent", b"child"}
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_child_tokenizes_although_the_environment_asks_for_threads(tmp_path):
    _static(tmp_path)
    done = _run(tmp_path, "torch", TOKENIZERS_PARALLELISM="true", RAYON_NUM_THREADS="3")
    assert (done.returncode, done.stdout, done.stderr) == (0, "works\n", "")


def test_child_on_a_gpu_is_told_to_spawn(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    _bert(tmp_path)
    embedder = recs.load_embedder(str(tmp_path), engine="torch", device="cpu", offline=True)
    embedder.embed(["a text"])
    embedder._encoder.device = "cuda"
    monkeypatch.setattr(kernels, "_first_process", lambda: os.getpid() + 1)
    with pytest.raises(EmbeddingError, match=r"cannot compute on cuda .* spawn"):
        embedder.embed(["another text"])


def test_onnxruntime_is_imported_without_telemetry_and_the_environment_stays(tmp_path):
    pytest.importorskip("onnxruntime")
    _bert(tmp_path)
    code = """
import os, sys
import recs
class Watch:
    def find_spec(self, name, path=None, target=None):
        if name == "onnxruntime":
            print(os.environ.get("ORT_DISABLE_TELEMETRY"))
sys.meta_path.insert(0, Watch())
recs.load_embedder(sys.argv[1], engine="onnx", offline=True).embed(["soil"])
print(os.environ.get("ORT_DISABLE_TELEMETRY"))
"""
    for given, said in ((None, "1\nNone\n"), ("0", "0\n0\n")):
        variables = {name: value for name, value in os.environ.items() if name != "ORT_DISABLE_TELEMETRY"}
        variables |= {"ORT_DISABLE_TELEMETRY": given} if given else {}
        command = [sys.executable, "-c", code, str(tmp_path)]
        assert subprocess.run(command, capture_output=True, text=True, env=variables, check=True).stdout == said


def test_queue_of_a_server_that_was_used_before_the_fork_works_in_the_child():
    code = """
import faulthandler, os, sys
sys.path.insert(0, sys.argv[1])
from standins import make_embedder
from recs.serving.batcher import Batcher, Options
batcher = Batcher(make_embedder(), queue_tokens=1000, observe=lambda *_: None)
def embed(text):
    return batcher.submit([text], [""], [3], Options("document", None, "chunk", None))[0].result(20)
embed("parent")
pid = os.fork()
if not pid:
    faulthandler.dump_traceback_later(30, exit=True)
    sys.exit(7 if len(embed("child").vectors) == 1 else 1)
assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
"""
    command = [sys.executable, "-c", code, str(TESTS)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")
