"""Buttondown: what everybody may read in the archive is shown, and nothing behind a wall or in a condition."""

import json

import pytest

import recs
from recs.readers.platforms.buttondown import is_buttondown

EMAIL = {
    "id": "em_1",
    "subject": "Garlic",
    "body": "Plant *it*.",
    "status": "sent",
    "email_type": "public",
    "archival_mode": "enabled",
    "absolute_url": "https://buttondown.com/a/archive/garlic/",
    "publish_date": "2024-01-01T10:00:00Z",
    "secondary_id": 7,
    "analytics": {"opens": 9},
}


def _read(tmp_path, *emails, **more):
    path = tmp_path / "emails.json"
    path.write_text(json.dumps({"results": emails, "count": len(emails), "next": None, **more}), encoding="utf-8")
    return recs.read_items(path, now="2026-11-01")


def test_an_email_of_the_api(tmp_path):
    collection = _read(tmp_path, EMAIL, next="https://api.buttondown.com/v1/emails?page=2")
    (item,) = collection
    assert (item.id, item.title, item.text) == ("em_1", "Garlic", "Plant it.")
    assert (item.url, item.published) == (EMAIL["absolute_url"], "2024-01-01T10:00:00Z")
    assert "analytics" not in item.meta
    assert collection.format == "emails of Buttondown, by their fields"
    assert "next page" in collection.skipped[0].reason


@pytest.mark.parametrize(
    ("fields", "visibility"),
    [
        ({}, "public"),
        ({"status": "imported"}, "public"),
        ({"archival_mode": "archive_only"}, "public"),
        ({"email_type": "archival"}, "public"),
        *[
            ({"status": status}, "unknown")
            for status in ("about_to_send", "in_flight", "transactional", "new", "", None)
        ],
        ({"status": "draft"}, "draft"),
        ({"status": "scheduled"}, "scheduled"),
        ({"status": "deleted"}, "private"),
        *[({"email_type": kind}, "private") for kind in ("premium", "private", "free", "churned", "hidden", "new")],
        *[
            ({"archival_mode": mode}, "private")
            for mode in ("disabled", "enabled_for_paid_subscribers", "enabled_for_subscribers", "new")
        ],
        ({"publish_date": "2031-01-01T10:00:00Z"}, "scheduled"),
    ],
)
def test_what_is_not_for_everybody_is_closed(tmp_path, fields, visibility):
    (item,) = _read(tmp_path, {**EMAIL, **fields})
    assert item.visibility == visibility


@pytest.mark.parametrize(
    "body",
    [
        "Open.\n\n{{ paywall }}\n\nclosedword",
        "Open.\n\n{{ subscription_wall }}\n\nclosedword",
        '<!-- buttondown-editor-mode: fancy --><p>Open.</p><div data-type="paywall"></div><p>closedword</p>',
        "Open.{% if subscriber.can_view_premium_content %}closedword{% endif %}",
        "Open.{%- if a -%}closedword{% if b %}closedword{% endif %}closedword{%- endif -%}",
        "Open.{% if a %}closedword{% else %}closedword{% endif %}",
    ],
)
def test_text_for_some_readers_is_left_out(tmp_path, body):
    (item,) = _read(tmp_path, {**EMAIL, "body": body})
    assert item.text == "Open."
    assert "closedword" not in item.body


@pytest.mark.parametrize("body", ["Open.{% if a %}closedword", "closedword{% endif %}"])
def test_a_condition_without_its_other_end_leaves_the_email_out(tmp_path, body):
    collection = _read(tmp_path, EMAIL, {**EMAIL, "id": "em_2", "body": body})
    assert [item.id for item in collection] == ["em_1"]
    assert collection.skipped[0].id == "em_2"


def test_the_folder_of_the_command_line_holds_emails_and_no_snippets(tmp_path):
    fields = "id: {0}\nsubject: Garlic\nemail_type: {1}\nstatus: published\npublish_date: 2024-01-15T10:00:00Z\n"
    matter = f"---\n{fields}---\n\nPlant it.\n\n{{{{{{{{ paywall }}}}}}}}\n\nclosedword\n"
    files = {
        "newsletter.json": "{}",
        "emails/garlic.md": matter.format("em_1", "public"),
        "emails/leeks.md": matter.format("em_2", "premium"),
        "snippets/footer.md": "A snippet.",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    collection = recs.read_items(tmp_path)
    assert {item.id: item.visibility for item in collection} == {"garlic": "public", "leeks": "private"}
    assert (collection[0].title, collection[0].text) == ("Garlic", "Plant it.")
    assert collection.format == "a folder of Buttondown, by its emails"


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"results": [EMAIL]}, True),
        ([EMAIL], True),
        ({"results": [{"subject": "x", "body": "y"}]}, False),
        ({"results": [{"title": "x", "email_type": "public", "absolute_url": "y"}]}, False),
        ({"results": "x"}, False),
        (7, False),
    ],
)
def test_is_buttondown(document, expected):
    assert is_buttondown(document) is expected
