"""The export file of WordPress: fields, visibility, several files, and files that are broken or hostile."""

import re
import subprocess
import sys
from collections import Counter
from html import escape
from io import BytesIO
from pathlib import Path

import pytest
from places import DATASETS

from recs import read_items
from recs.errors import MissingDependencyError, SourceError
from recs.items import Skipped
from recs.readers import xml_stream
from recs.readers.wordpress.export import is_wxr, wxr_records

pytest.importorskip("lxml")
NOW = "2026-01-01"
SAMPLE = DATASETS / "wordpress.xml"
PUBLIC = {"2", "11", "14", "17", "20", "22", "35", "36"}
# Of posts that are not public, of comments, a password and the login of the author.
HIDDEN_WORDS = re.compile(
    "quagmire|zirconium|marmalade|kingfisher|periwinkle|artichoke|hagglebargain|tangerine|saxophone|hippopotamus"
    "|Leuchtturm7|levke"
)
HEAD = (
    '<?xml version="1.0" encoding="UTF-8"?>\n<rss xmlns:excerpt="http://wordpress.org/export/1.2/excerpt/" '
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:wp="http://wordpress.org/export/1.2/">\n<channel>'
    "<language>en</language><wp:base_blog_url>https://a.example</wp:base_blog_url>\n"
)
TAIL = "</channel></rss>"


def _item(post_id=12, more="", *, body="Plant it in October.", status="publish", post_type="post", link=None):
    link = f"https://a.example/post-{post_id}/" if link is None else link
    return (
        f"<item><title>Garlic</title><link>{link}</link><content:encoded><![CDATA[{body}]]></content:encoded>"
        f"<wp:post_id>{post_id}</wp:post_id><wp:status>{status}</wp:status>"
        f"<wp:post_type>{post_type}</wp:post_type>{more}</item>\n"
    )


def _meta(key, value):
    value = escape(value)
    return f"<wp:postmeta><wp:meta_key>{key}</wp:meta_key><wp:meta_value>{value}</wp:meta_value></wp:postmeta>"


def _wxr(*items):
    return (HEAD + "".join(items) + TAIL).encode()


class _Named(BytesIO):
    def __init__(self, data, name):
        super().__init__(data)
        self.name = name


def _records(*data):
    files = [_Named(each, f"part-{number}.xml") for number, each in enumerate(data, 1)]
    return list(wxr_records(files, "export.xml"))


def _items(*data, **options):
    return read_items([record for _, record in _records(*data)], **{"now": NOW, **options})


def _record(more="", **fields):
    [(_, record)] = _records(_wxr(_item(more=more, **fields)))
    return record


def _reasons(*data):
    return [record.reason for _, record in _records(*data) if isinstance(record, Skipped)]


# The sample export.


def test_sample_export_shows_what_its_author_published():
    items = _items(SAMPLE.read_bytes())
    assert {item.id for item in items.public} == PUBLIC
    closed = {item.id: item.closed_by[0].rpartition(".")[2] for item in items if not item.is_public}
    assert closed == {
        **dict.fromkeys(("26", "27", "28", "31"), "status"),
        "24": "_yoast_wpseo_meta-robots-noindex",
        "25": "_members_access_role",
        "29": "post_password",
        "30": "date",
    }
    shown = " ".join(f"{item.title} {item.text} {item.excerpt} {item.meta}" for item in items.public)
    assert not HIDDEN_WORDS.findall(shown)


def test_sample_export_has_text_without_shortcodes_and_blocks_and_keeps_paragraphs():
    texts = {item.id: item.text for item in _items(SAMPLE.read_bytes())}
    assert not [text for text in texts.values() if re.search(r"\[/?(?:caption|gallery|contact)|<!--|wp:", text)]
    assert texts["11"].count("\n\n") == 4
    assert "if (a[b[0]]>400) { stop(); }" in texts["22"]


def test_sample_export_resolves_all_links_between_its_posts():
    items = _items(SAMPLE.read_bytes())
    written = Counter(item.id for item in items for _ in re.findall("href=", item.body))
    assert written == Counter({item.id: len(item.links) for item in items if item.links})
    links = {(item.id, link.target) for item in items for link in item.links}
    assert {("17", "11"), ("22", "11"), ("35", "2"), ("36", "35")} <= links  # ?p=11, /?page_id=2, an earlier slug


