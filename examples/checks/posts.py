"""The posts that every recipe is checked with: the sample blog, and posts whose titles try to be code."""

from __future__ import annotations

import importlib.util
import json
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
NOW = "2026-11-01"
HOSTILE = (
    "<script>document.title='owned'</script>",
    "</ul><img src=x onerror=alert(1)> & \"double\" and 'single' quotes",
    "{{ 7 | times: 191 }}{{ 7 * 191 }}{% raw %}{% endraw %}{%include x%}",
)
"""A page that runs or renders one of these titles as code shows 1337, or a tag, in a list."""


CLOSINGS = ({"draft": True}, {"private": True}, {"unlisted": True}, {"expiryDate": "2020-01-01"}, {"password": "x"})
"""Front matter that hides a post; a generator that does not know it builds the page, and no list may show it."""


@dataclass(frozen=True, slots=True)
class Post:
    """A post of the sample blog. `is_open` is False for what its author hid."""

    id: str
    title: str
    date: str
    html: str
    text: str
    tags: tuple[str, ...]
    category: str
    is_german: bool
    is_open: bool

    @property
    def front_matter(self) -> dict[str, object]:
        """Return its fields, as every generator of sites understands them."""
        fields = {"title": self.title, "date": self.date, "tags": list(self.tags), "categories": [self.category]}
        return fields if self.is_open or self.date > NOW else {**fields, **CLOSINGS[len(self.id) % len(CLOSINGS)]}

    def markdown(self, **more: object) -> str:
        """Return the post as a file of Markdown with front matter; JSON values are YAML too."""
        fields = {**self.front_matter, **more}
        lines = [f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()]
        lines = [line.replace('"', "") if line.startswith("date: ") else line for line in lines]
        return "\n".join(["---", *lines, "---", "", self.text, ""])


def key_of(title: str) -> str:
    """Return what is the same in a hostile title before and after its markup is removed."""
    return title.rpartition(" | ")[2]


def sample_posts() -> list[Post]:
    """Return the posts of datasets/posts.json, each with a title of its own; three of them have hostile titles."""
    records = json.loads((ROOT / "datasets/posts.json").read_text(encoding="utf-8"))["items"]
    blog = _make_blog()
    titles: set[str] = set()
    posts = []
    for record in records:
        is_open = record.get("status", "published") not in ("draft", "private") and record["date"] < NOW
        title = record["title"] if record["title"] not in titles else f"{record['title']} ({record['id']})"
        if is_open and len(titles) % 30 == 7 and len(titles) < 30 * len(HOSTILE):
            title = f"{HOSTILE[len(titles) // 30]} | {title}"
        titles.add(title)
        posts.append(
            Post(
                id=record["id"],
                title=title,
                date=record["date"],
                html=record["content_html"],
                text=blog.markdown(record["content_html"], lambda href: href),
                tags=tuple(record["tags"]),
                category=record["category"],
                is_german=blog.is_german(record),
                is_open=is_open,
            )
        )
    return posts


def _make_blog() -> ModuleType:
    """Return the script that writes the sample blog as a folder."""
    spec = importlib.util.spec_from_file_location("make_blog", ROOT / "datasets/make_blog.py")
    if spec is None or spec.loader is None:
        raise ImportError("datasets/make_blog.py is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
