"""Checks of an installation: the environment, the files of a model, and vectors with a known right value."""

import base64
import os
import platform
import time
from collections.abc import Iterator
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np

from recs.arrays import unit_rows
from recs.embedding.cache import Cache
from recs.embedding.cache_file import FILE_NAME
from recs.embedding.embedder import Embedder
from recs.errors import DISTRIBUTION, MissingDependencyError, ModelNotFoundError, RecsError
from recs.files import cache_folder, file_digest
from recs.models.encoders import Encoder, load_encoder
from recs.models.folder import read_model
from recs.models.hardware import cpu_flags, gpu_capability, resolve_device, resolve_engine
from recs.models.onnx_files import external_files, find_onnx
from recs.models.registry import DEFAULT_MODEL, registry_row
from recs.models.spec import ModelSpec

GOLDEN_TEXT = "The quick brown fox plants garlic in November; naïve co-operation costs 1,024 francs."
"""The text whose vector is in `registry.toml`."""
# The least cosine of vectors that should be equal: by precision, as `Embedder` promises; and with a golden vector. That
# one is stored in bytes, and this rounding alone lowers the cosine by .00002.
_BOUNDS, _GOLDEN_BOUND = {"float32": 0.99999, "bfloat16": 0.9995}, 0.9999
_PACKAGES = ("numpy", "scipy", "tokenizers", "torch", "sentence-transformers", "transformers", "safetensors")
_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16", "amx_int8")
_TEXTS = [GOLDEN_TEXT, "soil", "Wie man ein Rad zentriert.", "the bank of the river " * 30, "日本語 too", "a\n\nb"]
_LEAST_SECONDS, _MOST_TEXTS = 0.5, 256


class Finding(NamedTuple):
    """The result of one check."""

    topic: str
    status: Literal["ok", "warn", "fail"]
    said: str


def diagnose(
    name: str | None = None, *, text: str | None = None, cache: Path | None = None, **options: Any
) -> Iterator[Finding]:
    """Check the environment, the vector cache and a model; yield each result as soon as it is there.

    Parameters
    ----------
    name, options
        As in `load_embedder`, but nothing is downloaded. If `name` is None, a missing default model is only a warning.
    text
        A text whose tokens are shown, and what of it would be cut.
    cache
        The folder of the cache.
    """
    yield from _environment()
    yield _cache(cache or cache_folder())
    try:
        engine = resolve_engine(options.get("engine", "auto"), options.get("precision", "auto"))
        read: Any = {option: options.pop(option, None) for option in ("dim", "pooling")}
        spec = read_model(name or DEFAULT_MODEL, **read, onnx=engine == "onnx")
        yield Finding("model", "ok", f"{spec.name} in {spec.folder}")
        for line in describe_files(spec):
            yield Finding("file", "ok", line)
        says = f"{spec.architecture}, loader {spec.loader}, pooling {spec.pooling}, normalized {spec.normalize}, "
        says += f"{spec.similarity}, {spec.dim} dimensions, context window {spec.max_tokens:,} tokens"
        yield Finding("says", "ok", says)
        yield Finding("fingerprint", "ok", spec.fingerprint)
        if spec.needs_instruction and options.get("instruction") is None and "document" not in spec.prompts:
            options["instruction"] = ""
        embedder = Embedder(spec, **options)
        yield Finding("precision", "ok", _precision(embedder, str(options.get("precision", "auto"))))
        if text is not None:
            yield from _cut(embedder, text)
        yield from _self_test(embedder)
    except RecsError as error:
        absent = not name and isinstance(error, ModelNotFoundError | MissingDependencyError)
        yield Finding("model", "warn" if absent else "fail", str(error))


def describe_files(spec: ModelSpec) -> list[str]:
    """Return a line for each file of weights: name, size, SHA-256, and whether the registry has this digest."""
    row = registry_row(spec.name)[1]
    folder = Path(str(spec.folder))
    registered = {*row.weights_sha256.values(), *row.onnx_sha256} if row else set()
    otherwise = "not the registry's" if registered else "the registry has none"
    lines = []
    onnx = find_onnx(folder) if spec.loader == "onnx" else None
    for path in sorted([*folder.rglob("*.safetensors"), *([onnx, *external_files(onnx)] if onnx else [])]):
        digest = file_digest(path)
        whose = "the registry's" if digest in registered else otherwise
        size = path.stat().st_size / 1e6
        lines.append(f"{path.relative_to(folder)}, {size:,.1f} MB, SHA-256 {digest}: {whose}")
    return lines


def _environment() -> Iterator[Finding]:
    yield Finding(
        "python", "ok", f"{platform.python_version()} on {platform.platform()}; recs {metadata.version(DISTRIBUTION)}"
    )
    versions = {}
    for name in (*_PACKAGES, "huggingface-hub", "onnxruntime"):
        with suppress(metadata.PackageNotFoundError):
            versions[name] = f"{name} {metadata.version(name)}"
    yield Finding("packages", "ok", ", ".join(versions.values()))
    if not versions.keys() & {"torch", "onnxruntime"}:
        advice = f"pip install '{DISTRIBUTION}[models]'"
        yield Finding("packages", "warn", f"neither torch nor onnxruntime, so only static models can run: {advice}")
    yield Finding("processor", "ok", ", ".join([f"{os.cpu_count()} cores", *(f for f in _FLAGS if f in cpu_flags())]))
    device = resolve_device(None)
    usable = True
    if device != "cpu" and "torch" in versions:
        import torch

        usable = torch.cuda.is_available() if device == "cuda" else torch.backends.mps.is_available()
    yield Finding("device", "ok" if usable else "warn", f"{device}{'' if usable else ', which torch cannot use'}")


