"""Related lists in Pelican: `PLUGINS = ["recs.plugins.pelican"]`.

Each published article gets `article.related_posts`, a list of articles, best first, and its page shows them. Settings
of pelicanconf.py, with their defaults:

    RECS_COUNT = 5             entries in a list
    RECS_SHOW = True           whether the page of an article shows its list; if not, the theme does
    RECS_HEADING = None        the heading of a list; None for the language of the article
    RECS_MODEL = None          the name of a model; None for the default one; "" ranks by terms alone
    RECS_RULES = None          a recs.Rules: minimum score, limits for a group, pins
    RECS_FILE = None           where lists are kept; None for recs-related.json in CACHE_PATH
    RECS_CACHE = True          where vectors are kept: True for the user's cache folder, or a folder
    RECS_CACHED_ONLY = None    True never loads a model; None does so while Pelican reloads by itself

The list is the template recs/related.html; one in THEME_TEMPLATES_OVERRIDES replaces it.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from pelican import signals
from pelican.generators import ArticlesGenerator

import recs
from recs.plugins.common import TEMPLATES, heading, log_notes

_log = logging.getLogger(__name__)
_RELOADING = re.compile(r"--autoreload|-[dvqDlr]*r[dvqDlr]*")  # of Pelican's short options, these have no value
_built: set[str] = set()  # the outputs that this process has written: a second time is a reload


def register() -> None:
    """Connect to Pelican."""
    signals.initialized.connect(add_templates)
    signals.all_generators_finalized.connect(relate_articles)


def add_templates(pelican: Any) -> None:
    """Let the page of an article show its list, and let themes include the template of a list."""
    settings = pelican.settings
    theme = "theme" if Path(settings["THEME"], "templates", "article.html").is_file() else "simple"
    settings["JINJA_GLOBALS"] = {**settings["JINJA_GLOBALS"], "recs_article": f"!{theme}/article.html"}
    folders = ["pelican/shown", "pelican"] if settings.get("RECS_SHOW", True) else ["pelican"]
    more = [str(TEMPLATES / folder) for folder in folders]
    settings["THEME_TEMPLATES_OVERRIDES"] = [*settings["THEME_TEMPLATES_OVERRIDES"], *more]


def relate_articles(generators: Iterable[Any]) -> None:
    """Give every article its related articles."""
    for generator in generators:
        if isinstance(generator, ArticlesGenerator):
            settings = generator.settings
            unlisted = (*generator.hidden_articles, *generator.hidden_translations)
            for article in (*generator.drafts, *generator.drafts_translations, *unlisted):
                article.related_posts = []
            relate([*generator.articles, *generator.translations], settings)


def relate(articles: Iterable[Any], settings: Mapping[str, Any]) -> None:
    """Set `related_posts` and `related_heading` of published articles."""
    by_id = {article_id(article): article for article in articles}
    ids = related_ids(by_id, settings)
    for name, article in by_id.items():
        article.related_posts = [by_id[other] for other in ids.get(name, ()) if other in by_id]
        article.related_heading = heading(article.lang, settings.get("RECS_HEADING"))


def related_ids(by_id: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the ids of the articles that are related to each; an error is a warning, and the site is built."""
    model = settings.get("RECS_MODEL")
    try:
        lists = recs.update_related(
            [page_of(name, article) for name, article in by_id.items()],
            settings.get("RECS_FILE") or Path(settings["CACHE_PATH"], "recs-related.json"),
            k=settings.get("RECS_COUNT", 5),
            signals="terms,mentions" if model == "" else "auto",
            embedder=model or None,
            rules=settings.get("RECS_RULES"),
            cache=settings.get("RECS_CACHE", True),
            cached_only=is_cached_only(settings),
        )
    except recs.RecsError as error:
        _log.warning("recs: no related articles: %s", error)
        return {}
    log_notes(lists.notes, _log)
    return {name: [entry["id"] for entry in lists.get(name)] for name in by_id}


def article_id(article: Any) -> str:
    """Return the path of an article below the content folder, without its suffix."""
    return str(Path(article.get_relative_source_path()).with_suffix("").as_posix())


def page_of(name: str, article: Any) -> dict[str, Any]:
    """Return what recs reads of an article: its text, and its metadata, which may hide it."""
    own = {"id": name, "title": article.title, "url": f"/{article.url}", "lang": article.lang, "status": article.status}
    html = re.sub(r"[{|](?:filename|static|attach)[|}]", "", article._content)  # links to sources become paths
    return {**own, "html": html, "meta": article.metadata}


def is_cached_only(settings: Mapping[str, Any]) -> bool:
    """Return whether no model is loaded: as the setting says, or while Pelican reloads by itself."""
    output = str(settings.get("OUTPUT_PATH"))
    is_reload = output in _built or any(_RELOADING.fullmatch(argument) for argument in sys.argv[1:])
    _built.add(output)
    chosen = settings.get("RECS_CACHED_ONLY")
    return is_reload if chosen is None else bool(chosen)
