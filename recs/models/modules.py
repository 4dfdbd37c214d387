"""Reads the files of a model's folder: its modules, how it combines token vectors, its context window."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from recs.errors import ModelError, OptionError
from recs.files import file_digest
from recs.models.onnx_files import find_onnx
from recs.models.reading import check_parts, is_listed, read_header, read_json
from recs.models.registry import ModelRow

POOLINGS = ("mean", "cls", "max", "lasttoken", "pooler")
POSITIONS_AFTER_PADDING = {"mpnet", "roberta", "xlm-roberta"}
"""Architectures that number their positions from the number after the padding token."""
BERT_FAMILY = {"bert", "jina_bert", *POSITIONS_AFTER_PADDING}
"""Architectures that `encoders/bert.py` can run."""
_POOLING_FLAGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_STATIC_TOKENS = 512  # a static model has no context window; its own library cuts texts here
_WIDTH_KEYS = ("d_model", "dim", "n_embd")


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The JSON files of a model's folder, and where they are.

    Attributes
    ----------
    folder, transformer, home
        The folder of the model, the name of the transformer's folder in it, and the path of the latter.
    is_static
        Whether the model is a table of vectors instead of a transformer.
    modules
        Class name and sub-folder of each module after the first.
    config, limits, settings
        The content of config.json, sentence_bert_config.json and config_sentence_transformers.json.
    """

    folder: Path
    transformer: str
    home: Path
    is_static: bool
    modules: tuple[tuple[str, str], ...]
    config: Mapping[str, Any]
    limits: Mapping[str, Any]
    settings: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read the files; `ModelError` if the folder is not the folder of a model."""
        (kind, transformer), *modules = read_modules(folder)
        home = folder / transformer
        is_static = kind == "StaticEmbedding"
        limits = [read_json(path) for path in sorted(home.glob("sentence_*_config.json"))]
        return cls(
            folder=folder,
            transformer=transformer,
            home=home,
            is_static=is_static,
            modules=tuple(modules),
            config=read_json(home / "config.json", optional=is_static),
            limits=limits[0] if limits else {},
            settings=read_json(folder / "config_sentence_transformers.json", optional=True),
        )

    @property
    def onnx(self) -> Path | None:
        """The ONNX file of the folder; None if there is none."""
        return None if self.is_static else find_onnx(self.folder)

    @property
    def has_weights(self) -> bool:
        """Whether the folder has safetensors weights."""
        return any(self.home.glob("*.safetensors"))

    @property
    def architecture(self) -> str:
        """The kind of transformer: "bert", "jina_bert", "t5", …; "static" for a table of vectors."""
        if self.is_static:
            return "static"
        kind = str(self.config.get("model_type") or "")
        if kind == "bert" and self.config.get("position_embedding_type") == "alibi":
            return "jina_bert"  # but its files say "bert"
        return kind

    @property
    def width(self) -> int:
        """The dimension of the transformer's token vectors, or of the table."""
        if self.is_static:
            tensors = [entry for path in self.home.glob("*.safetensors") for entry in read_header(path)[0].values()]
            return int(max(entry["shape"][1] for entry in tensors if len(entry["shape"]) == 2))
        key = next((key for key in _WIDTH_KEYS if key in self.config), "hidden_size")
        return int(self.config[key])

    @property
    def max_tokens(self) -> int:
        """The context window in tokens."""
        if self.is_static:
            return _STATIC_TOKENS
        tokenizer = read_json(self.home / "tokenizer_config.json", optional=True)
        own_limit = self.limits.get("max_seq_length")
        positions = self.config.get("max_position_embeddings")
        if positions and self.architecture in POSITIONS_AFTER_PADDING:
            positions -= int(self.config.get("pad_token_id", 1)) + 1
        # A table of positions has an end. Rotary positions have none; then the limit of the model's authors is used.
        if own_limit and self.architecture not in BERT_FAMILY:
            positions = None
        stated = [own_limit or tokenizer.get("model_max_length"), positions]
        limits = [int(value) for value in stated if value and value < 10**7]
        if not limits:
            raise ModelError(f"{self.home}: none of its files says how many tokens fit its context window.")
        return min(limits)


@dataclass(frozen=True, slots=True)
class Chain:
    """What happens to token vectors after the transformer.

    `steps` are the modules as the fingerprint holds them; `dim` is the dimension of the result.
    """

    steps: tuple[list[Any], ...]
    pooling: str
    normalize: bool
    dim: int

    @property
    def kinds(self) -> set[str]:
        """The class names of the modules."""
        return {step[0] for step in self.steps}

    @property
    def pools_prompt(self) -> bool:
        """Whether the tokens of the prompt take part in the pooling."""
        return all(step[2] for step in self.steps if step[0] == "Pooling")

    @property
    def is_plain(self) -> bool:
        """Whether the model only pools and normalises after the transformer."""
        return self.pooling in POOLINGS and self.kinds <= {"Pooling", "Normalize"}


def read_chain(files: ModelFiles, row: ModelRow | None, pooling: str | None) -> Chain:
    """Return what the modules after the first do. The registry and the caller say what is not in the files."""
    steps, normalize, dim = _module_steps(files)
    kinds = {step[0] for step in steps}
    if files.is_static:
        if kinds - {"Normalize"}:
            others = ", ".join(sorted(kinds))
            raise ModelError(f"{files.folder}: {others} after a table of vectors, which recs cannot run.")
        return Chain(tuple(steps), "mean", normalize or bool(files.config.get("normalize", False)), dim)
    row_that_counts = None if (files.folder / "modules.json").is_file() else row
    chosen = _choose_pooling(files, steps, row_that_counts, pooling)
    if row_that_counts is not None and row_that_counts.normalize:
        normalize = True
    if "Pooling" not in kinds:
        steps.insert(0, ["Pooling", chosen, True])
    if normalize and "Normalize" not in kinds:
        steps.append(["Normalize"])
    return Chain(tuple(steps), chosen, normalize, dim)


