"""`recs.update_related`: what a plugin is promised (docs/plugins.md)."""

import json
import logging
import os
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from standins import make_embedder

import recs
import recs.related
import recs.writers.update as update
from recs.errors import SourceError

TEXTS = {
    "soil": "Compost makes garden soil dark and loose.",
    "seed": "Garden seeds need warm soil in spring.",
    "leek": "Leeks grow in garden soil until winter.",
    "train": "The night train leaves the station at nine.",
    "rail": "A train, a station and a timetable at night.",
}


def pages(**changes):
    made = {name: {"id": name, "title": name.title(), "text": text, "url": f"/{name}/"} for name, text in TEXTS.items()}
    for name, change in changes.items():
        made[name] = {**made[name], **change}
    return list(made.values())


@pytest.fixture
def path(tmp_path):
    return tmp_path / "related.json"


@pytest.fixture
def runs(monkeypatch):
    """Return a list that grows with each ranking."""
    made = []
    original = recs.related.related_items
    monkeypatch.setattr(recs.related, "related_items", lambda *a, **o: made.append(o) or original(*a, **o))
    return made


def by_terms(source, path, **options):
    return recs.update_related(source, path, signals="terms", cache=False, **options)


def everything(lists):
    return {name: lists.get(name) for name in TEXTS}


# Made anew only if something has changed.


def test_unchanged_pages_are_not_ranked_again(path, runs):
    first = everything(by_terms(pages(), path))
    written = path.read_bytes()
    assert everything(by_terms(pages(), path)) == first
    assert (len(runs), path.read_bytes()) == (1, written)
    assert any(first.values())


@pytest.mark.parametrize(
    "change",
    [
        {"title": "Earth"},
        {"text": "Compost is made of leaves."},
        {"url": "/earth/"},
        {"tags": ["garden"]},
        {"draft": True},
        {"lang": "de"},
        {"related": ["train"]},
        {"unheard_of": 1},
    ],
)
def test_a_change_of_any_field_makes_the_lists_anew(path, runs, change):
    by_terms(pages(), path)
    changed = by_terms(pages(soil=change), path)
    assert len(runs) == 2
    fresh = by_terms(pages(soil=change), path.with_name("fresh.json"))
    assert everything(changed) == everything(fresh)


@pytest.mark.parametrize("option", [{"k": 1}, {"rules": recs.Rules(min_score=0.5)}])
def test_another_option_makes_the_lists_anew(path, runs, option):
    by_terms(pages(), path)
    by_terms(pages(), path, **option)
    assert len(runs) == 2


def test_another_version_of_recs_makes_the_lists_anew(path, runs, monkeypatch):
    by_terms(pages(), path)
    monkeypatch.setattr(recs, "__version__", "99")
    by_terms(pages(), path)
    assert len(runs) == 2


def test_another_model_makes_the_lists_anew(path, tmp_path, model, runs, monkeypatch):
    options = {"cache": tmp_path / "cache"}
    recs.update_related(pages(), path, **options)
    recs.update_related(pages(), path, **options)
    assert len(runs) == 1
    weights = tmp_path / "model" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(b"")
    monkeypatch.setattr(update, "find_model", lambda name: weights.parent)
    recs.update_related(pages(), path, **options)
    assert len(runs) == 2
    recs.update_related(pages(), path, cached_only=True, **options)
    assert len(runs) == 2


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"schema": "recs.related/1"}', '{"schema": "recs.related/9"}'])
def test_a_file_that_is_torn_or_something_else_is_made_anew(path, runs, content):
    path.write_text(content, encoding="utf-8")
    assert by_terms(pages(), path).get("soil")
    assert len(runs) == 1


def test_a_page_that_is_published_later_comes_when_its_time_has_come(path, runs):
    source = pages(seed={"date": "2026-05-01"})
    options = {"k": 9}
    early = by_terms(source, path, now="2026-04-30", **options)
    assert early.get("seed") == []
    assert "seed" not in [entry["id"] for entry in early.get("soil")]
    by_terms(source, path, now="2026-04-30T12:00", **options)
    assert len(runs) == 1
    later = by_terms(source, path, now="2026-05-02", **options)
    assert "seed" in [entry["id"] for entry in later.get("soil")]


