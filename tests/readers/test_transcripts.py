"""Transcripts: every format, rolling captions, speakers, times; hostile files."""

import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recs.errors import SourceError
from recs.readers.transcripts.cues import Cue, Transcript
from recs.readers.transcripts.read import read_transcript
from recs.readers.transcripts.timed import timed_text, turns
from recs.text.plain import plain_text

WORDS = ("no", "the", "garlic", "bed", "needs", "straw", "before", "frost", "and", "we", "water", "it", "rows", "yes")
a_line = st.lists(st.sampled_from(WORDS), min_size=2, max_size=7).map(" ".join)
# Captions of hardly more than one line that is said all the time cannot be told from captions that stand still.
lines_of_words = st.lists(a_line, min_size=6, max_size=40).filter(lambda lines: len(set(lines)) > len(lines) * 3 // 4)


def read(text, name="ep.vtt"):
    return read_transcript(text.encode(), name)


def said(transcript):
    return [(cue.speaker, cue.text) for cue in transcript.cues]


def words_of(transcript):
    return " ".join(cue.text for cue in transcript.cues).split()


def clock(seconds, mark="."):
    whole = int(seconds)
    return f"{whole // 3600:02}:{whole // 60 % 60:02}:{whole % 60:02}{mark}{round((seconds - whole) * 1000):03}"


def captions(cues, *, srt=False):
    """Return SubRip or WebVTT for (start, end, text)."""
    mark = "," if srt else "."
    blocks = [
        (f"{number}\n" if srt else "") + f"{clock(start, mark)} --> {clock(end, mark)}\n{text}\n"
        for number, (start, end, text) in enumerate(cues, 1)
    ]
    return ("" if srt else "WEBVTT\n\n") + "\n".join(blocks)


def rolling(lines, height, *, flashes, timings=False, by_word=False):
    """Return the cues of captions that show the last lines again."""
    cues = []
    for number, line in enumerate(lines):
        above = lines[max(0, number - height + 1) : number]
        start = number * 3.0
        words = line.split()
        shown = words[0] + "".join(f"<{clock(start + 1)}><c> {word}</c>" for word in words[1:]) if timings else line
        if by_word:
            steps = len(words)
            cues += [
                (
                    start + 3 * step / steps,
                    start + 3 * (step + 1) / steps,
                    "\n".join([*above, " ".join(words[: step + 1])]),
                )
                for step in range(steps)
            ]
            continue
        cues.append((start, start + 2.99 if flashes else start + 3, "\n".join([*above, shown])))
        if flashes:
            cues.append((start + 2.99, start + 3, "\n".join(lines[max(0, number - height + 2) : number + 1])))
    return cues


@settings(max_examples=60, deadline=None)
@given(lines=lines_of_words, height=st.integers(2, 3), flashes=st.booleans(), timings=st.booleans(), srt=st.booleans())
def test_rolling_captions_give_each_word_once(lines, height, flashes, timings, srt):
    text = captions(rolling(lines, height, flashes=flashes, timings=timings), srt=srt)
    assert words_of(read(text, "ep")) == " ".join(lines).split()


@settings(max_examples=30, deadline=None)
@given(lines=lines_of_words.filter(lambda lines: all(a != b for a, b in pairwise(lines))))
def test_captions_that_grow_by_a_word_give_each_word_once(lines):
    spoken = " ".join(lines).split()
    read_words = words_of(read(captions(rolling(lines, 2, flashes=False, by_word=True))))
    assert abs(len(read_words) - len(spoken)) <= 0.01 * len(spoken) + 1


def test_a_phrase_said_twice_stays_in_captions_that_do_not_roll():
    chorus = [(n * 2.0, n * 2 + 2.0, text) for n, text in enumerate(["no, no", "no, no", "we sing", "we sing", "no"])]
    assert words_of(read(captions(chorus))) == ["no,", "no", "no,", "no", "we", "sing", "we", "sing", "no"]


def test_in_rolling_captions_words_after_a_pause_were_said_again():
    cues = [*rolling(["plant it", "water it", "cover it", "leave it"], 2, flashes=False), (60.0, 63.0, "leave it")]
    assert words_of(read(captions(cues)))[-4:] == ["leave", "it", "leave", "it"]


def test_merged_words_have_the_time_at_which_they_were_new():
    transcript = read(captions(rolling(["plant it", "water it", "cover it"], 2, flashes=True)))
    assert [(cue.start, cue.text) for cue in transcript.cues] == [(0, "plant it"), (3, "water it"), (6, "cover it")]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<v Ada>Hi.\n\n00:02.000 --> 00:03.000\nSo.\n\n00:03.000 --> 00:04.000\n<v.loud Bo Li>Yes.</v>",
         [("Ada", "Hi."), ("Ada", "So."), ("Bo Li", "Yes.")]),
        ("<v Ada>Hi.</v> <v Bo>Oh.</v>", [("Ada", "Hi."), ("Bo", "Oh.")]),
        ("ADA: Hi.\nBO: It is 10:30.\nADA: See https://a.example\nBO: So: no.",
         [("ADA", "Hi."), ("BO", "It is 10:30."), ("ADA", "See https://a.example"), ("BO", "So: no.")]),
        ("&gt;&gt; Hi.\n&gt;&gt; ADA: Oh.\n>> ADA: Yes.", [("", "Hi."), ("ADA", "Oh."), ("ADA", "Yes.")]),
        ("- Hi.\n- Oh.", [("", "Hi."), ("", "Oh.")]),
        ("On\n- slowly - to\n10:30: a stop\nhttps: yes", [("", "On - slowly - to 10:30: a stop https: yes")]),
        ("Ada: Hi.\nNote: it rains.\nAda: Oh.\nNote: still.",
         [("Ada", "Hi. Note: it rains."), ("Ada", "Oh. Note: still.")]),
        ("So we plant.\nThen: we go.", [("", "So we plant. Then: we go.")]),
    ],
)  # fmt: skip
def test_speakers_are_kept_apart(text, expected):
    assert said(read(f"WEBVTT\n\n00:01.000 --> 00:02.000\n{text}\n")) == expected


