"""`recs train`: a classifier of the labels that an editor gave."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recs.cli.common.option_values import CollectionOptions
from recs.cli.common.options import Place, collection_options, file_option, source_argument
from recs.cli.common.terminal import emit, heading, printable, say
from recs.cli.labels import LabelOptions, draw, label_options, opened_labels, summary, table, write_rows
from recs.text.counts import counted

if TYPE_CHECKING:
    from recs.classification.classifier import Classifier
    from recs.embedding.vectors import Embeddings
    from recs.evaluation.classifiers import ClassifierEvaluation
    from recs.items import Collection


@click.command("train")
@source_argument
@label_options
@click.option(
    "-o",
    "--output",
    type=Place(),
    metavar="DIR",
    help="Save the classifier to DIR. Without -o it is only judged.",
)
@click.option("--no-evaluate", is_flag=True, help="Do not judge the classifier on held-out items.")
@file_option("--issues", "Write the labels that are probably wrong or missing: .jsonl or .csv.", suffixes=".jsonl .csv")
@click.option(
    "--next", "wanted", type=click.IntRange(min=1), metavar="K", help="List the K items that you should label next."
)
@file_option("--figure", "Draw reliability and coverage: .png or .svg.", suffixes=".png .svg .pdf")
@click.option(
    "--format", "form", type=click.Choice(["json", "table"]), default="table", help="The format of the evaluation."
)
@click.option("-q", "--quiet", is_flag=True, help="Print no progress and no summary.")
@collection_options
def command(
    *,
    source: str,
    labels: LabelOptions,
    output: Path | None,
    no_evaluate: bool,
    issues: Path | None,
    wanted: int | None,
    figure: Path | None,
    form: str,
    quiet: bool,
    setup: CollectionOptions,
) -> None:
    """Learn the labels of SOURCE from the items that have one. `recs classify` then labels the others.

    It never learns from labels that `recs classify` assigned (the field `<label>_auto` of an item).
    """
    from recs.classification.storage import check_place
    from recs.classify import train_classifier
    from recs.evaluation.label_review import label_issues

    if output:
        check_place(output)
    note: Callable[[str], None] = (lambda _: None) if quiet else say
    with opened_labels(source, labels, setup, quiet=quiet) as (collection, embeddings, learning):
        options = {**learning, **labels.assigning}
        evaluation = None
        if not no_evaluate:
            evaluation = _evaluate(collection, embeddings, options, selects=bool(wanted), saves=bool(output))
            draw(evaluation, figure)
        if output or no_evaluate:
            classifier = train_classifier(collection, embeddings, **options)
            _save(classifier, evaluation, output, note)
        if evaluation is not None:
            document = json.dumps(evaluation.to_dict(), indent=1, ensure_ascii=False) + "\n"
            emit(document if form == "json" else table(evaluation))
        if issues:
            rows = [asdict(issue) for issue in label_issues(collection, embeddings, **learning)]
            write_rows(rows, issues)
            note(f"wrote {issues}: {counted(len(rows), 'label')} to look at")
        if wanted:
            _emit_next(collection, embeddings, learning, wanted)


def _save(
    classifier: Classifier, evaluation: ClassifierEvaluation | None, folder: Path | None, note: Callable[[str], None]
) -> None:
    """Report the notes of a classifier; save it, with its evaluation, if a folder is named."""
    if evaluation is not None:
        classifier = replace(classifier, metrics={**classifier.metrics, "evaluation": summary(evaluation)})
    for line in classifier.notes:
        note(f"note: {line}")
    if folder:
        classifier.save(folder)
        note(f"wrote {folder}")


def _evaluate(
    collection: Collection, embeddings: Embeddings, options: Mapping[str, Any], *, selects: bool, saves: bool
) -> ClassifierEvaluation | None:
    """Return the evaluation; None, with a note, if it is impossible and the verb does something else as well.

    To select what to label next (`selects`), no label is needed; to save a classifier (`saves`), a few labels are.
    """
    from recs.errors import OptionError, TooFewLabelsError
    from recs.evaluation.classifiers import evaluate_classifier

    try:
        return evaluate_classifier(collection, embeddings, **options)
    except OptionError as error:
        if selects or (saves and isinstance(error, TooFewLabelsError)):
            say(f"note: {error}")
            return None
        raise


def _emit_next(collection: Collection, embeddings: Embeddings, learning: Mapping[str, Any], k: int) -> None:
    from recs.evaluation.label_review import select_to_label

    items = {item.id: item for item in collection}
    chosen = select_to_label(collection, embeddings, label=learning["label"], rules=learning["rules"], k=k)
    if not chosen:
        say("note: every public item has a label.")
    emit("".join(f"{one.id}\t{printable(one.guess or '?')}\t{heading(items[one.id])}\n" for one in chosen))
