"""plain_text and detect_markup: what is kept, what goes, the shape of the result, hostile sources."""

from __future__ import annotations

import html
import json
import re
import time
import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recs.items import Markup
from recs.text.hidden.comments import remove_comments
from recs.text.plain import detect_markup, plain_text


def of_html(source: str) -> str:
    return plain_text(source, "html")


def of_markdown(source: str) -> str:
    return plain_text(source, "markdown")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("<p>One</p><p>two</p>", "One\n\ntwo"),
        ("<p>a\n  b&nbsp;&nbsp;c</p>", "a b c"),
        ("<p>un<b>believ</b>able</p>", "unbelievable"),
        ("<p><b>bold </b>word</p>", "bold word"),
        ("Fish &amp; chips &lt;b&gt; &#8217; &hellip;", "Fish & chips <b> ’ …"),
        ("<p>a<br>b<br/><br>c</p>", "a\nb\n\nc"),
        ("<div>a<div>b</div>c</div>", "a\n\nb\n\nc"),
        ("<p>in</p><h2>Head</h2><p>out</p>", "in\n\n\nHead\n\nout"),
        ("<h1>A</h1><h2>B</h2>x", "A\n\n\nB\n\nx"),
        ("<ul><li>a</li><li><p>b</p><p>c</p></li></ul>d", "- a\n- b\nc\n\nd"),
        ("<ul><li>a<ol start=3><li>b<li>c</ol></ul>", "- a\n3. b\n4. c"),
        ("<table><tr><th>A<th>B<tr><td>1<td><p>2</p></table>", "A | B\n1 | 2"),
        ("<dl><dt>term<dd>meaning</dl>", "term\nmeaning"),
        ("<blockquote><p>said</p></blockquote>he", "said\n\nhe"),
        ("<p>a</p><hr><p>b</p>", "a\n\nb"),
        ("<p>x</p><pre><code>if x:\n    y  = 1\n\n\n\nz</code></pre>", "x\n\nif x:\n    y  = 1\n\nz"),
        ("<pre><div>a</div><div>b</div></pre>", "a\nb"),
        ("<p>use <code>a  b</code> so</p>", "use a  b so"),
        ('<p>see <a href="https://example.org/x">this</a></p>', "see this"),
        ('<img alt="A cat"><img alt="IMG_1.JPG"><img>', "A cat"),
        ("<figure><img alt='a'><figcaption>The caption</figcaption></figure>", "a\n\nThe caption"),
        ("<p>cafe\u0301</p>", "café"),
        ("<p>soft\u00adhyphen zero\u200bwidth</p><p>\u200b</p><p>x</p>", "softhyphen zerowidth\n\nx"),
        ("First line\nwrapped\n\nSecond <em>one</em>", "First line wrapped\n\nSecond one"),
        ("<p>never closed <b>bold <p>next", "never closed bold\n\nnext"),
        ("", ""),
    ],
)
def test_plain_text_of_html_keeps_the_structure(source: str, expected: str) -> None:
    assert of_html(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "<script>if (a<b) x()</script>",
        "<style>p {}</style>",
        "<noscript>no</noscript>",
        "<template><p>no</p></template>",
        "<nav><ul><li>no</ul></nav>",
        "<form><label>no</label></form>",
        "<iframe>no</iframe>",
        "<svg><title>no</title><text>no</text></svg>",
        "<button>no</button>",
        "<select><option>no</select>",
        "<!-- no --><!-- wp:paragraph -->",
        "<p hidden>no</p>",
        '<p style="color:red; display : none">no</p>',
        '<span aria-hidden="true">no</span>',
        '<div class="entry yarpp yarpp-related"><p>no</p></div>',
        '<div class="crp_related">no</div>',
        '<div id="jp-relatedposts">no</div>',
        '<div class="sharedaddy sd-sharing-enabled">no</div>',
        '<sup id="fnref1"><a href="#fn1">1</a></sup>',
        '<a href="#fnref1">↩</a>',
        "[gallery ids='1,2']",
        '[caption id="a" width="1"][/caption]',
        "[embed]https://example.org/no[/embed]",
        '[my_plugin size="3"]',
        "[box][/box]",
    ],
)
def test_plain_text_of_html_leaves_out_what_is_not_the_text(source: str) -> None:
    assert of_html(f"<p>before</p>{source}<p>after</p>") == "before\n\nafter"


