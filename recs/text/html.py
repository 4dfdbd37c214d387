"""HTML to plain text: one walk over the parsed tree, in time linear in the source whatever its shape."""

import re
from collections import Counter
from typing import Any, NamedTuple

from recs.text.hidden.attributes import is_hidden
from recs.text.shortcodes import shortcode_pattern

# What stands between two pieces of text, as the number of newlines.
_NONE, _LINE, _BLOCK, _SECTION = 0, 1, 2, 3


def _names(names: str) -> frozenset[str]:
    return frozenset(names.split())


_HEADINGS = _names("h1 h2 h3 h4 h5 h6")
_BLOCKS = _names(
    """address article aside blockquote body caption center dd details dir div dl dt fieldset figcaption figure footer
    header hgroup hr legend li listing main menu ol p pre search section summary table tr ul xmp"""
)
_LINES = _names("caption dd dt li tr")
# What stands before an element; after it there is the same, but a block after a heading.
_BREAKS = dict.fromkeys(_BLOCKS, _BLOCK) | dict.fromkeys(_LINES, _LINE) | dict.fromkeys(_HEADINGS, _SECTION)
_CELLS = _names("td th")
_LISTS = _names("dir menu ol ul")
# Elements that are counted while they are open, with what they are counted as.
_KINDS = {
    **dict.fromkeys(_names("listing pre xmp"), "verbatim"),
    **dict.fromkeys(_names("kbd samp x-code x-tt"), "code"),
    **dict.fromkeys(_names("article main"), "article"),
    **dict.fromkeys(_names("blockquote figure"), "quote"),
}
_DROPPED = _names(
    """annotation annotation-xml audio canvas datalist embed frame frameset head iframe input map nav noembed noframes
    noscript rp rt script style svg template textarea title video
    x-applet x-button x-form x-object x-select x-template"""
)
_PAGE_PARTS = _names("aside footer header")
_PAGE_ROLES = _names("banner complementary contentinfo navigation search")
# Classes and ids of what is not the author's text: lists injected by plugins, share buttons, marks of footnotes and of
# headings, numbers of code lines, words for screen readers.
_DROPPED_NAME = re.compile(
    r"yarpp[\w-]*|crp_related|jp-relatedposts|sharedaddy|sd-sharing|jp-post-flair|rp4wp-related-posts|related-?posts"
    r"|wp_rp_wrap|zem_rp_wrap|addtoany[\w-]*|a2a_kit|post-navigation|toc_container|ez-toc-container|lwptoc"
    r"|screen-reader-text|sr-only|visually-hidden|headerlink|header-anchor|heading-anchor|anchorjs-link"
    r"|footnote-ref|footnote-backref|reversefootnote|footnote-return|fnref[\w:.-]*"
    r"|gutter|lineno|linenos|linenodiv|rouge-gutter|line-numbers-rows|hljs-ln-numbers"
)
_ELEMENTS = _DROPPED.union(
    _BREAKS,
    _names(
        """a abbr acronym applet area b base basefont bdi bdo big blink body br button cite code col colgroup data del
        dfn dialog em font form html i img ins kbd label link mark marquee math meta meter nobr object optgroup option
        output param picture progress q rb rtc ruby s samp select slot small source span strike strong sub sup
        tbody td tfoot th thead time track tt u var wbr"""
    ),
)
# Control characters, soft hyphens, zero-width spaces, marks of byte order: nothing that a reader sees. Joiners are
# kept, as Persian and emoji need them.
INVISIBLE = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u00ad\u200b\u2060\ufeff]")
_FILE_NAME = re.compile(r"\S+\.(?:avif|bmp|gif|jpe?g|png|svg|webp)", re.IGNORECASE)
_WHOLE_PAGE = re.compile(r"<(?:html|body|main)\b", re.IGNORECASE)
_PARAGRAPH_TAG = re.compile(r"<(?:p|div|br|li)\b", re.IGNORECASE)
_EMPTY_LINE = re.compile(r"\n[ \t\r]*\n\s*")


