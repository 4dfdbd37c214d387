"""`recs classify`: labels for items, by a classifier that `recs train` made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recs.cli.common.option_values import CollectionOptions, OutputOptions
from recs.cli.common.options import Place, cached_only_option, collection_options, output_options, source_argument
from recs.cli.common.session import embedded
from recs.cli.common.terminal import emit, heading, printable, report_reading, say

if TYPE_CHECKING:
    from recs.classification.classifier import Classifier
    from recs.classification.predictions import Prediction, Reason
    from recs.items import Item


@click.command("classify")
@source_argument
@click.option(
    "--classifier", "folder", type=Place(), required=True, metavar="DIR", help="The folder that `recs train -o` wrote."
)
@click.option(
    "--explain", is_flag=True, help="Explain each label: the nearest labelled items, and the passage that counts most."
)
@click.option(
    "--labels",
    "rules_file",
    type=Place(),
    metavar="FILE",
    help="TOML file with allowed, retired and renamed labels. It replaces the rules of `recs train`.",
)
@click.option(
    "--drafts", is_flag=True, help="Label drafts, private and scheduled items too. Their vectors are not cached."
)
@cached_only_option
@output_options("jsonl", "csv", "table")
@collection_options
def command(
    *,
    source: str,
    folder: Path,
    explain: bool,
    rules_file: Path | None,
    drafts: bool,
    cached_only: bool,
    output: OutputOptions,
    setup: CollectionOptions,
) -> None:
    """Assign labels to the items of SOURCE, suggest some, or abstain.

    Each JSON line has the field `<label>_auto`. Copy it into the source together with the labels: then `recs train`
    does not learn from them.
    """
    from recs.classification.classifier import Classifier
    from recs.classification.labels import load_label_rules

    if drafts and cached_only:
        raise click.UsageError("vectors of drafts are not cached; leave out --drafts or --cached-only.")
    classifier = Classifier.load(folder)
    if rules_file:
        classifier = replace(classifier, rules=load_label_rules(rules_file)[0])
    collection = setup.reading.read(source, with_drafts=drafts)
    if not output.quiet:
        report_reading(replace(collection, items=collection.public) if drafts else collection)
    items = collection.public
    if drafts:
        items = tuple(sorted(collection, key=lambda item: item.id))
        setup = replace(setup, cache=replace(setup.cache, no_cache=True))
    if not setup.model.model:
        setup = replace(setup, model=replace(setup.model, model=classifier.model))
    options: dict[str, Any] = {"role": classifier.role, "quiet": output.quiet, "cached_only": cached_only}
    with embedded(items, setup, **options) as (embeddings, embedder, _):
        predictions = classifier.predict(embeddings)
        reasons = classifier.explain(predictions, items, embeddings, embedder=embedder) if explain else None
    if not output.quiet:
        counts = Counter(prediction.answer for prediction in predictions)
        say(", ".join(f"{counts[answer]:,} {answer}" for answer in ("auto", "suggest", "abstain")))
    _write(classifier, items, predictions, reasons, output)


def _write(
    classifier: Classifier,
    items: Sequence[Item],
    predictions: Sequence[Prediction],
    reasons: Sequence[Sequence[Reason]] | None,
    output: OutputOptions,
) -> None:
    import sys

    from recs.files import write_atomically
    from recs.writers.cells import csv_text, json_lines

    file = output.output
    form = output.form or ("csv" if file and file.suffix.lower() == ".csv" else None)
    form = form or ("jsonl" if file or not sys.stdout.isatty() else "table")
    given = reasons or [()] * len(items)
    rows = zip(items, predictions, given, strict=True)
    if form == "table":
        text = "\n".join(_text_of(*row) for row in rows) + "\n" * bool(items)
    elif form == "csv":
        records = (record for row in rows for record in _csv_rows(*row, explained=reasons is not None))
        text = csv_text(records, texts=("label", "nearest", "passage"))
    else:
        text = json_lines(_record(classifier.label, *row) for row in rows)
    if file:
        write_atomically(file, text.encode("utf-8", "replace"))
        if not output.quiet:
            say(f"wrote {file}")
    else:
        emit(text)


def _record(label: str, item: Item, prediction: Prediction, reasons: Sequence[Reason]) -> dict[str, Any]:
    record: dict[str, Any] = {
        "id": item.id,
        "answer": prediction.answer,
        f"{label}_auto": list(prediction.auto),
        "labels": [
            {"label": one.name, "probability": one.probability, "answer": one.answer} for one in prediction.labels
        ],
        "familiarity": prediction.familiarity,
    }
    if reasons:
        record["why"] = [
            {
                "label": reason.label,
                "nearest": [dict(zip(("id", "title", "cosine"), near, strict=True)) for near in reason.nearest],
                "passage": item.text[slice(*reason.passage)] if reason.passage else None,
                "effect": reason.effect,
            }
            for reason in reasons
        ]
    return record


def _csv_rows(
    item: Item, prediction: Prediction, reasons: Sequence[Reason], *, explained: bool
) -> Iterable[dict[str, Any]]:
    """Yield a row for each label; a single row without a label if the classifier abstains."""
    why = {reason.label: reason for reason in reasons}
    for one in prediction.labels or (None,):
        row = {"id": item.id, "label": one.name if one else "", "probability": one.probability if one else ""}
        row |= {"answer": one.answer if one else "abstain", "familiarity": prediction.familiarity}
        if explained:
            reason = why[one.name] if one else None
            row["nearest"] = "; ".join(name for name, _, _ in reason.nearest) if reason else ""
            row["passage"] = item.text[slice(*reason.passage)] if reason and reason.passage else ""
        yield row


def _text_of(item: Item, prediction: Prediction, reasons: Sequence[Reason]) -> str:
    lines = [f"{prediction.answer:8} {heading(item)}"]
    why = {reason.label: reason for reason in reasons}
    for one in prediction.labels:
        lines.append(f"  {one.probability:6.2f}  {printable(one.name)}{'' if one.answer == 'auto' else '?'}")
        if one.name in why:
            reason = why[one.name]
            lines += [
                f"          like “{printable(title or name)}” ({cosine:.2f})" for name, title, cosine in reason.nearest
            ]
            if reason.passage:
                passage = " ".join(printable(item.text[slice(*reason.passage)]).split())
                lines.append(f"          {reason.effect:+.2f} by “{passage[:90]}”")
    return "\n".join(lines)
