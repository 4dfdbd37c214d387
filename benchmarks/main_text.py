"""How much of the main text of HTML pages is read, and how much else: recs, trafilatura, readability-lxml.

    python benchmarks/main_text.py PAGES TRUTHS

PAGES holds one folder of built pages for each site (SITE/NAME.html), TRUTHS the same with SITE/NAME.json: "title",
"text" (the plain text of the source that the page was built from) and "links" (the words of its links). Extractors
that are not installed are left out.
"""

from __future__ import annotations

import json
import re
import statistics
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from recs.text.links import written_links
from recs.text.plain import plain_text

# A word, or one character of a script that has no spaces.
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\u3040-\u30ff\u3400-\u9fff]+")


class Score(NamedTuple):
    precision: float
    recall: float
    f1: float
    links: float
    """F1 of the words of links."""
    seconds: float


Read = Callable[[str], str]
Links = Callable[[str], Iterable[str]]


def extractors() -> dict[str, tuple[Read, Links]]:
    """Return for each extractor what gives the text of a page, and what gives the words of the links in it."""
    readers: dict[str, tuple[Read, Links]] = {
        "recs": (
            lambda page: plain_text(page, "html"),
            lambda page: [link.anchor for link in written_links(page, "html")],
        )
    }
    try:
        import lxml.html

        def anchors(html: str) -> list[str]:
            return [node.text_content() for node in lxml.html.fromstring(html).iter("a")] if html.strip() else []

        import readability

        def readable(page: str) -> str:
            return str(readability.Document(page).summary())

        readers["readability-lxml"] = (
            lambda page: "\n".join(lxml.html.fromstring(readable(page)).itertext()),
            lambda page: anchors(readable(page)),
        )
        import trafilatura

        def extracted(page: str, form: str, *, recall: bool) -> str:
            text = trafilatura.extract(
                page, output_format=form, include_links=form == "html", include_comments=False, favor_recall=recall
            )
            return text or ""

        readers["trafilatura"] = (
            lambda page: extracted(page, "txt", recall=False),
            lambda page: anchors(extracted(page, "html", recall=False)),
        )
        readers["trafilatura, recall"] = (
            lambda page: extracted(page, "txt", recall=True),
            lambda page: anchors(extracted(page, "html", recall=True)),
        )
    except ImportError as error:
        print(f"left out: {error.name}", file=sys.stderr)
    return readers


def words(text: str) -> Counter[str]:
    return Counter(_WORD.findall(text.casefold()))


def agreement(ours: Counter[str], true: Counter[str]) -> tuple[float, float, float]:
    """Return precision, recall and F1 of one bag of words against another."""
    both = (ours & true).total()
    precision = both / ours.total() if ours else float(not true)
    recall = both / true.total() if true else 1.0
    return precision, recall, 2 * precision * recall / (precision + recall) if both else float(not ours and not true)


def scored(page: str, truth: dict[str, object], read: Read, links: Links) -> Score:
    start = time.perf_counter()
    text = read(page)
    seconds = time.perf_counter() - start
    title = " ".join(str(truth["title"]).split())
    head, tail = text[:500], text[500:]
    text = head.replace(title, " ", 1) + tail  # some keep the title, some do not; recs has it in a field
    true_links = truth["links"]
    assert isinstance(true_links, list)
    link_words = Counter(" ".join(anchor.split()) for anchor in links(page) if anchor.strip())
    f1_links = agreement(link_words, Counter(true_links))[2]
    return Score(*agreement(words(text), words(str(truth["text"]))), f1_links, seconds)


def line(name: str, scores: list[Score], empty: int) -> str:
    def mean(part: str) -> float:
        return statistics.fmean(getattr(score, part) for score in scores)

    low = sorted(score.f1 for score in scores)[len(scores) // 10]
    return (
        f"{name:22}{len(scores):6}{mean('precision'):8.3f}{mean('recall'):8.3f}{mean('f1'):8.3f}{low:8.3f}"
        f"{mean('links'):8.3f}{1000 * mean('seconds'):8.1f}{empty:7}"
    )


def main() -> None:
    pages, truths = map(Path, sys.argv[1:3])
    everything: dict[str, list[Score]] = {name: [] for name in extractors()}
    empties: Counter[str] = Counter()
    print(f"{'':22}{'pages':>6}{'prec.':>8}{'recall':>8}{'F1':>8}{'10 %':>8}{'links':>8}{'ms':>8}{'empty':>7}")
    for site in sorted(path for path in pages.iterdir() if path.is_dir()):
        for name, (read, links) in extractors().items():
            scores = []
            for path in sorted(site.glob("*.html")):
                truth = json.loads((truths / site.name / f"{path.stem}.json").read_text(encoding="utf-8"))
                scores.append(scored(path.read_text(encoding="utf-8"), truth, read, links))
            empty = sum(score.recall == 0 for score in scores)
            print(line(f"{site.name[:18]} {name[:3]}", scores, empty), flush=True)
            everything[name] += scores
            empties[name] += empty
    for name, scores in everything.items():
        print(line(name, scores, empties[name]))


if __name__ == "__main__":
    main()