def _choose_pooling(files: ModelFiles, steps: list[list[Any]], row: ModelRow | None, asked: str | None) -> str:
    """Return how token vectors are combined: from the files, else from the registry, else from the caller."""
    of_files = next((str(step[1]) for step in steps if step[0] == "Pooling"), None)
    stated = of_files or (row.pooling if row else None)
    if files.limits.get("module_output_name") == "sentence_embedding":  # as in the files of LEALLA and LaBSE
        output = files.limits["modality_config"]["text"]["method_output_name"]
        if output != "pooler_output" or stated:
            raise ModelError(
                f"{files.folder}: its transformer gives {output!r} as the vector, expected 'pooler_output'."
            )
        stated = "pooler"
    if stated and asked and stated != asked:
        raise OptionError(f"pooling is {asked!r}, but {files.folder} has {stated!r}.")
    if not stated and not asked:
        raise ModelError(
            f"{files.folder}: its files do not say how to combine token vectors (no Pooling in modules.json, no "
            f"1_Pooling/config.json); "
            f"state it: pooling= or --pooling, one of {', '.join(POOLINGS)}."
        )
    return str(stated or asked)


def _module_steps(files: ModelFiles) -> tuple[list[list[Any]], bool, int]:
    """Return the steps of the modules after the first, whether the last one normalises, and the dimension after it."""
    steps: list[list[Any]] = []
    normalize = False
    dim = files.width
    for kind, path in files.modules:
        home = files.folder / path
        details = read_json(home / "config.json", optional=kind not in ("Pooling", "Dense"))
        if kind == "Pooling":
            modes = _pooling_modes(home, details)
            dim *= len(modes)
            steps.append(["Pooling", "+".join(modes), details.get("include_prompt", True)])
        elif kind == "Normalize":
            steps.append(["Normalize"])
        else:
            dim = int(details.get("out_features", dim))
            steps.append([kind, details, weight_digests(home, files.folder, optional=True)])
        normalize = kind == "Normalize"
    return steps, normalize, dim


def _pooling_modes(home: Path, details: Mapping[str, Any]) -> list[str]:
    """Return the modes of a Pooling module; the results of several are put side by side.

    The dimension in its file is not read: it is wrong in the file of instructor-large on its hub, and no library uses
    it.
    """
    stated = details.get("pooling_mode") or [mode for flag, mode in _POOLING_FLAGS.items() if details.get(flag)]
    modes = [stated] if isinstance(stated, str) else list(stated)
    if not modes:
        raise ModelError(f"{home}: its config.json names no pooling.")
    if unknown := [mode for mode in modes if mode not in _POOLING_FLAGS.values()]:
        expected = ", ".join(_POOLING_FLAGS.values())
        raise ModelError(f"{home}: config.json names the pooling {unknown[0]!r}, expected one of {expected}.")
    return modes


def read_modules(folder: Path) -> list[tuple[str, str]]:
    """Return (class name, sub-folder) of each module; the transformer or the table of a static model is the first."""
    if not is_listed(folder / "modules.json"):
        config = read_json(folder / "config.json", optional=True)
        if not config:
            raise ModelError(f"{folder}: neither modules.json nor config.json; expected the folder of a model.")
        if config.get("model_type") == "model2vec":
            return [("StaticEmbedding", "")]
        return [("Transformer", ""), *_unlisted_modules(folder)]
    listed = read_json(folder / "modules.json", expected=list)
    modules = [(str(entry["type"]).rpartition(".")[2], str(entry["path"])) for entry in listed]
    for kind, path in modules:
        if Path(path).is_absolute() or ".." in Path(path).parts:
            raise ModelError(f"{folder}: module {kind} is outside the folder, at {path!r}.")
    if not modules or modules[0][0] not in ("Transformer", "StaticEmbedding"):
        raise ModelError(f"{folder}: its modules are {[kind for kind, _ in modules]}, expected a Transformer first.")
    return modules


def _unlisted_modules(folder: Path) -> list[tuple[str, str]]:
    """Return the modules of a folder without modules.json by the names of their folders, such as 1_Pooling.

    Without the list only these two kinds are safe: a Dense has settings there.
    """
    names = sorted(path.name for path in folder.glob("[0-9]_[A-Z]*") if path.is_dir())
    kinds = [(name.partition("_")[2], name) for name in names]
    others = [name for kind, name in kinds if kind not in ("Pooling", "Normalize")]
    if others:
        raise ModelError(f"{folder}: no modules.json, which must say how {others[0]} is used; download it again.")
    return kinds


def weight_digests(home: Path, folder: Path, *, optional: bool = False) -> dict[str, str]:
    """Return the SHA-256 of each safetensors file of a module.

    Raises `ModelError` if there is none and it is needed, and `WeightsError` if a part is missing or a file torn.
    """
    check_parts(home, "model.safetensors")
    files = sorted(home.glob("*.safetensors"))
    pickled = next((path.name for path in sorted(home.glob("pytorch_model*.bin"))), None)
    if not files and pickled:
        raise ModelError(
            f"{home}: no safetensors weights but {pickled}, which may contain code and is not loaded; "
            f"if you trust its author: recs models convert {folder}"
        )
    if not files and not optional:
        raise ModelError(f"{home}: no safetensors weights; download them into this folder.")
    for path in files:
        read_header(path)
    return {path.name: file_digest(path) for path in files}
