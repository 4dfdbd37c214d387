"""Texts to vectors with one model: chunks within its context window, batches, a store of what is known already."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from recs.arrays import FloatArray, unit_rows
from recs.embedding.batches import plan_missing
from recs.embedding.spaces import space_name
from recs.embedding.vectors import Embeddings
from recs.embedding.windows import CHUNKING, Cutter, Document, render
from recs.errors import EmbeddingError, ModelNotFoundError, OptionError, TextTooLongError
from recs.models.hardware import Engine, Precision, resolve_device, resolve_engine, resolve_precision
from recs.models.registry import missing_model_message, registry_row
from recs.models.spec import ModelSpec, cut_model
from recs.models.tokenizer import ModelTokenizer, read_tokens

if TYPE_CHECKING:
    from recs.embedding.cache import Cache
    from recs.models.encoders import Encoder

Overflow = Literal["chunk", "truncate", "error"]
OVERFLOWS: tuple[Overflow, ...] = ("chunk", "truncate", "error")
ROLES = ("document", "query", "clustering", "classification")
# Batches between two writes to the store: what a killed run loses.
_BATCHES_PER_WRITE = 8
# Texts tokenized at once, on all cores.
_TEXTS_PER_TOKENIZATION = 64


@dataclass(frozen=True, slots=True)
class Progress:
    """How far an embedding run is: texts and tokens that needed the model, cached ones left out."""

    texts_done: int
    texts: int
    tokens_done: int
    tokens: int


OnProgress = Callable[[Progress], None] | None
Sources = Sequence[tuple[str, str, str]]  # of each text its name, itself and its title


class Embedder:
    """One model, ready to embed. Cheap to make: the weights are loaded when the first vector has to be computed.

    Parameters
    ----------
    spec
        What the files of the model say.
    device, precision, engine, instruction
        As in `load_embedder`. Static models need no engine; an instruction holds where a call names none.
    tokenizer, encoder
        Stand-ins for the model's own.

    Notes
    -----
    Vectors of the same text agree between precisions to a cosine of .9995, and between batches, thread counts and runs
    to .99999 in float32. The same texts with the same options on the same machine give the same bytes, in any order.
    """

    def __init__(
        self,
        spec: ModelSpec,
        *,
        device: str | None = None,
        precision: str = "auto",
        engine: str = "auto",
        instruction: str | None = None,
        tokenizer: ModelTokenizer | None = None,
        encoder: Encoder | None = None,
    ) -> None:
        self.spec = spec
        if engine == "auto":
            engine = {"onnx": "onnx", "static": "torch"}.get(spec.loader, engine)
        self.engine: Engine = resolve_engine(engine, precision)
        if self.engine == "onnx":
            device, precision = device or "cpu", "float32"
        self.device = resolve_device(device)
        row = registry_row(spec.name)[1]
        forbidden = row.forbidden_dtypes if row else ()
        self.precision: Precision = resolve_precision(precision, self.device, forbidden=forbidden)
        self.instruction = instruction
        self.observer: Callable[[Embeddings], None] | None = None
        """Called with whatever `embed` returns, if set."""
        if tokenizer is not None:
            self.tokenizer = tokenizer
        if encoder is not None:
            self._encoder = encoder

    def __repr__(self) -> str:
        return f"Embedder({self.spec.name!r}, device={self.device!r}, precision={self.precision!r})"

    @cached_property
    def tokenizer(self) -> ModelTokenizer:
        """The model's tokenizer."""
        if self.spec.folder is None:
            advice = "or bring a cache that holds all vectors"
            raise ModelNotFoundError(f"{missing_model_message(self.spec.name)}, {advice}")
        static = self.spec.architecture == "static"
        return ModelTokenizer(self.spec.home, lowercase=self.spec.lowercase, special_tokens=not static)

    @cached_property
    def _encoder(self) -> Encoder:
        from recs.models.encoders import load_encoder

        return load_encoder(self.spec, self.tokenizer, device=self.device, precision=self.precision, engine=self.engine)

    @property
    def batch_tokens(self) -> int:
        """How many tokens, padding counted, the model takes at once; loads the weights."""
        return self._encoder.batch_tokens

    def with_dim(self, dim: int) -> Embedder:
        """Return an embedder of the same model in memory that keeps the first `dim` dimensions, or `OptionError`."""
        names = ("device", "precision", "engine", "instruction", "tokenizer")
        options: dict[str, Any] = {name: getattr(self, name) for name in names}
        return Embedder(cut_model(self.spec, dim), **options, encoder=self._encoder)

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of a text as written in the vocabulary, special tokens included."""
        return self.tokenizer.tokens(text)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text takes in the context window, special tokens included."""
        return [count + self.tokenizer.special_tokens for count in self.tokenizer.count(_strings(texts))]

    def similarity(self, a: Embeddings, b: Embeddings) -> npt.NDArray[np.float64]:
        """Return the model's own similarity of every vector of `a` (n, d) with every vector of `b` (m, d).

        A float64 array of shape (n, m), higher is more similar; the Euclidean similarity is minus the distance.
        `FingerprintMismatchError` if the two are of different models.
        """
        a.check_comparable(b)
        x, y = a.vectors.astype(np.float64), b.vectors.astype(np.float64)
        if a.similarity == "cosine":
            x, y = unit_rows(x), unit_rows(y)
        if a.similarity == "euclidean":
            return -np.array([np.linalg.norm(y - row, axis=1) for row in x]).reshape(len(x), len(y))
        return x @ y.T

    def embed(
        self,
        texts: Sequence[str],
        *,
        ids: Sequence[str] | None = None,
        titles: Sequence[str] | None = None,
        role: str = "document",
        instruction: str | None = None,
        overflow: Overflow = "chunk",
        store: Cache | None = None,
        progress: OnProgress = None,
    ) -> Embeddings:
        """Embed n texts.

        Parameters
        ----------
        texts : n strings, none empty
        ids : n unique strings; "0", "1", … if left out
        titles : n strings
            Put before every chunk of their text.
        role
            "document", "query", "clustering" or "classification": chooses the model's prompt, where it has one.
        instruction
            What the vectors are for, in words, instead of the prompt of the role. Needed by models that were trained
            with instructions and have no prompt for the role; "" says on purpose that there is none.
        overflow
            What happens to a text longer than the context window: "chunk" embeds all of it in chunks and takes their
            mean weighted by tokens, "truncate" embeds what fits and counts the rest in `tokens_lost`, "error" raises.
        store
            Where chunk boundaries and vectors are looked up and kept.
        progress
            Called after every batch.

        Returns
        -------
        Embeddings
            In the order of `texts`. `tokens_lost` counts the tokens that the model does not know, too.

        Raises
        ------
        EmbeddingError
            If a text is empty, or the model emits NaN or a zero vector.
        TextTooLongError
            If `overflow` is "error" and a text is too long.
        OptionError
            If the role is unknown, or the model needs an instruction and none is given.
        """
        texts = _strings(texts)
        prompt = self.prompt(role, instruction)
        names = tuple(ids) if ids is not None else tuple(map(str, range(len(texts))))
        headings = list(titles) if titles is not None else [""] * len(texts)
        if not len(names) == len(texts) == len(headings):
            raise EmbeddingError(f"{len(texts)} texts, {len(names)} ids and {len(headings)} titles; expected as many.")
        if overflow not in OVERFLOWS:
            raise OptionError(f"overflow is {overflow!r}, expected one of {', '.join(OVERFLOWS)}.")
        sources = list(zip(names, texts, headings, strict=True))
        for name, text, title in sources:
            if not text.strip() and not title.strip():
                raise EmbeddingError(f"the text of {name!r} is empty; there is nothing to embed.")
        documents = self._documents(sources, prompt, overflow, store)
        vectors = self._vectors(documents, prompt, store, progress)
        embeddings = replace(self._pool(names, documents, vectors), role=role, prompt=prompt)
        if self.observer is not None:
            self.observer(embeddings)
        return embeddings

    def prompt(self, role: str = "document", instruction: str | None = None) -> str:
        """Return what is put before a text: the instruction, or the model's prompt for the role.

        `OptionError` if the role is unknown, or the model needs an instruction and has none.
        """
        if role not in ROLES and role not in self.spec.prompts:
            known = sorted({*ROLES, *self.spec.prompts})
            raise OptionError(f"role is {role!r}, expected one of {', '.join(known)}.")
        instruction = self.instruction if instruction is None else instruction
        if instruction is not None:
            return self.spec.instruction_template.format(instruction=instruction) if instruction else ""
        if self.spec.needs_instruction and role not in self.spec.prompts:
            raise OptionError(
                f"{self.spec.name} is built like instructor, a T5 encoder with a Dense layer, and has no instruction "
                f"for the role {role!r}: give one (instruction= or --instruction), or '' for a model that takes none."
            )
        return self.spec.prompts.get(role, "")

    # Texts to pieces that fit the window.

    def _documents(self, sources: Sources, prompt: str, overflow: Overflow, store: Cache | None) -> list[Document]:
        # The fingerprint of a model that is known by its name alone does not say where its texts are cut.
        window = [self.spec.max_tokens] if self.spec.loader == "bytes" else []
        policy = json.dumps([CHUNKING, self.spec.fingerprint, prompt, overflow == "chunk", *window])
        keys = [_key(policy, title, text) for _, text, title in sources]
        known = dict(store.get_chunks(keys)) if store is not None else {}
        made: dict[bytes, bytes] = {}
        missing = [i for i, key in enumerate(keys) if key not in known]
        for start in range(0, len(missing), _TEXTS_PER_TOKENIZATION):
            group = missing[start : start + _TEXTS_PER_TOKENIZATION]
            tokens_of_group = read_tokens(self.tokenizer, [sources[i][1] for i in group])
            cutter = Cutter(self.spec, self.tokenizer, prompt=prompt, split=overflow == "chunk")
            for i, tokens in zip(group, tokens_of_group, strict=True):
                _, text, title = sources[i]
                known[keys[i]] = made[keys[i]] = cutter.cut(text, tokens, title)
        documents = []
        for key, (name, text, title) in zip(keys, sources, strict=True):
            document = render(known[key], text, title, prompt)
            if overflow == "error" and document.cut:
                has = f"has {document.tokens} tokens and {document.tokens - document.cut} fit the context window"
                advice = "choose overflow chunk or truncate"
                raise TextTooLongError(f"the text of {name!r} {has} of {self.spec.name}; {advice}.")
            documents.append(document)
        if store is not None and made:
            store.put_chunks(made)
        return documents

    # Pieces to vectors.

    def _vectors(
        self, documents: Sequence[Document], prompt: str, store: Cache | None, progress: OnProgress
    ) -> dict[str, FloatArray]:
        length_of = {piece.text: piece.length for document in documents for piece in document.pieces}
        texts = sorted(length_of)
        lengths, space = [length_of[text] for text in texts], self.space(prompt)
        keys = [_key(space, text) for text in texts]
        known = store.get_vectors(space, keys, self.spec.dim) if store is not None else {}
        result = {text: known[key] for text, key in zip(texts, keys, strict=True) if key in known}
        missing = {i for i, text in enumerate(texts) if text not in result}
        if not missing:
            return result
        todo = Progress(0, len(missing), 0, sum(lengths[i] for i in missing))
        batches = plan_missing(texts, lengths, missing, budget=self._encoder.batch_tokens)
        unsaved: dict[bytes, FloatArray] = {}
        for number, batch in enumerate(batches, 1):
            for i, vector in zip(batch, self._encode([texts[i] for i in batch], prompt), strict=True):
                result[texts[i]] = unsaved[keys[i]] = vector
            if store is not None and (number % _BATCHES_PER_WRITE == 0 or number == len(batches)):
                store.put_vectors(space, unsaved, self.spec)
                unsaved = {}
            tokens = todo.tokens_done + sum(lengths[i] for i in batch)
            todo = replace(todo, texts_done=todo.texts_done + len(batch), tokens_done=tokens)
            if progress is not None:
                progress(todo)
        return result

    def _encode(self, texts: list[str], prompt: str) -> FloatArray:
        vectors, spec = self._encoder.encode(texts, prompt=prompt), self.spec
        expected = (len(texts), spec.full_dim or spec.dim)
        if vectors.shape != expected:
            raise EmbeddingError(f"{spec.name} gave an array of shape {vectors.shape}, expected {expected}.")
        cut = vectors[:, : spec.dim].astype(np.float64)
        finite, zero = np.isfinite(vectors).all(axis=1), ~cut.any(axis=1)
        if zero.any() or not finite.all():
            text = texts[int(np.argmax(zero | ~finite))]
            gave = f"gave {'a zero vector' if zero.any() else 'NaN'} for the text that begins {text[:40]!r}"
            raise EmbeddingError(f"{spec.name} {gave}; try precision float32.")
        if spec.similarity == "cosine" or (spec.normalize and spec.dim < expected[1]):
            cut = unit_rows(cut)
        return cut.astype(np.float32)

    def space(self, prompt: str) -> str:
        """Return what vectors with a prompt are cached under; see `space_name`."""
        arithmetic = self.precision if self.engine == "torch" else f"{self.precision}/{self.engine}"
        return space_name(self.spec.fingerprint, prompt, arithmetic, own_prompts=self.spec.prompts.values())

    def _pool(
        self, names: tuple[str, ...], documents: Sequence[Document], vectors: Mapping[str, FloatArray]
    ) -> Embeddings:
        pieces = [piece for document in documents for piece in document.pieces]
        chunk_vectors = np.array([vectors[piece.text] for piece in pieces], np.float32).reshape(-1, self.spec.dim)
        weights = np.array([piece.weight for piece in pieces], np.float64)
        counts = np.array([len(document.pieces) for document in documents], np.int64)
        first = np.cumsum(counts) - counts
        pooled = np.add.reduceat(chunk_vectors * weights[:, None], first, axis=0)
        pooled /= np.add.reduceat(weights, first)[:, None]
        if self.spec.similarity == "cosine":
            pooled = unit_rows(pooled)
        single = counts == 1
        result = pooled.astype(np.float32)
        result[single] = chunk_vectors[first[single]]
        return Embeddings(
            ids=names,
            vectors=result,
            fingerprint=self.spec.fingerprint,
            similarity=self.spec.similarity,
            model=self.spec.name,
            chunk_vectors=chunk_vectors,
            chunk_rows=np.repeat(np.arange(len(documents)), counts),
            chunk_spans=np.array([piece.span for piece in pieces], np.int64).reshape(-1, 2),
            tokens=np.array([document.tokens for document in documents], np.int64),
            tokens_lost=np.array([document.cut + document.unknown for document in documents], np.int64),
        )


def _strings(texts: Sequence[str]) -> Sequence[str]:
    if isinstance(texts, str) or any(not isinstance(text, str) for text in texts):
        raise EmbeddingError("expected a list of strings; one text is a list of one.")
    return texts


def _key(*parts: str) -> bytes:
    """Return a digest of the parts, framed so that no two lists of parts share one."""
    framed = "".join(f"{len(part)}:{part}" for part in parts)
    return hashlib.sha256(framed.encode("utf-8", "surrogatepass")).digest()[:20]
