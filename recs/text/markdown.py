"""Markdown, with what site generators add to it, to HTML.

To HTML rather than to text, because the two languages may enclose each other: one walk over the tree then treats them
alike.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections import defaultdict
from functools import cache
from typing import TYPE_CHECKING, Literal, NamedTuple

from recs.text.html import is_element

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token

# Highlighted code becomes a fence, so that what is in it stays as it is. Fences are matched to be left alone.
_HIGHLIGHT = re.compile(
    r"^[ ]{0,3}(?P<fence>`{3,}+|~{3,}+)[^\n]*+\n(?:.*?^[ ]{0,3}(?P=fence)|.*\Z)"
    r"|^[ \t]*(?:\{%-?\s*highlight\b[^\n%]*%\}|\{\{[<%]\s*highlight\b[^\n>%]*[>%]\}\})[ \t]*\n"
    r"(?P<code>.*?)(?:^[ \t]*(?:\{%-?\s*endhighlight\s*-?%\}|\{\{[<%]\s*/\s*highlight\s*[>%]\}\})[ \t]*$|\Z)",
    re.DOTALL | re.MULTILINE,
)
# What generators replace: Liquid, Jinja and Hugo tags, footnotes, attribute lists, tables of contents, JSX. Code spans
# are matched to be left alone. The lengths are bounded so that what is never closed is not looked for over and over.
_CODE_SPAN = r"(?P<span>(?<!`)(?P<ticks>`++).{1,2000}?(?<!`)(?P=ticks)(?!`))"
_TEMPLATE = re.compile(
    rf"{_CODE_SPAN}"
    r"|\{%-?\s*raw\s*-?%\}(?P<raw>.{0,4000}?)\{%-?\s*endraw\s*-?%\}"
    r"|\{\{<.{0,2000}?>\}\}|\{\{%.{0,2000}?%\}\}|\{%.{0,2000}?%\}"
    r"|\{\{-?\s*(?:content|include|layout|page|post|site|theme)\.[^{}]{0,500}\}\}"
    r"|(?<=\]\()\{\{[^{}]{0,500}\}\}"
    r"|^\[\^[^\]\s]{1,80}\]:[ \t]*|\[\^[^\]\s]{1,80}\]"
    r"|^\{:[^{}\n]*\}[ \t]*$|(?<=[)\]*_`])\{:\s*[.#\w][^{}\n]*\}|[ \t]\{#[\w-]+[^{}\n]*\}[ \t]*$"
    r"|^\[{1,2}TOC\]{1,2}[ \t]*$"
    r"|(?P<jsx>(?:(?<![\w&])<|</)(?P<component>[A-Z][\w.]*)"
    r"(?P<attributes>(?:[^<>{}\"']|\"[^\"]{0,2000}\"|'[^']{0,2000}'|\{(?:[^{}]|\{[^{}]{0,500}\}){0,500}\})*+)>)",
    re.DOTALL | re.MULTILINE,
)
# What Obsidian adds: links and embeds `![[note#part|words]]`, ids of blocks at the end of a line, marked words.
_OBSIDIAN = re.compile(
    rf"{_CODE_SPAN}"
    r"|(?P<embed>!?)\[\[(?P<name>[^\[\]|\n]{1,200}?)(?:\\?\|(?P<words>[^\[\]\n]{0,200}))?\]\](?![(\[])"
    r"|(?:^|[ \t])\^(?=[\d-]{0,99}[a-z])[a-z\d-]{1,99}[ \t]*$"
    r"|(?<![\w=])==(?=[^\s=])(?P<marked>(?:[^\n=]|=(?!=)){1,500}+)(?<=[^\s=])==(?![\w=])",
    re.DOTALL | re.MULTILINE | re.IGNORECASE | re.ASCII,
)
_MEDIA = re.compile(
    r"\.(?:png|jpe?g|gif|svg|webp|avif|bmp|mp[34]|m4a|og[gv]|wav|webm|mov|flac|3gp|mkv|pdf|canvas|base|excalidraw)$",
    re.IGNORECASE,
)
_CALLOUT = re.compile(r"\A\[![\w-]{1,50}(?:\|[^\[\]\n]{0,100})?\][+-]?[ \t]*(?P<title>[^\n]*)\n?")
# MDX takes a block that begins so for code.
_IMPORT = re.compile(r"import\s(?:[\w*{}\s,]{1,500}\sfrom\s+)?['\"][^'\"\n]+['\"];?[ \t]*(?:\n|$)")
EXPORT = re.compile(
    r"export\s+(?:(?:const|let|var)\s[^=\n]{1,200}=|(?:default\s+)?(?:(?:async\s+)?function|class)\b[^\n]*[({]"
    r"|default\s+(?:[({\[]|async\s*\(|[\w.]+\s*(?:\(|;|=>|\Z)))|export\s*\{|export\s+\*"
)
_CLOSED = re.compile(r"</([A-Z][\w.]*)\s*>")


def markdown_html(source: str) -> str:
    """Return the HTML of a Markdown text: CommonMark with tables and strikethrough.

    The tags of Hugo, Jekyll and MDX are left out and what stands between two of them is kept; marks of footnotes are
    left out too. Of Obsidian's links, embedded notes, callouts and marked words the words are kept. In code everything
    stays. Comments are not looked for: `recs.text.hidden.comments` takes them out before.
    """
    rendered: str = _parser().render(_HIGHLIGHT.sub(_fence, source), {"components": set(_CLOSED.findall(source))})
    return rendered


class Block(NamedTuple):
    """A block of a Markdown text: its characters, whole lines without the last line break, and the words of a fence."""

    start: int
    stop: int
    kind: Literal["fence", "indented", "words"]
    info: str


_KINDS: dict[str, Literal["fence", "indented", "words"]] = {
    "fence": "fence",
    "code_block": "indented",
    "inline": "words",
}
_LINE_END = re.compile("\r\n?|\n")
# How many characters may be read to find code anew, after comments that hold the beginning or the end of a fence.
_READINGS, _FREE = 3, 500_000
_MAY_HOLD_CODE = re.compile(r"`|~{3}|\\<|^(?: {4}| {0,3}\t)", re.MULTILINE)


class ParsedBlocks(NamedTuple):
    """The blocks of a Markdown text as tokens, and the places where its lines start and stop."""

    tokens: list[Token]
    starts: list[int]
    stops: list[int]


def parse_blocks(source: str) -> ParsedBlocks:
    """Return the tokens of the blocks of a Markdown text, its words not read."""
    parser = _parser()
    tokens: list[Token] = []
    parser.block.parse(_LINE_END.sub("\n", source).replace("\0", "\ufffd"), parser, {}, tokens)
    starts, stops = [0], []
    for end in _LINE_END.finditer(source):
        starts.append(end.end())
        stops.append(end.start())
    stops.append(len(source))
    return ParsedBlocks(tokens, starts, stops)


def source_blocks(source: str, offset: int = 0) -> list[Block]:
    """Return the blocks of code and of words, in their order; `offset` is added to every place."""
    tokens, starts, stops = parse_blocks(source)
    found = []
    for token in tokens:
        if token.type in _KINDS and token.map:
            first, last = token.map
            place = (starts[first] + offset, stops[max(last - 1, first)] + offset)
            found.append(Block(*place, _KINDS[token.type], token.info))
    return sorted(set(found))  # the cells of a row have one place


class CodeFinder:
    """Where the code of a Markdown body stands, and its words, which may hold spans of code."""

    def __init__(self, body: str) -> None:
        self.body, self.budget = body, _READINGS * len(body) + _FREE
        self.is_lost = False
        self.blocks: list[Block] = []
        self.starts: list[int] = []
        self.ticks: tuple[Block | None, dict[int, list[int]]] = (None, {})
        if _MAY_HOLD_CODE.search(body):
            self._read(0)

    def at(self, place: int) -> Block | None:
        """Return the block of code or of words around a place."""
        index = bisect_right(self.starts, place) - 1
        return self.blocks[index] if index >= 0 and place < self.blocks[index].stop else None

    def go_on(self, place: int) -> None:
        """Find code anew after what is hidden, if that ends in what seemed to be code."""
        block = self.at(place)
        if block and block.kind != "words" and block.start < place:
            self._read(place)

    def after_span(self, ticks: re.Match[str], block: Block) -> int:
        """Return where the code span that these backticks open ends, or where they end if they open none."""
        if self.ticks[0] is not block:
            found = defaultdict(list)
            for run in re.compile("`+").finditer(self.body, block.start, block.stop):
                found[len(run[0])].append(run.start())
            self.ticks = (block, found)
        length = len(ticks[0])
        starts = self.ticks[1].get(length, [])
        index = bisect_right(starts, ticks.start())
        return starts[index] + length if index < len(starts) else ticks.end()

    def _read(self, start: int) -> None:
        rest = self.body[start:]
        self.budget -= len(rest)
        self.is_lost = self.budget < 0  # then nothing is protected
        self.blocks = [] if self.is_lost else source_blocks(rest, start)
        self.starts = [block.start for block in self.blocks]


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    parser.core.ruler.after("block", "templates", _remove_templates)
    parser.core.ruler.after("templates", "obsidian", _read_obsidian)
    parser.core.ruler.after("inline", "generics", _keep_generics)
    return parser


def _fence(match: re.Match[str]) -> str:
    code = match["code"]
    if code is None:
        return match[0]
    fence = "`" * (max(map(len, re.findall("`+", code)), default=2) + 1)
    return f"{fence.ljust(3, '`')}\n{code.rstrip()}\n{fence.ljust(3, '`')}\n"


def _remove_templates(state: StateCore) -> None:
    components: set[str] = state.env["components"]
    for token in state.tokens:
        is_html = token.type == "html_block"
        if token.type != "inline" and not is_html:
            continue
        content = token.content
        if EXPORT.match(content):
            token.content = ""
            continue
        while found := _IMPORT.match(content):
            content = content[found.end() :]

        def replace(match: re.Match[str], is_html: bool = is_html) -> str:
            if match["span"] is not None:
                return match[0]
            if match["raw"] is not None:
                return match["raw"]
            if match["jsx"] is None or is_html:
                return "" if match["jsx"] is None or not is_element(match["component"]) else match[0]
            is_tag = match["component"] in components or re.search(r"=|\{|/$", match["attributes"])
            return "" if is_tag else match[0]

        token.content = _TEMPLATE.sub(replace, content)


def _read_obsidian(state: StateCore) -> None:
    """Make words of the marks of Obsidian, and of the callouts that GitHub has too."""
    before = ["", ""]
    for token in state.tokens:
        if token.type == "inline":
            if before == ["blockquote_open", "paragraph_open"]:
                token.content = _CALLOUT.sub(_callout_title, token.content, count=1)
            token.content = _OBSIDIAN.sub(_obsidian_words, token.content)
        before = [before[1], token.type]


def _callout_title(match: re.Match[str]) -> str:
    return f"{match['title']}  \n" if match["title"] else ""  # on a line of its own


def _obsidian_words(match: re.Match[str]) -> str:
    if match["span"] is not None:
        return match[0]
    if match["marked"] is not None:
        return match["marked"]
    if match["name"] is None:
        return ""
    if match["embed"] and _MEDIA.search(match["name"].partition("#")[0].strip()):
        return ""
    return wikilink_words(match["name"], match["words"] or "", is_embed=bool(match["embed"]))


def wikilink_words(name: str, words: str = "", *, is_embed: bool = False) -> str:
    """Return what a reader sees of `[[name#part|words]]`: its own words, else its name and part; no id of a block.

    Of an embed, `![[name|300]]`, words that are a size are none.
    """
    words = words.strip()
    if words and not (is_embed and re.fullmatch(r"\d+(?:x\d+)?", words)):
        return words
    parts = (part.strip() for part in name.split("#") if not part.startswith("^"))
    return " ".join(filter(None, parts))


def _keep_generics(state: StateCore) -> None:
    """Make text again of what is a tag to CommonMark and no element of HTML: the `<T>` of a programming language."""
    for token in state.tokens:
        for child in token.children or ():
            if child.type == "html_inline":
                name = re.match(r"</?([a-zA-Z][\w-]*)>?", child.content)
                if name and name[0].endswith(">") and "-" not in name[1] and not is_element(name[1]):
                    child.content = html.escape(child.content)
