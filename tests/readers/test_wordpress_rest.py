"""Lists of posts from the REST API of WordPress, as readers and as editors get them."""

import json

import pytest

from recs import read_items
from recs.items import Skipped
from recs.readers.wordpress.rest import is_rest, rest_records

NOW = "2026-01-01T12:00:00Z"
HIDDEN = {"content": {"rendered": "", "protected": True}}


def _post(post_id=12, **fields):
    return {
        "id": post_id,
        "date": "2025-03-01T18:30:00",
        "date_gmt": "2025-03-01T17:30:00",
        "modified_gmt": "2025-03-02T08:00:00",
        "slug": f"post-{post_id}",
        "status": "publish",
        "type": "post",
        "link": f"https://a.example/2025/03/post-{post_id}/",
        "title": {"rendered": "Garlic &#8211; planting &amp; harvest"},
        "content": {"rendered": "<p>Plant it in October.</p>", "protected": False},
        "excerpt": {"rendered": "<p>Plant it.</p>\n", "protected": False},
        "categories": [3],
        "tags": [4, 5],
        "meta": [],
        "_links": {"self": [{"href": "https://a.example/wp-json/wp/v2/posts/12"}]},
        **fields,
    }


def _term(taxonomy, name, slug="x"):
    return {"id": 4, "name": name, "slug": slug, "taxonomy": taxonomy}


def _embedded(*terms, **more):
    return {"_embedded": {"wp:term": [[term] for term in terms], **more}}


def _read(*posts, **options):
    return read_items([record for _, record in rest_records(list(posts), "posts.json")], now=NOW, **options)


def _reasons(*posts):
    return [entry.reason for _, entry in rest_records(list(posts), "posts.json") if isinstance(entry, Skipped)]


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ([_post()], True),
        ([_post(content={"raw": "Plant it."})], True),
        ([{"id": 1, "title": {"rendered": "Garlic"}}], True),
        ([{"id": 1, "title": "Garlic", "content": "Plant it."}], False),
        ([{"title": {"rendered": "Garlic"}}], False),
        ([], False),
        (["Garlic"], False),
        ({"code": "rest_forbidden", "message": "Sorry", "data": {"status": 401}}, False),
        (None, False),
    ],
)
def test_is_rest_knows_lists_of_posts(document, expected):
    assert is_rest(document) is expected


def test_fields_of_a_post_are_read():
    [item] = _read(_post(**_embedded(_term("category", "Food &amp; Drink"), _term("post_tag", "bulbs"))))
    assert (item.id, item.title, item.text) == ("12", "Garlic – planting & harvest", "Plant it in October.")
    assert (item.published, item.updated) == ("2025-03-01T17:30:00Z", "2025-03-02T08:00:00Z")
    assert item.url == "https://a.example/2025/03/post-12/"
    assert (item.tags, item.category, item.excerpt) == (("bulbs",), "Food & Drink", "Plant it.")
    assert item.meta == {"slug": "post-12", "post_type": "post", "status": "publish", "categories": ["Food & Drink"]}


def test_post_of_this_hour_is_public_whatever_the_zone_of_the_site():
    fresh = _post(date="2026-01-01T20:00:00", date_gmt="2026-01-01T11:00:00", modified="2026-01-01T20:00:00")
    [item] = _read(fresh)
    assert (item.published, item.visibility) == ("2026-01-01T11:00:00Z", "public")


def test_local_date_is_read_only_without_the_other():
    [item] = _read(_post(date_gmt=None))
    assert item.published == "2025-03-01T18:30:00Z"


def test_numbers_of_terms_are_not_words_and_that_is_said():
    items = _read(_post(12), _post(13, tags=[], categories=[]))
    assert [(item.tags, item.category) for item in items] == [((), None), ((), None)]
    assert [skipped.reason for skipped in items.skipped] == [
        "tags and categories of 1 post are numbers; ask the API with ?_embed for words"
    ]


def test_words_that_a_plugin_puts_there_are_kept():
    items = _read(_post(tags=["bulbs", 7, "8"], categories=[]))
    assert items[0].tags == ("bulbs",)
    assert not items.skipped


def test_the_category_of_posts_without_one_is_left_out():
    [item] = _read(_post(**_embedded(_term("category", "Allgemein", "uncategorized"))))
    assert (item.category, item.tags) == (None, ())
    assert not _reasons(_post(**_embedded(_term("category", "Uncategorized", "uncategorized"))))


def test_image_is_that_of_the_embedded_media():
    image = {"source_url": "https://a.example/g.jpg"}
    assert _read(_post(**_embedded(**{"wp:featuredmedia": [image]})))[0].image == image["source_url"]
    assert _read(_post(**_embedded(**{"wp:featuredmedia": [{"code": "rest_forbidden"}]})))[0].image is None
    assert _read(_post(jetpack_featured_media_url=image["source_url"]))[0].image == image["source_url"]


