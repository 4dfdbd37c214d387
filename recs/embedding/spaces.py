"""What a cache calls its spaces of vectors: names that may be published, without a word of the user's.

A cache is kept beside the content and committed with it, so it holds numbers, digests, and what a model says of itself.
"""

import hashlib
import json
import re
import sqlite3
from collections.abc import Collection
from dataclasses import fields

from recs.models.spec import ModelSpec

# Of a prompt that is not the model's own, a digest is kept.
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# The name of a model as a registry, a hub or a service has it; anything else is the path of a folder.
_MODEL_NAME = re.compile(r"(?![.~])(?:[\w.+-]+/)?[\w.:+-]+(?:@\d+)?")
# Columns of their own hold the first two; the third is a path of this machine.
_NOT_DESCRIBED = ("name", "fingerprint", "folder")


def space_name(fingerprint: str, prompt: str, arithmetic: str, *, own_prompts: Collection[str]) -> str:
    """Return what vectors are kept under: fingerprint, prompt, precision and engine, as JSON.

    A prompt that is none of the model's own is an instruction of the user, and stands there as its SHA-256.
    """
    if prompt and prompt not in own_prompts:
        prompt = f"sha256:{hashlib.sha256(prompt.encode('utf-8', 'surrogatepass')).hexdigest()}"
    return json.dumps([fingerprint, prompt, arithmetic])


def model_name(name: str) -> str:
    """Return what a model is kept under: its name, and of a path the last part, with a digest of the whole."""
    if _MODEL_NAME.fullmatch(name):
        return name
    last = re.sub(r"[^\w.+-]", "-", re.split(r"[/\\]", name.rstrip("/\\"))[-1]).lstrip(".~")
    # A name of the first kind itself, so that it is kept as it is where it is met again.
    return f"{last}:{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def describe_model(spec: ModelSpec) -> str:
    """Return what is kept of a model, for machines without its files."""
    values = {entry.name: getattr(spec, entry.name) for entry in fields(spec) if entry.name not in _NOT_DESCRIBED}
    return json.dumps(values, default=dict)


def read_model_description(name: str, space: str, description: str) -> ModelSpec:
    """Return the model that `describe_model` described; `space` holds its fingerprint."""
    values = json.loads(description)
    values |= {"languages": tuple(values["languages"]), "fingerprint": json.loads(space)[0]}
    return ModelSpec(name=name, **values)


def forget_words(connection: sqlite3.Connection) -> bool:
    """Rename the spaces that an older version has named with words of the user; return whether there were any.

    Their vectors stay known. Runs in a transaction of the caller's.
    """
    renamed = False
    for number, space, model, description in connection.execute("SELECT id, space, model, spec FROM spaces").fetchall():
        new_space = _without_words(space, description)
        if (new_space, model_name(model)) == (space, model):
            continue
        renamed = True
        there = connection.execute("SELECT id FROM spaces WHERE space = ? AND id != ?", (new_space, number)).fetchone()
        if there is None:
            change = "UPDATE spaces SET space = ?, model = ? WHERE id = ?"
            connection.execute(change, (new_space, model_name(model), number))
        else:  # two versions have written into one file
            connection.execute("UPDATE OR IGNORE vectors SET space = ? WHERE space = ?", (there[0], number))
            connection.execute("DELETE FROM vectors WHERE space = ?", (number,))
            connection.execute("DELETE FROM spaces WHERE id = ?", (number,))
    return renamed


def _without_words(space: str, description: str) -> str:
    fingerprint, prompt, arithmetic = json.loads(space)
    if _DIGEST.fullmatch(prompt):
        return space
    return space_name(fingerprint, prompt, arithmetic, own_prompts=json.loads(description)["prompts"].values())
