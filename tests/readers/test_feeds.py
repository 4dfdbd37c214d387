"""Feeds: RSS, RDF, Atom and CDF, well-formed or not, friendly or hostile."""

import sys
from datetime import UTC, datetime

import pytest

import recs
from recs.errors import MissingDependencyError, SourceError
from recs.items import Skipped
from recs.readers.feeds.feed import feed_records, is_feed
from recs.readers.json_files import json_document, json_records
from recs.readers.values import fold
from recs.readers.visibility.closings import rule_of

pytest.importorskip("feedparser")
pytest.importorskip("lxml")

NAMESPACES = (
    'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/" '
    'xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" xmlns:media="http://search.yahoo.com/mrss/" '
    'xmlns:podcast="https://podcastindex.org/namespace/1.0" '
    'xmlns:googleplay="http://www.google.com/schemas/play-podcasts/1.0"'
)
SCRIPT = "<script>alert(1)</script>"


def rss(items, channel=""):
    return f'<rss version="2.0" {NAMESPACES}><channel>{channel}{items}</channel></rss>'.encode()


def item(inside, guid="1"):
    guid_of_item = f'<guid isPermaLink="false">{guid}</guid>' if guid else ""
    return f"<item>{guid_of_item}<title>Garlic</title>{inside}</item>"


def atom(entries, attributes="", inside=""):
    return f'<feed xmlns="http://www.w3.org/2005/Atom" {attributes}>{inside}{entries}</feed>'.encode()


def records(data):
    return [record for _, record in feed_records(data, "feed.xml")]


def one(data):
    (record,) = records(data)
    return record


def read(data, **options):
    return recs.read_items(records(data), boilerplate="keep", now="2026-06-01", **options)


def description(text="Plant it."):
    return f"<description>{text}</description>"


# Which files are feeds


@pytest.mark.parametrize(
    "head",
    [
        b"<rss version='2.0'>",
        b"\xef\xbb\xbf  <?xml version='1.0'?>\n<!-- <html> --><rss>",
        b'<!DOCTYPE rss PUBLIC "-//Netscape//DTD RSS 0.91//EN" "http://my.netscape.com/rss-0.91.dtd"><rss>',
        b"<!DOCTYPE rss [ <!ENTITY nbsp '&#160;'> ]><rss>",
        b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'>",
        b"<atom:feed xmlns:atom='http://www.w3.org/2005/Atom'>",
        b"<CHANNEL HREF='http://a.org'>",
        "<?xml version='1.0'?><feed>".encode("utf-16"),
        "<feed>".encode("utf-16-le"),
    ],
)
def test_is_feed_of_feeds(head):
    assert is_feed(head)


@pytest.mark.parametrize(
    "head", [b"", b"<html><body>rss", b"<!DOCTYPE html><html>", b"<feedback>", b"<urlset>", b"{}", b"<!-- <rss>", b"\0"]
)
def test_is_feed_of_other_files(head):
    assert not is_feed(head)


# Fields


def test_rss_entry_has_all_fields():
    data = rss(
        item(
            "<link>/garlic?a=1&amp;b=2</link><pubDate>Thu, 01 Jan 2026 19:48:21 GMT</pubDate>"
            "<category>bulbs, autumn</category><category domain='https://a.org'>soil</category>"
            "<description>Short.</description><content:encoded><![CDATA[<p>Plant it in <b>October</b>.</p>]]>"
            "</content:encoded><enclosure url='https://a.org/g.jpg' type='image/jpeg' length='1'/>"
        ),
        channel="<link>https://a.org/</link><language>de</language>",
    )
    (read_item,) = read(data)
    assert read_item.id == "1"
    assert read_item.url == "https://a.org/garlic?a=1&b=2"
    assert read_item.text == "Plant it in October."
    assert read_item.excerpt == "Short."
    assert read_item.published == "2026-01-01T19:48:21Z"
    assert read_item.lang == "de"
    assert read_item.tags == ("bulbs, autumn", "soil")
    assert read_item.image == "https://a.org/g.jpg"


