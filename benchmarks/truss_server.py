"""A Truss that `recs truss` wrote, checked by the truss package and answered by its real server, without a container.

    python benchmarks/truss_server.py [OPTION ...]     options of `recs truss` and `recs embed` both: --engine onnx

Makes two environments under build/truss: one with the truss package, one with exactly what a container of this Truss
would install. Writes a Truss of the default model; has truss validate it, predict with it and lay out the build
context; starts the server that would run in the container, on loopback, and compares its answers with `recs embed`.
Needs a package index and, the first time, a few minutes. Exits with 1 where a check fails.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import venv
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import yaml

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "truss"
TRUSS, CONTEXT, SERVED = BUILD / "folder", BUILD / "context", BUILD / "served"
TOLERANCE = 1e-6
CLIENTS = 8
OPTIONS = sys.argv[1:]
SERVER = "-".join(["server", *(option.strip("-") for option in OPTIONS)])
START_LIMIT_S = 300
ENVIRONMENT = {
    name: value for name, value in os.environ.items() if name != "PYTHONPATH"
}  # nothing but what is installed

TEXT = "how do I plant garlic"
TEXTS = [TEXT, "Garlic wants frost.", "Ein Fahrrad hat zwei Räder.", "garlic and soil " * 900]
ITEMS = [
    {"id": "a", "title": "Garlic", "text": "Plant the cloves in autumn."},
    {"id": "b", "title": "Bicycles", "html": "<p>A chain wants <b>oil</b>.</p>"},
]
VALIDATE = """
import json, sys
from truss.base.truss_config import TrussConfig
from truss.truss_handle.build import load
handle = load(sys.argv[1])
handle.validate()
print(json.dumps(sorted(TrussConfig.model_fields)))
"""
PREDICT = """
import json, sys
from truss.truss_handle.build import load
print(json.dumps(load(sys.argv[1]).predict(json.loads(sys.argv[2]))))
"""

failed: list[str] = []


def main() -> int:
    """Install, write, validate, serve, compare."""
    BUILD.mkdir(parents=True, exist_ok=True)
    tool, server = environment("tool"), environment(SERVER)
    run(tool / "python", "-m", "pip", "install", "-qq", "truss")
    shutil.rmtree(TRUSS, ignore_errors=True)
    run(sys.executable, "-m", "recs", "truss", TRUSS, *OPTIONS)
    config = yaml.safe_load((TRUSS / "config.yaml").read_text(encoding="utf-8"))
    threads = config["environment_variables"]

    known = json.loads(run(tool / "python", "-c", VALIDATE, TRUSS).splitlines()[-1])
    check("truss validates it and knows every key of config.yaml", set(config) <= set(known))
    shutil.rmtree(CONTEXT, ignore_errors=True)
    run(tool / "truss", "image", "build-context", CONTEXT, TRUSS)
    requirements = CONTEXT / "requirements.txt"
    run(server / "python", "-m", "pip", "install", "-qq", "-r", requirements, "-c", CONTEXT / "constraints.txt")
    check(
        "its requirements install together with the server's",
        "No broken" in run(server / "python", "-m", "pip", "check"),
    )

    expected = {
        "a text": embed("-d", json.dumps(TEXT), **threads),
        "a list": embed("-d", json.dumps(TEXTS), **threads),
        "a query": embed("-d", json.dumps(TEXTS), "--role", "query", **threads),
        "items": embed("-f", items_file(), **threads),
    }
    # The tool's own versions come first on the path: some of them differ from the server's.
    (site,) = (BUILD / SERVER).rglob("site-packages")
    (own,) = (BUILD / "tool").rglob("site-packages")
    (own / "server.pth").write_text(f"{site}\n", encoding="utf-8")
    said = run(tool / "python", "-c", PREDICT, TRUSS, json.dumps(TEXTS), **threads).splitlines()[-1]
    (own / "server.pth").unlink()
    compare("truss, predict in process: a list", json.loads(said), expected["a list"])

    serve(server / "python", expected, threads)
    print(f"{len(failed)} checks failed" if failed else "all checks passed")
    return 1 if failed else 0


def serve(python: Path, expected: dict[str, Any], threads: dict[str, str]) -> None:
    """Start the server as its container would, ask it, stop it."""
    shutil.rmtree(SERVED, ignore_errors=True)
    shutil.copytree(CONTEXT / "server", SERVED)
    for name in ("model", "packages", "data"):
        if (TRUSS / name).is_dir():
            shutil.copytree(TRUSS / name, SERVED / name)
    shutil.copy(CONTEXT / "config.yaml", SERVED)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**ENVIRONMENT, **threads, "INFERENCE_SERVER_PORT": str(port)}
    started = time.perf_counter()
    with (BUILD / "server.log").open("w") as log:
        process = subprocess.Popen([python, "main.py"], cwd=SERVED, env=environment, stdout=log, stderr=log)
    try:
        while ask(port, "/v1/models/model")[0] != 200:
            if process.poll() is not None or time.perf_counter() - started > START_LIMIT_S:
                check(f"the server starts; see {BUILD / 'server.log'}", False)
                return
            time.sleep(0.2)
        print(f"server ready after {time.perf_counter() - started:.1f} s")
        ask_everything(port, expected)
    finally:
        process.send_signal(signal.SIGTERM)
        status = process.wait(60)
    check(f"the server stops on SIGTERM (status {status})", status in (0, -signal.SIGTERM))


def ask_everything(port: int, expected: dict[str, Any]) -> None:
    """Ask what a client may, and what it may not."""
    predict, openai = "/v1/models/model:predict", "/v1/embeddings"
    inputs = {"a text": TEXT, "a list": TEXTS, "a query": {"input": TEXTS, "role": "query"}, "items": ITEMS}
    for name, content in inputs.items():
        compare(f"predict: {name}", ask(port, predict, content)[1], expected[name])
    reply = ask(port, openai, {"model": "any", "input": TEXTS})[1]
    compare("/v1/embeddings: floats", [row["embedding"] for row in reply["data"]], expected["a list"])
    reply = ask(port, openai, {"model": "any", "input": TEXTS, "encoding_format": "base64"})[1]
    rows = [np.frombuffer(base64.b64decode(row["embedding"]), "<f4") for row in reply["data"]]
    compare("/v1/embeddings: base64", rows, expected["a list"])

    refused = {
        "JSON that is torn": (predict, b'["a", '),
        "an empty text": (predict, ["a", " "]),
        "a number": (predict, [1]),
        "a draft": (predict, [{"title": "x", "text": "y", "draft": True}]),
        "an unknown option": (predict, {"input": "a", "rolle": "query"}),
        "no input": (openai, {"model": "any"}),
        "other dimensions": (openai, {"input": "a", "dimensions": 1000}),
    }
    for name, (path, content) in refused.items():
        status, reply = ask(port, path, content)
        said = reply.get("error", "")
        check(f"{name}: {status}, {said['message'] if isinstance(said, dict) else said}", status == 400)

    with ThreadPoolExecutor(CLIENTS) as pool:
        replies = list(pool.map(lambda _: ask(port, predict, TEXTS)[1], range(4 * CLIENTS)))
    check(f"{len(replies)} requests of {CLIENTS} clients have one answer", all(r == replies[0] for r in replies))


def ask(port: int, path: str, content: Any = None) -> tuple[int, Any]:
    """Return status and reply; status 0 where nobody listens."""
    data = content if content is None or isinstance(content, bytes) else json.dumps(content).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")
    except OSError:
        return 0, {}


def embed(*arguments: str | Path, **variables: str) -> Any:
    """Return the vectors that `recs embed` writes."""
    return json.loads(run(sys.executable, "-m", "recs", "embed", *arguments, *OPTIONS, "--no-cache", "-q", **variables))


def items_file() -> Path:
    """Write ITEMS to a file and return its path."""
    path = BUILD / "items.json"
    path.write_text(json.dumps(ITEMS), encoding="utf-8")
    return path


def environment(name: str) -> Path:
    """Return the folder of programs of an environment under build/truss, made if it is not there."""
    home = BUILD / name
    if not (home / "pyvenv.cfg").exists():
        print(f"making {home} ...")
        venv.create(home, with_pip=True)
    return home / ("Scripts" if sys.platform == "win32" else "bin")


def run(*command: str | Path, **variables: str) -> str:
    """Run a command in build/truss and return what it printed; its errors are shown."""
    done = subprocess.run(
        [str(part) for part in command],
        cwd=BUILD,
        env={**ENVIRONMENT, **variables},
        stdout=subprocess.PIPE,
        encoding="utf-8",
        check=True,
    )
    return done.stdout


def compare(what: str, found: Any, expected: Any) -> None:
    """Check that vectors are the expected ones."""
    found, expected = np.asarray(found, np.float32), np.asarray(expected, np.float32)
    same = found.shape == expected.shape
    furthest = float(np.abs(found - expected).max()) if same else float("inf")
    check(f"{what}: {found.shape}, at most {furthest:.1g} from recs embed", furthest <= TOLERANCE)


def check(what: str, passed: bool) -> None:
    """Print a check and remember a failure."""
    print(f"{'passed' if passed else 'FAILED'}  {what}", flush=True)
    if not passed:
        failed.append(what)


if __name__ == "__main__":
    sys.exit(main())
