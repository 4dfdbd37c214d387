"""Loading an embedder: by name, from a folder, through a cache or a service."""

from __future__ import annotations

import logging
from typing import Any

from recs.embedding.cache import Cache
from recs.embedding.embedder import Embedder
from recs.errors import ModelNotFoundError, OptionError
from recs.models.folder import read_model
from recs.models.hardware import resolve_engine
from recs.models.hub import can_download, download_model
from recs.models.registry import DEFAULT_MODEL, find_model, is_service, registry_row, split_dim

_log = logging.getLogger(__name__)


def find_embedder(name: str, cache: Cache | None, **options: Any) -> Embedder:
    """Return an embedder for a model, from its files or else from what the cache remembers of it.

    A build machine with a committed cache and without the model gets an embedder that can look up every vector it has.
    `options` are those of `load_embedder`. `ModelNotFoundError` if the model is neither here nor in the cache.
    """
    try:
        return load_embedder(name, **options)
    except ModelNotFoundError as error:
        base, named = split_dim(name.partition("#")[2].partition("?")[0] if is_service(name) else name)
        known, dim, pooling = registry_row(base)[0], options.get("dim") or named, options.get("pooling")
        spec = None
        if cache is not None:
            spec = (cache.known_model(f"{known}@{dim}") if dim else None) or cache.known_model(known)
        if cache is None or spec is None or dim not in (None, spec.dim) or pooling not in (None, spec.pooling):
            raise
        if is_service(name):
            _log.warning("%s Only vectors that the cache holds can be had.", error)
        kept = {key: options.get(key) for key in ("device", "instruction")}
        precision, engine = options.get("precision", "auto"), options.get("engine", "auto")
        known_precision, _, known_engine = (cache.known_precision(spec.fingerprint) or "auto").partition("/")
        return Embedder(
            spec,
            precision=known_precision if precision == "auto" else precision,
            engine=known_engine or "torch" if engine == "auto" else engine,
            **kept,
        )


def load_embedder(
    name: str = DEFAULT_MODEL,
    *,
    dim: int | None = None,
    pooling: str | None = None,
    instruction: str | None = None,
    device: str | None = None,
    precision: str = "auto",
    engine: str = "auto",
    offline: bool = False,
) -> Embedder:
    """Return an embedder for a model: of the registry, by its hub id, or in a folder.

    The files are looked for at `name` as a path, in the local hub cache, in a package that carries the model, and at
    last on the hub: a download first says name, size and place in the log.

    Parameters
    ----------
    name
        "all-MiniLM-L6-v2", "organisation/model", the path of a folder, or "NAME=FOLDER" for a model of the registry
        whose files are in a folder. Or "URL#MODEL": a service that speaks OpenAI's API (`architectures/service.py`).
    dim
        Keep the first `dim` dimensions of every vector, brought back to unit length where the similarity is cosine.
    pooling
        For files that do not say how token vectors become one: "mean", "cls", "max", "lasttoken" or "pooler".
    instruction
        Put before every text instead of the model's prompt for its role.
    device
        "cpu", "cuda", "cuda:1", "mps", or None for the best there is.
    precision, engine
        Parts of what vectors are cached under: "auto", "float32" or "bfloat16"; "torch", "onnx" (the BERT family from
        its weights, other models from their ONNX file, on the processor in float32), or "auto": torch if it is there.
    offline
        Never ask the network.

    Raises
    ------
    ModelNotFoundError
        If the model has no files on this machine.
    ModelError, WeightsError
        If its files are not what they should be.
    OptionError
        If an option does not fit the model.

    Notes
    -----
    Reads small files and the digest of the weights (remembered between runs); torch is imported and the weights are
    loaded and checked when the first vector has to be computed.
    """
    if is_service(name):
        if offline:
            raise ModelNotFoundError(f"{name}: not asked, since the network is not to be used.")
        if pooling or device or (precision, engine) != ("auto", "auto"):
            raise OptionError(f"{name}: pooling, device, precision and engine are the service's own; leave them out.")
        from recs.models.encoders.service import ServiceEncoder

        service = ServiceEncoder(name)
        parts: dict[str, Any] = {"tokenizer": service.tokenizer, "encoder": service, "precision": service.precision}
        whole = Embedder(service.spec, device="cpu", engine="torch", instruction=instruction, **parts)
        return whole if dim is None else whole.with_dim(dim)
    if not offline and find_model(name) is None and can_download():
        download_model(name)
    spec = read_model(name, dim=dim, pooling=pooling, onnx=resolve_engine(engine, precision) == "onnx")
    return Embedder(spec, device=device, precision=precision, engine=engine, instruction=instruction)
