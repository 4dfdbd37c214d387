"""Finds the parts of a body that its author's tool does not show: comments, queries, parts for members.

Every body is searched for the marks of many tools, because a file seldom tells which tool it was written for. If a mark
may be a comment or text, it is taken for a comment, so that hidden text is never shown.
"""

import re

from recs.items import Markup, Span
from recs.text.hidden import marks
from recs.text.hidden.blocks import hidden_block_spans
from recs.text.hidden.cuts import Cut, cut, masked, merged, widened
from recs.text.hidden.tags import SELF_CLOSED, TAGS, TagFinder
from recs.text.markdown import Block, CodeFinder

_LONGEST_START = 60  # characters at the beginning of a line, before a comment


def comment_spans(body: str, markup: Markup) -> list[Span]:
    """Return the spans of a body that the author's tool hides, sorted and disjoint.

    In Markdown, code protects its content. If a code span and a comment overlap, the one that opens first wins.
    `{% raw %}` protects the comments of template languages, and so do `<pre>` and `<code>` in HTML.

    In Markdown, Obsidian's `%%` opens a comment unless it follows a digit: "100%% sure" is text. Inside a line, it must
    be closed in the same paragraph. At the beginning of a line, it may hide many lines; if it is never closed, it hides
    the rest. In a text, which may be Markdown, it must be closed on its line, or stand on a line of its own.

    Cost: linear in the length of the body.

    Examples
    --------
    >>> comment_spans("Plant it. <!-- check this --> Water it.", "markdown")
    [(10, 29)]
    """
    has_marks = marks.next_opening(marks.openings(markup, hiding=True), body)
    spans = _Scan(body, markup).spans() if has_marks else []
    return merged([*spans, *hidden_block_spans(masked(body, spans), markup)])


def remove_comments(body: str, markup: Markup) -> str:
    """Return a body without the parts that its author's tool hides.

    If a hidden part was on lines of its own, the blocks before and after it stay separate blocks.

    Examples
    --------
    >>> remove_comments("Plant it. <!-- check this -->Water it.", "markdown")
    'Plant it. Water it.'
    """
    return cut(body, comment_cuts(body, markup))


def comment_cuts(body: str, markup: Markup) -> list[Cut]:
    """Return the cuts that remove the comments from a body and the blank lines around them."""
    least = 0 if markup == "html" else 2  # in HTML, line breaks do not separate blocks
    return [widened(body, start, stop, least) for start, stop in comment_spans(body, markup)]


class _Scan:
    """One walk over a body, which goes from each mark to the end of what the mark opens."""

    def __init__(self, body: str, markup: Markup) -> None:
        self.body = body
        self.markup = markup
        self.code = CodeFinder(body if markup == "markdown" else "")
        self.tags = TagFinder(body)
        self.hidden: list[Span] = []
        self.shows_templates_until = 0
        self.is_myst: bool | None = None  # None until it is needed
        self.next_matches: dict[str, re.Match[str] | None] = {}

    def spans(self) -> list[Span]:
        """Return the spans that are hidden."""
        position = 0
        opening = marks.openings(self.markup)
        while mark := marks.next_opening(opening, self.body, position):
            position = max(self._after(mark), mark.start() + 1)
        return self.hidden

    def _after(self, mark: re.Match[str]) -> int:
        """Return the position after a mark where the search continues, and keep the span that the mark hides."""
        kind, start = mark.lastgroup or "", mark.start()
        block = self.code.at(start)
        if block and block.kind == "fence":
            if marks.QUERY.match(block.info.strip()):
                self.hidden.append((block.start, block.stop))
            return block.stop
        is_indented = block is not None and block.kind == "indented"
        is_protected = start < self.shows_templates_until if kind in marks.TEMPLATES else is_indented
        if is_protected:
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
        """Return the position where the search continues after a mark that hides nothing."""
        if kind == "ticks" and words:
            return self.code.after_span(mark, words)
        if kind == "escape" and not words:
            return mark.start() + 1
        if kind == "raw" and (end := self._next(marks.RAW_END, mark.end())):
            self.shows_templates_until = end.start()
        elif kind == "code_element":
            name = mark["code_name"].lower()
            end = self._next(f"</{name}", mark.end())
            inner = self._next(rf"<{name}(?=[\s>])", mark.end())
            if end and not (inner and inner.start() < end.start()):
                self.shows_templates_until = max(end.start(), self.shows_templates_until)
        elif kind in ("highlight", "opaque"):
            closing = marks.HIGHLIGHT_END if kind == "highlight" else rf"</{mark['opaque_name'].lower()}(?=[\s/>])"
            if end := self._next(closing, mark.end()):
                self.code.go_on(end.end())
                return end.end()
        return mark.end()

    def _end(self, kind: str, mark: re.Match[str]) -> int | None:
        """Return the end of what a mark hides; None if the mark is text."""
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
        """Return the next match of a pattern from a position.

        The match is kept. Since positions only grow, a pattern searches each part of the body once.
        """
        match = self.next_matches.get(closing)
        if closing not in self.next_matches or (match and match.start() < start):
            match = re.compile(closing, re.IGNORECASE).search(self.body, start)
            self.next_matches[closing] = match
        return match

    def _rest(self, mark: re.Match[str]) -> int | None:
        """Return the end of the body for a comment that is never closed, if the comment begins a line."""
        return len(self.body) if self._begins_line(mark.start()) else None

    def _rest_after_tag(self, mark: re.Match[str]) -> int | None:
        """Return the end of the body for a comment tag that is never closed. In a text, the tag must begin a line."""
        return self._rest(mark) if self.markup == "text" else len(self.body)

    def _begins_line(self, start: int) -> bool:
        """Whether there is nothing but quote and list marks before a position in its line."""
        before = self.body[max(start - _LONGEST_START, 0) : start]
        is_seen = "\n" in before or start <= _LONGEST_START
        return is_seen and bool(marks.BEGINS_LINE.fullmatch(before.rpartition("\n")[2]))

    def _end_of_html(self, mark: re.Match[str]) -> int | None:
        body, start = self.body, mark.end()
        if body.startswith((">", "->"), start):
            return body.index(">", start) + 1
        end = self._next(marks.PAIRS["html"][1], start)
        if not end:
            return self._end_of_open_html(mark)
        if marks.PAYWALL.match(body, mark.start()):
            return len(body)
        block = marks.HIDDEN_BLOCK.match(body, mark.start(), end.end())
        if block and marks.HIDING_SETTING.search(body, mark.start(), end.start()):
            if body[end.start() - 1] == "/":  # a block without content
                return end.end()
            stop = self.tags.end("block", block["name"].lower(), end.end())
            return len(body) if stop is None else stop
        if marks.GATED.match(body, mark.start()):
            end = self._next(marks.GATED_END, start)
        return end.end() if end else len(body)

    def _end_of_open_html(self, mark: re.Match[str]) -> int | None:
        """Return what a comment of HTML hides that is never closed."""
        if self.markup == "html":
            return len(self.body)
        return self._rest(mark) if self.markup == "markdown" else None

    def _end_tag(self, kind: str, mark: re.Match[str]) -> int | None:
        """Return the end of a comment between two tags, which may contain comments with the same name."""
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