def test_atom_entry_has_all_fields():
    data = atom(
        '<entry xml:lang="fr"><id>tag:a.org,2026:1</id><title type="html">Q&amp;amp;A &lt;b>garlic&lt;/b></title>'
        '<link rel="self" href="/feed"/><link href="garlic"/><published>2026-01-01</published>'
        '<updated>2026-01-02T00:00:00Z</updated><category term="bulbs" label="Bulbs"/><category label="soil"/>'
        '<summary>Short.</summary><content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Plant it.</p>'
        "</div></content></entry>",
        'xml:base="https://a.org/posts/" xml:lang="en"',
    )
    (read_item,) = read(data)
    assert read_item.id == "tag:a.org,2026:1"
    assert read_item.title == "Q&A garlic"
    assert read_item.url == "https://a.org/posts/garlic"
    assert read_item.text == "Plant it."
    assert read_item.lang == "fr"
    assert (read_item.published, read_item.updated) == ("2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z")
    assert read_item.tags == ("bulbs", "soil")


@pytest.mark.parametrize(
    ("title", "expected"),
    [
        ("<title>AT&amp;T</title>", "AT&T"),
        ("<title>AT&amp;amp;T &amp;lt;3</title>", "AT&T <3"),
        ('<title type="text">Use &amp;lt; and &lt;b> in HTML</title>', "Use &lt; and <b> in HTML"),
        ('<title type="html">Use &amp;lt;b&amp;gt; &lt;i>now&lt;/i></title>', "Use <b> now"),
        ('<title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">Less: &lt;</div></title>', "Less: <"),
    ],
)
def test_title_is_plain(title, expected):
    is_rss = title.startswith("<title>")
    entry = f"<id>1</id>{title}<content>x</content>"
    data = rss(f"<item>{title}<guid>1</guid>{description()}</item>") if is_rss else atom(f"<entry>{entry}</entry>")
    assert read(data)[0].title == expected


def test_longest_html_content_is_read():
    contents = (
        "<content>A plain text that is longer than all others here.</content>"
        '<content type="html">&lt;p>Short.&lt;/p></content><content type="html">&lt;p>Longer text.&lt;/p></content>'
        '<content type="image/png">iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk</content>'
    )
    assert read(atom(f"<entry><id>1</id>{contents}</entry>"))[0].text == "Longer text."


def test_plain_content_keeps_its_lines_and_marks():
    data = atom("<entry><id>1</id><content type='text'>Use &lt;b> here.\nNow.\n\nThen &amp;amp;.</content></entry>")
    assert read(data)[0].text == "Use <b> here.\nNow.\n\nThen &amp;."


def test_summary_alone_is_reported():
    items = read(rss(item(description("On garlic &amp;amp; leeks."))))
    assert items[0].text == "On garlic & leeks."
    assert items.notes == ("1 item without a body: the text is the field 'summary'",)


def test_summary_of_podcast_does_not_replace_description():
    longer = "&lt;p>Plant &lt;a href='/x'>garlic&lt;/a> in October.&lt;/p>"
    both = read(rss(item(f"{description(longer)}<itunes:summary>Plant garlic.</itunes:summary>")))
    assert both[0].text == "Plant garlic in October."
    assert read(rss(item("<itunes:summary>Plant garlic.</itunes:summary>")))[0].text == "Plant garlic."


def test_script_is_no_text():
    escaped = SCRIPT.replace("<", "&lt;")
    assert read(rss(item(description(f"&lt;p>Plant it.&lt;/p>{escaped}"))))[0].text == "Plant it."


def test_only_date_of_rss_is_that_of_publication():
    dated = read(rss(item(f"<dc:date>2026-01-01</dc:date>{description()}")))[0]
    assert dated.published == "2026-01-01T00:00:00Z"
    dated = read(atom("<entry><id>1</id><updated>2026-01-01</updated><content>x</content></entry>"))[0]
    assert (dated.published, dated.updated) == (None, "2026-01-01T00:00:00Z")


def test_entry_without_guid_has_its_link_as_id():
    (read_item,) = read(rss(item(f"<link>https://a.org/1</link>{description()}", guid="")))
    assert read_item.id == read_item.url == "https://a.org/1"


