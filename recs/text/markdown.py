"""Turns Markdown, with the extensions of site generators, into HTML.

The result is HTML and not text, because Markdown and HTML may enclose each other. One walk over the tree of the HTML
then treats both alike.
"""

from __future__ import annotations

import html
import re
from bisect import bisect_right
from collections import defaultdict
from functools import cache, partial
from typing import TYPE_CHECKING, Literal, NamedTuple

from recs.text.html_elements import is_element

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore
    from markdown_it.token import Token

# Highlighted code becomes a fence, so that its content stays as it is. Fences are matched to leave them alone.
_HIGHLIGHT = re.compile(
    r"^[ ]{0,3}(?P<fence>`{3,}+|~{3,}+)[^\n]*+\n(?:.*?^[ ]{0,3}(?P=fence)|.*\Z)"
    r"|^[ \t]*(?:\{%-?\s*highlight\b[^\n%]*%\}|\{\{[<%]\s*highlight\b[^\n>%]*[>%]\}\})[ \t]*\n"
    r"(?P<code>.*?)(?:^[ \t]*(?:\{%-?\s*endhighlight\s*-?%\}|\{\{[<%]\s*/\s*highlight\s*[>%]\}\})[ \t]*$|\Z)",
    re.DOTALL | re.MULTILINE,
)
# What site generators replace: tags of Liquid, Jinja and Hugo, footnotes, attribute lists, tables of contents, JSX.
# Code spans are matched to leave them alone. The lengths are bounded, so that many tags that are never closed cost no
# more than linear time.
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
# The extensions of Obsidian: links and embeds `![[note#part|words]]`, block ids at the end of a line, marked words.
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
# MDX takes a block for code if it begins with an import or an export.
_IMPORT = re.compile(r"import\s(?:[\w*{}\s,]{1,500}\sfrom\s+)?['\"][^'\"\n]+['\"];?[ \t]*(?:\n|$)")
EXPORT = re.compile(
    r"export\s+(?:(?:const|let|var)\s[^=\n]{1,200}=|(?:default\s+)?(?:(?:async\s+)?function|class)\b[^\n]*[({]"
    r"|default\s+(?:[({\[]|async\s*\(|[\w.]+\s*(?:\(|;|=>|\Z)))|export\s*\{|export\s+\*"
)
_CLOSED = re.compile(r"</([A-Z][\w.]*)\s*>")


def markdown_html(source: str) -> str:
    """Return the HTML of a Markdown text: CommonMark with tables and strikethrough.

    The tags of Hugo, Jekyll and MDX are left out, but the text between two tags is kept. Footnote marks are left out
    too. The words of Obsidian's links, embedded notes, callouts and marked words are kept. Code stays as it is.
    Comments are not removed here; call `recs.text.hidden.comments.remove_comments` before.

    Examples
    --------
    >>> markdown_html("See [[Garlic|my garlic]].[^1]")
    '<p>See my garlic.</p>\\n'
    """
    rendered: str = _parser().render(_HIGHLIGHT.sub(_fence, source), {"components": set(_CLOSED.findall(source))})
    return rendered


class Block(NamedTuple):
    """A block of a Markdown text: the lines source[start:stop], its kind, and the info string if it is a fence."""

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
# A comment may hold the beginning or the end of a fence. After it, code is searched for again, as long as all searches
# together read at most so many times the body, plus so many characters.
_READINGS = 3
_FREE = 500_000
_MAY_HOLD_CODE = re.compile(r"`|~{3}|\\<|^(?: {4}| {0,3}\t)", re.MULTILINE)


class ParsedBlocks(NamedTuple):
    """The blocks of a Markdown text as tokens, and the positions where its lines start and stop."""

    tokens: list[Token]
    starts: list[int]
    stops: list[int]


def parse_blocks(source: str) -> ParsedBlocks:
    """Return the tokens of the blocks of a Markdown text. The words inside the blocks are not parsed."""
    parser = _parser()
    tokens: list[Token] = []
    parser.block.parse(_LINE_END.sub("\n", source).replace("\0", "\ufffd"), parser, {}, tokens)
    starts = [0]
    stops = []
    for end in _LINE_END.finditer(source):
        starts.append(end.end())
        stops.append(end.start())
    stops.append(len(source))
    return ParsedBlocks(tokens, starts, stops)


