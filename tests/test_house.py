"""The house: limits of size, examples that run, and the version in one place."""

import doctest
import importlib
import tomllib

import pytest
import sizes
from places import ROOT

import recs

# Modules that cannot be imported here, or whose optional part may be missing.
EXAMPLES = [
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in sizes.modules()
]
NOT_IMPORTED = {"recs.__main__", "recs.serving.truss_model"}
"""The one runs the command line; the other is copied into a Truss and runs there alone."""

OVER_LIMITS: dict[str, str] = {}
"""A module or function that may pass a limit, and why."""


def test_nothing_passes_a_limit():
    lines = [line for line in sizes.over_limits() if not any(line.startswith(name) for name in OVER_LIMITS)]
    assert not lines, "\n".join(lines)


def test_exceptions_of_limits_are_needed():
    lines = list(sizes.over_limits())
    for name in OVER_LIMITS:
        assert any(line.startswith(name) for line in lines), f"{name} passes no limit any more"


@pytest.mark.parametrize("name", sorted(set(EXAMPLES) - NOT_IMPORTED))
def test_examples_in_docstrings_run(name):
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"an optional part is missing: {error}")
    failed, _ = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert not failed


@pytest.mark.parametrize("name", recs.__all__)
def test_every_public_name_has_an_example(name):
    assert ">>> " in (getattr(recs, name).__doc__ or ""), f"{name} has no example"


def test_version_is_written_once():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert "version" in project["project"]["dynamic"]
    assert project["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "recs.__version__"}