@pytest.mark.parametrize("text", ["[sic]", "[1]", "see [Smith 2020]", 'input[type="text"]', "a [link] here"])
def test_plain_text_of_html_words_in_brackets_stay(text: str) -> None:
    assert of_html(f"<p>{text}</p>") == text


def test_plain_text_of_html_shortcodes_in_code_stay() -> None:
    assert of_html("<p>a [gallery] <code>[gallery]</code></p><pre>[gallery]</pre>") == "a [gallery]\n\n[gallery]"


def test_plain_text_of_html_caption_keeps_its_words() -> None:
    source = '<p>[caption id="x" width="3"]<img src="a.jpg" alt="Sea"> The sea.[/caption]</p>'
    assert of_html(source) == "Sea The sea."


PARTS = "<header>logo</header><aside>ads</aside><footer>legal</footer>"


def test_plain_text_of_a_page_is_its_article() -> None:
    article = "<article><header><h1>Title</h1></header><p>text</p><aside>a note</aside><footer>tags</footer></article>"
    assert of_html(f"<html><body>{PARTS}<main>{article}</main>{PARTS}</body></html>") == "Title\n\ntext\n\na note"
    assert of_html(f"<body>{PARTS}<p>only this</p></body>") == "only this"


def test_plain_text_of_a_fragment_keeps_its_header_and_aside() -> None:
    assert of_html("<header>Lead</header><p>x</p><aside>note</aside>") == "Lead\n\nx\n\nnote"


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("# A\n\ntext\n\nB\n---\n\nmore", "A\n\ntext\n\n\nB\n\nmore"),
        ("## Title {#anchor}\n\nx", "Title\n\nx"),
        ("one *two* **three** ~~four~~ `five  six`", "one two three four five  six"),
        (
            "[words](https://x.org 'title') and ![alt](i.png) and [ref][1]\n\n[1]: https://y.org",
            "words and alt and ref",
        ),
        ("a\nb  \nc", "a b\nc"),
        ("- a\n- b\n\n1. c\n2. d", "- a\n- b\n\n1. c\n2. d"),
        ("| a | b |\n|---|---|\n| 1 | 2 |", "a | b\n1 | 2"),
        ("```py\nx  = 1\n# no heading\n```", "x  = 1\n# no heading"),
        ("> quoted\n\nafter", "quoted\n\nafter"),
        ("a&amp;b &copy;", "a&b ©"),
        ("x <!-- more --> y\n\n<div>raw <b>html</b></div>\n\nz", "x y\n\nraw html\n\nz"),
        ('<div style="display:none">\n\nhidden\n\n</div>\n\nshown', "shown"),
        ("Vec<T>, `Vec<u8>` and HashMap<String, Vec<u8>>", "Vec<T>, Vec<u8> and HashMap<String, Vec<u8>>"),
        ("format with {:?} and {0}", "format with {:?} and {0}"),
        ("claim[^1] made\n\n[^1]: The note.", "claim made\n\nThe note."),
        ("claim[^1] made\n\n[^1]: https://x.org", "claim made"),
        ('a {{< figure src="x.png" >}} b', "a b"),
        ("{{% notice %}}\nkept\n{{% /notice %}}", "kept"),
        ("{% include a.html x='{1}' %}\n\nkept {% link b.md %}", "kept"),
        ("{% highlight ruby %}\n# code\n\n  {{ x }}\n{% endhighlight %}", "# code\n\n  {{ x }}"),
        ("{{< highlight go >}}\nx := 1 // {{< y >}}\n{{< /highlight >}}", "x := 1 // {{< y >}}"),
        ("{% raw %}{{ site.title }}{% endraw %}", "{{ site.title }}"),
        ("[a]({{< ref \"b.md\" >}}) [c]({{ site.url }}/d) [e]({{ '/f' | relative_url }})", "a c e"),
        ("`{{< x >}}` stays", "{{< x >}} stays"),
        ("```\n{% x %}\n{% highlight y %}\n```", "{% x %}\n{% highlight y %}"),
        ("para\n\n    {{< x >}}", "para\n\n{{< x >}}"),
        ("text{: .class}\n{: #id}", "text{: .class}"),
        ("*text*{: .class}\n{: #id}", "text"),
        ("import A from './a'\nimport {\n  B\n} from \"b\"\n\nText", "Text"),
        ("export const meta = {\n  a: 1\n}\n\nText", "Text"),
        ("important things\nimport them", "important things import them"),
        ("<Video src='x' />\n\nText <Note kind={a} /> more", "Text more"),
        ("<Tabs items={['a', 'b']}>\n\ninside <Tip>tip</Tip>\n\n</Tabs>", "inside tip"),
        ("[caption] is no shortcode here", "[caption] is no shortcode here"),
    ],
)
def test_plain_text_of_markdown_keeps_the_words(source: str, expected: str) -> None:
    assert of_markdown(source) == expected


