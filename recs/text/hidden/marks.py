"""Patterns for the marks that hide text, in the syntaxes of many tools, and for the marks that protect text.

Every length is bounded, so that a search takes linear time. `recs.text.hidden.comments` uses these patterns.
"""

import re
from functools import cache

from recs.items import Markup
from recs.text.hidden.tags import ASSIGNED, NEVER, TAGS

# The opening and the closing mark of comments that do not nest: HTML, PHP, ERB, Go, Handlebars, MDX, Liquid, Jinja,
# kramdown, CriticMarkup.
PAIRS = {
    "html": ("<!--", "--!?>"),
    "php": (r"<\?(?:php\b|=)", r"\?>"),
    "erb_block": ("<%--", "--%>"),
    "erb": ("<%#", "%>"),
    "go": (r"\{\{-?\s{0,9}/\*", r"\*/\s{0,9}-?\}\}"),
    "handlebars": (r"\{\{~?!--", r"--~?\}\}"),
    "mustache": (r"\{\{~?!", r"\}\}"),
    "jsx": (r"\{\s{0,9}/\*", r"\*/\s{0,9}\}"),
    "inline": (r"\{%-?\s{0,9}#", r"%\}"),
    "jinja": (r"(?<![{$])\{#", r"#\}"),
    "kramdown": (r"\{::comment\b[^{}\n]{0,200}\}", r"\{:/(?:comment)?\}"),
    "critic": (r"\{>>", r"<<\}"),
    "deleted": (r"\{--", r"--\}"),
}
PERCENTS = "%%+"
_OF_TEMPLATES = ("go", "handlebars", "jsx", "inline", "jinja", "erb_block", "erb")
# The marks of template languages. Their tools replace them before they read anything else.
TEMPLATES = {
    "raw": r"\{%-?\s{0,9}(?:raw|verbatim)\s{0,9}-?%\}",
    "highlight": r"\{%-?\s{0,9}highlight\b[^{}%\n]{0,200}%\}|\{\{[<%]\s{0,9}highlight\b[^{}\n]{0,200}[>%]\}\}",
    **TAGS,
    "never": NEVER,
    "assigned": ASSIGNED,
    **{kind: PAIRS[kind][0] for kind in _OF_TEMPLATES},
}
RAW_END = r"\{%-?\s{0,9}end(?:raw|verbatim)\s{0,9}-?%\}"
HIGHLIGHT_END = r"\{%-?\s{0,9}endhighlight\s{0,9}-?%\}|\{\{[<%]\s{0,9}/\s{0,9}highlight\s{0,9}[>%]\}\}"
_MARKDOWN = {
    "html": PAIRS["html"][0],
    "obsidian": PERCENTS,
    "definition": r"\[(?P<label>[^\[\]^\n][^\[\]\n]{0,79})\]:",
    **{kind: PAIRS[kind][0] for kind in ("kramdown", "critic", "deleted")},
}
_OPAQUE = r"<(?P<opaque_name>script|style|textarea|title|xmp)(?=[\s>])"  # elements whose content is not markup
_BY_MARKUP: dict[Markup, dict[str, str]] = {
    "text": _MARKDOWN,  # a text of unknown markup may be Markdown
    "html": {
        **{kind: PAIRS[kind][0] for kind in ("html", "php", "kramdown", "mustache")},
        "opaque": _OPAQUE,
        "code_element": r"<(?P<code_name>pre|code|kbd|samp)(?=[\s>])",
    },
    "markdown": {
        **_MARKDOWN,
        "php": PAIRS["php"][0],
        "opaque": _OPAQUE,
        "percent": "%(?=[ \t])",  # a line of MyST
        "ticks": "`+",
        "tildes": "~{3,}",
        "escape": r"\\[\\`<]",
    },
}
SHOWING = frozenset({"raw", "highlight", "opaque", "code_element", "ticks", "tildes", "escape"})  # these hide nothing
# A fence in one of these languages holds a query. Obsidian shows the result in its place.
QUERY = re.compile(r"(?:dataviewjs|dataview|query|tasks|base)(?![\w-])", re.IGNORECASE)
# A comment of these kinds that begins a line and is never closed hides the rest. The others are too likely to be text.
HIDES_REST = frozenset({"php", "erb_block", "go", "handlebars", "jsx", "critic", "obsidian"})

