"""Episodes: transcripts and chapters beside a feed, their times, and what an episode is for ranking."""

import json
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from places import ROOT
from standins import make_embedder

import recs
from recs.ranking.terms import item_terms
from recs.readers.transcripts.beside import FilesBeside, named_files
from recs.readers.transcripts.chapters import Chapter
from recs.readers.transcripts.cues import Cue, Transcript
from recs.readers.transcripts.episode import joined
from recs.readers.transcripts.timed import timed_text
from recs.text.links import hide_links
from recs.text.written import with_written
from recs.times import Times

pytest.importorskip("feedparser")

SAMPLE = ROOT / "datasets" / "podcast.xml"
VTT = "WEBVTT\n\n00:01.000 --> 00:02.500\n<v Ada>Plant the {} garlic.\n\n00:02.500 --> 00:04.000\n<v Bo>In rows?\n"
NAMESPACE = (
    'xmlns:podcast="https://podcastindex.org/namespace/1.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"'
)


def entry(number, inside="", notes="Notes on garlic."):
    return (
        f"<item><guid>{number}</guid><title>Episode {number}</title><description>{notes}</description>"
        f'<enclosure url="https://a.org/{number}.mp3" type="audio/mpeg" length="1"/>{inside}</item>'
    )


def named(url, kind="text/vtt", more=""):
    return f'<podcast:transcript url="{url}" type="{kind}" {more}/>'


def feed(folder, *entries):
    path = folder / "feed.xml"
    path.write_text(f'<rss version="2.0" {NAMESPACE}><channel><title>T</title>{"".join(entries)}</channel></rss>')
    return path


def write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def test_a_transcript_beside_the_feed_follows_the_notes_with_its_times(tmp_path):
    write(tmp_path / "t" / "1.vtt", VTT.format("first"))
    (item,) = recs.read_items(feed(tmp_path, entry(1, named("https://a.org/t/1.vtt"))))
    assert item.text == "Notes on garlic.\n\n\nAda: Plant the first garlic.\n\nBo: In rows?"
    assert item.text[item.written :].startswith("Ada")
    assert item.times.seconds_at(item.text.index("rows")) == 2.5
    assert item.times.seconds_at(3) is None
    assert item.audio == "https://a.org/1.mp3"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://a.org/t/1.vtt?v=2#x", "t/1.vtt"),
        ("https://a.org/shows/t/1.vtt", "t/1.vtt"),
        ("https://a.org/shows/t/1.vtt", "1.vtt"),
        ("t/1.vtt", "t/1.vtt"),
        ("https://a.org/my%20show/1.vtt", "my show/1.vtt"),
    ],
)
def test_the_address_of_a_transcript_stands_for_a_file_below_the_feed(tmp_path, url, place):
    write(tmp_path / place, VTT.format("first"))
    path = feed(tmp_path, entry(1, named(url)))
    (item,) = recs.read_items(path)
    assert item.times is not None
    assert named_files(path) == [tmp_path / place]


@pytest.mark.parametrize(
    "url",
    [
        "https://a.org/../secret.vtt",
        "https://a.org/t/%2e%2e/%2e%2e/secret.vtt",
        "file:///secret.vtt",
        "https://a.org/link/secret.vtt",
        "https://a.org/C:/secret.vtt",
        "http://[/secret.vtt",
    ],
)
def test_no_file_outside_the_folder_is_read(tmp_path, url):
    write(tmp_path / "secret.vtt", VTT.format("secret"))
    folder = tmp_path / "feeds"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path)
    collection = recs.read_items(feed(folder, entry(1, named(url))))
    assert [item.text for item in collection] == ["Notes on garlic."]


