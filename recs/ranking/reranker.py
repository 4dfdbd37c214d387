"""A re-ranking that `recs tune` has learned from a site's own links: features of pairs, and the weights that they have.

The file is small and readable: weights by the name of a feature. It re-orders the candidates of the fused ranking and
never adds one.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from recs.arrays import Float64Array, IntArray
from recs.errors import OptionError, SourceError
from recs.files import write_atomically
from recs.items import Item
from recs.ranking.fusion import Fused
from recs.readers.dates import parse_date

SCHEMA = "recs.tuned/1"
PAIR_FEATURES = ("log_score", "days", "tags", "category", "series", "inbound")  # beside the parts of the score


@dataclass(frozen=True, slots=True)
class Tuned:
    """Weights of a logistic regression on features of (item, candidate): means, deviations and weights by feature.

    signals and fingerprint ("" without a model) are what the ranking was made of: another one needs another tuning.
    gain is what cross-validation promises: nDCG@10 before and after, and the interval of the difference.
    """

    signals: tuple[str, ...]
    fingerprint: str
    means: Mapping[str, float]
    deviations: Mapping[str, float]
    weights: Mapping[str, float]
    intercept: float
    gain: Mapping[str, Any]

    def scores(self, features: Mapping[str, Float64Array]) -> Float64Array:
        """Return the probability that the author links each pair; NaN where there is no pair."""
        total = np.full(next(iter(features.values())).shape, self.intercept)
        for name, weight in self.weights.items():
            total += weight * (features[name] - self.means[name]) / self.deviations[name]
        return np.asarray(np.round(1 / (1 + np.exp(-total)), 6))

    def check(self, signals: Sequence[str], fingerprint: str) -> None:
        """Raise `OptionError` unless the ranking at hand is the one that was tuned."""
        if tuple(signals) != self.signals or fingerprint != self.fingerprint:
            tuned = f"the signals {', '.join(self.signals)} and the model {self.fingerprint[:12] or 'none'}"
            found = f"{', '.join(signals)} and {fingerprint[:12] or 'none'}"
            raise OptionError(f"tuned for {tuned}, not for {found}; run recs tune again.")

    def save(self, path: Path) -> None:
        """Write the file; `OutputError` where that fails."""
        text = json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1, sort_keys=True, ensure_ascii=False)
        write_atomically(path, f"{text}\n".encode())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; `SourceError` for a file that is missing, torn, not ours, or of a newer version."""
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
            if found.pop("schema") != SCHEMA:
                raise ValueError(f"expected the format {SCHEMA}")
            tuned = cls(**{**found, "signals": tuple(found["signals"])})
            known = {*PAIR_FEATURES, *tuned.signals}
            tables = (tuned.means, tuned.deviations, tuned.weights)
            numbers = [tuned.intercept, *(table[name] for table in tables for name in tuned.weights)]
            if not set(tuned.weights) <= known or not np.isfinite(numbers).all():
                raise ValueError("features that are not known here, or numbers that are not finite")
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise SourceError(f"{path}: not a file that recs tune has written ({error}).") from error
        return tuned


def pair_features(items: Sequence[Item], fused: Fused, signals: Sequence[str]) -> dict[str, Float64Array]:
    """Return the features of each of n items with each of its candidates: shape (n, depth), NaN for no pair."""
    n, depth = fused.indices.shape
    missing = fused.indices < 0
    columns = np.where(missing, 0, fused.indices)
    days = np.array([moment.timestamp() / 86400 if (moment := parse_date(i.published)) else np.nan for i in items])
    closeness = -np.log1p(np.abs(days[columns] - days[:, None]) / 30) if n else np.zeros((n, depth))
    usual = float(np.nanmean(closeness)) if np.isfinite(closeness).any() else 0.0
    features = {name: fused.parts[:, :, place].copy() for place, name in enumerate(signals)}
    features |= {
        "log_score": np.log(np.maximum(np.nan_to_num(fused.scores), 0.1)),
        "days": np.nan_to_num(closeness, nan=usual),
        "tags": _each(items, columns, lambda a, b: len({*a.tags} & {*b.tags}) / max(len({*a.tags, *b.tags}), 1)),
        "category": _each(items, columns, lambda a, b: float(bool(a.category) and a.category == b.category)),
        "series": _each(items, columns, lambda a, b: float(bool(a.series) and a.series == b.series)),
        "inbound": inbound_feature(items, fused, np.arange(n)),
    }
    for values in features.values():
        values[missing] = np.nan
    return features


def inbound_feature(items: Sequence[Item], fused: Fused, among: IntArray) -> Float64Array:
    """Return ln(1 + how many of the items in `among`, this one left out, link to the candidate), shape (n, depth)."""
    row_of = {item.id: row for row, item in enumerate(items)}
    links = {row: {row_of[link.target] for link in items[row].links if link.target in row_of} for row in among.tolist()}
    counts = np.bincount([target for found in links.values() for target in found], minlength=len(items))
    total = counts[fused.indices].astype(np.float64)
    for row, found in links.items():
        total[row] -= np.isin(fused.indices[row], sorted(found))
    return np.log1p(total)


def _each(items: Sequence[Item], columns: IntArray, feature: Any) -> Float64Array:
    rows = zip(items, columns.tolist(), strict=True)
    found = [[feature(item, items[column]) for column in row] for item, row in rows]
    return np.array(found, dtype=np.float64).reshape(columns.shape)
