"""A small collection, and a static model of its words that every process can load."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import recs
from recs.bulk.vectors import EmbedTexts

WORDS = {"garden": ["soil", "seed", "garlic", "plant"], "workshop": ["wheel", "stand", "question", "query"]}


def write_model(folder: Path) -> Path:
    """Write a static model of 256 dimensions."""
    from layouts import static

    folder.mkdir(parents=True)
    static(folder, 256)
    return folder


def make_records(n: int) -> list[dict[str, str]]:
    """Return n records in an order that is not that of their ids; each fifth is a draft, and one has no known word."""
    generator = np.random.default_rng(3)
    records = []
    for row in range(n):
        topic = sorted(WORDS)[row % 2]
        words = [str(word) for word in generator.choice(WORDS[topic], 9)]
        text = " ".join([*words[:5], "the", *words[5:], "of", "unheard" if row % 3 else "a"])
        record = {"id": f"{(row * 7) % n:03}", "title": words[0], "text": text, "topic": topic}
        records.append(record | ({"status": "draft"} if row % 5 == 4 else {}))
    return [*records, {"id": "z", "title": "", "text": "zzz yyy", "topic": "garden"}]


def make_collection(n: int) -> recs.Collection:
    """Return the records as items."""
    return recs.read_items(make_records(n), boilerplate="keep")


class Fails(EmbedTexts):
    """Fails for the shard that begins with the item that a file beside the model names."""

    def embed(self, stored):
        order = Path(self.model).with_name("fails")
        if order.exists() and order.read_text() == stored.ids[0]:
            raise ValueError("no memory for it")
        return super().embed(stored)