def test_number_as_guid_is_no_link():
    record = one(rss(f"<item><guid>17</guid>{description()}</item>", channel="<link>https://a.org/</link>"))
    assert record["id"] == "17"
    assert "url" not in record
    address = one(rss(f"<item><guid>https://a.org/17</guid>{description()}</item>"))
    assert address["url"] == "https://a.org/17"


def test_language_is_that_of_entry_before_that_of_feed():
    entry = "<entry {}><id>1</id><content>x</content></entry>"
    assert one(atom(entry.format(""), 'xml:lang="en"'))["lang"] == "en"
    assert one(atom(entry.format('xml:lang="de"'), 'xml:lang="en"'))["lang"] == "de"
    assert "lang" not in one(atom(entry.format('xml:lang=""'), 'xml:lang="en"'))
    assert one(rss(item("<dc:language>fr</dc:language>"), channel="<language>en</language>"))["lang"] == "fr"


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("<media:thumbnail url='https://a.org/t.jpg'/>", "https://a.org/t.jpg"),
        ("<itunes:image href='https://a.org/i.jpg'/>", "https://a.org/i.jpg"),
        ("<media:content url='https://a.org/m.jpg' medium='image'/>", "https://a.org/m.jpg"),
        ("<enclosure url='https://a.org/e.mp3' type='audio/mpeg' length='1'/>", None),
    ],
)
def test_image(inside, expected):
    assert one(rss(item(inside))).get("image") == expected


def test_fields_of_episode_have_plain_names():
    record = one(
        rss(
            item(
                "<itunes:season>2</itunes:season><itunes:episode>7</itunes:episode>"
                "<itunes:episodeType>trailer</itunes:episodeType><itunes:duration>1:02:03</itunes:duration>"
                "<enclosure url='https://a.org/e.mp3' type='audio/mpeg' length='1'/>"
                "<podcast:transcript url='https://a.org/e.vtt' type='text/vtt' language='en'/>"
                "<podcast:transcript url='https://a.org/e.srt' type='application/srt'/>"
            )
        )
    )
    assert (record["season"], record["episode"], record["episode_type"]) == ("2", "7", "trailer")
    assert (record["duration"], record["audio"]) == ("1:02:03", "https://a.org/e.mp3")
    assert record["transcripts"] == [
        {"url": "https://a.org/e.vtt", "type": "text/vtt", "language": "en"},
        {"url": "https://a.org/e.srt", "type": "application/srt"},
    ]


def test_rdf_and_cdf_and_atom_03_are_read():
    rdf = (
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">'
        b'<channel/><item rdf:about="https://a.org/1"><title>Garlic</title><description>Plant it.</description></item>'
        b"</rdf:RDF>"
    )
    assert [entry.id for entry in read(rdf)] == ["https://a.org/1"]
    cdf = b'<CHANNEL><ITEM HREF="https://a.org/1"><TITLE>Garlic</TITLE><ABSTRACT>Plant it.</ABSTRACT></ITEM></CHANNEL>'
    assert [entry.url for entry in read(cdf)] == ["https://a.org/1"]
    old = (
        b'<feed version="0.3" xmlns="http://purl.org/atom/ns#"><entry><id>1</id><issued>2026-01-01</issued>'
        b'<content type="text/html" mode="escaped">&lt;p>Plant it.&lt;/p></content></entry></feed>'
    )
    assert read(old)[0].text == "Plant it."
    assert read(old)[0].published == "2026-01-01T00:00:00Z"


def test_language_of_json_feed_is_that_of_its_items():
    text = (
        '{"version": "https://jsonfeed.org/version/1.1", "language": "de", '
        '"items": [{"id": "1", "content_text": "Eins"}, {"id": "2", "content_text": "Two", "language": "en"}]}'
    )
    languages = [record["language"] for _, record in json_records(json_document(text, "feed.json"), "feed.json")]
    assert languages == ["de", "en"]
    other = json_document(text.replace("https://jsonfeed.org/version/1.1", "2"), "posts.json")
    assert "language" not in next(json_records(other, "posts.json"))[1]


# Order and entries with one id


