"""`recs compare`: which model is worth it on this collection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recs.cli.common.option_values import CacheOptions, OutputOptions, ReadingOptions
from recs.cli.common.options import (
    cache_options,
    file_option,
    grouped,
    judgments_option,
    output_options,
    reading_options,
    source_argument,
)
from recs.cli.common.session import write_report
from recs.cli.common.terminal import embedding_progress, report_reading, say

if TYPE_CHECKING:
    from recs.items import Collection


@dataclass(frozen=True, slots=True, kw_only=True)
class ContestOptions:
    """Who takes part, and what judges them. The fields are options of `recs compare`."""

    models: Sequence[str]
    no_baselines: bool
    tasks: Sequence[str]
    judgments: Path | None
    queries: Path | None
    query_judgments: Path | None
    label: str
    prices: Sequence[str]
    no_speed: bool
    offline: bool

    def arguments(self, collection: Collection) -> dict[str, Any]:
        """Return the arguments of `recs.compare_models`."""
        from recs.comparison.compare import TASKS
        from recs.comparison.contestants import BASELINES
        from recs.models.registry import DEFAULT_MODEL
        from recs.readers.read import read_records

        if self.query_judgments and not self.queries:
            raise click.UsageError("--query-judgments needs --queries.")
        files = {name: getattr(self, name) for name in ("judgments", "queries", "query_judgments")}
        return {
            "models": self.models or [DEFAULT_MODEL],
            "baselines": () if self.no_baselines else BASELINES,
            "labels": _labels(collection, self.label),
            "tasks": self.tasks or TASKS,
            "measure": not self.no_speed,
            "prices": _prices(self.prices),
            "offline": self.offline,
            **{name: read_records(file) for name, file in files.items() if file is not None},
        }


_contest_options = grouped(
    "contest",
    ContestOptions,
    click.option(
        "-m",
        "--model",
        "models",
        multiple=True,
        metavar="NAME",
        help="A contestant; the first is the current one. A model as in `recs embed -m`, with ?chunk=N, ?truncate, "
        "?precision=bfloat16 or ?engine=onnx to use it in another way; or FILE.npz with vectors.  "
        "[default: all-MiniLM-L6-v2]",
    ),
    click.option("--no-baselines", is_flag=True, help="Leave out the contestants that need no model."),
    click.option(
        "--task",
        "tasks",
        multiple=True,
        type=click.Choice(["related", "search", "labels"]),
        help="Judge this alone; may be repeated. Default: all that SOURCE can judge.",
    ),
    judgments_option,
    file_option("--queries", "Judge search by the queries in FILE: id, text, perhaps relevant."),
    file_option("--query-judgments", "What is relevant to them: query, doc, perhaps gain."),
    click.option(
        "--label", metavar="FIELD", default="category", show_default=True, help="Judge vectors by this field."
    ),
    click.option("--price", "prices", multiple=True, metavar="NAME=X", help="What a million tokens cost with NAME."),
    click.option("--no-speed", is_flag=True, help="Measure no speed, memory or time to the first vector."),
    click.option("--offline", is_flag=True, help="Do not use the network."),
)


@click.command("compare")
@source_argument
@_contest_options
@file_option("--page", "Write an HTML page that loads nothing to FILE.")
@file_option("--figure", "Draw the scores: .png or .svg.", suffixes=".png .svg .pdf")
@output_options("json", "table")
@cache_options
@reading_options
def command(
    *,
    source: str,
    contest: ContestOptions,
    page: Path | None,
    figure: Path | None,
    output: OutputOptions,
    cache: CacheOptions,
    reading: ReadingOptions,
) -> None:
    """Compare models on SOURCE: is another one worth it? It may say that no difference could be noticed.

    Related lists are judged by the links in SOURCE, search by titles that must find their texts, vectors by labels.
    Words alone take part too: terms, BM25, TF-IDF and LSA. Take the cheapest contestant that none is better than.
    """
    from recs.comparison.compare import compare_models
    from recs.writers.comparison_text import comparison_text

    collection = reading.read(source)
    if not output.quiet:
        report_reading(collection)
    arguments = contest.arguments(collection)
    with cache.opened() as store, embedding_progress(quiet=output.quiet) as progress:
        comparison = compare_models(collection, **arguments, cache=store or False, progress=progress)
    if page:
        from recs.files import write_atomically
        from recs.writers.comparison_page import comparison_page

        write_atomically(page, comparison_page(comparison).encode("utf-8", "replace"))
        if not output.quiet:
            say(f"wrote {page}")
    if figure:
        from recs.writers.figures import plot_comparison, save_figure

        save_figure(plot_comparison(comparison), figure)
    write_report(comparison.to_dict(), comparison_text(comparison), output)


def _prices(pairs: Sequence[str]) -> dict[str, float]:
    prices = {}
    for pair in pairs:
        name, _, price = pair.rpartition("=")
        try:
            prices[name] = float(price)
        except ValueError:
            name = ""
        if not name or not 0 <= prices[name] < float("inf"):
            raise click.UsageError(f"--price {pair}: expected NAME=X, as in all-MiniLM-L6-v2=0.02.")
    return prices


def _labels(collection: Collection, field: str) -> Mapping[str, str]:
    """Return the label of each item that has exactly one; an error if another field than the default has none."""
    from recs.classification.labels import read_labels

    given = read_labels(collection.public, field, required=field != "category").given
    return {name: labels[0] for name, labels in given.items() if len(labels) == 1}
