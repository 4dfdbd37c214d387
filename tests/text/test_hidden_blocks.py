"""Attribute lists, divs, cells, exports and elements hide what they say; what only resembles them stays."""

from __future__ import annotations

import time

import pytest

from recs.items import Markup
from recs.text.hidden.comments import comment_spans, remove_comments
from recs.text.plain import plain_text

MARKUPS: tuple[Markup, ...] = ("markdown", "html", "text")

BLOCKS = [
    'secret\nsecret\n{: style="display:none"}',
    'secret\n{: hidden="hidden"}',
    "secret\n{: .hidden}",
    "secret\n{:.a}\n{:.hidden}",
    "secret\n{.hidden}",
    "{: .hidden}\nsecret\nsecret",
    "- secret\n\n- secret\n{: .hidden}",
    "> secret\n{: .hidden}",
    "```\nsecret\n\nsecret\n```\n{: .hidden}",
    "# secret\n{: .hidden}",
    "## secret {.hidden}",
    "{:gone: .hidden}\n\nsecret\n{: gone}",
    "::: {.content-hidden}\nsecret\n\n:::: {.x}\nsecret\n::::\n\nsecret\n:::",
    ":::: {.hidden}\n::: note\nsecret\n:::\nsecret\n::::",
    "::: {.hidden}\n::: {.x}\nsecret\n:::\nsecret\n:::",
    "::: hidden\n```\n:::\n```\nsecret\n:::",
    '::: {.content-visible when-format="pdf"}\nsecret\n:::',
    '::: {.content-visible unless-format="html"}\nsecret\n:::',
    '::: {.content-visible when-profile="staff"}\nsecret\n:::',
    '::: {.content-hidden when-format="html"}\nsecret\n:::',
    '::: {style="display: none"}\nsecret\n:::',
    "```{r, echo=FALSE}\nsecret\n```",
    "```{r setup, include = F}\nsecret\n```",
    "```{python}\n#| label: x\n#| echo: false\nsecret\n```",
    "~~~{ojs}\n//| include: false\nsecret\n~~~",
    "```{code-cell}\n:tags: [remove-input]\nsecret\n```",
    "```{.python .hidden}\nsecret\n```",
    "export const meta = {\n  a: '}',\n\n  b: `secret }`,\n  // }\n\n  c: secret\n}",
    "export function a() {\n  secret\n\n  secret\n}",
    "import A from 'a'\nexport const b =\n  [\n  secret,\n\n  secret]",
]
SPANS = [
    '*secret*{: style="display:none" }',
    "**secret *x* y**{:.hidden}",
    "[secret [x] y](https://x.org/(a)){: .hidden}",
    "![secret](a.png){: hidden}",
    "`secret`{: .hidden}",
    "[secret *x*]{.hidden}",
    "[secret]{.content-hidden}",
]
SHOWN = [
    "word\n{: .visible}",
    "word {hidden} word",
    "*word*{: .big}",
    '::: {.content-visible when-format="html"}\nword\n:::',
    '::: {.content-hidden when-format="pdf"}\nword\n:::',
    '::: {.content-hidden unless-format="html"}\nword\n:::',
    "::: note\nword hidden\n:::",
    "```{r, echo=TRUE}\nword\n```",
    "```python\nx = 1\n#| echo: false\n```",
    "```\n::: {.hidden}\nword\n```",
    "`*word*{: .hidden}`",
    "    word\n    {: .hidden}",
    "```js\nexport const word = {\n\n  word: 1}\n```",
    "The exports of hidden words include style.",
]


@pytest.mark.parametrize("block", BLOCKS)
def test_remove_comments_of_hidden_blocks_takes_them_alone(block: str) -> None:
    assert plain_text(f"before\n\n{block}\n\nafter", "markdown") == "before\n\nafter"
    assert plain_text(f"{block}\n\nafter", "markdown") == "after"
    assert "secret" not in remove_comments(f"before\n\n{block}", "markdown")


@pytest.mark.parametrize("span", SPANS)
def test_remove_comments_of_hidden_spans_takes_them_alone(span: str) -> None:
    assert plain_text(f"before *a* [b](c) {span} after", "markdown") == "before a b after"
    assert plain_text(f"a {span} b\n{span} c", "markdown").split() == ["a", "b", "c"]


@pytest.mark.parametrize("body", SHOWN)
def test_remove_comments_keeps_blocks_that_are_shown(body: str) -> None:
    assert remove_comments(body, "markdown") == body


def test_remove_comments_of_hidden_items_and_quotes_keeps_the_others() -> None:
    assert plain_text("- {: .hidden} secret\n- b", "markdown") == "- b"
    assert plain_text("a\n\n{: .hidden}\n\nb", "markdown") == "a\n\nb"
    assert plain_text("- a\n- secret\n  {: .hidden}\n\nb", "markdown").split() == ["-", "a", "b"]
    assert plain_text("> secret\n> {: .hidden}\n>\n> b", "markdown") == "b"
    assert plain_text("a\n{: .x}\nb\nsecret\n{: .hidden}\nc", "markdown").startswith("a")


def test_remove_comments_of_divs_never_closed_hides_the_rest() -> None:
    assert plain_text("a\n\n::: {.hidden}\nsecret\n\nsecret", "markdown") == "a"
    assert plain_text("a\n\n:::: {.hidden}\nsecret\n:::\n\nsecret", "markdown") == "a"


