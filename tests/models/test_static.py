"""Static models with neither torch nor onnxruntime: fetched from a hub, then run. The hub is a stand-in."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import checkpoints as make
import layouts
import numpy as np
import pytest

pytest.importorskip("torch")  # writes the weights

BLOCKED = ("torch", "sentence_transformers", "transformers", "safetensors", "onnxruntime", "model2vec")
COMMIT = "a" * 40
PROGRAM = f"""
import sys
for name in {BLOCKED}:
    sys.modules[name] = None
import recs
from recs.embedding.cache import Cache
from recs.embedding.load import find_embedder
with Cache(sys.argv[2]) as cache:
    try:
        embedder = find_embedder(sys.argv[1], cache)
        print(embedder.spec.loader, embedder.embed(["soil and seed"], store=cache).vectors[0].tolist())
    except recs.RecsError as error:
        print(type(error).__name__, error)
"""


@contextmanager
def hub(folder, asked):
    """Serve a folder as a hub does, under every model name; `asked` gets the path of each request."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            path = self.path.partition("?")[0]
            asked.append(path)
            files = [file for file in sorted(folder.rglob("*")) if file.is_file()]
            sizes = {file.relative_to(folder).as_posix(): file.stat().st_size for file in files}
            if "/tree/" in path:
                entries = [{"type": "file", "path": name, "size": size, "oid": "0"} for name, size in sizes.items()]
                self.answer(json.dumps(entries).encode())
            elif path.startswith("/api/models/"):
                siblings = [{"rfilename": name, "size": size} for name, size in sizes.items()]
                self.answer(json.dumps({"id": "a/b", "sha": COMMIT, "siblings": siblings}).encode())
            else:
                self.answer((folder / path.split("/resolve/")[1].partition("/")[2]).read_bytes())

        do_HEAD = do_GET

        def answer(self, content):
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
            self.send_header("X-Repo-Commit", COMMIT)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def run(name, tmp_path, endpoint=None):
    """Embed a text in a process that has none of the libraries; return what it prints."""
    environment = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    environment |= {"HF_HOME": str(tmp_path / "hub"), "HF_HUB_DISABLE_TELEMETRY": "1"}
    environment |= {"HF_ENDPOINT": endpoint} if endpoint else {"HF_HUB_OFFLINE": "1"}
    command = [sys.executable, "-c", PROGRAM, str(name), str(tmp_path / "cache")]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=60, check=False)
    return done.stdout.strip() or done.stderr


def of_library(folder):
    """Write a StaticEmbedding of sentence-transformers."""
    vocab = make.words(folder / "0_StaticEmbedding")
    make.save_tensors(folder / "0_StaticEmbedding", make.random_tensors({"embedding.weight": (vocab, 24)}))
    kind = "sentence_transformers.models.StaticEmbedding"
    make.write_json(folder / "modules.json", [{"idx": 0, "name": "0", "path": "0_StaticEmbedding", "type": kind}])


def of_model2vec(folder):
    layouts.static(folder, 256)
    (folder / "modules.json").unlink()


@pytest.mark.parametrize("write", [of_library, of_model2vec])
def test_static_model_is_fetched_and_run_with_none_of_the_libraries(tmp_path, write):
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import StaticEmbedding

    write(tmp_path / "model")
    asked = []
    with hub(tmp_path / "model", asked) as endpoint:
        said = run("a/b", tmp_path, endpoint)
    loader, _, vector = said.partition(" ")
    assert loader == "static", said
    if write is of_library:
        library = SentenceTransformer(str(tmp_path / "model"), device="cpu", local_files_only=True)
        assert isinstance(library[0], StaticEmbedding)
        expected = library.encode("soil and seed", normalize_embeddings=True)
    else:
        expected = layouts.static_vector(tmp_path / "model", "", "soil and seed")
    np.testing.assert_allclose(json.loads(vector), expected, atol=1e-6)
    shutil.rmtree(tmp_path / "cache")
    assert run("a/b", tmp_path) == said  # from the local hub cache
    assert run(tmp_path / "model", tmp_path) == said


def test_other_model_is_not_fetched_and_what_it_needs_is_said(tmp_path):
    layouts.bert(tmp_path / "model", 48)
    make.sentence_transformers(tmp_path / "model", "Pooling", dim=48)
    asked = []
    with hub(tmp_path / "model", asked) as endpoint:
        said = run("a/b", tmp_path, endpoint)
    assert said.startswith("ModelNotFoundError a/b: not downloaded, because it needs torch or onnxruntime: pip install")
    assert not any("safetensors" in path for path in asked)
    assert not list((tmp_path / "hub").rglob("config.json"))  # a half of a model would be taken for one


def test_registered_model_that_could_not_run_is_not_asked_for(tmp_path):
    asked = []
    with hub(tmp_path, asked) as endpoint:
        assert run("bge-small-en-v1.5", tmp_path, endpoint).startswith("ModelNotFoundError no files of bge-small")
    assert asked == []


def test_model_whose_vectors_are_cached_is_not_asked_for(tmp_path):
    import recs
    from recs.embedding.cache import Cache

    layouts.bert(tmp_path / "model", 48)
    make.sentence_transformers(tmp_path / "model", "Pooling", dim=48)
    snapshot = tmp_path / "hub" / "hub" / "models--a--b" / "snapshots" / COMMIT
    shutil.copytree(tmp_path / "model", snapshot)
    with pytest.MonkeyPatch.context() as patch, Cache(tmp_path / "cache") as cache:
        patch.setenv("HF_HUB_CACHE", str(tmp_path / "hub" / "hub"))
        recs.load_embedder("a/b", offline=True, device="cpu").embed(["soil and seed"], store=cache)
    shutil.rmtree(tmp_path / "hub")
    asked = []
    with hub(tmp_path / "model", asked) as endpoint:
        assert run("a/b", tmp_path, endpoint).startswith("bert [")
    assert asked == []