def test_sample_export_has_words_images_and_languages():
    items = {item.id: item for item in _items(SAMPLE.read_bytes())}
    assert (items["22"].tags, items["22"].category) == (("bread", "early mornings"), "Food & Drink")
    assert items["35"].tags == ()  # "Uncategorized" is not a category
    assert items["11"].image.endswith("/moewe.jpg")
    assert items["11"].excerpt == "Nine evenings, forty metres of seam, one mallet."
    assert (items["11"].lang, items["20"].lang) == ("en-GB", "de")


def test_sample_export_tells_how_many_entries_are_not_posts():
    assert _reasons(SAMPLE.read_bytes()) == [
        "1 of the type 'attachment', which is not a post or page",
        "1 of the type 'nav_menu_item', which is not a post or page",
    ]


# Fields.


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_is_wxr_knows_exports_in_any_encoding(encoding):
    assert is_wxr(SAMPLE.read_text(encoding="utf-8")[:4000].encode(encoding))
    assert not is_wxr(b'<rss version="2.0" xmlns:wp="com-wordpress:feed-additions:1">')


def test_content_and_excerpt_are_told_by_namespace_in_any_order():
    more = "<excerpt:encoded>A teaser.</excerpt:encoded>"
    record = _record(more)
    assert (record["content_html"], record["excerpt"]) == ("Plant it in October.", "A teaser.")
    swapped = HEAD.replace("content=", "x=").replace("excerpt=", "content=").replace("x=", "excerpt=")
    data = (swapped + _item(body="A teaser.", more="<excerpt:encoded>Plant it.</excerpt:encoded>") + TAIL).encode()
    [(_, record)] = _records(data)
    assert (record["content_html"], record["excerpt"]) == ("Plant it.", "A teaser.")


def test_foreign_namespace_with_the_same_prefix_says_nothing():
    more = '<wp:post_password xmlns:wp="http://other.example/">open</wp:post_password>'
    assert "post_password" not in _record(more)


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.3"])
def test_every_version_of_the_format_is_read(version):
    data = _wxr(_item(status="draft")).replace(b"export/1.2/", f"export/{version}/".encode())
    assert [(item.id, item.visibility) for item in _items(data)] == [("12", "draft")]


@pytest.mark.parametrize(
    ("gmt", "local", "published"),
    [
        ("2024-03-01 17:30:00", "2024-03-01 18:30:00", "2024-03-01T17:30:00Z"),
        ("0000-00-00 00:00:00", "2024-03-01 18:30:00", "2024-03-01T18:30:00Z"),
        ("0000-00-00 00:00:00", "0000-00-00 00:00:00", None),
        ("", "", None),
    ],
)
def test_dates_of_zeros_are_no_dates(gmt, local, published):
    more = f"<wp:post_date>{local}</wp:post_date><wp:post_date_gmt>{gmt}</wp:post_date_gmt>"
    more += "<pubDate>Mon, 30 Nov -0001 00:00:00 +0000</pubDate>"
    [item] = _items(_wxr(_item(more=more)))
    assert (item.published, item.visibility) == (published, "public")


def test_modified_date_is_the_date_of_the_update():
    [item] = _items(_wxr(_item(more="<wp:post_modified_gmt>2024-03-02 08:00:00</wp:post_modified_gmt>")))
    assert item.updated == "2024-03-02T08:00:00Z"


def test_end_mark_of_cdata_in_two_sections_is_one_text():
    assert _record(body="a[b[0]]]]><![CDATA[>1")["content_html"] == "a[b[0]]>1"


def test_terms_are_names_and_the_nicename_only_where_there_is_no_name():
    more = '<category domain="post_tag" nicename="a-b">A &amp;amp; B</category>'
    more += '<category domain="post_tag" nicename="bulbs"></category><category domain="genre">Essay</category>'
    record = _record(more)
    assert (record["tags"], record["taxonomies"]) == (["A & B", "bulbs"], {"genre": ["Essay"]})