def html_text(source: str, *, shortcodes: bool = True) -> str:
    """Return the text of an HTML page or fragment, its lines, blocks and sections apart.

    Left out: scripts, styles, forms, navigation, hidden elements, lists that plugins inject, WordPress shortcodes (with
    `shortcodes`) and, of a page, what stands around its article. Kept: code as it is, captions, words for images.
    """
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(_tame(source))
    root = tree.body
    if root is None:
        return ""
    is_page = bool(_WHOLE_PAGE.search(source))
    if is_page:
        contents = tree.css("main") or tree.css("article")
        root = contents[0] if len(contents) == 1 else root
    # WordPress stores paragraphs as lines between blank lines and makes the tags when it shows them.
    shortcode = shortcode_pattern(source) if shortcodes else None
    walker = _Walker(is_page=is_page, blank_lines=not _PARAGRAPH_TAG.search(source), shortcode=shortcode)
    walker.walk(root)
    return "".join(walker.writer.parts)


class Heading(NamedTuple):
    """A heading that is shown: its level, its words as one line, and whether words stand before it."""

    level: int
    words: str
    follows_words: bool


def html_headings(source: str) -> list[Heading]:
    """Return the headings of a page or fragment, in their order; hidden ones are left out as in its text."""
    from selectolax.lexbor import LexborHTMLParser

    walker = _Walker(is_page=False, blank_lines=False, shortcode=shortcode_pattern(source))
    if (root := LexborHTMLParser(_tame(source)).body) is not None:
        walker.walk(root)
    parts, headings = walker.writer.parts, []
    for tag, start, stop, mark in walker.headings:
        words = " ".join("".join(parts[start:stop]).split()).removeprefix(mark)
        headings.append(Heading(int(tag[1]), words, start > 0))
    return headings


def is_element(name: str) -> bool:
    """Whether HTML has an element of that name; a name in mixed case is taken for a component of JSX."""
    return (name.islower() or name.isupper()) and name.lower() in _ELEMENTS


def is_block(name: str) -> bool:
    """Whether an element of that name stands on lines of its own."""
    return name in _BREAKS


# Formatting elements left open are opened again in every later block, so n of them before n paragraphs make n² nodes;
# the other elements here change what a closing tag may close. Under another name all are plain inline elements.
_RENAMED = (
    "(?=(?:a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u"
    "|applet|button|form|marquee|object|select|template)[\\s/>])"
)
_OPENED = re.compile(f"<{_RENAMED}", re.IGNORECASE)
_CLOSED = re.compile(f"</{_RENAMED}", re.IGNORECASE)
# One token of the HTML standard: a comment, an element whose content is no markup, a tag with its attributes.
_TOKEN = re.compile(
    r"<!--(?:-?>|.*?(?:--!?>|\Z))"
    r"|<(script|style|textarea|title|iframe|noembed|noframes|xmp)(?=[\s/>])(?:.*?</\1(?=[\s/>])|.*\Z)"
    r"|<(?P<end>/?)(?P<name>[a-z][^\s/>]*)"
    r"(?:[\s/]++|[^\s/>][^\s/>=]*+(?:\s*+=\s*+(?:\"[^\"]*+\"|'[^']*+'|[^\s>\"'][^\s>]*+)?)?)*+>?",
    re.IGNORECASE | re.DOTALL,
)
# Void elements, and those of which an opening tag closes another of its own kind.
_NOT_NESTING = _names(
    """area base body br col colgroup embed head hr html img input link meta optgroup option p param source tbody td
    tfoot th thead tr track wbr"""
)
_DRAWING = re.compile(r"<svg\b(?:(?!<svg\b).)*?</svg\s*>", re.IGNORECASE | re.DOTALL)
# Deeper than any page that somebody wrote. At each tag a parser may look through all the elements that are open.
_DEEPEST = 256