@pytest.mark.parametrize("change", [{"draft": True}, {"status": "private"}, {"status": "odd"}, {"password": "x"}])
def test_a_page_that_is_hidden_is_gone_at_once(path, change):
    assert any(entry["id"] == "seed" for entry in by_terms(pages(), path).get("soil"))
    lists = by_terms(pages(seed=change), path)
    assert lists.get("seed") == []
    assert "seed" not in {entry["id"] for entries in everything(lists).values() for entry in entries}
    assert "warm soil" not in path.read_text(encoding="utf-8")


def test_a_run_without_changes_imports_no_numpy_and_says_nothing(path):
    by_terms(pages(), path)
    program = (
        "import sys, json, recs\n"
        "lists = recs.update_related(json.loads(sys.argv[1]), sys.argv[2], signals='terms', cache=False)\n"
        "assert lists.get('soil')\n"
        "assert not {'numpy', 'scipy', 'selectolax'} & set(sys.modules), sorted(sys.modules)"
    )
    words = [sys.executable, "-W", "error", "-c", program, json.dumps(pages()), str(path)]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# One shape, whether computed, loaded or served.


@given(
    st.dictionaries(st.sampled_from("abcdefgh"), st.text("garden soil train ", min_size=9), min_size=2),
    st.sampled_from(["/a/", "https://a.example/", "javascript:alert(1)", None]),
    st.booleans(),
)
@settings(max_examples=30)
def test_computed_and_loaded_lists_have_one_shape(tmp_path_factory, texts, url, why):
    items = [recs.Item(id=name, text=text, title=name, url=url) for name, text in texts.items() if text.strip()]
    if not items:
        return
    lists = recs.related_items(items, signals="terms,mentions", cache=False, why=why)
    path = tmp_path_factory.mktemp("shape") / "related.json"
    recs.write_related(lists, path)
    loaded = recs.load_related(path)
    for name in [*texts, "unknown"]:
        assert json.loads(json.dumps(lists.get(name))) == loaded.get(name)


def test_an_index_answers_in_the_same_shape(path):
    index = recs.build_index(recs.read_items(pages()), signals="terms")
    loaded = by_terms(pages(), path)
    assert {frozenset(entry) for entry in index.get("soil")} == {frozenset(entry) for entry in loaded.get("soil")}
    assert [entry["id"] for entry in index.get("train", k=1)] == ["rail"]
    assert index.get("unknown") == index.get(None) == []


def test_ids_of_any_type_are_strings_once(path):
    source = [{**page, "id": number} for number, page in enumerate(pages())]
    lists = by_terms(source, path)
    assert lists.get(0) == lists.get("0")
    assert lists.get(0)[0]["id"] in {"1", "2", "3", "4"}
    items = recs.read_items(source)
    assert recs.related_items(items, signals="terms", cache=False).get(0) == lists.get(0)


# Objects of a CMS.


class Lazy:
    def __init__(self, text):
        self.text = text

    def __str__(self):
        return self.text


class Nothing:
    __slots__ = ()


def cms_page(page):
    return {
        "id": page["id"],
        "title": Lazy(page["title"]),
        "text": Lazy(page["text"]),
        "url": PurePosixPath(page["url"]),
        "tags": (Lazy(tag) for tag in ("garden", page["id"])),
        "date": datetime(2020, 1, 1, tzinfo=UTC),
        "meta": {"aliases": iter([Lazy("earth")])},
    }


def test_objects_of_a_cms_become_text(path):
    source = [cms_page(page) for page in pages()]
    lists = by_terms((page for page in source), path)
    assert lists.get("soil")[0]["title"] in {page["title"] for page in pages()}
    assert not lists.notes
    collection = recs.read_items([cms_page(page) for page in pages()])
    assert collection[0].tags == ("garden", "soil")


