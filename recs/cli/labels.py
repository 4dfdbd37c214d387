"""What the verbs of labels share: their options, the reading of labels, tables and files of rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recs.cli.common.option_values import CollectionOptions
from recs.cli.common.options import Place, grouped
from recs.cli.common.session import embedded
from recs.cli.common.terminal import printable, report_reading, working
from recs.text.counts import counted

if TYPE_CHECKING:
    from recs.classification.labels import LabelRules
    from recs.embedding.vectors import Embeddings
    from recs.evaluation.classifiers import ClassifierEvaluation, SplitScore
    from recs.items import Collection

_LABELS_SHOWN = 40
_WERE_NEW = ("true label was new: no item had it", "true labels were new: no item had them")


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelOptions:
    """What is learned, and how certain an automatic label must be. The fields are the options of `label_options`."""

    label: str | None
    target_precision: float
    min_support: int
    labels_file: Path | None
    no_names: bool

    @property
    def assigning(self) -> dict[str, Any]:
        """The options of `recs.train_classifier` that decide which labels are assigned automatically."""
        return {"target_precision": self.target_precision, "min_support": self.min_support}


label_options = grouped(
    "labels",
    LabelOptions,
    click.option("--label", metavar="FIELD", help="The field with the labels: category, tags or any other field."),
    click.option(
        "--target-precision",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        default=0.9,
        show_default=True,
        help="The share of automatic labels that should be right.",
    ),
    click.option(
        "--min-support",
        type=click.IntRange(min=1),
        default=5,
        show_default=True,
        help="Assign a label automatically only if at least N items have it.",
    ),
    click.option(
        "--labels",
        "labels_file",
        type=Place(),
        metavar="FILE",
        help="TOML file with allowed, retired and renamed labels, and their texts.",
    ),
    click.option("--no-names", is_flag=True, help="Do not learn from the names of the labels."),
)


def draw(evaluation: ClassifierEvaluation | None, path: Path | None) -> None:
    """Write the figure of an evaluation, if a file is named and there is an evaluation."""
    if path is not None and evaluation is not None:
        from recs.writers.figures import plot_classifier, save_figure

        save_figure(plot_classifier(evaluation), path)


@contextmanager
def opened_labels(
    source: str, labels: LabelOptions, setup: CollectionOptions, *, quiet: bool
) -> Iterator[tuple[Collection, Embeddings, dict[str, Any]]]:
    """Yield the items of SOURCE, their vectors, and the options of `recs.train_classifier` that say what to learn."""
    from recs.classification.labels import LabelRules, load_label_rules

    if not labels.label:
        raise click.UsageError("--label FIELD is needed: category, tags, or the name of any other field of SOURCE.")
    rules, texts = load_label_rules(labels.labels_file) if labels.labels_file else (LabelRules(), {})
    collection = setup.reading.read(source)
    if not quiet:
        report_reading(without_field(collection, labels.label))
    with embedded(collection.public, setup, role="classification", quiet=quiet) as (embeddings, embedder, cache):
        words = _texts(collection, labels, rules, texts)
        named = words and embedder.embed(list(words.values()), ids=list(words), role="classification", store=cache)
    with working(quiet=quiet) as progress_of_fits:
        learning: dict[str, Any] = {"label": labels.label, "rules": rules, "progress": progress_of_fits}
        if named:
            learning["label_texts"] = named
        yield collection, embeddings, learning


def without_field(collection: Collection, label: str | None) -> Collection:
    """Return a collection that does not report the field of the labels as one that was not read."""
    from recs.classification.labels import AUTO, fold_name

    read = {fold_name(label), fold_name(label + AUTO)} if label else set()
    others = {name: count for name, count in collection.ignored_fields.items() if fold_name(name) not in read}
    return replace(collection, ignored_fields=others)


def _texts(collection: Collection, labels: LabelOptions, rules: LabelRules, texts: Mapping[str, str]) -> dict[str, str]:
    """Return a text for each label: the user's text, or else its name, if that has letters."""
    from recs.classification.labels import read_labels

    # If no item is labelled, the training reports it.
    given = read_labels(collection.public, labels.label or "", rules, required=False).given
    names = [] if labels.no_names else sorted({name for names_of_item in given.values() for name in names_of_item})
    own = {rules.renamed.get(name, name): text for name, text in texts.items() if text.strip()}
    telling = (name for name in names if any(map(str.isalpha, name)) and name not in ("true", "false"))
    called = {name: name.replace("-", " ").replace("_", " ") for name in telling}
    return {**called, **own}


