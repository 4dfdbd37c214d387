"""HTML to plain text: one walk over the parsed tree, in time that is linear in the source."""

import re
from collections import Counter
from typing import Any, NamedTuple

from recs.text.characters import INVISIBLE
from recs.text.hidden.attributes import is_hidden
from recs.text.html_elements import (
    BLOCK_BREAK,
    BLOCKS,
    BREAKS,
    CELLS,
    DROPPED,
    HEADINGS,
    KINDS,
    LINE_BREAK,
    LISTS,
    NO_BREAK,
    PAGE_PARTS,
    PAGE_ROLES,
)
from recs.text.html_taming import tame
from recs.text.injected import is_injected
from recs.text.main_content import main_content
from recs.text.shortcodes import shortcode_pattern

_FILE_NAME = re.compile(r"\S+\.(?:avif|bmp|gif|jpe?g|png|svg|webp)", re.IGNORECASE)
_WHOLE_PAGE = re.compile(r"<(?:html|body|main)\b", re.IGNORECASE)
_PARAGRAPH_TAG = re.compile(r"<(?:p|div|br|li)\b", re.IGNORECASE)
_EMPTY_LINE = re.compile(r"\n[ \t\r]*\n\s*")
_EMPTY_LINES = re.compile(r"\n(?:[^\S\n]*\n)+")
MARK = "data-recs-mark"
"""The attribute of a `wbr` element that marks a place in a source."""


def html_text(source: str, *, shortcodes: bool = True) -> str:
    """Return the text of an HTML page or fragment. One newline ends a line, two end a block, three end a section.

    These are left out: scripts, styles, forms, navigation, hidden elements, lists that plugins inject, WordPress
    shortcodes (if `shortcodes`) and, if it is a whole page, everything around its article. These are kept: code as it
    is written, captions, alternative texts of images.

    Examples
    --------
    >>> html_text("<h1>Garlic</h1><p>Plant it in <b>October</b>.</p><script>track()</script>")
    'Garlic\\n\\nPlant it in October.'
    """
    return "".join(_walked(source, shortcodes=shortcodes).writer.parts)


def shown_marks(source: str, *, shortcodes: bool = True) -> set[str]:
    """Return the values of the marks, `<wbr data-recs-mark=VALUE>`, at places that are in `html_text`.

    Examples
    --------
    >>> shown_marks("<p><wbr data-recs-mark=1>Garlic</p><nav><wbr data-recs-mark=2>Home</nav>")
    {'1'}
    """
    return _walked(source, shortcodes=shortcodes).marks


def _walked(source: str, *, shortcodes: bool) -> "_Walker":
    """Return a walker that has visited the article of a page, or a whole fragment."""
    from selectolax.lexbor import LexborHTMLParser

    tree = LexborHTMLParser(tame(source))
    is_page = bool(_WHOLE_PAGE.search(source))
    shortcode = shortcode_pattern(source) if shortcodes else None
    # WordPress stores paragraphs as text between blank lines, and makes their tags when it shows them.
    walker = _Walker(is_page=is_page, blank_lines=not _PARAGRAPH_TAG.search(source), shortcode=shortcode)
    root = main_content(tree) if is_page else tree.body
    if root is not None:
        walker.walk(root)
    return walker


class Heading(NamedTuple):
    """A heading that is shown: its level, its words on one line, and whether there is text before it."""

    level: int
    words: str
    follows_words: bool


def html_headings(source: str) -> list[Heading]:
    """Return the headings of a page or fragment, in their order. Hidden headings are left out.

    Examples
    --------
    >>> html_headings("<h2>Garlic</h2><p>Plant it.</p><h3>When</h3>")
    [Heading(level=2, words='Garlic', follows_words=False), Heading(level=3, words='When', follows_words=True)]
    """
    from selectolax.lexbor import LexborHTMLParser

    walker = _Walker(is_page=False, blank_lines=False, shortcode=shortcode_pattern(source))
    if (root := LexborHTMLParser(tame(source)).body) is not None:
        walker.walk(root)
    parts = walker.writer.parts
    headings = []
    for tag, start, stop, mark in walker.headings:
        words = " ".join("".join(parts[start:stop]).split()).removeprefix(mark)
        headings.append(Heading(int(tag[1]), words, start > 0))
    return headings


class _Writer:
    """Text with the breaks between its pieces. A break is written only when something follows it."""

    def __init__(self) -> None:
        self.parts: list[str] = []
        self._begin_piece()

    def _begin_piece(self) -> None:
        """Forget what was to be written before the last piece."""
        self.pending = NO_BREAK
        self.space = False
        self.mark = ""
        self.is_held = False

    def separate(self, newlines: int) -> None:
        """Ask for at least so many newlines before the next piece."""
        if not self.is_held:
            self.pending = max(self.pending, newlines)

    def cell(self, *, is_first: bool) -> None:
        """Begin a cell of a table: the next piece stays on the line of its row."""
        if not is_first:
            self.pending = NO_BREAK
            self.space = True
            self.words("| ")
        self.is_held = True

    def words(self, text: str) -> None:
        """Write running text, in which any white space counts as one space."""
        words = text.split()
        if not words:
            self.space = self.space or bool(text)
            return
        self.space = self.space or text[0].isspace()
        self.verbatim(" ".join(words))
        self.space = text[-1].isspace()

    def verbatim(self, text: str) -> None:
        """Write a text as it is, after the break or the space that is due."""
        if self.pending and self.parts:
            self.parts.append("\n" * self.pending)
        elif self.space and self.parts:
            self.parts.append(" ")
        if self.mark:
            self.parts.append(self.mark)
        self.parts.append(text)
        self._begin_piece()