@pytest.mark.parametrize(
    "block",
    [
        '<div class="yarpp yarpp-related yarpp-template-list"><h3>Related</h3><ol><li>Leeks</li></ol></div>',
        '<div class="crp_related crp-rounded-thumbs"><h3>Related</h3><ul><li>Leeks</li></ul></div>',
        '<div id="jp-relatedposts" class="jp-relatedposts"><h3>Related</h3><p>Leeks</p></div>',
    ],
)
def test_lists_that_a_plugin_added_are_not_text(block):
    [item] = _read(_post(content={"rendered": f"<p>Plant it in October.</p>{block}", "protected": False}))
    assert item.text == "Plant it in October."


@pytest.mark.parametrize(
    ("fields", "visibility"),
    [
        *(({"status": status}, "draft") for status in ("draft", "pending", "auto-draft")),
        ({"status": "future"}, "scheduled"),
        ({"status": "private"}, "private"),
        ({"status": "custom"}, "unknown"),
        ({"password": "geheim"}, "private"),
        ({"password": ""}, "public"),
        ({"content": {"raw": "Plant it.", "rendered": "", "protected": True}}, "private"),
        ({"excerpt": {"rendered": "", "protected": True}}, "private"),
        ({"date_gmt": "2026-05-01T00:00:00"}, "scheduled"),
        ({"yoast_head_json": {"title": "x", "robots": {"index": "noindex", "follow": "follow"}}}, "unlisted"),
        ({"yoast_head_json": {"title": "x", "robots": {"index": "index"}, "status": "odd"}}, "public"),
        ({"meta": {"_jetpack_newsletter_access": "subscribers"}}, "private"),
        ({"meta": {"jetpack_seo_noindex": True}}, "unlisted"),
        ({"meta": {"jetpack_seo_noindex": False, "_jetpack_newsletter_access": "everybody"}}, "public"),
        ({"acf": {"status": "finished", "state": "Ohio"}}, "public"),
        ({"acf": {"members_only": True}}, "private"),
    ],
)
def test_visibility_is_that_of_the_post(fields, visibility):
    [item] = _read(_post(**fields))
    assert item.visibility == visibility


def test_password_is_in_no_item():
    assert "geheim" not in repr(_read(_post(password="geheim")))


def test_text_that_wordpress_withholds_is_reported_as_such():
    items = _read(_post(12), _post(13, **HIDDEN))
    assert [item.id for item in items] == ["12"]
    assert items.skipped[0] == Skipped("posts.json: post 13", "its text is not there, since it has a password", "13")


def test_editors_get_the_text_as_readers_see_it():
    content = {"raw": "<!-- wp:paragraph --><p>[x]</p>", "rendered": "<p>Plant it.</p>", "protected": False}
    [item] = _read(_post(title={"raw": "Garlic", "rendered": "Private: Garlic"}, content=content))
    assert (item.title, item.text) == ("Garlic", "Plant it.")


def test_shortcodes_and_blocks_of_raw_text_are_gone():
    raw = '<!-- wp:paragraph -->\n<p>Plant it.</p>\n<!-- /wp:paragraph -->\n\n[gallery ids="1,2"]'
    assert _read(_post(content={"raw": raw}))[0].text == "Plant it."


def test_links_by_number_lead_to_the_post():
    body = {"rendered": '<p><a href="https://a.example/?p=13">Leeks</a></p>', "protected": False}
    page = {"rendered": '<p><a href="/?page_id=12">Garlic</a></p>', "protected": False}
    items = _read(_post(12, content=body, type="page"), _post(13, content=page))
    assert [link.target for item in items for link in item.links] == ["13", "12"]


def test_media_and_other_types_are_counted():
    media = [_post(number, type="attachment", status="inherit") for number in (20, 21)]
    assert _reasons(*media, _post(**_embedded())) == [
        "2 of the type 'attachment', which are not posts or pages",
        "tags and categories of 1 post are numbers; ask the API with ?_embed for words",
    ]


@pytest.mark.parametrize("entry", [7, None, "Leeks", ["x"]])
def test_entry_that_is_no_post_does_not_stop_the_others(entry):
    assert _read(_post(**_embedded(_term("post_tag", "x"))), entry)[0].id == "12"


@pytest.mark.parametrize("name", sorted(_post()))
@pytest.mark.parametrize("value", [None, 7, "x", [], {}, [None], {"rendered": None}, {"a": [1]}])
def test_field_of_any_type_is_read_or_skipped(name, value):
    items = _read(_post(13), _post(**{name: value}))
    assert items[0].id == "13"
    assert len(items) + sum(skipped.id is not None or "item" in skipped.where for skipped in items.skipped) >= 1


@pytest.mark.data
@pytest.mark.parametrize(
    ("name", "public", "all_items", "tagged"),
    [
        ("rest-posts.json", 81, 81, 0),
        ("rest-posts-embed.json", 81, 81, 76),
        ("rest-posts-edit-any.json", 81, 89, 76),
    ],
)
def test_answers_of_a_real_wordpress(data_dir, name, public, all_items, tagged):
    document = json.loads((data_dir / "wordpress_gold" / name).read_text(encoding="utf-8"))
    assert is_rest(document)
    items = read_items([record for _, record in rest_records(document, name)], now="2026-11-29")
    assert len(items) == all_items
    assert (len(items.public), sum(bool(item.tags) for item in items.public)) == (public, tagged)
    assert sum(len(item.links) for item in items.public) == 131
