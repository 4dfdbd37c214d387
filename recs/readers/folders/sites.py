"""Reads the configuration of a site generator: the languages of the files in a folder, and what closes some of them."""

import json
import re
import tomllib
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePath
from typing import Any

from recs.readers.folders.front_matter import yaml_values
from recs.readers.folders.locales import is_language
from recs.readers.values import fold
from recs.readers.visibility.closings import rule_of

_FORMATS = ("toml", "yaml", "yml", "json")
CONFIGS: Mapping[str, str] = {
    **dict.fromkeys((f"hugo.{suffix}" for suffix in _FORMATS), "hugo"),
    **dict.fromkeys((f"config/_default/{name}.{suffix}" for name in ("hugo", "config") for suffix in _FORMATS), "hugo"),
    **dict.fromkeys((f"config.{suffix}" for suffix in _FORMATS), "hugo"),
    "_config.yml": "jekyll",
    "mkdocs.yml": "mkdocs",
    **dict.fromkeys(("quartz.config.ts", "quartz.config.js"), "quartz"),
    **dict.fromkeys(("docusaurus.config.js", "docusaurus.config.ts"), "docusaurus"),
    **dict.fromkeys(("astro.config.mjs", "astro.config.ts", "astro.config.js"), "astro"),
    **dict.fromkeys((".eleventy.js", "eleventy.config.js", "eleventy.config.mjs"), "eleventy"),
    "pelicanconf.py": "pelican",
    ".obsidian": "obsidian",
}
CODE_SUFFIXES = (".11tydata.js", ".11tydata.cjs", ".11tydata.mjs")
"""Suffixes of Eleventy's data files that are code. recs does not run code, so their content is unknown."""
LEVELS_UP = 4
_MOST = 100  # patterns that one pattern with braces may stand for
# Folders at the root of a site that hold no posts, and folders that hold none anywhere.
_SITE_FOLDERS = frozenset(
    ("layouts", "themes", "theme", "static", "assets", "resources", "output", "site", "build", "dist", "i18n", "data")
)
NO_POSTS = frozenset(
    ("node_modules", "bower_components", "vendor", "public", "archetypes", "scaffolds", "__pycache__")
).union(("_site", "_layouts", "_includes", "_sass", "_data", "_templates", "_partials"))
_PARTS = ("languages", "module", "permalinks")  # of Hugo's configuration in files of their own
_HEXO = {"new_post_name", "post_asset_folder", "public_dir", "source_dir"}  # settings that Jekyll does not have
_LOCALES = re.compile(r"\blocales\s*:\s*\[([^\]]{0,500})\]")
_DEFAULT_LOCALE = re.compile(r"\bdefaultLocale\s*:\s*['\"]([\w-]{2,10})['\"]")
_PELICAN_LANGUAGE = re.compile(r"^DEFAULT_LANG\s*=\s*u?['\"]([\w-]{2,10})['\"]", re.MULTILINE)
_QUOTED = re.compile(r"['\"]([\w-]{2,10})['\"]")


