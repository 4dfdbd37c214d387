"""Related lists in MkDocs, with Material's blog or without it: `plugins: [search, recs]` in mkdocs.yml.

Each page shows the pages that are most like it, and templates get them as `related_pages`. Options, with defaults:

    count: 5           entries in a list
    show: true         whether a page shows its list; if not, the theme does
    heading: null      the heading of a list; null for the language of the page or the theme
    exclude: []        patterns of source files that have no list and are in none, such as "tags.md" or "api/*"
    model: null        the name of a model; null for the default one; "" ranks by terms alone
    file: null         where lists are kept; null for .cache/recs/related.json beside mkdocs.yml
    cache: null        where vectors are kept; null for the user's cache folder
    cached_only: null  true never loads a model; null does so in mkdocs serve

The list is the template recs/related.html; one in the theme's custom_dir replaces it.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from html import unescape
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, Environment, FileSystemLoader
from mkdocs.config import base
from mkdocs.config import config_options as options
from mkdocs.plugins import BasePlugin, event_priority, get_plugin_logger

import recs
from recs.plugins.common import TEMPLATES, heading, log_notes

_log = get_plugin_logger("recs")
_HEADING = re.compile(r"<h1\b.*?</h1>", re.DOTALL)


class RecsConfig(base.Config):
    """The options of the plugin."""

    count = options.Type(int, default=5)
    show = options.Type(bool, default=True)
    heading = options.Optional(options.Type(str))
    exclude = options.ListOfItems(options.Type(str), default=[])
    model = options.Optional(options.Type(str))
    file = options.Optional(options.Type(str))
    cache = options.Optional(options.Type(str))
    cached_only = options.Optional(options.Type(bool))


class RecsPlugin(BasePlugin[RecsConfig]):
    """Ranks all pages when they are read, and hands each its list when it is written."""

    is_serving = False

    def on_startup(self, *, command: str, dirty: bool) -> None:  # noqa: ARG002  (MkDocs hands it over)
        """Remember whether the pages are served. With this event, MkDocs keeps the plugin between two builds."""
        self.is_serving = command == "serve"

    def on_env(self, env: Environment, *, config: Any, files: Any) -> Environment:
        """Rank the pages: now all of them have been read."""
        env.loader = ChoiceLoader([*filter(None, [env.loader]), FileSystemLoader(TEMPLATES / "mkdocs")])
        self.env = env
        self.by_id = {file.src_uri: file.page for file in files.documentation_pages() if self._is_listed(file)}
        self.related = self._related(Path(config.config_file_path or "mkdocs.yml").parent)
        return env

    @event_priority(-100)  # after the search, which would index the list
    def on_page_context(
        self,
        context: dict[str, Any],
        *,
        page: Any,
        config: Any,
        nav: Any,  # noqa: ARG002  (MkDocs hands it over)
    ) -> dict[str, Any]:
        """Hand a page its list, and show it."""
        others = [self.by_id[name] for name in self.related.get(page.file.src_uri, ()) if name in self.by_id]
        context["related_pages"] = others
        if others and self.config.show:
            theme = config.theme
            lang = page.meta.get("lang") or getattr(page.file, "locale", None) or theme.get("language")
            template = self.env.get_template("recs/related.html")
            page.content += template.render(
                related=[{"title": _title(other), "url": other.file.url_relative_to(page.file)} for other in others],
                heading=heading(lang or theme.get("locale"), self.config.heading),
                page=page,
            )
        return context

    def _is_listed(self, file: Any) -> bool:
        """Whether a file is a page of its own: not a draft, the home page, or a list of posts that a blog makes."""
        page = file.page
        if page is None or page.content is None or not file.inclusion.is_included() or page.is_homepage:
            return False
        return not hasattr(page, "posts") and not any(fnmatchcase(file.src_uri, each) for each in self.config.exclude)

    def _related(self, site: Path) -> dict[str, list[str]]:
        """Return the ids of the pages that are related to each; an error is a warning, and the site is built."""
        own = self.config
        try:
            lists = recs.update_related(
                [page_of(name, page) for name, page in self.by_id.items()],
                site / (own.file or ".cache/recs/related.json"),
                k=own.count,
                signals="terms,mentions" if own.model == "" else "auto",
                embedder=own.model or None,
                cache=site / own.cache if own.cache else True,
                cached_only=self.is_serving if own.cached_only is None else own.cached_only,
            )
        except recs.RecsError as error:
            _log.warning("recs: no related pages: %s", error)
            return {}
        log_notes(lists.notes, _log)
        return {name: [entry["id"] for entry in lists.get(name)] for name in self.by_id}


def page_of(name: str, page: Any) -> dict[str, Any]:
    """Return what recs reads of a page: its text without the title, and its front matter, which may hide it."""
    html = _HEADING.sub("", page.content, count=1)
    fields = {"id": name, "title": _title(page), "url": f"/{page.url}", "html": html, "meta": page.meta}
    post = getattr(page, "config", None)  # of a post of Material's blog
    if post is not None and hasattr(post, "draft"):
        fields |= {"date": post.date.created, "updated": post.date.get("updated"), "draft": bool(post.draft)}
    if getattr(page.file, "locale", None) and "lang" not in page.meta:
        fields["lang"] = str(page.file.locale)
    return fields


def _title(page: Any) -> str:
    return unescape(str(page.title or ""))