def test_plain_text_of_text_is_only_normalised() -> None:
    source = "\ufeff One\r\nTwo  \r\r\n\n\n\n<b>Three</b>\tx\x00\x1b   y\u2028z\n"
    assert plain_text(source, "text") == "One\nTwo\n\n\n<b>Three</b>    x   y\nz"


MARKS = """<p> </p> <div> </div> <b> </i> <ul><li> </ul> <table><tr><td> </table> <pre> </pre> <br> <h2> </h2> <code>
</code> <!-- --> <script> </script> <a\fhref=' '> &lt; &#0; word\f # * > {{< >}} {% %} [x]( ) [^1] | ` < [a\fb=' ]"""
snippets = st.sampled_from(
    [mark.replace("\f", " ") for mark in MARKS.replace("\n", " ").split(" ")]
    + ["\n", "\n\n\n", "\t", " ", "    ", "```\n", "\u00a0", "\u2029", "\x0c", "\ud800", "a\u0301"]
)
sources = st.one_of(st.text(max_size=60), st.lists(snippets, max_size=40).map("".join))


@pytest.mark.parametrize("markup", ["text", "html", "markdown"])
@given(source=sources)
def test_plain_text_of_any_source_has_the_promised_shape(markup: Markup, source: str) -> None:
    text = plain_text(source, markup)
    assert text == unicodedata.normalize("NFC", text) == text.strip()
    assert not any(unicodedata.category(char) in ("Cc", "Cs") for char in text if char != "\n")
    assert not re.search(r"[^\S\n]\n|\n{4}", text)
    assert plain_text(text, "text") == remove_comments(text, "text").strip()  # code may show marks of comments


@given(words=st.lists(st.text(st.characters(categories=["L", "N"]), min_size=1), min_size=1, max_size=30))
def test_plain_text_of_html_and_markdown_lose_no_word(words: list[str]) -> None:
    expected = unicodedata.normalize("NFC", " ".join(words))
    assert of_html(f"<article><p>{html.escape(' '.join(words))}</p></article>") == expected
    assert of_markdown("text " + " ".join(words)) == f"text {expected}"


HOSTILE = {
    "nested div": "<div>" * 100_000,
    "nested, closed": "<div>" * 50_000 + "x" + "</div>" * 50_000,
    "nested b": "<b>" * 100_000,
    "nested lists": "<ul><li>" * 50_000,
    "nested mixed": "<h1><li><dd><blockquote>" * 25_000,
    "nested tables": "<table><tr><td>" * 30_000,
    "closed in comments": "<div><!-- </div> -->" * 40_000,
    "closed in attributes": '<div a="</div>">' * 40_000,
    "closed in scripts": "<div><script></div></script>" * 30_000,
    "fonts left open": "<p>" + "".join(f"<font color={n}>" for n in range(2000)) + "</p>" + "<p>x" * 2000,
    "unclosed comments": "<!--" * 300_000,
    "unclosed tags": "<a " * 300_000,
    "unclosed quotes": '<a b="' * 200_000,
    "angles": "<" * 400_000,
    "brackets": "<p>[/ab]" + "[ab " * 200_000,
    "spaces": "<p>" + " " * 2_000_000 + "x",
    "empty lines": "\n \n" * 300_000,
    "empty lines of code": "<pre>" + "\n " * 300_000 + "x",
    "combining marks": "<p>a" + "\u0301\u0316" * 200_000,
    "null bytes": "\0" * 1_000_000,
    "huge attribute": '<p title="' + "x" * 5_000_000 + '">hi',
    "entities": "&amp;" * 200_000,
    "many attributes": "<p " + " ".join(f"a{n}=1" for n in range(100_000)) + ">hi",
    "articles in a page": "<html><main>" + "<article>x" * 50_000,
    "articles beside each other": "<html><main>" + "<article>x</article>" * 30_000,
}


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_plain_text_of_hostile_html_takes_linear_time(name: str) -> None:
    start = time.process_time()
    of_html(HOSTILE[name])
    plain_text(HOSTILE[name], "text")
    detect_markup(HOSTILE[name])
    assert time.process_time() - start < 6


