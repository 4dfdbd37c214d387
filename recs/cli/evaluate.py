"""`recs evaluate`: how good related lists are, judged by the author's own links."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from recs.cli.labels import LabelOptions, draw, label_options, opened_labels
from recs.cli.labels import table as classifier_table
from recs.cli.option_values import CollectionOptions, OutputOptions, RuleOptions
from recs.cli.options import (
    collection_options,
    file_option,
    judgments_option,
    output_options,
    rule_options,
    source_argument,
)
from recs.cli.session import opened_collection, report_lost_tokens, write_report
from recs.cli.terminal import estimate
from recs.text.counts import counted

if TYPE_CHECKING:
    from recs.evaluation.rankings import RelatedEvaluation


@click.command("evaluate")
@source_argument
@click.option(
    "--task",
    type=click.Choice(["related", "classify"]),
    default="related",
    show_default=True,
    help="What to judge: related lists by links, or a classifier of --label by labels that are held out.",
)
@label_options
@click.option(
    "-k", type=click.IntRange(min=1), default=5, show_default=True, help="Entries in each list that is shown."
)
@judgments_option
@click.option("--since", metavar="DATE", help="Judge only items published on this date or later.")
@file_option("--figure", "Draw the result: .png or .svg.", suffixes=".png .svg .pdf")
@rule_options
@output_options("json", "table")
@collection_options
def command(
    *,
    source: str,
    task: str,
    labels: LabelOptions,
    k: int,
    judgments: Path | None,
    since: str | None,
    figure: Path | None,
    rules: RuleOptions,
    output: OutputOptions,
    setup: CollectionOptions,
) -> None:
    """Judge rankings of SOURCE by the links that its author wrote. The rankings do not see these links.

    With --task classify: judge a classifier of the field --label, by time and at random. Without -o: a table. With -o
    or --format json: everything, as JSON.
    """
    if task == "classify":
        _classify(source, labels, figure, output, setup)
        return
    from recs.evaluation.rankings import evaluate_related
    from recs.readers.read import read_records

    links = read_records(judgments) if judgments else None
    shown = rules.read()
    # The notes of the evaluation name the items of which the model knows no token.
    with opened_collection(source, setup, quiet=output.quiet, report=report_lost_tokens) as (collection, options):
        evaluation = evaluate_related(collection, k=k, judgments=links, since=since, rules=shown, **options)
    if figure:
        from recs.writers.figures import plot_evaluation, save_figure

        save_figure(plot_evaluation(evaluation), figure)
    write_report(evaluation.to_dict(), table(evaluation), output)


def _classify(
    source: str, labels: LabelOptions, figure: Path | None, output: OutputOptions, setup: CollectionOptions
) -> None:
    from recs.evaluation.classifiers import evaluate_classifier

    with opened_labels(source, labels, setup, quiet=output.quiet) as (collection, embeddings, learning):
        evaluation = evaluate_classifier(collection, embeddings, **learning, **labels.assigning)
    draw(evaluation, figure)
    write_report(evaluation.to_dict(), classifier_table(evaluation), output)


def table(evaluation: RelatedEvaluation) -> str:
    """Return the evaluation as text for a terminal."""
    first = evaluation.rankings[0]
    names = list(first.metrics)
    are = "is" if evaluation.sources == 1 else "are"
    lines = [
        f"{evaluation.sources:,} of {counted(evaluation.items, 'item')} {are} judged, by "
        f"{counted(evaluation.judged_links, 'link')} to others; "
        f"{counted(evaluation.round_ups, 'round-up is', 'round-ups are')} left out",
        "",
        f"{'ranking':18}" + "".join(f"{name:>24}" for name in names) + f"{'behind in ' + names[0]:>28}",
    ]
    for ranking in evaluation.rankings:
        cells = [f"{estimate(ranking.metrics[name]):>24}" for name in names]
        cells.append(f"{estimate(ranking.behind[names[0]], sign=True) if ranking.behind else '':>28}")
        lines.append((f"{ranking.name:18}" + "".join(cells)).rstrip())
    heads = ("coverage", "gini", "orphans", "hub skew", "largest hub", "empty", "ndcg")
    lines += [
        "",
        f"{'lists of ' + str(evaluation.shown['with rules'].k):18}" + "".join(f"{head:>12}" for head in heads),
    ]
    for name, shown in evaluation.shown.items():
        lines.append(
            f"{name:18}{shown.coverage:12.3f}{shown.gini:12.3f}{shown.orphans:12}{shown.hub_skewness:12.2f}"
            f"{shown.largest_hub:12}{shown.empty:12.3f}{shown.ndcg:12.3f}"
        )
    return "\n".join([*lines, *(f"note: {note}" for note in evaluation.notes)]) + "\n"
