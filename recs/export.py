"""A model as the folder that machines without torch need: its small files, and one ONNX file that holds the weights."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from recs.architectures.onnx_graph import bert_graph
from recs.errors import ModelError, OutputError
from recs.files import file_digest, write_atomically
from recs.models import ONNX_FILE, ONNX_RECORD, ModelSpec, read_model


def export_model(name: str, folder: Path, *, pooling: str | None = None) -> ModelSpec:
    """Write a model of the BERT family to a new folder that `load_embedder` runs without torch; return what it is.

    Needs neither torch nor onnxruntime. The same files give the same bytes, and vectors of the same fingerprint. `name`
    and `pooling` are as in `load_embedder`; `folder` is empty, or not there. Raises `ModelNotFoundError`, `ModelError`
    and `WeightsError` if the model is not here, of another family, or its weights are not what they should be, and
    `OutputError` if the folder holds something, or cannot be written.
    """
    spec = read_model(name, pooling=pooling)
    if spec.loader != "bert" or spec.folder is None:
        raise ModelError(f"{spec.folder}: recs exports the BERT family from its weights, not {spec.architecture!r}.")
    if folder.exists() and not (folder.is_dir() and not any(folder.iterdir())):
        raise OutputError(f"{folder}: holds something; give a folder that is empty or not there.")
    content = bert_graph(spec)
    weights = sorted((spec.folder / spec.transformer).glob("*.safetensors"))
    digests = {path.name: file_digest(path) for path in weights}
    record = {"sha256": hashlib.sha256(content).hexdigest(), "weights": digests}
    for path in sorted({*spec.folder.glob("*.json"), *spec.folder.glob("*/*.json")}):
        write_atomically(folder / path.relative_to(spec.folder), path.read_bytes())
    write_atomically(folder / ONNX_FILE, content)
    write_atomically(folder / ONNX_RECORD, json.dumps(record, indent=1).encode() + b"\n")
    return spec
