"""The official OpenAI client against `recs serve`: it gets the embedder's vectors, and its own errors.

    python benchmarks/openai_client.py

Makes an environment with the newest `openai` under build/openai; needs a package index. Exits with 1 where a check
fails.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np

import recs

BUILD = Path(__file__).resolve().parent.parent / "build" / "openai"
MODEL = "all-MiniLM-L6-v2"
TEXTS = ["how do I plant garlic", "Ein Fahrrad hat zwei Räder.", "日本語"]
CLIENT = """
import json, sys
import openai
client = openai.OpenAI(base_url=sys.argv[1], api_key="none", max_retries=0)
model, texts = sys.argv[2], json.loads(sys.argv[3])
make = client.embeddings.create
whole, plain = make(model=model, input=texts), make(model=model, input=texts, encoding_format="float")
found = {"version": openai.__version__, "usage": whole.usage.total_tokens, "named": whole.model}
found["base64"] = [entry.embedding for entry in whole.data]
found["float"] = [entry.embedding for entry in plain.data]
found["one"] = make(model=model, input=texts[0]).data[0].embedding
found["cut"] = make(model=model, input=texts[0], dimensions=64).data[0].embedding
found["query"] = make(model=model, input="soil " * 999, extra_body={"overflow": "chunk"}).model_extra["recs"]["chunks"]
found["models"] = [client.models.list().data[0].id, client.models.retrieve(model).id]
found["errors"] = []
long = "soil " * 999
for options in ({"input": ""}, {"input": long}, {"input": [1]}, {"input": "a", "model": "b"}, {"input": ["a"] * 2049}):
    try:
        make(**{"model": model, **options})
    except openai.APIStatusError as error:
        found["errors"].append([type(error).__name__, error.status_code, error.code])
print(json.dumps(found))
"""


def main() -> int:
    python = BUILD / ("Scripts" if sys.platform == "win32" else "bin") / "python"
    if not python.exists():
        venv.create(BUILD, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "-qq", "openai"], check=True)
    server = subprocess.Popen(
        [sys.executable, "-m", "recs", "serve", "--port", "0", "-q"], stderr=subprocess.PIPE, text=True
    )
    try:
        assert server.stderr
        address = re.search(r"http://\S+", server.stderr.readline())
        assert address, "the server did not start"
        command = [python, "-c", CLIENT, address[0], MODEL, json.dumps(TEXTS)]
        found = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    finally:
        server.terminate()
        server.communicate(timeout=60)
    expected = recs.load_embedder().embed(TEXTS).vectors
    cut = recs.load_embedder(dim=64).embed(TEXTS[:1]).vectors[0]
    errors = [
        ["BadRequestError", 400, None],
        ["BadRequestError", 400, "context_length_exceeded"],
        ["BadRequestError", 400, None],
        ["NotFoundError", 404, "model_not_found"],
        ["APIStatusError", 413, None],
    ]
    checks = {
        "base64 is the embedder's vectors": np.allclose(found["base64"], expected, atol=1e-3),
        "float is the same numbers": np.array_equal(np.float32(found["float"]), np.float32(found["base64"])),
        "one string": np.allclose(found["one"], expected[0], atol=1e-3),
        "dimensions": np.allclose(found["cut"], cut, atol=1e-3),
        "overflow in extra_body": found["query"] > [1],
        "usage": found["usage"] == sum(recs.load_embedder().count_tokens(TEXTS)),
        "model": found["named"] == MODEL and found["models"] == [MODEL, MODEL],
        "errors": found["errors"] == errors,
        "the server stops with 0": server.returncode == 0,
    }
    print(f"openai {found['version']}")
    for name, held in checks.items():
        print(f"{'ok  ' if held else 'FAIL'} {name}")
    return 0 if all(checks.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