def test_order_is_that_of_feed():
    data = rss("".join(item(description(), guid=str(number)) for number in (3, 1, 2)))
    assert [where for where, _ in feed_records(data, "feed.xml")] == [
        f"feed.xml: entry {number}" for number in (1, 2, 3)
    ]
    assert [record["id"] for record in records(data)] == ["3", "1", "2"]


def test_equal_entries_are_read_once():
    assert len(records(rss(item(description()) * 3))) == 1


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_newest_entry_of_one_id_is_read(order):
    entry = "<entry><id>1</id><updated>2026-01-0{0}T00:00:00Z</updated><content>Version {0}.</content></entry>"
    first, second = records(atom("".join(entry.format(number) for number in order)))
    newest, older = (second, first) if order == (1, 2) else (first, second)
    assert "Version 2." in newest["content_html"]
    number = order.index(1) + 1
    other = order.index(2) + 1
    assert older == Skipped(f"feed.xml: entry {number}", f"entry {other} has the same id and is not older", "1")


# What is hidden


@pytest.mark.parametrize(
    ("inside", "visibility"),
    [
        ("<itunes:block>Yes</itunes:block>", "unlisted"),
        ("<itunes:block>TRUE</itunes:block>", "unlisted"),
        ("<itunes:block>no</itunes:block>", "public"),
        ("<googleplay:block>yes</googleplay:block>", "unlisted"),
        ("<podcast:block>yes</podcast:block>", "unlisted"),
        ("<podcast:block id='amazon'>yes</podcast:block>", "public"),
        ("<media:restriction relationship='deny'>all</media:restriction>", "unlisted"),
        ("<media:restriction relationship='allow'>none</media:restriction>", "unlisted"),
        ("<media:restriction type='sharing' relationship='deny'/>", "unlisted"),
        ("<media:restriction relationship='allow' type='country'>au us</media:restriction>", "public"),
        ("<private>true</private>", "private"),
        ("<draft>yes</draft>", "draft"),
        ("<status>in the making</status>", "unknown"),
        ("<category>draft</category>", "draft"),
        ("<pubDate>Fri, 01 Jan 2027 00:00:00 GMT</pubDate>", "scheduled"),
        ("<pubDate>soon</pubDate>", "unknown"),
        ("<expirationDate>Thu, 01 Jan 2026 00:00:00 GMT</expirationDate>", "private"),
        ("<expirationDate>Fri, 01 Jan 2027 00:00:00 GMT</expirationDate>", "public"),
    ],
)
def test_rss_entry_is_closed(inside, visibility):
    assert read(rss(item(inside + description())))[0].visibility == visibility


@pytest.mark.parametrize("namespace", ["http://www.w3.org/2007/app", "http://purl.org/atom/app#"])
@pytest.mark.parametrize("prefix", ["app", "ns0"])
@pytest.mark.parametrize(("value", "visibility"), [("yes", "draft"), ("no", "public"), ("perhaps", "unknown")])
def test_draft_of_atom_is_closed(namespace, prefix, value, visibility):
    control = f"<{prefix}:control><{prefix}:draft>{value}</{prefix}:draft></{prefix}:control>"
    entry = f"<entry><id>1</id>{control}<content>Plant it.</content></entry>"
    assert read(atom(entry, f'xmlns:{prefix}="{namespace}"'))[0].visibility == visibility


@pytest.mark.parametrize("name", ["itunes", "googleplay", "podcast"])
def test_blocked_podcast_closes_all_its_episodes(name):
    data = rss(item(f"<{name}:block>no</{name}:block>{description()}"), channel=f"<{name}:block>yes</{name}:block>")
    assert read(data)[0].visibility == "unlisted"


@pytest.mark.parametrize("name", ["itunes:block", "googleplay:block", "podcast:block", "media:restriction"])
def test_table_of_visibility_has_the_fields_of_podcasts(name):
    now = datetime(2026, 1, 1, tzinfo=UTC)
    rule = rule_of(fold(name))
    assert rule is not None
    assert [rule.read(value, now) for value in (True, "Yes", "no", "au")] == [
        "unlisted",
        "unlisted",
        "public",
        "public",
    ]


