"""Every block of code in README and docs runs: commands in a folder with the sample blog, Python in one namespace."""

import json
import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tomllib
from contextlib import chdir, contextmanager
from pathlib import Path
from typing import NamedTuple

import click
import pytest
from places import POSTS, ROOT

from recs.classification.labels import load_label_rules
from recs.cli import cli
from recs.ranking.rules import load_rules

PAGES = ["README.md", *sorted(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md"))]
RECIPES = sorted(f"docs/recipes/{path.name}" for path in (ROOT / "docs" / "recipes").glob("*.md"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PODCAST = ROOT / "datasets" / "podcast.xml"
LANGUAGES = {"", "text", "sh", "console", "python", "toml", "json", "go-html-template", "sql"}
NOW = "2026-11-01"
"""The day on which the pages are read: the sample blog has posts that are scheduled for later."""
NUMBER = r"\d+\.\d+"
READS_ITEMS = {"related", "evaluate", "tune", "audit", "cluster", "train", "classify", "index"}

pytestmark = [pytest.mark.slow, pytest.mark.model]


class Block(NamedTuple):
    page: str
    line: int
    language: str
    text: str


def blocks_of(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for match in re.finditer(r"^( *)```([\w-]*)[^\n]*\n(.*?)^ *```$", text, re.M | re.S):
        body = "".join(line.removeprefix(match[1]) for line in match[3].splitlines(keepends=True))
        yield Block(page, text.count("\n", 0, match.start()) + 1, match[2], body)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder as the pages assume it: the sample blog as posts.json, in datasets/, as Markdown of Hugo; a podcast."""
    home = tmp_path_factory.mktemp("docs")
    (home / "datasets").mkdir()
    for copy in ("posts.json", "datasets/posts.json"):
        shutil.copy(POSTS, home / copy)
    shutil.copy(PODCAST, home)
    shutil.copytree(PODCAST.with_suffix(""), home / "podcast")
    content = home / "content" / "posts"
    content.mkdir(parents=True)
    for record in json.loads(POSTS.read_text(encoding="utf-8"))["items"][:12]:
        body = record.pop("content_html")
        (content / f"{record['id']}.md").write_text(f"{json.dumps(record)}\n\n{body}\n", encoding="utf-8")
    return home


def environment():
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "COLUMNS": "100"}


def argv_of(line):
    words = shlex.split(line, comments=True)
    if words[:1] == ["recs"] and words[1] in READS_ITEMS and "--now" not in words:
        words += ["--now", NOW]
    return words


@contextmanager
def free_port_for(lines):
    """Yield the lines with a free port in place of the default one."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    yield [
        f"{line.partition('#')[0]} --port {port}"
        if line.startswith("recs serve")
        else line.replace(":8000", f":{port}")
        for line in lines
    ]


def run_lines(block, folder):
    servers = []
    try:
        with free_port_for([line for line in block.text.splitlines() if line.strip()]) as lines:
            for line in lines:
                words = argv_of(line)
                if words[0] == "pip":
                    check_extras(words)
                elif words[:2] == ["recs", "serve"]:
                    servers.append(start(words, folder))
                elif words[0] == "recs" or (words[0] == "curl" and shutil.which("curl")):
                    run(words, folder, block)
                else:
                    assert words[0] in ("make", "python", "git", "cd", "curl"), f"{block.page}:{block.line}: {line}"
    finally:
        for server in servers:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=60)


def run(words, folder, block):
    pipes = {"stdin": subprocess.DEVNULL, "capture_output": True, "encoding": "utf-8"}
    done = subprocess.run(words, cwd=folder, env=environment(), check=False, **pipes)
    # Without a clear gain there is nothing to write, which `recs tune` reports as an error.
    may_fail = words[1] == "tune" and "not written" in done.stderr
    assert done.returncode == 0 or may_fail, f"{block.page}:{block.line}: {shlex.join(words)}\n{done.stderr}"
    return done.stdout


def start(words, folder):
    server = subprocess.Popen(words, cwd=folder, env=environment(), stderr=subprocess.PIPE, encoding="utf-8")
    for line in server.stderr:
        if line.startswith("serving"):
            return server
    raise AssertionError(f"{shlex.join(words)} did not start")


def check_extras(words):
    for extras in re.findall(r"recs-toolkit\[([^\]]+)\]", " ".join(words)):
        assert set(extras.split(",")) <= PROJECT["optional-dependencies"].keys(), words


def run_console(block, folder):
    """Run each command after `$` and compare its output.

    A line of … stands for any number of lines. Numbers may differ by .005: a processor decides the precision.
    """
    for command, expected in re.findall(r"^\$ (.+)\n((?:(?!\$ ).*\n?)*)", block.text, re.M):
        output = run(shlex.split(command), folder, block)
        pattern = ".*".join(re.escape(part) for part in re.split(r"^…\n?", expected, flags=re.M))
        pattern = re.sub(r"\d+\\\.\d+", lambda _: f"({NUMBER})", pattern)
        match = re.fullmatch(pattern, output, re.S)
        assert match, f"{block.page}:{block.line}: {command}\n{output}"
        numbers = [float(found) for found in re.findall(NUMBER, expected)]
        assert [float(found) for found in match.groups()] == pytest.approx(numbers, abs=0.005)


def run_python(block, folder, namespace):
    with chdir(folder):
        exec(compile(block.text, f"{block.page}:{block.line}", "exec"), namespace)


def open_database(reached, monkeypatch):
    """Make the database of the page, and the default of everything that connects."""
    import psycopg

    for name, value in reached.items():
        monkeypatch.setenv(name, value)
    with psycopg.connect("postgresql:///postgres", autocommit=True) as connection:
        connection.execute("CREATE DATABASE site")


def run_sql(block):
    import psycopg

    with psycopg.connect("postgresql:///site", autocommit=True) as connection:
        for statement in block.text.split(";\n"):
            if statement.strip():
                cursor = connection.execute(statement)
                assert not statement.startswith("SELECT") or cursor.fetchall(), f"{block.page}:{block.line}: no rows"


def read_toml(block, folder):
    path = folder / "block.toml"
    path.write_text(block.text, encoding="utf-8")
    load = load_label_rules if "texts" in tomllib.loads(block.text) else load_rules
    load(path)


@pytest.mark.parametrize("page", PAGES)
def test_every_block_of_a_page_runs(page, folder, monkeypatch, request):
    monkeypatch.setenv("RECS_CACHE_DIR", str(folder / "cache"))
    if page == "docs/postgres.md":
        open_database(request.getfixturevalue("postgres"), monkeypatch)
    namespace = {"__name__": page}
    if page != "README.md":
        run(["recs", "related", "posts.json", "--now", NOW, "-o", "related.json"], folder, Block(page, 0, "sh", ""))
    for block in blocks_of(page):
        assert block.language in LANGUAGES, f"{page}:{block.line}: {block.language}"
        if block.language == "sh":
            run_lines(block, folder)
        elif block.language == "console":
            run_console(block, folder)
        elif block.language == "python":
            run_python(block, folder, namespace)
        elif block.language == "toml":
            read_toml(block, folder)
        elif block.language == "json":
            json.loads(block.text)
        elif block.language == "sql":
            run_sql(block)


@pytest.mark.parametrize("page", [*PAGES, *RECIPES, "CONTRIBUTING.md"])
def test_links_of_a_page_lead_to_files(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text):
        assert (ROOT / page).parent.joinpath(target).exists(), f"{page}: {target}"


@pytest.mark.parametrize("page", [*PAGES, *RECIPES, "CONTRIBUTING.md"])
def test_files_that_a_page_names_exist(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    for name in re.findall(r"`((?:recs|tests|benchmarks|notebooks|datasets|docs)/[\w./-]+\.\w+)`", text):
        assert "NAME" in name or (ROOT / name).exists(), f"{page}: {name}"


@pytest.mark.parametrize("page", RECIPES)
def test_commands_of_a_recipe_have_options_that_exist(page):
    commands = [line for block in blocks_of(page) if block.language == "sh" for line in block.text.splitlines()]
    commands = [shlex.split(line, comments=True) for line in commands if line.startswith("recs ")]
    assert commands
    for _, verb, *arguments in commands:
        command = cli.get_command(click.Context(cli), verb)
        assert command is not None
        command.make_context(verb, arguments)


def test_readme_is_short():
    assert (ROOT / "README.md").read_text(encoding="utf-8").count("\n") <= 150


def test_readme_names_every_page():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    linked = set(re.findall(r"\((docs/[\w.]+)\)", text))
    pages = {page for page in PAGES if page.startswith("docs/")}
    linked_elsewhere = {"docs/classifiers.md", "docs/clusters.md", "docs/index.md"}  # index.md begins the site
    assert pages - linked == linked_elsewhere
