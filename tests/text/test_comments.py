"""What an author's tool hides is in no plain text; what only resembles it stays; hostile bodies take linear time."""

from __future__ import annotations

import re
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recs.items import Markup
from recs.text.hidden.comments import comment_spans, remove_comments
from recs.text.hidden.cuts import cut
from recs.text.plain import plain_text

MARKUPS: tuple[Markup, ...] = ("markdown", "html", "text")

# Comments that every markup knows, with a blank line in them.
ANYWHERE = [
    "<!-- secret\n\nsecret -->",
    "<!-- secret --!>",
    "{{/* secret\n\nsecret */}}",
    "{{- /* secret */ -}}",
    "{{< comment >}}\nsecret\n\nsecret\n{{< /comment >}}",
    "{{% comment %}}secret{{% /comment %}}",
    '{{< comment "why" >}}secret{{</comment>}}',
    "{{< private >}}\n\nsecret\n\n{{< /private >}}",
    "{% comment %}\nsecret\n\nsecret\n{% endcomment %}",
    "{%- comment -%}secret{%- endcomment -%}",
    '{% comment "why" %}secret{% endcomment %}',
    "{% comment %}secret{% comment %}secret{% endcomment %}secret{% endcomment %}",
    "{% # secret\n\nsecret %}",
    "{%- # secret -%}",
    "{% doc %}secret{% enddoc %}",
    "{# secret\n\nsecret #}",
    "{#secret#}",
    "{#- secret {{ x }} -#}",
    "{::comment}\nsecret\n\nsecret\n{:/comment}",
    "{::comment}secret{:/}",
    "{{!-- secret }} secret\n\nsecret --}}",
    "{/* secret\n\nsecret */}",
    "{ /* secret */ }",
    "<%# secret %>",
    "<%-- secret > secret --%>",
    "[private]secret\n\nsecret[/private]",
    "[members_only level='2']secret [private]secret[/private] secret[/members_only]",
    "[restrict]secret[/restrict]",
    "<!-- kg-gated-block:begin nonMember:false memberSegment:'x' --><p>secret</p><!-- kg-gated-block:end -->",
]
IN_MARKDOWN = [
    "%% secret %%",
    "%%secret%%",
    "{>> secret <<}",
    "{-- secret --}",
    "<?php if ($a > 1) { echo 'secret'; } ?>",
]
LINES_OF_MARKDOWN = [
    "[//]: # (secret)",
    "[//]: # (secret (and\nsecret) secret)",
    '[comment]: # "secret"',
    "[//]: <> (secret)",
    "[//]: # 'secret'",
    "[//]: # secret without quotes",
    "[any label]: # (secret)",
    "[comment]: <> (secret",
    "[//]: #\n  (secret)",
    "%%\nsecret\n\n```\nsecret\n```\n\nsecret\n%%",
    "%% secret ` secret\n\nsecret ` secret %%",
    "```dataview\nTABLE secret FROM #x\n```",
    "~~~ dataviewjs\nsecret\n~~~",
    "````tasks\nsecret\n````",
    "> ```query\n> secret\n> ```",
]


@pytest.mark.parametrize("comment", ANYWHERE)
@pytest.mark.parametrize("markup", MARKUPS)
def test_remove_comments_of_every_tool_in_every_markup(markup: Markup, comment: str) -> None:
    assert plain_text(f"before {comment} after", markup).split() == ["before", "after"]
    assert plain_text(f"before\n\n{comment}\n\nafter", markup).split() == ["before", "after"]


@pytest.mark.parametrize("comment", [*ANYWHERE, *IN_MARKDOWN])
def test_remove_comments_of_markdown_inside_a_line_and_between_blocks(comment: str) -> None:
    assert plain_text(f"before {comment} `code` after", "markdown") == "before code after"
    assert plain_text(f"# Before\n\n{comment}\n\n- `after`", "markdown") == "Before\n\n- after"


