"""The labels of items as JSON Lines, CSV or tables: in pieces, so that those of a large collection need no memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import TYPE_CHECKING, Any

from recs.classification.predictions import Prediction, Reason
from recs.items import Item
from recs.writers.cells import csv_pieces, dumps, whole_characters
from recs.writers.tables import tables_of_rows

if TYPE_CHECKING:
    import pyarrow as pa

Why = Sequence[Mapping[str, Any]]
"""The reasons for the labels of an item, as `explanation` returns them."""

_ROWS = 100_000  # of a table


@dataclass(frozen=True, slots=True, eq=False)
class Labels:
    """The labels of items, to be written.

    Attributes
    ----------
    label
        The field whose labels were learned.
    predictions
        Those of the items, in order.
    why
        The reasons for the labels of each item; None if they were not asked for.

    Examples
    --------
    >>> labels = Labels("topic", [Prediction("post-1", "abstain", (), familiarity=0.01)])
    >>> print(*labels.lines(), *labels.csv(), sep="", end="")
    {"answer":"abstain","familiarity":0.01,"id":"post-1","labels":[],"topic_auto":[]}
    id,label,probability,answer,familiarity
    post-1,,,abstain,0.01
    """

    label: str
    predictions: Iterable[Prediction]
    why: Iterable[Why] | None = None

    def lines(self) -> Iterator[str]:
        """Yield a line of JSON for each item."""
        return (f"{dumps(record)}\n" for record in self._records())

    def csv(self) -> Iterator[str]:
        """Yield a line of CSV for each label, and one without a label for an item that has none."""
        rows = (row for prediction, why in self._rows() for row in _csv_rows(prediction, why))
        return csv_pieces(rows, texts=("label", "nearest", "passage"))

    def tables(self) -> Iterator[pa.Table]:
        """Yield tables with a row for each item; the columns are the members of the lines of JSON."""
        import pyarrow as pa

        text, number = pa.string(), pa.float64()
        types = {"id": text, "answer": text, f"{self.label}_auto": pa.list_(text)}
        types["labels"] = pa.list_(pa.struct({"label": text, "probability": number, "answer": text}))
        types["familiarity"] = number
        if self.why is not None:
            nearest = pa.list_(pa.struct({"id": text, "title": text, "cosine": number}))
            reason = pa.struct({"label": text, "nearest": nearest, "passage": text, "effect": number})
            types["why"] = pa.list_(reason)
        return tables_of_rows((_whole(record) for record in self._records()), types, size=_ROWS)

    def _rows(self) -> Iterator[tuple[Prediction, Why | None]]:
        return zip(self.predictions, repeat(None) if self.why is None else self.why, strict=False)

    def _records(self) -> Iterator[dict[str, Any]]:
        for prediction, why in self._rows():
            record: dict[str, Any] = {"id": prediction.id, "answer": prediction.answer}
            record[f"{self.label}_auto"] = list(prediction.auto)
            record["labels"] = [
                {"label": one.name, "probability": one.probability, "answer": one.answer} for one in prediction.labels
            ]
            record["familiarity"] = prediction.familiarity
            yield {**record, "why": list(why)} if why else record


def explanation(item: Item, reasons: Sequence[Reason]) -> Why:
    """Return the reasons for the labels of an item as JSON values."""
    return [
        {
            "label": reason.label,
            "nearest": [dict(zip(("id", "title", "cosine"), near, strict=True)) for near in reason.nearest],
            "passage": item.text[slice(*reason.passage)] if reason.passage else None,
            "effect": reason.effect,
        }
        for reason in reasons
    ]


def _csv_rows(prediction: Prediction, why: Why | None) -> Iterator[dict[str, Any]]:
    """Yield a row for each label; a single row without a label if the classifier abstains."""
    reason_of = {reason["label"]: reason for reason in why or ()}
    for one in prediction.labels or (None,):
        row = {"id": prediction.id, "label": one.name if one else "", "probability": one.probability if one else ""}
        row |= {"answer": one.answer if one else "abstain", "familiarity": prediction.familiarity}
        if why is not None:
            reason = reason_of[one.name] if one else {"nearest": [], "passage": None}
            row["nearest"] = "; ".join(near["id"] for near in reason["nearest"])
            row["passage"] = reason["passage"] or ""
        yield row


def _whole(value: Any) -> Any:
    """Return a value whose texts UTF-8 can hold, as `whole_characters` makes them."""
    if isinstance(value, str):
        return whole_characters(value)
    if isinstance(value, list):
        return [_whole(each) for each in value]
    if isinstance(value, dict):
        return {name: _whole(each) for name, each in value.items()}
    return value
