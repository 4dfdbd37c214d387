"""How many fields of entries are read as two public test suites for feeds expect them.

RECS_DATA names a folder with the test files of feedparser and of gofeed:
    cms_feedparser.tar.gz   each file begins with a comment: "Expect: not bozo and entries[0]['title'] == 'Garlic'"
    cms_gofeed.tar.gz       each feed has a JSON file of the same name beside it
The expressions are taken apart, never run. An expectation counts if it says that a field of the first entry has a
value, and recs reads that field. Printed is, for each field, how many expectations are met, and with --misses each one
that is not. Exits with 1 where a field with 50 expectations and more is below 98 %.

    RECS_DATA=… python benchmarks/feed_fields.py [--misses]
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import re
import sys
import tarfile
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from dataclasses import field as factory
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from recs.errors import RecsError
from recs.items import Skipped
from recs.readers.dates import parse_date
from recs.readers.feeds.feed import feed_records
from recs.readers.values import one_line
from recs.text.plain import plain_text

FLOOR = 0.98
FEWEST = 50

# What an expression of feedparser's suite says after `entries[0]`, by the field of recs.
FIELD_OF = {
    ("title",): "title",
    ("title_detail", "value"): "title",
    ("link",): "link",
    ("id",): "id",
    ("guid",): "id",
    ("published",): "published",
    ("published_parsed",): "published",
    ("issued",): "published",
    ("issued_parsed",): "published",
    ("created",): "published",
    ("created_parsed",): "published",
    ("updated",): "updated",
    ("updated_parsed",): "updated",
    ("modified",): "updated",
    ("modified_parsed",): "updated",
    ("date",): "updated",
    ("date_parsed",): "updated",
    ("language",): "language",
    ("title_detail", "language"): "language",
    ("summary_detail", "language"): "language",
    ("content", 0, "language"): "language",
    ("category",): "categories",
    ("description",): "text",
    ("summary",): "text",
    ("summary_detail", "value"): "text",
    ("content", 0, "value"): "text",
    ("itunes_duration",): "duration",
    ("image", "href"): "image",
    ("media_thumbnail", 0, "url"): "image",
}
DATES = ("published", "updated")
HEADER_THAT_COUNTS = re.compile(r"^\s*Header:\s*Content-(?:Location|Language)|127\.0\.0\.1:8097", re.MULTILINE)
# What feedparser's sanitiser makes of markup that is not closed, or that a browser does not show.
OF_SANITISER = re.compile(r"/sanitize/\w+_(?:crazy|iframe|object|nested_cdata)\.xml|item_description_not_a_doctype")


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a file says of a field of its first entry."""

    file: str
    field: str
    value: Any


@dataclass
class Tally:
    """The files and expectations of both suites, and what came of them."""

    files: int = 0
    with_entries: int = 0
    errors: int = 0
    met: Counter[str] = factory(default_factory=Counter)
    missed: defaultdict[str, list[str]] = factory(default_factory=lambda: defaultdict(list))
    left_out: Counter[str] = factory(default_factory=Counter)

    def share(self, field: str) -> float:
        """Return the share of met expectations of a field."""
        return self.met[field] / (self.met[field] + len(self.missed[field]))


def main() -> int:
    """Read all files, print the table, compare with the floor."""
    parser = argparse.ArgumentParser(description="Fields of feeds as two test suites expect them.")
    parser.add_argument("--misses", action="store_true", help="print each expectation that is not met")
    folder = os.environ.get("RECS_DATA")
    misses = parser.parse_args().misses
    if not folder:
        print("RECS_DATA names no folder", file=sys.stderr)
        return 2
    tally = measure(Path(folder))
    print(f"{tally.files:,} feeds: {tally.with_entries:,} with entries, {tally.errors:,} end in one clear line")
    print(f"{'field':<12}{'cases':>7}{'exact':>7}{'share':>9}")
    fields = sorted(set(tally.met) | set(tally.missed))
    for field in fields:
        cases = tally.met[field] + len(tally.missed[field])
        print(f"{field:<12}{cases:>7}{tally.met[field]:>7}{tally.share(field):>9.1%}")
    for reason, count in tally.left_out.most_common():
        print(f"left out: {count:,} {reason}")
    if misses:
        for field in fields:
            print("\n".join(f"{field}: {line}" for line in tally.missed[field]))
    return 0 if not below_floor(tally) else 1


