"""The map page: text of items is data, and the page works in a browser."""

import base64
import gzip
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
from recs.writers.maps.page import topic_map

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


def layer(names: list[str], of: Any) -> Any:
    of = np.asarray(of, np.int64)
    sizes = np.bincount(of[of >= 0], minlength=len(names)).tolist()
    topics = [SimpleNamespace(id=at, name=name, size=sizes[at]) for at, name in enumerate(names)]
    return SimpleNamespace(topics=topics, assigned=of)


def clustering(*layers: Any, default: int = 0) -> Any:
    shown = layers[default] if layers else SimpleNamespace(topics=[], assigned=np.zeros(0, np.int64))
    return cast("Any", SimpleNamespace(topics=shown.topics, assigned=shown.assigned, layers=layers, default=default))


def hostile_page() -> str:
    items = [
        Item(id=title, text=title, title=title, tags=(title,), url="javascript:document.title='owned'")
        for title in TITLES
    ]
    places = np.array([[at, at * at] for at in range(len(TITLES))], np.float32)
    return topic_map(clustering(layer([TITLES[0]], [0, 0, -1, -1, 0, 0])), items, places)


def data_of(page: str) -> Any:
    match = re.search(r'<script type="text/plain" id="data">(.*?)</script>', page, re.DOTALL)
    assert match is not None
    return json.loads(gzip.decompress(base64.b64decode(match[1])))


def test_topic_map_of_other_lengths_is_an_error() -> None:
    with pytest.raises(ValueError, match="2 topics, 0 items and 2 places"):
        topic_map(clustering(layer([], [-1, -1])), [], np.zeros((2, 2), np.float32))


def test_topic_map_hostile_texts_stay_data_and_equal_input_gives_equal_bytes() -> None:
    page = hostile_page()
    assert page == hostile_page()
    data = data_of(page)
    assert data["titles"] == [title[:200] for title in TITLES]
    assert data["ids"] == TITLES
    assert (data["url_start"], data["urls"]) == ("", [""] * 6)
    assert "owned" not in page
    assert "xxxx" not in page
    assert page.count("<script") == page.count("</script") == 2
    assert not re.search(r"(src|href)=.?(?!data:)", page.split("</style>")[1].split("<script")[0])


def test_topic_map_fills_both_axes_and_keeps_days_tags_and_urls() -> None:
    fields: list[dict[str, Any]] = [
        {"published": "1970-01-02T10:00:00+00:00", "tags": ("b", "a"), "category": "c"},
        {"published": "2024", "tags": ("b",)},
        {"published": "soon", "url": "https://x.example/c"},
    ]
    items = [
        Item(id=str(at), text="word " * 100, **{"url": f"https://x.example/{at}", **each})
        for at, each in enumerate(fields)
    ]
    data = data_of(topic_map(clustering(layer(["T"], [0, 0, -1])), items, np.array([[5, 0], [6, 9], [7, 3]])))
    places = np.frombuffer(base64.b64decode(data["places"]), "<u2").reshape(-1, 2)
    assert places.tolist() == [[0, 65535], [32768, 0], [65535, 43690]]
    assert np.frombuffer(base64.b64decode(data["days"]), "<i4").tolist() == [1, 19723, -(2**31)]
    assert data["tags"] == ["b", "a", "c"]
    assert np.frombuffer(base64.b64decode(data["tagged"]), "<i4").tolist() == [0, 1, 2, 0]
    assert np.frombuffer(base64.b64decode(data["tag_ends"]), "<i4").tolist() == [3, 4, 4]
    assert [data["url_start"] + url for url in data["urls"]] == [f"https://x.example/{end}" for end in "01c"]
    assert all(120 < len(preview) <= 221 for preview in data["previews"])


# ruff: noqa: E501  (the steps are JavaScript, which is easier to read in long lines)
STEPS = """<script nonce="recs">ready.then(() => {
const press = (key, to, more) => to.dispatchEvent(new KeyboardEvent("keydown", {key, bubbles: true, cancelable: true, ...more}));
const over = (a, b) => Math.abs(a.x - b.x) < a.half + b.half && Math.abs(a.y - b.y) < LINE;
const inFrame = b => b.x - b.half >= 0 && b.x + b.half <= width() && b.y >= 0 && b.y <= height();
const told = {}, spread = axis => Math.max(...axis) - Math.min(...axis), all = [...Array(n).keys()].map(screenOf);
told.share = [spread(all.map(p => p[0])) / width(), spread(all.map(p => p[1])) / height()];
told.labels = [1, 1.5, 2, 3, 6, .1].map(factor => { zoomBy(factor, 500, 300); paintAll();
  return {count: labels.length, layer: labels[0]?.layer, good: labels.every(inFrame) && !labels.some((a, i) => labels.some((b, j) => j < i && over(a, b)))} });
press("0", canvas); told.zoom = view.zoom;
press("/", document.body); told.focused = document.activeElement === byId("query");
byId("query").value = "TITLE 12"; filter(); told.searched = byId("count").textContent; told.hits = [];
for (let i = 0; i < 3; i++) { press("Enter", byId("query")); told.hits.push(tip.textContent) }
press("Escape", document.body); told.cleared = [byId("query").value, litCount];
byId("legend").children[2].click(); byId("legend").children[3].click(); told.legend = litCount; clearFilters();
byId("tag").value = "odd"; filter(); told.tagged = litCount; clearFilters();
setPeriod(dayOf("2021-01-01"), dayOf("2021-12-31")); told.period = litCount; clearFilters();
press("s", canvas); told.drawing = isDrawing;
const pointer = (kind, x, y) => canvas.dispatchEvent(new PointerEvent(kind, {pointerId: 1, clientX: x + canvas.getBoundingClientRect().x, clientY: y + canvas.getBoundingClientRect().y, pointerType: "touch"}));
canvas.setPointerCapture = () => 0;
const [a, b] = screenOf(7);
pointer("pointerdown", a - 9, b - 9); for (const [x, y] of [[9, -9], [9, 9], [-9, 9]]) pointer("pointermove", a + x, b + y); pointer("pointerup", a - 9, b + 9);
told.selected = litIds(); told.saved = byId("save").hidden; clearFilters();
press("n", canvas); told.stepped = tip.querySelector("a").textContent;
document.title = JSON.stringify(told) });
</script>"""


