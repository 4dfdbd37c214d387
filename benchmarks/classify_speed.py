"""How long training and prediction take: 10,000 items of banking77, 384 dimensions, 77 labels.

    python benchmarks/classify_speed.py FOLDER

Training is the whole of `recs.train_classifier`: search of C, scores out of fold, calibration, thresholds, gate. Beside
it: one fit of scikit-learn from nothing at C=30, and what a grid search of six C in three folds costs when each is.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

sys.path.insert(0, str(Path(__file__).parent.parent))
sys.path.insert(0, str(Path(__file__).parent))

from classify_quality import Set

import recs
from recs.classification.held_out import GRID

N, ROWS = 10_000, 400_000


def main() -> None:
    data = Set(Path(sys.argv[1]), "banking77")
    items = data.splits["train"][:N]
    embeddings = data.of(items)
    y = np.array([item.category for item in items])
    start = time.perf_counter()
    LogisticRegression(C=30, max_iter=1000).fit(embeddings.vectors, y)
    print(f"one fit of scikit-learn at C=30: {time.perf_counter() - start:.1f} s")
    start = time.perf_counter()
    for fold in range(3):
        rows = np.arange(len(y)) % 3 != fold
        for C in GRID:
            LogisticRegression(C=C, max_iter=1000).fit(embeddings.vectors[rows], y[rows])
    print(f"six C in three folds, each from nothing: {time.perf_counter() - start:.1f} s")
    start = time.perf_counter()
    classifier = recs.train_classifier(items, embeddings, label="category")
    print(f"train_classifier: {time.perf_counter() - start:.1f} s, C={classifier.parameters['C']:g}")
    tiled = np.resize(data.of(data.splits["test"]).vectors, (ROWS, embeddings.dim))
    many = recs.Embeddings(tuple(map(str, range(ROWS))), tiled, embeddings.fingerprint, role=embeddings.role)
    for name, call in (("predict_proba", classifier.predict_proba), ("predict, with answers", classifier.predict)):
        start = time.perf_counter()
        call(many)
        print(f"{name}: {ROWS / (time.perf_counter() - start):,.0f} items/s")


if __name__ == "__main__":
    main()
