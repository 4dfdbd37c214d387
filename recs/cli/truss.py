"""`recs truss`: a model as a Truss."""

from pathlib import Path

import click

from recs.cli.common.option_values import ModelOptions
from recs.cli.common.options import Place, model_options
from recs.cli.common.terminal import say


@click.command("truss")
@click.argument("folder", metavar="DIR", type=Place(file_okay=False))
@model_options
@click.option("--cpu", type=click.IntRange(min=1), default=4, show_default=True, help="The number of cores to request.")
@click.option("--memory", default="16Gi", show_default=True, help="The memory to request.")
@click.option("--gpu", metavar="NAME", help="The accelerator to request: L4, A100:2.  [default: none]")
@click.option("--force", is_flag=True, help="Replace DIR, whatever it holds.")
def command(*, folder: Path, model: ModelOptions, cpu: int, memory: str, gpu: str | None, force: bool) -> None:
    """Write a Truss to DIR: the folder from which a model server is built.

    The server returns the same vectors as `recs embed`. It downloads a model of the registry where it runs; a model
    from a folder (-m NAME=FOLDER) is copied into DIR.
    """
    from recs.serving.truss import write_truss

    resources = {"cpu": str(cpu), "memory": memory, "use_gpu": gpu is not None, "accelerator": gpu}
    write_truss(folder, model.name, overflow=model.overflow, options=model.loading, resources=resources, force=force)
    say(f"written: {folder}; next: truss push {folder}")