def test_form_for_password_of_wordpress_closes():
    form = '&lt;form action="/wp-login.php" class="post-password-form">&lt;p>Enter it.&lt;/p>&lt;/form>'
    (read_item,) = read(rss(item(f"{description()}<content:encoded>{form}</content:encoded>")))
    assert read_item.visibility == "private"

    code = "&lt;pre>" + form.replace("&lt;form", "&amp;lt;form") + "&lt;/pre>"
    (read_item,) = read(rss(item(f"<content:encoded>{code}</content:encoded>")))
    assert read_item.visibility == "public"


def test_most_closed_of_two_fields_counts():
    control = "<app:draft>yes</app:draft></app:control><draft xmlns=''>no</draft>"
    entry = f"<entry><id>1</id><app:control>{control}<content>Plant it.</content></entry>"
    assert read(atom(entry, 'xmlns:app="http://www.w3.org/2007/app"'))[0].visibility == "draft"


def test_backup_of_blogger_gives_posts_and_pages_only():
    kind = '<category scheme="http://schemas.google.com/g/2005#kind" term="http://schemas.google.com/blogger/2008/kind#{}"/>'
    entry = "<entry><id>{0}</id>{1}<category term='bulbs'/><content>Plant it.</content></entry>"
    kinds = ("post", "comment", "page", "settings")
    result = records(atom("".join(entry.format(name, kind.format(name)) for name in kinds)))
    assert [record["id"] for record in result if isinstance(record, dict)] == ["post", "page"]
    assert result[0]["tags"] == ["bulbs"]
    assert result[1] == Skipped("feed.xml: entry 2", "a comment of Blogger; only posts and pages are read", "comment")


@pytest.mark.parametrize(
    ("status", "visibility"), [("LIVE", "public"), ("DRAFT", "draft"), ("SOFT_TRASHED", "private")]
)
def test_status_of_new_blogger_backup(status, visibility):
    inside = f"<blogger:type>POST</blogger:type><blogger:status>{status}</blogger:status>"
    entry = f"<entry><id>1</id>{inside}<content>Plant it.</content></entry>"
    data = atom(entry, 'xmlns:blogger="http://schemas.google.com/blogger/2018"')
    assert read(data)[0].visibility == visibility


# What continues elsewhere, or is broken


def test_next_page_is_reported():
    entry = "<entry><id>1</id><content>x</content></entry>"
    data = atom(entry, inside='<link rel="next" href="https://a.org/feed?page=2"/>')
    assert records(data)[-1] == Skipped("feed.xml: next", "the document continues there")


@pytest.mark.parametrize(
    ("broken", "text"),
    [
        ("Q&A and R&D", "Q&A and R&D"),
        ("caf&eacute;&nbsp;bar &unheard;", "café bar &unheard;"),
        ("a\x00b\x0bc&#0;d&#x1F;e", "abcde"),
        ("<![CDATA[Q&A &eacute;]]>", "Q&A é"),
    ],
)
def test_small_faults_are_mended_without_a_report(broken, text):
    items = read(rss(item(description(broken))))
    assert [read_item.text for read_item in items] == [text]
    assert items.skipped == ()


def test_prefix_without_declaration_is_read():
    inside = "<guid>1</guid><content:encoded>&lt;p>Plant it.&lt;/p></content:encoded>"
    data = f"<rss><channel><item>{inside}</item></channel></rss>".encode()
    assert "Plant it." in one(data)["content_html"]


def test_uri_of_namespace_with_blanks_is_read():
    data = rss(item("<content:encoded>Plant it.</content:encoded>")).replace(b'="http://purl', b'=" http://purl')
    assert "Plant it." in one(data)["content_html"]


def test_feed_that_breaks_off_is_read_up_to_its_last_whole_entry():
    whole = rss(item(description("First."), "1") + item(description("Second."), "2"))
    result = records(whole[: whole.index(b"Second")])
    assert [record["id"] for record in result if isinstance(record, dict)] == ["1"]  # a date in the future may follow
    assert result[1] == Skipped("feed.xml: entry 2", "the file ends in the middle of this entry")
    assert isinstance(result[-1], Skipped)
    assert result[-1].where == "feed.xml: line 1"
    assert "not well-formed XML" in result[-1].reason