def test_voices_without_a_name_are_turns_of_their_own():
    transcript = read("WEBVTT\n\n00:01.000 --> 00:02.000\n- Hi.\n- Oh.\n\n00:02.000 --> 00:03.000\nWell.")
    assert timed_text(transcript).text == "Hi.\n\nOh. Well."


def test_styling_sounds_and_blocks_are_left_out():
    text = (
        "\ufeffWEBVTT - ours\r\nKind: captions\r\n\r\nSTYLE\r\n::cue { color: red }\r\n\r\nNOTE secret\r\n"
        "00:00.000 --> 00:01.000\r\nsecret\r\n\r\nfirst\r\n00:01.000 --> 00:02.000 align:start\r\n"
        "{\\an8}<i>Plant</i> <b.x>it</b>. ♪ (applause) (in rows)\r\n\r\n00:02.000 --> 00:03.000\r\n[A door]\r\n"
    )
    transcript = read(text)
    assert said(transcript) == [("", "Plant it. (in rows)")]


@pytest.mark.parametrize(
    ("times", "expected"),
    [
        ("123:00:01,500 --> 123:00:02", (442801.5, 442802.0)),
        ("01:02.5 --> 01:03.25", (62.5, 63.25)),
        ("-00:00:01,000 --> 00:00:02,000", (0.0, 2.0)),
        ("00:00:05,000 --> 00:00:02,000", (5.0, None)),
        ("00:00:05,000 -->", (5.0, None)),
        ("00:0x:05 --> 00:00:06\n00:99:99,1 --> 1:::2", (6039.1, None)),
    ],
)
def test_odd_times_are_read_or_left_out(times, expected):
    cues = read(f"1\n{times}\nHi.\n", "ep.srt").cues
    assert [(cue.start, cue.end) for cue in cues] == [expected]


def test_cues_are_ordered_by_time_and_keep_their_order_when_equal():
    cues = [(5.0, 6.0, "third"), (1.0, 4.0, "first"), (1.0, 2.0, "second"), (7.0, 8.0, "")]
    assert words_of(read(captions(cues, srt=True), "ep.srt")) == ["first", "second", "third"]


