"""The marks of what a body holds and is not shown, in the syntaxes of many tools, and of what protects it.

Every length is bounded, so that a search takes linear time. The code that reads them is `recs.text.hidden.comments`.
"""

import re
from functools import cache

from recs.items import Markup
from recs.text.hidden.tags import ASSIGNED, NEVER, TAGS

# Opening and closing of the comments that do not nest: HTML, PHP, ERB, Go, Handlebars, MDX, Liquid, Jinja, kramdown,
# CriticMarkup.
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
# The marks of template languages, which are replaced before anything else is read.
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
_OPAQUE = r"<(?P<opaque_name>script|style|textarea|title|xmp)(?=[\s>])"  # elements whose content is no markup
_BY_MARKUP: dict[Markup, dict[str, str]] = {
    "text": _MARKDOWN,  # without saying so
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
# A fence of these languages holds a question to Obsidian, which shows the answer in its place.
QUERY = re.compile(r"(?:dataviewjs|dataview|query|tasks|base)(?![\w-])", re.IGNORECASE)
# Of these, one that begins a line and is never closed hides the rest. The others are too likely to be text.
HIDES_REST = frozenset({"php", "erb_block", "go", "handlebars", "jsx", "critic", "obsidian"})

# What follows these is for members: Ghost, WordPress. Between the others stands what is for some readers.
PAYWALL = re.compile(r"<!--\s{0,9}(?:members-only|kg-paywall|wp:jetpack/paywall)\b", re.IGNORECASE)
GATED = re.compile(
    r"<!--\s{0,9}(?:kg-gated-block:begin(?![^<>]{0,200}nonMember:true)|wp:premium-content/subscriber-view\b)"
)
GATED_END = r"<!--\s{0,9}(?:kg-gated-block:end|/wp:premium-content/subscriber-view)[^<>]{0,200}-->"
# The id and the attributes of a heading, `{#id .class}`, and the tags of Svelte begin as a comment of Jinja does.
ATTRIBUTES = re.compile(
    r"\{#(?:(?:if|each|await|key|snippet)\s[^{}\n]{0,300}(?<!#)\}"
    r"|[\w:.-]{1,200}(?:[ \t]{1,9}(?:[.#][\w:-]{1,100}|[\w:-]{1,50}=(?:\"[^\"\n]{0,200}\"|'[^'\n]{0,200}'"
    r"|[^\s\"'{}]{1,200}))){0,20}[ \t]{0,9}\})"
)
# A comment as a definition of a link: `[//]: # (words)`. Its target is none; words that are not in quotes need one of
# these labels.
COMMENT_LABELS = frozenset({"//", "/", "#", "_", "-", ":", "comment", "comments", "_comment_", "hidden"})
_DEFINITION_HINT = (
    rf"\[\s{{0,9}}(?:{'|'.join(map(re.escape, sorted(COMMENT_LABELS)))})\s{{0,9}}\]:"
    r"|\[[^\[\]^\n][^\[\]\n]{0,79}\]:\s{0,9}(?:<>|<#>|#(?=\s))"
)
TARGET = re.compile(r"[ \t]{0,99}(?:\r?\n[ \t]{0,99})?(?P<none><>|<#>|#|//?)?(?=\s|\Z)[ \t]{0,99}(?:\r?\n[ \t]{0,99})?")
TITLE_ENDS = {mark: rf"{end}[ \t\r]{{0,99}}(?=\n|\Z)" for mark, end in {"(": r"\)", '"': '"', "'": "'"}.items()}
PARAGRAPH_END = r"\n(?=[ \t\r]{0,99}\n)"
PERCENT_LINES = re.compile(r"%[ \t][^\n]*+(?:\n%[ \t][^\n]*+)*+")
# What MyST writes and plain Markdown does not: directives, labels, roles. The fences of R Markdown look the same.
MYST = re.compile(
    r"^[ \t>]{0,20}(?:`{3,}|:{3,}|~{3,})\{(?!(?:r|python|julia|bash|sh|sql|stan|js|ojs|css|dot|mermaid|rcpp)\})"
    r"[a-z][\w:.-]{0,60}\}"
    r"|^\([\w:. -]{1,80}\)=[ \t]*$|\{[a-z][\w:-]{0,40}\}`[^`\s]",
    re.MULTILINE | re.IGNORECASE,
)
# A block of WordPress that is hidden, or that only some roles of users see.
HIDDEN_BLOCK = re.compile(r"<!--\s{0,9}wp:(?P<name>[a-z][\w/-]{0,80})\s", re.IGNORECASE)
HIDING_SETTING = re.compile(
    r"\"blockVisibility\"\s{0,9}:\s{0,9}false|\"hideBlock\"\s{0,9}:\s{0,9}true"
    r"|\"visibilityByRole\"\s{0,9}:\s{0,9}\"(?!all\"|public\"|logged-out\")"
)
BEGINS_LINE = re.compile(r"(?:[ \t>]|[-+*][ \t]|\d{1,9}[.)][ \t])*")
BEGINS_BLOCK = re.compile(r"\A\Z|(?:\A|\n)[ \t\r]*\n\Z")


@cache
def openings(markup: Markup, *, hiding: bool = False) -> re.Pattern[str]:
    """Return what matches the next mark in a body; with `hiding`, only those that may hide something."""
    kinds = {**TEMPLATES, **_BY_MARKUP[markup]}
    if hiding:
        kinds = {kind: mark for kind, mark in kinds.items() if kind not in SHOWING}
        kinds |= {"definition": _DEFINITION_HINT} if "definition" in kinds else {}
        kinds |= {"query": r"(?:`{3}|~{3})[ \t]{0,9}" + QUERY.pattern} if markup == "markdown" else {}
    marks = "|".join(f"(?P<{kind}>{mark})" for kind, mark in kinds.items())
    return re.compile(rf"(?=[<{{%`~\\\[])(?:{marks})", re.IGNORECASE)