def source_blocks(source: str, offset: int = 0) -> list[Block]:
    """Return the blocks of code and of words, in their order; `offset` is added to every position.

    Examples
    --------
    >>> source_blocks("Run:\\n\\n```sh\\nmake\\n```")
    [Block(start=0, stop=4, kind='words', info=''), Block(start=6, stop=20, kind='fence', info='sh')]
    """
    tokens, starts, stops = parse_blocks(source)
    blocks = []
    for token in tokens:
        if token.type in _KINDS and token.map:
            first, last = token.map
            start = starts[first] + offset
            stop = stops[max(last - 1, first)] + offset
            blocks.append(Block(start, stop, _KINDS[token.type], token.info))
    return sorted(set(blocks))  # all cells of a row have the position of the row


class CodeFinder:
    """The positions of the code in a Markdown body, and of its words, which may hold code spans.

    Examples
    --------
    >>> finder = CodeFinder("Run:\\n\\n```sh\\nmake\\n```")
    >>> finder.at(10).kind, finder.at(0).kind
    ('fence', 'words')
    """

    def __init__(self, body: str) -> None:
        self.body = body
        self.budget = _READINGS * len(body) + _FREE
        self.is_lost = False
        self.blocks: list[Block] = []
        self.starts: list[int] = []
        self.ticks: tuple[Block | None, dict[int, list[int]]] = (None, {})
        if _MAY_HOLD_CODE.search(body):
            self._read(0)

    def at(self, place: int) -> Block | None:
        """Return the block of code or of words around a position."""
        index = bisect_right(self.starts, place) - 1
        return self.blocks[index] if index >= 0 and place < self.blocks[index].stop else None

    def go_on(self, place: int) -> None:
        """Search for code again after a hidden part, if that part ends in what seemed to be code."""
        block = self.at(place)
        if block and block.kind != "words" and block.start < place:
            self._read(place)

    def after_span(self, ticks: re.Match[str], block: Block) -> int:
        """Return the end of the code span that these backticks open; their own end if they do not open one."""
        if self.ticks[0] is not block:
            starts_by_length = defaultdict(list)
            for run in re.compile("`+").finditer(self.body, block.start, block.stop):
                starts_by_length[len(run[0])].append(run.start())
            self.ticks = (block, starts_by_length)
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
        while statement := _IMPORT.match(content):
            content = content[statement.end() :]

        token.content = _TEMPLATE.sub(partial(_template_text, components=components, is_html=is_html), content)


def _template_text(match: re.Match[str], *, components: set[str], is_html: bool) -> str:
    """Return what is left of a tag of a site generator; `components` are the JSX elements that the text closes."""
    if match["span"] is not None:
        return match[0]
    if match["raw"] is not None:
        return match["raw"]
    if match["jsx"] is None:
        return ""
    if is_html:
        return match[0] if is_element(match["component"]) else ""
    is_tag = match["component"] in components or re.search(r"=|\{|/$", match["attributes"])
    return "" if is_tag else match[0]


def _read_obsidian(state: StateCore) -> None:
    """Replace Obsidian's marks, and the callouts that GitHub has too, by their words."""
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
    """Return what a reader sees of `[[name#part|words]]`: its words, or without words its name and part.

    The id of a block, `#^id`, is not shown. In an embed, `![[name|300]]`, a size is not words.

    Examples
    --------
    >>> wikilink_words("Garlic#Harvest"), wikilink_words("Garlic", "this plant")
    ('Garlic Harvest', 'this plant')
    """
    words = words.strip()
    if words and not (is_embed and re.fullmatch(r"\d+(?:x\d+)?", words)):
        return words
    parts = (part.strip() for part in name.split("#") if not part.startswith("^"))
    return " ".join(filter(None, parts))


def _keep_generics(state: StateCore) -> None:
    """Turn a tag back into text if HTML has no such element, such as the `<T>` of a programming language."""
    for token in state.tokens:
        for child in token.children or ():
            if child.type == "html_inline":
                name = re.match(r"</?([a-zA-Z][\w-]*)>?", child.content)
                if name and name[0].endswith(">") and "-" not in name[1] and not is_element(name[1]):
                    child.content = html.escape(child.content)