@pytest.mark.parametrize("comment", [*ANYWHERE, *IN_MARKDOWN, *LINES_OF_MARKDOWN])
def test_remove_comments_of_markdown_between_blocks_keeps_them_apart(comment: str) -> None:
    assert remove_comments(f"before\n\n{comment}\n\n  after", "markdown") == "before\n\n  after"
    assert remove_comments(f"{comment}\n\nafter", "markdown") == "after"
    assert remove_comments(f"before\n\n{comment}", "markdown") == "before"


@pytest.mark.parametrize("comment", LINES_OF_MARKDOWN[:9])
def test_remove_comments_in_definitions_of_links_that_follow_text(comment: str) -> None:
    assert plain_text(f"before\n{comment}\n\nafter", "markdown") == "before\n\nafter"
    assert plain_text(f"before\n{comment}\n\nafter", "text") == "before\n\nafter"


@pytest.mark.parametrize(
    "comment",
    [
        "%% secret",
        "%%\nsecret",
        "<!-- secret",
        "{{/* secret",
        "{/* secret",
        "{>> secret",
        "<%-- secret",
        "<?php secret",
    ],
)
def test_remove_comments_that_begin_a_line_and_are_never_closed_hide_the_rest_of_markdown(comment: str) -> None:
    for start in ("", "> ", "- ", "1. ", "  "):
        assert plain_text(f"before\n\n{start}{comment}\n\nsecret", "markdown").strip(" ->1.\n") == "before"
    assert plain_text(f"before {comment}\n\nafter", "markdown").endswith("after")


@pytest.mark.parametrize("comment", ["{% comment %}", "{::comment}"])
@pytest.mark.parametrize("markup", MARKUPS)
def test_remove_comments_between_tags_that_are_never_closed_hide_the_rest(markup: Markup, comment: str) -> None:
    assert plain_text(f"before\n\n{comment}\n\nsecret\n\nsecret", markup) == "before"


@pytest.mark.parametrize("mark", ["<!--members-only-->", "<!-- members-only -->", "<!--kg-paywall-->"])
@pytest.mark.parametrize("markup", MARKUPS)
def test_remove_comments_what_follows_a_paywall_is_hidden(markup: Markup, mark: str) -> None:
    assert plain_text(f"<p>before</p>{mark}<p>secret</p>\n\nsecret", markup).replace("<p>", "").startswith("before")
    assert "secret" not in plain_text(f"<p>before</p>{mark}<p>secret</p>\n\nsecret", markup)
    assert "secret" not in plain_text("before\n\n<!-- wp:jetpack/paywall /-->\n\nsecret", markup)


def test_remove_comments_of_parts_for_some_readers_keeps_those_for_all() -> None:
    begin, end = '<!--kg-gated-block:begin nonMember:{} memberSegment:"x"-->', "<!--kg-gated-block:end-->"
    body = f"<p>a</p>{begin.format('true')}<p>b</p>{end}{begin.format('false')}<p>secret</p>{end}<p>c</p>"
    assert plain_text(body, "html") == "a\n\nb\n\nc"
    wp = "<!-- wp:premium-content/{0} --><p>{1}</p><!-- /wp:premium-content/{0} -->"
    body = wp.format("subscriber-view", "secret") + wp.format("logged-out-view", "shown")
    assert plain_text(body, "html") == "shown"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("a\n<!-- c -->\nb", "a\n\nb"),
        ("a\n\n\n<!-- c -->\nb", "a\n\n\nb"),
        ("a\n\n<!-- c -->\n\n<!-- d -->\n\nb", "a\n\nb"),
        ("a <!-- c -->\n\n<!-- d --> b", "a \n\n b"),
        ("a\n\n<!-- c -->\n<!-- d --> b", "a\n\n b"),
        ("<!-- c -->\n\n<!-- d -->\n\n  b", "  b"),
        ("- a\n\n  <!-- c -->\n\n  b", "- a\n\n  b"),
    ],
)
@pytest.mark.parametrize("markup", ["markdown", "text"])
def test_remove_comments_on_lines_of_their_own_leaves_the_blank_lines_there_were(
    markup: Markup, body: str, expected: str
) -> None:
    assert remove_comments(body, markup) == expected


