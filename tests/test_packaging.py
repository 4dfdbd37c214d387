"""The wheel holds all that the package needs, and what its metadata promises is true."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from places import ROOT

import recs
from recs.errors import DISTRIBUTION

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]

pytestmark = pytest.mark.slow


def run(*command: str, cwd: Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel of a copy of the project: a build in place would leave files in it and find those of the last one."""
    copy = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "recs", copy / "recs", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", "dist", ".", cwd=copy)
    (built,) = (copy / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the wheel alone is installed."""
    target = tmp_path_factory.mktemp("installed")
    run(
        *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"),
        *("--disable-pip-version-check", "--target", str(target), str(wheel)),
        cwd=target,
    )
    return target


def test_wheel_holds_every_file_of_the_package_and_nothing_else(wheel: Path) -> None:
    suffixes = {".py", ".toml", ".json", ".html", ".css", ".js", ".typed"}
    files = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "recs").rglob("*")
        if path.is_file() and path.parent.name != "__pycache__"
    }
    assert {Path(name).suffix for name in files} <= suffixes, "a new kind of file: is it package data?"
    packed = zipfile.ZipFile(wheel).namelist()
    assert {name for name in packed if ".dist-info/" not in name} == files
    assert any(name.endswith("licenses/LICENSE") for name in packed)


def test_installed_wheel_loads_its_data_and_every_public_name(installed: Path, tmp_path: Path) -> None:
    code = """
import json, pathlib, sys, tomllib
import recs
home = pathlib.Path(recs.__file__).parent
assert home.parent == pathlib.Path(sys.argv[1]), home
for name in recs.__all__:
    module = sys.modules[getattr(recs, name).__module__]
    assert pathlib.Path(module.__file__).is_relative_to(home), module
assert (home / "py.typed").exists()
assert "all-MiniLM-L6-v2" in tomllib.loads((home / "models" / "registry.toml").read_text(encoding="utf-8"))["models"]
schemas = list((home / "writers").glob("*.json"))
assert schemas
for schema in schemas:
    assert json.loads(schema.read_text(encoding="utf-8"))["$schema"]
"""
    run(sys.executable, "-W", "error", "-c", code, str(installed), cwd=tmp_path, PYTHONPATH=str(installed))


def test_installed_command_makes_a_related_list(installed: Path, tmp_path: Path) -> None:
    command = shutil.which("recs", path=installed / "bin")
    assert command, sorted(installed.iterdir())
    assert recs.__version__ in run(command, "--version", cwd=tmp_path, PYTHONPATH=str(installed))
    (tmp_path / "posts.json").write_text('["garlic in the garden", "garlic in the kitchen", "a bicycle"]', "utf-8")
    arguments = ("related", "posts.json", "--signals", "terms", "--format", "table", "--quiet")
    assert "garlic in the kitchen" in run(command, *arguments, cwd=tmp_path, PYTHONPATH=str(installed))


def test_metadata_of_the_wheel_is_that_of_the_project(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith(".dist-info/METADATA")]
        metadata = Parser().parsestr(archive.read(name).decode())
    assert metadata["Name"] == DISTRIBUTION
    assert metadata["Version"] == recs.__version__
    assert metadata["License-Expression"] == "MIT"
    assert metadata["Requires-Python"] == ">=3.11"
    assert set(metadata.get_all("Provides-Extra", [])) == set(PROJECT["optional-dependencies"])


def test_constraints_pin_every_direct_requirement() -> None:
    pins = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            pin = re.fullmatch(r"([a-z0-9-]+)==([0-9.]+)( ; .+)?", line)
            assert pin, line
            pins[pin[1]] = pin[2]
    requirements = [*PROJECT["dependencies"], *(r for rows in PROJECT["optional-dependencies"].values() for r in rows)]
    names = {re.match(r"[A-Za-z0-9._-]+", requirement)[0].lower() for requirement in requirements}  # type: ignore[index]
    assert names - {DISTRIBUTION} <= set(pins)


def test_extra_all_holds_every_extra_for_users() -> None:
    extras = PROJECT["optional-dependencies"]
    (everything,) = extras["all"]
    apart = {"all", "dev", "docs", "multilingual", "ray"}  # the weights of a second model; Ray is for clusters
    assert set(everything.partition("[")[2].rstrip("]").split(",")) == set(extras) - apart
