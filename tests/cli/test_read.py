"""`recs read`: the report on a source, as text and as JSON."""

import json

import pytest
from click.testing import CliRunner
from places import POSTS

import recs
from recs.cli import cli

RSS = "<rss version='2.0'><channel><item><guid>1</guid><description>One.</description></item></channel></rss>"


def read(*arguments, code=0):
    done = CliRunner().invoke(cli, ["read", *map(str, arguments), "--now", "2026-11-01"])
    assert done.exit_code == code, done.output
    return done


def test_read_reports_the_sample_blog():
    report = json.loads(read(POSTS, "--format", "json").stdout)
    assert report["format"].startswith("JSON")
    assert sum(report["visibility"].values()) == report["items"] == len(recs.read_items(POSTS))
    assert report["languages"]["en"] > report["languages"]["de"] > 0
    assert report["fields"]["text"] == {"content_html": report["items"]}
    assert report["links"]["between_items"] > 100
    assert {"url": "/letter/", "id": "a-letter-to-the-bindweed"} in report["links"]["broken"]
    assert len(report["titles"]) == 10
    closed = {one["id"] for one in report["closed"]}
    assert len(closed) == report["items"] - report["visibility"]["public"]


def test_read_as_text_says_the_same_and_closed_titles_are_nowhere():
    done = read(POSTS)
    assert "posts.json: JSON" in done.stdout
    assert "some titles:" in done.stdout
    closed = [item.title for item in recs.read_items(POSTS, now="2026-11-01") if not item.is_public]
    assert closed
    assert not [title for title in closed if title in done.stdout + done.stderr]


@pytest.mark.parametrize(
    ("name", "content", "recognised"),
    [
        ("a.jsonl", '{"id": 1, "text": "One."}\n{"id": 2, "text": "Two."}\n', "JSON Lines"),
        ("a.csv", "id,text\n1,One.\n", "a table"),
        ("a.xml", RSS, "a feed"),
        ("a.dat", '{"posts": [{"id": 1, "text": "One."}]}', "JSON"),
    ],
)  # fmt: skip
def test_read_names_the_format(tmp_path, name, content, recognised):
    (tmp_path / name).write_text(content, encoding="utf-8")
    assert f"{name}: {recognised}" in read(tmp_path / name).stdout


def test_read_of_nothing_public_is_a_report_and_no_error(tmp_path):
    (tmp_path / "a.json").write_text('[{"id": "a", "text": "x", "draft": true}]', encoding="utf-8")
    done = read(tmp_path / "a.json")
    assert "1 item: 1 draft" in done.stdout
    assert "dates: none" in done.stdout


def test_json_lines_hold_the_public_items_and_the_rest_is_reported(tmp_path):
    posts = [
        {"id": "a", "text": "One."},
        {"id": "b", "text": "Geheim.", "status": "draft"},
        {"id": "c"},
    ]
    (tmp_path / "a.json").write_text(json.dumps(posts), encoding="utf-8")
    done = read(tmp_path / "a.json", "-o", tmp_path / "out.jsonl")
    lines = (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["id"] for line in lines] == ["a"]
    assert "1 closed by `status: draft` (draft): b" in done.stderr
    assert "a.json: item 3 (c): no text" in done.stderr
    assert "Geheim" not in done.stdout + done.stderr
    assert [json.loads(line) for line in read(tmp_path / "a.json", "--format", "jsonl").stdout.splitlines()] == [
        {"id": "a", "plain_text": "One."}
    ]


def test_json_lines_without_public_items_do_not_replace_earlier_ones(tmp_path):
    (tmp_path / "a.json").write_text('[{"id": "a", "text": "x", "draft": true}]', encoding="utf-8")
    (tmp_path / "out.jsonl").write_text("earlier", encoding="utf-8")
    done = read(tmp_path / "a.json", "-o", tmp_path / "out.jsonl", code=1)
    assert "a.json: no public item" in str(done.exception)
    assert [path.name for path in sorted(tmp_path.iterdir())] == ["a.json", "out.jsonl"]
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == "earlier"
    read(tmp_path / "a.json", "-o", tmp_path / "out.jsonl", "--allow-empty")
    assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == ""


def test_a_collection_in_a_notebook_is_a_table_without_markup_of_its_own():
    items = [{"id": "<b>", "title": "<script>x</script>", "text": "One."}, {"id": "d", "text": "Two.", "draft": True}]
    html = recs.read_items(items)._repr_html_()
    assert "2 items: 1 public, 1 draft" in html
    assert "<script>" not in html
    assert "Two." not in html