def test_remove_comments_marks_of_a_teaser_just_go() -> None:
    assert remove_comments("a\n\n<!--more-->\n\nb", "markdown") == "a\n\nb"
    assert remove_comments("a<!-->b<!--->c<!---->d", "html") == "abcd"
    assert plain_text("<!--[if !IE]><!-->shown<!--<![endif]-->", "html") == "shown"


@pytest.mark.parametrize(
    "body",
    [
        "100%% sure and 50%% not",
        "a %% b",
        "## Title {#id}\n\n## More {#id-2 .class key=val} {#x}",
        "{#if user} {#each a as b} {#await c} #}",
        "{{#if x}} y {{/if}} #}",
        "${#array[@]} #}",
        "{# never closed",
        "{{! never closed",
        "\\newcommand{#1 text #2}",
        "a <!-- never closed",
        "text [comment]: # (not at the start of its line)",
        "[home]: # \n\n[a]: <b> 'c'\n\n[comment]: https://x.example/y",
        "[^note]: # (words)",
        "50\n% of it",
        "%no blank after it",
        "```dataviews\nx\n```",
        "{% raw %}{% comment %}a{% endcomment %} {{/* b */}} {# c #}{% endraw %}",
        "{% highlight html %}\n<!-- a --> %% b %%\n{% endhighlight %}",
        "{% comments_open %} {% commentary %}",
        "{% private %} never closed",
        "[private] and [members](/x/) and [/restrict]",
        "[comment] alone",
    ],
)
def test_remove_comments_keeps_what_only_resembles_one(body: str) -> None:
    assert remove_comments(body, "markdown") == body


@pytest.mark.parametrize("comment", [*ANYWHERE, *IN_MARKDOWN])
def test_remove_comments_in_code_of_markdown_keeps_them(comment: str) -> None:
    line = " ".join(comment.replace("`", "").split())
    kept = (
        f"`{line}` a `` ` {line} ``",
        f"```\n{comment.replace('```', '~~~')}\n```\n",
        f"~~~~ html\n~~~\n{comment}\n~~~~",
        f"- a\n  ```\n  {line}\n  ```\n- b",
        f"> ~~~\n> {line}\n> ~~~",
    )
    for body in kept:
        assert remove_comments(body, "markdown") == body


@pytest.mark.parametrize("line", ["<!-- shown -->", "%% shown %%", "% shown", "[//]: # (shown)"])
def test_remove_comments_in_indented_code_keeps_those_that_no_template_takes(line: str) -> None:
    assert remove_comments(f"para\n\n    {line}\n\npara", "markdown") == f"para\n\n    {line}\n\npara"
    assert (
        plain_text("para\n\n    {% comment %}\n    secret\n    {% endcomment %}\n\npara", "markdown") == "para\n\npara"
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<!-- ` --> secret? no <!-- ` secret -->", "secret? no"),
        ("`<!-- ` a --> b", "`<!-- ` a --> b"),
        ("%% ``` %%\n\na\n\n%% secret ``` %%", "a"),
        ("```\n%%\n```\n\na %% secret %%", "```\n%%\n```\n\na "),
        ("<!--\n```\n-->\n\na `{# b #}` {# secret #}\n\n```\n{# c #}\n```", "a `{# b #}` \n\n```\n{# c #}\n```"),
        ("{% comment %}\n```\n{% endcomment %}\n\n%% secret %%\n\n```\n%% a %%\n```", "```\n%% a %%\n```"),
        ("a `b\n\n%% secret %%\n\nc` d", "a `b\n\nc` d"),
        ("- a `b\n- %% secret %% ` c", "- a `b\n-  ` c"),
        ("> ```\n> a\n\n%% secret %%", "> ```\n> a"),
        ("- ```\n  a\n\n%% secret %%", "- ```\n  a"),
        ("{% highlight md %}\n```\n{% endhighlight %}\n\n%% secret %%", "{% highlight md %}\n```\n{% endhighlight %}"),
        ("a {{!-- secret }} b", "a  b"),
        (r"\`%% secret %%\`", r"\`\`"),
        (r"\\`%% a %%`", r"\\`%% a %%`"),
        (r"\<!-- a --> b", r"\<!-- a --> b"),
        ("<div>\n`%% secret %%`\n</div>", "<div>\n``\n</div>"),
        ("<script>let a = '<!--'</script> b `c` <!-- secret -->", "<script>let a = '<!--'</script> b `c` "),
        ("a\r\n\r\n%%\r\nsecret\r\n%%\r\n\r\n```\r\n%% b %%\r\n```\r\n", "a\n\n```\r\n%% b %%\r\n```\r\n"),
        ("これは%%secret%%です", "これはです"),
        ("100 %% secret %% b", "100  b"),
    ],
)
def test_remove_comments_what_opens_first_wins(body: str, expected: str) -> None:
    assert remove_comments(body, "markdown").strip() == expected.strip()


