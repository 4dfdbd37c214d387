"""What a body holds and its author's tool does not show: comments, queries, parts for members.

The marks of many tools are looked for in every body, since a file seldom says which tool it is written for. Where a
mark may be a comment or may be text it is taken for a comment: what the author hid is never shown.
"""

import re
from collections.abc import Iterable

from recs.items import Markup, Span
from recs.text.hidden import marks
from recs.text.hidden.blocks import hidden_block_spans
from recs.text.hidden.tags import SELF_CLOSED, TAGS, TagFinder
from recs.text.markdown import Block, CodeFinder

Cut = tuple[int, int, str]

_NOT_LINE_END = re.compile(r"[^\r\n]")
_LONGEST_START = 60  # of a line, before a comment that is never closed


def comment_spans(body: str, markup: Markup) -> list[Span]:
    """Return what the author's tool hides in a body, as spans of characters: sorted, disjoint.

    In Markdown, code protects what is in it; of a code span and a comment the one that opens first wins. `{% raw %}`,
    and `<pre>` and `<code>` of HTML, protect the comments of template languages.

    Obsidian's `%%` opens a comment in Markdown where it does not follow a digit: "100%% sure" is text. Inside a line it
    has to be closed in its paragraph; one that begins a line may hide many, and the rest if it is never closed. In a
    text, which may be Markdown without saying so, it has to be closed on its line, or to stand alone on one.

    Cost: linear in the length of the body.
    """
    has_marks = marks.openings(markup, hiding=True).search(body)
    spans = _Scan(body, markup).spans() if has_marks else []
    return _merged([*spans, *hidden_block_spans(_masked(body, spans), markup)])


def remove_comments(body: str, markup: Markup) -> str:
    """Return a body without what its author's tool hides.

    Where that stood on lines of its own, the blocks around it stay apart; no blank line is added to those that were.
    """
    return cut(body, comment_cuts(body, markup))


def comment_cuts(body: str, markup: Markup) -> list[Cut]:
    """Return what to cut out of a body, the blank lines around comments included, each with what replaces it."""
    least = 0 if markup == "html" else 2  # a line break parts no blocks of HTML
    return [_widened(body, start, stop, least) for start, stop in comment_spans(body, markup)]


def cut(body: str, cuts: Iterable[Cut]) -> str:
    """Return a body with spans replaced; one that begins inside another goes with it."""
    pieces, position = [], 0
    for start, stop, fill in sorted(cuts):
        if start >= position:
            pieces += [body[position:start], fill]
        position = max(position, stop)
    return "".join([*pieces, body[position:]])


def _masked(body: str, spans: list[Span]) -> str:
    """Return a body with blanks in the place of comments, so that all that is left stands in its line and column.

    Where words follow in the line there are letters instead: blanks would make code of them by indenting them.
    """
    pieces = []
    for start, stop in spans:
        lines, line_end, last = body[start:stop].rpartition("\n")
        is_followed = bool(body[stop : stop + _LONGEST_START].partition("\n")[0].strip())
        fill = _NOT_LINE_END.sub(" ", lines) + line_end + ("x" if is_followed else " ") * len(last)
        pieces.append((start, stop, fill))
    return cut(body, pieces)


def _merged(spans: list[Span]) -> list[Span]:
    merged: list[Span] = []
    for start, stop in sorted(spans):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged


def _widened(body: str, start: int, stop: int, least: int) -> Cut:
    """Return a cut that takes the blank lines around a comment with it, if it stands on lines of its own."""
    first, last = start, stop
    while first and body[first - 1] in " \t\r\n":
        first -= 1
    while last < len(body) and body[last] in " \t\r\n":
        last += 1
    before, after = body.count("\n", first, start), body.count("\n", stop, last)
    is_whole = (before or not first) and (after or last == len(body))
    if not is_whole:
        return start, stop, ""
    next_line = max(body.rfind("\n", stop, last) + 1, stop)  # its indentation stays
    is_between = first and last < len(body)
    return first, next_line, "\n" * max(before, after, least) if is_between else ""


