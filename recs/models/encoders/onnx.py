"""Models without torch: onnxruntime runs a graph built from the weights (BERT family), or the model's ONNX file."""

import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from recs.arrays import FloatArray, unit_rows
from recs.errors import MissingDependencyError, ModelError, OptionError
from recs.forks import release_before_fork
from recs.models.encoders.onnx_graph import bert_graph
from recs.models.encoders.packing import pad_right
from recs.models.onnx_files import ONNX_FILE, external_files, find_onnx
from recs.models.reading import one_line
from recs.models.spec import ModelSpec
from recs.models.tokenizer import ModelTokenizer

_INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
_TELEMETRY = "ORT_DISABLE_TELEMETRY"
_TOKEN_OUTPUTS = ("last_hidden_state", "token_embeddings")


class OnnxEncoder:
    """A model in memory, run on the processor in float32.

    Raises `MissingDependencyError` without onnxruntime, `ModelError` if the file needs unknown operators, other inputs
    or a file that is missing, or lacks the output, and `WeightsError` as `read_weights` does.

    Attention keeps the scores of a batch in memory, up to four times: 4 bytes times heads times tokens squared for each
    text. That is 3 GB for 4,096 tokens of JinaBERT and 11 GB for 8,192. Engine torch computes the scores in blocks.
    """

    batch_tokens = 2048

    def __init__(self, spec: ModelSpec, tokenizer: ModelTokenizer, *, device: str) -> None:
        self._onnxruntime = _import_onnxruntime()
        if device != "cpu":
            raise OptionError(f"device is {device!r}; engine onnx computes on the processor: cpu.")
        if spec.loader == "library":
            raise ModelError(f"{spec.folder}: {spec.architecture!r} needs torch, or its ONNX file at {ONNX_FILE}.")
        self._spec, self._tokenizer = spec, tokenizer
        self._path = find_onnx(Path(str(spec.folder))) if spec.loader == "onnx" else None
        self._pad = json.loads((spec.home / "config.json").read_text(encoding="utf-8")).get("pad_token_id") or 0
        self.lock = threading.RLock()
        self._opened: Any = None
        session = self._session()
        self._inputs = {entry.name for entry in session.get_inputs()}
        outputs = [entry.name for entry in session.get_outputs()]
        wanted = ("pooler_output",) if spec.pooling == "pooler" else _TOKEN_OUTPUTS
        self._output = next((name for name in wanted if name in outputs), None)
        if not {"input_ids", "attention_mask"} <= self._inputs <= _INPUTS or self._output is None:
            makes = f"makes {outputs} of {sorted(self._inputs)}"
            expected = f"{wanted[0]} of {', '.join(sorted(_INPUTS))}"
            raise ModelError(
                f"{spec.folder}: {self._path.name if self._path else 'its graph'} {makes}; expected {expected}."
            )
        release_before_fork(self)  # a child has none of the threads of the session, and waits for them

    def encode(self, texts: Sequence[str], *, prompt: str = "") -> FloatArray:
        """Return the vectors of one batch, as `Encoder.encode` says."""
        ids = self._tokenizer.ids(texts)
        padded, mask = pad_right(ids, self._pad)
        feed = {"input_ids": padded, "attention_mask": mask.astype(np.int64), "token_type_ids": np.zeros_like(padded)}
        session = self._session()
        try:
            states = session.run([self._output], {name: feed[name] for name in self._inputs})[0]
        except Exception as error:  # of the same classes
            raise ModelError(f"{self._spec.folder}: onnxruntime cannot run it: {one_line(error)}") from error
        if prompt and not self._spec.pool_prompt:
            mask &= np.arange(mask.shape[1]) >= np.array(self._tokenizer.prompt_lengths(prompt, ids))[:, None]
        vectors = _pool(states.astype(np.float32, copy=False), mask, self._spec.pooling)
        return unit_rows(vectors).astype(np.float32) if self._spec.normalize else vectors

    def release(self) -> None:
        """Drop the session until it is used again."""
        self._opened = None

    def _session(self) -> Any:
        with self.lock:
            if self._opened is None:
                self._opened = self._open()
            return self._opened

    def _open(self) -> Any:
        """Return a new session."""
        spec = self._spec
        path = self._path
        content = path.read_bytes() if path else bert_graph(spec)
        options = self._onnxruntime.SessionOptions()
        # If the number of threads is given, onnxruntime does not pin them to cores that we may not use.
        asked = os.environ.get("OMP_NUM_THREADS", "")
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
        options.intra_op_num_threads = int(asked) if asked.isdecimal() and int(asked) else cores or 1
        options.log_severity_level = 4
        beside = _load_beside(path, options) if path else []  # must live until the session is made
        try:
            session = self._onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has a class of its own for each status
            raise ModelError(f"{spec.folder}: onnxruntime cannot load it: {one_line(error)}") from error
        del beside
        return session


def _import_onnxruntime() -> Any:
    """Import onnxruntime without its telemetry: it may send data, and its thread does not survive a fork.

    A value of ORT_DISABLE_TELEMETRY that the user has set stays as it is.
    """
    is_ours = _TELEMETRY not in os.environ
    os.environ.setdefault(_TELEMETRY, "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise MissingDependencyError("engine onnx", "onnxruntime", "onnx") from error
    finally:  # onnxruntime reads it when it is imported; the environment is that of somebody else's process
        if is_ours:
            del os.environ[_TELEMETRY]
    return onnxruntime


def _load_beside(path: Path, options: Any) -> list[npt.NDArray[np.uint8]]:
    """Give onnxruntime the files that hold the weights of an ONNX file, so that it opens no file itself."""
    files = external_files(path)
    if not files:
        return []
    if not hasattr(options, "add_external_initializers_from_files_in_memory"):
        raise ModelError(f"{path}: its weights are in {files[0].name}, which needs a newer onnxruntime: update it.")
    contents = [np.fromfile(file, np.uint8) for file in files]
    names, sizes = [file.name for file in files], [len(content) for content in contents]
    options.add_external_initializers_from_files_in_memory(names, contents, sizes)
    return contents


def _pool(states: FloatArray, mask: npt.NDArray[np.bool_], pooling: str) -> FloatArray:
    """Return (batch, hidden) from the states of tokens (batch, tokens, hidden). A pooler's output stays as it is."""
    if pooling == "mean":
        states = np.einsum("bth,bt->bh", states, mask.astype(np.float32))
        states /= mask.sum(axis=1, dtype=np.float32)[:, None]
    elif pooling == "max":
        states = np.where(mask[:, :, None], states, np.float32(-np.inf)).max(axis=1)
    elif pooling in ("cls", "lasttoken"):
        states = states[np.arange(len(states)), mask.sum(axis=1) - 1 if pooling == "lasttoken" else 0]
    return states