def test_post_without_a_link_has_the_address_that_wordpress_gives_it():
    assert _record(link="")["url"] == "https://a.example/?p=12"


@pytest.mark.parametrize(
    ("href", "target"),
    [
        ("?p=13", "13"),
        ("/?p=13&amp;preview=true", "13"),
        ("https://a.example/index.php?p=13", "13"),
        ("https://other.example/?p=13", None),
        ("?p=99", None),
    ],
)
def test_links_by_number_lead_to_the_post(href, target):
    items = _items(_wxr(_item(12, body=f'See <a href="{href}">leeks</a>.'), _item(13, body="Leeks.")))
    assert [link.target for link in items[0].links] == ([target] if target else [])


# Visibility.


@pytest.mark.parametrize("status", ["", "draft", "auto-draft", "pending", "private", "future", "trash", "acf-disabled"])
def test_only_a_published_post_is_public(status):
    assert not _items(_wxr(_item(status=status))).public


def test_post_without_status_is_closed_and_says_so():
    [item] = _items(_wxr(_item().replace("<wp:status>publish</wp:status>", "")))
    assert (item.visibility, item.closed_by) == ("unknown", ("status", "absent"))


@pytest.mark.parametrize("second", ["<wp:status>draft</wp:status>", "<wp:post_password>x</wp:post_password>"])
@pytest.mark.parametrize("first", ["", "<wp:post_password></wp:post_password><wp:post_password></wp:post_password>"])
def test_most_closed_of_repeated_fields_counts(first, second):
    assert not _items(_wxr(_item(more=second + first))).public


def test_password_is_in_no_item():
    assert "geheim" not in repr(list(_items(_wxr(_item(more="<wp:post_password>geheim</wp:post_password>")))))


def test_markup_inside_a_field_does_not_hide_its_text():
    assert not _items(_wxr(_item(more="<wp:post_password><b>x</b></wp:post_password>"))).public
    assert _items(_wxr(_item(more="<!-- x --><?x y?>", status="<!-- as before -->draft")))[0].closed_by == (
        "status",
        "draft",
    )


def test_entry_inside_an_entry_neither_opens_nor_hides_anything():
    inner = _item(13)
    items = _items(_wxr(_item(more=f"<wp:post_password>x</wp:post_password><x>{inner}</x>{inner}")))
    assert [(item.id, item.visibility) for item in items] == [("12", "private")]


@pytest.mark.parametrize(
    ("key", "value", "visibility"),
    [
        ("_yoast_wpseo_meta-robots-noindex", "1", "unlisted"),
        ("_yoast_wpseo_meta-robots-noindex", "2", "public"),
        ("_yoast_wpseo_meta-robots-noindex", "0", "public"),
        ("rank_math_robots", 'a:1:{i:0;s:7:"noindex";}', "unlisted"),
        ("rank_math_robots", 'a:2:{i:0;s:5:"index";i:1;s:8:"nofollow";}', "public"),
        ("_seopress_robots_index", "yes", "unlisted"),
        ("_aioseop_noindex", "on", "unlisted"),
        ("_genesis_noindex", "1", "unlisted"),
        ("jetpack_seo_noindex", "1", "unlisted"),
        ("ep_exclude_from_search", "1", "unlisted"),
        ("_members_access_role", "administrator", "private"),
        ("_wpmem_block", "1", "private"),
        ("_wpmem_block", "0", "public"),
        ("rcp_access_level", "None", "public"),
        ("rcp_access_level", "3", "private"),
        ("rcp_subscription_level", "a:1:{i:0;i:3;}", "private"),
        ("_restrict_content", "yes", "private"),
        ("um_content_restriction", 'a:1:{s:14:"_um_accessible";s:1:"2";}', "private"),
        ("groups-read", "4", "private"),
        ("_jetpack_newsletter_access", "everybody", "public"),
        ("_jetpack_newsletter_access", "paid_subscribers", "private"),
        ("members_only", "1", "private"),
        ("_expiration-date", "1577836800", "private"),
        ("status", "finished", "public"),  # a custom field may be about anything
        ("_status", "field_5f3a9", "public"),
        ("state", "Ohio", "public"),
        ("date", "one day in May", "public"),
        ("dietary_restrictions", "vegan", "public"),
        ("_edit_lock", "1577836800:1", "public"),
    ],
)
def test_custom_fields_of_plugins_close_a_post(key, value, visibility):
    [item] = _items(_wxr(_item(more=_meta(key, value))))
    assert item.visibility == visibility