def test_plain_text_of_deep_html_keeps_every_word() -> None:
    source = "".join(f"<div>w{n} <b>" for n in range(5000)) + "</b></div>" * 5000 + "<h2>Head</h2><p>end</p>"
    text = of_html(source)
    assert re.findall(r"w\d+", text) == [f"w{n}" for n in range(5000)]
    assert text.endswith("\n\n\nHead\n\nend")


def test_plain_text_of_a_large_page_takes_seconds() -> None:
    source = "<p>Some <b>words</b> with <a href='x'>a link</a> &amp; more of them here.</p>\n" * 30_000
    start = time.process_time()
    assert of_html(source).count("Some words with a link & more") == 30_000
    assert time.process_time() - start < 8


@pytest.mark.parametrize(
    "body",
    [
        "<p>One paragraph",
        "  \n<div class='x'>y</div>",
        "<!-- wp:paragraph -->\n<p>x</p>",
        "<!DOCTYPE html><title>x</title>",
        "<h2>Title</h2>Text",
        "Words with <strong>two</strong> <em>elements</em>",
        'Read <a href="https://example.org">this</a>.',
        "One<br />two <b>three</b>",
        '<a href="x"><img src="y"></a> caption',
    ],
)
def test_detect_markup_of_html_is_html(body: str) -> None:
    assert detect_markup(body) == "html"


@pytest.mark.parametrize(
    "body",
    [
        "",
        "Plain words.",
        "1 < 2 and 3 > 2",
        "Vec<T> and Option<Box<T>>, impl<T> Foo<T>",
        "Put it in a <div> or a <span>.",
        "<div> elements are boxes.",
        "<T> is a type.",
        "Write `<b>bold</b>` and `<i>italic</i>`.",
        "```html\n<p>one</p>\n<p>two</p>\n```",
        "# Title\n\n* a\n* b",
        "Write to <someone@example.org> or <https://example.org>",
        "AT&amp;T",
    ],
)
def test_detect_markup_of_text_is_text(body: str) -> None:
    assert detect_markup(body) == "text"


@given(sources)
def test_detect_markup_never_says_markdown(body: str) -> None:
    assert detect_markup(body) in ("html", "text")


def read_rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


@pytest.mark.data
@pytest.mark.parametrize("blog", ["18f_blog", "rust_blog", "recipes", "til", "podcast_syntax"])
def test_detect_markup_of_real_plain_text_is_text(data_dir: Path, blog: str) -> None:
    rows = read_rows(data_dir / blog / "data.jsonl")
    assert sum(detect_markup(row["text"]) == "html" for row in rows) <= 3


