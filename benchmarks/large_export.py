"""A large WordPress export: memory and time of reading it, beside the bare `iterparse` of lxml.

    python benchmarks/large_export.py [MEGABYTES]

The export is made from the sample, datasets/wordpress.xml: its posts are repeated with new ids and a long paragraph.
Each line is a process of its own: wall seconds, and peak memory in MB.
"""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SAMPLE = Path(__file__).parents[1] / "datasets" / "wordpress.xml"
PARAGRAPH = "<p>" + "A long paragraph about gulls and bread. " * 120 + "</p>"


def make(path: Path, megabytes: int) -> int:
    """Write an export of about this size, and return how many posts it holds."""
    text = SAMPLE.read_text(encoding="utf-8")
    start, end = text.index("<item>"), text.rindex("</item>") + len("</item>")
    items = re.findall(r"<item>.*?</item>", text[start:end], re.DOTALL)
    posts = [item for item in items if re.search(r"<wp:post_type>(<!\[CDATA\[)?post\b", item)]
    number = size = 0
    with path.open("w", encoding="utf-8") as file:
        file.write(text[:start])
        while size < megabytes << 20:
            number += 1
            post = posts[number % len(posts)]
            post = re.sub(r"(<wp:post_id>(?:<!\[CDATA\[)?)\d+", rf"\g<1>{number}", post)
            post = post.replace("]]></content:encoded>", f"{PARAGRAPH}]]></content:encoded>")
            size += file.write(post)
        file.write(text[end:])
    return number


def bare(path: Path) -> None:
    """Go through the posts with lxml alone."""
    from lxml import etree

    for _, element in etree.iterparse(path, tag="item", huge_tree=False):
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]


def records(path: Path) -> None:
    """Read the records, before plain text is made."""
    from recs.readers.wordpress.export import wxr_records

    with path.open("rb") as file:
        for _ in wxr_records([file], path.name):
            pass


def items(path: Path) -> None:
    """Write the public items as JSON Lines."""
    import recs
    from recs.files import write_atomically
    from recs.writers.items import item_lines

    write_atomically(path.with_suffix(".jsonl"), item_lines(recs.iter_items(path)))


def main() -> None:
    """Make the export, and run each task in a process of its own."""
    if len(sys.argv) == 3 and sys.argv[1] in TASKS:
        start = time.perf_counter()
        TASKS[sys.argv[1]](Path(sys.argv[2]))
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        print(f"{sys.argv[1]}: {time.perf_counter() - start:.1f} s, {memory} MB")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "export.xml")
        count = make(path, int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
        print(f"{path.stat().st_size >> 20} MB, {count:,} posts")
        for task in TASKS:
            subprocess.run([sys.executable, __file__, task, str(path)], check=True)


TASKS = {"bare": bare, "records": records, "items": items}

if __name__ == "__main__":
    main()