def _tame(source: str) -> str:
    """Rewrite what parsers need more than linear time for: formatting left open, elements nested without end."""
    source = _CLOSED.sub("</x-", _OPENED.sub("<x-", source.replace("\0", "")))
    if source.count("<") - source.count("</") <= _DEEPEST:
        return source
    source = _DRAWING.sub("", source)  # its tags close themselves, and it holds no text
    if not _is_too_deep(source):
        return source

    def flatten(token: re.Match[str]) -> str:
        name = (token["name"] or "p").lower()
        kept = name in _NOT_NESTING or name in _HEADINGS
        return token[0] if kept else "<br>" if name in _BREAKS else "<wbr>"

    return _TOKEN.sub(flatten, source)


def _is_too_deep(source: str) -> bool:
    """Whether more elements are open at once than in any page that somebody wrote, by a bound that never is too low."""
    # One counter for each table that is open: a closing tag in a table closes nothing around it.
    tables, total, last_item = [Counter[str]()], 0, ""
    for token in _TOKEN.finditer(source):
        name = (token["name"] or "").lower()
        if not name or name in _NOT_NESTING:
            continue
        if token["end"]:
            if name == "table" and len(tables) > 1:
                total -= tables.pop().total()
            closed = min(tables[-1][name], 1)
            tables[-1][name] -= closed
            total -= closed
            continue
        if name in ("dd", "dt", "li"):
            before, last_item = last_item, name.replace("t", "d")
            if before == last_item:  # which this one closes
                continue
        total += 1
        tables[-1][name] += 1
        tables += [Counter()] if name == "table" else []
        if total > _DEEPEST:
            return True
    return False


