"""Models: what their files say, checked against the registry, and the fingerprint of the space they make.

Nothing here imports torch. A model is a folder as sentence-transformers writes it (`modules.json`, the transformer's
`config.json` and `tokenizer.json`, weights as safetensors, a folder for each further module), as transformers writes it
(no `modules.json`: the pooling has to be stated), or as model2vec does (one table of vectors). An ONNX file, where hubs
have it, can stand for the weights.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from recs.arrays import SIMILARITIES, Similarity
from recs.errors import ModelError, ModelNotFoundError, OptionError, WeightsError
from recs.files import file_digest
from recs.models.registry import ModelRow, find_model, missing_model_message, registry, registry_row, split_dim
from recs.models.spec import ModelSpec, cut_model

ONNX_FILE = "onnx/model.onnx"
POOLINGS = ("mean", "cls", "max", "lasttoken", "pooler")
# What `architectures/bert.py` runs; everything else goes to sentence-transformers.
_POSITIONS_AFTER_PADDING = {"mpnet", "roberta", "xlm-roberta"}
_BERT_FAMILY = {"bert", "jina_bert", *_POSITIONS_AFTER_PADDING}
_BERT_POOLINGS = {"mean", "cls", "max", "pooler"}
# Keys of config.json that say nothing about the vectors.
_COSMETIC = {"_name_or_path", "transformers_version", "torch_dtype", "dtype", "use_cache", "architectures", "auto_map"}
_POOLING_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
# A static model has no context window; this is where its own library cuts a text.
_STATIC_TOKENS = 512


def read_model(name: str, *, dim: int | None = None, pooling: str | None = None, onnx: bool = False) -> ModelSpec:
    """Find the files of a model and read what they say; `name`, `dim` and `pooling` are as in `load_embedder`.

    With `onnx`, the model's ONNX file is taken, where it has one, for what recs cannot run from the weights without
    torch. Raises `ModelNotFoundError` if there are no files on this machine, `ModelError` if they are not a model that
    recs can run (no tokenizer.json, no safetensors, no known pooling), `WeightsError` if they differ from what the
    registry says, and `OptionError` if the model cannot be cut to `dim`, or its files say another pooling.
    """
    name, named_dim = split_dim(name)
    dim = named_dim if dim is None else dim
    folder = find_model(name)
    if folder is None:
        raise ModelNotFoundError(missing_model_message(name))
    known, row = registry_row(name)
    if pooling is not None and pooling not in POOLINGS:
        raise OptionError(f"pooling is {pooling!r}, expected one of {', '.join(POOLINGS)}.")
    try:
        spec = _read_folder(known, folder, row, pooling, onnx)
    except OptionError:  # a ValueError too
        raise
    except (ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError) as error:
        what = f"its files hold what no model's do ({type(error).__name__}: {error})"
        raise ModelError(f"{folder}: {what}; download it again.") from error
    return spec if dim is None else cut_model(spec, dim)


def _read_folder(name: str, folder: Path, row: ModelRow | None, pooling: str | None, onnx: bool) -> ModelSpec:
    modules = _modules(folder)
    static = modules[0][0] == "StaticEmbedding"
    home = folder / modules[0][1]
    config = _json(home / "config.json", optional=static)
    limits: Mapping[str, Any] = next((_json(path) for path in sorted(home.glob("sentence_*_config.json"))), {})
    settings = _json(folder / "config_sentence_transformers.json", optional=True)
    has_onnx, has_weights = (folder / ONNX_FILE).is_file() and not static, any(home.glob("*.safetensors"))
    weights = {} if has_onnx and not has_weights else _weights(home, folder)
    kind = str(config.get("model_type") or "")
    is_jina = kind == "bert" and config.get("position_embedding_type") == "alibi"  # which calls itself a BERT
    architecture = "static" if static else "jina_bert" if is_jina else kind
    width = config.get(next((key for key in ("d_model", "dim", "n_embd") if key in config), "hidden_size"))
    if static:  # the width of the only table
        tensors = [entry for path in home.glob("*.safetensors") for entry in read_header(path)[0].values()]
        width = max(entry["shape"][1] for entry in tensors if len(entry["shape"]) == 2)
    described, normalize, dim = _described(folder, modules[1:], int(width))
    kinds = {entry[0] for entry in described}
    if static and kinds - {"Normalize"}:
        raise ModelError(f"{folder}: {', '.join(sorted(kinds))} after a table of vectors, which recs cannot run.")
    if static:
        found, normalize = "mean", normalize or bool(config.get("normalize", False))
    else:
        of_row = row if not (folder / "modules.json").is_file() else None
        found = _pooling(folder, described, limits, of_row, pooling)
        normalize = normalize or bool(of_row and of_row.normalize)
        described[:0] = [] if "Pooling" in kinds else [["Pooling", found, True]]
        described += [["Normalize"]] if normalize and "Normalize" not in kinds else []
    # Instructor is a T5 encoder with a Dense layer; its files do not say that it needs an instruction, nor that the
    # instruction stays out of the mean.
    instructed = row.instruction if row else architecture == "t5" and "Dense" in kinds
    pool_prompt = all(entry[2] for entry in described if entry[0] == "Pooling") and not instructed
    prompts = dict(row.prompts) if row else {}
    prompts |= {role: str(text) for role, text in (settings.get("prompts") or {}).items() if text}
    similarity = settings.get("similarity_fn_name") or (row.similarity if row else "cosine")
    if similarity not in SIMILARITIES:
        raise ModelError(f"{folder}: similarity {similarity!r}, expected one of {', '.join(SIMILARITIES)}.")
    plain = found in POOLINGS and kinds <= {"Pooling", "Normalize"}
    native = plain and architecture in _BERT_FAMILY and found in _BERT_POOLINGS
    loader = "static" if static else "bert" if native else "library"
    if has_onnx and (not weights or (onnx and loader == "library" and plain)):
        if not plain:
            raise ModelError(f"{folder}: no safetensors weights; {ONNX_FILE} is but a part of this model.")
        loader, weights = "onnx", _onnx_weights(folder)
    spec = ModelSpec(
        name=name,
        fingerprint="",
        dim=dim,
        max_tokens=_STATIC_TOKENS if static else _max_tokens(home, config, limits, architecture),
        pooling=found,
        normalize=normalize,
        similarity=cast(Similarity, similarity),
        prompts=prompts,
        languages=row.languages if row else (),
        folder=folder,
        lowercase=bool(limits.get("do_lower_case", False)),
        architecture=architecture,
        loader=loader,
        transformer=modules[0][1],
        full_dim=dim,
        pool_prompt=pool_prompt,
        needs_instruction=instructed,
        instruction_template=row.instruction_template if row else "{instruction}",
    )
    if row:
        _check_row(spec, weights, row)
    tokenizer = _json(home / "tokenizer.json").items()  # but for truncation and padding, which recs sets itself
    space = {
        "recs": 1,
        "weights": sorted(weights.values()),
        "tokenizer": _digest({key: value for key, value in tokenizer if key not in ("truncation", "padding")}),
        "transformer": {key: value for key, value in sorted(config.items()) if key not in _COSMETIC},
        "modules": [[*entry[:2], pool_prompt] if entry[0] == "Pooling" else entry for entry in described],
        "prompts": prompts,
        "max_tokens": spec.max_tokens,
        "lowercase": spec.lowercase,
        "dim": dim,
        "similarity": similarity,
    }
    return replace(spec, fingerprint=_digest(space))


def _pooling(
    folder: Path, described: list[list[Any]], limits: Mapping[str, Any], row: ModelRow | None, asked: str | None
) -> str:
    """Return how token vectors become one: as the files say, else the registry, else the caller."""
    found = next((str(entry[1]) for entry in described if entry[0] == "Pooling"), row.pooling if row else None)
    if limits.get("module_output_name") == "sentence_embedding":  # as sentence-transformers writes LEALLA and LaBSE
        output = limits["modality_config"]["text"]["method_output_name"]
        if output != "pooler_output" or found:
            raise ModelError(f"{folder}: its transformer gives {output!r} as the vector, expected 'pooler_output'.")
        found = "pooler"
    if found and asked and found != asked:
        raise OptionError(f"pooling is {asked!r}, but {folder} has {found!r}.")
    if not (found := found or asked):
        lack = "its files do not say how token vectors become one (no Pooling in modules.json)"
        raise ModelError(f"{folder}: {lack}; state it: pooling= or --pooling, one of {', '.join(POOLINGS)}.")
    return found


def read_header(path: Path) -> tuple[dict[str, Any], int]:
    """Return what a safetensors file says of its tensors (dtype, shape, data_offsets), and where their bytes begin."""
    with path.open("rb") as file:
        size = int.from_bytes(file.read(8), "little")
        if size > path.stat().st_size:
            raise ValueError(f"{path.name} is not a whole safetensors file")
        header: dict[str, Any] = json.loads(file.read(size))
    header.pop("__metadata__", None)
    return header, 8 + size


def _described(folder: Path, modules: list[tuple[str, str]], dim: int) -> tuple[list[list[Any]], bool, int]:
    """Return what the modules after the first do, whether the vectors leave them at length 1, and their dimension."""
    described: list[list[Any]] = []
    normalize = False
    for kind, path in modules:
        details = _json(folder / path / "config.json", optional=True)
        if kind == "Pooling":
            # Its own dimension is not read: that of instructor-large is wrong on its hub, and no library uses it.
            stated = details.get("pooling_mode") or [name for flag, name in _POOLING_FLAGS.items() if details.get(flag)]
            modes = [stated] if isinstance(stated, str) else list(stated)
            if not modes:
                raise ModelError(f"{folder / path}: its config.json names no pooling.")
            dim *= len(modes)
            described.append(["Pooling", "+".join(modes), details.get("include_prompt", True)])
        elif kind == "Normalize":
            described.append(["Normalize"])
        else:
            dim = int(details.get("out_features", dim))
            described.append([kind, details, _weights(folder / path, folder, optional=True)])
        normalize = kind == "Normalize"
    return described, normalize, dim


def _modules(folder: Path) -> list[tuple[str, str]]:
    """Return (class name, sub-folder) of each module, the transformer or the table of a static model first."""
    if not (folder / "modules.json").is_file():
        config = _json(folder / "config.json", optional=True)
        if not config:
            raise ModelError(f"{folder}: neither modules.json nor config.json; expected the folder of a model.")
        return [("StaticEmbedding" if config.get("model_type") == "model2vec" else "Transformer", "")]
    listed = _json(folder / "modules.json", expected=list)
    modules = [(str(entry["type"]).rpartition(".")[2], str(entry["path"])) for entry in listed]
    for kind, path in modules:
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise ModelError(f"{folder}: module {kind} lies outside the folder, at {path!r}.")
    if not modules or modules[0][0] not in ("Transformer", "StaticEmbedding"):
        raise ModelError(f"{folder}: its modules are {[kind for kind, _ in modules]}, expected a Transformer first.")
    return modules


def _max_tokens(home: Path, config: Mapping[str, Any], limits: Mapping[str, Any], architecture: str) -> int:
    tokenizer = _json(home / "tokenizer_config.json", optional=True)
    own, positions = limits.get("max_seq_length"), config.get("max_position_embeddings")
    if positions and architecture in _POSITIONS_AFTER_PADDING:
        positions -= int(config.get("pad_token_id", 1)) + 1
    # A table of positions ends where it ends; rotations go on, as far as the model's authors say.
    if own and architecture not in _BERT_FAMILY:
        positions = None
    stated = [own or tokenizer.get("model_max_length"), positions]
    known = [int(value) for value in stated if value and value < 10**7]
    if not known:
        raise ModelError(f"{home}: none of its files says how many tokens fit its context window.")
    return min(known)


def _digest(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, ensure_ascii=True).encode()).hexdigest()


def _weights(home: Path, folder: Path, *, optional: bool = False) -> dict[str, str]:
    """Return the SHA-256 of each safetensors file of a module."""
    files = sorted(home.glob("*.safetensors"))
    pickled = next((path.name for path in sorted(home.glob("pytorch_model*.bin"))), None)
    if not files and (pickled or not optional):
        advice = f"which may hold code and is not loaded; where you trust who made it: recs models convert {folder}"
        raise ModelError(f"{home}: no safetensors weights{f' but {pickled}, {advice}' if pickled else '.'}")
    return {path.name: file_digest(path) for path in files}


def _onnx_weights(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of the weights that an ONNX file was made from; its own if the registry does not know it."""
    digest = file_digest(folder / ONNX_FILE)
    for row in registry().values():
        if digest in row.onnx_sha256:
            return dict(row.weights_sha256)
    return {ONNX_FILE: digest}


def _check_row(spec: ModelSpec, weights: Mapping[str, str], row: ModelRow) -> None:
    for name in ("architecture", "dim", "max_tokens", "pooling", "normalize", "similarity"):
        expected = getattr(row, name)
        if expected is not None and getattr(spec, name) != expected:
            found = f"{name} is {getattr(spec, name)!r}, but {spec.name} has {expected!r}"
            raise WeightsError(f"{spec.folder}: {found}; these are not its files.")
    for name, digest in row.weights_sha256.items():
        if weights.get(name) != digest:
            other = f"the SHA-256 {weights.get(name, 'of no file')[:16]}…, but {spec.name} has {digest[:16]}…"
            raise WeightsError(f"{spec.folder}: {name} has {other}; these are not its weights.")


def _json(path: Path, *, optional: bool = False, expected: type = dict) -> Any:
    if optional and not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelError(f"{path.parent}: no {path.name}.") from error
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{path}: not readable as JSON ({error}).") from error
    if not isinstance(content, expected):
        raise ModelError(f"{path}: holds a {type(content).__name__}, expected a {expected.__name__}.")
    return content