def test_objects_of_a_cms_are_compared_by_their_text(path, runs):
    by_terms([cms_page(page) for page in pages()], path)
    by_terms([cms_page(page) for page in pages()], path)
    assert len(runs) == 1


def test_metadata_gives_what_a_page_does_not_say_and_may_close_it(path):
    odd = {"ID": 7, "Title": "No", "URL": "/no/", "lang": "de", "tags": ["earth"], "text": "No."}
    item = recs.read_items([{**pages()[0], "meta": odd}])[0]
    assert (item.id, item.title, item.url, item.lang, item.tags) == ("soil", "Soil", "/soil/", "de", ("earth",))
    assert item.text == TEXTS["soil"]
    for closing in ({"draft": True}, {"search": {"exclude": True}}, {"date": {"created": "2050-01-01"}}):
        source = pages(seed={"meta": closing, "date": "2020-01-01"})
        lists = by_terms(source, path)
        assert "seed" not in {entry["id"] for entries in everything(lists).values() for entry in entries}


def test_an_object_that_is_no_text_is_reported_and_the_page_left_out(path):
    lists = by_terms(pages(seed={"title": Nothing()}), path)
    (note,) = [note for note in lists.notes if note.code == "skipped"]
    assert "seed" in note or "item 2" in note
    assert "Nothing" in note
    assert lists.get("seed") == []


@pytest.mark.parametrize("source", ["posts.json", b"x", {"id": 1}, 7, [7], [None], ["a text"]])
def test_what_is_no_list_of_pages_is_an_error_in_one_line(path, source):
    with pytest.raises(SourceError, match=r"^[^\n]+expected[^\n]+$"):
        recs.update_related(source, path)


def test_two_pages_with_one_id_are_an_error(path):
    with pytest.raises(SourceError, match="share the id 'soil'"):
        by_terms([*pages(), pages()[0]], path)


def test_a_page_whose_values_never_end_is_an_error(path):
    bomb = "x"
    for _ in range(30):
        bomb = [bomb, bomb]
    with pytest.raises(SourceError, match="more than 100,000 values"):
        by_terms(pages(soil={"odd": bomb}), path)


# Notes.


def test_notes_have_codes_and_levels_and_are_kept_in_the_file(path):
    source = [*pages(seed={"status": "odd"}), {"id": "empty", "title": "Empty"}]
    lists = by_terms(source, path)
    levels = {note.code: note.level for note in lists.notes}
    assert levels == {"doubtful": "warning", "skipped": "info"}
    assert by_terms(source, path).notes == lists.notes == recs.load_related(path).notes
    assert all(isinstance(note, recs.Note) for note in lists.notes)


def test_a_missing_model_is_information(path, monkeypatch):
    monkeypatch.setattr("recs.ranking.rank.embed_items", _no_model)
    lists = recs.update_related(pages(), path, cache=False)
    assert {note.code: note.level for note in lists.notes} == {"no-model": "info"}
    assert lists.model is None
    assert lists.get("soil")


def _no_model(*arguments, **options):
    raise recs.models.registry.ModelNotFoundError("no model")


def test_a_file_that_cannot_be_written_gives_the_lists_and_a_warning(tmp_path):
    (tmp_path / "file").write_text("")
    lists = by_terms(pages(), tmp_path / "file" / "related.json")
    assert lists.get("soil")
    assert [(note.code, note.level) for note in lists.notes] == [("not-written", "warning")]


# Without a model.


@pytest.fixture
def model(monkeypatch):
    embedder = make_embedder()
    monkeypatch.setattr("recs.embedding.pipeline.find_embedder", lambda name, store, **options: embedder)
    return embedder


