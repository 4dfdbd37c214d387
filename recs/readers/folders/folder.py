"""Reads a folder of Markdown, HTML, reStructuredText and text files: a site, or the notes of a note-taking tool."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from recs.errors import MissingDependencyError, SourceError
from recs.items import Skipped
from recs.readers.bodies import Document
from recs.readers.folders.documents import NO_WRITING, markup_of, read_document
from recs.readers.folders.handed_down import HandedDown, add_missing
from recs.readers.folders.permalink_parts import DATED_NAME
from recs.readers.folders.permalinks import with_address
from recs.readers.folders.sites import CODE_SUFFIXES, Site, name_ending
from recs.readers.json_files import read_text
from recs.readers.values import fold, is_missing, words
from recs.readers.visibility.readings import CLOSING_TAGS
from recs.text.headings import first_heading

# What Notion and other tools append to the names of files to make them unique.
_HASH = re.compile(r"[ _-](?:[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})$")
_IS_CODE = "a data file that is code; recs does not run it, and shows what it may close"
# Generators that make no page of a file if its name begins with an underscore.
_UNDERSCORE_IS_CLOSED = ("jekyll", "hexo", "astro", "docusaurus")


@dataclass(frozen=True, slots=True)
class _Folder:
    """What is in a folder.

    Attributes
    ----------
    root, source
        Its path, and its name for messages.
    site
        The site that it belongs to.
    paths
        The files to be read.
    beside
        The names of the folders in each folder.
    translated
        The endings of names, such as "de" in "index.de.md", with which some file has a translation beside it.
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

    The id of a document is its path from the folder without suffix, with "/" between its parts; "a/index.md" is "a".
    A name of Jekyll, "2020-01-02-slug", gives the date if the front matter has none. Hidden files and folders are
    ignored. Everything else that is not read, such as a link out of the folder, is reported as `Skipped`, and so is the
    `problem` of `find_site`.

    Raises `SourceError` if there are no files to read.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     _ = Path(folder, "2026-10-01-garlic.md").write_text("# Garlic\\n\\nPlant it.")
    ...     [(where, document)] = folder_records(Path(folder), "blog", Site())
    >>> where, document.fields["title"], document.fields["date"]
    ('blog/2026-10-01-garlic.md', 'Garlic', '2026-10-01')
    """
    root = folder.resolve()
    if problem:
        yield source, Skipped(source, problem)
    files = _Files(root, site, source)
    for skipped in list(files.skipped()):
        yield skipped.where, skipped
    yield from _documents(_Folder(root, source, site, files.paths, _names_beside(files), _translated(files.paths)))
    if not files.paths:
        raise SourceError(f"{source}: no Markdown, HTML or text files in this folder.")


def _names_beside(files: "_Files") -> Mapping[PurePath, set[str]]:
    """Return the names of the folders in each folder, by its path from the root."""
    beside: defaultdict[PurePath, set[str]] = defaultdict(set)
    for path in files.paths:
        for above in list(path.relative_to(files.root).parents)[:-1]:
            beside[above.parent].add(above.name)
    return beside


def _translated(paths: list[Path]) -> frozenset[str]:
    versions: defaultdict[Path, set[str]] = defaultdict(set)
    for path in paths:
        versions[path.with_name(path.stem.partition(".")[0])].add(name_ending(path))
    return frozenset(ending for endings in versions.values() if len(endings) > 1 for ending in endings)


def _documents(folder: _Folder) -> Iterator[tuple[str, Document | Skipped]]:
    reasons = _reasons_to_skip(folder)
    handed_down = HandedDown(folder.root, folder.site)
    for path in folder.paths:
        where = f"{folder.source}/{path.relative_to(folder.root).as_posix()}"
        if path in reasons:
            yield where, Skipped(where, reasons[path])
            continue
        try:
            document = _document(path, folder, where)
            fields = dict(document.fields)
            add_missing(fields, handed_down.to_page(path))
            add_missing(fields, folder.site.handed_down(path))
            yield where, Document(fields, document.body, document.markup)
        except (SourceError, MissingDependencyError) as error:
            yield where, Skipped(where, str(error).removeprefix(f"{where}: ").rstrip("."))


class _Files:
    """The files below a folder: those to be read, and what is not read, by reason."""

    def __init__(self, root: Path, site: Site, source: str) -> None:
        self.root = root
        self.source = source
        self.paths: list[Path] = []
        self._not_posts: list[Path] = []
        self._links: list[Path] = []
        self._code: list[Path] = []
        self._other_suffixes: Counter[str] = Counter()
        self._errors: list[OSError] = []
        for parent, folders, names in os.walk(root, onerror=self._errors.append):
            folder = Path(parent)
            folders.sort()  # the order of the file system differs between machines
            not_posts = [name for name in folders if not site.holds_posts(folder / name)]
            self._not_posts += [folder / name for name in not_posts]
            folders[:] = [name for name in folders if not name.startswith(".") and name not in not_posts]
            self._links += [folder / name for name in folders if (folder / name).is_symlink()]
            for path in (folder / name for name in names if not name.startswith(".")):
                self._add(path)
        self.paths.sort()

    def _add(self, path: Path) -> None:
        if path.name.endswith(CODE_SUFFIXES):
            self._code.append(path)
        elif markup_of(path.suffix) is None:
            self._other_suffixes[path.suffix.lower()] += 1
        elif Path(os.path.realpath(path)).is_relative_to(self.root):  # Path.resolve raises if links form a circle
            self.paths.append(path)
        else:
            self._links.append(path)

    def skipped(self) -> Iterator[Skipped]:
        """Yield what is not read; `SourceError` if the folder itself cannot be read."""
        for path in sorted(self._not_posts):
            yield Skipped(
                self._where(path), "a folder of software or of built pages, by its name; give it alone to read it"
            )
        for path in sorted(self._links):
            yield Skipped(self._where(path), "a link to another place; it is not followed")
        for path in sorted(self._code):
            yield Skipped(self._where(path), _IS_CODE)
        for suffix, count in sorted(self._other_suffixes.items()):
            if suffix not in NO_WRITING:
                files = f"{count} file{'s' * (count > 1)} {suffix or 'without a suffix'}"
                yield Skipped(self.source, f"{files}, a format that recs does not read")
        for error in sorted(self._errors, key=lambda error: str(error.filename)):
            reason = f"a folder that cannot be read ({error.strerror})"
            if Path(error.filename) == self.root:
                raise SourceError(f"{self.source}: {reason}.") from error
            yield Skipped(self._where(Path(error.filename)), reason)

    def _where(self, path: Path) -> str:
        return f"{self.source}/{path.relative_to(self.root).as_posix()}"


def _is_list_page(path: Path) -> bool:
    return path.stem.partition(".")[0] == "_index"  # _index.fr is the French list page


def _reasons_to_skip(folder: _Folder) -> dict[Path, str]:
    """Return the files that are not posts, and why: pages about a section or a folder, resources of a bundle."""
    posts_in: Counter[Path] = Counter()  # below each folder, at any depth
    fronts = {path for path in folder.paths if _is_front_page(path, folder.root)}
    for path in folder.paths:
        if path not in fronts and not _is_list_page(path):
            posts_in.update(path.parents)
    for front in fronts:  # the page of a folder is a post of the folder above
        posts_in.update(front.parent.parents)
    generator = folder.site.generator
    sources = {path.with_suffix("") for path in folder.paths if markup_of(path.suffix) == "markdown"}
    bundles = {path.parent for path in fronts if generator == "hugo" and path.stem.startswith("index")}

    def reason(path: Path) -> str:
        if _is_list_page(path):
            return "a list page, not a post"
        if markup_of(path.suffix) != "markdown" and path.with_suffix("") in sources:
            return "a Markdown file with the same name is read instead"
        if folder.site.leaves_out(path):
            return f"left out by the configuration of {generator}"
        inside = path.relative_to(folder.root)
        names = inside.parts if generator == "docusaurus" else inside.parts[-1:]
        if any(name.startswith("_") for name in names) and generator in _UNDERSCORE_IS_CLOSED:
            return f"its name begins with _: {generator} makes no page of it"
        if path in fronts:
            is_section = path.parent not in bundles and posts_in[path.parent]
            return "the page of a section or of the whole site, not a post" if is_section else ""
        in_bundle = any(above in bundles for above in path.parents)
        return "a file that belongs to the page of its folder, not a page" if in_bundle else ""

    reasons = {path: reason(path) for path in folder.paths}
    return {path: why for path, why in reasons.items() if why}


def _is_front_page(path: Path, root: Path) -> bool:
    """Whether a file is the page of its folder: index.md, index.de.md, README.md."""
    name = path.stem.partition(".")[0].casefold()
    return name in ("index", "readme") and path.is_relative_to(root)


def _document(path: Path, folder: _Folder, where: str) -> Document:
    """Return a file with its fields: those of its front matter, and those that its path tells."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise SourceError(f"{where}: cannot be read ({error.strerror}).") from error
    matter, body = read_document(read_text(data, where), path.stem, path.suffix, where)
    markup = markup_of(path.suffix) or "text"
    relative = path.relative_to(folder.root)
    fields: dict[str, object] = {name: value for name, value in matter.items() if name.casefold() != "id"}
    own_id = next((value for name, value in matter.items() if name.casefold() == "id"), None)
    names = [
        *words(matter.get("aliases")),
        *words(matter.get("redirect_from")),
        *words(own_id),
        *words(matter.get("slug")),
    ]
    fields |= {"id": _id_of_path(relative), "aliases": names}
    folded = {fold(name): value for name, value in matter.items()}
    language = _language(relative, folder)
    dated = DATED_NAME.fullmatch(path.stem)
    if dated and is_missing(folded.get("date")) and is_missing(folded.get("publishedat")):
        fields["date"] = dated[1]
    if closing := _closing_name(relative):
        fields["folder"] = closing
    if is_missing(folded.get("title")):
        fields["title"] = first_heading(body, markup, leading=True) or _title_of_name(relative, language)
    if is_missing(folded.get("lang")) and is_missing(folded.get("language")):
        fields["lang"] = language
    if folder.site.splits_names or ("_posts" in relative.parts and folder.site.generator != "hexo"):
        fields |= _split_names(fields)
    return Document(with_address(fields, folder.site, path, matter, language), body, markup)


