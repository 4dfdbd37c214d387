"""Checks of the options of `recs.cluster_items`."""

from __future__ import annotations

from typing import Any, Literal, get_args

from recs.errors import OptionError


def check_choice(name: str, value: str, choices: Any) -> None:
    """Raise `OptionError` unless the value is one of a `Literal`."""
    if value not in get_args(choices):
        raise OptionError(f"{name} is {value!r}, expected one of {', '.join(get_args(choices))}.")


def check_counts(
    min_samples: int | Literal["auto"], n_topics: int | None, min_cluster_size: int | Literal["auto"]
) -> None:
    if min_samples != "auto":
        check_count("min_samples", min_samples, least=1)
    if n_topics is not None:
        check_count("n_topics", n_topics, least=2)
    if min_cluster_size != "auto":
        check_count("min_cluster_size", min_cluster_size, least=2)


def check_count(name: str, value: object, *, least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise OptionError(f"{name} is {value!r}, expected a whole number, {least} or more.")