def test_line_of_fault_counts_from_the_beginning_of_the_file():
    result = records(b"<?xml version='1.0'?>\n<!-- a\nb -->\n<rss><channel>\n<item><guid>1</guid></b></channel></rss>")
    assert result[-1].where == "feed.xml: line 5"


@pytest.mark.parametrize(
    "inside",
    [
        '<psc:chapters xmlns:psc="http://podlove.org/simple-chapters"><psc:chapter title="No start"/></psc:chapters>',
        '<gml:pos xmlns:gml="http://www.opengis.net/gml">45 1</gml:pos>',
        "<source><link>https://a.org</link></source>",
        "<link><source/>https://a.org</link>",
        "<image><width/></image>",
        "<width><b/></width>",
    ],
)
def test_element_in_a_wrong_place_costs_only_itself(inside):
    result = records(rss(item(inside + description(), "1") + item(description(), "2")))
    assert [(record["id"], record["summary"]) for record in result] == [
        ("1", "<p>Plant it.</p>"),
        ("2", "<p>Plant it.</p>"),
    ]


# Hostile files


def bomb(depth=30):
    declarations = "".join(f'<!ENTITY a{n} "&a{n - 1};&a{n - 1};">' for n in range(1, depth))
    return f'<!DOCTYPE rss [<!ENTITY a0 "ha">{declarations}]>'.encode()


@pytest.mark.parametrize(
    "doctype",
    [
        bomb(),
        b"<!DOCTYPE rss [<!ENTITY a29 '" + b"a" * 100_000 + b"'>]>",
        b"<!DOCTYPE rss [<!ENTITY a29 SYSTEM 'file:///etc/passwd'>]>",
        b"<!DOCTYPE rss [<!ENTITY a29 PUBLIC 'x' 'http://127.0.0.1:9/x'>]>",
        b"<!DOCTYPE rss [<!ENTITY a29 '<item><guid>2</guid></item>'>]>",
    ],
)
def test_entity_of_doctype_that_is_more_than_a_short_text_is_refused(doctype):
    with pytest.raises(SourceError, match="uses the entity 'a29' of its DOCTYPE"):
        records(doctype + rss(item(description("&a29;" * 1000))))


def test_harmless_doctypes_are_read():
    short = b"<!DOCTYPE rss [<!ENTITY tag 'tag:a.org'> <!ENTITY % far SYSTEM 'http://127.0.0.1:9/x'> %far;]>"
    assert one(short + rss(item(description("&tag;,2026"))))["summary"] == "<p>tag:a.org,2026</p>"
    assert one(bomb() + rss(item(description())))["id"] == "1"
    netscape = b'<!DOCTYPE rss PUBLIC "-//Netscape Communications//DTD RSS 0.91//EN" "http://127.0.0.1:9/rss-0.91.dtd">'
    assert one(netscape + rss(item(description("caf&eacute;"))))["summary"] == "<p>café</p>"


