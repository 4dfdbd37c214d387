"""`recs evaluate`: how good related lists are, judged by the author's own links."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recs.cli.options import (
    cache_options,
    judgments_option,
    model_options,
    opened_cache,
    optional_embedder,
    output_options,
    read_rules,
    read_source,
    rule_options,
    source_argument,
    source_options,
)
from recs.cli.terminal import embedding_progress, emit, estimate, say

if TYPE_CHECKING:
    from recs.evaluate import RelatedEvaluation


@click.command("evaluate")
@source_argument
@click.option("--task", type=click.Choice(["related"]), default="related", show_default=True, help="What is judged.")
@click.option("-k", type=click.IntRange(min=1), default=5, show_default=True, help="Entries in a shown list.")
@judgments_option
@click.option("--since", metavar="DATE", help="Judge only items published on this date or later.")
@click.option("--figure", type=click.Path(path_type=Path), metavar="FILE", help="Draw the result: .png or .svg.")
@rule_options
@output_options("json", "table")
@source_options
@model_options
@cache_options
def command(
    *,
    source: str,
    task: str,
    k: int,
    judgments: Path | None,
    since: str | None,
    figure: Path | None,
    output: Path | None,
    form: str | None,
    quiet: bool,
    **values: Any,
) -> None:
    """Compare rankings of SOURCE by the links that its author wrote, hidden from the rankings.

    Without -o: a table. With -o, or --format json: everything as JSON.
    """
    from recs.evaluate import evaluate_related
    from recs.files import write_atomically
    from recs.readers import read_records

    del task
    collection = read_source(source, values)
    with opened_cache(values) as cache, embedding_progress(quiet=quiet) as progress:
        evaluation = evaluate_related(
            collection,
            embedder=optional_embedder(values, cache),
            judgments=read_records(judgments) if judgments else None,
            k=k,
            rules=read_rules(values),
            since=since,
            cache=cache or False,
            progress=progress,
        )
    if figure:
        from recs.plots import plot_evaluation, save_figure

        save_figure(plot_evaluation(evaluation), figure)
    text = json.dumps(evaluation.to_dict(), indent=1, ensure_ascii=False) + "\n"
    if output:
        write_atomically(output, text.encode())
        if not quiet:
            say(f"wrote {output}")
    if form != "json" and (not output or form == "table"):
        text = table(evaluation)
    if not output:
        emit(text)


def table(evaluation: RelatedEvaluation) -> str:
    """Return the evaluation as text for a terminal."""
    first = evaluation.rankings[0]
    names = list(first.metrics)
    lines = [
        f"{evaluation.sources:,} of {evaluation.items:,} items are judged, by {evaluation.judged_links:,} links to "
        f"others; {evaluation.round_ups} round-ups are left out",
        "",
        f"{'ranking':18}" + "".join(f"{name:>24}" for name in names) + f"{'behind in ' + names[0]:>28}",
    ]
    for ranking in evaluation.rankings:
        cells = [f"{estimate(ranking.metrics[name]):>24}" for name in names]
        cells.append(f"{estimate(ranking.behind[names[0]], sign=True) if ranking.behind else '':>28}")
        lines.append((f"{ranking.name:18}" + "".join(cells)).rstrip())
    heads = ("coverage", "gini", "orphans", "hub skew", "largest hub", "empty", "ndcg")
    lines += ["", f"{'lists of ' + str(evaluation.shown[0][1].k):18}" + "".join(f"{head:>12}" for head in heads)]
    for name, shown in evaluation.shown:
        lines.append(
            f"{name:18}{shown.coverage:12.3f}{shown.gini:12.3f}{shown.orphans:12}{shown.hub_skewness:12.2f}"
            f"{shown.largest_hub:12}{shown.empty:12.3f}{shown.ndcg:12.3f}"
        )
    return "\n".join([*lines, *(f"note: {note}" for note in evaluation.notes)]) + "\n"