class _Walker:
    """The walk over the tree, with a record of the elements that are open around the current node."""

    def __init__(self, *, is_page: bool, blank_lines: bool, shortcode: re.Pattern[str] | None) -> None:
        self.writer = _Writer()
        self.is_page = is_page
        self.blank_lines = blank_lines
        self.shortcode = shortcode
        self.open: Counter[str] = Counter()
        # For each list that is open, the number of its next item; None for a list without numbers.
        self.next_number: list[int | None] = []
        self.row_start = 0
        self.heading_start = 0
        self.heading_mark = ""
        self.code_lines: list[str] = []
        # Tag, first and last part of the text (half open), and the list mark before the heading.
        self.headings: list[tuple[str, int, int, str]] = []
        self.marks: set[str] = set()

    def walk(self, root: Any) -> None:
        """Visit the nodes of the tree in document order, without recursion."""
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
        if tag in DROPPED or (tag in PAGE_PARTS and self.is_page and not in_article):
            return True
        attributes = node.attributes
        if tag == "dialog" and "open" not in attributes:
            return True
        if not attributes:
            return False
        return (
            is_hidden(attributes)
            or (self.is_page and attributes.get("role") in PAGE_ROLES)
            or is_injected(tag, attributes)
            or (attributes.get("href") or "").startswith("#fnref")
        )

    def _text(self, text: str) -> None:
        if not text.isascii():
            text = INVISIBLE.sub("", text)
        if self.open["verbatim"]:
            self.code_lines.append(text)
        elif self.open["code"] and not text.isspace():
            self.writer.verbatim(text.replace("\n", " "))
        else:
            if self.shortcode is not None and "[" in text:
                text = self.shortcode.sub(" ", text)
            for number, piece in enumerate(_EMPTY_LINE.split(text) if self.blank_lines else [text]):
                if number:
                    self._separate(BLOCK_BREAK)
                self.writer.words(piece)

    def _separate(self, newlines: int) -> None:
        self.writer.separate(min(newlines, LINE_BREAK) if self.next_number else newlines)

    def _enter(self, node: Any, tag: str) -> None:
        self._break_before(node, tag)
        if tag in KINDS:
            self.open[KINDS[tag]] += 1
        elif tag == "li":
            number = self.next_number[-1] if self.next_number else None
            self.writer.mark = "- " if number is None else f"{number}. "
            if number is not None:
                self.next_number[-1] = number + 1
        elif tag == "wbr":
            self.marks.add(node.attributes.get(MARK) or "")
        elif tag in HEADINGS:
            self.heading_start = len(self.writer.parts)
            self.heading_mark = self.writer.mark
        elif tag == "tr":
            self.row_start = len(self.writer.parts)
        elif tag in LISTS:
            start = node.attributes.get("start") or ""
            first = int(start) if start.isdecimal() and len(start) < 9 else 1
            self.next_number.append(first if tag == "ol" else None)

    def _break_before(self, node: Any, tag: str) -> None:
        if self.open["verbatim"]:  # highlighters put each line of code in an element
            if tag == "br" or (tag in BLOCKS and self.code_lines and not self.code_lines[-1].endswith("\n")):
                self.code_lines.append("\n")
        elif tag in BREAKS:
            self._separate(BREAKS[tag])
        elif tag == "br":
            self._separate(BLOCK_BREAK if self.writer.pending else LINE_BREAK)
        elif tag == "img":
            alternative = node.attributes.get("alt") or ""
            self.writer.words("" if _FILE_NAME.fullmatch(alternative.strip()) else f" {alternative} ")
        elif tag in CELLS:
            self.writer.cell(is_first=len(self.writer.parts) == self.row_start)

    def _leave(self, tag: str) -> None:
        kind = KINDS.get(tag)
        if kind:
            self.open[kind] -= 1
        elif tag in CELLS:
            self.writer.is_held = False
        elif tag in LISTS:
            self.next_number.pop()
        if self.open["verbatim"]:
            return
        if kind == "verbatim":
            self._write_code()
        if tag in HEADINGS:
            self.headings.append((tag, self.heading_start, len(self.writer.parts), self.heading_mark))
        if tag in BREAKS:
            self._separate(min(BREAKS[tag], BLOCK_BREAK))

    def _write_code(self) -> None:
        code = "".join(self.code_lines).replace("\r\n", "\n")
        # Two blank lines would read as the end of a section.
        code = _EMPTY_LINES.sub("\n\n", code).strip("\n")
        self.code_lines = []
        if code.strip():
            self.writer.verbatim(code)
