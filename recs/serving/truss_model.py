"""The model of a Truss. `recs truss` copies this file; its settings are in config.yaml, at model_metadata: recs."""

from __future__ import annotations

import base64
import logging
import sys
import threading
from pathlib import Path
from typing import Any

# The wheel of recs is in the folder packages; in a container, that is at the root. Python imports from the wheel.
for _folder in (Path(__file__).resolve().parent.parent / "packages", Path("/packages")):
    sys.path[:0] = [str(wheel) for wheel in sorted(_folder.glob("recs_toolkit-*.whl"))]


class Model:
    """Vectors of texts and items, the same as those of `recs embed`."""

    def __init__(self, config: dict[str, Any], data_dir: Path) -> None:
        self._name, self._settings = config["model_name"], config["model_metadata"]["recs"]
        self._data = Path(data_dir).resolve()
        self._lock = threading.Lock()  # one request at a time, with all cores; the server limits only predict

    def load(self) -> None:
        """Load the weights; `WeightsError` if they are not those that the Truss was written for."""
        from recs import load_embedder
        from recs.errors import WeightsError

        name = self._settings["model"].replace("{data}", str(self._data))
        self._embedder = load_embedder(name, **self._settings["options"])
        if self._settings["fingerprint"] not in (None, self._embedder.spec.fingerprint):
            raise WeightsError(f"{name}: its files differ from those that this Truss was written for.")
        self._embedder.embed(["the first text loads the weights"])

    def predict(self, model_input: Any) -> Any:
        """Return the vectors of a text, of an item (an object with text and title), or of a list of these.

        These may also be the field "input" ("texts", "items") of an object, which may have "role" and "instruction".
        """
        request = {"input": model_input}
        names = model_input.keys() & {"input", "texts", "items"} if isinstance(model_input, dict) else ()
        if len(names) == 1:
            request = {"input" if name in names else name: value for name, value in model_input.items()}
        return self._embed(request).vectors.tolist()

    def embeddings(self, model_input: Any) -> Any:
        """Answer as OpenAI's /v1/embeddings does; the request may also have "role" and "instruction"."""
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
    """Return the server's answer 400 in OpenAI's form, or a ValueError if no server runs."""
    server = sys.modules.get("fastapi")
    error = {"message": message, "type": "invalid_request_error", "param": None, "code": None}
    return server.HTTPException(400, error) if server else ValueError(message)
