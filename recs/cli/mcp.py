"""`recs mcp`: an index for assistants, by the Model Context Protocol."""

from __future__ import annotations

import signal
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import click

from recs.cli.common.option_values import ModelOptions
from recs.cli.common.options import Place, model_options, quiet_option, topics_option
from recs.cli.common.terminal import say
from recs.text.counts import counted

if TYPE_CHECKING:
    from recs.embedding.embedder import Embedder


@click.command("mcp")
@click.argument("folder", metavar="DIR", type=Place())
@click.option(
    "--signals", type=click.Choice(["auto", "terms"]), default="auto", show_default=True, help="terms: no model."
)
@topics_option
@quiet_option
@model_options
def command(*, folder: Path, signals: str, topics: Path | None, quiet: bool, model: ModelOptions) -> None:
    """Serve the index in DIR, which `recs index` wrote, to an assistant over stdin and stdout.

    The assistant starts this command itself, as a server of the Model Context Protocol (MCP). Its tools only read:
    search, passages, get_item, related, and with --topics also topics. The model of the index is loaded for the first
    query that needs it; --model is needed only if it has another name or place now. An index that is replaced meanwhile
    is opened again.
    """
    from recs.serving.assistant import serve_standard_streams
    from recs.serving.assistant_tools import Tools
    from recs.serving.live_index import LiveIndex
    from recs.serving.topics import TopicsFile

    @lru_cache(maxsize=1)  # an index that is opened again has the same model, most often
    def embedder(name: str, fingerprint: str) -> Embedder:
        from recs.embedding.load import matching_embedder

        return matching_embedder(model.model or name, fingerprint, **model.loading)

    file = None if topics is None else TopicsFile(topics.expanduser())
    live = LiveIndex(folder.expanduser(), find_embedder=embedder, every=0.0)
    if not quiet:
        index = live.current()
        by = "terms alone" if index.vectors is None or signals == "terms" else f"terms and {index.vectors.model}"
        say(f"serving {counted(len(index), 'item')} of {folder} by {by} on stdin and stdout")
    # A thread waits for stdin. An exception would wait for that thread; so a signal ends the process.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    serve_standard_streams(Tools(live, topics=file, terms_only=signals == "terms"))


# Other verbs choose a model; here the index names it.
_model = next(option for option in command.params if option.name == "model")
_model.help = "The model of the index by another name, hub id or folder."
