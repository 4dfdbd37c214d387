"""A contact sheet of maps: each collection as a picture and, where Chromium is installed, as a page.

    python benchmarks/gallery.py FOLDER                 # the sample data; with RECS_DATA, real collections too

Written are the pages, the pictures and `sheet.png` in FOLDER. With --docs, the picture in docs/ is made anew, from the
sample data alone. For each map the share of its frame that it fills is printed: of its width and of its height,
without the outermost hundredth of the points.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent.parent))

ROOT = Path(__file__).parent.parent
BLOGS = ("rust_blog", "18f_blog", "til", "recipes", "podcast_syntax")
LABELLED = ("stc_stackoverflow", "banking77", "clinc150")
NOW = "2026-11-01"
WINDOW = (1280, 800)
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--virtual-time-budget=9000")
FLAGS += ("--run-all-compositor-stages-before-draw", "--disable-background-networking")


def sources() -> dict[str, Path]:
    named = {"posts": ROOT / "datasets" / "posts.json", "podcast": ROOT / "datasets" / "podcast.xml"}
    if data := os.environ.get("RECS_DATA"):
        real = {name: Path(data, name, "data.jsonl") for name in (*BLOGS, *LABELLED)}
        named |= {name: path for name, path in real.items() if path.exists()}
    return named


def draw(name: str, source: Path, folder: Path) -> list[Path]:
    """Write the map of a collection as a page and as a picture; return the pictures of both."""
    import recs
    from recs.clustering.maps.layout import map_layout
    from recs.writers.figures import save_figure
    from recs.writers.maps.figure import plot_topics
    from recs.writers.maps.page import topic_map

    embedder = recs.load_embedder()
    items = recs.read_items(source, now=NOW)
    embeddings = recs.embed_items(items.public, embedder, role="clustering")
    clustering = recs.cluster_items(items, embeddings, embedder=embedder)
    item_of = {item.id: item for item in items.public}
    places = map_layout(embeddings.take(list(clustering.ids)).vectors, similarity=embeddings.similarity)
    figure = plot_topics(clustering, places)
    save_figure(figure, folder / f"{name}.png")
    page = folder / f"{name}.html"
    page.write_text(topic_map(clustering, [item_of[each] for each in clustering.ids], places), encoding="utf-8")
    across, down = filled(figure)
    print(f"| {name} | {len(clustering):,} | {len(clustering.topics)} | {across:.0%} | {down:.0%} |", flush=True)
    return [folder / f"{name}.png", *photograph(page)]


def filled(figure: Any) -> np.ndarray:
    """Return the share of the width and of the height of a picture that its points span, without one in a hundred."""
    (axes,) = figure.axes
    points = axes.transData.transform(np.vstack([np.asarray(each.get_offsets()) for each in axes.collections]))
    low, high = np.quantile(points, [0.005, 0.995], axis=0)
    return np.asarray((high - low) / figure.bbox.size)


def photograph(page: Path) -> list[Path]:
    """Return a picture of a page as a browser shows it; none without a browser."""
    browser = shutil.which("chromium") or shutil.which("google-chrome")
    if browser is None:
        return []
    picture = page.with_suffix(".page.png")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        window = (f"--window-size={WINDOW[0]},{WINDOW[1]}", f"--user-data-dir={profile}", f"--screenshot={picture}")
        command = [browser, *FLAGS, *window, page.resolve().as_uri()]
        subprocess.run(command, capture_output=True, timeout=180, check=True)
    return [picture]


def write_sheet(rows: list[list[Path]], path: Path, *, width: int) -> None:
    """Put pictures on one sheet: a row for each collection, its picture beside its page."""
    from PIL import Image

    columns = max(len(row) for row in rows)
    cell = (width // columns, int(width / columns * 0.66))
    sheet = Image.new("RGB", (cell[0] * columns, cell[1] * len(rows)), "white")
    for down, row in enumerate(rows):
        for across, picture in enumerate(row):
            image = Image.open(picture).convert("RGB")
            image.thumbnail((cell[0] - 16, cell[1] - 16), Image.Resampling.LANCZOS)
            sheet.paste(image, (across * cell[0] + 8, down * cell[1] + 8))
    sheet.save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--docs", action="store_true")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    print("| collection | items | topics | of the width | of the height |\n|---|---|---|---|---|")
    rows = {name: draw(name, source, options.folder) for name, source in sources().items()}
    write_sheet(list(rows.values()), options.folder / "sheet.png", width=2200)
    if options.docs:
        write_sheet([rows["posts"], rows["podcast"]], ROOT / "docs" / "gallery.png", width=1600)
    print(f"\n{options.folder / 'sheet.png'}")


if __name__ == "__main__":
    main()
