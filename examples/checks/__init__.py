"""Checks of the recipes with the real systems: a module for each, with `cases()`; `examples/check` runs them."""

from collections.abc import Callable, Mapping
from pathlib import Path

from checks.links import Report

SYSTEMS = ("hugo", "jekyll", "eleventy", "astro", "wordpress", "browser")
Cases = Mapping[str, Callable[[Path], Report]]
"""By its name, what builds a case in a new folder and reports on it. There is none if the system is not installed."""
