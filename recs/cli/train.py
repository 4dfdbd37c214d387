"""`recs train`: a classifier of the labels that an editor gave."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recs.cli.labels import judged, label_options, opened_labels, summary, table, write_rows
from recs.cli.options import file_option, source_argument
from recs.cli.session import collection_options
from recs.cli.terminal import emit, heading, printable, say

if TYPE_CHECKING:
    from recs.embedding.vectors import Embeddings
    from recs.items import Collection


@click.command("train")
@source_argument
@label_options
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path),
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
def command(source: str, **values: Any) -> None:
    """Learn the labels of SOURCE from the items that have one. `recs classify` then labels the others.

    It never learns from labels that `recs classify` assigned (the field `<label>_auto` of an item).
    """
    from recs.classification.storage import check_place
    from recs.classify import train_classifier
    from recs.evaluation.label_review import label_issues

    if values["output"]:
        check_place(values["output"])
    note: Callable[[str], None] = (lambda _: None) if values["quiet"] else say
    with opened_labels(source, values) as (collection, embeddings, learned):
        options = {**learned, **{name: values[name] for name in ("target_precision", "min_support")}}
        evaluation = judged(collection, embeddings, options, values)
        if values["output"] or values["no_evaluate"]:
            classifier = train_classifier(collection, embeddings, **options)
            if evaluation is not None:
                classifier = replace(classifier, metrics={**classifier.metrics, "evaluation": summary(evaluation)})
            for line in classifier.notes:
                note(f"note: {line}")
            if values["output"]:
                classifier.save(values["output"])
                note(f"wrote {values['output']}")
        if evaluation is not None:
            document = json.dumps(evaluation.to_dict(), indent=1, ensure_ascii=False) + "\n"
            emit(document if values["form"] == "json" else table(evaluation))
        if values["issues"]:
            rows = [asdict(issue) for issue in label_issues(collection, embeddings, **learned)]
            write_rows(rows, values["issues"])
            note(f"wrote {values['issues']}: {len(rows):,} labels to look at")
        if values["wanted"]:
            _emit_next(collection, embeddings, values["label"], values["wanted"])


def _emit_next(collection: Collection, embeddings: Embeddings, label: str, k: int) -> None:
    from recs.evaluation.label_review import select_to_label

    items = {item.id: item for item in collection}
    chosen = select_to_label(collection, embeddings, label=label, k=k)
    if not chosen:
        say("note: every public item is labelled already.")
    emit("".join(f"{one.id}\t{printable(one.guess or '?')}\t{heading(items[one.id])}\n" for one in chosen))
