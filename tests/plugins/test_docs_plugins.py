"""docs/plugins.md: each promise names tests that exist, and each code of a note is in the table."""

import re

from places import ROOT

PAGE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")
PROMISES = PAGE.partition("## What a plugin may count on")[2]


def test_each_promise_names_tests_that_exist():
    tests = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    points = re.findall(r"^- (.+(?:\n  .+)*)", PROMISES, re.M)
    assert len(points) > 15
    for point in points:
        names = re.findall(r"`(test_\w+)`", point)
        exempt = point.startswith("`recs.plain")
        assert names or exempt, point
        for name in names:
            assert f"def {name}(" in tests, name


def test_the_table_has_the_codes_and_levels_of_all_notes():
    told = {}
    for codes, level in re.findall(r"^\| (`.+?`) \| (info|warning) \|", PROMISES, re.M):
        told |= dict.fromkeys(re.findall(r"`([\w-]+)`", codes), level)
    source = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "recs").rglob("*.py"))
    calls = re.findall(r'code="([a-z-]+)"(?:, level="(\w+)")?\)', source)
    used = {code: level or "info" for code, level in calls if code != "note"}
    used |= {"languages": "info", "blank": "info", "by-terms": "info", "not-written": "warning"}
    assert used.items() >= told.items()
    assert set(used) - set(told) <= {"changes"}
