"""The model of a Truss: `recs truss` copies this file; config.yaml says, under model_metadata: recs, what it runs."""

from __future__ import annotations

import base64
import logging
import sys
import threading
from pathlib import Path
from typing import Any

# The wheel of recs lies in the folder, in a container at the root. Python imports from it as it is.
for _folder in (Path(__file__).resolve().parent.parent / "packages", Path("/packages")):
    sys.path[:0] = [str(wheel) for wheel in sorted(_folder.glob("recs_toolkit-*.whl"))]


class Model:
    """Vectors of texts and items, the same that `recs embed` writes."""

    def __init__(self, config: dict[str, Any], data_dir: Path) -> None:
        self._name, self._settings = config["model_name"], config["model_metadata"]["recs"]
        self._data = Path(data_dir).resolve()
        self._lock = threading.Lock()  # a request has all cores; the server itself limits predict, not embeddings

    def load(self) -> None:
        """Load the weights, and refuse others than those that the Truss was written for."""
        from recs import load_embedder
        from recs.errors import WeightsError

        name = self._settings["model"].replace("{data}", str(self._data))
        self._embedder = load_embedder(name, **self._settings["options"])
        if self._settings["fingerprint"] not in (None, self._embedder.spec.fingerprint):
            raise WeightsError(f"{name}: its files differ from those that this Truss was written for.")
        self._embedder.embed(["the first text loads the weights"])

    def predict(self, model_input: Any) -> Any:
        """Return a list of vectors: of a text, an item (an object with text and title), or a list of such.

        Or of an object with one of these under "input" ("texts", "items") and "role" or "instruction" beside it.
        """
        request = {"input": model_input}
        names = model_input.keys() & {"input", "texts", "items"} if isinstance(model_input, dict) else ()
        if len(names) == 1:
            request = {"input" if name in names else name: value for name, value in model_input.items()}
        return self._embed(request).vectors.tolist()

    def embeddings(self, model_input: Any) -> Any:
        """Answer as OpenAI's /v1/embeddings does; "role" and "instruction" may stand in the request too."""
        given = model_input if isinstance(model_input, dict) else {}
        form = given.get("encoding_format") or "float"
        if form not in ("float", "base64"):
            raise _refusal(f"encoding_format is {form!r}, expected float or base64.")
        openai = ("model", "user", "encoding_format")
        embeddings = self._embed({name: value for name, value in given.items() if name not in openai})
        rows = embeddings.vectors.astype("<f4")
        tokens = int(embeddings.tokens.sum())
        encoded = [base64.b64encode(row).decode() for row in rows] if form == "base64" else rows.tolist()
        data = [{"object": "embedding", "index": i, "embedding": vector} for i, vector in enumerate(encoded)]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "data": data, "model": self._name, "usage": usage}

    def _embed(self, request: dict[str, Any]) -> Any:
        from recs import RecsError
        from recs.readers.read import read_texts

        options = {name: value for name, value in request.items() if value is not None}
        content, dim = options.pop("input", None), options.pop("dimensions", self._embedder.spec.dim)
        if options.keys() - {"role", "instruction"} or not all(isinstance(value, str) for value in options.values()):
            raise _refusal(f"{sorted(options)} beside input: expected role or instruction, as text.")
        if type(dim) is not int:
            raise _refusal(f"dimensions is {dim!r}, expected a whole number.")
        try:
            texts, titles = read_texts(content if isinstance(content, list) else [content])
            embedder = self._embedder.with_dim(dim)
            with self._lock:
                embeddings = embedder.embed(texts, titles=titles, overflow=self._settings["overflow"], **options)
        except RecsError as error:
            raise _refusal(str(error)) from error
        if lost := int(embeddings.tokens_lost.sum()):
            why = "past the context window, or unknown to the model"
            logging.getLogger("recs").warning("%d of %d tokens are lost: %s", lost, embeddings.tokens.sum(), why)
        return embeddings


def _refusal(message: str) -> Exception:
    """Return the server's answer 400 in OpenAI's shape; a ValueError where no server runs."""
    server = sys.modules.get("fastapi")
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return server.HTTPException(400, error) if server else ValueError(message)
