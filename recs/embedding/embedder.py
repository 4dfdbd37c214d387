"""The embedder: one model, from texts to vectors.

texts → windows that fit the model → windows that are not in the cache → batches → vectors → one vector for each text
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from recs.arrays import FloatArray, unit_rows
from recs.embedding.batches import plan_texts
from recs.embedding.documents import OVERFLOWS, Overflow, checked_strings, cut_documents, digest_key, join_sources
from recs.embedding.pooling import pool_windows
from recs.embedding.progress import OnProgress, Progress
from recs.embedding.spaces import space_name
from recs.embedding.stored import only_stored, stored_vectors
from recs.embedding.vectors import Embeddings
from recs.embedding.windows import Document
from recs.errors import EmbeddingError, ModelNotFoundError, OptionError
from recs.models.hardware import Engine, Precision, resolve_device, resolve_engine, resolve_precision
from recs.models.registry import missing_model_message, registry_row
from recs.models.spec import ModelSpec, cut_model
from recs.models.tokenizer import ModelTokenizer

if TYPE_CHECKING:
    from recs.embedding.cache import Cache
    from recs.models.encoders import Encoder

ROLES = ("document", "query", "clustering", "classification")
_BATCHES_PER_WRITE = 8  # to the store; a run that is killed loses at most these


class Embedder:
    """One model, ready to embed; `load_embedder` makes one. The weights are loaded when the first vector is computed.

    Parameters
    ----------
    spec
        The description of the model.
    device, precision, engine, instruction
        As in `load_embedder`. Static models need no engine. The instruction is used if a call gives none.
    tokenizer, encoder
        Used instead of the model's own tokenizer and weights.

    Notes
    -----
    Vectors of the same text have a cosine of at least .9995 between precisions, and of at least .99999 between batches,
    thread counts and runs in float32. The same texts with the same options on the same machine give the same bytes, in
    any order of the texts.

    Examples
    --------
    >>> from recs.models.encoders.service import ByteTokenizer
    >>> class Lengths:  # in place of a model
    ...     batch_tokens = 1000
    ...     def encode(self, texts, *, prompt=""):
    ...         return np.array([[len(text), 1.0] for text in texts], np.float32)
    >>> spec = ModelSpec("lengths", "0", dim=2, max_tokens=100, pooling="", normalize=False, similarity="dot")
    >>> embedder = Embedder(spec, device="cpu", tokenizer=ByteTokenizer(), encoder=Lengths())
    >>> embedder.embed(["soil", "a garden"]).vectors.tolist()
    [[4.0, 1.0], [8.0, 1.0]]
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
            precision = "float32"
            self.device = "cpu" if device in (None, "auto") else str(device)  # the encoder refuses any other
        else:
            self.device = resolve_device(device)
        row = registry_row(spec.name)[1]
        forbidden = row.forbidden_dtypes if row else ()
        self.precision: Precision = resolve_precision(precision, self.device, forbidden=forbidden)
        self.instruction = instruction
        self.observer: Callable[[Embeddings], None] | None = None
        """A function that is called with each result of `embed`, or None."""
        self.may_load = True
        """Whether tokenizer and weights may be loaded; if not, `ModelNotFoundError` is raised instead."""
        if tokenizer is not None:
            self.tokenizer = tokenizer
        if encoder is not None:
            self._encoder = encoder

    def __repr__(self) -> str:
        return f"Embedder({self.spec.name!r}, device={self.device!r}, precision={self.precision!r})"

    @cached_property
    def tokenizer(self) -> ModelTokenizer:
        """The model's tokenizer."""
        self._check_may_load()
        if self.spec.folder is None:
            advice = "or bring a cache that holds all vectors"
            raise ModelNotFoundError(f"{missing_model_message(self.spec.name)}, {advice}")
        static = self.spec.architecture == "static"
        return ModelTokenizer(self.spec.home, lowercase=self.spec.lowercase, special_tokens=not static)

    @cached_property
    def _encoder(self) -> Encoder:
        from recs.models.encoders import load_encoder

        self._check_may_load()
        return load_encoder(self.spec, self.tokenizer, device=self.device, precision=self.precision, engine=self.engine)

    def _check_may_load(self) -> None:
        if not self.may_load:
            raise ModelNotFoundError(f"{self.spec.name}: not loaded, because only cached vectors are wanted")

    @property
    def batch_tokens(self) -> int:
        """How many tokens, padding included, the model computes at once. Loads the weights."""
        return self._encoder.batch_tokens

    def with_dim(self, dim: int) -> Embedder:
        """Return an embedder that uses the same model in memory and keeps the first `dim` numbers of each vector."""
        names = ("device", "precision", "engine", "instruction", "tokenizer")
        options: dict[str, Any] = {name: getattr(self, name) for name in names}
        return Embedder(cut_model(self.spec, dim), **options, encoder=self._encoder)

    def tokens(self, text: str) -> list[str]:
        """Return the tokens of a text as written in the vocabulary, special tokens included."""
        return self.tokenizer.tokens(text)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Return how many tokens each text takes in the context window, special tokens included."""
        return [count + self.tokenizer.special_tokens for count in self.tokenizer.count(checked_strings(texts))]

    def similarity(self, a: Embeddings, b: Embeddings) -> npt.NDArray[np.float64]:
        """Return the model's own similarity of every vector of `a` (n, d) with every vector of `b` (m, d).

        The result is a float64 array of shape (n, m). A higher value is more similar; the Euclidean similarity is minus
        the distance. Raises `FingerprintMismatchError` if `a` and `b` are of different models.
        """
        a.check_comparable(b)
        x = a.vectors.astype(np.float64)
        y = b.vectors.astype(np.float64)
        if a.similarity == "cosine":
            x = unit_rows(x)
            y = unit_rows(y)
        if a.similarity == "euclidean":
            return -np.array([np.linalg.norm(y - row, axis=1) for row in x]).reshape(len(x), len(y))
        return x @ y.T

    def embed(
        self,
        texts: Sequence[str],
        *,
        ids: Sequence[str] | None = None,
        titles: Sequence[str] | None = None,
        written: Sequence[int] | None = None,
        role: str = "document",
        instruction: str | None = None,
        overflow: Overflow = "chunk",
        window: int | None = None,
        store: Cache | None = None,
        cached_only: bool = False,
        progress: OnProgress = None,
    ) -> Embeddings:
        """Embed n texts.

        Parameters
        ----------
        texts : n strings, none empty
        ids : n unique strings; "0", "1", … if left out
        titles : n strings
            Each is put before every chunk of its text.
        written : n whole numbers
            Where a transcript begins in each text, so that it does not drown what is before it.
        role
            "document", "query", "clustering" or "classification": it chooses one of the model's prompts, if it has any.
        instruction
            What the vectors are for, in words: it replaces the prompt of the role. "" means none. A model that was
            trained with instructions needs one if it has no prompt for the role.
        overflow
            What to do with a text past the context window: "chunk" takes the mean of chunks, weighted by tokens;
            "truncate" embeds the beginning and counts the rest in `tokens_lost`; "error" raises an error.
        window
            The most tokens of a chunk, if the model allows more.
        store
            A cache: chunk boundaries and vectors are read from it, and new ones are written.
        cached_only
            Whether no model is loaded: see `recs.embed_items`.
        progress
            Called after every batch.

        Returns
        -------
        Embeddings
            In the order of `texts`. `tokens_lost` also counts tokens that the model does not know.

        Raises
        ------
        EmbeddingError, OptionError
            If a text is empty, the model emits NaN or a zero vector, the role is unknown, or an instruction is missing.
        TextTooLongError
            If `overflow` is "error" and a text is too long.
        """
        texts = checked_strings(texts)
        prompt = self.prompt(role, instruction)
        if overflow not in OVERFLOWS:
            raise OptionError(f"overflow is {overflow!r}, expected one of {', '.join(OVERFLOWS)}.")
        sources = join_sources(texts, ids, titles, written)
        tokenizer = None if cached_only else lambda: self.tokenizer
        how: dict[str, Any] = {"prompt": prompt, "overflow": overflow, "window": window, "store": store}
        documents = cut_documents(sources, self.spec, tokenizer, **how)
        if cached_only:
            documents, vectors = only_stored(documents, self.space(prompt), self.spec.dim, store)
        else:
            vectors = self._vectors(documents, prompt, store, progress)
        pooled = pool_windows(tuple(source.id for source in sources), documents, vectors, self.spec)
        embeddings = replace(pooled, role=role, prompt=prompt)
        if self.observer is not None:
            self.observer(embeddings)
        return embeddings

    def prompt(self, role: str = "document", instruction: str | None = None) -> str:
        """Return the text that is put before each input: the instruction, or the model's prompt for the role.

        `OptionError` if the role is unknown, or the model needs an instruction and has none.
        """
        if role not in ROLES and role not in self.spec.prompts:
            roles = sorted({*ROLES, *self.spec.prompts})
            raise OptionError(f"role is {role!r}, expected one of {', '.join(roles)}.")
        instruction = self.instruction if instruction is None else instruction
        if instruction is not None:
            return self.spec.instruction_template.format(instruction=instruction) if instruction else ""
        if self.spec.needs_instruction and role not in self.spec.prompts:
            raise OptionError(
                f"{self.spec.name} is built like instructor, a T5 encoder with a Dense layer, and has no instruction "
                f"for the role {role!r}: give one (instruction= or --instruction), or '' for a model that needs none."
            )
        return self.spec.prompts.get(role, "")

    def _vectors(
        self, documents: Sequence[Document], prompt: str, store: Cache | None, progress: OnProgress
    ) -> dict[str, FloatArray]:
        """Return the vector of each window's text: from the store, or else computed and written to the store."""
        length_of = {window.text: window.length for document in documents for window in document.windows}
        space = self.space(prompt)
        vectors = stored_vectors(sorted(length_of), space, self.spec.dim, store)
        if len(vectors) == len(length_of):
            return vectors
        plan = plan_texts(length_of, vectors, budget=self._encoder.batch_tokens)
        done = Progress(0, len(length_of) - len(vectors), 0, sum(length_of[text] for batch in plan for text in batch))
        unsaved: dict[bytes, FloatArray] = {}
        for number, batch in enumerate(plan, 1):
            computed = self._encode(batch, prompt)
            vectors |= computed
            unsaved |= {digest_key(space, text): vector for text, vector in computed.items()}
            if store is not None and (number % _BATCHES_PER_WRITE == 0 or number == len(plan)):
                store.put_vectors(space, unsaved, self.spec)
                unsaved = {}
            done = done.after(len(batch), sum(length_of[text] for text in batch))
            if progress is not None:
                progress(done)
        return vectors

    def _encode(self, texts: list[str], prompt: str) -> dict[str, FloatArray]:
        """Return the checked vector of each text of a batch, cut to the model's dimension."""
        spec = self.spec
        vectors = self._encoder.encode(texts, prompt=prompt)
        expected = (len(texts), spec.full_dim or spec.dim)
        if vectors.shape != expected:
            raise EmbeddingError(f"{spec.name} gave an array of shape {vectors.shape}, expected {expected}.")
        cut = vectors[:, : spec.dim].astype(np.float64)
        is_finite = np.isfinite(vectors).all(axis=1)
        is_zero = ~cut.any(axis=1)
        if is_zero.any() or not is_finite.all():
            text = texts[int(np.argmax(is_zero | ~is_finite))]
            what = "a zero vector" if is_zero.any() else "NaN"
            raise EmbeddingError(
                f"{spec.name} gave {what} for the text that begins {text[:40]!r}; try precision float32."
            )
        if spec.similarity == "cosine" or (spec.normalize and spec.dim < expected[1]):
            cut = unit_rows(cut)
        return dict(zip(texts, cut.astype(np.float32), strict=True))

    def space(self, prompt: str) -> str:
        """Return the name of the space in the cache for vectors with a prompt: see `recs.embedding.spaces`."""
        arithmetic = self.precision if self.engine == "torch" else f"{self.precision}/{self.engine}"
        return space_name(self.spec.fingerprint, prompt, arithmetic, own_prompts=self.spec.prompts.values())