def measure(folder: Path) -> Tally:
    """Return what came of all expectations of both suites."""
    tally = Tally()
    for name, data, expectations in cases(folder, tally):
        tally.files += 1
        try:
            records = [record for _, record in feed_records(data, "feed.xml")]
        except RecsError:
            tally.errors += 1
            records = []
        entries = [record for record in records if not isinstance(record, Skipped)]
        tally.with_entries += bool(entries)
        for expectation in expectations:
            record = entries[0] if entries else {}
            if meets(record, expectation):
                tally.met[expectation.field] += 1
            else:
                tally.missed[expectation.field].append(f"{name}: expected {expectation.value!r}, got {record}")
    return tally


def below_floor(tally: Tally) -> list[str]:
    """Return the fields with enough expectations of which too few are met."""
    enough = [field for field in tally.met if tally.met[field] + len(tally.missed[field]) >= FEWEST]
    return sorted(field for field in enough if tally.share(field) < FLOOR)


def cases(folder: Path, tally: Tally) -> Iterator[tuple[str, bytes, list[Expectation]]]:
    """Yield each feed of both suites with what is expected of its first entry."""
    suite = archive_files(folder / "cms_feedparser.tar.gz")
    for name, data in suite.items():
        if name.endswith(".xml"):
            is_well_formed = "/wellformed/" in name
            yield name, data, list(of_feedparser(name, data, tally)) if is_well_formed else []
    suite = archive_files(folder / "cms_gofeed.tar.gz")
    for name, data in suite.items():
        if name.endswith(".xml"):
            beside = suite.get(name.removesuffix(".xml") + ".json")
            yield name, data, list(of_gofeed(name, json.loads(beside))) if beside else []


def archive_files(path: Path) -> dict[str, bytes]:
    """Return the files of an archive by name."""
    with tarfile.open(path) as archive:
        members = sorted((member for member in archive if member.isfile()), key=lambda member: member.name)
        return {member.name: file.read() for member in members if (file := archive.extractfile(member)) is not None}


def of_feedparser(name: str, data: bytes, tally: Tally) -> Iterator[Expectation]:
    """Yield the expectations in the comment at the head of a file of feedparser's suite."""
    head = data.decode("utf-8", "replace")
    line = re.search(r"^\s*Expect:\s*(.+?)\s*$", head, re.MULTILINE)
    if line is None:
        tally.left_out["files without an expectation"] += 1
        return
    if HEADER_THAT_COUNTS.search(head[: line.end()]):
        tally.left_out["expectations that follow from a header of HTTP, which a file does not have"] += 1
        return
    if OF_SANITISER.search(name):
        tally.left_out["expectations on what feedparser's sanitiser makes of broken or invisible markup"] += 1
        return
    for path, value in equalities(line[1]):
        field = field_of(path)
        if field is None:
            whose = "of the feed, not of an entry" if path[:1] != ("entries",) else "on fields that recs does not read"
            tally.left_out[f"expectations {whose}"] += 1
        elif path[1] == 0:
            yield Expectation(name, field, value)


def field_of(path: tuple[str | int, ...]) -> str | None:
    """Return the field of recs that a path such as ("entries", 0, "title") means."""
    if path[:1] != ("entries",) or len(path) < 3:
        return None
    inside = path[2:]
    is_tag = len(inside) == 3 and inside[0] == "tags" and inside[2] == "term"
    return "categories" if is_tag else FIELD_OF.get(inside)  # type: ignore[call-overload]


