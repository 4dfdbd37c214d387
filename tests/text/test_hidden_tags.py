"""Pairs of tags hide what is between them; a tag that only resembles one, or has no end, hides nothing."""

from __future__ import annotations

import time

import pytest

from recs.items import Markup
from recs.text.hidden.comments import comment_spans
from recs.text.hidden.tags import TagFinder
from recs.text.plain import plain_text

MARKUPS: tuple[Markup, ...] = ("markdown", "html", "text")
NAMES = [
    "encrypt",
    "hugo-encryptor",
    "password",
    "password-protected",
    "protected",
    "hide",
    "hidden",
    "secret",
    "draft",
]
MEMBERS = [
    "content_protector",
    "passster",
    "ppwp",
    "password",
    "is_logged_in",
    "wppb-restrict",
    "memberful",
    "paid-only",
    "premium_content",
    "subscribers",
    "um_loggedin",
]


def words(body: str, markup: Markup) -> list[str]:
    return plain_text(body, markup).split()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("markup", MARKUPS)
def test_pairs_of_shortcodes_whose_name_says_so_hide(markup: Markup, name: str) -> None:
    for left, right in (("{{<", ">}}"), ("{{%", "%}}")):
        assert words(f'a {left} {name} "x" {right}secret\n\nsecret{left} /{name} {right} b', markup) == ["a", "b"]
        assert words(f"a\n\n{left}{name}{right}\nsecret\n{left}/{name}{right}\n\nb", markup) == ["a", "b"]
    if "-" not in name:
        assert words(f"a {{% {name} 'x' %}}secret\n\nsecret{{% end{name} %}} b", markup) == ["a", "b"]


@pytest.mark.parametrize("name", MEMBERS)
@pytest.mark.parametrize("markup", MARKUPS)
def test_pairs_of_shortcodes_of_wordpress_for_members_hide(markup: Markup, name: str) -> None:
    assert words(f"a [{name} role='x']secret\n\n[{name}]secret[/{name}] secret[/{name}] b", markup) == ["a", "b"]


@pytest.mark.parametrize(
    "body",
    [
        "a [not_logged_in]b[/not_logged_in]",
        "a [non-member]b[/non-member]",
        "a [subscribe] b",
        "a [caption]b[/caption]",
        "a\n\n{{< comments >}}\n\nb",
        '{{< comment id="12" >}}\n\na b',
        "a {{% comment %}} b",
        "a {{< hide >}} b",
        "a {{< youtube x >}} b",
    ],
)
@pytest.mark.parametrize("markup", MARKUPS)
def test_tags_without_an_end_or_for_all_readers_keep_what_follows(markup: Markup, body: str) -> None:
    assert "b" in plain_text(body, markup).replace("]b[", " b ").split()


@pytest.mark.parametrize(
    "body",
    [
        "a {% if false %}secret\n\n{% if x %}secret{% endif %} secret{% endif %} b",
        "a {%- if false -%}secret{% for x in y %}{% else %}secret{% endfor %}{% else %} b{% endif %}",
        "a {% unless true %}secret{% endunless %} b",
        "a {% set x %}secret\n\nsecret{% endset %} {% set y = 1 %} b",
        "a {% set x | upper %}secret{% endset %} b",
        "a {% capture x %}secret{% capture y %}secret{% endcapture %}secret{%- endcapture -%} b",
        "a {% macro x(y=1) %}secret{% endmacro %} b",
    ],
)
@pytest.mark.parametrize("markup", MARKUPS)
def test_branches_that_never_hold_and_words_kept_for_later_hide(markup: Markup, body: str) -> None:
    assert "secret" not in plain_text(body, markup)
    assert plain_text(body, markup).startswith("a")
    assert " b" in plain_text(body, markup)


@pytest.mark.parametrize("body", ["a {% if false %} b", "a {% capture x %} b", "a {% if x %} b{% endif %}"])
def test_branches_that_may_hold_or_have_no_end_are_shown(body: str) -> None:
    assert words(body, "markdown") == ["a", "b"]


@pytest.mark.parametrize(
    "settings",
    [
        '{"metadata":{"blockVisibility":false}}',
        '{"blockVisibility":{"hideBlock":true}}',
        '{"blockVisibility":{"controlSets":[{"id":1}],"hideBlock":true}}',
        '{"blockVisibility":{"controlSets":[{"controls":{"userRole":{"visibilityByRole":"logged-in"}}}]}}',
    ],
)
@pytest.mark.parametrize("markup", MARKUPS)
def test_blocks_of_wordpress_that_are_hidden_go(markup: Markup, settings: str) -> None:
    inside = "<p>secret</p><!-- wp:group --><p>secret</p><!-- /wp:group --><!-- wp:group /--><p>secret</p>"
    body = f"a <!-- wp:group {settings} -->{inside}<!-- /wp:group --> b"
    assert words(body, markup) == ["a", "b"]
    assert words(f"a <!-- wp:latest-posts {settings} /--> b", markup) == ["a", "b"]
    assert "secret" not in plain_text(f"a\n\n<!-- wp:group {settings} -->\n\nsecret", markup)


def test_blocks_of_wordpress_that_are_shown_stay() -> None:
    body = '<!-- wp:group {"blockVisibility":{"hideBlock":false}} --><p>a</p><!-- /wp:group -->'
    assert plain_text(body, "html") == "a"


def test_tag_finder_of_more_openings_than_closings_ends_at_the_last() -> None:
    body = "[private][private]x[/private] [private]y"
    assert TagFinder(body).end("wordpress", "private", 9) == body.index(" ")
    assert TagFinder(body).end("wordpress", "private", len(body)) is None
    assert TagFinder(body).end("wordpress", "members", 0) is None


@pytest.mark.parametrize(
    "piece",
    [
        "{{{{< secret{} >}}}}",
        "[member{}]",
        '<!-- wp:a{} {{"hideBlock":true}} -->',
        "{{% if false %}}",
        "{{% if false %}}{{% else %}}",
        "{{% endif %}}",
        "{{% set x",
        "<!-- wp:a",
        "[paid",
        "{{{{< a-",
    ],
)
def test_comment_spans_of_hostile_tags_take_linear_time(piece: str) -> None:
    body = "".join(piece.format(number) for number in range(300_000 // len(piece)))
    for markup in MARKUPS:
        start = time.process_time()
        comment_spans(body, markup)
        comment_spans(body + "{% endif %}{% endset %}[/member1]{{< /secret0 >}}-->", markup)
        assert time.process_time() - start < 4
