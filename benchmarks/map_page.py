"""How a map page behaves in a browser: size, seconds until it is drawn, frames a second while it is moved.

    python benchmarks/map_page.py [--rows 300000] [--page map.html]

Without --page, a page with made-up items in 273 topics of three layers is written and opened. Chromium runs without a
window and without a graphics card, and is asked over its debugging protocol.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
from websocket import create_connection

sys.path.insert(0, str(Path(__file__).parent.parent))

WORDS = "garden soil frost wheel chain brake dough oven salt harbour wind tide code test branch letter paper ink"
PANNING = """(async () => {
  await ready;
  const wait = () => new Promise(requestAnimationFrame);
  await wait(); await wait();
  zoomBy(3);
  await new Promise(done => setTimeout(done, 1500));
  const start = performance.now(), before = paints;
  let frames = 0;
  while (performance.now() - start < 3000) { moveBy(frames % 40 < 20 ? 9 : -9, 4); await wait(); frames++ }
  const seconds = (performance.now() - start) / 1000, let_go = performance.now();
  const painted = paints - before;
  while (isDirty || ["zoom", "left", "top"].some(key => view[key] !== paintedView[key])) await wait();
  return JSON.stringify({frames: frames / seconds, painted, again: (performance.now() - let_go) / 1000, cost, n})
})()"""


def made_up_page(n: int) -> str:
    from recs.items import Item
    from recs.writers.maps.page import topic_map

    rng = np.random.default_rng(0)
    words = np.array(WORDS.split())
    topics = np.minimum((273 * rng.random(n) ** 1.3).astype(int), 272)
    places = rng.random((273, 2))[topics] + rng.normal(0, 0.03, (n, 2))
    drawn = rng.integers(0, len(words), (n, 8))
    items = [
        Item(
            id=f"posts/{row:06}/{words[drawn[row, 0]]}-{words[drawn[row, 1]]}",
            text="",
            title=" ".join(words[drawn[row]]),
            url=f"https://blog.example/posts/{row:06}/{words[drawn[row, 0]]}-{words[drawn[row, 1]]}/",
            published=f"{2000 + row % 25}-{1 + row % 12:02}-{1 + row % 28:02}",
            tags=tuple(words[drawn[row, :2]].tolist()),
        )
        for row in range(n)
    ]
    layers = [_layer(topics // 20), _layer(topics), _layer(topics * 2 + (drawn[:, 0] > 8))]
    made: Any = SimpleNamespace(topics=layers[1].topics, assigned=topics, layers=layers, default=1)
    return topic_map(cast("Any", made), items, places.astype(np.float32))


def _layer(of: np.ndarray) -> Any:
    sizes = np.bincount(of)
    topics = [SimpleNamespace(id=at, name=f"Subject {at}", size=int(size)) for at, size in enumerate(sizes)]
    return SimpleNamespace(topics=topics, assigned=of)


class Browser:
    """A headless Chromium, asked over its debugging protocol."""

    def __init__(self, folder: str) -> None:
        program = shutil.which("chromium") or shutil.which("google-chrome") or sys.exit("no Chromium here")
        flags = ("--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-allow-origins=*")
        window = ("--remote-debugging-port=0", f"--user-data-dir={folder}", "--window-size=1280,800", "about:blank")
        self.process = subprocess.Popen([program, *flags, *window], stderr=subprocess.DEVNULL)
        port = Path(folder, "DevToolsActivePort")
        while not port.exists() or not port.read_text():
            time.sleep(0.05)
        address = f"http://127.0.0.1:{port.read_text().splitlines()[0]}/json"
        (page,) = [each for each in json.load(urllib.request.urlopen(address)) if each["type"] == "page"]
        self.socket = create_connection(page["webSocketDebuggerUrl"], timeout=120)
        self.asked = 0

    def ask(self, method: str, **params: Any) -> Any:
        self.asked += 1
        self.socket.send(json.dumps({"id": self.asked, "method": method, "params": params}))
        while True:
            answer = json.loads(self.socket.recv())
            if answer.get("id") == self.asked:
                return answer["result"]

    def value(self, expression: str) -> Any:
        told = self.ask("Runtime.evaluate", expression=expression, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in told:
            sys.exit(str(told["exceptionDetails"]))
        return told["result"].get("value")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=300_000)
    parser.add_argument("--page", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        page = options.page or Path(folder, "map.html")
        if options.page is None:
            page.write_text(made_up_page(options.rows), encoding="utf-8")
        megabytes = page.stat().st_size / 1e6
        browser = Browser(str(Path(folder, "profile")))
        try:
            start = time.perf_counter()
            browser.ask("Page.navigate", url=page.resolve().as_uri())
            while not browser.value("document.body?.className === 'ready' && paints > 0"):
                time.sleep(0.02)
            opened = time.perf_counter() - start
            told = json.loads(browser.value(PANNING))
        finally:
            browser.process.terminate()
            browser.process.wait()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    print("| items | MB | opened, s | frames a second while moved | drawn again, s | one drawing, ms |")
    print("|---|---|---|---|---|---|")
    print(
        f"| {told['n']:,} | {megabytes:.1f} | {opened:.2f} | {told['frames']:.0f} "
        f"| {told['again']:.2f} | {told['cost']:.0f} |"
    )


if __name__ == "__main__":
    main()
