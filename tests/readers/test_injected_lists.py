"""Lists that plugins put into a body give no links, whatever format the body came in."""

import json

import pytest

import recs

LIST = '<div class="yarpp yarpp-related"><h3>Related</h3><ol><li><a href="https://a.example/leeks/">Leeks</a></li></ol></div>'
BODY = f'<p>Garlic likes <a href="https://a.example/soil/">good soil</a>.</p>{LIST}'
SLUGS = ("garlic", "leeks", "soil")
BODIES = {"garlic": BODY, "leeks": "<p>Onions.</p>", "soil": "<p>Loam.</p>"}


def _wxr():
    items = "".join(
        f"<item><title>{slug}</title><link>https://a.example/{slug}/</link><wp:post_id>{number}</wp:post_id>"
        f"<content:encoded><![CDATA[{BODIES[slug]}]]></content:encoded><wp:status>publish</wp:status>"
        "<wp:post_type>post</wp:post_type></item>"
        for number, slug in enumerate(SLUGS, 1)
    )
    spaces = 'xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:wp="http://wordpress.org/export/1.2/"'
    return {"export.xml": f'<?xml version="1.0"?><rss version="2.0" {spaces}><channel>{items}</channel></rss>'}


def _rest():
    records = [
        {"id": number, "type": "post", "status": "publish", "link": f"https://a.example/{slug}/"}
        | {"title": {"rendered": slug}, "content": {"rendered": BODIES[slug], "protected": False}}
        for number, slug in enumerate(SLUGS, 1)
    ]
    return {"posts.json": json.dumps(records)}


def _ghost():
    rows = [
        {"id": slug, "slug": slug, "title": slug, "html": BODIES[slug], "type": "post", "status": "published"}
        | {"visibility": "public", "canonical_url": f"https://a.example/{slug}/"}
        for slug in SLUGS
    ]
    return {"ghost.json": json.dumps({"db": [{"data": {"posts": rows}}]})}


def _json_lines():
    records = [{"id": slug, "url": f"https://a.example/{slug}/", "content": BODIES[slug]} for slug in SLUGS]
    return {"posts.jsonl": "\n".join(map(json.dumps, records))}


def _feed():
    items = "".join(
        f"<item><title>{slug}</title><link>https://a.example/{slug}/</link>"
        f"<content:encoded><![CDATA[{BODIES[slug]}]]></content:encoded></item>"
        for slug in SLUGS
    )
    space = 'xmlns:content="http://purl.org/rss/1.0/modules/content/"'
    return {"feed.xml": f'<rss version="2.0" {space}><channel><title>A</title>{items}</channel></rss>'}


def _pages():
    head = "<head><title>{0}</title><link rel=canonical href='https://a.example/{0}/'></head>"
    return {f"{slug}.html": f"<html>{head.format(slug)}<body>{BODIES[slug]}</body></html>" for slug in SLUGS}


def _markdown():
    return {f"{slug}.md": f"---\nurl: https://a.example/{slug}/\n---\n\n{BODIES[slug]}\n" for slug in SLUGS}


FORMATS = (_wxr, _rest, _ghost, _json_lines, _feed, _pages, _markdown)


@pytest.mark.parametrize("make", FORMATS, ids=lambda make: make.__name__[1:])
def test_only_the_links_of_the_author_are_read(make, tmp_path):
    files = make()
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    collection = recs.read_items(tmp_path / next(iter(files)) if len(files) == 1 else tmp_path)
    garlic = next(item for item in collection if "garlic" in item.url)
    assert garlic.text.endswith("Garlic likes good soil.")
    assert [link.anchor for link in garlic.links] == ["good soil"]