def test_remove_comments_of_a_text_that_may_be_markdown() -> None:
    assert remove_comments("a %% secret %% b", "text") == "a  b"
    assert remove_comments("a\n\n%%\nsecret\n\nsecret\n%%\n\nb", "text") == "a\n\nb"
    sections = "%% Load\nx = 1\n%% Plot\ny = 2"
    assert remove_comments(sections, "text") == sections
    assert remove_comments("What does <!-- mean in HTML?", "text") == "What does <!-- mean in HTML?"
    assert remove_comments("What does {% comment %} do?", "text") == "What does {% comment %} do?"


def test_remove_comments_of_html_code_that_shows_template_languages_stays() -> None:
    body = "<p>Write <code>{% comment %}</code> or <code>{# a #}</code>.</p><pre>{{/* b */}}</pre>{# secret #}"
    assert plain_text(body, "html") == "Write {% comment %} or {# a #}.\n\n{{/* b */}}"
    assert plain_text("<code>x <code>{# secret #}</code>", "html").split() == ["x", "{#", "secret", "#}"]
    assert plain_text("<code>x {# secret #} <code>y</code>", "html").split() == ["x", "y"]
    assert plain_text("<code>never closed {# secret #}", "html") == "never closed"


def test_remove_comments_of_html_keep_a_paragraph_whole() -> None:
    assert plain_text("one\n<!-- c -->\ntwo\n\nthree", "html") == "one two\n\nthree"


@pytest.mark.parametrize("markup", MARKUPS)
def test_comment_spans_are_sorted_and_disjoint(markup: Markup) -> None:
    body = "a <!-- b --> {# c #}{# d #}\n\n{% comment %}<!-- e -->{% endcomment %}<!-- f"
    spans = comment_spans(body, markup)
    assert spans == sorted(spans)
    assert all(stop <= start for (_, stop), (start, _) in pairwise(spans))
    assert [body[start:stop][:2] for start, stop in spans][:4] == ["<!", "{#", "{#", "{%"]
    assert comment_spans("no marks at all", markup) == []


def test_cut_replaces_spans_and_those_inside_others_go_with_them() -> None:
    assert cut("abcdef", [(4, 5, "-"), (1, 3, "+"), (2, 3, "!")]) == "a+d-f"
    assert cut("abc", []) == "abc"