def test_subrip_keeps_years_blank_lines_and_loses_numbers_of_cues():
    text = "1\n00:00:01,000 --> 00:00:02,000\nIn\n\n1984\n\n2\n00:00:03,000 --> 00:00:04,000\nit rained\n3\n"
    text += "00:00:05,000 --> 00:00:06,000\nFile --> Open\n"
    assert words_of(read(text, "ep.srt")) == ["In", "1984", "it", "rained", "File", "-->", "Open"]


def test_json_of_the_namespace_and_of_whisper():
    of_namespace = {"version": "1.0.0", "segments": [
        {"speaker": "Ada", "startTime": 0.5, "endTime": 0.75, "body": "I"},
        {"speaker": "Ada", "startTime": 1, "body": "am.\n"},
        {"startTime": "x", "body": 7}, None,
        {"speaker": "Bo", "startTime": "00:00:02.5", "endTime": float("inf"), "body": "Oh"},
        {"speaker": "Bo", "startTime": 3, "body": "!"},
    ]}  # fmt: skip
    transcript = read(json.dumps(of_namespace), "ep.json")
    assert timed_text(transcript).text == "Ada: I am.\n\nBo: Oh!"
    assert transcript.unread == 2
    assert [cue.start for cue in transcript.cues] == [0.5, 1, 2.5, 3]
    whisper = {
        "text": " Hi. So.",
        "segments": [{"start": 0.0, "end": 2.0, "text": " Hi."}, {"start": 2.0, "text": " So."}],
    }
    assert said(read(json.dumps(whisper), "ep.txt")) == [("", "Hi."), ("", "So.")]


def test_html_with_cites_and_times():
    text = (
        "<!-- draft --><h2 hidden>Secret</h2><cite>Kevin:</cite><time>0:00</time><p>We plan\nan update.</p>"
        "<cite>Alban :</cite>\n<time>0:09</time>\n<p>Cool &amp; good.</p><p>Really.</p>"
        "<cite>Kevin:</cite><time>1:02:03</time><p>Yes.</p>"
    )
    cues = read(text, "text/html").cues
    assert [(cue.start, cue.speaker, cue.text) for cue in cues] == [
        (0, "Kevin", "We plan an update."),
        (9, "Alban", "Cool & good."),
        (None, "Alban", "Really."),
        (3723, "Kevin", "Yes."),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[00:01:02] Ada: Hi.\n[00:01:05] Bo: Oh.", [(62, "Ada", "Hi."), (65, "Bo", "Oh.")]),
        ("Ada  0:03\nHi.\n\nBo Li  1:00:04\nOh.\n", [(3, "Ada", "Hi."), (3604, "Bo Li", "Oh.")]),
        ("Ada (0:03):\nHi.\n\nBo (0:05):\nOh.\n", [(3, "Ada", "Hi."), (5, "Bo", "Oh.")]),
        ("0:03\nHi.\n0:05\nOh.", [(3, "", "Hi."), (5, "", "Oh.")]),
        ("We met.\n\n10:30 was late.", [(None, "", "We met."), (None, "", "10:30 was late.")]),
    ],
)
def test_plain_text_with_names_and_times(text, expected):
    assert [(cue.start, cue.speaker, cue.text) for cue in read(text, "ep.txt").cues] == expected


def test_encodings():
    text = captions([(1.0, 2.0, "Café\u0301")], srt=True)
    for encoding in ("utf-16", "utf-16-le", "utf-16-be", "utf-8-sig"):
        assert said(read_transcript(text.encode(encoding), "ep.srt")) == [("", "Café\u0301")], encoding
    with pytest.raises(SourceError, match=r"ep.srt: line 3, byte \d+ \(0xe9\) is not UTF-8; convert"):
        read_transcript(captions([(1.0, 2.0, "Café")], srt=True).encode("latin-1"), "ep.srt")


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (b" \n", "ep.srt", "ep.srt: empty"),
        (b"WEBVTT\n\n", "ep.vtt", "ep.vtt: no line with times"),
        (b"words", "ep.srt", "ep.srt: no line with times"),
        (b"WEBVTT\n\n00:01.000 --> 00:02.000\n[Music]\n", "ep.vtt", "ep.vtt: no words of a transcript"),
        (b"{", "ep.json", "ep.json: "),
        (b"words", "ep.json", "ep.json: "),
        (b'{"a": 1}', "ep.json", "ep.json: JSON without a list of segments"),
        (b"[" * 100_000, "ep.json", "ep.json: "),
        (b"ID3\x04\x00\x00binary", "ep.txt", "ep.txt: binary data"),
        (b"<?xml version='1.0'?><tt/>", "ep.ttml", "ep.ttml: XML"),
    ],
)
def test_what_is_no_transcript_is_refused_in_one_line(data, name, message):
    with pytest.raises(SourceError) as caught:
        read_transcript(data, name)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


