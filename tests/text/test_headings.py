import pytest

from recs.text.headings import first_heading


@pytest.mark.parametrize(
    ("body", "markup", "anywhere", "leading"),
    [
        ("# One\n\nText.", "markdown", "One", "One"),
        ("Text.\n\n## Two\n\nMore.", "markdown", "Two", ""),
        ("## Two\n\nText.\n\n# One", "markdown", "Two", "Two"),
        ("Text.\n\n## Two\n\n# One", "markdown", "Two", "One"),
        ("Text.\n\n<h2>A <b>bold</b> one</h2>", "html", "A bold one", ""),
        ("<h1 hidden>Secret</h1>\n\n# Shown", "markdown", "Shown", "Shown"),
        ("<h1 style='display:none'>Secret</h1><h2>Shown</h2>", "html", "Shown", "Shown"),
        ("<!-- <h1>Secret</h1> --><h2></h2><h3>Shown</h3>", "html", "Shown", "Shown"),
        ("%% # Secret %%\n\n# Shown", "markdown", "Shown", "Shown"),
        ("```\n# code\n```\n\nText.", "markdown", "", ""),
        ("<div hidden><h1>Secret</h1></div><h1>Shown</h1>", "html", "Shown", "Shown"),
        ("<template><h1>Secret</h1></template><h1>Shown</h1>", "html", "Shown", "Shown"),
        ("# no heading", "text", "", ""),
        ("", "markdown", "", ""),
    ],
)
def test_first_heading(body, markup, anywhere, leading):
    assert first_heading(body, markup) == anywhere
    assert first_heading(body, markup, leading=True) == leading
