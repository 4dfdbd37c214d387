"""common_lines against a plain count of lines."""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from recs.text import boilerplate
from recs.text.boilerplate import common_lines
from recs.text.plain import plain_text


def remove_boilerplate(texts: Sequence[str], groups: Sequence[str | None]) -> tuple[list[str], dict[str, int]]:
    """Return the texts without the common lines of their groups, and how many texts lost each line."""
    lines = common_lines(texts, groups)
    counts: Counter[str] = Counter()
    cleaned = []
    for text, group in zip(texts, groups, strict=True):
        result, gone = lines.removed_from(text, group)
        counts.update(gone)
        cleaned.append(result)
    return cleaned, dict(counts)


def posts(n: int, *, line: str = "Subscribe to our newsletter", every: int = 1) -> list[str]:
    return [f"Post {i}\n\nWords of post {i}." + (f"\n\n{line}" if i % every == 0 else "") for i in range(n)]


def test_remove_boilerplate_line_of_every_text_is_removed_and_counted() -> None:
    cleaned = remove_boilerplate(posts(8), [None] * 8)
    assert cleaned[0] == [f"Post {i}\n\nWords of post {i}." for i in range(8)]
    assert cleaned[1] == {"Subscribe to our newsletter": 8}


@pytest.mark.parametrize(("n", "every", "is_removed"), [(10, 2, True), (11, 2, True), (12, 3, False), (4, 1, False)])
def test_remove_boilerplate_needs_half_of_the_texts_and_five(n: int, every: int, is_removed: bool) -> None:
    texts = posts(n, every=every)
    cleaned = remove_boilerplate(texts, [None] * n)
    assert (cleaned[0] != texts) == is_removed == bool(cleaned[1])


def test_remove_boilerplate_differences_of_white_space_do_not_matter() -> None:
    texts = [f"{i}\n\n{' ' * i}Follow{' ' * (i + 1)}us" for i in range(6)]
    assert remove_boilerplate(texts, [None] * 6)[1] == {"Follow us": 6}


def test_remove_boilerplate_duplicates_count_once() -> None:
    texts = posts(8) + ["The same text\n\nin many rows"] * 10_000
    cleaned = remove_boilerplate(texts, [None] * len(texts))
    assert cleaned[0][8:] == texts[8:]
    assert cleaned[1] == {"Subscribe to our newsletter": 8}


def test_remove_boilerplate_line_of_one_group_is_removed_only_there() -> None:
    texts = [f"Episode {i}\n\nBrought to you by a sponsor" for i in range(6)] + [f"Other {i}" for i in range(30)]
    texts.append("A text about the line\n\nBrought to you by a sponsor")
    cleaned = remove_boilerplate(texts, ["feed"] * 6 + [None] * 30 + ["another"])
    assert cleaned[0][:6] == [f"Episode {i}" for i in range(6)]
    assert cleaned[0][6:] == texts[6:]
    assert cleaned[1] == {"Brought to you by a sponsor": 6}


def test_remove_boilerplate_text_of_nothing_else_is_kept_whole() -> None:
    texts = [*posts(9), "Subscribe to our newsletter"]
    cleaned = remove_boilerplate(texts, [None] * 10)
    assert cleaned[0][-1] == texts[-1]
    assert cleaned[1] == {"Subscribe to our newsletter": 9}


def test_remove_boilerplate_lines_without_words_are_kept() -> None:
    texts = [f"Code {i}\n\nfn f() {{\n    x{i}\n}}\n\n---" for i in range(9)]
    assert remove_boilerplate(texts, [None] * 9)[0] == [t.replace("fn f() {\n", "") for t in texts]


def test_remove_boilerplate_section_without_its_heading_joins_the_one_before() -> None:
    texts = [
        f"Cake {i}\n\n\nIngredients\n\n- {i} eggs\n\n\nDirections\n\nBake {i} minutes.\n\n\nShare" for i in range(6)
    ]
    assert remove_boilerplate(texts, [None] * 6)[0][3] == "Cake 3\n\n- 3 eggs\n\nBake 3 minutes."


def test_remove_boilerplate_of_nothing_is_nothing() -> None:
    cleaned = remove_boilerplate([], [])
    assert (cleaned[0], cleaned[1]) == ([], {})


lines = st.sampled_from(["Same", "Also the same", "Third", "a", "b", "c", "d", "", "", "---"])
collections = st.lists(st.lists(lines, min_size=1, max_size=8).map("\n".join), max_size=14)


@given(texts=collections, data=st.data())
def test_remove_boilerplate_agrees_with_a_plain_count_in_any_order(texts: list[str], data: st.DataObject) -> None:
    texts = [plain_text(text, "text") for text in texts]
    groups = [data.draw(st.sampled_from([None, "x", "y"])) for _ in texts]
    cleaned = remove_boilerplate(texts, groups)

    def is_common(line: str, members: list[str]) -> bool:
        standing = sum(line in text.split("\n") for text in set(members))
        return standing >= 5 and 2 * standing >= len(set(members)) and line.strip("-") != ""

    for text, group, result in zip(texts, groups, cleaned[0], strict=True):
        mine = [t for t, g in zip(texts, groups, strict=True) if g == group]
        kept = [
            line
            for line in text.split("\n")
            if line and not is_common(line, texts) and not (group and is_common(line, mine))
        ]
        assert [line for line in result.split("\n") if line] == (kept or [line for line in text.split("\n") if line])
        assert result == plain_text(result, "text")
        assert "\n\n\n\n" not in result
    order = list(range(len(texts)))
    random.Random(0).shuffle(order)
    again = remove_boilerplate([texts[i] for i in order], [groups[i] for i in order])
    assert again[0] == [cleaned[0][i] for i in order]
    assert again[1] == cleaned[1]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boilerplate, "_BLOCK", 12)  # characters: few texts are counted at a time
        assert remove_boilerplate(texts, groups) == cleaned


def test_remove_boilerplate_five_thousand_posts_take_about_a_second() -> None:
    texts = [f"{text}\n" + "\n".join(f"Line {j} of {i}" for j in range(40)) for i, text in enumerate(posts(5000))]
    start = time.process_time()
    cleaned = remove_boilerplate(texts, ["feed"] * 5000)
    assert time.process_time() - start < 3
    assert cleaned[1] == {"Subscribe to our newsletter": 5000}


def read_rows(path: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n") if line]


@pytest.mark.data
@pytest.mark.parametrize(
    ("collection", "field", "expected", "share"),
    [
        ("18f_blog", "text", [], 0.0),
        ("recipes", "text", ["Ingredients", "Directions"], 0.01),
        ("podcast_syntax", "text_full", ["Show Notes", "Shameless Plugs"], 0.05),
    ],
)
def test_remove_boilerplate_of_real_collections_removes_what_an_editor_would(
    data_dir: Path, collection: str, field: str, expected: list[str], share: float
) -> None:
    rows = read_rows(data_dir / collection / "data.jsonl")
    texts = [plain_text(row[field], "text") for row in rows]
    cleaned = remove_boilerplate(texts, [None] * len(texts))
    assert set(expected) <= set(cleaned[1])
    assert len(cleaned[1]) <= len(expected) + 8
    before = Counter(len(text) > 0 for text in texts)
    assert before == Counter(len(text) > 0 for text in cleaned[0])
    assert 1 - sum(map(len, cleaned[0])) / sum(map(len, texts)) >= share