def test_a_zip_archive_holds_a_feed_with_its_transcripts(tmp_path):
    from zipfile import ZipFile

    folder = SAMPLE.parent
    with ZipFile(tmp_path / "show.zip", "w") as archive:
        for path in (SAMPLE, *(folder / "podcast").iterdir()):
            archive.write(path, path.relative_to(folder))
    zipped, plain = (recs.read_items(source, now="2026-11-01") for source in (tmp_path / "show.zip", SAMPLE))
    assert [item.text for item in zipped] == [item.text for item in plain]
    assert sum(item.times is not None for item in zipped) == 4


def test_one_name_for_two_episodes_stands_for_neither(tmp_path):
    write(tmp_path / "transcript.vtt", VTT.format("wrong"))
    entries = (entry(number, named(f"https://a.org/{number}/transcript.vtt")) for number in (1, 2))
    collection = recs.read_items(feed(tmp_path, *entries))
    assert [item.times for item in collection] == [None, None]
    (skipped,) = collection.skipped
    assert skipped.reason.startswith("2 files with transcripts or chapters are not beside the feed; --fetch loads")
    assert skipped.reason.endswith("from a.org (2)")


def test_of_several_transcripts_the_one_with_times_in_the_language_of_the_episode_is_read(tmp_path):
    write(tmp_path / "1.html", "<p>Without times.</p>")
    write(tmp_path / "1.vtt", VTT.format("English"))
    write(tmp_path / "1.de.vtt", VTT.format("German"))
    offered = named("1.html", "text/html") + named("1.de.vtt", more='language="de"')
    offered += named("1.vtt", more='language="en"') + "<language>en-gb</language>"
    (item,) = recs.read_items(feed(tmp_path, entry(1, offered)))
    assert "English" in item.text
    assert "German" not in item.text


@pytest.mark.parametrize("data", ["", "no times", "{}", "WEBVTT\n\n"])
def test_a_transcript_that_cannot_be_read_is_reported_and_the_notes_stay(tmp_path, data):
    write(tmp_path / "1.vtt", data)
    collection = recs.read_items(feed(tmp_path, entry(1, named("1.vtt"))))
    assert [item.text for item in collection] == ["Notes on garlic."]
    (skipped,) = collection.skipped
    assert skipped.id == "1"
    assert skipped.reason.startswith("its transcript is left out: 1.vtt: ")


def test_chapters_head_the_sections_of_a_transcript_and_else_belong_to_the_notes(tmp_path):
    chapters = {
        "chapters": [{"startTime": 2.5, "title": "On &amp; rows"}, {"startTime": 1, "title": "Ad", "toc": False}]
    }
    write(tmp_path / "c.json", json.dumps(chapters))
    write(tmp_path / "1.vtt", VTT.format("first"))
    file = '<podcast:chapters url="c.json" type="application/json+chapters"/>'
    first, second = recs.read_items(feed(tmp_path, entry(1, file + named("1.vtt")), entry(2, file)))
    assert first.text.endswith("garlic.\n\n\nOn & rows\n\nBo: In rows?")
    assert first.times.seconds_at(first.text.index("On &")) == 2.5
    assert second.text == "Notes on garlic.\n\n- On & rows"
    assert second.times is None


def test_hosts_and_guests_of_an_episode_are_kept():
    items = recs.read_items(SAMPLE, now="2026-11-01")
    (item,) = [item for item in items if item.title.startswith("Brockhollow")]
    assert item.meta["hosts"] == ["Tamsin Orrell", "Jude Abara"]
    assert item.meta["guests"] == ["Prisca Vane"]


def test_chapters_in_the_feed_itself_are_read(tmp_path):
    psc = (
        '<psc:chapters xmlns:psc="http://podlove.org/simple-chapters"><psc:chapter start="00:01:00.000" title="Slugs"/>'
    )
    (item,) = recs.read_items(feed(tmp_path, entry(1, f"{psc}</psc:chapters>")))
    assert item.text == "Notes on garlic.\n\n- Slugs"