def test_user_may_open_what_a_plugin_closed():
    data = _wxr(_item(more=_meta("_members_access_role", "reader")))
    assert _items(data, public=[("custom_fields._members_access_role", "reader")]).public


@pytest.mark.parametrize(
    ("post_type", "link", "is_item"),
    [
        ("page", "https://a.example/about/", True),
        ("book", "https://a.example/book/emma/", True),
        ("slide", "https://a.example/?post_type=slide&amp;p=12", False),
        *((name, "https://a.example/x/", False) for name in ("revision", "wp_block", "wp_template", "custom_css")),
        *((name, "https://a.example/x/", False) for name in ("feedback", "acf-field", "shop_order")),
    ],
)
def test_types_without_pages_are_not_items(post_type, link, is_item):
    data = _wxr(_item(1), _item(post_type=post_type, link=link))
    assert [item.id for item in _items(data)] == (["1", "12"] if is_item else ["1"])
    reasons = [] if is_item else [f"1 of the type '{post_type}', which is not a post or page"]
    assert _reasons(data) == reasons


# Featured images, and several files.

_ATTACHMENT = _item(
    40, "<wp:attachment_url>https://a.example/g.jpg?a=1&amp;b=2</wp:attachment_url>", post_type="attachment"
)
_FEATURED = _item(12, _meta("_thumbnail_id", "40"))


@pytest.mark.parametrize(
    "files", [[_FEATURED + _ATTACHMENT], [_ATTACHMENT + _FEATURED], [_FEATURED, _ATTACHMENT], [_ATTACHMENT, _FEATURED]]
)
def test_featured_image_is_found_anywhere_in_the_export(files):
    [item] = _items(*map(_wxr, files))
    assert item.image == "https://a.example/g.jpg?a=1&b=2"


def test_image_without_its_attachment_is_absent():
    assert _items(_wxr(_FEATURED))[0].image is None


def test_post_in_two_files_is_one_item_if_it_is_the_same():
    data = _wxr(_item(12)), _wxr(_item(12), _item(13))
    assert [where for where, _ in _records(*data)[:2]] == ["part-1.xml: post 12", "part-2.xml: post 13"]
    assert _reasons(*data) == ["posts that occur again with the same content: 1"]


def test_different_posts_with_one_id_are_an_error_that_names_both_files():
    with pytest.raises(SourceError, match=r"^part-1\.xml and part-2\.xml: different posts have the id '12'"):
        _records(_wxr(_item(12)), _wxr(_item(12, body="Leeks.")))


def test_broken_file_does_not_lose_the_other_files():
    broken = _wxr(_item(12))[:-40]
    assert [item.id for item in _items(broken, _wxr(_item(13)))] == ["13"]
    [reason] = _reasons(broken, _wxr(_item(13)))
    assert "truncated" in reason
    assert reason.endswith("entries read before that place: 0")


# Broken and hostile files.


def test_truncated_export_yields_whole_posts_and_says_where_it_broke():
    data = SAMPLE.read_bytes()
    whole = {item.id: item for item in _items(data)}
    for stop in range(0, len(data) - 20, 211):
        if b"</item>" not in data[:stop]:
            with pytest.raises(SourceError, match=r"truncated|no XML"):
                _items(data[:stop])
            continue
        items = _items(data[:stop])
        assert all(item.text == whole[item.id].text for item in items)
        assert {item.id for item in items.public} == {item.id for item in items} & PUBLIC
        assert any("truncated" in skipped.reason for skipped in items.skipped)


