"""`recs classify`: labels for items, by a classifier that `recs train` made."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice, repeat
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from recs.cli.common.option_values import CollectionOptions, OutputOptions
from recs.cli.common.options import cached_only_option, collection_options, output_options, source_argument
from recs.cli.common.session import embedded, report_embedding
from recs.cli.common.sharding import (
    ShardOptions,
    check_output_folder,
    embedding_of,
    is_for_shards,
    shard_options,
    shard_progress,
)
from recs.cli.common.terminal import emit, heading, printable, report_reading, say

if TYPE_CHECKING:
    from recs.bulk.shards import Runner
    from recs.classification.classifier import Classifier
    from recs.classification.predictions import Prediction, Reason
    from recs.items import Collection, Item
    from recs.writers.labels import Labels

_PATH = click.Path(path_type=Path)
_PIECES = 10_000  # lines that are written to stdout at once


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
@cached_only_option
@output_options("jsonl", "csv", "parquet", "table")
@collection_options
@shard_options
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
    shards: ShardOptions,
) -> None:
    """Assign labels to the items of SOURCE, suggest some, or abstain.

    Each JSON line has the field `<label>_auto`. Copy it into the source together with the labels: then `recs train`
    does not learn from them.
    """
    from recs.classification.classifier import Classifier
    from recs.classification.labels import load_label_rules

    if drafts and cached_only:
        raise click.UsageError("vectors of drafts are not cached; leave out --drafts or --cached-only.")
    form = _form_of(output)
    needs = {"--explain": explain, "--drafts": drafts, "a table": form == "table"}
    in_memory = next((name for name, is_so in needs.items() if is_so), "")
    is_for_shards(0, shards, unless=in_memory)
    runner = shards.make_runner()
    if form == "parquet":
        check_output_folder(output, source)
    classifier = Classifier.load(folder)
    if rules_file:
        classifier = replace(classifier, rules=load_label_rules(rules_file)[0])
    collection = setup.reading.read(source, with_drafts=drafts)
    if not output.quiet:
        report_reading(replace(collection, items=collection.public) if drafts else collection)
    if not setup.model.model:
        setup = replace(setup, model=replace(setup.model, model=classifier.model))
    task = _Task(classifier, setup, output, form, cached_only)
    if is_for_shards(len(collection.public), shards, unless=in_memory):
        task.classify_in_shards(collection, runner, shards.folder)
    else:
        task.classify(collection, explain=explain, drafts=drafts)


def _form_of(output: OutputOptions) -> str:
    """Return the format of the result."""
    if output.form:
        return output.form
    if output.output is None:
        return "table" if sys.stdout.isatty() else "jsonl"
    return "csv" if output.output.suffix.lower() == ".csv" else "jsonl"


@dataclass(frozen=True, slots=True)
class _Task:
    """A classifier, and how its labels are computed and written."""

    classifier: Classifier
    setup: CollectionOptions
    output: OutputOptions
    form: str
    cached_only: bool

    def classify(self, collection: Collection, *, explain: bool, drafts: bool) -> None:
        """Write the labels of the items, computed in memory."""
        from recs.writers.labels import Labels, explanation

        items, setup = collection.public, self.setup
        if drafts:
            items = tuple(sorted(collection, key=lambda item: item.id))
            setup = replace(setup, cache=replace(setup.cache, no_cache=True))
        how: dict[str, Any] = {"role": self.classifier.role, "quiet": self.output.quiet}
        with embedded(items, setup, cached_only=self.cached_only, **how) as (embeddings, embedder, _):
            predictions = self.classifier.predict(embeddings)
            reasons: Sequence[Sequence[Reason]] | None = None
            if explain:
                reasons = self.classifier.explain(predictions, items, embeddings, embedder=embedder)
        self._report(Counter(prediction.answer for prediction in predictions))
        if self.form == "table":
            rows = zip(items, predictions, reasons or repeat(()), strict=False)
            self._write_text(f"{_text_of(*row)}\n" for row in rows)
        else:
            why = None if reasons is None else map(explanation, items, reasons)
            self._write(Labels(self.classifier.label, predictions, why))

    def classify_in_shards(self, collection: Collection, runner: Runner, folder: Path | None) -> None:
        """Write the labels of the items, computed in shards."""
        from recs.bulk.labels import labelled_shards
        from recs.text.languages import uncovered_note
        from recs.writers.labels import Labels

        role = self.classifier.role
        embedding = embedding_of(self.setup.model, self.setup.cache, role=role, cached_only=self.cached_only)
        progress = shard_progress(len(collection.public), quiet=self.output.quiet)
        how: dict[str, Any] = {"runner": runner, "folder": folder, "progress": progress}
        with labelled_shards(collection, self.classifier, embedding, **how) as labelled:
            if not self.output.quiet:
                if note := uncovered_note(labelled.languages, labelled.spec.languages, labelled.spec.name):
                    say(f"note: {note}")
                report_embedding(labelled.counts)
            self._report(labelled.answers)
            self._write(Labels(self.classifier.label, labelled))

    def _report(self, answers: Mapping[str, int]) -> None:
        if not self.output.quiet:
            say(", ".join(f"{answers[answer]:,} {answer}" for answer in ("auto", "suggest", "abstain")))

    def _write(self, labels: Labels) -> None:
        if self.form == "parquet" and self.output.output:
            from recs.writers.tables import write_tables

            write_tables(labels.tables(), self.output.output)
            self._say_where()
        else:
            self._write_text(labels.csv() if self.form == "csv" else labels.lines())

    def _write_text(self, pieces: Iterable[str]) -> None:
        from recs.files import write_atomically

        if self.output.output:
            write_atomically(self.output.output, (piece.encode("utf-8", "replace") for piece in pieces))
            self._say_where()
            return
        iterator = iter(pieces)
        while text := "".join(islice(iterator, _PIECES)):
            emit(text)

    def _say_where(self) -> None:
        if not self.output.quiet:
            say(f"wrote {self.output.output}")


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
