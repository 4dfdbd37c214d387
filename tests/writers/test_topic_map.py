"""The map page: text of items is data, and the page works in a browser."""

import html
import json
import re
import shutil
import subprocess
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from recs.items import Item
from recs.writers.topic_map import topic_map

TITLES = [
    "</script><script>document.title='owned'</script>",
    "</script><img src=x onerror=\"document.title='owned'\">",
    "\"'\\",
    "a\u2028b",
    "x" * 10_000,
    "<!--<script>",
]
BROWSER = shutil.which("chromium") or shutil.which("google-chrome")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking")


def hostile_page() -> str:
    items = [Item(id=str(at), text=title, title=title, url="javascript:alert(1)") for at, title in enumerate(TITLES)]
    topics = [SimpleNamespace(id=3, name=TITLES[0], size=4)]
    clustering: Any = SimpleNamespace(topics=topics, assigned=np.array([3, 3, -1, -1, 3, 3]))
    places = np.array([[at, at * at] for at in range(len(TITLES))], np.float32)
    return topic_map(cast("Any", clustering), items, places)


def test_topic_map_of_other_lengths_is_an_error() -> None:
    clustering: Any = SimpleNamespace(topics=[], assigned=np.array([-1, -1]))
    with pytest.raises(ValueError, match="2 topics, 0 items and 2 places"):
        topic_map(cast("Any", clustering), [], np.zeros((2, 2), np.float32))


def browse(tmp_path: Any, page: str) -> str:
    """Return the document as a browser leaves it, at 1200 by 800 pixels."""
    path = tmp_path / "map.html"
    path.write_text(page, encoding="utf-8")
    window = ("--window-size=1200,800", f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom")
    command = [str(BROWSER), *FLAGS, *window, path.as_uri()]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=True).stdout


@pytest.mark.system
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_topic_map_hostile_titles_run_nothing_in_a_browser(tmp_path: Any) -> None:
    seen = browse(tmp_path, hostile_page())
    assert "<title>Topics</title>" in seen
    assert "<img" not in seen
    assert seen.count("<option") == 2  # the page's own script ran: all topics, and the hostile one as text


STEPS = """<script nonce="recs">
const told = [], press = {bubbles: true, cancelable: true};
const key = (k, to) => to.dispatchEvent(new KeyboardEvent("keydown", {key: k, ...press}));
const over = (a, b) => Math.abs(a.x - b.x) < a.m + b.m - 5 && Math.abs(a.y - b.y) < 17;
for (const z of [1, 1.5, 2, 3, 6, .1]) { zoom(z, 500, 300); paint();
  told.push([labels.length, labels.some((a, i) => labels.some((b, j) => j < i && over(a, b)))]) }
key("0", c); key("/", document.body); const focused = document.activeElement === q;
q.value = "TITLE 12"; pick(); const count = $("n").textContent, hits = [];
for (let i = 0; i < 3; i++) { key("Enter", q); hits.push(tip.textContent) }
key("Escape", q); f.value = 2; pick();
document.title = JSON.stringify({told, focused, count, hits, after: q.value, topic: $("n").textContent});
</script>"""


@pytest.mark.system
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_topic_map_labels_do_not_overlap_and_search_needs_no_mouse(tmp_path: Any) -> None:
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(40), 10)
    places = rng.random((40, 2))[of] * 4 + rng.normal(0, 0.1, (400, 2))
    topics = [SimpleNamespace(id=at, name=f"subject number {at}", size=10) for at in range(40)]
    items = [Item(id=f"{at:03}", text="", title=f"Title {at:03}", url="https://x.example/") for at in range(400)]
    page = topic_map(cast("Any", SimpleNamespace(topics=topics, assigned=of)), items, places.astype(np.float32))
    found = re.search(r"<title>(.*?)</title>", browse(tmp_path, page.replace("</html>", f"{STEPS}</html>")))
    assert found is not None
    said = json.loads(html.unescape(found[1]))
    assert not any(overlap for _, overlap in said["told"])
    assert 5 < said["told"][0][0] < 40  # some wait for a closer look
    assert said["focused"]
    assert said["count"] == "10 of 400"
    assert said["hits"] == [f"Title 12{digit}subject number 12" for digit in range(3)]
    assert (said["after"], said["topic"]) == ("", "10 of 400")


@pytest.mark.system
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("n", [0, 1, 2])
def test_topic_map_of_few_items_is_in_the_middle(n: int, tmp_path: Any) -> None:
    clustering = cast("Any", SimpleNamespace(topics=[], assigned=np.full(n, -1)))
    items = [Item(id=str(at), text="", title="T") for at in range(n)]
    page = topic_map(clustering, items, np.arange(2 * n, dtype=np.float32).reshape(n, 2))
    told = '<script nonce="recs">document.title = JSON.stringify([...X].map((x, i) => [sx(x), sy(Y[i])]))</script>'
    found = re.search(r"<title>(.*?)</title>", browse(tmp_path, page.replace("</html>", f"{told}</html>")))
    assert found is not None
    places = np.array(json.loads(found[1])).reshape(n, 2)
    assert n == 0 or abs(places[:, 0].mean() - 600) < 1
    assert ((places > 0) & (places < [1200, 800])).all()


def test_topic_map_hostile_titles_stay_data() -> None:
    page = hostile_page()
    found = re.search(r'id="d">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    data = json.loads(found[1])
    assert data["titles"] == [title[:200] for title in TITLES]
    assert data["urls"] == [""] * 6
    assert page.count("</script") == 2
    assert "<img" not in page
    assert "\u2028" not in page