@pytest.mark.parametrize("body", ["`" * 200_000 + " x", "x " + "`" * 200_000, "~" * 200_000, ("`" * 99 + " ") * 2_000])
def test_plain_text_and_detect_markup_of_long_runs_of_ticks_take_no_time(body: str) -> None:
    start = time.perf_counter()
    of_markdown(body)
    detect_markup(body + "<")
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize(
    ("source", "kept"),
    [
        ("export default settings are fine", True),
        ("export let me see", True),
        ("export default Layout", False),
        ("export default function A() {\n  return 1\n}", False),
        ("export default ({ children }) => children", False),
        ("export async function load() {}", False),
        ("export { a } from 'b'", False),
    ],
)
def test_plain_text_of_markdown_leaves_out_exports_that_are_code(source: str, kept: bool) -> None:
    assert of_markdown(f"{source}\n\nText") == (f"{source}\n\nText" if kept else "Text")


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("[[a|b c]] and [[a]] and [[a#Part]] and [[#Part]] and [[a#^id]]", "b c and a and a Part and Part and a"),
        ("[[What is a scion?]] [[folder/note]] [[a\\|b]] [[a|]]", "What is a scion? folder/note b a"),
        ("| x |\n|---|\n| [[a\\|b]] [[c]] |", "x\nb c"),
        ("x ![[knife.png|300]] ![[a/b.PDF#page=2]] ![[d.excalidraw]] y", "x y"),
        ("![[Note#Part]] ![[Note|300]] ![[Note|words]] ![[Note|3x4]]", "Note Part Note words Note"),
        ("The union. ^union\n\n- item ^a-1\n\n^own", "The union.\n\n- item"),
        ("x ^2\n\na ^b c\n\nx^n", "x ^2\n\na ^b c\n\nx^n"),
        ("> [!note]- Tools\n> A knife.", "Tools\nA knife."),
        ("> [!NOTE]\n> A knife.\n>\n> > [!tip|wide]+ More\n> > tape", "A knife.\n\nMore\ntape"),
        ("> [!warning]", ""),
        ("> quoted [!note] words\n\n[!note] no quote", "quoted [!note] words\n\n[!note] no quote"),
        (
            "a ==marked== and ==two **words**==, x==1 and y==2, a == b == c",
            "a marked and two words, x==1 and y==2, a == b == c",
        ),
        ("这是==高亮==文字", "这是高亮文字"),
        ("`[[a|b]] ==c==` `![[d.png]]`", "[[a|b]] ==c== ![[d.png]]"),
        ("```\n[[1,2],[3,4]]\n[[a]] ^id\n```\n\n    [[a]]", "[[1,2],[3,4]]\n[[a]] ^id\n\n[[a]]"),
        ("[[1]](https://x.org/y) [[2]][r] [[1,2],[3,4]]\n\n[r]: https://z.org", "[1] [2] [[1,2],[3,4]]"),
        ("[[nodiscard]] int f();", "nodiscard int f();"),
    ],
)
def test_plain_text_of_markdown_reads_the_marks_of_obsidian(source: str, expected: str) -> None:
    assert of_markdown(source) == expected


@pytest.mark.parametrize("piece", ["[[", "![[a|", "[[a]]", "==", "==a", " ^a", "^a\t", "> [!a]\n", "[[a|b", "`[["])
def test_plain_text_of_markdown_of_hostile_marks_takes_linear_time(piece: str) -> None:
    start = time.process_time()
    of_markdown("x" + piece * (200_000 // len(piece)))
    assert time.process_time() - start < 4


@pytest.mark.parametrize("markup", ["text", "html", "markdown"])
def test_plain_text_holds_no_comments(markup: Markup) -> None:
    body = "a <!-- secret --> b {% comment %}\n\nsecret\n\n{% endcomment %} c {# secret #} d"
    assert plain_text(body, markup) == "a b c d".replace(" ", " " if markup != "text" else "  ")


def test_plain_text_of_markdown_comments_that_span_blocks_leave_no_secret() -> None:
    body = "shown\n\n{% comment %}\nsecret\n\nsecret\n\n- secret\n{% endcomment %}\n\nshown\n\n%%\nsecret\n\nsecret\n%%"
    body += "\n\nend"
    assert of_markdown(body) == "shown\n\nshown\n\nend"


@pytest.mark.parametrize(
    ("attributes", "is_shown"),
    [
        ("class='hidden'", False),
        ("class='note d-none'", False),
        ("class='is-hidden'", False),
        ("class='hidden md:block'", True),
        ("class='d-none d-md-block'", True),
        ("class='hidden-gem'", True),
        ("style='display: none'", False),
        ("hidden", False),
    ],
)
def test_plain_text_of_an_element_that_its_class_hides(attributes, is_shown):
    text = plain_text(f"<p>Before.</p><div {attributes}>secretword</div><p>After.</p>", "html")
    assert ("secretword" in text) is is_shown
    assert "Before." in text
    assert "After." in text