def _cache(folder: Path) -> Finding:
    if not (folder / FILE_NAME).is_file():
        return Finding("cache", "ok", f"none yet at {folder}")
    try:
        with Cache(folder) as cache:
            info = cache.info()
            problem = cache.problem
    except RecsError as error:
        return Finding("cache", "fail", str(error))
    vectors = sum(space.vectors for space in info.spaces)
    content = f"{info.path}: {vectors:,} vectors in {len(info.spaces)} spaces, {info.bytes / 1e6:.1f} MB"
    return Finding("cache", "warn" if problem else "ok", problem or content)


def _precision(embedder: Embedder, wanted: str) -> str:
    """Return the chosen precision and the reason for it."""
    row = registry_row(embedder.spec.name)[1]
    fast = " and ".join(sorted(cpu_flags() & {"amx_bf16", "avx512_bf16"}))
    if embedder.spec.loader == "static" or embedder.engine == "onnx":
        why = "there is no other"
    elif wanted != "auto":
        why = "as asked"
    elif row and "bfloat16" in row.forbidden_dtypes:
        why = "the model does not work in bfloat16"
    elif embedder.device.startswith("cuda"):
        capability = ".".join(map(str, gpu_capability() or ["unknown"]))
        why = f"the compute capability of the GPU is {capability}; bfloat16 needs 8.0"
    elif embedder.device != "cpu":
        why = "bfloat16 is not measured on that device"
    else:
        why = f"the processor has {fast}" if fast else "no amx_bf16 or avx512_bf16, without which bfloat16 is slower"
    return f"{embedder.precision} on {embedder.device} with engine {embedder.engine}: {why}"


def _cut(embedder: Embedder, text: str) -> Iterator[Finding]:
    tokens = embedder.tokens(text)
    yield Finding("tokens", "ok", f"{len(tokens)}: {' '.join(tokens)}")
    room = embedder.spec.max_tokens - embedder.count_tokens([embedder.prompt()])[0]
    spans = embedder.tokenizer.spans([text])[0]
    if len(spans) <= room:
        yield Finding("window", "ok", f"{room} tokens of text fit, none is cut")
        return
    stop = spans[room - 1][1]
    effect = f"{room} tokens of text fit: it is chunked, or with --overflow truncate {len(spans) - room} are lost"
    yield Finding("window", "warn", f"{effect}, from character {stop} on: {text[stop:][:60]!r}")


def _self_test(embedder: Embedder) -> Iterator[Finding]:
    """Load the model and compare its vectors with the right ones."""
    spec = embedder.spec
    precision = embedder.precision
    prompt = embedder.prompt()
    started = time.perf_counter()
    encoder, embedder = _loaded(embedder, precision)
    yield Finding("weights", "ok", f"loaded and checked in {time.perf_counter() - started:.1f} s")
    lengths = np.linalg.norm(encoder.encode([prompt + text for text in _TEXTS[:3]], prompt=prompt), axis=1)
    wrong = spec.normalize and bool(np.abs(lengths - 1).max() > 0.02)
    yield Finding("length", "fail" if wrong else "ok", f"{lengths.min():.4f} to {lengths.max():.4f} at the model's end")
    together = embedder.embed(_TEXTS).chunk_vectors
    alone = np.concatenate([embedder.embed([text]).chunk_vectors for text in _TEXTS])
    yield _agreement("batches", "alone and beside others", together, alone, _BOUNDS[precision])
    row = registry_row(spec.name)[1]
    if row and row.golden and not prompt:
        golden = np.frombuffer(base64.b64decode(row.golden), np.int8)[None, : spec.dim]
        yield _agreement("golden", "with the registry's", together[:1], golden, min(_GOLDEN_BOUND, _BOUNDS[precision]))
    if precision != "float32":
        exact = _loaded(embedder, "float32")[1].embed(_TEXTS).chunk_vectors
        yield _agreement("rounding", f"of {precision} with float32", together, exact, _BOUNDS[precision])
    yield _speed(embedder)


def _loaded(embedder: Embedder, precision: Any) -> tuple[Encoder, Embedder]:
    options: dict[str, Any] = {"device": embedder.device, "precision": precision, "engine": embedder.engine}
    encoder = load_encoder(embedder.spec, embedder.tokenizer, **options)
    options |= {"tokenizer": embedder.tokenizer, "instruction": embedder.instruction}
    return encoder, Embedder(embedder.spec, **options, encoder=encoder)


def _agreement(topic: str, of: str, a: Any, b: Any, bound: float) -> Finding:
    least = float((unit_rows(a.astype(np.float64)) * unit_rows(b.astype(np.float64))).sum(axis=1).min())
    return Finding(topic, "ok" if least >= bound else "fail", f"cosine {least:.6f} {of}; at least {bound} expected")


def _speed(embedder: Embedder) -> Finding:
    """Measure the speed on posts of 20 to 200 words, in the second of two runs: half a second long, at most 256."""
    posts = [f"Post {i}. " + f"Garlic number {i} was planted in November. " * (3 + i % 26) for i in range(_MOST_TEXTS)]
    n, seconds = 1, 0.0
    while seconds < _LEAST_SECONDS and n < _MOST_TEXTS:
        n *= 4
        for _ in range(2):
            started = time.perf_counter()
            embedder.embed(posts[:n])
            seconds = time.perf_counter() - started
    tokens = sum(embedder.count_tokens(posts[:n]))
    return Finding("speed", "ok", f"{n / seconds:,.0f} texts/s, {tokens / seconds:,.0f} tokens/s ({n} posts)")
