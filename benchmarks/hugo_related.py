"""How many of the author's links Hugo's own related content and recs put into the first five of a list.

Both get the same posts, the folder datasets/blog. The judges are the links between its posts; round-ups with eight
links and more are left out. Hugo reads tags, categories and dates, never a text. recs gets the posts without their
links: with the words of the links, as they stay on the page, and also without them, as in `recs evaluate`.

    HUGO=build/systems/hugo/bin/hugo python benchmarks/hugo_related.py
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

sys.path.insert(0, str(Path(__file__).parents[1] / "examples"))

from checks.hugo import installed
from checks.links import run, write_files
from checks.posts import NOW, ROOT

from recs import Collection, Item, read_items, related_items
from recs.evaluation.judgments import Judgments, judged_sources
from recs.text.links import hide_links

K = 5
TEMPLATE = """{{ $rows := slice }}{{ range $page := site.RegularPages }}{{ $paths := slice -}}
{{ range first 5 (site.RegularPages.Related $page) }}{{ $paths = $paths | append .RelPermalink }}{{ end -}}
{{ $rows = $rows | append (dict "page" .RelPermalink "paths" $paths) }}{{ end }}{{ jsonify $rows }}"""
OUTPUT = """
[outputs]
home = ["related"]
[outputFormats.related]
mediaType = "application/json"
baseName = "related"
isPlainText = true
"""
INDEX = '[[related.indices]]\nname = "{}"\nweight = {}\n'


def _related(weights: Mapping[str, int], *, newer: bool) -> str:
    """Return a configuration of Hugo's related content: any post may be in a list, older ones alone without `newer`."""
    head = f"[related]\nthreshold = 0\nincludeNewer = {str(newer).lower()}\n"
    return head + "".join(INDEX.format(name, weight) for name, weight in weights.items())


ALL = {"series": 100, "tags": 100, "categories": 50, "date": 10}
HUGO = {
    "Hugo, its defaults": "",
    "Hugo, tags, categories, series, date": _related(ALL, newer=True),
    "Hugo, the same, older posts alone": _related(ALL, newer=False),
    "Hugo, tags, older posts alone": _related({"tags": 100}, newer=False),
}


def hugo_lists(hugo: Path, config: str, id_of: Mapping[str, str]) -> dict[str, list[str]]:
    """Return the ids in Hugo's list of each post, with a configuration of its related content."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "site")
        shutil.copytree(ROOT / "datasets/blog", folder)
        with (folder / "hugo.toml").open("a", encoding="utf-8") as file:
            file.write(OUTPUT + config)
        write_files(folder, {"layouts/index.related.json": TEMPLATE})
        run(hugo, "--destination", "out", cwd=folder)
        rows = [row for path in (folder / "out").rglob("related.json") for row in json.loads(path.read_text("utf-8"))]
    return {id_of[row["page"]]: [id_of[path] for path in row["paths"]] for row in rows}


def recs_lists(items: Iterable[Item], signals: str) -> dict[str, list[str]]:
    """Return the ids in the list of each item, by the defaults of `recs related`."""
    lists = related_items(Collection(tuple(items), "blog"), k=K, signals=signals)
    return {name: [match.id for match in matches] for name, matches in lists.lists.items()}


def share(lists: Mapping[str, Sequence[str]], judged: Judgments) -> tuple[float, int]:
    """Return the share of the judged links that are in the lists, and how many judged posts have no list."""
    hits = sum(len(targets & set(lists.get(source, ())[:K])) for source, targets in judged.items())
    return hits / sum(map(len, judged.values())), sum(not lists.get(source) for source in judged)


def main() -> None:
    """Print the share of each way, and how far recs is ahead."""
    collection = read_items(ROOT / "datasets/blog", now=NOW)
    public = collection.public
    judged, _ = judged_sources(public)
    id_of = {urlsplit(item.url or "").path: item.id for item in public}
    version, hugo = max(installed().items(), key=lambda pair: [int(part) for part in pair[0].split(".")])
    with_words = [replace(item, links=()) for item in public]
    without_words = [replace(item, links=()) for item in hide_links(public, collection.boilerplate)]
    lists = {name: hugo_lists(hugo, config, id_of) for name, config in HUGO.items()}
    for name, items in {"words of links kept": with_words, "words of links hidden": without_words}.items():
        lists[f"recs, terms, {name}"] = recs_lists(items, "terms,mentions")
        lists[f"recs, defaults, {name}"] = recs_lists(items, "auto")
    print(f"Hugo {version}; {sum(map(len, judged.values()))} links of {len(judged)} posts")
    best = max(share(lists[name], judged)[0] for name in HUGO)
    for name, each in lists.items():
        part, empty = share(each, judged)
        print(f"{name:42}{part:.3f}  {part / best:.2f} × the best of Hugo, {empty} posts without a list")


if __name__ == "__main__":
    main()