def test_trailers_and_bonus_episodes_are_in_no_list_unless_they_are_opened():
    lists = recs.related_items(SAMPLE, k=30, signals="terms,mentions", now="2026-11-01", cache=False)
    shown = {match.id for matches in lists.lists.values() for match in matches}
    extras = {item.id for item in lists.items.values() if item.title.startswith(("Trailer", "Bonus"))}
    assert len(extras) == 5
    assert not shown & extras
    assert extras <= set(lists.lists)
    opened = recs.read_items(SAMPLE, now="2026-11-01", public=[("episode_type", "bonus")])
    assert sum(not item.recommend for item in opened.public) == 3


@pytest.mark.parametrize(
    ("transcript", "text"),
    [
        (VTT.format("first"), "Ada: Plant the first garlic.\n\nBo: In rows?"),
        ({"segments": [{"startTime": 1, "endTime": 2, "body": "Plant it.", "speaker": "Ada"}]}, "Ada: Plant it."),
        ("Plant it in rows.", "Plant it in rows."),
        ("<p>Plant it in <b>rows</b>.</p>", "Plant it in rows."),
    ],
)
def test_a_field_with_a_transcript_follows_the_text_of_a_record(transcript, text):
    (item,) = recs.read_items([{"id": "1", "html": "<p>Notes.</p>", "transcript": transcript}])
    assert item.text == f"Notes.\n\n\n{text}"
    assert item.text[item.written :] == text
    (alone,) = recs.read_items([{"id": "1", "title": "One", "transcript": transcript}])
    assert alone.text == text


def test_boilerplate_leaves_the_notes_and_moves_the_times(tmp_path):
    write(tmp_path / "0.vtt", VTT.format("first"))
    entries = [entry(n, named(f"{n}.vtt") if n == 0 else "", f"Note {n}.<br/>Buy our stove.") for n in range(6)]
    entries = [each.replace("<br/>", "&lt;br&gt;") for each in entries]
    kept, removed = (recs.read_items(feed(tmp_path, *entries), boilerplate=how)[0] for how in ("keep", "remove"))
    assert kept.text.startswith("Note 0.\nBuy our stove.\n\n\nAda")
    assert removed.text.startswith("Note 0.\n\n\nAda")
    for item in (kept, removed):
        assert item.text[item.written :].startswith("Ada: Plant")
        assert item.times.span_seconds(item.text.index("Bo"), len(item.text)) == (2.5, 4.0)


def test_an_episode_whose_links_are_hidden_keeps_its_transcript_and_the_times(tmp_path):
    """Rankings are judged on such items: a transcript that went with the links would be in no figure."""
    write(tmp_path / "1.vtt", VTT.format("first"))
    notes = 'As in &lt;a href="https://a.org/2"&gt;the first garlic&lt;/a&gt;, we plant.'
    first = entry(1, named("1.vtt"), notes)
    second = entry(2).replace("<guid>", "<link>https://a.org/2</link><guid>")
    items = recs.read_items(feed(tmp_path, first, second))
    by_words = replace(items[0], links=(recs.Link(0, 0, "garlic", "2"),))
    for item, written in ((items[0], "As in , we plant."), (by_words, "As in the first  , we plant.")):
        hidden = hide_links([item])[0]
        assert hidden.text == f"{written}\n\n\nAda: Plant the first garlic.\n\nBo: In rows?"
        assert hidden.text[hidden.written :].startswith("Ada")
        assert hidden.times.seconds_at(hidden.text.index("rows")) == 2.5


WORDS = st.sampled_from(["garlic", "soil", "rows", "frost", "compost", "seeds", "tools", "water"])
CUES = st.lists(st.tuples(st.sampled_from(["", "Ada", "Bo"]), st.lists(WORDS, min_size=1, max_size=40)), min_size=1)


