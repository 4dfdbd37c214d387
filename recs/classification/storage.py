"""The folder of a classifier: arrays, names and a page for people. It is written whole or not at all, and checked."""

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from recs.classification.labels import LabelRules
from recs.errors import MissingDependencyError, OutputError, SourceError
from recs.files import replace_folder
from recs.text.counts import counted

SCHEMA = "recs.classifier/1"
ARRAYS = ("weights", "intercepts", "thresholds", "support", "centres", "gate", "examples", "example_labels")
_WEIGHTS = "weights.safetensors"
_JSON = "classifier.json"
_README = "README.md"
_MANIFEST = (
    *("label", "classes", "single", "example_items", "model", "fingerprint", "role", "prompt"),
    *("parameters", "metrics", "notes"),
)


def check_place(path: Path) -> Path:
    """Return the folder that a classifier would be written to; `OutputError` if something else is there."""
    folder = Path(os.path.realpath(path))  # "." has no name, and a link is not the folder that it names
    there = {entry.name for entry in folder.iterdir()} if folder.is_dir() else set()
    others = sorted(there if _JSON not in there else there - {_WEIGHTS, _JSON, _README})
    if others or (folder.exists() and not folder.is_dir()):
        what = others[0] if others else "a file"
        raise OutputError(f"{folder}: holds {what}; expected a new folder or one of a classifier.")
    return folder


def write_folder(fields: Mapping[str, Any], path: Path) -> None:
    """Write the fields of a classifier as a folder that replaces an earlier one.

    Each of the two files holds a digest of the other, so that a change of one, or a mix of two runs, is noticed.
    """
    folder = check_place(path)
    manifest = {name: fields[name] for name in _MANIFEST}
    manifest |= {"schema": SCHEMA, "rules": asdict(fields["rules"])}
    manifest = json.loads(json.dumps(manifest, ensure_ascii=False).encode("utf-8", "replace"))  # as it will be read
    arrays = {name: np.ascontiguousarray(fields[name]) for name in ARRAYS}
    weights = _safetensors().numpy.save(arrays, metadata={_JSON: _digest(manifest)})
    document = json.dumps({**manifest, "sha256": hashlib.sha256(weights).hexdigest()}, indent=1, ensure_ascii=False)
    readme = _readme(fields).encode("utf-8", "replace")
    replace_folder(folder, {_WEIGHTS: weights, _JSON: f"{document}\n".encode("utf-8", "replace"), _README: readme})


def read_folder(folder: Path) -> dict[str, Any]:
    """Return the fields of the classifier in a folder; `SourceError` if it is missing, torn, changed or not ours."""
    safetensors = _safetensors()
    try:
        manifest = json.loads((folder / _JSON).read_text(encoding="utf-8"))
        if manifest["schema"] != SCHEMA:
            raise ValueError(f"schema {manifest['schema']!r}, expected {SCHEMA!r}")
        data = (folder / _WEIGHTS).read_bytes()
        if hashlib.sha256(data).hexdigest() != manifest.pop("sha256"):
            raise ValueError(f"{_WEIGHTS} is not the file that {_JSON} was written with")
        arrays = safetensors.numpy.load(data)
        header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
        if header["__metadata__"][_JSON] != _digest(manifest):
            raise ValueError(
                f"{_JSON} was changed; to change which labels may be assigned, see `recs classify --labels`"
            )
        fields = {name: manifest[name] for name in _MANIFEST} | {name: arrays[name].copy() for name in ARRAYS}
        fields |= {name: tuple(manifest[name]) for name in ("classes", "notes")}
        fields["example_items"] = tuple((str(name), str(title)) for name, title in manifest["example_items"])
        fields["rules"] = LabelRules.parse(manifest["rules"])
        _check(fields)
        return fields
    except safetensors.SafetensorError as error:
        raise SourceError(f"{folder}: {_WEIGHTS} is torn ({error}).") from error
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise SourceError(f"{folder}: not a classifier written by recs ({error}).") from error


def _digest(manifest: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()


def _safetensors() -> Any:
    try:
        import safetensors.numpy
    except ImportError as error:
        raise MissingDependencyError("a classifier's folder", "safetensors", "classify") from error
    return safetensors


def _check(fields: dict[str, Any]) -> None:
    """Raise `ValueError` unless all arrays have the shapes that the classes require, and are finite."""
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
    """Return the README of the folder, for a person who finds it."""
    kind = "exactly one label an item" if fields["single"] else "any number of labels an item"
    lines = [
        f"# A classifier of `{_inline(fields['label'])}`",
        "",
        f"{counted(len(fields['classes']), 'label')}, {kind}, on vectors of `{_inline(fields['model'])}`.",
        "Written by `recs train`; `recs classify SOURCE --classifier FOLDER` uses it. No pickle: `weights.safetensors`",
        "holds arrays, `classifier.json` names, options and figures.",
        "",
        "| label | learned from | assigned automatically from |",
        "| --- | --- | --- |",
    ]
    rows = (fields[name] for name in ("classes", "support", "thresholds"))
    for name, support, threshold in zip(*rows, strict=True):
        limit = f"p ≥ {threshold:.2f}" if np.isfinite(threshold) else "never: it is only suggested"
        lines.append(f"| {_inline(name)} | {int(support)} | {limit} |")
    lines += ["", *(f"- {_inline(note)}" for note in fields["notes"])]
    return "\n".join(lines).rstrip() + "\n"


def _inline(text: str) -> str:
    return re.sub(r"([\\`*_{}\[\]<>|#])", r"\\\1", " ".join(text.split()))
