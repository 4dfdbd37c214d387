"""The command line: `recs VERB`. The only part of recs that prints.

Data goes to stdout, everything else to stderr. The exit status is 0; 1 for a `RecsError`, whose message is one line;
2 for wrong usage.
"""

from __future__ import annotations

import gc
import importlib
import logging
import os
import sys

import click

from recs import __version__
from recs.cli.common.terminal import printable, say
from recs.errors import RecsError

_VERBS = (
    *(
        "audit",
        "cache",
        "classify",
        "cluster",
        "compare",
        "doctor",
        "embed",
        "evaluate",
        "index",
        "mcp",
        "models",
        "publish",
        "read",
    ),
    *("related", "search", "serve", "train", "truss", "tune"),
)


class _Verbs(click.Group):
    """Verbs that are imported when they are called, so that each imports only what it uses."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _VERBS:
            return None
        command: click.Command = importlib.import_module(f"recs.cli.{cmd_name}").command
        return command


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="recs")
def cli() -> None:
    """Related lists, topics and tags for a pile of writing, from open-source text embedding models on this machine.

    SOURCE is a file (JSON, JSON Feed, JSON Lines, CSV, Parquet), a folder of Markdown, HTML and text, Parquet in an
    object store (s3://bucket/prefix), or - for stdin.
    """


class _OneLine(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return printable(f"recs: {record.getMessage()}")


def main() -> None:
    """Run the command line and exit."""
    gc.set_threshold(200_000, 20, 20)  # a run makes many small objects and few cycles
    handler = logging.StreamHandler()
    handler.setFormatter(_OneLine())
    handler.setLevel(logging.WARNING)
    logging.getLogger("recs").addHandler(handler)
    try:
        status = cli.main(prog_name="recs", standalone_mode=False)
        sys.stdout.flush()
        sys.exit(status if isinstance(status, int) else 0)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except RecsError as error:
        say(f"recs: error: {' '.join(str(error).split())}")
        sys.exit(1)
    except (KeyboardInterrupt, click.Abort):
        sys.stderr.write("recs: interrupted; vectors computed so far are kept.\n")
        sys.exit(130)
    except BrokenPipeError:
        # The reader of the output closed the pipe (recs … | head). This is no error, and the rest cannot be written.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except OSError as error:  # stdout on a full disk, a temporary folder that is gone
        say(f"recs: error: {error.filename or 'the system'}: {error.strerror or error}.")
        sys.exit(1)
