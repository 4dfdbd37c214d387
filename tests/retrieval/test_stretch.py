"""Models whose cosines crowd: they are stretched before terms and vectors are added."""

from __future__ import annotations

import numpy as np
import pytest

from recs.retrieval.vectors import JoinedVectors, Vectors


def joined(rows: np.ndarray, parts: int = 1) -> JoinedVectors:
    """Return the vectors of items, in one segment or in several."""
    rows = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    places = [np.arange(part, len(rows), parts, dtype=np.int32) for part in range(parts)]
    segments = [
        Vectors(
            rows[some],
            rows[some],
            np.arange(len(some) + 1),
            np.zeros((len(some), 2), np.int64),
            np.ones(len(some), np.uint16),
            "m",
            "f",
            "cosine",
        )
        for some in places
    ]
    return JoinedVectors(segments, places)


def drawn(n: int, common: float) -> np.ndarray:
    """Return n vectors that share a part: the larger it is, the closer are their cosines to 1."""
    draw = np.random.default_rng(8)
    return draw.normal(size=(n, 40)) + common * np.ones(40)


def test_crowded_cosines_get_the_usual_deviation_and_others_stay() -> None:
    crowded, usual = joined(drawn(300, 2.0)), joined(drawn(300, 0.0))
    assert usual.stretch == 1.0
    assert crowded.stretch > 2
    rows = crowded._segments[0][0].items
    cosines = (rows @ rows.T)[np.triu_indices(300, 1)].astype(np.float64)
    assert np.std(crowded.stretched(cosines)) == pytest.approx(0.12, abs=0.02)
    assert crowded.stretched(np.array([1.0])) == 1.0
    assert np.array_equal(np.argsort(crowded.stretched(cosines)), np.argsort(cosines))


def test_it_does_not_depend_on_segments() -> None:
    assert joined(drawn(300, 2.0), 3).stretch == joined(drawn(300, 2.0)).stretch


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_items_say_little(n: int) -> None:
    assert joined(drawn(max(n, 1), 2.0)[:n]).stretch == 1.0


def test_equal_items_are_stretched_by_no_more_than_eight() -> None:
    assert joined(np.ones((2000, 4))).stretch <= 8.0
