"""`recs evaluate`: how good related lists, a classifier, search or the names of topics are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recs.cli.common.option_values import CollectionOptions, OutputOptions, RuleOptions
from recs.cli.common.options import (
    collection_options,
    file_option,
    judgments_option,
    output_options,
    rule_options,
    source_argument,
)
from recs.cli.common.session import embedded, opened_collection, present_for, report_lost_tokens, write_report
from recs.cli.common.terminal import estimate, printable, report_reading
from recs.cli.labels import LabelOptions, draw, label_options, opened_labels, without_field
from recs.cli.labels import table as classifier_table
from recs.text.counts import counted

if TYPE_CHECKING:
    from recs.evaluation.metrics import Estimate
    from recs.evaluation.rankings import RankingScore, RelatedEvaluation
    from recs.evaluation.search import SearchEvaluation
    from recs.evaluation.topics import TopicsEvaluation

_NAMES_SHOWN = 5


@click.command("evaluate")
@source_argument
@click.option(
    "--task",
    type=click.Choice(["related", "classify", "search", "topics"]),
    default="related",
    show_default=True,
    help="What to judge: related lists by links, a classifier of --label by labels that are held out, search by "
    "titles that must find their texts, or the names of topics.",
)
@label_options
@click.option(
    "-k", type=click.IntRange(min=1), default=5, show_default=True, help="Entries in each list that is shown."
)
@judgments_option
@file_option(
    "--queries",
    "With --task search: read queries from FILE: id, text, perhaps relevant, answer and start. --judgments then has "
    "query, doc and perhaps gain.",
)
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
    queries: Path | None,
    since: str | None,
    figure: Path | None,
    rules: RuleOptions,
    output: OutputOptions,
    setup: CollectionOptions,
) -> None:
    """Judge rankings of SOURCE by the links that its author wrote. The rankings do not see these links.

    With --task classify: judge a classifier of the field --label, by time and at random. With --task search: judge
    search by words, by vectors and by both. With --task topics: judge the names of the topics of `recs cluster` by
    items that they were not made from, and by the field --label (without it: category). Without -o: a table. With -o
    or --format json: everything, as JSON.
    """
    if queries and task != "search":
        raise click.UsageError("--queries needs --task search.")
    if figure and task in ("search", "topics"):
        raise click.UsageError(f"--task {task} has no figure.")
    if task == "topics" and (judgments or since):
        raise click.UsageError("--task topics uses no --judgments and no --since.")
    if task == "classify":
        _classify(source, labels, figure, output, setup)
    elif task == "search":
        _search(source, queries, judgments, output, setup)
    elif task == "topics":
        _topics(source, labels.label, output, setup)
    else:
        _related(source, rules, figure, output, setup, k=k, judgments=judgments, since=since)


def _related(
    source: str,
    rules: RuleOptions,
    figure: Path | None,
    output: OutputOptions,
    setup: CollectionOptions,
    *,
    judgments: Path | None,
    **judging: Any,
) -> None:
    from recs.evaluation.rankings import evaluate_related
    from recs.readers.read import read_records

    shown = rules.read()
    judging |= {"judgments": read_records(judgments) if judgments else None, "rules": shown}
    now = present_for(shown, setup)
    # The notes of the evaluation name the items of which the model knows no token.
    with opened_collection(source, setup, quiet=output.quiet, report=report_lost_tokens) as (collection, options):
        evaluation = evaluate_related(collection, **judging, **options, now=now)
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


def _search(
    source: str, queries: Path | None, judgments: Path | None, output: OutputOptions, setup: CollectionOptions
) -> None:
    from recs.evaluation.search import evaluate_search
    from recs.readers.read import read_records

    if judgments and not queries:
        raise click.UsageError("--judgments needs --queries with --task search.")
    records = {
        name: read_records(file) for name, file in (("queries", queries), ("judgments", judgments)) if file is not None
    }
    with opened_collection(source, setup, quiet=output.quiet) as (collection, options):
        chosen = {name: options[name] for name in ("embedder", "cache", "progress")}
        chosen["signals"] = "terms" if options["embedder"] is None else "auto"
        evaluation = evaluate_search(collection, **records, **chosen)
    write_report(evaluation.to_dict(), search_table(evaluation), output)


def _topics(source: str, label: str | None, output: OutputOptions, setup: CollectionOptions) -> None:
    from recs.evaluation.topics import evaluate_topics

    collection = setup.reading.read(source)
    if not output.quiet:
        report_reading(without_field(collection, label))
    with embedded(collection.public, setup, role="clustering", quiet=output.quiet) as (embeddings, embedder, cache):
        options: dict[str, Any] = {"label": label, "embedder": embedder, "cache": cache or False}
        evaluation = evaluate_topics(collection, embeddings=embeddings, **options)
    write_report(evaluation.to_dict(), topics_table(evaluation), output)


def topics_table(evaluation: TopicsEvaluation) -> str:
    """Return the evaluation of names of topics as text for a terminal."""
    topics = evaluation.topics
    lines = [
        f"{counted(len(topics), 'topic')} of {counted(evaluation.items, 'item')}; names are searched for in "
        "halves of the items. Those as given were made from both halves, all others from the other half",
        "",
        f"{'names':20}" + "".join(f"{head:>24}" for head in ("mrr by words", "mrr by vectors", "mean", "behind")),
    ]
    for score in evaluation.scores:
        figures = (_cell(of) for of in (score.by_words, score.by_vectors, score.mean))
        lines.append(f"{score.names:20}{''.join(figures)}{_cell(score.behind, sign=True)}".rstrip())
    lines.append(f"{'chance':20}{evaluation.chance:72.3f}")
    if evaluation.label is not None:
        lines += ["", f"{'matches ' + evaluation.label:20}{'all words':>24}{'nearest by vectors':>24}"]
        for score in evaluation.scores:
            cells = _cell(score.class_by_words) + _cell(score.class_by_vectors)
            lines.append(f"{score.names:20}{cells}".rstrip())
    hard = [topic for topic in topics if topic.reciprocal_rank < 1][:_NAMES_SHOWN]
    if hard:
        lines += ["", "names that are hardest to tell apart, as given:"]
        lines += [f"  {topic.reciprocal_rank:.3f}  {printable(topic.name)}, {topic.items:,} items" for topic in hard]
    return "\n".join([*lines, *(f"note: {note}" for note in evaluation.notes)]) + "\n"


def _cell(of: Estimate | None, *, sign: bool = False) -> str:
    return f"{estimate(of, sign=sign) if of else '':>24}"


def search_table(evaluation: SearchEvaluation) -> str:
    """Return the evaluation of a search as text for a terminal."""
    by = "each by the items with that title" if evaluation.judged_by == "titles" else "by judgments"
    are = "query is" if evaluation.queries == 1 else "queries are"
    model = (
        f"passages of {evaluation.passage_tokens} tokens by {evaluation.model}" if evaluation.model else "terms only"
    )
    head = f"{evaluation.queries:,} {are} judged, {by}, in {counted(evaluation.items, 'item')}; {model}"
    lines = [head, "", *_ranking_lines(evaluation.rankings)]
    if evaluation.better_single:
        (single,) = (ranking for ranking in evaluation.rankings if ranking.name == evaluation.better_single)
        cells = (f"{name} {estimate(gain, sign=True)}" for name, gain in (single.behind or {}).items())
        lines += ["", f"auto against {single.name}, the better of the two: {', '.join(cells)}"]
    if evaluation.answers:
        budgets = next(iter(evaluation.answers.values()))
        lines += ["", f"{'answer in':18}" + "".join(f"{int(budget):>17,} tokens" for budget in budgets)]
        for name, shares in evaluation.answers.items():
            lines.append(f"{name:18}" + "".join(f"{estimate(share):>24}" for share in shares.values()))
    return "\n".join([*lines, *(f"note: {note}" for note in evaluation.notes)]) + "\n"


def table(evaluation: RelatedEvaluation) -> str:
    """Return the evaluation as text for a terminal."""
    are = "is" if evaluation.sources == 1 else "are"
    lines = [
        f"{evaluation.sources:,} of {counted(evaluation.items, 'item')} {are} judged, by "
        f"{counted(evaluation.judged_links, 'link')} to others; "
        f"{counted(evaluation.round_ups, 'round-up is', 'round-ups are')} left out",
        "",
        *_ranking_lines(evaluation.rankings),
    ]
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


def _ranking_lines(rankings: Sequence[RankingScore]) -> Iterator[str]:
    """Yield a line for each ranking: its metrics, and how far it is behind the first one."""
    names = list(rankings[0].metrics)
    yield f"{'ranking':18}" + "".join(f"{name:>24}" for name in names) + f"{'behind in ' + names[0]:>28}"
    for ranking in rankings:
        cells = [f"{estimate(ranking.metrics[name]):>24}" for name in names]
        cells.append(f"{estimate(ranking.behind[names[0]], sign=True) if ranking.behind else '':>28}")
        yield (f"{ranking.name:18}" + "".join(cells)).rstrip()
