"""Finds blocks and spans of Markdown that their attributes or their language hide.

These are attribute lists of kramdown, Pandoc and Hugo, divs and cells of Quarto and R Markdown, and exports of MDX.
Comments are removed before (`recs.text.hidden.comments`).
"""

import re
from collections.abc import Iterator
from functools import cached_property

from recs.items import Markup, Span
from recs.text.hidden.attributes import is_hidden, read_attributes
from recs.text.hidden.elements import hidden_elements
from recs.text.markdown import EXPORT, CodeFinder, parse_blocks

# A body without any of these needs no search. They are marks, not words that occur in prose.
_HINT = re.compile("hid|invisible|d-none|style|echo|include|content-|dialog|<script|<template")
_OPENED = re.compile(r"\|[ \t]{0,9}(?:echo|include)|\{[^{}\n]{0,520}+|<[a-z][^<>]{0,1020}+")
_EXPORT_LINE = re.compile(r"^export\s", re.MULTILINE | re.IGNORECASE)
_LIST = r"\{(?P<colon>:?)(?!:)(?P<attributes>[^{}\n]{1,500})\}"
_LIST_LINE = re.compile(rf"(?P<indent>[ \t>]{{0,40}}){_LIST}[ \t]*\Z")
_DEFINITION = re.compile(r"[ \t]{0,3}\{:(?P<name>\w[\w-]{0,80}):(?P<attributes>[^{}\n]{1,500})\}[ \t]*\Z")
_ITEM_LINE = re.compile(rf"[ \t>]{{0,40}}(?:[-*+]|\d{{1,9}}[.)])[ \t]{{1,9}}{_LIST}")
_HEADING_END = re.compile(rf"{_LIST}[ \t#]{{0,20}}\Z")
_PANDOC = re.compile(r"[ \t]*(?:(?:[.#][\w:.-]{1,100}|[\w:-]{1,80}=(?:\"[^\"]*\"|'[^']*'|[^\s\"']+))(?:[ \t]+|\Z))++")
_SPAN = re.compile(rf"(?P<ticks>`+)|(?<=[*_`)\]~]){_LIST}")
_HIDING_OPTION = re.compile(r"(?:echo|include)\s{0,9}=\s{0,9}(?:false|f)\b", re.IGNORECASE)
_OPTION_LINE = re.compile(r"[ \t]{0,9}(?:(?:#|//|--|%%?)\||:tags:)(?P<option>[^\n]*)")
_HIDING_LINE = re.compile(r"\s{0,9}(?:echo|include)\s{0,9}:\s{0,9}(?:false|no)\b|.*\bremove-(?:cell|input)\b", re.I)
_CODE_TOKEN = re.compile(
    r"\"(?:[^\"\\\n]|\\.)*+\"?|'(?:[^'\\\n]|\\.)*+'?|`(?:[^`\\]|\\.)*+`?|//[^\n]*|/\*.*?(?:\*/|\Z)"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<line>\n)",
    re.DOTALL,
)
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")


def hidden_block_spans(body: str, markup: Markup) -> list[Span]:
    """Return the spans of a body that attributes or the options of cells hide. They have no order and may overlap.

    A text may be Markdown, so it is read as such; HTML elements in it count too. Cost: linear in the length.

    Examples
    --------
    >>> hidden_block_spans("Shown.\\n\\n::: {.hidden}\\nNot shown.\\n:::\\n", "markdown")
    [(8, 36)]
    """
    if markup == "html" or not _may_hide(body):
        return []
    finder = _Finder(body)
    spans = [*finder.code(), *finder.divs(), *finder.blocks(), *finder.spans()]
    spans += hidden_elements(body, finder.code_finder) if markup == "text" else finder.exports()
    return spans


def _may_hide(body: str) -> bool:
    """Whether a body has anything that may hide a part of it; most bodies have not."""
    words = body.lower()
    if ":::" in body or "remove-" in words or ("export" in words and _EXPORT_LINE.search(body)):
        return True
    return any(_HINT.search(opened) for opened in _OPENED.findall(words))


def _hides(attribute_list: re.Match[str], names: frozenset[str] = frozenset()) -> bool:
    """Whether a list of attributes hides its element; `names` are the names that the body defines for hiding lists."""
    words = attribute_list["attributes"]
    if attribute_list["colon"]:
        return is_hidden(read_attributes(words)) or not names.isdisjoint(words.split())
    return bool(_PANDOC.fullmatch(words)) and _hides_div(read_attributes(words, lone=False))