@settings(max_examples=60, deadline=None)
@given(CUES, st.lists(st.integers(0, 40), max_size=5, unique=True), st.text("abc \n.", max_size=40))
def test_the_time_of_a_passage_is_that_of_its_cue_whatever_stands_before_it(parts, places, notes):
    cues = tuple(Cue(float(n), n + 0.75, name, " ".join(words)) for n, (name, words) in enumerate(parts))
    chapters = [Chapter(float(place), f"Chapter {place}") for place in sorted(places)]
    spoken = timed_text(Transcript(cues, "vtt"), chapters)
    text, times = joined(notes.strip(), spoken)
    item = with_written(recs.Item("1", text, times=times), "Other notes, longer than before.")
    for each, at in ((text, times), (item.text, item.times)):
        begins = dict(zip(at.starts, at.offsets, strict=True))  # of a chapter and its first cue, the cue is kept
        for cue in cues:
            place = each.index(cue.text.split()[0], begins[cue.start])
            assert (
                each[place : place + len(cue.text)].split()
                == cue.text.split()[: len(each[place : place + len(cue.text)].split())]
            )
            assert at.seconds_at(place) == cue.start
        said = [chapter for chapter in chapters if f"{chapter.title}\n\n" in each]
        assert all(at.seconds_at(each.index(f"{chapter.title}\n\n")) == chapter.start for chapter in said)


def test_times_that_do_not_fit_are_refused():
    for arguments in (((), (), ()), ((1, 2), (0.0,), (1.0,)), ((2, 1), (0.0, 1.0), (1.0, 2.0))):
        with pytest.raises(ValueError, match="times"):
            Times(*arguments)
    with pytest.raises(recs.RecsError, match="its times must be of the type Times"):
        recs.Item("1", "Hi.", times=[0])


def test_a_long_transcript_weighs_as_much_as_the_notes():
    """The vector lies between those of notes and transcript; without the rule it would be that of the transcript."""
    embedder = make_embedder()
    notes = " ".join(["garlic soil rows frost"] * 40)
    spoken = " ".join(["engine wheel brake gear"] * 2000)
    text, times = joined(notes, timed_text(Transcript((Cue(0.0, 9.0, "", spoken),), "vtt")))
    episode = recs.Item("e", text, times=times)
    items = [episode, recs.Item("n", notes), recs.Item("s", spoken), recs.Item("all", text)]
    vectors = recs.embed_items(items, embedder, cache=False).vectors
    own, all_of_it = vectors[0] @ vectors[1:3].T, vectors[3] @ vectors[1:3].T
    assert own[0] > 0.6 * own[1]
    assert own[0] > 3 * all_of_it[0]


def test_terms_of_a_transcript_are_no_more_than_those_of_the_notes_and_the_heaviest():
    rare = [f"rareword{n:03}x" for n in range(900)]
    rare = [word[::-1] for word in rare]  # words differ in their first six letters
    notes = ["garlic soil rows", *["garlic frost"] * 2, *[f"filler{n}" for n in range(27)]]
    spoken = f"{' '.join(rare)} {rare[0]} {rare[0]}"
    texts = [f"{notes[0]}\n\n\n{spoken}", f"{notes[1]} {spoken}", *notes[2:]]
    written = [len(notes[0]) + 3, *map(len, texts[1:])]
    with_times = item_terms([""] * 30, texts, written).weights
    without = item_terms([""] * 30, texts).weights
    assert with_times[[0]].nnz <= 200 + 3
    assert without[[0]].nnz > 900
    assert with_times[[0]].max() >= without[[0]].max()
    assert (with_times[[0]] @ with_times[[2]].T).toarray()[0, 0] > 2 * (without[[0]] @ without[[2]].T).toarray()[0, 0]


