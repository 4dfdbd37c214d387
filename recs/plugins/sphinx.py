"""Related lists in Sphinx, with ablog or without it: `extensions = ["recs.plugins.sphinx"]` in conf.py.

Each page shows the pages that are most like it, and templates get them as `related_pages`. With ablog, these are its
posts. Only pages whose list has changed are written again. Settings of conf.py, with their defaults:

    recs_count = 5             entries in a list
    recs_show = True           whether a page shows its list; if not, the theme does
    recs_heading = None        the heading of a list; None for the language of the project
    recs_exclude = []          patterns of documents that have no list and are in none, such as "api/*"
    recs_model = None          the name of a model; None for the default one; "" ranks by terms alone
    recs_cache = True          where vectors are kept: True for the user's cache folder, or a folder
    recs_cached_only = False   True never loads a model

The list is the template recs/related.html; one in templates_path replaces it.
"""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes
from sphinx.util import logging

import recs
from recs.plugins.common import TEMPLATES, heading, log_notes

_log = logging.getLogger(__name__)
_HIDDEN = (nodes.comment, nodes.raw, nodes.system_message, nodes.Invisible, addnodes.only, addnodes.toctree)
_DEFAULTS: dict[str, Any] = {"count": 5, "show": True, "heading": None, "exclude": [], "model": None, "cache": True}


def setup(app: Any) -> dict[str, Any]:
    """Connect to Sphinx."""
    for name, default in {**_DEFAULTS, "cached_only": False}.items():
        app.add_config_value(f"recs_{name}", default, "" if name == "cached_only" else "html")
    app.connect("config-inited", lambda _, config: config.templates_path.append(str(TEMPLATES / "sphinx")))
    app.connect("doctree-read", remember, priority=900)  # other extensions have done their part
    app.connect("env-purge-doc", lambda _, env, docname: _of(env, "recs_texts").pop(docname, None))
    app.connect("env-merge-info", merge)
    app.connect("env-updated", relate, priority=900)
    app.connect("html-page-context", show, priority=900)
    return {"version": recs.__version__, "env_version": 1, "parallel_read_safe": True, "parallel_write_safe": True}


def remember(app: Any, doctree: Any) -> None:
    """Keep the text of a document that was read."""
    tree = doctree.deepcopy()
    for node in list(tree.findall(lambda node: isinstance(node, _HIDDEN))):
        if node.parent is not None:
            node.parent.remove(node)
    title = next(iter(tree.findall(nodes.title)), None)
    if title is not None:
        title.parent.remove(title)
    _of(app.env, "recs_texts")[app.env.docname] = recs.plain_text(tree.astext(), "text")


def merge(_: Any, env: Any, docnames: Iterable[str], other: Any) -> None:
    """Take over the texts that another process has read."""
    texts = _of(other, "recs_texts")
    _of(env, "recs_texts").update({name: texts[name] for name in docnames if name in texts})


def relate(app: Any, env: Any) -> list[str]:
    """Make the lists; return the documents whose list has changed, so that Sphinx writes them."""
    if app.builder.format != "html":
        return []
    before = _of(env, "recs_lists")
    env.recs_lists = related(app.config, env, Path(app.doctreedir, "recs-related.json"))
    names = before.keys() | env.recs_lists.keys()
    return sorted(name for name in names & env.found_docs if before.get(name) != env.recs_lists.get(name))


def related(config: Any, env: Any, path: Path) -> dict[str, list[tuple[str, str]]]:
    """Return names and titles of the documents that are related to each; an error is a warning."""
    pages = [page for name in sorted(env.found_docs) if (page := page_of(name, config, env))]
    try:
        lists = recs.update_related(
            pages,
            path,
            k=config.recs_count,
            signals="terms,mentions" if config.recs_model == "" else "auto",
            embedder=config.recs_model or None,
            cache=config.recs_cache,
            cached_only=config.recs_cached_only,
        )
    except recs.RecsError as error:
        _log.warning("recs: no related pages: %s", error, type="recs")
        return {}
    log_notes(lists.notes, _log)
    return {page["id"]: [(entry["id"], entry["title"]) for entry in lists.get(page["id"])] for page in pages}


def page_of(name: str, config: Any, env: Any) -> dict[str, Any] | None:
    """Return what recs reads of a document; None for the root, and for what is excluded, not searched, or a draft."""
    posts = _of(env, "ablog_posts")
    metadata = env.metadata.get(name, {})
    if name == config.root_doc or name not in env.titles or "nosearch" in metadata:
        return None
    if any(fnmatchcase(name, pattern) for pattern in config.recs_exclude) or (posts and name not in posts):
        return None
    title = env.titles[name].astext()
    page = {"id": name, "title": title, "text": _of(env, "recs_texts").get(name, ""), "meta": dict(metadata)}
    if posts:
        post = posts[name][0]
        if post["date"] is None or post["exclude"]:
            return None
        page |= {"date": post["date"], "tags": post["tags"], "category": post["category"]}
    return page


def show(app: Any, pagename: str, _: str, context: dict[str, Any], doctree: Any) -> None:
    """Hand a page its list, and show it."""
    others = [{"docname": name, "title": title} for name, title in _of(app.env, "recs_lists").get(pagename, ())]
    context["related_pages"] = others
    context["related_heading"] = heading(app.config.language, app.config.recs_heading)
    if others and doctree is not None and app.config.recs_show:
        context["body"] += app.builder.templates.render("recs/related.html", context)


def _of(env: Any, name: str) -> dict[str, Any]:
    """Return a dict that the environment keeps between builds."""
    if not hasattr(env, name):
        setattr(env, name, {})
    kept: dict[str, Any] = getattr(env, name)
    return kept
