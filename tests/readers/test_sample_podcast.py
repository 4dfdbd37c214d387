"""The sample podcast: its feed is sound, and its chapters and transcripts are there and can be read."""

import json
import re
from datetime import UTC, datetime

import pytest
from places import ROOT

import recs
from recs.readers.transcripts.read import read_transcript
from recs.readers.transcripts.timed import timed_text

pytest.importorskip("feedparser")
etree = pytest.importorskip("lxml.etree")

FEED = ROOT / "datasets" / "podcast.xml"
SITE = "https://shortpound.example"
ITUNES = "{http://www.itunes.com/dtds/podcast-1.0.dtd}"
PODCAST = "{https://podcastindex.org/namespace/1.0}"
CONTENT = "{http://purl.org/rss/1.0/modules/content/}encoded"


@pytest.fixture(scope="module")
def entries():
    return etree.parse(FEED).findall("channel/item")


def test_the_feed_has_what_its_readme_says(entries):
    kinds = [entry.findtext(f"{ITUNES}episodeType") for entry in entries]
    assert (kinds.count("full"), kinds.count("trailer"), kinds.count("bonus")) == (31, 3, 2)
    ids = [entry.findtext("guid") for entry in entries]
    assert len(set(ids)) == len(ids) == 36
    assert sum(entry.findtext(f"{ITUNES}explicit") == "true" for entry in entries) == 1
    numbers = [int(entry.findtext(f"{ITUNES}episode") or 0) for entry in entries]
    assert sorted(filter(None, numbers)) == list(range(1, 32))


def test_links_lead_to_episodes_before_them(entries):
    numbers = {entry.findtext("link"): int(entry.findtext(f"{ITUNES}episode") or 99) for entry in entries}
    links = [
        (numbers[entry.findtext("link")], target)
        for entry in entries
        for target in re.findall(r'href="(?:https://shortpound\.example)?(/[^"]+)"', entry.findtext(CONTENT))
    ]
    assert len(links) > 40
    assert all(numbers[f"{SITE}{target}"] < number for number, target in links)


def test_recs_reads_the_feed_and_keeps_the_future_episode_closed():
    collection = recs.read_items(FEED, now=datetime(2026, 1, 1, tzinfo=UTC))
    visibilities = {item.title: item.visibility for item in collection}
    assert [title for title, visibility in visibilities.items() if visibility != "public"] == ["The second mile"]
    assert len(visibilities) == 36


@pytest.mark.parametrize(
    ("name", "kind", "turns", "speakers"),
    [
        ("ep-4.srt", "srt", 72, {"TAMSIN", "JUDE", "OLWEN"}),
        ("ep-12.vtt", "vtt", 74, {"Tamsin Orrell", "Jude Abara", "Prisca Vane"}),
        ("ep-22.vtt", "vtt", 96, {""}),
        ("ep-25.json", "json", 89, {"Tamsin Orrell", "Jude Abara", "Olwen Maddox", "Desmond Fairlie"}),
    ],
)
def test_each_transcript_is_named_by_the_feed_and_read(entries, name, kind, turns, speakers):
    urls = [each.get("url") for entry in entries for each in entry.findall(f"{PODCAST}transcript")]
    assert f"{SITE}/podcast/{name}" in urls
    transcript = read_transcript((FEED.parent / "podcast" / name).read_bytes(), name)
    assert transcript.format == kind
    assert transcript.unread == 0
    assert {cue.speaker for cue in transcript.cues} == speakers
    text = timed_text(transcript).text
    assert text.count("\n\n") + 1 == turns
    assert 1_200 <= len(text.split()) <= 2_500


def test_rolling_captions_of_the_sample_say_nothing_twice():
    transcript = read_transcript((FEED.parent / "podcast" / "ep-22.vtt").read_bytes(), "ep-22.vtt")
    text = timed_text(transcript).text
    assert len(text.split()) == 1957
    assert text.startswith(
        "This is The Short Pound and I am standing at the bottom of a lock with dry feet\n\nnot very"
    )
    assert text.count("forty one horseshoes") == 1


def test_chapters_are_there_and_ascend(entries):
    urls = [each.get("url") for entry in entries for each in entry.findall(f"{PODCAST}chapters")]
    assert len(urls) == 7
    for url in urls:
        chapters = json.loads((FEED.parent / url.removeprefix(f"{SITE}/")).read_text(encoding="utf-8"))["chapters"]
        times = [chapter["startTime"] for chapter in chapters]
        assert times == sorted(set(times))
        assert all(chapter["title"] for chapter in chapters)


def test_each_chapter_of_a_transcript_begins_after_a_whole_sentence():
    episode = next(item for item in recs.read_items(FEED) if item.meta.get("episode") == "12")
    file = FEED.with_suffix("") / "ep-12.chapters.json"
    chapters = json.loads(file.read_text(encoding="utf-8"))["chapters"]
    for chapter in chapters[1:]:
        before, title, _ = episode.text.partition(f"\n\n\n{chapter['title']}\n\n")
        assert title, f"{chapter['title']}: nothing is said in it"
        assert before.endswith((".", "?", "!")), chapter["title"]
