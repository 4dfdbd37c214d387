"""`recs doctor`: what runs here, and whether a model computes what it should."""

import json
from pathlib import Path
from typing import Any

import click

from recs.cli.options import choice, model_options
from recs.cli.terminal import emit, printable


@click.command("doctor")
@click.argument("asked", metavar="[MODEL|PATH]", required=False)
@click.option("-t", "--text", help="Show the tokens of TEXT, and what would be cut off.")
@click.option("--cache", type=click.Path(path_type=Path), metavar="DIR", help="The folder of the vector cache.")
@choice("--format form", "table json")
@model_options
def command(*, asked: str | None, form: str, **options: Any) -> int:
    """Check this machine and a model: versions, devices, files, digests, vectors, speed. Nothing is downloaded.

    Each line says ok, warn or fail. The exit status is 1 if one says fail.
    """
    from recs.embedding.doctor import diagnose

    model, _, _ = (options.pop(name) for name in ("model", "offline", "overflow"))
    found = []
    for finding in diagnose(asked or model, **options):
        found.append(finding)
        if form == "table":
            emit(f"{finding.status:4}  {finding.topic:<11}  {printable(finding.said)}\n")
    failed = any(finding.status == "fail" for finding in found)
    if form == "json":
        emit(json.dumps({"ok": not failed, "findings": [one._asdict() for one in found]}, indent=1) + "\n")
    return int(failed)
