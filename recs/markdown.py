"""Markdown, with what site generators add to it, to HTML.

To HTML rather than to text, because the two languages may enclose each other: one walk over the tree then treats them
alike.
"""

from __future__ import annotations

import html
import re
from functools import cache
from typing import TYPE_CHECKING

from recs.html import is_element

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.rules_core import StateCore

# Highlighted code becomes a fence, so that what is in it stays as it is. Fences are matched to be left alone.
_HIGHLIGHT = re.compile(
    r"^[ ]{0,3}(?P<fence>`{3,}+|~{3,}+)[^\n]*+\n(?:.*?^[ ]{0,3}(?P=fence)|.*\Z)"
    r"|^[ \t]*(?:\{%-?\s*highlight\b[^\n%]*%\}|\{\{[<%]\s*highlight\b[^\n>%]*[>%]\}\})[ \t]*\n"
    r"(?P<code>.*?)(?:^[ \t]*(?:\{%-?\s*endhighlight\s*-?%\}|\{\{[<%]\s*/\s*highlight\s*[>%]\}\})[ \t]*$|\Z)",
    re.DOTALL | re.MULTILINE,
)
# What generators replace: Liquid, Jinja and Hugo tags, footnotes, attribute lists, tables of contents, JSX. Code spans
# are matched to be left alone. The lengths are bounded so that what is never closed is not looked for over and over.
_TEMPLATE = re.compile(
    r"(?P<span>(?<!`)(?P<ticks>`++).{1,2000}?(?<!`)(?P=ticks)(?!`))"
    r"|\{%-?\s*raw\s*-?%\}(?P<raw>.{0,4000}?)\{%-?\s*endraw\s*-?%\}"
    r"|\{\{<.{0,2000}?>\}\}|\{\{%.{0,2000}?%\}\}|\{%.{0,2000}?%\}|\{\{/\*.{0,2000}?\*/\}\}|\{/\*.{0,2000}?\*/\}"
    r"|\{\{-?\s*(?:content|include|layout|page|post|site|theme)\.[^{}]{0,500}\}\}"
    r"|(?<=\]\()\{\{[^{}]{0,500}\}\}"
    r"|^\[\^[^\]\s]{1,80}\]:[ \t]*|\[\^[^\]\s]{1,80}\]"
    r"|^\{:[^{}\n]*\}[ \t]*$|(?<=[)\]*_`])\{:\s*[.#\w][^{}\n]*\}|[ \t]\{#[\w-]+[^{}\n]*\}[ \t]*$"
    r"|^\[{1,2}TOC\]{1,2}[ \t]*$"
    r"|(?P<jsx>(?:(?<![\w&])<|</)(?P<component>[A-Z][\w.]*)"
    r"(?P<attributes>(?:[^<>{}\"']|\"[^\"]{0,2000}\"|'[^']{0,2000}'|\{(?:[^{}]|\{[^{}]{0,500}\}){0,500}\})*+)>)",
    re.DOTALL | re.MULTILINE,
)
# MDX takes a block that begins so for code.
_IMPORT = re.compile(r"import\s(?:[\w*{}\s,]{1,500}\sfrom\s+)?['\"][^'\"\n]+['\"];?[ \t]*(?:\n|$)")
_EXPORT = re.compile(
    r"export\s+(?:(?:const|let|var)\s[^=\n]{1,200}=|(?:default\s+)?(?:(?:async\s+)?function|class)\b[^\n]*[({]"
    r"|default\s+(?:[({\[]|async\s*\(|[\w.]+\s*(?:\(|;|=>|\Z)))|export\s*\{|export\s+\*"
)
_CLOSED = re.compile(r"</([A-Z][\w.]*)\s*>")


def markdown_html(source: str) -> str:
    """Return the HTML of a Markdown text: CommonMark with tables and strikethrough.

    The tags of Hugo, Jekyll and MDX are left out and what stands between two of them is kept; marks of footnotes are
    left out too. In code everything stays.
    """
    rendered: str = _parser().render(_HIGHLIGHT.sub(_fence, source), {"components": set(_CLOSED.findall(source))})
    return rendered


@cache
def _parser() -> MarkdownIt:
    from markdown_it import MarkdownIt

    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    parser.core.ruler.after("block", "templates", _remove_templates)
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
        if _EXPORT.match(content):
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


def _keep_generics(state: StateCore) -> None:
    """Make text again of what is a tag to CommonMark and no element of HTML: the `<T>` of a programming language."""
    for token in state.tokens:
        for child in token.children or ():
            if child.type == "html_inline":
                name = re.match(r"</?([a-zA-Z][\w-]*)>?", child.content)
                if name and name[0].endswith(">") and "-" not in name[1] and not is_element(name[1]):
                    child.content = html.escape(child.content)
