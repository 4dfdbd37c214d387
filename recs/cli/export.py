"""`recs models export`: a model for machines without torch."""

from __future__ import annotations

from pathlib import Path

import click

from recs.cli.terminal import say


@click.command("export")
@click.argument("name")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), required=True, metavar="DIR", help="Where to write it."
)
@click.option(
    "--pooling",
    type=click.Choice(["mean", "cls", "max", "pooler"]),
    help="How token vectors become one, where the model's files do not say.",
)
def export(name: str, output: Path, pooling: str | None) -> None:
    """Write the model NAME, of the BERT family, to DIR as an ONNX file with all that goes with it.

    On a machine with recs-toolkit[onnx] and without torch, DIR is then the model: recs related SOURCE -m DIR
    """
    from recs.export import export_model
    from recs.registry import registry_row

    spec = export_model(name, output, pooling=pooling)
    stated = f" --pooling {pooling}" if pooling else ""
    known = f"{spec.name}={output}" if registry_row(name)[1] else output
    say(f"{output}: {spec.name}, {spec.dim} dimensions; use it with -m {known}{stated}")
