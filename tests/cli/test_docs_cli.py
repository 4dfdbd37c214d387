"""docs/cli.md is what --help prints. RECS_WRITE_DOCS=1 (or `make docs`) writes it anew."""

import os
import subprocess
import sys

import click
from places import ROOT

from recs.cli import cli

PAGE = ROOT / "docs" / "cli.md"
_HEAD = """# The command line

This page is what `--help` prints. `make docs` writes it anew.
"""


def _commands(command, names):
    yield names
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            yield from _commands(command.get_command(context, name), [*names, name])


def _render():
    sections = []
    for names in _commands(cli, ["recs"]):
        done = subprocess.run(  # a process of its own: click remembers how a command was first called
            [sys.executable, "-m", *names, "--help"],
            capture_output=True,
            encoding="utf-8",
            env={**os.environ, "COLUMNS": "100", "PYTHONIOENCODING": "utf-8"},
            check=True,
        )
        sections.append(f"## {' '.join(names)}\n\n```text\n{done.stdout.rstrip()}\n```\n")
    return "\n".join([_HEAD, *sections])


def test_docs_of_the_command_line_are_what_help_prints():
    page = _render()
    if os.environ.get("RECS_WRITE_DOCS"):
        PAGE.write_text(page, encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == page


def test_help_of_every_verb_says_what_each_option_does():
    for names in _commands(cli, ["recs"]):
        command = cli
        for name in names[1:]:
            command = command.get_command(click.Context(command), name)
        for option in (one for one in command.params if isinstance(one, click.Option)):
            assert option.help or option.name == "form", (names, option.name)


def test_formats_of_related_are_those_of_the_writer_folders_and_a_table():
    from recs.writers.related import FORMATS

    command = cli.get_command(click.Context(cli), "related")
    (formats,) = (option.type.choices for option in command.params if option.name == "form")
    assert set(formats) == {*FORMATS, "files", "parquet", "table"}
