"""Notion: pages of the export under their ids, in Markdown and HTML, nested, in parts, with links between them."""

import io
import zipfile

import pytest

import recs
from recs.errors import SourceError
from recs.readers.platforms.notion import is_notion

A = "0123456789abcdef0123456789abcde1"
B = "0123456789abcdef0123456789abcde2"
C = "0123456789abcdef0123456789abcde3"
PROPERTIES = "Created: April 3, 2024 10:12 AM\nStatus: {}\nTags: garden, winter\n🏷 Kind: note\n\n"
HTML = (
    "<html><head><title>Leeks</title></head><body><article><header><h1 class='page-title'>Leeks</h1>"
    '<table class="properties"><tbody><tr><th>Status</th><td><span class="status-value">{}</span></td></tr></tbody>'
    "</table></header><div class='page-body'><p>Sow them, see <a href=\"Posts/Garlic%20" + A + '.html">garlic</a>.</p>'
    "</div></article></body></html>"
)


def _page(status="Published", text="Leeks stay in the ground."):
    return f"# Storing leeks\n\n{PROPERTIES.format(status)}{text}\n"


def _folder(folder, files):
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def _zip(files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return data.getvalue()


FILES = {
    f"Garden {C}.md": f"# Garden\n\nSee [leeks](Garden%20{C}/Storing%20leeks%20{A}.md) and this page.\n\nMore.\n",
    f"Garden {C}/Storing leeks {A}.md": _page(
        text=f"After [the garlic](Old%20posts/Garlic%20(hard)%20{B}.md) and [this](https://www.notion.so/Garden-{C}?pvs=4)."
    ),
    f"Garden {C}/Old posts/Garlic (hard) {B}.md": _page("Draft", "closedword."),
    f"Garden {C}/Old posts {C}.csv": "Name,Status\nGarlic,Draft\n",
}


def test_pages_have_the_ids_of_their_names_and_links_lead_to_ids(tmp_path):
    collection = recs.read_items(_folder(tmp_path, FILES))
    items = {item.id: item for item in collection}
    assert items.keys() == {A, B, C}
    leeks = items[A]
    assert (leeks.title, leeks.tags, leeks.published) == ("Storing leeks", ("garden", "winter"), "2024-04-03T10:12:00Z")
    assert leeks.text.startswith("After the garlic and")
    assert not any(word in leeks.text for word in ("Created", "Status", "Kind:", "Storing leeks"))
    assert [link.target for link in leeks.links] == [B, C]
    assert [link.target for link in items[C].links] == [A]
    assert {name: item.is_public for name, item in items.items()} == {A: True, B: False, C: True}
    assert collection.format == "an export of Notion, by the names of its pages"
    assert [skipped.reason for skipped in collection.skipped] == [
        "tables of databases (.csv), whose rows are the pages beside them: 1"
    ]


@pytest.mark.parametrize("status", ["Draft", "In progress", "Not started", "A word of our own"])
def test_a_status_that_is_not_public_closes(tmp_path, status):
    (item,) = recs.read_items(_folder(tmp_path, {f"Leeks {A}.md": _page(status)}))
    assert not item.is_public
    assert item.closed_by == ("Status", status)


def test_html_has_properties_and_links(tmp_path):
    files = {f"Leeks {B}.html": HTML.format("Published"), f"Posts/Garlic {A}.html": HTML.format("Draft")}
    leeks, garlic = sorted(recs.read_items(_folder(tmp_path, files)), key=lambda item: item.id, reverse=True)
    assert (leeks.id, leeks.is_public, garlic.id, garlic.is_public) == (B, True, A, False)
    assert [link.target for link in leeks.links] == [A]
    assert "Published" not in leeks.text


def test_the_parts_of_an_export_are_one_export():
    names = list(FILES)
    first = _zip({f"Export-1/{name}": FILES[name] for name in names[:2]})
    second = _zip({f"Export-1/{name}": FILES[name] for name in names[2:]})
    whole = _zip({"Export-0a1b-Part-1.zip": first, "Export-0a1b-Part-2.zip": second})
    in_parts = recs.read_items(io.BytesIO(whole))
    at_once = recs.read_items(io.BytesIO(_zip(FILES)))
    key = [(item.id, item.text, item.visibility, item.links) for item in at_once]
    assert sorted((item.id, item.text, item.visibility, item.links) for item in in_parts) == sorted(key)
    assert in_parts.format == at_once.format == "a zip archive of an export of Notion, by the names of its pages"


def test_parts_that_are_damaged_or_differ_are_one_line():
    page = {f"Leeks {A}.md": _page()}
    for second, said in ((b"PK\x03\x04 x", "damaged"), (_zip({f"Leeks {A}.md": "other"}), "two parts .* different")):
        data = _zip({"Export-1-Part-1.zip": _zip(page), "Export-1-Part-2.zip": second})
        with pytest.raises(SourceError, match=said):
            recs.read_items(io.BytesIO(data))


def test_other_archives_in_an_export_are_not_opened():
    data = _zip({f"Leeks {A}.md": _page(), "songs.zip": _zip({"x.md": "closedword"})})
    collection = recs.read_items(io.BytesIO(data))
    assert [item.id for item in collection] == [A]
    assert "an archive inside the archive" in collection.skipped[0].reason


@pytest.mark.parametrize("form", ["md", "html"])
def test_a_closed_page_that_is_cut_off_is_shown_nowhere(tmp_path, form):
    page = _page("Draft", "closedword.") if form == "md" else HTML.format("Draft")
    for end in range(len(page)):
        folder = _folder(tmp_path, {f"Leeks {A}.{form}": page[:end]})
        try:
            shown = [item.text for item in recs.read_items(folder).public]
        except SourceError:
            shown = []
        assert not shown, page[:end]


def test_a_site_with_one_such_name_is_no_export(tmp_path):
    _folder(tmp_path, {f"a {A}.md": "x", "b.md": "x", "c.md": "x"})
    assert not is_notion(tmp_path)