@dataclass(frozen=True, slots=True)
class Site:
    """The site that a folder belongs to.

    Attributes
    ----------
    generator
        "hugo", "jekyll", …; "" if there is no configuration.
    root
        The folder of the configuration.
    config
        The configuration; {} if it is code or cannot be read.
    languages, default_language
        The language codes of a site with several languages; () and None for a site with one language or none.
    folders
        The languages of folders with one language each, by their paths below `root`.
    code
        The text of a configuration that is code; "" for any other. recs does not run it.
    """

    generator: str = ""
    root: Path = Path()
    config: Mapping[str, Any] = field(default_factory=dict)
    languages: tuple[str, ...] = ()
    default_language: str | None = None
    folders: Mapping[str, str] = field(default_factory=dict)
    code: str = ""

    def holds_posts(self, folder: Path) -> bool:
        """Whether a folder may hold posts, by its name.

        Examples
        --------
        >>> Site().holds_posts(Path("blog")), Site().holds_posts(Path("node_modules"))
        (True, False)
        """
        if folder.name in NO_POSTS:
            return False
        return not (self.generator and folder.parent == self.root and folder.name in _SITE_FOLDERS)

    @property
    def opt_in(self) -> tuple[str, ...]:
        """Fields that publish an item: if some items have one, the items without it are not published."""
        return ("publish", "share") if self.generator in ("obsidian", "quartz explicit") else ()

    @property
    def splits_names(self) -> bool:
        """Whether blanks separate tags: `tags: a b c` are three."""
        return self.generator in ("jekyll", "obsidian")

    @property
    def public_values(self) -> tuple[tuple[str, str], ...]:
        """Pairs (field, value) that do not close an item here: Material's marks of new or deprecated pages."""
        if self.generator != "mkdocs":
            return ()
        extra = self.config.get("extra")
        own = extra.get("status") if isinstance(extra, Mapping) else None
        return tuple(("status", str(name)) for name in ("new", "deprecated", *_listed(own)))

    def leaves_out(self, path: Path) -> bool:
        """Whether the site has no page for a file: `exclude` of Jekyll, `exclude_docs` and `draft_docs` of MkDocs."""
        if not path.is_relative_to(self.root) or self.generator not in ("jekyll", "mkdocs"):
            return False
        inside = path.relative_to(self.root)
        names: list[Any] = _listed(self.config.get("exclude")) if self.generator == "jekyll" else []
        if self.generator == "mkdocs":
            docs = PurePath(str(self.config.get("docs_dir") or "docs"))
            inside = inside.relative_to(docs) if inside.is_relative_to(docs) else inside
            for option in ("exclude_docs", "draft_docs"):
                names += str(self.config.get(option) or "").split("\n")
        patterns = [str(name).strip().strip("/") for name in names if str(name).strip() not in ("", "#")]
        above = [inside, *list(inside.parents)[:-1]]
        return any(fnmatch(part.as_posix(), name) or fnmatch(part.name, name) for part in above for name in patterns)

    def handed_down(self, path: Path) -> dict[str, object]:
        """Return the fields on visibility that the configuration gives a file: Jekyll's defaults, Hugo's cascade."""
        inside = path.relative_to(self.root) if path.is_relative_to(self.root) else path
        fields: dict[str, object] = {}
        for values in self.scoped(inside):
            fields |= {str(name): value for name, value in values.items() if rule_of(fold(str(name)))}
        return fields

    def scoped(self, inside: PurePath) -> Iterator[Mapping[str, Any]]:
        """Yield the groups of fields in the configuration that hold for a file."""
        if self.generator == "jekyll":
            for part in _mappings(self.config.get("defaults")):
                scope, values = part.get("scope") or {}, part.get("values") or {}
                if isinstance(scope, Mapping) and isinstance(values, Mapping) and _in_scope(inside, scope):
                    yield values
        if self.generator == "hugo":
            for part in _mappings(self.config.get("cascade")):
                target = part.get("target") or part.get("_target") or {}
                if _in_target(inside, target):
                    yield part

    def language_of(
        self, relative: PurePath, translated: Container[str], beside: Mapping[PurePath, set[str]]
    ) -> str | None:
        """Return the language that the path of a file tells; None if it tells none.

        `relative` is the path from the folder that is read. `translated` holds the endings of names with which some
        file has a translation beside it: without a configuration, "draw.io.md" is not a text in Ido. `beside` holds the
        names of the folders in each folder.
        """
        suffix = name_ending(relative)
        if self._is_language(suffix) and (self.languages or suffix in translated):
            return suffix
        for folder in list(relative.parents)[-2::-1]:
            name, siblings = folder.name, beside.get(folder.parent, set())
            several = sum(map(self._is_language, siblings)) > 1
            if self._is_language(name) and (self.languages or several or folder.parent.name == "i18n"):
                return name
        return None

    def _is_language(self, name: str) -> bool:
        return name in self.languages if self.languages else is_language(name)


def name_ending(path: PurePath) -> str:
    """Return the part between the last two dots in the name of a file.

    Examples
    --------
    >>> name_ending(PurePath("index.de.md")), name_ending(PurePath("index.md"))
    ('de', '')
    """
    return path.stem.partition(".")[2].rpartition(".")[2]


def find_site(folder: Path) -> tuple[Site, str]:
    """Return the site that a folder belongs to, and the problem with its configuration ("" for none).

    The configuration is searched for in the folder and up to four levels above it.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "hugo.toml").write_text("title = 'My garden'")
    ...     site, problem = find_site(Path(folder))
    >>> site.generator, site.config
    ('hugo', {'title': 'My garden'})
    """
    for place in (folder, *list(folder.parents)[:LEVELS_UP]):
        for name, generator in CONFIGS.items():
            if (place / name).exists() and (not name.startswith("config.") or (place / "content").is_dir()):
                return _site(place, place / name, generator)
        if (place / ".git").exists():
            break
    return Site(), ""