cues_by_time = st.lists(
    st.tuples(
        st.sampled_from(["", "Ada", "Bo"]),
        st.lists(st.sampled_from([*WORDS, "Frost.", "Straw?", "Beds!", "e.g.", ",", "…"]), min_size=1, max_size=60),
        st.booleans(),
    ),
    min_size=1,
    max_size=30,
)


@settings(max_examples=100, deadline=None)
@given(cues_by_time)
def test_the_time_of_a_passage_is_that_of_the_cue_with_its_first_character(parts):
    cues = tuple(
        Cue(float(number), number + 0.5, name, " ".join(words), change)
        for number, (name, words, change) in enumerate(parts)
    )
    spoken = timed_text(Transcript(cues, "srt"))
    text = spoken.text
    for number, cue in enumerate(cues):
        place = spoken.times.offsets[number] + (
            text[spoken.times.offsets[number] :].startswith(f"{cue.speaker}: ") and len(cue.speaker) + 2
        )
        for word in cue.text.split():
            place = text.index(word, place)
            assert spoken.times.seconds_at(place) == cue.start
            assert spoken.times.span_seconds(place, place + len(word)) == (cue.start, cue.end)
            place += len(word)
    assert spoken.times.span_seconds(0, len(text)) == (0.0, len(cues) - 0.5)
    assert plain_text(text, "text") == text


def test_a_long_turn_becomes_paragraphs_that_end_with_a_sentence():
    sentence = "We plant the garlic in rows before the frost comes down."
    cues = tuple(Cue(float(n), None, "Ada", sentence) for n in range(40))
    spoken = timed_text(Transcript(cues, "srt"))
    paragraphs = spoken.text.split("\n\n")
    assert len(paragraphs) == 4
    assert paragraphs[0].startswith("Ada: We plant")
    assert all(part.endswith("down.") for part in paragraphs)
    assert [spoken.text[offset:].startswith("We plant") for offset in spoken.times.offsets[1:]] == [True] * 39
    assert spoken.times.span_seconds(spoken.times.offsets[3], spoken.times.offsets[4]) == (3.0, 4.0)


def test_a_long_turn_without_full_stops_becomes_paragraphs():
    spoken = timed_text(Transcript((Cue(0.0, 9.0, "", "garlic " * 999 + "end"),), "vtt"))
    assert all(len(part.split()) <= 240 for part in spoken.text.split("\n\n"))
    assert len(spoken.text.split()) == 1000


def test_turns_join_cues_of_one_speaker():
    transcript = read("WEBVTT\n\n00:01.000 --> 00:02.000\n<v Ada>Hi.\n\n00:02.000 --> 00:03.000\nSo.\n<v Bo>Oh.")
    assert [(turn.speaker, len(turn.cues)) for turn in turns(transcript)] == [("Ada", 2), ("Bo", 1)]


@pytest.mark.parametrize(
    "piece", ["<v ", "[", "(", "{\\", "A: ", "A b ", "- ", ">>", "\x02", "1:", "&#", "NOTE\n\n", "-->"]
)
def test_reading_is_linear_in_hostile_pieces(piece):
    """A quadratic search would take minutes."""
    head = "WEBVTT\n\n00:01.000 --> 00:02.000\nHi.\n"
    for text, name in ((head + piece * 50_000, "ep.vtt"), ("Hi. " + piece * 50_000, "ep.txt")):
        assert read(text, name).cues
