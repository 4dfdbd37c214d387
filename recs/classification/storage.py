"""The folder of a classifier: arrays, names and a page for people; written whole or not at all, checked when read."""

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from recs.classification.labels import LabelRules
from recs.errors import MissingDependencyError, OutputError, SourceError

SCHEMA = "recs.classifier/1"
ARRAYS = ("weights", "intercepts", "thresholds", "support", "centres", "gate", "examples", "example_labels")
_WEIGHTS, _JSON, _README = "weights.safetensors", "classifier.json", "README.md"
_MANIFEST = (
    *("label", "classes", "single", "example_items", "model", "fingerprint", "role", "prompt"),
    *("parameters", "metrics", "notes"),
)


def check_place(path: Path) -> Path:
    """Return where a classifier would be written; `OutputError` if anything but a classifier is there."""
    folder = Path(os.path.realpath(path))  # "." has no name to put another one beside, a link is not what it names
    found = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    others = sorted(found if _JSON not in found else found - {_WEIGHTS, _JSON, _README})
    if others or (folder.exists() and not folder.is_dir()):
        what = others[0] if others else "a file"
        raise OutputError(f"{folder}: holds {what}; expected a new folder or one of a classifier.")
    return folder


def write_folder(fields: Mapping[str, Any], path: Path) -> None:
    """Write the folder beside its place, then let it take that place: what `Classifier.save` promises of its fields.

    Each of the two files holds a digest of the other, so that neither can be changed, or come from another run, unseen.
    """
    folder = check_place(path)
    manifest = {name: fields[name] for name in _MANIFEST}
    manifest |= {"schema": SCHEMA, "rules": asdict(fields["rules"])}
    manifest = json.loads(json.dumps(manifest, ensure_ascii=False).encode("utf-8", "replace"))  # as it will be read
    arrays = {name: np.ascontiguousarray(fields[name]) for name in ARRAYS}
    weights = _safetensors().save(arrays, metadata={_JSON: _digest(manifest)})
    document = json.dumps({**manifest, "sha256": hashlib.sha256(weights).hexdigest()}, indent=1, ensure_ascii=False)
    files = {_WEIGHTS: weights, _JSON: f"{document}\n", _README: _readme(fields)}
    partial = folder.with_name(f".{folder.name}.{secrets.token_hex(4)}.partial")
    earlier = partial.with_suffix(".earlier")
    try:
        partial.mkdir(parents=True)
        for name, data in files.items():
            with (partial / name).open("xb") as file:
                file.write(data if isinstance(data, bytes) else data.encode("utf-8", "replace"))
                file.flush()
                os.fsync(file.fileno())
        if folder.exists():
            folder.rename(earlier)
        partial.rename(folder)
    except OSError as error:
        if earlier.exists() and not folder.exists():
            earlier.rename(folder)
        raise OutputError(f"{folder}: cannot be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        if folder.exists():
            shutil.rmtree(earlier, ignore_errors=True)


def read_folder(folder: Path) -> dict[str, Any]:
    """Return the fields of the classifier that a folder holds; `SourceError` as `Classifier.load` says."""
    try:
        manifest = json.loads((folder / _JSON).read_text(encoding="utf-8"))
        if manifest["schema"] != SCHEMA:
            raise ValueError(f"schema {manifest['schema']!r}, expected {SCHEMA!r}")
        data = (folder / _WEIGHTS).read_bytes()
        if hashlib.sha256(data).hexdigest() != manifest.pop("sha256"):
            raise ValueError(f"{_WEIGHTS} is not the file that {_JSON} was written with")
        arrays = _safetensors().load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        if header["__metadata__"][_JSON] != _digest(manifest):
            raise ValueError(f"{_JSON} was changed; to change what labels may be said, see `recs classify --labels`")
        fields = {name: manifest[name] for name in _MANIFEST} | {name: arrays[name].copy() for name in ARRAYS}
        fields |= {name: tuple(manifest[name]) for name in ("classes", "notes")}
        fields["example_items"] = tuple((str(name), str(title)) for name, title in manifest["example_items"])
        fields["rules"] = LabelRules.parse(manifest["rules"])
        _check(fields)
        return fields
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise SourceError(f"{folder}: not a classifier written by recs ({error}).") from error
    except Exception as error:
        if type(error).__name__ != "SafetensorError":  # has no base of its own to catch
            raise
        raise SourceError(f"{folder}: {_WEIGHTS} is torn ({error}).") from error


def _digest(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise MissingDependencyError("a classifier's folder", "safetensors", "classify") from error
    return safetensors.numpy


def _check(fields: dict[str, Any]) -> None:
    """Raise `ValueError` unless all arrays are of the shapes that the classes ask for, and finite."""
    classes, examples = fields["classes"], len(fields["example_items"])
    labels, dim = len(classes), fields["weights"].shape[-1]
    expected = {
        "weights": ((labels, dim), "f"),
        "intercepts": ((labels,), "f"),
        "thresholds": ((labels,), "f"),
        "support": ((labels,), "i"),
        "centres": ((labels, dim), "f"),
        "gate": ((105,), "f"),
        "examples": ((examples, dim), "f"),
        "example_labels": ((examples, labels), "b"),
    }
    if labels < 1 or list(classes) != sorted(set(map(str, classes))):
        raise ValueError("its classes are not sorted names")
    for name, (shape, kind) in expected.items():
        array = fields[name]
        if array.shape != shape or array.dtype.kind != kind:
            raise ValueError(f"{name} has shape {array.shape} of {array.dtype}, expected {shape}")
        if (kind == "f" and np.isnan(array).any()) or (name != "thresholds" and not np.isfinite(array).all()):
            raise ValueError(f"{name} holds NaN or infinity")


def _readme(fields: Mapping[str, Any]) -> str:
    """Return what a person who finds the folder should know."""
    kind = "exactly one label an item" if fields["single"] else "any number of labels an item"
    lines = [
        f"# A classifier of `{_inline(fields['label'])}`",
        "",
        f"{len(fields['classes'])} labels, {kind}, on vectors of `{_inline(fields['model'])}`.",
        "Written by `recs train`; `recs classify SOURCE --classifier FOLDER` uses it. No pickle: `weights.safetensors`",
        "holds arrays, `classifier.json` names, options and figures.",
        "",
        "| label | learned from | put without a person from |",
        "| --- | --- | --- |",
    ]
    rows = (fields[name] for name in ("classes", "support", "thresholds"))
    for name, support, threshold in zip(*rows, strict=True):
        said = f"p ≥ {threshold:.2f}" if np.isfinite(threshold) else "never: only suggested"
        lines.append(f"| {_inline(name)} | {int(support)} | {said} |")
    lines += ["", *(f"- {_inline(note)}" for note in fields["notes"])]
    return "\n".join(lines).rstrip() + "\n"


def _inline(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", " ".join(text.split()))