def test_the_moment_of_a_passage_is_in_the_result_with_its_address(tmp_path):
    lists = recs.related_items(SAMPLE, embedder=make_embedder(), why=True, now="2026-11-01", cache=False)
    recs.write_related(lists, tmp_path / "related.json")
    document = json.loads((tmp_path / "related.json").read_text())
    count = 0
    for name, item in document["items"].items():
        for match in item["related"]:
            for each, span, moment in zip(
                (name, match["id"]), match["why"]["passages"], match["why"].get("moments", (None, None)), strict=True
            ):
                start = lists.items[each].times and lists.items[each].times.span_seconds(*span)[0]
                assert (moment and moment["start"]) == start
                if moment:
                    assert moment["url"] == f"{lists.items[each].audio}#t={int(start)}"
                    count += 1
    assert count > 5


class _Files(BaseHTTPRequestHandler):
    def do_GET(self):
        self.server.asked.append(self.path)
        if self.path == "/elsewhere":
            self.send_response(302)
            self.send_header("Location", "file:///etc/hostname")
            self.end_headers()
        elif self.path.endswith(".vtt"):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(VTT.format("loaded").encode())
        else:
            self.send_error(404)

    def log_message(self, *_):
        pass


@contextmanager
def served():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Files)
    server.asked = []
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_transcripts_are_loaded_only_on_request_once_and_said_before(tmp_path, monkeypatch, caplog):
    monkeypatch.setenv("RECS_CACHE_DIR", str(tmp_path / "cache"))
    with served() as (server, address):
        path = feed(tmp_path, entry(1, named(f"{address}/1.vtt")))
        assert recs.read_items(path)[0].times is None
        assert server.asked == []
        assert "loaded" in recs.read_items(path, fetch=True)[0].text
        assert "loading up to 1 file with a transcript or chapters from 127.0.0.1, at most 32 MB each" in caplog.text
        assert "loaded" in recs.read_items(path, fetch=True)[0].text
        assert server.asked == ["/1.vtt"]


@pytest.mark.parametrize("path", ["/elsewhere", "/missing", "ftp"])
def test_what_cannot_be_loaded_is_reported(tmp_path, monkeypatch, path):
    monkeypatch.setenv("RECS_CACHE_DIR", str(tmp_path / "cache"))
    with served() as (_, address):
        url = "ftp://127.0.0.1/1.vtt" if path == "ftp" else f"{address}{path}"
        collection = recs.read_items(feed(tmp_path, entry(1, named(url))), fetch=True)
    assert collection[0].text == "Notes on garlic."
    (skipped,) = collection.skipped
    assert "is left out: " in skipped.reason


def test_a_file_that_is_too_large_is_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr("recs.readers.transcripts.beside.LARGEST", 10)
    write(tmp_path / "1.vtt", VTT.format("first"))
    collection = recs.read_items(feed(tmp_path, entry(1, named("1.vtt"))))
    assert [one.reason for one in collection.skipped] == ["1.vtt is left out: larger than 0 MB."]


def test_a_name_that_is_too_long_is_not_here(tmp_path):
    assert FilesBeside(tmp_path, []).path(f"https://a.org/{'x' * 5000}.vtt") is None


def test_passages_of_transcripts_are_scored_by_groups_of_chunks():
    generator = np.random.default_rng(5)
    from recs.ranking.vector_signals import Passages

    rows = np.repeat(np.arange(6), [3, 40, 1, 25, 2, 18])
    vectors = generator.standard_normal((len(rows), 8)).astype(np.float32)
    groups = np.concatenate([[0], np.cumsum(np.diff(rows) | (generator.random(len(rows) - 1) < 0.4))])
    means = np.array([vectors[groups == group].mean(axis=0) for group in range(groups[-1] + 1)])
    owners = np.array([rows[groups == group][0] for group in range(groups[-1] + 1)])
    signal = Passages(vectors, rows, "cosine", groups=groups)
    expected = Passages(means, owners, "cosine").block(np.arange(6), None)
    np.testing.assert_allclose(signal.block(np.arange(6), None), expected, atol=1e-6)
    assert signal.best_pair(1, 3) == Passages(vectors, rows, "cosine").best_pair(1, 3)
