"""The audit of a site whose orphans, hubs, duplicates and unlinked posts are known."""

import json
from collections import Counter

import pytest
from standins import make_embedder, make_records

import recs
from recs.evaluation.audit import audit_related


@pytest.fixture(scope="module")
def records():
    made = make_records(24)
    made[9]["text"] = made[9]["text"].replace("Note 9", "Note 6")
    made[9]["title"] = made[6]["title"]
    made[6]["text"] = made[9]["text"]  # one text under two ids
    for row in range(20):
        made[row]["links"] = [f"p{(row + 3) % 20:03}"]
    return made


@pytest.fixture(scope="module")
def audit(records):
    return audit_related(recs.read_items(records), k=3, embedder=make_embedder(), cache=False)


def test_audit_counts_agree_with_the_lists(records, audit):
    ranking = recs.related_items(
        records, k=23, embedder=make_embedder(), cache=False, rules=recs.Rules(demote=False, collapse=False)
    )
    shown = [
        [match.id for match in ranking[name] if match.id not in ranking.twins.get(name, ())][:3] for name in ranking
    ]
    counts = Counter(name for names in shown for name in names)
    assert audit.orphans == tuple(name for name in ranking if not counts[name])
    assert audit.hubs == {name: count for name, count in counts.items() if count > 4 * 3}
    assert audit.duplicates == (("p006", "p009"),)


def test_audit_suggests_links_to_items_without_inbound_links(records, audit):
    assert list(audit.unlinked) == ["p020", "p021", "p022", "p023"]
    topic = {record["id"]: record["topic"] for record in records}
    for name, found in audit.unlinked.items():
        assert len(found) == 3
        assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
        assert {topic[one.source] for one in found} == {topic[name]}


def test_audit_without_any_links_names_nothing_as_unlinked():
    found = audit_related(recs.read_items(make_records(9)), signals="terms", cache=False)
    assert found.unlinked == {}
    assert json.loads(json.dumps(found.to_dict()))["items"] == 9
    assert audit_related(recs.read_items([]), signals="terms", cache=False).orphans == ()