def _id_of_path(relative: PurePath) -> str:
    parts = relative.with_suffix("").parts
    return "/".join(parts[:-1] if parts[-1] == "index" and len(parts) > 1 else parts)


def _closing_name(relative: PurePath) -> str:
    """Return the part of a path that closes the file, such as a folder "drafts"; "" for none."""
    for part in (*relative.parts[:-1], *relative.stem.split(".")[1:]):
        if fold(part) in CLOSING_TAGS:
            return part
    return "draft" if relative.stem.startswith("draft_") else ""  # Medium names its drafts so


def _title_of_name(relative: PurePath, language: str | None) -> str:
    """Return the title in the name of a file: the name without date, hash, language and hyphens."""
    name = relative.stem.removesuffix(f".{language}")
    if name == "index" and len(relative.parts) > 1:
        name = relative.parent.name
    dated = DATED_NAME.fullmatch(name)
    name = _HASH.sub("", dated[2] if dated else name)
    return name if " " in name else name.replace("-", " ").replace("_", " ").strip()


def _language(relative: PurePath, folder: _Folder) -> str | None:
    """Return the language of a file, as its path or the configuration of its site tells it; None for unknown."""
    site = folder.site
    language = site.language_of(relative, folder.translated, folder.beside)
    if language is not None or not folder.root.is_relative_to(site.root):
        return language
    path_in_site = folder.root.relative_to(site.root) / relative
    for path, code in site.folders.items():
        if path_in_site.is_relative_to(path):
            return code
    return site.language_of(path_in_site, folder.translated, {}) or site.default_language


def _split_names(fields: Mapping[str, object]) -> dict[str, object]:
    """Return the tags and categories that Jekyll and Obsidian write in one string, with blanks between them."""
    texts = {name: value for name, value in fields.items() if fold(name) in ("tags", "categories")}
    return {name: text.split() for name, text in texts.items() if isinstance(text, str) and "," not in text}
