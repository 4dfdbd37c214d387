"""Loads an embedder: by name, from a folder, from a cache or from a service."""

from __future__ import annotations

import logging
from typing import Any

from recs.embedding.cache import Cache
from recs.embedding.embedder import Embedder
from recs.errors import ModelError, ModelNotFoundError, OptionError
from recs.models.folder import read_model
from recs.models.hardware import resolve_engine
from recs.models.hub import can_download, download_model, has_engine
from recs.models.names import ModelName
from recs.models.registry import DEFAULT_MODEL, find_model, registry_row
from recs.models.spec import ModelSpec

_log = logging.getLogger(__name__)


def find_embedder(name: str, cache: Cache | None, *, cached_only: bool = False, **options: Any) -> Embedder:
    """Return an embedder for a model: from its files, or else from its description in the cache.

    With `cached_only`, it never loads the tokenizer or the weights, and the network is not used.

    So a build machine that has a committed cache and no model still gets an embedder, which reads every vector from the
    cache. `options` are those of `load_embedder`. Raises `ModelNotFoundError` if the model is neither on this machine
    nor in the cache.
    """
    embedder = _found(name, cache, **(options | {"offline": True} if cached_only else options))
    embedder.may_load = not cached_only
    return embedder


def _found(name: str, cache: Cache | None, **options: Any) -> Embedder:
    if cache is not None and not has_engine():
        cached = _cached_spec(ModelName.parse(name), cache, options)
        if cached is not None and cached.loader != "static":  # it could not run after a download
            options |= {"offline": True}
    try:
        return load_embedder(name, **options)
    except ModelNotFoundError as error:
        spec = _cached_spec(ModelName.parse(name), cache, options) if cache is not None else None
        if cache is None or spec is None:
            raise
        if ModelName.parse(name).is_service:
            _log.warning("%s Only vectors in the cache can be used.", error)
        cached_precision, _, cached_engine = (cache.known_precision(spec.fingerprint) or "auto").partition("/")
        precision = options.get("precision", "auto")
        engine = options.get("engine", "auto")
        return Embedder(
            spec,
            precision=cached_precision if precision == "auto" else precision,
            engine=cached_engine or "torch" if engine == "auto" else engine,
            device=options.get("device"),
            instruction=options.get("instruction"),
        )


def _cached_spec(name: ModelName, cache: Cache, options: dict[str, Any]) -> ModelSpec | None:
    """Return the description of a model in the cache; None if there is none, or it does not fit the options."""
    own_name = registry_row(name.base)[0]
    dim = options.get("dim") or name.dim
    spec = (cache.known_model(f"{own_name}@{dim}") if dim else None) or cache.known_model(own_name)
    if spec is None or dim not in (None, spec.dim) or options.get("pooling") not in (None, spec.pooling):
        return None
    return spec


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
    """Return an embedder for a model of the registry, of a hub, in a folder, or behind a service.

    The files are searched for in this order: at the path `name`, in the local hub cache, in a Python package that
    contains the model, on the hub. Before a download, the log names the model, its size and the folder.

    Parameters
    ----------
    name
        "all-MiniLM-L6-v2", "organisation/model", the path of a folder, or "NAME=FOLDER" for a model of the registry
        whose files are in a folder. "URL#MODEL" is a service with OpenAI's API. `recs.models.names` lists all forms.
    dim
        Keep the first `dim` numbers of every vector, scaled to unit length again if the similarity is cosine.
    pooling
        How to combine token vectors, if the files do not say it: "mean", "cls", "max", "lasttoken" or "pooler".
    instruction
        A text that is put before every input. It replaces the model's own prompt for the role.
    device
        "cpu", "cuda", "cuda:1", "mps", or None for the fastest one. One that is not there is replaced by "cpu", and the
        log says so.
    precision
        "auto", "float32" or "bfloat16". The cache keeps vectors of each precision and engine apart.
    engine
        "torch", "onnx", or "auto": torch if it is installed. "onnx" runs the BERT family from its weights and other
        models from their ONNX file, on the processor in float32.
    offline
        Do not use the network.

    Raises
    ------
    ModelNotFoundError
        If the model has no files on this machine.
    ModelError, WeightsError
        If the files belong to another model, or to one that recs cannot run.
    OptionError
        If an option does not fit the model.

    Notes
    -----
    This reads small files and computes the digest of the weights, which recs stores between runs. torch is imported,
    and the weights are loaded and checked, only when the first vector is computed.

    Examples
    --------
    >>> embedder = load_embedder("all-MiniLM-L6-v2")  # doctest: +SKIP
    >>> embedder.embed(["How do I plant garlic?"]).vectors.shape  # doctest: +SKIP
    (1, 384)
    """
    if ModelName.parse(name).is_service:
        if offline:
            raise ModelNotFoundError(f"{name}: not asked, because offline forbids the use of the network.")
        if pooling or device or (precision, engine) != ("auto", "auto"):
            raise OptionError(f"{name}: the service chooses pooling, device, precision and engine; leave them out.")
        embedder = _service_embedder(name, instruction)
        return embedder if dim is None else embedder.with_dim(dim)
    if not offline and find_model(name) is None and can_download(name):
        download_model(name)
    spec = read_model(name, dim=dim, pooling=pooling, onnx=resolve_engine(engine, precision) == "onnx")
    return Embedder(spec, device=device, precision=precision, engine=engine, instruction=instruction)


def _service_embedder(name: str, instruction: str | None) -> Embedder:
    """Return an embedder that gets its vectors from a service."""
    from recs.models.encoders.service import ServiceEncoder

    service = ServiceEncoder(name)
    return Embedder(
        service.spec,
        device="cpu",
        engine="torch",
        instruction=instruction,
        tokenizer=service.tokenizer,
        encoder=service,
        precision=service.precision,
    )


def matching_embedder(name: str, fingerprint: str, **options: Any) -> Embedder:
    """Return the embedder of vectors that were made earlier; `ModelError` if the model of that name is another one now.

    `options` are those of `load_embedder`. The network is never used: a foreign file may name any model.
    """
    embedder = load_embedder(name, **{**options, "offline": True})
    if embedder.spec.fingerprint != fingerprint:
        raise ModelError(f"{name}: not the model that the vectors were made with; make them again.")
    return embedder