def browse(tmp_path: Any, page: str, steps: str, size: str = "1200,800") -> str:
    """Return the document as a browser leaves it after the steps."""
    path = tmp_path / "map.html"
    path.write_text(page.replace("</body>", f"{steps}</body>"), encoding="utf-8")
    window = (f"--window-size={size}", f"--user-data-dir={tmp_path / 'profile'}", "--virtual-time-budget=3000")
    command = [str(BROWSER), *FLAGS, *window, "--dump-dom", path.as_uri()]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=True).stdout


def title_of(seen: str) -> Any:
    match = re.search(r"<title>(.*?)</title>", seen)
    assert match is not None
    return json.loads(html.unescape(match[1]))


@pytest.mark.system
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_topic_map_hostile_texts_run_nothing_in_a_browser(tmp_path: Any) -> None:
    steps = '<script nonce="recs">ready.then(() => { for (let i = 0; i < n; i++) showTip(i, 9, 9) })</script>'
    seen = browse(tmp_path, hostile_page(), steps)
    assert "<title>Topics</title>" in seen
    assert 'class="ready"' in seen
    assert "<img" not in seen
    assert "javascript:" not in seen.split("<script")[0]
    assert seen.split("<script")[0].count("data-topic") == 2  # the hostile topic as text, and the items in none


@pytest.mark.system
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_topic_map_labels_filters_and_selection_work_without_a_mouse(tmp_path: Any) -> None:
    rng = np.random.default_rng(0)
    of = np.repeat(np.arange(40), 10)
    places = rng.random((40, 2))[of] * [9, 4] + rng.normal(0, 0.1, (400, 2))
    items = [
        Item(
            id=f"{at:03}",
            text="",
            title=f"Title {at:03}",
            url="https://x.example/",
            tags=("odd",) if at % 2 else (),
            published=f"{2020 + at // 200}-05-01",
        )
        for at in range(400)
    ]
    layers = [layer([f"wide subject {at}" for at in range(10)], of // 4)]
    layers += [layer([f"subject number {at}" for at in range(40)], of)]
    layers += [layer([f"small subject {at}" for at in range(80)], np.arange(400) // 5)]
    page = topic_map(clustering(*layers, default=1), items, places.astype(np.float32))
    told = title_of(browse(tmp_path, page, STEPS))
    assert min(told["share"]) >= 0.6
    assert all(each["good"] for each in told["labels"])
    assert told["labels"][0]["count"] > 5
    assert [each["layer"] for each in told["labels"] if each["count"]][:4] == [1, 1, 1, 2]
    assert told["zoom"] == 1
    assert told["focused"]
    assert told["searched"] == "10 of 400"
    assert all(hit.startswith(f"Title 12{at}") and "subject number 12" in hit for at, hit in enumerate(told["hits"]))
    assert told["cleared"] == ["", 400]
    assert (told["legend"], told["tagged"], told["period"]) == (20, 200, 200)
    assert told["drawing"]
    assert "007" in told["selected"]
    assert len(told["selected"]) < 40
    assert told["saved"] is False
    assert told["stepped"] == "Title 000"


@pytest.mark.system
@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
@pytest.mark.parametrize("n", [0, 1, 2])
def test_topic_map_of_few_items_is_in_the_middle(n: int, tmp_path: Any) -> None:
    items = [Item(id=str(at), text="", title="T") for at in range(n)]
    page = topic_map(clustering(layer([], [-1] * n)), items, np.arange(2 * n, dtype=np.float32).reshape(n, 2))
    steps = """<script nonce="recs">ready.then(() => {
      document.title = JSON.stringify({size: [width(), height()], places: [...x].map((_, i) => screenOf(i))}) })</script>"""
    told = title_of(browse(tmp_path, page, steps))
    places = np.array(told["places"]).reshape(n, 2)
    assert n == 0 or abs(places[:, 0].mean() - told["size"][0] / 2) < 1
    assert ((places > 0) & (places < told["size"])).all()
