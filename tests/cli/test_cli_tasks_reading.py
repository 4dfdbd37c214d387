"""What every verb over a collection says of its source and of tokens that are lost, each once."""

import json

import pytest
from click.testing import CliRunner
from standins import BagEncoder, WordTokenizer, make_records, make_spec

from recs.cli import cli
from recs.embedding.embedder import Embedder
from recs.errors import RecsError, SourceError
from recs.models.tokenizer import Tokens

pytest.importorskip("sklearn", reason="scikit-learn is part of the extra 'classify'")

CLASSIFY = ("--task", "classify", "--label", "topic")
VERBS = {
    "related": ("related",),
    "audit": ("audit",),
    "tune": ("tune",),
    "evaluate": ("evaluate",),
    "evaluate classify": ("evaluate", *CLASSIFY),
    "evaluate topics": ("evaluate", "--task", "topics"),
    "cluster": ("cluster",),
    "train": ("train", "--label", "topic", "--no-evaluate"),
    "classify": ("classify", "--classifier", "model"),
    "embed": ("embed", "-f"),
    "cache prune": ("cache", "prune"),
}


class _Ascii(WordTokenizer):
    """Knows no word that has a letter beyond ASCII."""

    def read(self, texts):
        unknown = [[place for place, word in enumerate(text.split()) if not word.isascii()] for text in texts]
        return [Tokens(spans, places) for spans, places in zip(self.spans(texts), unknown, strict=True)]


def _embedder(*_, **__):
    parts = {"tokenizer": _Ascii(), "encoder": BagEncoder()}
    return Embedder(make_spec(), device="cpu", precision="float32", **parts)


@pytest.fixture
def run(monkeypatch, tmp_path):
    """Run a verb with a stand-in for the model, which knows ASCII alone."""
    monkeypatch.setattr("recs.embedding.load.load_embedder", _embedder)
    monkeypatch.chdir(tmp_path)

    def call(*arguments, fails=False):
        cache = ("--cache", "kept") if "cache" in arguments else ("--no-cache",)
        done = CliRunner().invoke(cli, [*map(str, arguments), *cache, "-m", "bag-of-words"])
        assert (done.exception is not None) == fails, (done.output, done.exception)
        assert not fails or isinstance(done.exception, RecsError | SystemExit), repr(done.exception)
        return done

    return call


@pytest.fixture
def site(tmp_path):
    """Sixty pages that link to each other, a draft, one without a text, and two in a script that is not known."""
    pages = []
    for row, record in enumerate(make_records(60)):
        link = f"<a href='/p{(row + 3) % 60:03}/'>anchor{row}</a>"
        page = {"id": record["id"], "title": record["title"], "url": f"https://site.example/{record['id']}/"}
        pages.append({**page, "content_html": f"<p>{record['text']} See {link}.</p>", "topic": record["topic"]})
    pages.append({"id": "hidden", "content_html": "<p>A draft.</p>", "draft": True, "topic": "garden"})
    pages.append({"id": "empty", "content_html": "", "mood": 5})
    for row, text in enumerate(("ภาษา ไทย ง่าย", "日本 語")):
        pages.append({"id": f"z{row}", "content_html": f"<p>{text}</p>", "topic": "garden", "mood": 4})
    path = tmp_path / "site.json"
    path.write_text(json.dumps(pages), encoding="utf-8")
    return path


@pytest.fixture
def model(run, site):
    run("train", site, "--label", "topic", "--no-evaluate", "-o", "model", "-q")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_reports_once_what_a_source_held(run, site, model, verb):
    said = run(*VERBS[verb], site).stderr
    assert said.count("left out: 1 item that is not public") == 1
    assert said.count("1 closed by `draft: true` (draft): hidden") == 1
    assert said.count("skipped: 1\n") == 1
    assert said.count("(empty): ") == 1
    assert said.count("not used: the field") == 1
    assert "mood" in said


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("cache prune", "tune")])
def test_quiet_verbs_say_nothing(run, site, model, verb):
    assert run(*VERBS[verb], site, "-q").stderr == ""


UNKNOWN = "the model knows no token of 2 items ('z0', 'z1'): their vectors say nothing about them and rank nothing."


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb not in ("related", "cache prune")])
def test_verbs_that_embed_say_once_what_is_lost(run, site, model, verb):
    done = run(*VERBS[verb], site)
    counts = [line for line in done.stderr.splitlines() if line.endswith(" tokens are lost")]
    assert len(counts) == 1
    assert counts[0].startswith("note: 5 of ")
    named_by_the_result = done.stdout if verb == "evaluate" else done.stderr
    assert done.output.count(UNKNOWN) == named_by_the_result.count(f"note: {UNKNOWN}") == 1


def test_related_says_once_what_is_lost(run, site):
    said = run("related", site).stderr
    assert said.count(", 5 lost") == said.count(UNKNOWN) == 1
    assert "tokens are lost" not in said