def _hides_div(attributes: dict[str, str]) -> bool:
    """Whether a div or span of Quarto is not shown on a page. An unknown condition counts as false."""
    classes = attributes.get("class", "").split()
    formats = [
        name.startswith("when") == value.lower().startswith("html")
        for name, value in attributes.items()
        if name in ("when-format", "unless-format")
    ]
    others = any(name.startswith(("when-", "unless-")) and not name.endswith("-format") for name in attributes)
    if "content-visible" in classes and (others or not all(formats)):
        return True
    if "content-hidden" in classes and (others or all(formats)):
        return True
    return is_hidden(attributes)


class _Finder:
    """The lines of a body and its blocks."""

    def __init__(self, body: str) -> None:
        self.body = body
        self.tokens, self.starts, self.stops = parse_blocks(body)
        self.code_finder = CodeFinder(body)
        # For each line: the outermost block, the innermost block, and the list item that it is in.
        count = len(self.starts)
        self.outer: list[Span | None] = [None] * count
        self.inner: list[Span | None] = [None] * count
        self.item: list[Span | None] = [None] * count
        self.is_code = bytearray(count)
        for token in self.tokens:
            if token.map and token.type != "inline":
                self._keep(token.type, token.level, (token.map[0], min(token.map[1], count)))

    def _keep(self, kind: str, level: int, lines: Span) -> None:
        for line in range(*lines):  # the parser nests at most 20 blocks
            self.inner[line] = lines
            if level == 0:
                self.outer[line] = lines
            if kind == "list_item_open":
                self.item[line] = lines
            if kind in ("fence", "code_block"):
                self.is_code[line] = 1

    @cached_property
    def lines(self) -> list[str]:
        """The lines without their line ends; a line of code is empty."""
        places = zip(self.starts, self.stops, self.is_code, strict=True)
        return ["" if is_code else self.body[start:stop] for start, stop, is_code in places]

    def _place(self, first: int, last: int) -> Span:
        """Return the span of some lines, from the first to the last one."""
        return self.starts[first], self.stops[max(first, last)]

    def code(self) -> Iterator[Span]:
        """Yield the notebook cells whose code is not shown."""
        for token in self.tokens:
            if token.type != "fence" or not token.map:
                continue
            info = token.info.strip()
            is_listed = "{" in info and is_hidden(read_attributes(info.partition("{")[2], lone=False))
            is_set = bool(_HIDING_OPTION.search(info[:1000])) if info.startswith("{") else False
            if is_listed or is_set or _has_hiding_option(token.content):
                yield self._place(token.map[0], token.map[1] - 1)

    def divs(self) -> Iterator[Span]:
        """Yield the hidden divs: from `::: {.hidden}` to its closing `:::`, or to the end of the body."""
        open_colons: list[int] = []
        first = 0
        for number, line in enumerate(self.lines):
            if ":::" not in line:
                continue
            fence = line.strip(" \t>\r")
            colons = len(fence) - len(fence.lstrip(":"))
            words = fence.strip(": \t")
            if colons < 3 or not (words or open_colons):
                continue
            if words and (open_colons or _opens_hidden_div(words[:1000])):
                first = first if open_colons else number
                open_colons.append(colons)
            elif not words and colons >= open_colons[-1]:
                open_colons.pop()
                if not open_colons:
                    yield self._place(first, number)
        if open_colons:
            yield self._place(first, len(self.lines) - 1)

    def blocks(self) -> Iterator[Span]:
        """Yield the blocks that a list of attributes hides: on a line of its own, in a heading, before a list item."""
        definitions = [match for match in map(_DEFINITION.match, self.lines) if match]
        names = frozenset(match["name"] for match in definitions if is_hidden(read_attributes(match["attributes"])))
        free = 0  # lines before this one belong to other lists of attributes
        number = 0
        while number < len(self.lines):
            if "{" not in self.lines[number]:
                number += 1
                continue
            attribute_lists = self._attribute_lists(number)
            if not attribute_lists:
                yield from self._in_line(number, names)
                number += 1
                continue
            last = number + len(attribute_lists) - 1
            if any(_hides(attributes, names) for attributes in attribute_lists):
                yield self._around(number, last, free, is_inner=bool(attribute_lists[-1]["indent"]))
            free = last + 1
            number = free

    def _attribute_lists(self, first: int) -> list[re.Match[str]]:
        """Return the lists of attributes on successive lines from `first` on, each on a line of its own."""
        attribute_lists: list[re.Match[str]] = []
        for number in range(first, len(self.lines)):
            match = _LIST_LINE.match(self.lines[number])
            if not match:
                break
            attribute_lists.append(match)
        return attribute_lists

    def _in_line(self, number: int, names: frozenset[str]) -> Iterator[Span]:
        """Yield the heading or the list item on a line if a list of attributes in the line hides it."""
        line = self.lines[number].rstrip()
        if line.lstrip(" >").startswith("#") and (match := _HEADING_END.search(line, max(len(line) - 530, 0))):
            if _hides(match, names):
                yield self._place(number, number)
        elif (match := _ITEM_LINE.match(line)) and _hides(match, names):
            first, last = self.item[number] or (number, number + 1)
            yield self._place(first, last - 1)

    def _around(self, first: int, last: int, free: int, *, is_inner: bool) -> Span:
        """Return the block of the attribute lists on these lines: the block before them, or else the block after."""
        owners = self.inner if is_inner else self.outer
        start, _ = owners[first] or (first, first)
        if start == first and first > free and self.has_words(first - 1):
            start, _ = owners[first - 1] or (first, first)
        start = max(start, free)
        if start < first:
            return self._place(start, last)
        if self.has_words(last + 1):
            _, stop = owners[last + 1] or (last, last + 1)
            return self._place(first, stop - 1)
        return self._place(first, last)

    def has_words(self, number: int) -> bool:
        """Whether there is a line with this number, and it is not blank."""
        is_line = 0 <= number < len(self.starts)
        return is_line and bool(self.body[self.starts[number] : self.stops[number]].strip(" \t>"))

    def spans(self) -> Iterator[Span]:
        """Yield the words in a line that a list of attributes hides; the list follows them directly."""
        low = 0
        position = 0
        while match := _SPAN.search(self.body, position):
            position = match.end()
            block = self.code_finder.at(match.start())
            if block and block.kind != "words":
                position = block.stop
            elif match["ticks"]:
                position = self.code_finder.after_span(match, block) if block else match.end()
            elif _hides(match):
                blank_line = self.body.rfind("\n\n", low, match.start())
                low = low if blank_line < 0 else blank_line + 2
                yield _span_start(self.body, low, match.start()), match.end()
                low = match.end()

    def exports(self) -> Iterator[Span]:
        """Yield the exports of MDX that continue after a blank line, where a block of Markdown would end."""
        position = 0
        for match in re.compile(r"^export\s", re.MULTILINE).finditer(self.body):
            block = self.code_finder.at(match.start())
            if match.start() < position or (block and block.kind != "words"):
                continue
            if EXPORT.match(self.body, match.start()):
                position = _end_of_code(self.body, match.start())
                if _BLANK_LINE.search(self.body, match.start(), position):
                    yield match.start(), position