VISIBLE = [
    "word",
    "# Heading",
    "- item `code`\n- item\n\n  inside",
    "> quoted `code`\n> line",
    "```\ncode\n\n<!-- shown -->\n```",
    "> ~~~\n> %% shown %%\n> ~~~",
    "1. one\n   ```py\n   {# shown #}\n   ```\n2. two",
    "| a | b |\n|---|---|\n| `{# shown #}` | x |",
    "text with ` one tick",
    "text ``with ` two`` and `{/* shown */}`",
    "<div>\n\ninside\n\n</div>",
    "word\\` escaped",
]
HIDDEN = [
    "%% secret %%",
    "%%\nsecret\n\nsecret\n%%",
    "<!-- secret -->",
    "<!--\n\n```\nsecret\n-->",
    "{% comment %}\n\nsecret `\n\n{% endcomment %}",
    "{# secret #}",
    "{{< comment >}}\n- secret\n\n~~~\n{{< /comment >}}",
    "[//]: # (secret)",
    "```dataview\nsecret\n```",
    "{/* secret ` */}",
    "- item %% secret %%",
    "> quoted <!-- secret --> `{# shown #}`",
]


@given(blocks=st.lists(st.sampled_from([*VISIBLE, *HIDDEN]), max_size=12))
def test_remove_comments_of_any_order_of_blocks_hides_them_and_nothing_else(blocks: list[str]) -> None:
    text = plain_text("\n\n".join(blocks), "markdown")
    assert "secret" not in text
    body = "\n\n".join(blocks)
    assert text.count("shown") == body.count("shown")
    for word in ("word", "Heading", "item", "inside", "quoted", "one", "two"):
        assert len(re.findall(rf"\b{word}\b", text)) == len(re.findall(rf"\b{word}\b", body))


@given(body=st.text(alphabet="<!->%{}#*/`~[]: \nab\\", max_size=80))
@pytest.mark.parametrize("markup", MARKUPS)
def test_comment_spans_of_any_text_are_sound(markup: Markup, body: str) -> None:
    places = [place for span in comment_spans(body, markup) for place in span]
    assert places == sorted(places)
    assert all(0 <= place <= len(body) for place in places)
    remove_comments(body, markup)


OPENINGS = """<!-- %% %%a {% {%comment%} {%endcomment%} {%private%} {%raw%} {%highlight~a%} {{<comment>}} {::comment}
{# {#a [private]
[private][/private] {{! {{!-- {{/* {/* {>> {-- <%# <%-- <?php [//]:~# [//]:~#~( [a]:
` ~~~ \\ <pre> <code> <script> <!---->
<!--kg-gated-block:begin--> %~a {%~~~~~~~~~~~~~~~~~~~~""".replace("\n", " ").split(" ")


@pytest.mark.parametrize("piece", OPENINGS)
@pytest.mark.parametrize("between", ["", "\n", " a\n\n"])
def test_comment_spans_of_hostile_bodies_take_linear_time(piece: str, between: str) -> None:
    piece = piece.replace("~a", " a").replace("~~~~~~~", "       ").replace("~#", " #").replace("~(", " (") + between
    body = piece * (300_000 // len(piece))
    for markup in MARKUPS:
        start = time.process_time()
        comment_spans(body, markup)
        remove_comments(f"{body} --> %% #}} %}} *//}} {{% endcomment %}} }}}}", markup)
        assert time.process_time() - start < 3


@pytest.mark.slow
def test_remove_comments_of_a_body_whose_code_costs_too_much_to_find_protects_nothing() -> None:
    body = "{#\n```\n#}\n\nwords\n\n" * 25_000
    end = "~~~ dataview\nsecret\n~~~\n\n```query\nsecret\n```\n\n`{# secret #}` %% secret %%"
    start = time.process_time()
    assert "secret" not in remove_comments(body + end, "markdown")
    assert time.process_time() - start < 12


def test_comment_spans_of_many_lengths_of_ticks_take_linear_time() -> None:
    body = "".join("`" * length + " " for length in range(1, 1000)) + "%% a %%"
    start = time.process_time()
    assert comment_spans(body, "markdown") == [(len(body) - 7, len(body))]
    comment_spans("%%\n`\n" * 20_000, "markdown")
    comment_spans("{#\n```\n#}\n" * 20_000, "markdown")
    assert time.process_time() - start < 6
