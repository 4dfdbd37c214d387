"""The re-ranking that `recs tune` learns from the links of a site: features of pairs, and their weights.

It starts from the default: there, the logarithm of the odds of a link has the weight 1. The file is small and readable:
weights by the name of a feature. It changes the order of the candidates of the fused ranking and never adds one.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np

from recs.arrays import Float64Array, IntArray
from recs.errors import OptionError, SourceError
from recs.files import write_atomically
from recs.items import Item
from recs.ranking.ages import closeness_in_time
from recs.ranking.fusion import Fused

SCHEMA = "recs.tuned/2"
PAIR_FEATURES = ("default", "dates", "tags", "category", "series", "inbound")  # in addition to the parts of the score
_LEAST_ODDS = 1e-6


@dataclass(frozen=True, slots=True)
class Tuned:
    """Weights of a logistic regression on features of pairs (item, candidate).

    Attributes
    ----------
    signals, fingerprint
        What the ranking was made of; "" without a model. Another ranking needs another tuning.
    weights
        By the name of the feature.
    intercept
        Of the regression.
    gain
        What cross-validation measured: nDCG@10 before and after, and the interval of the difference.
    """

    signals: tuple[str, ...]
    fingerprint: str
    weights: Mapping[str, float]
    intercept: float
    gain: Mapping[str, Any]

    def scores(self, features: Mapping[str, Float64Array]) -> Float64Array:
        """Return the probability that the author links each pair; NaN where there is no pair."""
        total = np.full(next(iter(features.values())).shape, self.intercept)
        for name, weight in self.weights.items():
            total += weight * features[name]
        return np.asarray(np.round(1 / (1 + np.exp(-total)), 6))

    def check(self, signals: Sequence[str], fingerprint: str) -> None:
        """Raise `OptionError` unless the ranking at hand is the one that was tuned."""
        if tuple(signals) != self.signals or fingerprint != self.fingerprint:
            tuned = f"the signals {', '.join(self.signals)} and the model {self.fingerprint[:12] or 'none'}"
            current = f"{', '.join(signals)} and {fingerprint[:12] or 'none'}"
            raise OptionError(f"tuned for {tuned}, not for {current}; run recs tune again.")

    def save(self, path: Path) -> None:
        """Write the file; `OutputError` if it cannot be written."""
        text = json.dumps({"schema": SCHEMA, **asdict(self)}, indent=1, sort_keys=True, ensure_ascii=False)
        write_atomically(path, f"{text}\n".encode())

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote; `SourceError` if the file is missing, damaged, or of another kind or version."""
        try:
            fields = json.loads(path.read_text(encoding="utf-8"))
            if fields.pop("schema") != SCHEMA:
                raise ValueError(f"expected the format {SCHEMA}")
            tuned = cls(**{**fields, "signals": tuple(fields["signals"])})
            tuned._check_numbers()
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise SourceError(f"{path}: not a file that recs tune has written ({error}).") from error
        return tuned

    def _check_numbers(self) -> None:
        """Raise `ValueError` unless all features are known and all numbers are finite."""
        unknown = sorted(set(self.weights) - {*PAIR_FEATURES, *self.signals})
        if unknown:
            raise ValueError(f"{unknown[0]!r} is not a feature; expected some of {', '.join(PAIR_FEATURES)}")
        if not np.isfinite([self.intercept, *self.weights.values()]).all():
            raise ValueError("some numbers are not finite")


def pair_features(
    items: Sequence[Item], fused: Fused, signals: Sequence[str], scores: Float64Array
) -> dict[str, Float64Array]:
    """Return the features of each of n items with each of its candidates: shape (n, depth), NaN for no pair.

    `scores` are those of the ranking without tuning: the odds of links, or the similarities of a single signal.
    """
    missing = fused.indices < 0
    columns = np.where(missing, 0, fused.indices)
    features = {name: fused.parts[:, :, place].copy() for place, name in enumerate(signals)}
    features |= {
        "default": _standing_out(scores) if len(signals) == 1 else np.log(np.maximum(scores, _LEAST_ODDS)),
        "dates": closeness_in_time(items, fused.indices),
        "tags": _of_pairs(items, columns, _shared_tags),
        "category": _of_pairs(items, columns, lambda a, b: float(bool(a.category) and a.category == b.category)),
        "series": _of_pairs(items, columns, lambda a, b: float(bool(a.series) and a.series == b.series)),
        "inbound": inbound_feature(items, fused, np.arange(len(items))),
    }
    for values in features.values():
        values[missing] = np.nan
    return features


def _standing_out(similarities: Float64Array) -> Float64Array:
    """Return by how many deviations similarities are above the mean of all candidates; 0 if all are equal."""
    is_pair = np.isfinite(similarities)
    if not is_pair.any():
        return similarities.copy()
    above = similarities - similarities[is_pair].mean()
    deviation = float(similarities[is_pair].std())
    return np.asarray(above / deviation if deviation > 0 else 0 * above)


def _shared_tags(left: Item, right: Item) -> float:
    """Return the Jaccard index of the tags of two items."""
    ours = set(left.tags)
    theirs = set(right.tags)
    return len(ours & theirs) / max(len(ours | theirs), 1)


def inbound_feature(items: Sequence[Item], fused: Fused, among: IntArray) -> Float64Array:
    """Return ln(1 + how many of the items in `among`, without the item itself, link to the candidate): (n, depth)."""
    row_of = {item.id: row for row, item in enumerate(items)}
    targets_of_row = {
        row: {row_of[link.target] for link in items[row].links if link.target in row_of} for row in among.tolist()
    }
    targets = [target for targets_of_one in targets_of_row.values() for target in targets_of_one]
    links_to = np.bincount(targets, minlength=len(items))
    inbound = links_to[fused.indices].astype(np.float64)
    for row, own_targets in targets_of_row.items():
        inbound[row] -= np.isin(fused.indices[row], sorted(own_targets))
    return np.log1p(inbound)


def _of_pairs(items: Sequence[Item], columns: IntArray, feature: Callable[[Item, Item], float]) -> Float64Array:
    """Return a feature of each item with each of its candidates."""
    rows = zip(items, columns.tolist(), strict=True)
    values = [[feature(item, items[column]) for column in columns_of_item] for item, columns_of_item in rows]
    return np.array(values, dtype=np.float64).reshape(columns.shape)