def test_broken_xml_names_the_line():
    reasons = _reasons(_wxr(_item(12), "<item>\n<title>&nbsp;</title></item>"))
    assert reasons == [
        "line 6, column 14 cannot be read as XML (Entity 'nbsp' not defined); entries read before that place: 1"
    ]


def test_nothing_is_read_after_the_place_where_the_xml_is_broken(monkeypatch):
    monkeypatch.setattr(xml_stream, "_CHUNK", 64)
    broken = "<item><wp:post_password>&x;</wp:post_password></item>"
    [(where, _), (_, skipped)] = _records(_wxr(_item(12), broken, *(_item(number) for number in range(20, 40))))
    assert where == "export.xml: post 12"
    assert "Entity 'x' not defined" in skipped.reason


def test_file_without_posts_is_an_error():
    with pytest.raises(SourceError, match=r"^export\.xml: no <item>; expected posts\.$"):
        _records(_wxr())


@pytest.mark.parametrize("before", ["\ufeff", "\n\n  \n", "<br />\n<b>Warning</b>: plugin.php on line 7\n"])
def test_what_plugins_print_before_the_xml_is_skipped(before):
    assert [item.id for item in _items(before.encode() + _wxr(_item()))] == ["12"]


def test_control_characters_are_removed():
    data = _wxr(_item(body="Plant\x00 it\x0b in\x1f Octo\ufffeber\uffff."))
    assert _items(data)[0].text == "Plant it in October."


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("UTF-8", "utf-8"),
        ("UTF-8", "utf-8-sig"),
        ("UTF-16", "utf-16"),
        ("UTF-16", "utf-16-le"),
        ("ISO-8859-1", "iso-8859-1"),
        ("windows-1252", "cp1252"),
        ("ISO-8859-1", "utf-8"),  # wrong
        ("UTF-16", "utf-8"),  # wrong
        ("no-such-encoding", "utf-8"),
        ("rot13", "utf-8"),
    ],
)
def test_encoding_is_that_of_the_bytes(declared, encoding):
    text = _wxr(_item(body="Grünkohl für süße Möwen")).decode().replace('"UTF-8"', f'"{declared}"')
    items = _items(text.encode(encoding))
    assert [item.text for item in items] == ["Grünkohl für süße Möwen"]
    assert not items.skipped


def test_character_on_the_border_of_two_reads_is_whole(monkeypatch):
    monkeypatch.setattr(xml_stream, "_CHUNK", 7)
    assert _items(_wxr(_item(body="ü" * 50)))[0].text == "ü" * 50


def test_bytes_of_another_encoding_are_counted():
    data = _wxr(_item(body="caf\u00e9 na\u00efve")).decode().encode("latin-1")
    assert _items(data)[0].text == "caf\ufffd na\ufffdve"
    assert _reasons(data) == ["characters that are not UTF-8, read as \ufffd: 2"]


_BOMB = "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
_DTDS = {
    "billion laughs": f'<!DOCTYPE rss [<!ENTITY a0 "lol">{_BOMB}]>',
    "external entity": '<!DOCTYPE rss [<!ENTITY a9 SYSTEM "file:///etc/hostname">]>',
    "remote entity": '<!DOCTYPE rss [<!ENTITY a9 SYSTEM "http://127.0.0.1:9/secret">]>',
    "parameter entity": '<!DOCTYPE rss [<!ENTITY % p SYSTEM "http://127.0.0.1:9/p"> %p; <!ENTITY a9 "x">]>',
    "quadratic": f'<!DOCTYPE rss [<!ENTITY a9 "{"x" * 50_000}">]>',
    "only a DTD": '<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/rss.dtd">',
}


