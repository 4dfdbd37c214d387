"""A folder of Markdown, HTML, reStructuredText and text with front matter, as site generators and vaults keep it."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from recs.errors import MissingDependencyError, SourceError
from recs.items import Markup, Skipped
from recs.readers.folders.documents import NO_WRITING, markup_of, read_document
from recs.readers.folders.handed_down import CODE_SUFFIXES, HandedDown, take
from recs.readers.folders.sites import Site, name_ending
from recs.readers.json_files import read_text
from recs.readers.values import fold, is_missing, words
from recs.readers.visibility.readings import CLOSING_TAGS
from recs.text.headings import first_heading

_DATED = re.compile(r"(\d{4}-\d{1,2}-\d{1,2})-(.+)")
# What Notion and others put behind a name so that no two files share one.
_HASH = re.compile(r"[ _-](?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$")
_IS_CODE = "a data file that is code; recs does not run it, and shows what it may close"
# Generators that make no page of a file whose name begins so.
_UNDERSCORE_IS_CLOSED = ("jekyll", "hexo", "astro", "docusaurus")


@dataclass(frozen=True, slots=True)
class Document:
    """One file: what it says of itself, and its body."""

    fields: Mapping[str, object]
    body: str
    markup: Markup


@dataclass(frozen=True, slots=True)
class _Folder:
    """What is in a folder: its site, the files to be read, the names of the folders in each folder, translations.

    translated holds the endings of names, such as "de", of which some file has a translation beside it.
    """

    root: Path
    source: str
    site: Site
    paths: list[Path]
    beside: Mapping[PurePath, set[str]]
    translated: frozenset[str]


def folder_records(
    folder: Path, source: str, site: Site, problem: str = ""
) -> Iterator[tuple[str, Document | Skipped]]:
    """Yield (position, document) of each file below a folder, in the order of their paths.

    The id is the path from the folder without suffix, with "/" between its parts; "a/index.md" is "a". A Jekyll name
    "2020-01-02-slug" gives the date where the front matter has none. Hidden folders and links that lead out are passed
    over; whatever else is not read is told as `Skipped`, and so is the problem that `find_site` had. Raises
    `SourceError` if there is nothing to read at all.
    """
    root = folder.resolve()
    if problem:
        yield source, Skipped(source, problem)
    told: list[Skipped] = []
    paths = sorted(_files(root, site, source, told))
    for skipped in told:
        yield skipped.where, skipped
    beside: defaultdict[PurePath, set[str]] = defaultdict(set)
    for path in paths:
        relative = path.relative_to(root)
        for above in list(relative.parents)[:-1]:
            beside[above.parent].add(above.name)
    yield from _documents(_Folder(root, source, site, paths, beside, _translated(paths)))
    if not paths:
        raise SourceError(f"{source}: no Markdown, HTML or text files in this folder.")


def _translated(paths: list[Path]) -> frozenset[str]:
    versions: defaultdict[Path, set[str]] = defaultdict(set)
    for path in paths:
        versions[path.with_name(path.stem.partition(".")[0])].add(name_ending(path))
    return frozenset(ending for endings in versions.values() if len(endings) > 1 for ending in endings)


def _documents(found: _Folder) -> Iterator[tuple[str, Document | Skipped]]:
    pages = _pages(found)
    handed_down = HandedDown(found.root, found.site)
    for path in found.paths:
        where = f"{found.source}/{path.relative_to(found.root).as_posix()}"
        if path in pages:
            yield where, Skipped(where, pages[path])
            continue
        try:
            document = _document(path, found, where)
            fields = dict(document.fields)
            take(fields, handed_down.to_page(path))
            take(fields, found.site.handed_down(path))
            yield where, Document(fields, document.body, document.markup)
        except (SourceError, MissingDependencyError) as error:
            yield where, Skipped(where, str(error).removeprefix(f"{where}: ").rstrip("."))


def _files(root: Path, site: Site, source: str, told: list[Skipped]) -> Iterator[Path]:
    """Yield the files to be read; `told` is filled with what is not."""
    unread: list[OSError] = []
    others: Counter[str] = Counter()
    links: list[Path] = []
    code: list[Path] = []
    for folder, folders, names in os.walk(root, onerror=unread.append):
        left_out = [name for name in sorted(folders) if not site.holds_posts(Path(folder, name))]
        for name in left_out:
            inside = Path(folder, name).relative_to(root).as_posix()
            where = f"{source}/{inside}"
            told.append(Skipped(where, "a folder of software or of built pages, by its name; give it alone to read it"))
        folders[:] = [name for name in folders if not name.startswith(".") and name not in left_out]
        links += [Path(folder, name) for name in folders if Path(folder, name).is_symlink()]
        for path in (Path(folder, name) for name in names if not name.startswith(".")):
            if path.name.endswith(CODE_SUFFIXES):
                code.append(path)
            elif markup_of(path.suffix) is None:
                others[path.suffix.lower()] += 1
            elif Path(os.path.realpath(path)).is_relative_to(root):  # Path.resolve raises on links in a circle
                yield path
            else:
                links.append(path)
    for paths, why in ((links, "a link to another place; it is not followed"), (code, _IS_CODE)):
        told += [Skipped(f"{source}/{path.relative_to(root).as_posix()}", why) for path in sorted(paths)]
    told += _counted(others, source)
    for error in sorted(unread, key=lambda error: str(error.filename)):
        inside = Path(error.filename).relative_to(root).as_posix()
        reason = f"a folder that cannot be read ({error.strerror})"
        if inside == ".":
            raise SourceError(f"{source}: {reason}.") from error
        told.append(Skipped(f"{source}/{inside}", reason))


def _counted(others: Mapping[str, int], source: str) -> Iterator[Skipped]:
    """Yield the files that are not read, by suffix, without those that hold no writing."""
    for suffix, count in sorted(others.items()):
        if suffix not in NO_WRITING:
            files = f"{count} file{'s' * (count > 1)} {suffix or 'without a suffix'}"
            yield Skipped(source, f"{files}, a format that recs does not read")


def _is_list_page(path: Path) -> bool:
    return path.stem.partition(".")[0] == "_index"  # _index.fr is the French one


def _pages(found: _Folder) -> dict[Path, str]:
    """Return the files that are no posts, and why: pages about a section or a folder, resources of a bundle."""
    posts_in: Counter[Path] = Counter()  # below each folder, at any depth
    fronts = {path for path in found.paths if _front_page(path, found.root)}
    for path in found.paths:
        if path not in fronts and not _is_list_page(path):
            posts_in.update(path.parents)
    for front in fronts:  # the page of a folder is a post of the folder above
        posts_in.update(front.parent.parents)
    sources = {path.with_suffix("") for path in found.paths if markup_of(path.suffix) == "markdown"}
    bundles = {path.parent for path in fronts if found.site.generator == "hugo" and path.stem.startswith("index")}

    def reason(path: Path) -> str:
        if _is_list_page(path):
            return "a list page, not a post"
        if markup_of(path.suffix) != "markdown" and path.with_suffix("") in sources:
            return "a Markdown file of the same name is read in its place"
        if found.site.leaves_out(path):
            return f"left out by the configuration of {found.site.generator}"
        inside = path.relative_to(found.root)
        names = inside.parts if found.site.generator == "docusaurus" else inside.parts[-1:]
        if any(name.startswith("_") for name in names) and found.site.generator in _UNDERSCORE_IS_CLOSED:
            return f"its name begins with _: {found.site.generator} makes no page of it"
        if path in fronts:
            is_section = path.parent not in bundles and posts_in[path.parent]
            return "the page of a section or of the whole site, not a post" if is_section else ""
        in_bundle = any(above in bundles for above in path.parents)
        return "a file that belongs to the page of its folder, not a page" if in_bundle else ""

    reasons = {path: reason(path) for path in found.paths}
    return {path: why for path, why in reasons.items() if why}


def _front_page(path: Path, root: Path) -> bool:
    """Whether a file is the page of its folder: index.md, index.de.md, README.md."""
    name = path.stem.partition(".")[0].casefold()
    return name in ("index", "readme") and path.is_relative_to(root)


def _document(path: Path, found: _Folder, where: str) -> Document:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{where}: cannot be read ({error.strerror}).") from error
    relative, site = path.relative_to(found.root), found.site
    matter, body = read_document(read_text(data, where), path.stem, path.suffix, where)
    markup = markup_of(path.suffix) or "text"
    parts = relative.with_suffix("").parts
    item_id = "/".join(parts[:-1] if parts[-1] == "index" and len(parts) > 1 else parts)
    fields: dict[str, object] = {name: value for name, value in matter.items() if name.casefold() != "id"}
    own_id = next((value for name, value in matter.items() if name.casefold() == "id"), None)
    fields |= {"id": item_id, "aliases": [*words(matter.get("aliases")), *words(own_id)]}
    said = {fold(name): value for name, value in matter.items()}
    language = _language(relative, found)
    dated = _DATED.fullmatch(path.stem)
    if dated and is_missing(said.get("date")) and is_missing(said.get("publishedat")):
        fields["date"] = dated[1]
    closing = [part for part in (*relative.parts[:-1], *path.stem.split(".")[1:]) if fold(part) in CLOSING_TAGS]
    if closing or path.stem.startswith("draft_"):  # as Medium names its drafts
        fields["folder"] = closing[0] if closing else "draft"
    if is_missing(said.get("title")):
        fields["title"] = first_heading(body, markup, leading=True) or _title_of_name(relative, language)
    if is_missing(said.get("lang")) and is_missing(said.get("language")):
        fields["lang"] = language
    if site.generator in ("jekyll", "obsidian") or "_posts" in relative.parts:
        fields |= _split_names(fields)
    return Document(fields, body, markup)


def _title_of_name(relative: PurePath, language: str | None) -> str:
    """Return what the name of a file says: no date, no hash, no language, no hyphens."""
    name = relative.stem.removesuffix(f".{language}")
    if name == "index" and len(relative.parts) > 1:
        name = relative.parent.name
    dated = _DATED.fullmatch(name)
    name = _HASH.sub("", dated[2] if dated else name)
    return name if " " in name else name.replace("-", " ").replace("_", " ").strip()


def _language(relative: PurePath, found: _Folder) -> str | None:
    site = found.site
    said = site.language_of(relative, found.translated, found.beside)
    if said is None and found.root.is_relative_to(site.root):
        whole = found.root.relative_to(site.root) / relative
        below = [code for folder, code in site.folders.items() if whole.is_relative_to(folder)]
        said = below[0] if below else site.language_of(whole, found.translated, {}) or site.default_language
    return said


def _split_names(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the tags and categories of Jekyll and Obsidian that stand in one string, with blanks between them."""
    texts = {name: value for name, value in fields.items() if fold(name) in ("tags", "categories")}
    return {name: text.split() for name, text in texts.items() if isinstance(text, str) and "," not in text}