class _Writer:
    """Text with the breaks between its pieces; a break is written when something follows it."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self.pending, self.space, self.mark, self.is_held = _NONE, False, "", False

    def separate(self, newlines: int) -> None:
        if not self.is_held:
            self.pending = max(self.pending, newlines)

    def cell(self, *, is_first: bool) -> None:
        """Begin a cell of a table: what comes next stays in the line of its row."""
        if not is_first:
            self.pending, self.space = _NONE, True
            self.words("| ")
        self.is_held = True

    def words(self, text: str) -> None:
        """Write words of running text: white space counts as one space."""
        words = text.split()
        if not words:
            self.space = self.space or bool(text)
            return
        self.space = self.space or text[0].isspace()
        self.verbatim(" ".join(words))
        self.space = text[-1].isspace()

    def verbatim(self, text: str) -> None:
        """Write a text as it is."""
        if self.pending and self.parts:
            self.parts.append("\n" * self.pending)
        elif self.space and self.parts:
            self.parts.append(" ")
        self.parts += [self.mark, text] if self.mark else [text]
        self.pending, self.space, self.mark, self.is_held = _NONE, False, "", False


class _Walker:
    """The walk over the tree, and what is open around the current node."""

    def __init__(self, *, is_page: bool, blank_lines: bool, shortcode: re.Pattern[str] | None) -> None:
        self.writer = _Writer()
        self.is_page, self.blank_lines, self.shortcode = is_page, blank_lines, shortcode
        self.open: Counter[str] = Counter()
        self.next_number: list[int | None] = []  # of each list that is open, None where it has marks
        self.row_start, self.heading_start, self.heading_mark = 0, 0, ""
        self.lines: list[str] = []
        self.headings: list[tuple[str, int, int, str]] = []  # name, its parts of the text, mark of a list before it

    def walk(self, root: Any) -> None:
        """Visit the tree in its order, without recursion."""
        self._enter(root, root.tag)
        node, end = root.first_child, root.mem_id
        while node is not None:
            tag = node.tag
            if tag == "-text":
                self._text(node.text_content or "")
            elif node.is_element_node and not self._is_dropped(node, tag):
                self._enter(node, tag)
                child = node.first_child
                if child is not None:
                    node = child
                    continue
                self._leave(tag)
            while node.next is None:
                node = node.parent
                if node is None or node.mem_id == end:
                    return
                self._leave(node.tag)
            node = node.next

    def _is_dropped(self, node: Any, tag: str) -> bool:
        in_article = self.open["article"] and (tag != "footer" or self.open["quote"])
        if tag in _DROPPED or (tag in _PAGE_PARTS and self.is_page and not in_article):
            return True
        attributes = node.attributes
        if tag == "dialog" and "open" not in attributes:
            return True
        if not attributes:
            return False
        names = f"{attributes.get('class') or ''} {attributes.get('id') or ''}".split()
        return (
            is_hidden(attributes)
            or (self.is_page and attributes.get("role") in _PAGE_ROLES)
            or any(map(_DROPPED_NAME.fullmatch, names))
            or (attributes.get("href") or "").startswith("#fnref")
        )

    def _text(self, text: str) -> None:
        if not text.isascii():
            text = INVISIBLE.sub("", text)
        if self.open["verbatim"]:
            self.lines.append(text)
        elif self.open["code"] and not text.isspace():
            self.writer.verbatim(text.replace("\n", " "))
        else:
            if self.shortcode is not None and "[" in text:
                text = self.shortcode.sub(" ", text)
            for number, piece in enumerate(_EMPTY_LINE.split(text) if self.blank_lines else [text]):
                if number:
                    self._separate(_BLOCK)
                self.writer.words(piece)

    def _separate(self, newlines: int) -> None:
        self.writer.separate(min(newlines, _LINE) if self.next_number else newlines)

    def _enter(self, node: Any, tag: str) -> None:
        self._break_before(node, tag)
        if tag in _KINDS:
            self.open[_KINDS[tag]] += 1
        elif tag == "li":
            number = self.next_number[-1] if self.next_number else None
            self.writer.mark = "- " if number is None else f"{number}. "
            if number is not None:
                self.next_number[-1] = number + 1
        elif tag in _HEADINGS:
            self.heading_start, self.heading_mark = len(self.writer.parts), self.writer.mark
        elif tag == "tr":
            self.row_start = len(self.writer.parts)
        elif tag in _LISTS:
            start = node.attributes.get("start") or ""
            first = int(start) if start.isdecimal() and len(start) < 9 else 1
            self.next_number.append(first if tag == "ol" else None)

    def _break_before(self, node: Any, tag: str) -> None:
        if self.open["verbatim"]:  # highlighters put each line of code in an element
            if tag == "br" or (tag in _BLOCKS and self.lines and not self.lines[-1].endswith("\n")):
                self.lines.append("\n")
        elif tag in _BREAKS:
            self._separate(_BREAKS[tag])
        elif tag == "br":
            self._separate(_BLOCK if self.writer.pending else _LINE)
        elif tag == "img":
            alternative = node.attributes.get("alt") or ""
            self.writer.words("" if _FILE_NAME.fullmatch(alternative.strip()) else f" {alternative} ")
        elif tag in _CELLS:
            self.writer.cell(is_first=len(self.writer.parts) == self.row_start)

    def _leave(self, tag: str) -> None:
        kind = _KINDS.get(tag)
        if kind:
            self.open[kind] -= 1
        elif tag in _CELLS:
            self.writer.is_held = False
        elif tag in _LISTS:
            self.next_number.pop()
        if self.open["verbatim"]:
            return
        if kind == "verbatim":
            # Two blank lines would read as the end of a section.
            code = re.sub(r"\n(?:[^\S\n]*\n)+", "\n\n", "".join(self.lines).replace("\r\n", "\n")).strip("\n")
            self.lines = []
            if code.strip():
                self.writer.verbatim(code)
        if tag in _HEADINGS:
            self.headings.append((tag, self.heading_start, len(self.writer.parts), self.heading_mark))
        if tag in _BREAKS:
            self._separate(min(_BREAKS[tag], _BLOCK))