def test_cached_only_ranks_a_new_page_by_terms_until_the_next_full_run(path, tmp_path, model, runs):
    options = {"cache": tmp_path / "cache"}
    full = recs.update_related(pages()[:4], path, **options)
    assert (full.by_terms, full.model is None) == ((), False)
    edited = recs.update_related(pages(), path, cached_only=True, **options)
    assert edited.by_terms == ("rail",)
    assert "by-terms" in {note.code for note in edited.notes}
    assert edited.get("rail")
    recs.update_related(pages(), path, cached_only=True, **options)
    assert len(runs) == 2  # a file of a run without a model is enough for another one
    whole = recs.update_related(pages(), path, **options)
    assert (whole.by_terms, len(runs)) == ((), 3)
    recs.update_related(pages(), path, cached_only=True, **options)
    recs.update_related(pages(), path, **options)
    assert len(runs) == 3


def test_cached_only_with_an_empty_cache_ranks_all_by_terms_and_says_so(path, tmp_path, model):
    lists = recs.update_related(pages(), path, cached_only=True, cache=tmp_path / "cache")
    assert lists.model is None
    assert "not-cached" in {note.code for note in lists.notes}
    assert lists.get("soil")
    assert recs.update_related(pages(), path, cache=tmp_path / "cache").model is not None


def test_cached_only_imports_no_engine(path, tmp_path):
    program = (
        "import sys, json, recs\n"
        "lists = recs.update_related(json.loads(sys.argv[1]), sys.argv[2], cached_only=True, cache=sys.argv[3])\n"
        "assert lists.get('soil')\n"
        "engines = {'torch', 'onnxruntime', 'transformers', 'sentence_transformers', 'sklearn', 'pandas'}\n"
        "assert not engines & set(sys.modules)"
    )
    words = [sys.executable, "-c", program, json.dumps(pages()), str(path), str(tmp_path / "cache")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


# Threads, forks, silence.


def test_threads_may_update_one_file(path):
    results, start = [], threading.Barrier(4)

    def use():
        start.wait()
        results.append(everything(by_terms(pages(), path)))

    threads = [threading.Thread(target=use) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert all(result == results[0] for result in results)
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_child_reads_lists_although_a_thread_of_its_parent_held_the_lock(path):
    lists = by_terms(pages(), path)
    with lists._lock:  # as another thread would, at the moment of the fork
        child = os.fork()
        if child == 0:
            os._exit(0 if lists.get("soil") else 1)
    waited = 0
    for _ in range(200):
        waited, status = os.waitpid(child, os.WNOHANG)
        if waited:
            break
        threading.Event().wait(0.05)
    else:
        os.kill(child, 9)
        os.waitpid(child, 0)
    assert waited == child
    assert os.waitstatus_to_exitcode(status) == 0


def test_nothing_is_printed_and_logging_is_left_as_it_is(path, capfd):
    before = [list(logging.getLogger(name).handlers) for name in ("", "recs")]
    by_terms(pages(seed={"status": "odd"}), path)
    assert capfd.readouterr() == ("", "")
    assert [list(logging.getLogger(name).handlers) for name in ("", "recs")] == before


# Public functions.


def test_corpus_digest_of_items_is_that_of_the_result(path):
    items = recs.read_items(pages(seed={"draft": True}))
    lists = by_terms(pages(seed={"draft": True}), path)
    assert recs.corpus_digest(items) == lists.corpus
    pairs = [(page["id"], f"{page['title']}\n{page['text']}") for page in pages() if page["id"] != "seed"]
    assert recs.corpus_digest(pairs) == lists.corpus
    changed = [replace(item, body="other") if item.id == "soil" else item for item in items]
    assert recs.corpus_digest(changed) != lists.corpus


def test_plain_text_is_public():
    assert recs.plain_text("<p>Plant it <b>now</b>.</p>", "html") == "Plant it now."


def test_items_may_be_given_in_place_of_dicts(path):
    items = recs.read_items(pages())
    assert everything(by_terms(list(items), path)) == everything(by_terms(items, path.with_name("b.json")))
    assert update.SCHEMA in Path(path).read_text(encoding="utf-8")
