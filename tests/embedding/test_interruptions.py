"""Killed processes and several writers, with real processes."""

import json
import os
import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from places import TESTS
from standins import make_records

from recs import Embeddings

HERE = str(TESTS)

# A run that takes about a second: every batch costs a few milliseconds.
PROGRAM = """
import sys, time
sys.path.insert(0, sys.argv[1])
from standins import BagEncoder, make_embedder, make_records
from recs.embedding.cache import Cache
from recs.embedding.pipeline import embed_items
from recs.readers.read import read_items

class Slow(BagEncoder):
    def encode(self, texts, *, prompt=""):
        time.sleep(float(sys.argv[4]))
        return super().encode(texts)

encoder = Slow()
with Cache(sys.argv[2]) as cache:
    embeddings = embed_items(read_items(make_records(120, 60)), make_embedder(encoder), cache=cache)
embeddings.save(sys.argv[3])
print(encoder.texts)
"""


def _start(cache, output, pause):
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, HERE, str(cache), str(output), str(pause)], stdout=subprocess.PIPE, text=True
    )


def _finish(process):
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return int(out)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="Windows has no SIGKILL")
def test_run_killed_at_ten_random_moments_completes_with_the_same_bytes(tmp_path):
    whole = tmp_path / "whole.npz"
    computed = _finish(_start(tmp_path / "cache-whole", whole, 0))
    moments = random.Random(7)
    resumed_from_cache = 0
    for attempt in range(10):
        cache, output = tmp_path / f"cache{attempt}", tmp_path / f"{attempt}.npz"
        process = _start(cache, output, 0.01)
        deadline = time.monotonic() + 60
        while not (cache / "vectors.sqlite").exists() and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 1.2))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert not output.exists() or process.returncode == 0
        resumed_from_cache += computed - _finish(_start(cache, output, 0))
        assert output.read_bytes() == whole.read_bytes()
    assert resumed_from_cache > 0, "no attempt was killed after it had kept something"


@pytest.mark.slow
def test_two_processes_share_one_cache(tmp_path):
    alone = tmp_path / "alone.npz"
    computed = _finish(_start(tmp_path / "cache-alone", alone, 0))
    cache = tmp_path / "cache"
    both = [_start(cache, tmp_path / f"{i}.npz", 0.005) for i in range(2)]
    for process in both:
        _finish(process)
    expected = Embeddings.load(alone)
    for i in range(2):
        found = Embeddings.load(tmp_path / f"{i}.npz")
        assert found.ids == expected.ids
        np.testing.assert_allclose(found.vectors, expected.vectors, atol=1e-5)
    again = tmp_path / "again.npz"
    assert _finish(_start(cache, again, 0)) == 0  # nothing was lost: a third run computes nothing
    assert computed > 0


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX limits")
def test_result_on_a_full_disk_leaves_the_old_file(tmp_path):
    source, target = tmp_path / "posts.json", tmp_path / "related.json"
    source.write_text(json.dumps(make_records(60)))
    target.write_text("the old result")
    program = (
        "import resource, sys\n"
        "from recs.cli import main\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))\n"
        "sys.argv = ['recs', 'related', sys.argv[1], '-o', sys.argv[2], '--signals', 'terms', '--no-cache']\n"
        "main()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(source), str(target)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert target.read_text() == "the old result"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["posts.json", "related.json"]
