"""What the plugins for Pelican and MkDocs cost: a build with nothing changed, and one edit in a live-reload loop.

    python benchmarks/plugin_builds.py --python build/systems/python/bin/python [--posts 500] [--runs 5] [--model NAME]

The site is made from the sample posts. First one build computes all vectors; its time is printed. Then builds with the
plugin and without it take turns, and the best of each counts. The live-reload loop builds in one process, as the
servers of both systems do: nothing changed, then an edit, then another one; the time is that of `recs.update_related`,
the memory that of the process over the same loop without the plugin. Exits with 1 where a target is missed.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
POSTS = json.loads((ROOT / "datasets" / "posts.json").read_text(encoding="utf-8"))["items"]
IMPORTS = 1.5  # of numpy and scipy.sparse, in builds with nothing changed
EDIT_SECONDS = 1.5
EDIT_MB = 150.0

LOOP = """
import json, os, sys, time
from pathlib import Path
import recs
times, original = [], recs.update_related
def timed(*arguments, **options):
    begin = time.perf_counter()
    try:
        return original(*arguments, **{**options, "cached_only": True})
    finally:
        times.append(time.perf_counter() - begin)
recs.update_related = timed
system, post = sys.argv[1], Path(sys.argv[2])
def build():
    if system == "pelican":
        import pelican
        pelican.main(["content", "-s", sys.argv[3], "-q"])
    else:
        from mkdocs.commands.build import build
        from mkdocs.config import load_config
        build(load_config(sys.argv[3]))
text = post.read_text()
for number in range(3):
    build()
    post.write_text(text + f"\\nOne more sentence, number {number}, on compost.\\n")
post.write_text(text)
pages = int(Path("/proc/self/statm").read_text().split()[1])
print("RESULT" + json.dumps({"times": times, "mb": pages * os.sysconf("SC_PAGE_SIZE") / 1e6}))
"""


def main() -> int:
    """Measure, print, compare with the targets."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", required=True, help="the Python in which the systems are installed")
    parser.add_argument("--posts", type=int, default=500)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--model", help="the model; the default one if left out")
    options = parser.parse_args()
    print(f"load average at the start: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    is_good = True
    with tempfile.TemporaryDirectory() as folder:
        for system in ("pelican", "mkdocs"):
            site = Path(folder, system)
            site.mkdir()
            make_site(site, system, options.posts, options.model)
            is_good &= measure(Path(options.python).absolute(), site, system, options.runs)
    return 0 if is_good else 1


def make_site(site: Path, system: str, count: int, model: str | None) -> None:
    """Write a site of the system, with one configuration with the plugin and one without."""
    folder = site / ("content" if system == "pelican" else "docs")
    folder.mkdir()
    public = [post for post in POSTS if not post.get("status") and not post.get("lang")]
    for number in range(count):
        post = public[number % len(public)]
        title = f"{post['title']}, part {number // len(public) + 1}"
        body = f"{post['content_html']}\n<p>This is part {number}.</p>\n"
        head = f"Title: {title}\nDate: {post['date'][:10]}\nSlug: p{number}\nCategory: {post['category']}\n\n"
        head = head if system == "pelican" else f"# {title}\n\n"
        (folder / f"p{number}.md").write_text(head + body, encoding="utf-8")
    for name, plugin in (("with", True), ("without", False)):
        if system == "pelican":
            plugins = '["recs.plugins.pelican"]' if plugin else "[]"
            lines = [f"PLUGINS = {plugins}", f"RECS_MODEL = {model!r}", 'TIMEZONE = "UTC"', 'SITENAME = "Site"']
            lines += [f"OUTPUT_PATH = 'output-{name}'", "FEED_ALL_ATOM = CATEGORY_FEED_ATOM = None"]
            (site / f"{name}.py").write_text("\n".join(lines), encoding="utf-8")
        else:
            plugins = {"plugins": [{"recs": {"model": model} if model else {}}] if plugin else []}
            config = {"site_name": "Site", "site_dir": f"site-{name}", "docs_dir": "docs", **plugins}
            (site / f"{name}.yml").write_text(json.dumps(config), encoding="utf-8")


def measure(python: Path, site: Path, system: str, runs: int) -> bool:
    """Print what a build costs with the plugin and without it; return whether the targets are met."""
    print(f"\n{system}: {len(list(site.rglob('*.md')))} posts")
    print(f"  first build, all vectors computed   {build(python, site, system, 'with'):7.2f} s")
    times: dict[str, list[float]] = {"with": [], "without": [], "imports": []}
    for _ in range(runs):
        for name in ("with", "without"):
            times[name].append(build(python, site, system, name))
        times["imports"].append(seconds([python, "-c", "import numpy, scipy.sparse"], site))
        times["imports"][-1] -= seconds([python, "-c", "pass"], site)
    best = {name: min(values) for name, values in times.items()}
    more = best["with"] - best["without"]
    print(f"  nothing changed: with {best['with']:.2f} s, without {best['without']:.2f} s, more {more:.2f} s")
    print(f"    target: {IMPORTS} × the imports of numpy and scipy.sparse ({best['imports']:.2f} s)")
    loops = {name: loop(python, site, system, name) for name in ("with", "without")}
    edits = loops["with"]["times"]
    memory = loops["with"]["mb"] - loops["without"]["mb"]
    print(f"  live reload: unchanged {edits[0]:.2f} s, first edit {edits[1]:.2f} s, second edit {edits[2]:.2f} s")
    print(f"    memory {memory:.0f} MB more; targets {EDIT_SECONDS} s and {EDIT_MB:.0f} MB")
    return more <= IMPORTS * best["imports"] and max(edits) <= EDIT_SECONDS and memory <= EDIT_MB


def build(python: Path, site: Path, system: str, name: str) -> float:
    """Return the seconds of one build."""
    words = {
        "pelican": ["-m", "pelican", "content", "-q", "-s", f"{name}.py"],
        "mkdocs": ["-m", "mkdocs", "build", "-q", "-f", f"{name}.yml"],
    }
    return seconds([python, *words[system]], site)


def loop(python: Path, site: Path, system: str, name: str) -> dict[str, object]:
    """Return the times of `update_related` in a live-reload loop, and the memory of the process at its end."""
    folder = "content" if system == "pelican" else "docs"
    words = [python, "-c", LOOP, system, f"{folder}/p7.md", f"{name}.{'py' if system == 'pelican' else 'yml'}"]
    done = run(words, site)
    result: dict[str, object] = json.loads(done.partition("RESULT")[2])
    return result


def seconds(words: list[str | Path], site: Path) -> float:
    """Return the seconds that a command takes."""
    begin = time.perf_counter()
    run(words, site)
    return time.perf_counter() - begin


def run(words: list[str | Path], site: Path) -> str:
    """Run a command with this recs and a cache of the site's own; return what it prints."""
    variables = {"PYTHONPATH": str(ROOT), "RECS_CACHE_DIR": str(site / "cache"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(
        [str(word) for word in words],
        cwd=site,
        env={**os.environ, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        sys.exit(done.stdout)
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