# All text after these marks is for members only (Ghost, WordPress).
PAYWALL = re.compile(r"<!--\s{0,9}(?:members-only|kg-paywall|wp:jetpack/paywall)\b", re.IGNORECASE)
# The text between these two marks is for some readers only.
GATED = re.compile(
    r"<!--\s{0,9}(?:kg-gated-block:begin(?![^<>]{0,200}nonMember:true)|wp:premium-content/subscriber-view\b)"
)
GATED_END = r"<!--\s{0,9}(?:kg-gated-block:end|/wp:premium-content/subscriber-view)[^<>]{0,200}-->"
# The attributes of a heading, `{#id .class}`, and the tags of Svelte begin like a comment of Jinja.
ATTRIBUTES = re.compile(
    r"\{#(?:(?:if|each|await|key|snippet)\s[^{}\n]{0,300}(?<!#)\}"
    r"|[\w:.-]{1,200}(?:[ \t]{1,9}(?:[.#][\w:-]{1,100}|[\w:-]{1,50}=(?:\"[^\"\n]{0,200}\"|'[^'\n]{0,200}'"
    r"|[^\s\"'{}]{1,200}))){0,20}[ \t]{0,9}\})"
)
# A comment that is written as a link definition: `[//]: # (words)`. Its target is empty. If the words are not in
# quotes, its label must be one of these.
COMMENT_LABELS = frozenset({"//", "/", "#", "_", "-", ":", "comment", "comments", "_comment_", "hidden"})
_DEFINITION_HINT = (
    rf"\[\s{{0,9}}(?:{'|'.join(map(re.escape, sorted(COMMENT_LABELS)))})\s{{0,9}}\]:"
    r"|\[[^\[\]^\n][^\[\]\n]{0,79}\]:\s{0,9}(?:<>|<#>|#(?=\s))"
)
TARGET = re.compile(r"[ \t]{0,99}(?:\r?\n[ \t]{0,99})?(?P<none><>|<#>|#|//?)?(?=\s|\Z)[ \t]{0,99}(?:\r?\n[ \t]{0,99})?")
TITLE_ENDS = {mark: rf"{end}[ \t\r]{{0,99}}(?=\n|\Z)" for mark, end in {"(": r"\)", '"': '"', "'": "'"}.items()}
PARAGRAPH_END = r"\n(?=[ \t\r]{0,99}\n)"
PERCENT_LINES = re.compile(r"%[ \t][^\n]*+(?:\n%[ \t][^\n]*+)*+")
# Syntax of MyST that plain Markdown does not have: directives, labels, roles. The fences of R Markdown look similar.
MYST = re.compile(
    r"^[ \t>]{0,20}(?:`{3,}|:{3,}|~{3,})\{(?!(?:r|python|julia|bash|sh|sql|stan|js|ojs|css|dot|mermaid|rcpp)\})"
    r"[a-z][\w:.-]{0,60}\}"
    r"|^\([\w:. -]{1,80}\)=[ \t]*$|\{[a-z][\w:-]{0,40}\}`[^`\s]",
    re.MULTILINE | re.IGNORECASE,
)
# A WordPress block that is hidden, or that only users with some roles see.
HIDDEN_BLOCK = re.compile(r"<!--\s{0,9}wp:(?P<name>[a-z][\w/-]{0,80})\s", re.IGNORECASE)
HIDING_SETTING = re.compile(
    r"\"blockVisibility\"\s{0,9}:\s{0,9}false|\"hideBlock\"\s{0,9}:\s{0,9}true"
    r"|\"visibilityByRole\"\s{0,9}:\s{0,9}\"(?!all\"|public\"|logged-out\")"
)
BEGINS_LINE = re.compile(r"(?:[ \t>]|[-+*][ \t]|\d{1,9}[.)][ \t])*")
BEGINS_BLOCK = re.compile(r"\A\Z|(?:\A|\n)[ \t\r]*\n\Z")


@cache
def openings(markup: Markup, *, hiding: bool = False) -> re.Pattern[str]:
    """Return a pattern that matches the next mark in a body; with `hiding`, only marks that may hide something."""
    kinds = {**TEMPLATES, **_BY_MARKUP[markup]}
    if hiding:
        kinds = {kind: mark for kind, mark in kinds.items() if kind not in SHOWING}
        kinds |= {"definition": _DEFINITION_HINT} if "definition" in kinds else {}
        kinds |= {"query": r"(?:`{3}|~{3})[ \t]{0,9}" + QUERY.pattern} if markup == "markdown" else {}
    return re.compile("|".join(f"(?P<{kind}>{mark})" for kind, mark in kinds.items()), re.IGNORECASE)


_FIRST_CHARACTER = re.compile(r"[<{%`~\\\[]")  # of every mark


def next_opening(pattern: re.Pattern[str], body: str, start: int = 0) -> re.Match[str] | None:
    """Return the first match from a position of a pattern that `openings` made.

    The few places with a possible first character are found first: that is much faster than to try the whole pattern at
    every character.
    """
    candidates = _FIRST_CHARACTER.finditer(body, start)
    return next((mark for place in candidates if (mark := pattern.match(body, place.start()))), None)
