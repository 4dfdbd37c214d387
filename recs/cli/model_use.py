"""What each verb does without the network, without loading a model, and without a model on this machine.

The table is in docs/models.md too; a test compares them, and another one runs the verbs.
"""

from typing import NamedTuple


class ModelUse(NamedTuple):
    """What a verb does with `--cached-only`, which some verbs do not have, and if no model is on this machine.

    `without_model` is about items that have no vector in the cache: the vectors that are there are always used.
    """

    cached_only: str
    without_model: str


_BY_TERMS = "all items are ranked by terms; a note says so"

MODEL_USE = {
    "related": ModelUse("are ranked by terms; the result names them", _BY_TERMS),
    "cluster": ModelUse("are in no topic; a note names them", "an error"),
    "classify": ModelUse("get no label; a note names them", "an error"),
    "train": ModelUse("", "an error"),
    "evaluate": ModelUse("", "terms alone are judged; a note says so"),
    "audit": ModelUse("", _BY_TERMS),
    "tune": ModelUse("", "it learns for terms alone; a note says so"),
    "embed": ModelUse("", "an error"),
    "serve": ModelUse("", "an error"),
}


def table() -> str:
    """Return the table as Markdown."""
    lines = ["| verb | items without a cached vector, with `--cached-only` | the same, if no model is here |"]
    lines.append("| --- | --- | --- |")
    for verb, use in MODEL_USE.items():
        lines.append(f"| `recs {verb}` | {use.cached_only or 'no such option'} | {use.without_model} |")
    return "\n".join(lines) + "\n"
