"""`recs doctor`: what runs here, and whether a model computes what it should."""

import json
from pathlib import Path

import click

from recs.cli.common.option_values import ModelOptions
from recs.cli.common.options import Place, choice, model_options
from recs.cli.common.terminal import emit, printable


@click.command("doctor")
@click.argument("asked", metavar="[MODEL|PATH]", required=False)
@click.option("-t", "--text", help="Show the tokens of TEXT, and what would be cut off.")
@click.option("--cache", type=Place(), metavar="DIR", help="The folder of the vector cache.")
@choice("--format form", "table json")
@model_options
def command(*, asked: str | None, text: str | None, cache: Path | None, form: str, model: ModelOptions) -> int:
    """Check this machine and a model: versions, devices, files, digests, vectors, speed. Nothing is downloaded.

    Each line says ok, warn or fail. The exit status is 1 if one says fail.
    """
    from recs.embedding.doctor import diagnose

    options = {name: value for name, value in model.loading.items() if name != "offline"}
    findings = []
    for finding in diagnose(asked or model.model, text=text, cache=cache, **options):
        findings.append(finding)
        if form == "table":
            emit(f"{finding.status:4}  {finding.topic:<11}  {printable(finding.said)}\n")
    failed = any(finding.status == "fail" for finding in findings)
    if form == "json":
        emit(json.dumps({"ok": not failed, "findings": [one._asdict() for one in findings]}, indent=1) + "\n")
    return int(failed)