def _has_hiding_option(code: str) -> bool:
    """Whether the options at the beginning of a cell say that it is not shown."""
    for line in code.split("\n", 20)[:20]:
        option = _OPTION_LINE.match(line[:1000])
        if not option:
            return False
        if _HIDING_LINE.match(option["option"]):
            return True
    return False


def _opens_hidden_div(words: str) -> bool:
    if words.startswith("{"):
        return _hides_div(read_attributes(words, lone=False))
    return _hides_div({"class": words.split(maxsplit=1)[0]})


def _span_start(body: str, low: int, stop: int) -> int:
    """Return where the span begins that ends at `stop`; `low` if that cannot be determined."""
    mark = body[stop - 1]
    if mark == ")":
        stop = _bracket_start(body, low, stop, "()")
        mark = body[stop - 1] if stop > low else ""
    if mark == "]":
        start = _bracket_start(body, low, stop, "[]")
        return start - 1 if start > low and body[start - 1] == "!" else start
    if not mark or mark == ")":
        return low
    run = body[low:stop]
    length = len(run) - len(run.rstrip(mark))
    return max(body.rfind(mark * length, low, stop - length), low)


def _bracket_start(body: str, low: int, stop: int, pair: str) -> int:
    depth = 0
    for place in range(stop - 1, low - 1, -1):
        depth += (body[place] == pair[1]) - (body[place] == pair[0])
        if not depth:
            return place
    return low


def _end_of_code(body: str, start: int) -> int:
    """Return the end of a JavaScript statement: the end of a line where no bracket is open, or the end of the body."""
    depth = 0
    for token in _CODE_TOKEN.finditer(body, start):
        depth += bool(token["open"]) - bool(token["close"])
        if token["line"] and depth <= 0:
            before = body[max(token.start() - 60, start) : token.start()]
            if not before.rstrip().endswith(("=", "=>", ",", "?")):
                return token.start()
    return len(body)