class _Scan:
    """One walk over a body, from each mark to where what it opens ends."""

    def __init__(self, body: str, markup: Markup) -> None:
        self.body, self.markup = body, markup
        self.code = CodeFinder(body if markup == "markdown" else "")
        self.tags = TagFinder(body)
        self.hidden: list[Span] = []
        self.shows_templates_until = 0
        self.is_myst: bool | None = None  # not known yet
        self.found: dict[str, re.Match[str] | None] = {}

    def spans(self) -> list[Span]:
        """Return the spans that are hidden."""
        position = 0
        opening = marks.openings(self.markup)
        while mark := opening.search(self.body, position):
            position = max(self._after(mark), mark.start() + 1)
        return self.hidden

    def _after(self, mark: re.Match[str]) -> int:
        """Return where to look on after a mark, and keep what it hides."""
        kind, start = mark.lastgroup or "", mark.start()
        block = self.code.at(start)
        if block and block.kind == "fence":
            if marks.QUERY.match(block.info.strip()):
                self.hidden.append((block.start, block.stop))
            return block.stop
        is_indented = block is not None and block.kind == "indented"
        if start < self.shows_templates_until if kind in marks.TEMPLATES else is_indented:
            return mark.end()
        if kind in marks.SHOWING and not (self.code.is_lost and self._opens_query(mark)):
            return self._after_shown(kind, mark, block if block and block.kind == "words" else None)
        stop = self._end(kind, mark)
        if stop is None:
            return start + 1 if kind == "definition" else mark.end()
        self.hidden.append((start, stop))
        self.code.go_on(stop)
        return stop

    def _after_shown(self, kind: str, mark: re.Match[str], words: Block | None) -> int:
        """Return where to look on after a mark of what is shown as it stands."""
        if kind == "ticks" and words:
            return self.code.after_span(mark, words)
        if kind == "escape" and not words:
            return mark.start() + 1
        if kind == "raw" and (end := self._next(marks.RAW_END, mark.end())):
            self.shows_templates_until = end.start()
        elif kind == "code_element":
            name = mark["code_name"].lower()
            end, other = self._next(f"</{name}", mark.end()), self._next(rf"<{name}(?=[\s>])", mark.end())
            if end and not (other and other.start() < end.start()):
                self.shows_templates_until = max(end.start(), self.shows_templates_until)
        elif kind in ("highlight", "opaque"):
            closing = marks.HIGHLIGHT_END if kind == "highlight" else rf"</{mark['opaque_name'].lower()}(?=[\s/>])"
            if end := self._next(closing, mark.end()):
                self.code.go_on(end.end())
                return end.end()
        return mark.end()

    def _end(self, kind: str, mark: re.Match[str]) -> int | None:
        """Return the end of what a mark hides; None where it is text."""
        if kind in TAGS or kind in ("never", "assigned"):
            return self._end_tag(kind, mark)
        special = {
            "html": self._end_of_html,
            "obsidian": self._end_of_obsidian,
            "definition": self._end_of_definition,
            "percent": self._end_of_lines,
            "ticks": self._end_of_query,
            "tildes": self._end_of_query,
        }
        return special[kind](mark) if kind in special else self._end_of_pair(kind, mark)

    def _end_of_pair(self, kind: str, mark: re.Match[str]) -> int | None:
        if kind == "jinja" and marks.ATTRIBUTES.match(self.body, mark.start()):
            return None
        is_whole = kind == "kramdown" and mark[0].endswith("/}")
        end = mark if is_whole else self._next(marks.PAIRS[kind][1], mark.end())
        if kind == "handlebars" and not end:
            end = self._next(marks.PAIRS["mustache"][1], mark.end())
        if end:
            return end.end()
        if kind == "kramdown":
            return self._rest_after_tag(mark)
        return self._rest(mark) if kind in marks.HIDES_REST else None

    def _opens_query(self, mark: re.Match[str]) -> bool:
        info = self.body[mark.end() : mark.end() + _LONGEST_START].lstrip(" \t")
        return mark[0][:3] in ("```", "~~~") and bool(marks.QUERY.match(info))

    def _end_of_query(self, mark: re.Match[str]) -> int:
        end = self._next(mark[0][:3], mark.end())
        return end.end() if end else len(self.body)

    def _end_of_lines(self, mark: re.Match[str]) -> int | None:
        if self.is_myst is None:
            self.is_myst = bool(marks.MYST.search(self.body))
        if not self.is_myst:
            return None
        before = self.body[max(mark.start() - _LONGEST_START, 0) : mark.start()]
        lines = marks.BEGINS_BLOCK.search(before) and marks.PERCENT_LINES.match(self.body, mark.start())
        return lines.end() if lines else None

    def _next(self, closing: str, start: int) -> re.Match[str] | None:
        """Return the next match of a pattern. Starts only grow, so that each part of the body is searched once."""
        found = self.found.get(closing)
        if closing not in self.found or (found and found.start() < start):
            self.found[closing] = found = re.compile(closing, re.IGNORECASE).search(self.body, start)
        return found

    def _rest(self, mark: re.Match[str]) -> int | None:
        """Return the end of the body for a comment that is never closed, if it begins a line."""
        return len(self.body) if self._begins_line(mark.start()) else None

    def _rest_after_tag(self, mark: re.Match[str]) -> int | None:
        """Return the end of the body for a comment of a tag that is never closed; a text may only speak of the tag."""
        return self._rest(mark) if self.markup == "text" else len(self.body)

    def _begins_line(self, start: int) -> bool:
        """Whether nothing but marks of quotes and lists stands before a place in its line."""
        before = self.body[max(start - _LONGEST_START, 0) : start]
        is_seen = "\n" in before or start <= _LONGEST_START
        return is_seen and bool(marks.BEGINS_LINE.fullmatch(before.rpartition("\n")[2]))

    def _end_of_html(self, mark: re.Match[str]) -> int | None:
        body, start = self.body, mark.end()
        if body.startswith((">", "->"), start):
            return body.index(">", start) + 1
        end = self._next(marks.PAIRS["html"][1], start)
        if not end:
            return len(body) if self.markup == "html" else self._rest(mark) if self.markup == "markdown" else None
        if marks.PAYWALL.match(body, mark.start()):
            return len(body)
        block = marks.HIDDEN_BLOCK.match(body, mark.start(), end.end())
        if block and marks.HIDING_SETTING.search(body, mark.start(), end.start()):
            is_alone = body[end.start() - 1] == "/"
            stop = self.tags.end("block", block["name"].lower(), end.end())
            return end.end() if is_alone else len(body) if stop is None else stop
        if marks.GATED.match(body, mark.start()):
            end = self._next(marks.GATED_END, start)
        return end.end() if end else len(body)

    def _end_tag(self, kind: str, mark: re.Match[str]) -> int | None:
        """Return the end of a comment between two tags, which may hold comments of the same name."""
        if kind == "never":
            return self.tags.end("branch", "", mark.end())
        name = mark[f"{kind}_name"].lower()
        if mark[f"{kind}_end"]:
            return None if kind == "wordpress" else mark.end()
        if mark[0].endswith(SELF_CLOSED):
            return mark.end()
        end = self.tags.end(kind, name, mark.end())
        is_comment = kind == "liquid" and name == "comment"
        return self._rest_after_tag(mark) if end is None and is_comment else end

    def _end_of_obsidian(self, mark: re.Match[str]) -> int | None:
        start, stop = mark.span()
        if start and self.body[start - 1].isdigit():
            return None
        end = self._next(marks.PERCENTS, stop)
        if self.markup == "markdown":
            if not self._begins_line(start):
                paragraph = self._next(marks.PARAGRAPH_END, stop)
                return None if not end or (paragraph and paragraph.start() < end.start()) else end.end()
            return end.end() if end else len(self.body)
        is_alone = self._begins_line(start) and not self.body[stop : stop + _LONGEST_START].partition("\n")[0].strip()
        return end.end() if end and (is_alone or "\n" not in self.body[stop : end.start()]) else None

    def _end_of_definition(self, mark: re.Match[str]) -> int | None:
        body = self.body
        target = marks.TARGET.match(body, mark.end())
        if not target or not self._begins_line(mark.start()):
            return None
        quote = body[target.end() : target.end() + 1]
        is_quoted = quote in marks.TITLE_ENDS
        is_named = " ".join(mark["label"].lower().split()) in marks.COMMENT_LABELS
        if not target["none"] or not (is_named or (is_quoted and target["none"] in ("<>", "<#>", "#"))):
            return None
        line_end = body.find("\n", mark.end())
        if is_quoted:
            title = self._next(marks.TITLE_ENDS[quote], target.end() + 1)
            paragraph = self._next(marks.PARAGRAPH_END, target.end())
            line_end = paragraph.start() if paragraph else -1
            if title and (line_end < 0 or title.start() < line_end):
                return title.end()
        return line_end if line_end >= 0 else len(body)
