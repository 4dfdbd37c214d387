"""Tuning on a site whose links follow its tags, which no signal uses."""

import json

import numpy as np
import pytest
from standins import make_embedder, make_records

import recs
from recs.errors import MissingDependencyError, OptionError, SourceError
from recs.evaluation.tuning import tune_related
from recs.ranking.reranker import Tuned


@pytest.fixture(scope="module")
def site():
    """Sixty posts on three subjects; each links to the two of its subject that share its tag."""
    tags = np.random.default_rng(5).integers(0, 6, 60)
    records = [{**record, "tags": [f"t{tag}"]} for record, tag in zip(make_records(60), tags, strict=True)]
    for row, record in enumerate(records):
        alike = [other["id"] for other in records[row % 3 :: 3] if other["tags"] == record["tags"]]
        record["links"] = [{"target": name} for name in alike if name != record["id"]][:2]
    return recs.read_items(records)


@pytest.fixture(scope="module")
def tuning(site):
    return tune_related(site, embedder=make_embedder(), cache=False)


def test_tune_related_learns_what_links_follow_and_reports_the_gain(tuning):
    assert tuning.gain.low > 0
    assert tuning.after.mean - tuning.before.mean == pytest.approx(tuning.gain.mean)
    assert max(tuning.tuned.weights, key=lambda name: abs(tuning.tuned.weights[name])) == "tags"
    assert set(tuning.tuned.weights) >= {"default", "terms", "dense", "tags", "dates", "inbound"}


def test_tune_related_permuted_rows_give_the_same_weights(site, tuning):
    mixed = recs.Collection(tuple(reversed(site.items)))
    assert tune_related(mixed, embedder=make_embedder(), cache=False) == tuning


def test_tune_related_links_at_random_teach_nothing(site):
    names = [item.id for item in site]
    targets = np.random.default_rng(1).choice(names, len(names)).tolist()
    links = [{"src": a, "dst": b} for a, b in zip(names, targets, strict=True)]
    assert tune_related(site, judgments=links, signals="terms,mentions", cache=False).tuned is None


def test_tune_related_few_links_change_little_and_more_change_more(site):
    moved = []
    for count in (10, 20, 40):
        sources = [item for item in site if item.links][:count]
        links = [{"src": item.id, "dst": link.target} for item in sources for link in item.links]
        learned = tune_related(site, judgments=links, embedder=make_embedder(), cache=False).tuned
        moved.append(abs(learned.weights["tags"]))
        assert 0.5 < learned.weights["default"] < 1.5
    assert 0 < moved[0] < moved[1] < moved[2]


def test_tune_related_too_few_links_are_an_error():
    with pytest.raises(SourceError, match="1 item links to others; recs tune needs 10"):
        tune_related(recs.read_items(make_records(9)), judgments=[{"src": "p001", "dst": "p002"}], cache=False)


def test_tune_related_without_a_model_uses_terms_and_notes_it(site):
    class NoTorch:
        batch_tokens = 64

        def encode(self, texts, *, prompt=""):
            raise MissingDependencyError("computing vectors", "torch", "models")

    tuning = tune_related(site, embedder=make_embedder(NoTorch()), cache=False)
    assert (tuning.tuned.signals, tuning.tuned.fingerprint) == (("terms",), "")
    assert "by terms" in tuning.notes[0]


def test_tuned_file_reorders_the_lists_it_was_made_for(site, tuning, tmp_path):
    path = tmp_path / "tuned.json"
    tuning.tuned.save(path)
    assert Tuned.load(path) == tuning.tuned
    plain = recs.related_items(site, embedder=make_embedder(), cache=False, rules=recs.Rules(demote=False))
    tuned = recs.related_items(site, embedder=make_embedder(), cache=False, rules=recs.Rules(demote=False), tuned=path)
    linked = {(item.id, link.target) for item in site for link in item.links}
    hits = [sum((name, m.id) in linked for name in run for m in run[name][:2]) for run in (plain, tuned)]
    assert hits[1] > 1.5 * hits[0]
    assert tuned.score.kind == "p_linked_here"
    with pytest.raises(OptionError, match="run recs tune again"):
        recs.related_items(site, embedder=make_embedder(), cache=False, signals="terms", tuned=path)


@pytest.mark.parametrize(
    "change",
    [
        {"schema": "recs.tuned/1"},
        {"weights": {"unknown": 1.0}},
        {"intercept": float("nan")},
        {"weights": {"tags": float("inf")}},
        {"weights": None},
        {"more": 1},
    ],
)
def test_tuned_file_of_another_kind_is_one_line(tuning, tmp_path, change):
    path = tmp_path / "tuned.json"
    tuning.tuned.save(path)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(SourceError, match=r"tuned\.json: not a file that recs tune has written"):
        Tuned.load(path)
    for content in ("", "[]", "{"):
        path.write_text(content)
        with pytest.raises(SourceError, match="not a file that recs tune"):
            Tuned.load(path)