def _site(root: Path, path: Path, generator: str) -> tuple[Site, str]:
    if path.is_dir():
        return Site(generator, root), ""
    try:
        text = path.read_text(encoding="utf-8-sig")
        config = _config(text, path.suffix)
        for part in (path.with_name(f"{name}{path.suffix}") for name in _PARTS if path.parent.name == "_default"):
            if part.is_file():
                config = {**config, part.stem: _config(part.read_text(encoding="utf-8-sig"), part.suffix)}
    except (OSError, ValueError, RecursionError) as error:
        return Site(generator, root), f"{path.name}: the site's configuration cannot be read: {error}"
    if generator == "quartz" and re.search(r"^[^/\n]*ExplicitPublish\(", text, re.MULTILINE):
        generator = "quartz explicit"
    if generator == "jekyll" and (_HEXO & config.keys() or (root / "source" / "_posts").is_dir()):
        generator = "hexo"
    code = "" if path.suffix.lstrip(".") in _FORMATS else text
    languages, default = _languages(config, text)
    folders = {
        str(settings["contentDir"]).strip("/"): str(code)
        for code, settings in _items(config.get("languages"))
        if isinstance(settings, Mapping) and settings.get("contentDir")
    }
    if len(languages) < 2:
        languages, default = (), None
    return Site(generator, root, config, languages, default, folders, code), ""


def _config(text: str, suffix: str) -> Mapping[str, Any]:
    if suffix == ".toml":
        config: Any = tomllib.loads(text)
    elif suffix in (".yml", ".yaml"):
        config = yaml_values(text)
    else:
        config = json.loads(text or "{}") if suffix == ".json" else {}
    return config if isinstance(config, Mapping) else {}


def _languages(config: Mapping[str, Any], text: str) -> tuple[tuple[str, ...], str | None]:
    """Return the language codes of a site, and the default for files that do not tell their language."""
    listed = config.get("languages") or config.get("language") or ()
    for plugin in config.get("plugins") or ():
        if isinstance(plugin, Mapping) and isinstance(plugin.get("i18n"), Mapping):
            listed = plugin["i18n"].get("languages") or ()
    if not config:
        locales = _LOCALES.search(text)
        listed = _QUOTED.findall(locales[1]) if locales else ()
    codes = [part.get("locale") if isinstance(part, Mapping) else part for part in _listed(listed)]
    own = next((config[name] for name in ("defaultContentLanguage", "default_lang", "lang") if config.get(name)), None)
    match = _DEFAULT_LOCALE.search(text) or _PELICAN_LANGUAGE.search(text)
    default = own or (match[1] if match and not config else None)
    return tuple(str(code) for code in codes if code), str(default) if default else None


def _listed(value: object) -> list[Any]:
    if isinstance(value, list | tuple | Mapping):
        return list(value)
    return [value] if value else []


def _items(value: object) -> list[tuple[Any, Any]]:
    return list(value.items()) if isinstance(value, Mapping) else []


def _mappings(value: object) -> list[Mapping[str, Any]]:
    return [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, Mapping)]


def _in_scope(inside: PurePath, scope: Mapping[str, Any]) -> bool:
    """Whether a file is in a scope of Jekyll: a path or a pattern, and perhaps the type of a collection."""
    path, kind = str(scope.get("path") or "").strip("/"), str(scope.get("type") or "")
    text = inside.as_posix()
    is_below = not path or text == path or text.startswith(f"{path}/") or fnmatch(text, path)
    collections = {part[1:] for part in inside.parts[:-1] if part.startswith("_")}
    return is_below and (not kind or kind in collections or (kind == "pages" and not collections))


def _in_target(inside: PurePath, target: Any) -> bool:
    """Whether a page is in the target of a cascade of Hugo. In doubt, it is."""
    if not isinstance(target, Mapping):
        return True
    kind, path = str(target.get("kind") or "page"), str(target.get("path") or "")
    parts = inside.parts[1:] if inside.parts[:1] == ("content",) else inside.parts
    page = PurePath("/", *parts).with_suffix("")
    page = page.parent if page.name == "index" else page
    patterns = [pattern.strip().replace("**", "*") for pattern in _alternatives(path)]
    is_named = not path or any(fnmatch(page.as_posix(), pattern) for pattern in patterns)
    return is_named and kind.strip("{}") in ("page", "*")


def _alternatives(pattern: str) -> list[str]:
    """Return the patterns that a pattern with braces stands for: "/{a,b}/**" stands for "/a/**" and "/b/**"."""
    braces = re.search(r"\{([^{}]*)\}", pattern)
    if braces is None:
        return [pattern]
    before, after = pattern[: braces.start()], pattern[braces.end() :]
    patterns = [before + part + after for part in braces[1].split(",")[:_MOST]]
    return [alternative for pattern in patterns for alternative in _alternatives(pattern)][:_MOST]
