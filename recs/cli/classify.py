"""`recs classify`: labels for items, by a classifier that `recs train` made."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recs.cli.options import output_options, read_source, source_argument
from recs.cli.session import collection_options, embedded
from recs.cli.terminal import emit, heading, printable, report_reading, say

if TYPE_CHECKING:
    from recs.classification.classifier import Classifier
    from recs.classification.predictions import Prediction, Reason
    from recs.items import Item

_PATH = click.Path(path_type=Path)


@click.command("classify")
@source_argument
@click.option(
    "--classifier", "folder", type=_PATH, required=True, metavar="DIR", help="The folder that `recs train -o` wrote."
)
@click.option(
    "--explain", is_flag=True, help="Explain each label: the nearest labelled items, and the passage that counts most."
)
@click.option(
    "--labels",
    "rules_file",
    type=_PATH,
    metavar="FILE",
    help="TOML file with allowed, retired and renamed labels. It replaces the rules of `recs train`.",
)
@click.option(
    "--drafts", is_flag=True, help="Label drafts, private and scheduled items too. Their vectors are not cached."
)
@output_options("jsonl", "csv", "table")
@collection_options
def command(source: str, folder: Path, **values: Any) -> None:
    """Assign labels to the items of SOURCE, suggest some, or abstain.

    Each JSON line has the field `<label>_auto`. Copy it into the source together with the labels: then `recs train`
    does not learn from them.
    """
    from recs.classification.classifier import Classifier
    from recs.classification.labels import load_label_rules

    classifier = Classifier.load(folder)
    if values["rules_file"]:
        classifier = replace(classifier, rules=load_label_rules(values["rules_file"])[0])
    collection = read_source(source, values)
    items = collection.public
    if values["drafts"]:
        items, values["no_cache"] = tuple(sorted(collection, key=lambda item: item.id)), True
    if not values["quiet"]:
        report_reading(replace(collection, items=collection.public) if values["drafts"] else collection)
    values["model"] = values["model"] or classifier.model
    with embedded(items, values, role=classifier.role) as (embeddings, embedder, _):
        predictions = classifier.predict(embeddings)
        reasons = None
        if values["explain"]:
            reasons = classifier.explain(predictions, items, embeddings, embedder=embedder)
    if not values["quiet"]:
        counts = Counter(prediction.answer for prediction in predictions)
        say(", ".join(f"{counts[answer]:,} {answer}" for answer in ("auto", "suggest", "abstain")))
    _write(classifier, items, predictions, reasons, values)


def _write(
    classifier: Classifier,
    items: Sequence[Item],
    predictions: Sequence[Prediction],
    reasons: Sequence[Sequence[Reason]] | None,
    values: Mapping[str, Any],
) -> None:
    import sys

    from recs.files import write_atomically
    from recs.writers.cells import dumps

    output = values["output"]
    form = values["form"] or ("csv" if output and output.suffix.lower() == ".csv" else None)
    form = form or ("jsonl" if output or not sys.stdout.isatty() else "table")
    given = reasons or [()] * len(items)
    rows = zip(items, predictions, given, strict=True)
    if form == "table":
        text = "\n".join(_told(*row) for row in rows) + "\n" * bool(items)
    elif form == "csv":
        text = csv_text(row for one in rows for row in _flat(*one, explained=reasons is not None))
    else:
        text = "".join(f"{dumps(_record(classifier.label, *row))}\n" for row in rows)
    if output:
        write_atomically(output, text.encode("utf-8", "replace"))
        if not values["quiet"]:
            say(f"wrote {output}")
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


def _flat(
    item: Item, prediction: Prediction, reasons: Sequence[Reason], *, explained: bool
) -> Iterable[dict[str, Any]]:
    """Return a row a label; one without a label where nothing is said."""
    from recs.writers.cells import plain

    why = {reason.label: reason for reason in reasons}
    for one in prediction.labels or (None,):
        row = {"id": item.id, "label": plain(one.name) if one else "", "probability": one.probability if one else ""}
        row |= {"answer": one.answer if one else "abstain", "familiarity": prediction.familiarity}
        if explained:
            reason = why[one.name] if one else None
            row["nearest"] = plain("; ".join(name for name, _, _ in reason.nearest)) if reason else ""
            row["passage"] = plain(item.text[slice(*reason.passage)]) if reason and reason.passage else ""
        yield row


def _told(item: Item, prediction: Prediction, reasons: Sequence[Reason]) -> str:
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


def csv_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """Return rows of one kind as CSV, with a head."""
    listed = list(rows)
    written = io.StringIO()
    writer = csv.writer(written, lineterminator="\n")
    if listed:
        writer.writerow(listed[0])
        writer.writerows(row.values() for row in listed)
    return written.getvalue()