def test_no_address_is_opened(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("opened")

    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("urllib.request.urlopen", refuse)
    data = b'<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/x.dtd">' + rss(
        item(description("&x; text"), guid="http://127.0.0.1:9/")
    )
    assert one(data)["summary"] == "<p>&x; text</p>"
    records(data[:-20])


@pytest.mark.parametrize("is_closed", [True, False])
@pytest.mark.parametrize("depth", [10_000, 100_000])
def test_deep_nesting_is_one_clear_line(depth, is_closed):
    deep = "<a>" * depth + ("</a>" * depth if is_closed else "")
    with pytest.raises(SourceError, match="nested more than 1,000 deep"):
        records(rss(item(deep)))


def test_deep_markup_in_a_text_is_read():
    assert read(rss(item(description("&lt;b>" * 10_000 + "Plant it."))))[0].text == "Plant it."


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (rss("<item" + "".join(f" a{n}='1'" for n in range(2000)) + "/>"), "2,000 attributes"),
        (rss("".join(f"<a xmlns:p{n}='u{n}'/>" for n in range(300))), "more than 200 namespaces"),
        (b"<!DOCTYPE html><html><body>Not found</body></html>", "an HTML page, not the feed itself"),
        (b"<urlset/>", "XML that begins with <urlset>"),
        (b"<!-- <rss>", "breaks off before its first element"),
        (b"Not found", "not XML"),
        (b"", "empty"),
        (b" \n\xef\xbb\xbf", "feed.xml"),
        (
            rss(item("\udcff")).replace(b"\xed\xb3\xbf", b"\xff") if False else b"<rss>\n\xff\xfe</rss>",
            "line 2, byte 6",
        ),
        (b"<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#'/>", "RDF without the elements of RSS 1.0"),
    ],
)
def test_file_that_cannot_be_read_is_one_clear_line(data, problem):
    with pytest.raises(SourceError, match=r"^feed\.xml: ") as error:
        records(data)
    assert problem in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("declared", "encoding"),
    [
        ("utf-8", "utf-8"),
        ("utf-8", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-16", "utf-8"),  # cannot be: the declaration is readable
        ("iso-8859-1", "cp1252"),
        ("windows-1251", "cp1251"),
        ("gb2312", "gb18030"),
        ("euc-jp", "utf-8"),  # no text in EUC-JP
        ("punycode", "utf-8"),
        ("no-such-encoding", "utf-8"),
        ("iso-8859-1", "utf-8-sig"),
    ],
)
def test_encodings(declared, encoding):
    word = {"cp1251": "чеснок", "gb18030": "大蒜", "cp1252": "“Knoblauch”"}.get(encoding, "Ail à l’œuf")
    text = f'<?xml version="1.0" encoding="{declared}"?>\n' + rss(item(description(word))).decode()
    assert one(text.encode(encoding))["summary"] == f"<p>{word}</p>"


@pytest.mark.parametrize("blanks", ["", " "])  # an even and an odd number of bytes
@pytest.mark.parametrize("declared", ["utf-16", "unicode_escape"])
def test_encoding_that_cannot_be_declared_in_ascii_is_not_tried(declared, blanks):
    text = f'<?xml version="1.0" encoding="{declared}"?>' + rss(item(description("C:\\temp"))).decode() + blanks
    assert one(text.encode())["summary"] == "<p>C:\\temp</p>"


def test_cost_is_linear(monkeypatch):
    """Counts the calls of Python functions, which does not depend on the machine."""
    counts = []
    for number in (200, 400):
        entries = "".join(
            item(
                f"<link>https://a.org/{n}</link><author>{'a' * 50}</author><category>c{n}</category>{description()}",
                guid=str(n),
            )
            for n in range(number)
        )
        calls = 0

        def count(_, event, __):
            nonlocal calls
            calls += event == "call"

        data = rss(entries)
        sys.setprofile(count)
        try:
            assert len(records(data)) == number
        finally:
            sys.setprofile(None)
        counts.append(calls)
    assert counts[1] < 2.1 * counts[0]


@pytest.mark.slow
def test_100_000_entries_and_one_text_of_50_megabytes():
    entries = rss("".join(item(description(), guid=str(number)) for number in range(100_000)))
    assert len(records(entries)) == 100_000
    long = one(rss(item(description("Plant it. " * 5_000_000))))
    assert len(long["summary"]) > 49_000_000


@pytest.mark.parametrize(
    "inside",
    [
        "<author>" + "a" * 300_000 + "</author>",
        "".join(f"<category>{number}</category>" for number in range(20_000)),
        "<pubDate>" + "1" * 300_000 + "</pubDate>",
        "<title>" + "<" * 100_000,
        "<title>" + '<a b="' * 50_000,
        "<title>&x" + "<!--" * 100_000,
        "<title>" + "<![CDATA[" * 100_000,
        "<title>" + "&" * 100_000,
    ],
)
def test_texts_that_cost_others_quadratic_time_end(inside):
    records(rss(item(inside)))


def test_missing_feedparser_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "feedparser.api", None)
    monkeypatch.delitem(sys.modules, "recs.readers.feeds.parser", raising=False)
    with pytest.raises(MissingDependencyError, match=r"feedparser: pip install '.+\[readers\]'"):
        records(rss(item(description())))