def write_rows(rows: list[dict[str, Any]], path: Path) -> None:
    """Write rows as CSV or JSON lines, by the suffix of the file."""
    from recs.files import write_atomically
    from recs.writers.cells import csv_text, json_lines

    is_csv = path.suffix.lower() == ".csv"
    text = csv_text(rows, texts=("label", "better")) if is_csv else json_lines(rows)
    write_atomically(path, text.encode("utf-8", "replace"))


def summary(evaluation: ClassifierEvaluation) -> dict[str, Any]:
    """Return the figures of an evaluation that are kept with a classifier."""
    names = ("learned", "judged", "metrics", "auto_precision", "auto_coverage", "abstained")
    return {split.split: {name: getattr(split, name) for name in names} for split in evaluation.splits}


def table(evaluation: ClassifierEvaluation) -> str:
    """Return an evaluation as text for a terminal; the most important split is the first."""
    kind = "one label each" if evaluation.single else "several labels each"
    lines = [
        f"{counted(evaluation.items, 'item')}, {kind}, {counted(evaluation.classes, 'label')} in {evaluation.label!r}"
    ]
    for split in evaluation.splits:
        lines += ["", f"{split.split}: learned from {split.learned:,}, judged on {split.judged:,}"]
        if split.metrics is None:
            lines.append(f"  cannot be judged: {split.not_judged}")
            continue
        rows = {"classifier": split.metrics, **split.baselines}
        lines.append(f"  {'':18}" + "".join(f"{name:>12}" for name in rows))
        for metric in split.metrics:
            values = "".join(f"{metrics[metric]:12.3f}" for metrics in rows.values())
            lines.append(f"  {metric.replace('_', ' '):18}{values}")
        right = "none was right often enough" if split.auto_precision is None else f"{split.auto_precision:.3f} right"
        lines.append(
            f"  automatic at {evaluation.target_precision:g}: {right}, {split.auto_coverage:.1%} of all true labels; "
            f"{split.abstained:.1%} of the items get no answer"
        )
        if split.unseen:
            lines.append(f"  {counted(split.unseen, *_WERE_NEW)} before")
    first = next((split for split in evaluation.splits if split.metrics is not None), None)
    lines += _table_of_labels(first) if first is not None else []
    return "\n".join([*lines, *(f"note: {note}" for note in evaluation.notes)]) + "\n"


def _table_of_labels(first: SplitScore) -> list[str]:
    """Return how well each judged label did on one split, the most frequent first."""
    judged = sorted((one for one in first.labels if one.support), key=lambda one: (-one.support, one.label))
    width = max([5, *(len(one.label) for one in judged[:_LABELS_SHOWN])])
    lines = ["", f"  {'label':{width}}  items  precision  recall     f1  auto  right    ({first.split})"]
    for one in judged[:_LABELS_SHOWN]:
        figures = f"{one.support:6}{one.precision:11.2f}{one.recall:8.2f}{one.f1:7.2f}{one.auto:6}{one.auto_right:7}"
        lines.append(f"  {printable(one.label):{width}}{figures}")
    if len(judged) > _LABELS_SHOWN:
        lines.append(f"  … and {counted(len(judged) - _LABELS_SHOWN, 'label')} more")
    return lines