@pytest.mark.parametrize("name", _DTDS)
@pytest.mark.parametrize("place", ["body", "attribute", "status"])
def test_document_with_a_dtd_is_one_clear_line(name, place):
    reference = "&a9;" * (300 if name == "quadratic" else 1) if name != "only a DTD" else ""
    fields = {"body": f"]]>{reference}<![CDATA["} if place == "body" else {}
    fields |= {"status": f"publish{reference}"} if place == "status" else {}
    fields |= {"more": f'<category nicename="{reference}">x</category>'} if place == "attribute" else {}
    data = _wxr(_item(**fields)).replace(b"<rss", _DTDS[name].encode() + b"<rss", 1)
    with pytest.raises(SourceError) as caught:
        _records(data)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "more",
    [
        "<x>" * 100_000,
        "<title>" + "x" * 11_000_000 + "</title>",
        f'<x a="{"x" * 11_000_000}"/>',
        "<!--" + "x" * 11_000_000 + "-->",
        "<x" + "".join(f' a{n}="1"' for n in range(100_000)) + "/>",
    ],
    ids=["deep", "long text", "long attribute", "long comment", "attributes"],
)
def test_entry_of_a_size_that_no_post_has_ends_in_a_clear_line(more):
    items = _items(_wxr(_item(12), _item(13, more)))
    assert items[0].id == "12"
    assert all("\n" not in skipped.reason for skipped in items.skipped)


def test_entry_with_endless_children_stops_at_the_limit(monkeypatch):
    monkeypatch.setattr(xml_stream, "_LARGEST_ELEMENT", 1 << 20)
    [reason] = _reasons(_wxr(_item(12), _item(13, "<x/>" * 400_000), _item(14)))
    assert reason.startswith("one element has more than 1 MB or")


def test_entry_with_too_many_tags_stops_at_the_limit(monkeypatch):
    monkeypatch.setattr(xml_stream, "_UNCOUNTED", 1 << 16)
    monkeypatch.setattr(xml_stream, "_MOST_TAGS", 50_000)
    [reason] = _reasons(_wxr(_item(12), _item(13, "<x/>" * 100_000), _item(14)))
    assert reason.endswith("50,000 tags; expected a post of usual size; entries read before that place: 1")


def test_many_small_entries_do_not_reach_the_limit_of_one(monkeypatch):
    monkeypatch.setattr(xml_stream, "_LARGEST_ELEMENT", 1 << 18)
    authors = "<wp:author><wp:author_login>levke</wp:author_login></wp:author>" * 10_000
    assert len(_items(_wxr(authors, *(_item(number) for number in range(1, 2000))))) == 1999


_GROWTH = """
import re, sys
from itertools import chain
from recs.readers.wordpress.export import wxr_records

class Posts:
    def __init__(self, count):
        self.count = count
    def seek(self, _):
        items = (sys.argv[2].replace("NUMBER", str(number)) for number in range(self.count))
        self.parts = chain([sys.argv[1]], items, ["</channel></rss>"])
    def read(self, _):
        return next(self.parts, "").encode()

peaks = []
for count in (100, 12_000):
    assert sum(1 for _ in wxr_records([Posts(count)], "export.xml")) == count
    peaks.append(int(re.search(r"VmHWM:\\s*(\\d+) kB", open("/proc/self/status").read())[1]))
print(peaks[1] - peaks[0])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="only Linux tells the peak of memory there")
def test_memory_does_not_grow_with_the_file():
    entry = "<x/>" * 40 + _item("1NUMBER", body="Plant it. " * 150)
    command = [sys.executable, "-c", _GROWTH, HEAD, entry]
    grown = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert grown < 12_000  # kilobytes; the file has 24,000


def test_lxml_is_loaded_only_to_read_and_a_missing_one_is_named(monkeypatch):
    modules = "sys, recs, recs.readers.wordpress.export, recs.readers.wordpress.rest"
    code = f"import {modules}; assert 'lxml' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
    monkeypatch.setitem(sys.modules, "lxml", None)
    with pytest.raises(MissingDependencyError, match=r"reading XML needs lxml: pip install '.*\[readers\]'"):
        _records(_wxr(_item()))


@pytest.mark.data
def test_export_of_a_real_wordpress(data_dir):
    data = (data_dir / "wordpress_gold" / "wxr-wordpress-6.1.xml").read_bytes()
    items = _items(data, now="2026-11-29")
    assert Counter(item.meta["post_type"] for item in items.public) == {"post": 81, "page": 1}
    assert sum(len(item.links) for item in items) == 135
    assert not [item.id for item in items if re.search(r"<!--|wp:\w|\[(?:caption|gallery)", item.text)]