def test_remove_comments_inside_hidden_blocks_and_around_them() -> None:
    body = (
        "a\n\n::: {.hidden}\n%%\n:::\n%%\nsecret\n:::\n\nb <!-- ::: {.hidden} --> c\n\n<!-- x --> *secret*{: .hidden}"
    )
    assert plain_text(body, "markdown") == "a\n\nb c"
    spans = comment_spans("*a <!-- b --> c*{: .hidden} <!-- d -->", "markdown")
    assert spans == [(0, 27), (28, 38)]


@pytest.mark.parametrize(
    "element",
    [
        '<div style="display:none">secret <div>secret</div> secret</div>',
        "<span hidden>secret</span>",
        "<template>secret</template>",
        "<script>secret</script>",
        "<style>secret</style>",
        '<b class="x d-none">secret</b>',
        "<dialog>secret</dialog>",
        '<p style="/*x*/display:none">secret</p>',
        '<p style="color: red; visibility: collapse">secret</p>',
        '<p style="opacity:0">secret</p>',
        '<p style="font-size:0px;color:red">secret</p>',
        '<p class="hide">secret</p>',
        '<p class="invisible">secret</p>',
    ],
)
@pytest.mark.parametrize("markup", MARKUPS)
def test_plain_text_of_hidden_elements_in_every_markup(markup: Markup, element: str) -> None:
    assert plain_text(f"before {element} after", markup).split() == ["before", "after"]
    assert plain_text(f"before\n\n{element}\n\nafter", markup).split() == ["before", "after"]


@pytest.mark.parametrize(
    "body",
    [
        "`<span hidden>a</span>`",
        "```\n<div hidden>a</div>\n```",
        '<p style="opacity:0.5">a</p>',
        '<p style="font-size:0.9em">a</p>',
        "<dialog open>a</dialog>",
        "Put it in a <script> or a <template>.",
        "Use <div hidden> in a line.",
        '<input hidden> a <br class="hide"> b',
    ],
)
def test_remove_comments_of_a_text_keeps_elements_that_are_shown(body: str) -> None:
    assert remove_comments(body, "text") == body


def test_remove_comments_of_a_text_hides_elements_never_closed_that_begin_a_line() -> None:
    assert remove_comments("a\n\n<div hidden>\nsecret\n\nsecret", "text") == "a"


def test_plain_text_of_html_shows_what_is_nearly_hidden() -> None:
    assert plain_text('<p style="opacity:0.5">a</p><p style="font-size:0.9em">b</p>', "html") == "a\n\nb"
    assert plain_text("<dialog open>a</dialog><p class='hide-me'>b</p>", "html") == "a\n\nb"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("As %% in a file.\n\nkeep\n\nAgain %% here.", "As %% in a file.\n\nkeep\n\nAgain %% here."),
        ("**%%** and %/%\n\na %% b", "%% and %/%\n\na %% b"),
        ("a %% secret\nsecret %% b", "a b"),
        ("a\n\n%% secret\n\nsecret %% b", "a\n\nb"),
        ("a %% b\n\n%%\nsecret\n\nsecret\n%%\n\nc", "a %% b\n\nc"),
        ("a\n\n% of all people", "a\n\n% of all people"),
        ("```{r}\nx\n```\n\n% of all people", "x\n\n% of all people"),
        ("(label)=\n# a\n\n% secret\n% secret\n\nb", "(label)=\n\n\na\n\nb"),
        ("```{note}\na\n```\n\n% secret\n\nb", "a\n\nb"),
        ("{{! shown }}", "{{! shown }}"),
        ("[todo]: KEEP this later", "[todo]: KEEP this later"),
        ("[hidden]: 'KEEP' this", "[hidden]: 'KEEP' this"),
        ("[todo]: # (secret)\n\na", "a"),
        ("[comment]: # secret words\n\na", "a"),
    ],
)
def test_plain_text_of_marks_that_may_be_words(body: str, expected: str) -> None:
    assert plain_text(body, "markdown") == expected


def test_plain_text_of_html_hides_comments_of_mustache() -> None:
    assert plain_text("a {{! secret }} b", "html") == "a b"


PIECES = [
    "::: a\n",
    "::: {.hidden}\n",
    "{: .hidden}\n",
    "a\n{: .hidden}\n",
    "*a*{:.hidden}",
    "]{.hidden}",
    "(a){.hidden}",
    "`{:.hidden}",
    '{.x="',
    "- {:.hidden} a\n",
    "> - > - {:.hidden}\n",
    "```{r echo=F}\n",
    "<div hidden>",
    "<p hidden>\n",
    "<script>",
    "<a ",
    '<div "',
    "# {",
    "# {.hidden}\n",
    "export const a = {\n\n",
    "export const a = {}\n\n",
    "{:a: .hidden}\n",
    "%% a\n\n",
    "a %% b\n\n",
]


@pytest.mark.parametrize("piece", PIECES)
def test_comment_spans_of_hostile_blocks_take_linear_time(piece: str) -> None:
    body = "::: hidden\n:::\n\n" + piece * (300_000 // len(piece))
    for markup in MARKUPS:
        start = time.process_time()
        comment_spans(body, markup)
        assert time.process_time() - start < 5