@pytest.mark.parametrize("verb", ["cluster", "train", "audit", "evaluate", "embed"])
def test_verbs_of_a_source_that_the_model_knows_say_nothing_of_tokens(run, site, verb):
    pages = [page for page in json.loads(site.read_text(encoding="utf-8")) if not page["id"].startswith("z")]
    site.write_text(json.dumps(pages), encoding="utf-8")
    assert "token" not in run(*VERBS[verb], site).output


def test_cluster_and_classify_leave_out_what_the_model_does_not_know(run, site, model):
    found = json.loads(run("cluster", site, "--assign", "all", "--format", "json", "-q").stdout)
    assert {name: entry["topic"] for name, entry in found["items"].items() if entry["topic"] == -1} == {
        "z0": -1,
        "z1": -1,
    }
    assert found["notes"][-1] == "2 items are in no topic: the model knows no token of them."
    lines = map(json.loads, run("classify", site, "--classifier", "model", "-q").stdout.splitlines())
    said = {line["id"]: line for line in lines}
    assert [said[name]["answer"] for name in ("z0", "z1")] == ["abstain", "abstain"]
    assert said["z0"]["labels"] == said["z0"]["topic_auto"] == []


def test_train_says_how_many_items_were_not_learned_from(run, site):
    done = run("train", site, "--label", "topic", "--no-evaluate")
    assert "note: 2 items with a label were left out: the model knows no token of their text." in done.stderr
    assert "note: 60 items with exactly one label each, 3 labels; 0 public items have none." in done.stderr


def test_train_of_tags_in_one_string_learns_each_tag(run, tmp_path):
    records = [
        {**record, "tag_list": f"{record['topic']}, note {row % 2}"} for row, record in enumerate(make_records(60))
    ]
    (tmp_path / "posts.json").write_text(json.dumps(records))
    done = run("train", "posts.json", "--label", "tag_list", "--no-evaluate")
    assert "60 items with 2.0 labels each, 5 labels" in done.stderr


@pytest.mark.parametrize("form", ["json", "npz"])
@pytest.mark.parametrize("arguments", [("-f", "empty.json"), ("-d", "[]"), ("-f", "-")])
def test_embed_of_an_empty_list_is_an_error_and_leaves_the_earlier_result(run, tmp_path, monkeypatch, arguments, form):
    (tmp_path / "empty.json").write_text(" []\n")
    out = tmp_path / f"out.{form}"
    out.write_text("earlier")
    done = CliRunner().invoke(cli, ["embed", *arguments, "-o", str(out), "--no-cache"], input="[]")
    assert isinstance(done.exception, SourceError)
    where = {"empty.json": "empty.json", "[]": "--data", "-": "stdin"}[arguments[1]]
    assert str(done.exception).startswith(f"{where}: an empty list;")
    assert "\n" not in str(done.exception)
    assert (done.stdout, done.stderr) == ("", "")
    assert out.read_text() == "earlier"


def test_related_strict_without_previous_is_wrong_usage(run, site, tmp_path):
    done = run("related", site, "--strict", "-o", "lists.json", fails=True)
    assert done.exit_code == 2
    assert "--strict compares with an earlier result; name it: --previous FILE" in done.stderr
    assert not (tmp_path / "lists.json").exists()


@pytest.mark.parametrize("strict", [(), ("--strict",)])
def test_related_previous_that_is_not_there_is_said(run, site, tmp_path, strict):
    done = run("related", site, "--previous", "lists.json", "-o", "lists.json", *strict)
    assert done.stderr.count("note: lists.json: there is no such file; nothing was compared") == 1
    assert "new or changed" not in done.stderr
    run("related", site, "-o", "plain.json", "-q")
    assert (tmp_path / "lists.json").read_bytes() == (tmp_path / "plain.json").read_bytes()
    again = run("related", site, "--previous", "lists.json", "-o", "lists.json", *strict)
    assert "no such file" not in again.stderr
    assert "0 of 62 lists are new or changed" in again.stderr


@pytest.mark.parametrize("verb", ["related", "cluster", "train", "classify"])
def test_every_task_names_languages_that_the_model_was_not_trained_for(verb, run, monkeypatch, tmp_path):
    def english(*_, **__):
        spec = make_spec(languages=("en",))
        return Embedder(spec, device="cpu", precision="float32", tokenizer=WordTokenizer(), encoder=BagEncoder())

    monkeypatch.setattr("recs.embedding.load.load_embedder", english)
    records = [record | {"lang": "en", "topic": f"t{row % 2}"} for row, record in enumerate(make_records(30))]
    records[3]["lang"] = "de"
    (tmp_path / "s.json").write_text(json.dumps(records), encoding="utf-8")
    run("train", "s.json", "--label", "topic", "--no-evaluate", "-o", "model", "-q")
    done = run(*VERBS[verb], "s.json")
    assert done.stderr.count("these items are in other languages: 1 in 'de'") == 1
    quiet = run(*VERBS[verb], "s.json", "-q")
    assert "other languages" not in quiet.stderr
