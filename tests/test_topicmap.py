"""The map page: what is in it stays data, and it opens in a browser."""

import json
import re
import shutil
import subprocess
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

from recs.items import Item
from recs.topicmap import topic_map

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
    topics = [SimpleNamespace(id=3, name=TITLES[0])]
    clustering: Any = SimpleNamespace(topics=topics, assigned=[3, 3, -1, -1, 3, 3])
    places = np.array([[at, at * at] for at in range(len(TITLES))], np.float32)
    return topic_map(cast("Any", clustering), items, places)


def test_topic_map_of_other_lengths_is_an_error() -> None:
    clustering: Any = SimpleNamespace(topics=[], assigned=[-1, -1])
    with pytest.raises(ValueError, match="2 topics, 0 items and 2 places"):
        topic_map(cast("Any", clustering), [], np.zeros((2, 2), np.float32))


@pytest.mark.skipif(BROWSER is None, reason="no Chromium on this machine")
def test_topic_map_hostile_titles_run_nothing_in_a_browser(tmp_path: Any) -> None:
    page = tmp_path / "map.html"
    page.write_text(hostile_page(), encoding="utf-8")
    command = [BROWSER, *FLAGS, f"--user-data-dir={tmp_path / 'profile'}", "--dump-dom", page.as_uri()]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=True)
    assert "<title>Topics</title>" in done.stdout
    assert "<img" not in done.stdout
    assert done.stdout.count("<option") == 2  # the page's own script ran: all topics, and the hostile one as text


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
