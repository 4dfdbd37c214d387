"""Names of the spaces in a cache. They may be published: they contain no words of the user.

A cache is stored beside the content and committed with it. So it contains only numbers, digests, and descriptions of
models.
"""

import hashlib
import json
import re
import sqlite3
from collections.abc import Collection
from dataclasses import fields

from recs.models.spec import ModelSpec

# A prompt that is not the model's own is stored as a digest.
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
# The name of a model in the registry, on a hub or of a service; anything else is the path of a folder.
_MODEL_NAME = re.compile(r"(?![.~])(?:[\w.+-]+/)?[\w.:+-]+(?:@\d+)?")
# The first two have columns of their own; the third is a path on this machine.
_NOT_DESCRIBED = ("name", "fingerprint", "folder")


def space_name(fingerprint: str, prompt: str, arithmetic: str, *, own_prompts: Collection[str]) -> str:
    """Return the name of a space of vectors: fingerprint, prompt, and precision with engine, as JSON.

    A prompt that is not one of the model's own is an instruction of the user, and is replaced by its SHA-256.

    Examples
    --------
    >>> space_name("f00d", "query: ", "float32", own_prompts=["query: "])
    '["f00d", "query: ", "float32"]'
    """
    if prompt and prompt not in own_prompts:
        prompt = f"sha256:{hashlib.sha256(prompt.encode('utf-8', 'surrogatepass')).hexdigest()}"
    return json.dumps([fingerprint, prompt, arithmetic])


def model_name(name: str) -> str:
    """Return the name of a model in the cache. For a path, that is its last part and a digest of the whole.

    Examples
    --------
    >>> model_name("intfloat/e5-small"), model_name("/home/ann/models/mine")
    ('intfloat/e5-small', 'mine:9b7084054d73')
    """
    if _MODEL_NAME.fullmatch(name):
        return name
    last = re.sub(r"[^\w.+-]", "-", re.split(r"[/\\]", name.rstrip("/\\"))[-1]).lstrip(".~")
    # The result matches _MODEL_NAME itself, so that this function does not change it a second time.
    return f"{last}:{hashlib.sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()[:12]}"


def describe_model(spec: ModelSpec) -> str:
    """Return the description of a model as JSON, for machines without its files."""
    values = {entry.name: getattr(spec, entry.name) for entry in fields(spec) if entry.name not in _NOT_DESCRIBED}
    return json.dumps(values, default=dict)


def read_model_description(name: str, space: str, description: str) -> ModelSpec:
    """Return the model that `describe_model` described; `space` contains its fingerprint."""
    values = json.loads(description)
    values |= {"languages": tuple(values["languages"]), "fingerprint": json.loads(space)[0]}
    return ModelSpec(name=name, **values)


def forget_words(connection: sqlite3.Connection) -> bool:
    """Rename the spaces that an older version named with words of the user; return whether there were any.

    Their vectors stay in the cache. The caller opens the transaction.
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
        else:  # two versions wrote into one file
            connection.execute("UPDATE OR IGNORE vectors SET space = ? WHERE space = ?", (there[0], number))
            connection.execute("DELETE FROM vectors WHERE space = ?", (number,))
            connection.execute("DELETE FROM spaces WHERE id = ?", (number,))
    return renamed


def _without_words(space: str, description: str) -> str:
    fingerprint, prompt, arithmetic = json.loads(space)
    if _DIGEST.fullmatch(prompt):
        return space
    return space_name(fingerprint, prompt, arithmetic, own_prompts=json.loads(description)["prompts"].values())
