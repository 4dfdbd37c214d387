"""Small collections for the tests of PostgreSQL; no model is loaded."""

from dataclasses import replace

from standins import make_embedder, make_records

import recs

WORDS = ["soil", "seed", "frost", "wheel", "chain", "brake", "oven", "flour", "salt", "rain"]


def make_index(items, **options):
    return recs.build_index(items, embedder=make_embedder(**options), cache=False)


def make_items(n=12, edition="first"):
    """Return n items, each of which says in its title which edition it is of."""
    return [
        recs.Item(f"item{row:03}", f"{record['text']} {WORDS[row % 10]} soil", title=f"{edition} {row}", url=f"/{row}/")
        for row, record in enumerate(make_records(n))
    ]


def edition_of(title):
    return title.split()[0]


def make_lists(items, k=3):
    return recs.related_items(recs.Collection(tuple(items)), k=k, signals="terms", cache=False)


def make_site(n=60):
    """Return n posts with tags, languages, dates and fields of their own."""
    posts = []
    for row, item in enumerate(make_items(n)):
        fields = {"topic": WORDS[row % 4], "level": row % 3, "people": ["Ann", "Bo"][: row % 3], "note": ""}
        dates = {"published": None if row % 5 == 4 else f"2026-0{1 + row % 3}-1{row % 7}T23:30:00-05:00"}
        groups = {"category": ("Notes", "Essays")[row % 2], "series": "Spring" if row % 6 == 0 else None}
        tags = ("garden", "tools", "Café")[: row % 4]
        posts.append(
            replace(item, lang=("en", "en-GB", "de", None)[row % 4], tags=tags, meta=fields, **dates, **groups)
        )
    return posts