def equalities(expression: str) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    """Yield path and value of each "path == value" in an expression of Python that only joins them with "and".

    >>> list(equalities("not bozo and entries[0]['title'] == 'Gar' + 'lic'"))
    [(('entries', 0, 'title'), 'Garlic')]
    """
    try:
        tree = ast.parse(expression, mode="eval").body
    except SyntaxError:
        return
    for part in tree.values if isinstance(tree, ast.BoolOp) and isinstance(tree.op, ast.And) else [tree]:
        if isinstance(part, ast.Compare) and len(part.ops) == 1 and isinstance(part.ops[0], ast.Eq):
            path = path_of(part.left)
            try:
                value = literal(part.comparators[0])
            except ValueError:
                continue
            if path:
                yield path, value


def path_of(node: ast.expr) -> tuple[str | int, ...]:
    """Return the names and numbers of `entries[0]['title']` or `entries[0].title`; () for any other expression."""
    if isinstance(node, ast.Name):
        return (node.id,)
    before = path_of(node.value) if isinstance(node, ast.Subscript | ast.Attribute) else ()
    if isinstance(node, ast.Attribute):
        return (*before, node.attr) if before else ()
    if isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Constant) and before:
        return (*before, node.slice.value)  # type: ignore[arg-type]
    return ()


def literal(node: ast.expr) -> Any:
    """Return the value of a literal, or of texts joined by "+"; `ValueError` for anything else."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return literal(node.left) + literal(node.right)
    return ast.literal_eval(node)


def of_gofeed(name: str, expected: Any) -> Iterator[Expectation]:
    """Yield the expectations in a JSON file of gofeed's suite."""
    entries = expected.get("items") or expected.get("entries") if isinstance(expected, dict) else None
    if not entries:
        return
    entry = entries[0]
    guid = entry.get("guid")
    values = {
        "title": entry.get("title"),
        "link": entry.get("link"),
        "id": entry.get("id") or (guid.get("value") if isinstance(guid, dict) else guid),
        "published": entry.get("publishedParsed") or entry.get("pubDateParsed"),
        "updated": entry.get("updatedParsed"),
    }
    content = entry.get("content") or entry.get("description") or entry.get("summary")
    values["text"] = content.get("value") if isinstance(content, dict) else content
    terms = [
        each if isinstance(each, str) else each.get("term") or each.get("value")
        for each in entry.get("categories") or ()
    ]
    values["categories"] = terms[0] if terms else None
    for field, value in values.items():
        if value:
            yield Expectation(name, field, value)


def meets(record: Mapping[str, object], expectation: Expectation) -> bool:
    """Whether a record has the value that is expected, as an item would have it."""
    value = expectation.value
    field = expectation.field
    if field in DATES:
        date = record.get("date" if field == "published" else "updated")
        return as_moment(value) == (parse_date(date) if date else None)
    if field == "title":
        title = one_line(record.get("title") or "")
        return title in (line_of(value), line_of(value, is_html=False))  # the suites do not say which titles are HTML
    if field == "text":
        texts = [record.get("content_html"), record.get("summary"), record.get("excerpt")]
        words = [line_of(text or "") for text in texts]
        return line_of(value) in words or line_of(value, is_html=False) in words
    if field == "categories":
        return value in (record.get("tags") or []) or not value  # type: ignore[operator]
    names = {"link": "url", "language": "lang"}
    return (record.get(names.get(field, field)) or None) == (value or None)


def as_moment(value: Any) -> datetime | None:
    """Return the moment of a text or of the nine numbers of a time tuple."""
    return datetime(*value[:6], tzinfo=UTC) if isinstance(value, tuple) else parse_date(value)


def line_of(value: object, *, is_html: bool = True) -> str:
    """Return the words of a text, without markup."""
    text = str(value)
    return " ".join((plain_text(text, "html") if is_html else text).split())


if __name__ == "__main__":
    raise SystemExit(main())
